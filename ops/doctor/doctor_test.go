package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"go.uber.org/goleak"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// want holds one check of a report against what it should be.
func (r *Report) want(t testing.TB, name string, s State, found string) {
	t.Helper()
	for _, c := range r.Checks {
		if c.Name == name {
			if c.State != s || !strings.Contains(c.Found, found) {
				t.Errorf("%s is %s, %q: want %s, %q", name, c.State, c.Found, s, found)
			}
			if (c.State == Fail || c.State == Warn) && c.Do == "" {
				t.Errorf("%s does not say what to do", name)
			}
			return
		}
	}
	t.Errorf("there is no check %s in %+v", name, r.Checks)
}

func TestACertificateIsToldOfBeforeItEnds(t *testing.T) {
	now := time.Now()
	until := func(d time.Duration) *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: "hub.example"}, NotAfter: now.Add(d)}
	}
	const year = 365 * 24 * time.Hour
	for _, c := range []struct {
		name  string
		chain []*x509.Certificate
		want  State
	}{
		{"good for long", []*x509.Certificate{until(year)}, OK},
		{"ending soon", []*x509.Certificate{until(24 * time.Hour)}, Warn},
		{"ended", []*x509.Certificate{until(-time.Hour)}, Fail},
		{"its authority ending soon", []*x509.Certificate{until(year), until(time.Hour)}, Warn},
	} {
		r := &Report{}
		r.expiry("certificate", "renew", c.chain, now)
		if r.Checks[0].State != c.want {
			t.Errorf("%s: %+v", c.name, r.Checks[0])
		}
	}
}

func TestAClockIsJudgedAsFarAsItCanBe(t *testing.T) {
	for _, c := range []struct {
		ahead, doubt time.Duration
		want         State
	}{
		{0, time.Millisecond, OK},
		{-time.Second, 0, OK},
		{3 * time.Second, 2 * time.Second, OK},
		{3 * time.Second, 10 * time.Millisecond, Warn},
		{-10 * time.Second, 0, Warn},
		{2 * time.Minute, time.Second, Fail},
		{-time.Hour, time.Second, Fail},
	} {
		r := &Report{}
		r.skew("clock", "the hub's", c.ahead, c.doubt)
		if r.Checks[0].State != c.want {
			t.Errorf("%s ahead, doubt %s: %+v", c.ahead, c.doubt, r.Checks[0])
		}
	}
}

// timeServer tells a time that is off by so much, until the test ends.
func timeServer(t testing.TB, off time.Duration) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			if n < 48 {
				continue
			}
			answer := make([]byte, 48)
			answer[0], answer[1] = 4<<3|4, 1 // version 4, server, stratum 1
			stamp := ntpTime(time.Now().Add(off))
			copy(answer[12:16], "TEST")
			binary.BigEndian.PutUint64(answer[16:], stamp)
			copy(answer[24:32], b[40:48])
			binary.BigEndian.PutUint64(answer[32:], stamp)
			binary.BigEndian.PutUint64(answer[40:], stamp)
			_, _ = conn.WriteTo(answer, from)
		}
	}()
	t.Cleanup(func() { must(t, conn.Close()); <-done })
	return conn.LocalAddr().String()
}

func ntpTime(at time.Time) uint64 {
	const from1900 = 2208988800
	return uint64(at.Unix()+from1900)<<32 | uint64(at.Nanosecond())<<32/uint64(time.Second)
}

// aHub is the folder of a hub that is not running.
func aHub(t testing.TB) HubOptions {
	t.Helper()
	cfg := broker.DefaultConfig()
	cfg.Data, cfg.Store.ReserveBytes = filepath.Join(t.TempDir(), "data"), 1<<20
	must(t, os.MkdirAll(filepath.Join(cfg.Data, "keys"), 0o700))
	return HubOptions{Config: cfg, Ask: func(context.Context) (*api.Examination, error) { return nil, ErrNotRunning }}
}

func TestAHubsClockIsHeldAgainstATimeServer(t *testing.T) {
	for _, c := range []struct {
		off  time.Duration
		want State
	}{{0, OK}, {10 * time.Second, Warn}, {-2 * time.Hour, Fail}} {
		o := aHub(t)
		o.NTP = timeServer(t, c.off)
		Hub(t.Context(), o).want(t, "clock", c.want, "give or take")
	}
	o := aHub(t)
	o.NTP = "127.0.0.1:1"
	Hub(t.Context(), o).want(t, "clock", Skip, "does not tell the time")
}

func TestADiskThatIsTooSlowOrCannotBeWrittenFails(t *testing.T) {
	o := aHub(t)
	o.SlowSync = time.Nanosecond
	Hub(t.Context(), o).want(t, "fsync", Fail, "p99")
	o.SlowSync = time.Hour
	r := Hub(t.Context(), o)
	if r.Failed() {
		t.Errorf("%+v", r.Checks)
	}
	if left, err := filepath.Glob(filepath.Join(o.Config.Data, ".doctor.*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	h := &hub{Report: &Report{}, cfg: &broker.Config{Data: filepath.Join(o.Config.Data, "nowhere")}}
	h.fsync(t.Context())
	h.want(t, "fsync", Fail, "no such file")
}

func TestWhatARunningHubFindsWrongFails(t *testing.T) {
	o := aHub(t)
	o.Ask = func(context.Context) (*api.Examination, error) {
		return &api.Examination{Version: "1", Streams: 3, Findings: []api.Finding{{Name: "disk"}, {Name: "streams", Wrong: []string{"CTI_X_RED: deny_purge is false"}}}}, nil
	}
	r := Hub(t.Context(), o)
	r.want(t, "hub disk", OK, "holds")
	r.want(t, "hub streams", Fail, "deny_purge")
	o.Ask = func(context.Context) (*api.Examination, error) { return nil, errors.New("no") }
	Hub(t.Context(), o).want(t, "running", Fail, "no")
}

// seatFile is a credentials file of a seat, which any server without accounts takes.
func seatFile(t testing.TB) string {
	t.Helper()
	account, err := nkeys.CreateAccount()
	must(t, err)
	user, err := nkeys.CreateUser()
	must(t, err)
	public, err := user.PublicKey()
	must(t, err)
	claims := jwt.NewUserClaims(public)
	claims.Name = "ph/feed"
	token, err := claims.Encode(account)
	must(t, err)
	seed, err := user.Seed()
	must(t, err)
	b, err := jwt.FormatUserConfig(token, seed)
	must(t, err)
	file := filepath.Join(t.TempDir(), "ph-feed.creds")
	must(t, os.WriteFile(file, b, 0o600))
	return file
}

// A server without any walls is what the check is for.
func TestAHubThatDeniesNothingFails(t *testing.T) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true})
	must(t, err)
	s.Start()
	defer func() { s.Shutdown(); s.WaitForShutdown() }()
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server did not start")
	}
	file := seatFile(t)
	creds, err := client.ReadCredentials(file)
	must(t, err)
	at, err := url.Parse(s.ClientURL())
	must(t, err)
	m := &member{Report: &Report{}, o: MemberOptions{CredsFile: file}, creds: creds, url: at}
	m.denials(t.Context())
	m.want(t, "denials", Fail, "does not deny this seat to listen to everything")
}

func TestAHubElsewhereThatSpeaksNoTLSFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("INFO {\"server_id\":\"x\"}\r\n"))
			_ = conn.Close()
		}
	}()
	defer func() { must(t, l.Close()); <-done }()
	Member(t.Context(), MemberOptions{CredsFile: seatFile(t), URL: "tls://" + l.Addr().String()}).want(t, "tls", Fail, "speaks no TLS")
}

func TestACertificateOfAnotherAuthorityOrNameIsNotTheHubs(t *testing.T) {
	now := time.Now()
	leaf, ca := chain(t, "hub.example")
	_, other := chain(t, "hub.example")
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	must(t, verify([]*x509.Certificate{leaf}, ca, "hub.example", now))
	if err := verify([]*x509.Certificate{leaf}, other, "hub.example", now); !errors.As(err, &unknown) {
		t.Errorf("another authority: %v", err)
	}
	if err := verify([]*x509.Certificate{leaf}, ca, "other.example", now); !errors.As(err, &name) {
		t.Errorf("another name: %v", err)
	}
}

// chain is a certificate for a name, and its authority in PEM.
func chain(t testing.TB, name string) (leaf *x509.Certificate, ca []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	now := time.Now()
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	sign := func(c, by *x509.Certificate) *x509.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, key)
		must(t, err)
		out, err := x509.ParseCertificate(der)
		must(t, err)
		return out
	}
	root = sign(root, root)
	leaf = sign(&x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}, root)
	return leaf, pemOf(root)
}

func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}
