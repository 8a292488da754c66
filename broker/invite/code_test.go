package invite_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"
	"pgregory.net/rapid"

	"github.com/selat-hub/selat/broker/invite"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newCode() invite.Code {
	return invite.New("https://hub.example:7423", "ph/feed", invite.Pin{1, 2, 3})
}

func text(t testing.TB, c invite.Code) string {
	t.Helper()
	s, err := c.Text()
	must(t, err)
	return s
}

func TestACodeIsReadHoweverItWasWrapped(t *testing.T) {
	code := newCode()
	rapid.Check(t, func(t *rapid.T) {
		s, err := code.Text()
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "capitals") {
			s = strings.ToUpper(s)
		}
		for range rapid.IntRange(0, 8).Draw(t, "cuts") {
			at := rapid.IntRange(0, len(s)).Draw(t, "at")
			s = s[:at] + rapid.SampledFrom([]string{"\n", "\r\n", " ", "\n> ", "=\r\n", "\t", "\n| "}).Draw(t, "wrap") + s[at:]
		}
		if got, err := invite.Parse(s); err != nil || got != code {
			t.Fatalf("%q: %+v, %v", s, got, err)
		}
	})
}

func TestNoChangedOrShortenedCodeIsTaken(t *testing.T) {
	s := text(t, newCode())
	const begins = len("selat-invite-")
	for i := begins; i < len(s); i++ {
		if _, err := invite.Parse(s[:i]); !errors.Is(err, invite.ErrDamaged) {
			t.Errorf("cut off after %d of %d: %v", i, len(s), err)
		}
		other := byte('a')
		if s[i] == other {
			other = 'b'
		}
		if _, err := invite.Parse(s[:i] + string(other) + s[i+1:]); err == nil && i < len(s)-1 {
			t.Errorf("another letter at %d is taken", i)
		}
	}
	for _, bad := range []string{"", "selat", "selat_abc_def", strings.Repeat("x", 1<<16)} {
		if _, err := invite.Parse(bad); !errors.Is(err, invite.ErrNoCode) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

func TestACodeLeadsNowhereThatOthersCouldListen(t *testing.T) {
	pin := invite.Pin{1}
	for _, c := range []struct {
		name, url string
		pin       invite.Pin
		good      bool
	}{
		{"https with a pin", "https://hub.example:7423", pin, true},
		{"this machine without TLS", "http://127.0.0.1:7423", invite.Pin{}, true},
		{"this machine by name", "http://localhost:7423", invite.Pin{}, true},
		{"https without a pin", "https://hub.example:7423", invite.Pin{}, false},
		{"http elsewhere", "http://hub.example:7423", invite.Pin{}, false},
		{"http elsewhere with a pin", "http://hub.example:7423", pin, false},
		{"with a password", "https://a:b@hub.example", pin, false},
		{"no host", "https:///x", pin, false},
		{"another scheme", "file:///etc/passwd", pin, false},
	} {
		code := invite.New(c.url, "ph/feed", c.pin)
		if _, err := code.Text(); (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	code := invite.New("https://hub.example", "no seat", pin)
	if _, err := code.Text(); err == nil {
		t.Error("a code of no seat was written")
	}
}

func TestAProofIsOfOneKeyForOneInvitation(t *testing.T) {
	code, other := newCode(), newCode()
	key, err := nkeys.CreateUser()
	must(t, err)
	public, proof, err := code.Prove(key)
	must(t, err)
	stranger, err := nkeys.CreateUser()
	must(t, err)
	strange, err := stranger.PublicKey()
	must(t, err)
	account, err := nkeys.CreateAccount()
	must(t, err)
	ofAccount, byAccount, err := code.Prove(account)
	must(t, err)
	for _, c := range []struct {
		name                      string
		id, secret, public, proof string
		good                      bool
	}{
		{"as it was made", code.ID, code.Secret, public, proof, true},
		{"another invitation", other.ID, other.Secret, public, proof, false},
		{"another secret", code.ID, other.Secret, public, proof, false},
		{"another key", code.ID, code.Secret, strange, proof, false},
		{"no signature", code.ID, code.Secret, public, "", false},
		{"an account's key", code.ID, code.Secret, ofAccount, byAccount, false},
	} {
		if err := invite.CheckProof(c.id, c.secret, c.public, c.proof); (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzACodeThatIsTakenIsWrittenTheSame(f *testing.F) {
	s := text(f, newCode())
	f.Add(s)
	f.Add(s[:len(s)-1])
	f.Add("selat-invite-")
	f.Fuzz(func(t *testing.T, s string) {
		code, err := invite.Parse(s)
		if err != nil {
			return
		}
		again, err := invite.Parse(text(t, code))
		if err != nil || again != code {
			t.Fatalf("%q: %+v and then %+v, %v", s, code, again, err)
		}
	})
}
