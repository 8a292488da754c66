package sink

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func event(key string, e Entry) Event { return Event{Kind: Created, Entry: e, At: noon, Key: key} }

func streamOf(t *testing.T, name string, options map[string]string) Stream {
	t.Helper()
	f, err := FormatNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.CheckOptions(options); err != nil {
		t.Fatal(err)
	}
	s, err := f.Stream(Settings{Options: options})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestNoEventBreaksItsLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := event(hostile().Draw(t, "key"), entriesOf(4).Filter(func(all []Entry) bool { return len(all) > 0 }).Draw(t, "all")[0])
		for _, line := range newCEF(Settings{Options: map[string]string{"vendor": hostile().Draw(t, "vendor")}}).lines(e) {
			if strings.ContainsAny(line, "\r\n\x00\u2028\u0085") || strings.Count(strings.NewReplacer(`\\`, "", `\|`, "").Replace(line), "|") < 7 {
				t.Fatalf("%q", line)
			}
			// After the sixth bar that is not escaped comes the severity.
			parts := strings.SplitN(strings.NewReplacer(`\\`, "", `\|`, "").Replace(line), "|", 8)
			if n, err := strconv.Atoi(parts[6]); err != nil || n < 0 || n > 10 || !strings.HasPrefix(parts[7], "rt=") {
				t.Fatalf("%q", line)
			}
		}
	})
}

func TestCEFLinesAreAddedToAFileThatWasRotated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cef.log")
	s := streamOf(t, "cef", map[string]string{"path": path})
	for _, key := range []string{"a", "b"} {
		if err := s.Tell(context.Background(), []Event{event(key, addressEntry(1, "203.0.113.10")), event(key, domainEntry(2, "bad.example"))}); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil || bytes.Count(b, []byte("\n")) != 2 || !bytes.Contains(b, []byte(" dhost=bad.example ")) {
			t.Fatalf("%v\n%s", err, b)
		}
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestACEFLineThatWasCutOffTakesNoOtherWithIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cef.log")
	if err := os.WriteFile(path, []byte("CEF:0|whole\nCEF:0|half"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := streamOf(t, "cef", map[string]string{"path": path})
	for _, key := range []string{"a", "b"} {
		if err := s.Tell(context.Background(), []Event{event(key, addressEntry(1, "203.0.113.10"))}); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if lines := bytes.Split(b, []byte("\n")); err != nil || len(lines) != 5 || string(lines[1]) != "CEF:0|half" || !bytes.HasPrefix(lines[2], []byte("CEF:0|Selat|")) {
		t.Fatalf("%v\n%s", err, b)
	}
}

// readFramed reads a message with its length before it.
func readFramed(r *bufio.Reader) (string, error) {
	head, err := r.ReadString(' ')
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(head, " "))
	if err != nil {
		return "", err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return string(b), err
}

// tlsServer lends a certificate for 127.0.0.1, and the file with its authority.
func tlsServer(t *testing.T) (*tls.Config, string) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return server.TLS, write(t, "ca.pem", string(ca))
}

func TestSyslogCountsOctetsAndConnectsAgain(t *testing.T) {
	config, ca := tlsServer(t)
	for _, transport := range []string{"tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if transport == "tls" {
				l = tls.NewListener(l, &tls.Config{Certificates: config.Certificates})
			}
			got := make(chan string)
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					r := bufio.NewReader(conn)
					for range 2 {
						message, err := readFramed(r)
						if err != nil {
							message = err.Error()
						}
						got <- message
					}
					conn.Close()
				}
			}()
			s := streamOf(t, "syslog", map[string]string{"address": l.Addr().String(), "transport": transport, "ca": ca, "hostname": "sensor"})
			for _, key := range []string{"a", "b"} {
				told := make(chan error, 1)
				go func() {
					told <- s.Tell(context.Background(), []Event{event(key, addressEntry(1, "203.0.113.10")), event(key, domainEntry(2, "bücher.example"))})
				}()
				for range 2 {
					if m := <-got; !strings.HasPrefix(m, "<133>1 2026-08-20T12:00:00.000Z sensor selat - created - CEF:0|") || !strings.HasSuffix(m, "externalId="+key) {
						t.Errorf("%q", m)
					}
				}
				if err := <-told; err != nil {
					t.Fatal(err)
				}
				// The receiver closes: wait until that has arrived.
				for deadline := time.Now().Add(10 * time.Second); !s.(*syslog).gone(); {
					if time.Now().After(deadline) {
						t.Fatal("the closed connection is never noticed")
					}
				}
			}
			l.Close()
			<-done
		})
	}
}

func TestSyslogBelievesNoUnknownCertificate(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	s := streamOf(t, "syslog", map[string]string{"address": server.Listener.Addr().String()})
	if err := s.Tell(context.Background(), []Event{event("a", domainEntry(1, "bad.example"))}); err == nil {
		t.Error("it was told all the same")
	}
}

func TestSyslogSendsADatagramForEachLine(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s := streamOf(t, "syslog", map[string]string{"address": conn.LocalAddr().String(), "transport": "udp"})
	if err := s.Tell(context.Background(), []Event{event("a", domainEntry(1, "bad.example"))}); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, _, err := conn.ReadFrom(b)
	if err != nil || !bytes.HasPrefix(b[:n], []byte("<133>1 ")) {
		t.Errorf("%v %q", err, b[:n])
	}
}

const (
	secret           = "sixteen characters or more"
	opensslSignature = "t=1787227200,v1=03e8c9c1e036a54b3c1bd37fadcd64ed5363e142286aa12c38c076e6da69cc9d"
)

func webhookTo(t *testing.T, url string) (*webhook, *[]time.Duration) {
	path := write(t, "secret", secret+"\n")
	h := streamOf(t, "webhook", map[string]string{"url": url, "secret-file": path}).(*webhook)
	var waits []time.Duration
	h.now = func() time.Time { return noon }
	h.wait = func(ctx context.Context, d time.Duration) error {
		waits = append(waits, d)
		return ctx.Err()
	}
	return h, &waits
}

func TestAWebhookIsSignedAndHasTheBytesOfTheObject(t *testing.T) {
	e := addressEntry(1, "203.0.113.10")
	e.Object = []byte("{ \"type\": \"indicator\",\t\"x\":1.0 }")
	var body []byte
	var head http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		head = r.Header
	}))
	defer server.Close()
	h, _ := webhookTo(t, server.URL)
	if err := h.Tell(context.Background(), []Event{event("key-1", e)}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(body, append([]byte(`"object":`), e.Object...)) {
		t.Errorf("the object is another: %s", body)
	}
	if got, want := head.Get(SignatureHeader), sign([]byte(secret), noon, body); got != want || head.Get(IdempotencyHeader) != "key-1" {
		t.Errorf("%q, want %q; %v", got, want, head)
	}
	// Computed with openssl dgst -sha256 -hmac over "1787227200.{}".
	if got := sign([]byte(secret), noon, []byte("{}")); got != opensslSignature {
		t.Errorf("got %s", got)
	}
}

func TestAWebhookIsTriedAgainWhenThatMayHelp(t *testing.T) {
	for _, test := range []struct {
		name    string
		answers []int
		after   string
		tries   int
		ok      bool
		wait    time.Duration // of the first, 0 for any
	}{
		{"at once", []int{204}, "", 1, true, 0},
		{"after an error of the server", []int{503, 500, 200}, "", 3, true, 0},
		{"when the receiver says", []int{429, 200}, "17", 2, true, 17 * time.Second},
		{"at the date that it says", []int{503, 200}, noon.Add(time.Minute).Format(http.TimeFormat), 2, true, time.Minute},
		{"no longer than five minutes", []int{429, 200}, "86400", 2, true, 5 * time.Minute},
		{"not when it is refused", []int{400, 200}, "", 1, false, 0},
		{"not for ever", []int{500, 500, 500, 500, 500, 500}, "", 5, false, 0},
		{"not elsewhere", []int{307}, "", 1, false, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			tries := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if test.after != "" {
					w.Header().Set("Retry-After", test.after)
				}
				w.Header().Set("Location", "http://other.example/")
				w.WriteHeader(test.answers[tries])
				tries++
			}))
			defer server.Close()
			h, waits := webhookTo(t, server.URL+"/token")
			err := h.Tell(context.Background(), []Event{event("a", domainEntry(1, "bad.example"))})
			if (err == nil) != test.ok || tries != test.tries {
				t.Errorf("%d tries: %v", tries, err)
			}
			if err != nil && strings.Contains(err.Error(), "/token") {
				t.Errorf("the error tells the address: %v", err)
			}
			if test.wait != 0 && (len(*waits) == 0 || (*waits)[0] != test.wait) {
				t.Errorf("it waits %v", *waits)
			}
		})
	}
}

func TestAWebhookEndsWithItsContext(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) }))
	defer server.Close()
	h, _ := webhookTo(t, server.URL)
	ctx, cancel := context.WithCancel(context.Background())
	h.wait = func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() }
	if err := h.Tell(ctx, []Event{event("a", domainEntry(1, "bad.example"))}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAWebhookIsRefusedWithoutASafeSecretOrPlace(t *testing.T) {
	good := write(t, "secret", secret)
	open := write(t, "secret", secret)
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	f, _ := FormatNamed("webhook")
	for _, options := range []map[string]string{
		{"url": "https://x.example/", "secret-file": open},
		{"url": "https://x.example/", "secret-file": write(t, "secret", "short")},
		{"url": "https://x.example/", "secret-file": good + "-missing"},
		{"url": "http://x.example/", "secret-file": good},
		{"url": "x", "secret-file": good},
		{"url": "https://x.example/", "secret-file": good, "tries": "0"},
		{"url": "https://x.example/", "secret-file": good, "key": good},
	} {
		if _, err := f.Stream(Settings{Options: options}); err == nil {
			t.Errorf("%v is taken", options)
		}
	}
}

func TestARecalledEventTellsWhatIsKnown(t *testing.T) {
	e := Event{Kind: Recalled, Entry: Entry{ID: domainEntry(1, "bad.example").ID, Origin: "sg"}, At: noon, Key: "k"}
	body, err := webhookBody(e)
	want := `{"key":"k","kind":"recalled","at":"2026-08-20T12:00:00Z","origin":"sg","id":"` + e.Entry.ID + `","type":"indicator"}`
	if err != nil || string(body) != want {
		t.Errorf("%v %s", err, body)
	}
	want = "CEF:0|Selat|hub|1.0|indicator.recalled|indicator|5|rt=1787227200000 cs2Label=stixId cs2=" + e.Entry.ID + " cs3Label=origin cs3=sg externalId=k"
	if lines := newCEF(Settings{}).lines(e); len(lines) != 1 || lines[0] != want {
		t.Errorf("%q", lines)
	}
}
