package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/selat-hub/selat/broker/policy"
)

func TestCheckNewToken(t *testing.T) {
	holder := &policy.Seat{Name: "my/feed", Member: "my", Tokens: []policy.Token{{ID: "aaaaaaaaaaaaaaaa"}}}
	full := &policy.Seat{Name: "my/full", Member: "my"}
	for i := range policy.MaxTokens {
		full.Tokens = append(full.Tokens, policy.Token{ID: fmt.Sprintf("full%012d", i)})
	}
	r := policy.NewRegion(nil, map[string]*policy.Seat{holder.Name: holder, full.Name: full}, nil)
	good := policy.Token{ID: "bbbbbbbbbbbb", Hash: "$argon2id$"}
	with := func(edit func(*policy.Token)) policy.Token {
		c := good
		edit(&c)
		return c
	}
	for _, c := range []struct {
		name  string
		seat  *policy.Seat
		token policy.Token
		want  string
	}{
		{"a plain token passes", holder, good, ""},
		{"a label of the longest kind passes", holder, with(func(k *policy.Token) { k.Label = strings.Repeat("é", policy.MaxTokenLabel) }), ""},
		{"one more than a seat may have is refused", full, good, "token-many"},
		{"a short id is refused", holder, with(func(k *policy.Token) { k.ID = "bbbbbbbbbbb" }), "token-invalid"},
		{"an id with a separator is refused", holder, with(func(k *policy.Token) { k.ID = "bbbbbb_bbbbbb" }), "token-invalid"},
		{"an id in upper case is refused", holder, with(func(k *policy.Token) { k.ID = "BBBBBBBBBBBB" }), "token-invalid"},
		{"an id in use by the same seat is refused", holder, with(func(k *policy.Token) { k.ID = "aaaaaaaaaaaaaaaa" }), "token-invalid"},
		{"an id in use by another seat is refused", holder, with(func(k *policy.Token) { k.ID = "full000000000003" }), "token-invalid"},
		{"a token without a hash is refused", holder, with(func(k *policy.Token) { k.Hash = "" }), "token-invalid"},
		{"a label that is too long is refused", holder, with(func(k *policy.Token) { k.Label = strings.Repeat("x", policy.MaxTokenLabel+1) }), "label-invalid"},
		{"a label of two lines is refused", holder, with(func(k *policy.Token) { k.Label = "a\nb" }), "label-invalid"},
		{"a label that moves the cursor is refused", holder, with(func(k *policy.Token) { k.Label = "\x1b[2J" }), "label-invalid"},
		{"a label that is no UTF-8 is refused", holder, with(func(k *policy.Token) { k.Label = "\xff" }), "label-invalid"},
	} {
		if got := code(r.CheckNewToken(c.seat, &c.token)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestATokenExpiresAtItsTimeAndNotBefore(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		expires, now time.Time
		want         bool
	}{
		"without a time, never": {time.Time{}, at, false},
		"before its time":       {at, at.Add(-1), false},
		"at its time":           {at, at, true},
		"after its time":        {at, at.Add(1), true},
	} {
		if got := (&policy.Token{Expires: c.expires}).Expired(c.now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestWhatIsPublicOfASeatHasNoHashes(t *testing.T) {
	s := &policy.Seat{Name: "my/feed", Tokens: []policy.Token{{ID: "a", Hash: "secret", Label: "x"}, {ID: "b", Hash: "secret"}}}
	got := s.Public()
	want := policy.Seat{Name: "my/feed", Tokens: []policy.Token{{ID: "a", Label: "x"}, {ID: "b"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s.Tokens[0].Hash != "secret" || s.Tokens[1].Hash != "secret" {
		t.Error("the directory's own record lost its hashes")
	}
}

func TestALiteralRegionFindsTokensAsTheIndexDoes(t *testing.T) {
	ids := []string{"", "one", "two", "three"}
	rapid.Check(t, func(t *rapid.T) {
		seats := map[string]*policy.Seat{}
		for _, name := range someOf(t, "seat", []string{"my/a", "my/b", "sg/a"}) {
			s := &policy.Seat{Name: name}
			for i := range rapid.IntRange(0, 3).Draw(t, "tokens") {
				s.Tokens = append(s.Tokens, policy.Token{ID: rapid.SampledFrom(ids).Draw(t, "id"), Label: fmt.Sprint(name, i)})
			}
			seats[name] = s
		}
		indexed, literal := policy.NewRegion(nil, seats, nil), &policy.Region{Seats: seats}
		for _, id := range append(ids, "none") {
			s1, t1 := indexed.SeatByToken(id)
			s2, t2 := literal.SeatByToken(id)
			if s1 != s2 || t1 != t2 {
				t.Fatalf("%q: %v %v by the index, %v %v without", id, s1, t1, s2, t2)
			}
			if (s1 == nil) != (t1 == nil) || t1 != nil && t1.ID != id || id == "" && s1 != nil {
				t.Fatalf("%q: %v %v", id, s1, t1)
			}
		}
	})
}
