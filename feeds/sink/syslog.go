package sink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

var syslogFormat = Format{
	Name: "syslog", About: "CEF lines to a SIEM by syslog (RFC 5424) over UDP, TCP or TLS",
	Options: append([]Option{
		{Name: "address", Required: true, About: "host:port of the receiver, usually port 6514 of TLS and 514 else"},
		{Name: "transport", Default: "tls", About: "tls, tcp or udp; none but tls hides what is sent, and udp loses some"},
		{Name: "ca", About: "a file with the authority of the receiver's certificate; else those of the system"},
		{Name: "certificate", About: "a file with a certificate of our own, if the receiver asks for one"},
		{Name: "key", About: "the file with its key"},
		{Name: "hostname", About: "what to call this machine; else its own name"},
		{Name: "timeout", Default: "10", About: "seconds for connecting and for sending"},
	}, cefOptions...),
	Stream: newSyslog,
}

// syslog sends each line as a message of facility local0 and severity notice.
// Over TCP and TLS each has its length before it (RFC 6587 §3.4.1, RFC 5425
// §4.3). Syslog knows no receipt: what was sent while the receiver went away may
// be lost, all that can be seen is that the connection is gone.
type syslog struct {
	cef
	address, transport, hostname string
	timeout                      time.Duration
	tls                          *tls.Config
	conn                         net.Conn
}

func newSyslog(s Settings) (Stream, error) {
	l := &syslog{cef: newCEF(s), address: s.text("address", ""), transport: s.text("transport", "tls")}
	if _, _, err := net.SplitHostPort(l.address); err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	if l.transport != "tls" && l.transport != "tcp" && l.transport != "udp" {
		return nil, fmt.Errorf("transport: %q must be tls, tcp or udp", l.transport)
	}
	seconds, err := s.number("timeout", 10, 1, 600)
	if err != nil {
		return nil, err
	}
	l.timeout = time.Duration(seconds) * time.Second
	own, err := os.Hostname()
	if err != nil || !plainWord(own, "-.") {
		own = "-" // NILVALUE (RFC 5424 §6.2.4)
	}
	if l.hostname, err = s.word("hostname", own); err != nil {
		return nil, err
	}
	l.tls, err = tlsOf(s)
	return l, err
}

// tlsOf reads the options ca, certificate and key.
func tlsOf(s Settings) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if path := s.text("ca", ""); path != "" {
		pem, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca: %s has no certificate in PEM", path)
		}
	}
	certificate, key := s.text("certificate", ""), s.text("key", "")
	if (certificate == "") != (key == "") {
		return nil, errors.New("certificate and key go together: one is missing")
	}
	if certificate != "" {
		pair, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			return nil, fmt.Errorf("certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// Tell sends the events, over a new connection if the last one is gone.
func (l *syslog) Tell(ctx context.Context, events []Event) error {
	if l.conn != nil && l.gone() {
		l.Close()
	}
	if l.conn == nil {
		if err := l.dial(ctx); err != nil {
			return fmt.Errorf("connecting to syslog at %s: %w", l.address, err)
		}
	}
	// A write that hangs ends with the context, not only with its time.
	conn := l.conn
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	for _, e := range events {
		for _, line := range l.lines(e) {
			if err := l.send(l.message(e, line)); err != nil {
				l.Close()
				return fmt.Errorf("sending to syslog at %s: %w", l.address, errors.Join(ctx.Err(), err))
			}
		}
	}
	return nil
}

func (l *syslog) dial(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	if l.transport == "tls" {
		l.conn, err = (&tls.Dialer{Config: l.tls}).DialContext(ctx, "tcp", l.address)
	} else {
		l.conn, err = (&net.Dialer{}).DialContext(ctx, l.transport, l.address)
	}
	if err != nil {
		l.conn = nil
	}
	return err
}

// gone looks whether the receiver has closed the connection, of which a write
// would learn only afterwards. Receivers say nothing else.
func (l *syslog) gone() bool {
	if l.transport == "udp" {
		return false
	}
	l.conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := l.conn.Read(make([]byte, 1))
	var waited net.Error
	return err != nil && !(errors.As(err, &waited) && waited.Timeout())
}

func (l *syslog) send(message string) error {
	if l.transport != "udp" {
		message = fmt.Sprintf("%d %s", len(message), message)
	}
	if err := l.conn.SetWriteDeadline(time.Now().Add(l.timeout)); err != nil {
		return err
	}
	_, err := l.conn.Write([]byte(message))
	return err
}

// message is a line with its head (RFC 5424 §6): 16*8+5 is local0.notice.
func (l *syslog) message(e Event, line string) string {
	kind := strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r
		}
		return '?'
	}, string(e.Kind))
	return fmt.Sprintf("<133>1 %s %s selat - %s - %s", e.At.UTC().Format("2006-01-02T15:04:05.000Z"), l.hostname, kind, line)
}

// Close closes the connection.
func (l *syslog) Close() error {
	if l.conn == nil {
		return nil
	}
	err := l.conn.Close()
	l.conn = nil
	return err
}
