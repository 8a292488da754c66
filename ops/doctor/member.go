package doctor

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
)

// MemberOptions says which seat to look at.
type MemberOptions struct {
	CredsFile string
	// URL is the hub's, instead of the one in the credentials.
	URL string
	// Probe publishes one object to the community of exercises.
	Probe bool
}

const (
	dialWithin = 5 * time.Second
	askWithin  = 20 * time.Second
	// lineBytes bounds the first line of a hub.
	lineBytes = 64 << 10

	skewWarns = 2 * time.Second
	skewFails = time.Minute
)

// member is one look from a seat's side.
type member struct {
	*Report
	o     MemberOptions
	creds *client.Credentials
	url   *url.URL
	hub   *client.Client
	me    *api.Whoami
}

// Member looks from a seat's side: at its credentials, at every step on the way to
// the hub, at what the hub says the seat is, at an object's way there and back, and
// at what the hub must deny. It stops where the next step would only fail too.
func Member(ctx context.Context, o MemberOptions) *Report {
	m := &member{Report: &Report{}, o: o}
	for _, step := range []func(context.Context) bool{m.credentials, m.names, m.network, m.connect, m.clock} {
		if !step(ctx) {
			break
		}
	}
	if m.hub != nil {
		defer m.hub.Close()
	}
	if m.me != nil {
		m.probe(ctx)
		m.denials(ctx)
	}
	return m.Report
}

func (m *member) credentials(context.Context) bool {
	var err error
	if m.creds, err = client.ReadCredentials(m.o.CredsFile); err != nil {
		m.fail("credentials", "mend the file, or ask the hub's team for an invitation: selat enrol CODE", "%v", err)
		return false
	}
	at := m.o.URL
	if at == "" && len(m.creds.URLs) > 0 {
		at = m.creds.URLs[0]
	}
	m.url, err = url.Parse(at)
	if err != nil || m.url.Hostname() == "" {
		m.fail("credentials", "say where the hub is with --hub tls://NAME:4222", "they are of seat %s and name no hub", m.creds.Seat)
		return false
	}
	m.ok("credentials", "of seat %s, for %s", m.creds.Seat, m.url)
	return true
}

func (m *member) names(ctx context.Context) bool {
	host := m.url.Hostname()
	if net.ParseIP(host) != nil {
		m.ok("dns", "%s is an address", host)
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	found, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		m.fail("dns", "look at this machine's resolver, or name the hub with --hub", "%v", err)
		return false
	}
	m.ok("dns", "%s is %s", host, strings.Join(found, ", "))
	return true
}

// network opens a connection as a NATS client does: the hub speaks first, and TLS
// begins after its first line.
func (m *member) network(ctx context.Context) bool {
	address := m.url.Host
	if m.url.Port() == "" {
		address = net.JoinHostPort(m.url.Hostname(), "4222")
	}
	began := time.Now()
	d := net.Dialer{Timeout: dialWithin}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		m.fail("tcp", "is the hub running, and do firewalls let this machine reach "+address+"?", "%v", err)
		return false
	}
	defer conn.Close()
	m.ok("tcp", "%s answers in %s", address, time.Since(began).Round(time.Millisecond/10))
	if err := conn.SetDeadline(time.Now().Add(2 * dialWithin)); err != nil {
		m.fail("tls", "", "%v", err)
		return false
	}
	secure, err := greeting(conn)
	if err != nil {
		m.fail("tls", "is "+address+" the hub's port for members (4222), and no proxy in between?", "%v", err)
		return false
	}
	switch {
	case secure:
		return m.handshake(ctx, conn)
	case m.url.Scheme == "tls" || m.creds.CA != nil || !broker.Loopback(m.url.Hostname()):
		m.fail("tls", "do not connect: tell the hub's team", "%s speaks no TLS, and off this machine the hub always does", address)
		return false
	}
	m.skip("tls", "not needed on this machine alone")
	return true
}

// greeting reads the hub's first line, which says whether TLS follows.
func greeting(conn net.Conn) (secure bool, err error) {
	line, err := bufio.NewReader(&limited{conn, lineBytes}).ReadBytes('\n')
	if err != nil {
		return false, fmt.Errorf("what answers does not speak as a hub: %w", err)
	}
	text, ok := strings.CutPrefix(string(line), "INFO ")
	var info struct {
		Required  bool `json:"tls_required"`
		Available bool `json:"tls_available"`
	}
	if !ok || json.Unmarshal([]byte(text), &info) != nil {
		return false, errors.New("what answers does not speak as a hub")
	}
	return info.Required || info.Available, nil
}

// limited is a connection of which so many bytes are read at the most.
type limited struct {
	net.Conn
	left int
}

func (l *limited) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, errors.New("the first line has no end")
	}
	n, err := l.Conn.Read(b[:min(len(b), l.left)])
	l.left -= n
	return n, err
}

func (m *member) handshake(ctx context.Context, conn net.Conn) bool {
	host := m.url.Hostname()
	// The chain is looked at below, so that what is wrong with it can be told.
	t := tls.Client(conn, &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: true})
	if err := t.HandshakeContext(ctx); err != nil {
		m.fail("tls", "is something between this machine and the hub taking TLS apart?", "%v", err)
		return false
	}
	state := t.ConnectionState()
	now := time.Now()
	before := len(m.Checks)
	m.expiry("certificate", "the hub's team must renew it; a clock of this machine that is wrong looks the same", state.PeerCertificates, now)
	expired := m.Checks[before].State == Fail
	if expired {
		now = state.PeerCertificates[0].NotAfter.Add(-time.Second) // what else is wrong with it
	}
	err := verify(state.PeerCertificates, m.creds.CA, host, now)
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case errors.As(err, &unknown) && m.creds.CA != nil:
		m.fail("tls", "do not connect before the hub's team has said why: somebody may be in between, or the hub has a new authority and you need a new invitation", "the certificate is not signed by the authority in the credentials")
	case errors.As(err, &unknown):
		m.fail("tls", "the hub's team must set tls.ca and hand out credentials with it", "this machine does not know the authority of the certificate, and the credentials name none")
	case errors.As(err, &name):
		m.fail("tls", "reach the hub by a name that its certificate has (--hub), or have it certified for this one", "%v", err)
	case err != nil:
		m.fail("tls", "tell the hub's team", "%v", err)
	default:
		m.ok("tls", "%s, and the certificate is the hub's", tls.VersionName(state.Version))
	}
	return err == nil && !expired
}

func (m *member) connect(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	var err error
	m.hub, err = client.Connect(ctx, client.Options{CredsFile: m.o.CredsFile, URL: m.url.String(), Name: "selat doctor"})
	switch {
	case errors.Is(err, client.ErrUnauthorized):
		m.fail("login", "ask the hub's team: selat seat list, selat member list; selat member invite --replace makes a code for new ones", "the hub does not accept these credentials: they were revoked, replaced or made by another hub, or the member is suspended")
		return false
	case err != nil:
		m.fail("login", "try again, then tell the hub's team", "%v", err)
		return false
	}
	if m.me, err = m.hub.Whoami(ctx); err != nil {
		m.fail("whoami", "tell the hub's team; its log says why", "%v", err)
		return false
	}
	m.ok("login", "the hub accepts the credentials")
	m.ok("whoami", "seat %s of %s, %s up to TLP:%s, in %s", m.me.Seat, m.me.Member, m.me.Kind, strings.ToUpper(m.me.Ceiling.String()), strings.Join(m.me.Communities, ", "))
	return true
}

// clock compares this machine's clock with the hub's, as well as half a round trip
// allows.
func (m *member) clock(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	asked := time.Now()
	me, err := m.hub.Whoami(ctx)
	if err != nil || me.Time.IsZero() {
		m.skip("clock", "the hub does not tell its time")
		return true
	}
	half := time.Since(asked) / 2
	m.skew("clock", "the hub's", asked.Add(half).Sub(me.Time), half)
	return true
}

// skew judges how far this machine's clock is ahead of another.
func (r *Report) skew(name, whose string, ahead, doubt time.Duration) {
	const do = "let NTP set this machine's clock (timedatectl, chrony)"
	way := "ahead of"
	off := ahead
	if off < 0 {
		way, off = "behind", -off
	}
	told := fmt.Sprintf("this machine is %s %s %s clock, give or take %s", off.Round(time.Millisecond), way, whose, doubt.Round(time.Millisecond))
	switch {
	case off-doubt > skewFails:
		r.fail(name, do, "%s", told)
	case off-doubt > skewWarns:
		r.warn(name, do, "%s", told)
	default:
		r.ok(name, "%s", told)
	}
}
