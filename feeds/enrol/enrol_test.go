package enrol_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nkeys"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/invite"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/broker/profile"
	"github.com/selat-hub/selat/feeds/enrol"
	"github.com/selat-hub/selat/feeds/taxii"
	"github.com/selat-hub/selat/stix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// site is a hub with its front door, on loopback and so without TLS: what goes
// over the wire is all to be seen.
type site struct {
	*broker.Hub
	t   testing.TB
	cfg broker.Config
	web *taxii.Server
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{t: t, cfg: broker.DefaultConfig()}
	s.cfg.Data, s.cfg.Listen, s.cfg.HTTP.Listen, s.cfg.TAXII.Listen = filepath.Join(t.TempDir(), "data"), "127.0.0.1:0", "", "127.0.0.1:0"
	s.cfg.Store.ReserveBytes = 1 << 20
	p, err := profile.Load("asean")
	must(t, err)
	must(t, broker.Init(t.Context(), s.cfg, p.Region(time.Now().UTC()), nil))
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *site) start() {
	s.t.Helper()
	var err error
	s.Hub, err = broker.Start(context.Background(), s.cfg, nil)
	must(s.t, err)
	s.web, err = taxii.Serve(context.Background(), s.Hub, &s.cfg, nil, taxii.Beside{Label: "enrol", Prefix: api.EnrolPath, Open: true,
		New: func(may func(*http.Request) (string, error)) http.Handler { return enrol.NewHandler(s.Hub, may, nil) }})
	must(s.t, err)
	must(s.t, s.OpenEnrolment(s.web.URL()))
}

func (s *site) stop() { must(s.t, errors.Join(s.web.Close(), s.Close())) }

func (s *site) invite(seat string) invite.Code {
	s.t.Helper()
	got, err := s.Invite(s.t.Context(), api.SeatInvite{Name: seat, Kind: policy.Both, Standing: policy.Organization, Ceiling: stix.Green, Expires: time.Now().Add(time.Hour)})
	must(s.t, err)
	code, err := invite.Parse(got.Code)
	must(s.t, err)
	return code
}

// counted is what the metric says of an outcome.
func (s *site) counted(outcome string) float64 {
	s.t.Helper()
	var m dto.Metric
	must(s.t, s.Metrics.Enrolments.WithLabelValues(outcome).Write(&m))
	return m.GetCounter().GetValue()
}

// refused reports whether an error is the one answer to every bad code.
func refused(err error) bool {
	var known *api.Error
	return errors.As(err, &known) && known.Code == "enrolment-refused"
}

// wire is a TCP connection's middle: it keeps all that a client sends.
type wire struct {
	mu   sync.Mutex
	sent bytes.Buffer
}

func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent.Write(b)
}

// tap stands between clients and a server until the test ends.
func tap(t testing.TB, server string) (address string, w *wire) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	w = new(wire)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer in.Close()
				out, err := net.Dial("tcp", server)
				if err != nil {
					return
				}
				defer out.Close()
				all.Go(func() {
					_, _ = io.Copy(io.MultiWriter(w, out), in)
					_ = out.(*net.TCPConn).CloseWrite()
				})
				_, _ = io.Copy(in, out)
			})
		}
	})
	t.Cleanup(func() { must(t, l.Close()); all.Wait() })
	return l.Addr().String(), w
}

func TestThePrivateKeyIsInNothingThatLeavesTheMembersSide(t *testing.T) {
	s := newSite(t)
	code := s.invite("ph/feed")
	at, err := url.Parse(code.URL)
	must(t, err)
	address, w := tap(t, at.Host)
	code.URL = "http://" + address
	got, err := enrol.Redeem(t.Context(), code, true)
	must(t, err)
	hub, natsWire := tap(t, strings.TrimPrefix(s.URL(), "nats://"))

	_, seedAt, ok := strings.Cut(string(got.Creds), "-----BEGIN USER NKEY SEED-----\n")
	if !ok {
		t.Fatalf("no seed in %s", got.Creds)
	}
	seed, _, _ := strings.Cut(seedAt, "\n")
	_, raw, err := nkeys.DecodeSeed([]byte(seed))
	must(t, err)
	key, err := nkeys.FromSeed([]byte(seed))
	must(t, err)
	public, err := key.PublicKey()
	must(t, err)

	// And it opens the hub.
	file := filepath.Join(t.TempDir(), "ph-feed.creds")
	writeSecret(t, file, got.Creds)
	c, err := client.Connect(t.Context(), client.Options{CredsFile: file, URL: "nats://" + hub})
	must(t, err)
	me, err := c.Whoami(t.Context())
	c.Close()
	must(t, err)
	if me.Seat != "ph/feed" {
		t.Errorf("it is %s", me.Seat)
	}
	if seat, err := s.Authenticate(t.Context(), "ph/feed", got.Token, "127.0.0.1"); err != nil || seat.Name != "ph/feed" {
		t.Errorf("its token: %v", err)
	}

	for name, w := range map[string]*wire{"enrolling": w, "connecting": natsWire} {
		w.mu.Lock()
		sent := w.sent.Bytes()
		if name == "enrolling" && !bytes.Contains(sent, []byte(public)) {
			t.Errorf("%s: the wire does not show what it should: %q", name, sent)
		}
		if len(sent) < 200 {
			t.Errorf("%s: only %d bytes were seen", name, len(sent))
		}
		for form, secret := range map[string]string{
			"seed": seed, "seed without its prefix": seed[4:], "raw": string(raw), "hex": hex.EncodeToString(raw), "upper hex": strings.ToUpper(hex.EncodeToString(raw)),
			"base64": base64.RawStdEncoding.EncodeToString(raw), "base64url": base64.RawURLEncoding.EncodeToString(raw),
		} {
			if bytes.Contains(sent, []byte(secret)) {
				t.Errorf("%s: the private key was sent, as %s", name, form)
			}
		}
		w.mu.Unlock()
	}
}

func writeSecret(t testing.TB, file string, b []byte) {
	t.Helper()
	must(t, os.WriteFile(file, b, 0o600))
}

func TestACodeIsGoodForOneOfManyThatRace(t *testing.T) {
	s := newSite(t)
	code := s.invite("ph/feed")
	const racing = 16
	start, results := make(chan struct{}), make(chan error, racing)
	for i := range racing {
		go func() {
			key, err := nkeys.CreateUser()
			if err != nil {
				results <- err
				return
			}
			user, proof, err := code.Prove(key)
			<-start
			if err == nil {
				_, err = s.Enrol(t.Context(), api.Enrolment{ID: code.ID, Secret: code.Secret, User: user, Proof: proof}, fmt.Sprintf("192.0.2.%d:1", i))
			}
			results <- err
		}()
	}
	close(start)
	won := 0
	for range racing {
		switch err := <-results; {
		case err == nil:
			won++
		case !refused(err):
			t.Errorf("a loser is told %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d enrolled with one code", won)
	}
	if n := s.counted("enrolled"); n != 1 {
		t.Errorf("the metric says %v", n)
	}
}

func TestAnInvitationOutlivesARestartAndItsSecretIsNotKept(t *testing.T) {
	s := newSite(t)
	code := s.invite("ph/feed")
	if seat := s.Region().Seats["ph/feed"]; seat.Enrolled() || strings.Contains(seat.Invitation.Hash, code.Secret) {
		t.Errorf("%+v", seat)
	}
	listed, err := json.Marshal(s.Region().Seats["ph/feed"].Public())
	must(t, err)
	if strings.Contains(string(listed), s.Region().Seats["ph/feed"].Invitation.Hash) {
		t.Errorf("the hash is told: %s", listed)
	}
	s.stop()
	s.start()
	at, err := url.Parse(s.web.URL())
	must(t, err)
	code.URL = "http://" + at.Host
	_, err = enrol.Redeem(t.Context(), code, false)
	must(t, err)
}

func TestWhateverIsWrongWithACodeTheAnswerIsTheSame(t *testing.T) {
	s := newSite(t)
	key := func() nkeys.KeyPair {
		kp, err := nkeys.CreateUser()
		must(t, err)
		return kp
	}
	request := func(code invite.Code, kp nkeys.KeyPair) api.Enrolment {
		user, proof, err := code.Prove(kp)
		must(t, err)
		return api.Enrolment{ID: code.ID, Secret: code.Secret, User: user, Proof: proof}
	}
	good, other := s.invite("ph/feed"), s.invite("th/feed")
	used := s.invite("my/feed")
	usedBy := key()
	_, err := s.Enrol(t.Context(), request(used, usedBy), "192.0.2.9:1")
	must(t, err)
	withdrawn := s.invite("sg/feed")
	must(t, s.EndInvitation(t.Context(), "sg/feed"))
	replaced := s.invite("vn/feed")
	s.invite("vn/feed")
	suspended := s.invite("la/feed")
	must(t, s.SuspendMember(t.Context(), "la"))
	secondHand := good
	secondHand.Secret = other.Secret
	unproven := request(good, key())
	unproven.User = request(good, key()).User
	asAccount := request(good, key())
	asAccount.User = s.Region().Seats["ph/feed"].Account
	for i, c := range []struct {
		name string
		q    api.Enrolment
	}{
		{"nothing", api.Enrolment{}},
		{"never made", request(invite.New(good.URL, "ph/feed", invite.Pin{}), key())},
		{"used", request(used, key())},
		{"used by the same key", request(used, usedBy)},
		{"withdrawn", request(withdrawn, key())},
		{"replaced by a newer one", request(replaced, key())},
		{"of a suspended member", request(suspended, key())},
		{"the secret of another", request(secondHand, key())},
		{"a key without proof", unproven},
		{"an account's key", asAccount},
		{"a key that another seat has", request(good, usedBy)},
	} {
		_, err := s.Enrol(t.Context(), c.q, "192.0.2."+string(rune('0'+i%10))+":1")
		if !refused(err) || err.Error() != "this invitation is not good: it was used, was withdrawn, has expired, or never was; ask the hub's team for another (enrolment-refused)" {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// What failed did not spend it.
	_, err = s.Enrol(t.Context(), request(good, key()), "192.0.2.77:1")
	must(t, err)
}

func TestWhoGuessesIsLockedOutAndNobodyElse(t *testing.T) {
	s := newSite(t)
	good := s.invite("ph/feed")
	locked := 0
	for range 12 {
		_, err := s.Enrol(t.Context(), api.Enrolment{ID: good.ID, Secret: "guess"}, "192.0.2.1:4711")
		var known *api.Error
		if errors.As(err, &known) && known.Code == "locked" && known.RetryAfter > 0 {
			locked++
		} else if !refused(err) {
			t.Errorf("a guess: %v", err)
		}
	}
	if locked != 2 {
		t.Errorf("%d of 12 guesses met the lockout", locked)
	}
	if _, err := enrol.Redeem(t.Context(), good, false); err != nil {
		t.Errorf("its owner, from elsewhere: %v", err)
	}
	if n := s.counted("locked"); n != 2 {
		t.Errorf("the metric says %v", n)
	}
}

func TestTheFrontDoorTakesEnrolmentsOnly(t *testing.T) {
	s := newSite(t)
	base := strings.TrimSuffix(s.web.URL(), "/taxii2/")
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		code                     string
	}{
		{"read", http.MethodGet, "/enrol", "", http.StatusMethodNotAllowed, "method"},
		{"a path below", http.MethodPost, "/enrol/x", "{}", http.StatusNotFound, "not-found"},
		{"no JSON", http.MethodPost, "/enrol", "hello", http.StatusBadRequest, "invalid"},
		{"a member it does not have", http.MethodPost, "/enrol", `{"seed":"x"}`, http.StatusBadRequest, "invalid"},
		{"two at once", http.MethodPost, "/enrol", "{}{}", http.StatusBadRequest, "invalid"},
		{"too long", http.MethodPost, "/enrol", `{"id":"` + strings.Repeat("a", 5000) + `"}`, http.StatusBadRequest, "invalid"},
		{"nothing in it", http.MethodPost, "/enrol", "{}", http.StatusForbidden, "enrolment-refused"},
		{"TAXII without a token", http.MethodGet, "/taxii2/", "", http.StatusUnauthorized, "unauthorized"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, base+c.path, strings.NewReader(c.body))
		must(t, err)
		res, err := http.DefaultClient.Do(r)
		must(t, err)
		b, err := io.ReadAll(res.Body)
		must(t, errors.Join(err, res.Body.Close()))
		if res.StatusCode != c.status || !strings.Contains(string(b), c.code) || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", c.name, res.StatusCode, b)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestWithoutAFrontDoorThereAreNoInvitations(t *testing.T) {
	cfg := broker.DefaultConfig()
	cfg.Data, cfg.Listen, cfg.HTTP.Listen = filepath.Join(t.TempDir(), "data"), "127.0.0.1:0", ""
	must(t, broker.Init(t.Context(), cfg, nil, nil))
	h, err := broker.Start(t.Context(), cfg, nil)
	must(t, err)
	defer func() { must(t, h.Close()) }()
	_, err = h.Invite(t.Context(), api.SeatInvite{Name: "ph/feed", Expires: time.Now().Add(time.Hour)})
	if err == nil || !strings.Contains(err.Error(), "taxii.listen") {
		t.Errorf("%v", err)
	}
}
