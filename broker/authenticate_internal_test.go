package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	dto "github.com/prometheus/client_model/go"
	"pgregory.net/rapid"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
)

// door is an authenticator over a directory of its own, with its own clock.
type door struct {
	*authenticator
	now     time.Time
	members map[string]*policy.Member
	seats   map[string]*policy.Seat
	inForce atomic.Pointer[policy.Region]
	hashed  atomic.Int32 // how often a secret was held against a hash
	log     bytes.Buffer
}

// newDoor has the members my and sg, with the seats my/feed, my/desk, sg/feed.
func newDoor() *door {
	d := &door{now: newYear, members: map[string]*policy.Member{}, seats: map[string]*policy.Seat{}}
	for _, m := range []string{"my", "sg"} {
		d.members[m] = &policy.Member{Name: m}
	}
	for _, s := range []string{"my/feed", "my/desk", "sg/feed"} {
		d.seats[s] = &policy.Seat{Name: s, Member: s[:2]}
	}
	d.enforce()
	d.authenticator = newAuthenticator(d.inForce.Load, slog.New(slog.NewTextHandler(&d.log, nil)), newMetrics().AuthDenials)
	d.authenticator.now = func() time.Time { return d.now }
	d.nobody = hashOfNothing(cheap)
	d.matches = func(secret, hash string) bool {
		d.hashed.Add(1)
		return matchesHash(secret, hash)
	}
	return d
}

func (d *door) enforce() { d.inForce.Store(policy.NewRegion(d.members, d.seats, nil)) }

// edit replaces a seat's record, as the hub does.
func (d *door) edit(name string, f func(*policy.Seat)) {
	c := *d.seats[name]
	c.Tokens = append([]policy.Token(nil), c.Tokens...)
	f(&c)
	d.seats[name] = &c
	d.enforce()
}

func (d *door) suspend(member string, suspended bool) {
	c := *d.members[member]
	c.Suspended = suspended
	d.members[member] = &c
	d.enforce()
}

func (d *door) add(seat string, expires time.Time) (text, id string) {
	text, id, hash := newToken(cheap)
	d.edit(seat, func(s *policy.Seat) {
		s.Tokens = append(s.Tokens, policy.Token{ID: id, Hash: hash, Expires: expires})
	})
	return text, id
}

func (d *door) revoke(seat, id string) {
	d.edit(seat, func(s *policy.Seat) {
		for i := range s.Tokens {
			if s.Tokens[i].ID == id {
				s.Tokens = append(s.Tokens[:i], s.Tokens[i+1:]...)
				return
			}
		}
	})
}

// ask returns the seat's name, or the code of the error.
func (d *door) ask(user, token, peer string) string {
	seat, err := d.check(context.Background(), Credential{user, token}, peer)
	return answerOf(seat, err)
}

func answerOf(seat *policy.Seat, err error) string {
	var e *api.Error
	switch {
	case err == nil && seat != nil:
		return seat.Name
	case errors.As(err, &e) && seat == nil:
		return e.Code
	}
	return fmt.Sprintf("%v and %v", seat, err)
}

func (d *door) expect(t *testing.T, what, user, token, peer, want string) {
	t.Helper()
	if got := d.ask(user, token, peer); got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

func (d *door) denied(t *testing.T, why string) float64 {
	t.Helper()
	var m dto.Metric
	if err := d.denials.WithLabelValues(why).Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// wrong is the token with another secret.
func wrong(token string) string {
	at := len(token) - 10
	other := byte('a')
	if token[at] == other {
		other = 'b'
	}
	return token[:at] + string(other) + token[at+1:]
}

func TestATokenIsGoodForItsSeatWhileTheDirectorySaysSo(t *testing.T) {
	d := newDoor()
	token, id := d.add("my/feed", newYear.Add(time.Hour))
	const at = "192.0.2.1"
	d.expect(t, "bearer", "", token, at, "my/feed")
	d.expect(t, "the seat by name", "my/feed", token, at, "my/feed")
	d.expect(t, "another seat of the member", "my/desk", token, at, "unauthorized")
	d.expect(t, "no seat", "my", token, at, "unauthorized")
	d.expect(t, "another secret", "", wrong(token), at, "unauthorized")
	d.expect(t, "no token", "", "password", at, "unauthorized")
	unknown, _, _ := newToken(cheap)
	d.expect(t, "a token of nobody", "", unknown, at, "unauthorized")
	d.suspend("my", true)
	d.expect(t, "member suspended", "", token, at, "unauthorized")
	d.suspend("my", false)
	d.expect(t, "member resumed", "", token, at, "my/feed")
	d.now = d.now.Add(time.Hour)
	d.expect(t, "expired", "", token, at, "unauthorized")
	d.now = d.now.Add(-time.Hour)
	d.edit("my/feed", func(s *policy.Seat) { s.Revoked = true })
	d.expect(t, "seat revoked", "", token, at, "unauthorized")
	d.edit("my/feed", func(s *policy.Seat) { s.Revoked = false })
	d.expect(t, "still known", "", token, at, "my/feed")
	if n := d.hashed.Load(); n != 3 {
		t.Errorf("%d secrets were hashed, want the right one once and the two wrong ones", n)
	}
	d.revoke("my/feed", id)
	d.expect(t, "token revoked", "", token, at, "unauthorized")
	for why, want := range map[string]float64{badCredentials: 6, tokenExpired: 1, seatBarred: 2, lockedOut: 0, tooBusy: 0} {
		if got := d.denied(t, why); got != want {
			t.Errorf("%v denials are counted as %s, want %v", got, why, want)
		}
	}
}

func TestATokenWithANewHashIsProvenAnew(t *testing.T) {
	d := newDoor()
	token, _ := d.add("my/feed", time.Time{})
	d.expect(t, "at first", "", token, "", "my/feed")
	d.edit("my/feed", func(s *policy.Seat) { s.Tokens[0].Hash = hashOfNothing(cheap) })
	d.expect(t, "with another secret under the same id", "", token, "", "unauthorized")
}

func TestEveryRefusalSaysTheSame(t *testing.T) {
	d := newDoor()
	token, _ := d.add("my/feed", newYear)
	good, _ := d.add("my/desk", time.Time{})
	unknown, _, _ := newToken(cheap)
	said := map[string]bool{}
	for _, c := range []Credential{{"", "x"}, {"", unknown}, {"", wrong(token)}, {"", token}, {"sg/feed", good}, {"my/none", good}} {
		_, err := d.check(t.Context(), c, "192.0.2.1")
		said[err.Error()] = true
	}
	if len(said) != 1 {
		t.Errorf("refusals can be told apart: %v", said)
	}
}

func TestAnUnknownIDCostsWhatAKnownOneCosts(t *testing.T) {
	a := newAuthenticator(newDoor().region, slog.New(slog.DiscardHandler), newMetrics().AuthDenials)
	cost := func(hash string) string { return hash[:strings.Index(hash, "p=1")] }
	var heldAgainst []string
	a.matches = func(_, hash string) bool {
		heldAgainst = append(heldAgainst, cost(hash))
		return true // whatever the hash, a token that is not there is none
	}
	token, _, _ := newToken(cheap)
	seat, err := a.check(t.Context(), Credential{Token: token}, "")
	if got := answerOf(seat, err); got != "unauthorized" {
		t.Errorf("a token of nobody: %s", got)
	}
	if _, _, usual := newToken(tokenCost); len(heldAgainst) != 1 || heldAgainst[0] != cost(usual) {
		t.Errorf("held against %v, want once at %s", heldAgainst, cost(usual))
	}
}

func TestAnAddressThatFailsTenTimesIsLockedOutForAMinute(t *testing.T) {
	d := newDoor()
	known, _ := d.add("my/feed", time.Time{})
	other, _ := d.add("my/desk", time.Time{})
	const bad, good = "192.0.2.1", "198.51.100.1"
	d.expect(t, "before", "", known, bad, "my/feed")
	for range addressFailures {
		unknown, _, _ := newToken(cheap)
		d.expect(t, "a guess", "", unknown, bad, "unauthorized")
	}
	hashed := d.hashed.Load()
	d.expect(t, "a guess too many", "", wrong(other), bad, "locked")
	d.expect(t, "no token at all", "", "x", bad, "locked")
	d.expect(t, "a right token not seen before", "", other, bad, "locked")
	if d.hashed.Load() != hashed {
		t.Error("secrets of an address that is locked out are hashed")
	}
	d.expect(t, "a token known to be right", "", known, bad, "my/feed")
	d.expect(t, "another address", "", other, good, "my/desk")
	d.now = d.now.Add(firstLockout - time.Second)
	_, err := d.check(t.Context(), Credential{Token: wrong(known)}, bad)
	var e *api.Error
	if !errors.As(err, &e) || e.Code != "locked" || e.RetryAfter != time.Second {
		t.Errorf("a second before the end: %+v", err)
	}
	d.now = d.now.Add(time.Second)
	d.expect(t, "after a minute", "", wrong(known), bad, "unauthorized")
	if n := d.denied(t, lockedOut); n != 4 {
		t.Errorf("%v denials are counted as locked", n)
	}
}

func TestASeatThatIsTriedFromManyAddressesIsLockedOut(t *testing.T) {
	d := newDoor()
	known, _ := d.add("my/feed", time.Time{})
	other, _ := d.add("my/feed", time.Time{})
	third, _ := d.add("sg/feed", time.Time{})
	unknown, _, _ := newToken(cheap)
	d.expect(t, "before", "", known, "", "my/feed")
	for i := range seatFailures {
		at := fmt.Sprintf("192.0.2.%d", i)
		d.expect(t, "a guess", "", wrong(other), at, "unauthorized")
		d.expect(t, "a guess of an id that is none", "", unknown, at, "unauthorized")
	}
	const fresh = "198.51.100.1"
	d.expect(t, "one more", "", wrong(other), fresh, "locked")
	d.expect(t, "one more of the id that is none", "", unknown, fresh, "locked")
	d.expect(t, "a right token not seen before", "", other, fresh, "locked")
	d.expect(t, "a token known to be right", "", known, fresh, "my/feed")
	d.expect(t, "another seat", "", third, fresh, "sg/feed")
	d.now = d.now.Add(firstLockout)
	d.expect(t, "after a minute", "", other, fresh, "my/feed")
}

func TestTwoSecretsAreHashedAtATimeAndAFewWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		var running atomic.Int32
		release := make(chan struct{})
		d.matches = func(string, string) bool {
			if n := running.Add(1); n > hashesAtOnce {
				t.Errorf("%d secrets are hashed at a time", n)
			}
			defer running.Add(-1)
			<-release
			return false
		}
		ask := func(ctx context.Context, peer string) string {
			token, _, _ := newToken(cheap)
			seat, err := d.check(ctx, Credential{Token: token}, peer)
			return answerOf(seat, err)
		}
		wait := func(peer string) {
			go func() {
				if got := ask(t.Context(), peer); got != "unauthorized" {
					t.Errorf("one that waited: %s", got)
				}
			}()
		}
		for i := range hashesWaited - 1 { // all but one that may wait
			wait(fmt.Sprintf("192.0.2.%d", i%8))
		}
		synctest.Wait()
		if running.Load() != hashesAtOnce {
			t.Errorf("%d secrets are hashed at a time", running.Load())
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if got := ask(ctx, "198.51.100.1"); got != "busy" {
			t.Errorf("who waits no longer: %s", got)
		}
		wait("198.51.100.1")
		synctest.Wait()
		if got := ask(t.Context(), "198.51.100.2"); got != "busy" {
			t.Errorf("one more than may wait: %s", got)
		}
		close(release)
		synctest.Wait()
		if d.waiting.bytes() != 0 || len(d.turns) != 0 {
			t.Error("turns were not given back")
		}
		if n := d.denied(t, tooBusy); n != 2 {
			t.Errorf("%v denials are counted as busy", n)
		}
	})
}

func TestOneAddressLeavesTurnsToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		for range hashesAtOnce {
			d.turns <- struct{}{}
		}
		ctx, cancel := context.WithCancel(t.Context())
		for range hashesWaited / 4 {
			go d.turn(ctx, "192.0.2.1")
		}
		synctest.Wait()
		if _, ok := d.turn(ctx, "192.0.2.1"); ok || d.waiting.bytes() != hashesWaited/4 {
			t.Errorf("an address that has its quarter waits for more: %d wait", d.waiting.bytes())
		}
		go d.turn(ctx, "192.0.2.2")
		synctest.Wait()
		if d.waiting.bytes() != hashesWaited/4+1 {
			t.Error("another address may not wait")
		}
		cancel()
		synctest.Wait()
		if d.waiting.bytes() != 0 {
			t.Error("who gave up still counts")
		}
	})
}

func TestATokenThatManyAskWithAtOnceIsHashedOnceForEachTurn(t *testing.T) {
	d := newDoor()
	token, _ := d.add("my/feed", time.Time{})
	var all sync.WaitGroup
	for range hashesWaited / 4 {
		all.Go(func() {
			if got := d.ask("", token, "192.0.2.1"); got != "my/feed" {
				t.Error(got)
			}
		})
	}
	all.Wait()
	if n := d.hashed.Load(); n > hashesAtOnce {
		t.Errorf("the secret was hashed %d times", n)
	}
}

func TestWhatIsProvenStaysBounded(t *testing.T) {
	p := newProvenTokens()
	for i := range 2 * provenMost {
		p.remember(p.mark(fmt.Sprint(i)), "hash")
	}
	if len(p.hashes) != provenMost {
		t.Errorf("%d tokens are remembered", len(p.hashes))
	}
	if _, ok := p.hash(p.mark(fmt.Sprint(2*provenMost - 1))); !ok {
		t.Error("the last is not among them")
	}
	if p.mark("x") == newProvenTokens().mark("x") {
		t.Error("two processes mark a token alike")
	}
}

func TestACredentialNeverPrintsItsToken(t *testing.T) {
	token, _, _ := newToken(cheap)
	var out bytes.Buffer
	c := Credential{"my/feed", token}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "c", c, "p", &c)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "c", c, "p", &c)
	fmt.Fprintf(&out, "%v %+v %s", c, &c, c)
	if strings.Contains(out.String(), token) {
		t.Error(out.String())
	}
}

// What is answered from memory is what a look at the directory alone would
// say, whatever happened in between.
func TestAnAnswerIsWhatTheDirectorySays(t *testing.T) {
	type holding struct{ seat, id, text string }
	rapid.Check(t, func(t *rapid.T) {
		d := newDoor()
		for _, l := range []*lockouts{d.peers, d.authenticator.seats, d.strangers} {
			l.most = 1 << 30
		}
		names := []string{"my/feed", "my/desk", "sg/feed"}
		var made []holding
		drawMade := func() holding {
			if len(made) == 0 {
				t.Skip("no token yet")
			}
			return rapid.SampledFrom(made).Draw(t, "token")
		}
		// scratch is Authenticate without any memory.
		scratch := func(user, text string) string {
			id, secret, ok := parseToken(text)
			for _, s := range d.seats {
				for _, k := range s.Tokens {
					if ok && k.ID == id && matchesHash(secret, k.Hash) && (user == "" || user == s.Name) &&
						(k.Expires.IsZero() || d.now.Before(k.Expires)) && !s.Revoked && !d.members[s.Member].Suspended {
						return s.Name
					}
				}
			}
			return "unauthorized"
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				seat := rapid.SampledFrom(names).Draw(t, "seat")
				var expires time.Time
				if h := rapid.IntRange(0, 3).Draw(t, "hours"); h > 0 {
					expires = d.now.Add(time.Duration(h) * time.Hour)
				}
				text, id := d.add(seat, expires)
				made = append(made, holding{seat, id, text})
			},
			"revoke": func(t *rapid.T) {
				k := drawMade()
				d.revoke(k.seat, k.id)
			},
			"another secret": func(t *rapid.T) {
				k := drawMade()
				_, _, hash := newToken(cheap)
				d.edit(k.seat, func(s *policy.Seat) {
					for i := range s.Tokens {
						if s.Tokens[i].ID == k.id {
							s.Tokens[i].Hash = hash
						}
					}
				})
			},
			"time passes": func(t *rapid.T) {
				d.now = d.now.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "minutes")) * time.Minute)
			},
			"suspend or resume": func(t *rapid.T) {
				d.suspend(rapid.SampledFrom([]string{"my", "sg"}).Draw(t, "member"), rapid.Bool().Draw(t, "suspended"))
			},
			"revoke seat or not": func(t *rapid.T) {
				d.edit(rapid.SampledFrom(names).Draw(t, "seat"), func(s *policy.Seat) { s.Revoked = !s.Revoked })
			},
			"make seat anew": func(t *rapid.T) {
				d.edit(rapid.SampledFrom(names).Draw(t, "seat"), func(s *policy.Seat) { s.Tokens, s.Revoked = nil, false })
			},
			"forget": func(*rapid.T) { clear(d.proven.hashes) },
			"ask": func(t *rapid.T) {
				text := drawMade().text
				if rapid.IntRange(0, 4).Draw(t, "wrong") == 0 {
					text = wrong(text)
				}
				user := rapid.SampledFrom(append([]string{"", "my"}, names...)).Draw(t, "user")
				if got, want := d.ask(user, text, "192.0.2.1"), scratch(user, text); got != want {
					t.Fatalf("answered %s, the directory says %s", got, want)
				}
			},
			"": func(t *rapid.T) {
				for _, k := range made {
					if got, want := d.ask("", k.text, "192.0.2.1"), scratch("", k.text); got != want {
						t.Fatalf("a token of %s: answered %s, the directory says %s", k.seat, got, want)
					}
				}
			},
		})
	})
}

func BenchmarkAuthenticateAgain(b *testing.B) {
	d := newDoor()
	token, _ := d.add("my/feed", time.Time{})
	d.ask("", token, "192.0.2.1")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := d.check(context.Background(), Credential{Token: token}, "192.0.2.1"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
