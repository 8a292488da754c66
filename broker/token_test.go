package broker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// authenticated returns the name of the seat that a token is good for, or the
// code of the error.
func (h *testHub) authenticated(user, token string) string {
	h.t.Helper()
	s, err := h.Authenticate(h.t.Context(), user, token, "192.0.2.1")
	return nameOrCode(h.t, s, err)
}

func nameOrCode(t testing.TB, s *policy.Seat, err error) string {
	t.Helper()
	if err == nil {
		return s.Name
	}
	var e *api.Error
	if !errors.As(err, &e) {
		t.Fatalf("an error without a code: %v", err)
	}
	return e.Code
}

func TestATokenLivesFromItsAdditionToItsRevocation(t *testing.T) {
	h := newTestHub(t)
	feed := h.seat("my/feed", policy.Both, stix.Green)
	token, err := h.AddToken(t.Context(), "my/feed", "gateway", time.Time{})
	must(t, err)
	expect := func(when, want string) {
		t.Helper()
		if got := h.authenticated("", token.Token); got != want {
			t.Fatalf("%s: %s, want %s", when, got, want)
		}
	}
	expect("when it was added", "my/feed")
	_, err = h.RotateSeat(t.Context(), "my/feed")
	must(t, err)
	expect("after a rotation of credentials", "my/feed")
	must(t, h.SuspendMember(t.Context(), "my"))
	expect("while the member is suspended", "unauthorized")
	must(t, h.ResumeMember(t.Context(), "my"))
	expect("after the member was resumed", "my/feed")
	feed.nc.Close()
	must(t, h.Close())
	h.start()
	expect("after a new start", "my/feed")
	must(t, h.RevokeToken(t.Context(), "my/feed", token.ID))
	expect("after its revocation", "unauthorized")
	if err := h.RevokeToken(t.Context(), "my/feed", token.ID); nameOrCode(t, nil, err) != "not-found" {
		t.Errorf("revoked twice: %v", err)
	}
}

func TestARevokedSeatKeepsNoWayInByToken(t *testing.T) {
	h := newTestHub(t)
	h.seat("my/feed", policy.Both, stix.Green)
	token, err := h.AddToken(t.Context(), "my/feed", "", time.Time{})
	must(t, err)
	must(t, h.RevokeSeat(t.Context(), "my/feed"))
	if got := h.authenticated("my/feed", token.Token); got != "unauthorized" {
		t.Errorf("revoked: %s", got)
	}
	if _, err := h.AddToken(t.Context(), "my/feed", "", time.Time{}); nameOrCode(t, nil, err) != "conflict" {
		t.Errorf("a token for a revoked seat: %v", err)
	}
	h.seat("my/feed", policy.Both, stix.Green, func(s *policy.Seat) { s.Tokens = h.Region().Seats["my/feed"].Tokens })
	if got := h.authenticated("my/feed", token.Token); got != "unauthorized" {
		t.Errorf("made anew: %s", got)
	}
	must(t, h.RemoveMember(t.Context(), "my"))
	if got := h.authenticated("", token.Token); got != "unauthorized" {
		t.Errorf("member removed: %s", got)
	}
}

func TestATokenIsRefusedThatWouldBeOfNoUse(t *testing.T) {
	h := newTestHub(t)
	h.seat("my/feed", policy.Both, stix.Green)
	for name, c := range map[string]struct {
		seat, label string
		expires     time.Time
		want        string
	}{
		"one of no seat":        {"my/none", "", time.Time{}, "not-found"},
		"one that has expired":  {"my/feed", "", time.Now().Add(-time.Second), "invalid"},
		"one of the year 10000": {"my/feed", "", time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -7200)), "invalid"},
		"one with a long label": {"my/feed", strings.Repeat("x", 65), time.Time{}, "label-invalid"},
	} {
		if _, err := h.AddToken(t.Context(), c.seat, c.label, c.expires); nameOrCode(t, nil, err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range policy.MaxTokens {
		_, err := h.AddToken(t.Context(), "my/feed", "", time.Time{})
		must(t, err)
	}
	if _, err := h.AddToken(t.Context(), "my/feed", "", time.Time{}); nameOrCode(t, nil, err) != "token-many" {
		t.Errorf("one more than a seat has: %v", err)
	}
}

func TestACertificateIsGoodForTheSeatItNames(t *testing.T) {
	h := newTestHub(t)
	h.seat("my/feed", policy.Both, stix.Green)
	h.seat("sg/feed", policy.Both, stix.Green)
	must(t, h.RevokeSeat(t.Context(), "my/feed"))
	for name, want := range map[string]string{"sg/feed": "sg/feed", "my/feed": "unauthorized", "sg": "unauthorized", "": "unauthorized"} {
		s, err := h.AuthenticateCertificate(name)
		if got := nameOrCode(t, s, err); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
	must(t, h.SuspendMember(t.Context(), "sg"))
	if s, err := h.AuthenticateCertificate("sg/feed"); nameOrCode(t, s, err) != "unauthorized" {
		t.Error("a seat of a suspended member came in")
	}
}

// lockedBuffer is a log that several write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestNoAnswerAndNoLogTellsASecretOrItsHash(t *testing.T) {
	h := newTestHub(t)
	must(t, h.Close())
	var log lockedBuffer
	hub, err := broker.Start(context.Background(), h.cfg, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	must(t, err)
	t.Cleanup(func() { must(t, hub.Close()) })
	h.Hub = hub
	s := h.seat("my/feed", policy.Both, stix.Green)
	nc := h.admin()
	admin := func(act, body string) []byte {
		t.Helper()
		return answered(t, h, nc, &nats.Msg{Subject: api.AdminPrefix + act, Data: []byte(body)})
	}
	var token api.NewToken
	must(t, json.Unmarshal(admin("seat.token.add", `{"name":"my/feed","label":"gateway"}`), &token))
	secret := token.Token[strings.LastIndexByte(token.Token, '_')+1:]
	hash := h.Region().Seats["my/feed"].Tokens[0].Hash
	if len(secret) < 40 || !strings.HasPrefix(hash, "$argon2id$") {
		t.Fatalf("no secret to look for: %q %q", secret, hash)
	}
	tells := func(where, text string) {
		t.Helper()
		for _, part := range []string{secret, "argon2", hash[strings.LastIndexByte(hash, '$')+1:]} {
			if strings.Contains(text, part) {
				t.Errorf("%s tells %s", where, part)
			}
		}
	}
	for _, q := range [][2]string{
		{"member.list", ""}, {"member.list", `{"name":"my"}`}, {"seat.list", ""}, {"seat.list", `{"name":"my"}`}, {"seat.list", `{"name":"my/feed"}`},
		{"community.list", ""}, {"seat.token.list", `{"name":"my/feed"}`}, {"status", ""},
		{"seat.token.revoke", fmt.Sprintf(`{"name":"my/feed","id":%q}`, token.Token)},
		{"seat.token.revoke", fmt.Sprintf(`{"name":"my/feed","id":%q}`, secret)},
		{"route", `{"from":"my","payload":"e30="}`}, {"seat.ceiling", `{"name":"my/feed","ceiling":"amber"}`},
		{"member.suspend", `{"name":"my"}`}, {"member.resume", `{"name":"my"}`},
	} {
		b := string(admin(q[0], q[1]))
		tells(q[0]+" "+q[1], b)
		if (q[0] == "seat.list" || q[0] == "seat.token.list") && !strings.Contains(b, token.ID) {
			t.Errorf("%s does not name the token: %s", q[0], b)
		}
	}
	s.connect(h.URL()) // the suspension dropped it
	for _, subject := range []string{api.SubjectWhoami, api.SubjectStreams} {
		tells(subject, string(answered(t, h, s.nc, &nats.Msg{Subject: subject})))
	}
	if got := h.authenticated("", token.Token); got != "my/feed" {
		t.Fatal(got)
	}
	for range 12 {
		h.authenticated("sg/other", token.Token)
	}
	admin("seat.token.revoke", fmt.Sprintf(`{"name":"my/feed","id":%q}`, token.ID))
	h.authenticated("", token.Token)
	tells("the log", log.String())
	if !strings.Contains(log.String(), token.ID) || !strings.Contains(log.String(), "locked out") {
		t.Error("the log does not tell what was done")
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	h := newTestHub(b)
	h.seat("my/feed", policy.Both, stix.Green)
	token, err := h.AddToken(b.Context(), "my/feed", "", time.Time{})
	must(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Authenticate(b.Context(), "my/feed", token.Token, "192.0.2.1:40000"); err != nil {
			b.Fatal(err)
		}
	}
}
