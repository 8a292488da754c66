package pattern

import (
	"context"
	"errors"
	"slices"
	"testing"
)

// FuzzMatch runs patterns against a few observations, tangled in time: no
// panic, no hang, the same answer twice, and a binding only of what there is.
func FuzzMatch(f *testing.F) {
	for _, source := range []string{
		"[file:size > 9007199254740992 AND file:hashes.'SHA-256' = 'ab']",
		"[email-message:to_refs[*].value LIKE '%@example._rg']",
		"[file:extensions.'windows-pebinary-ext'.sections[1].name MATCHES '^.d']",
		"[artifact:payload_bin MATCHES '^MZ\\\\xff$' OR file:magic_number_hex = h'4d5a']",
		"[ipv4-addr:value ISSUBSET '198.51.100.0/24'] FOLLOWEDBY [ipv6-addr:value ISSUPERSET '2001:db8::1']",
		"([x:v = 0] AND [x:v = 1]) WITHIN 3 SECONDS REPEATS 2 TIMES",
		"(([x:v = 0] AND [x:v = 2]) OR [x:v IN (1, 2)] REPEATS 2 TIMES) FOLLOWEDBY [x:v != 1]",
		"[x:v >= 0] START t'1970-01-01T00:00:00Z' STOP t'1970-01-01T00:00:09Z' REPEATS 5 TIMES",
		"[file:ctime > t'2024-01-01T00:00:00Z' AND NOT EXISTS file:mime_type]",
	} {
		f.Add(source)
	}
	observed := incidentObserved(f)
	for i := range 12 {
		observed = append(observed, seen(i%3, mixed(i)%10, mixed(i)%10+i%4, 1+i%2))
	}
	f.Fuzz(func(t *testing.T, source string) {
		p, err := Parse(source)
		if err != nil {
			return
		}
		binding, matched, err := p.Match(context.Background(), observed)
		if err != nil {
			if len(err.Error()) > 300 || matched || binding != nil {
				t.Fatalf("%v, %v: %v", binding, matched, err)
			}
			return
		}
		if matched != (len(binding) > 0) || !slices.IsSorted(binding) {
			t.Fatalf("matched is %v with %v", matched, binding)
		}
		for _, i := range binding {
			if i < 0 || i >= len(observed) {
				t.Fatalf("%d is no observation", i)
			}
		}
		again, _, err := p.Match(context.Background(), observed)
		if err != nil || !slices.Equal(again, binding) {
			t.Fatalf("%v and then %v, %v", binding, again, err)
		}
	})
}

// FuzzObservations reads anything: no panic, and what it reads keeps to its
// bounds.
func FuzzObservations(f *testing.F) {
	f.Add([]byte(incident))
	f.Add([]byte(`[{"type":"observed-data","first_observed":"2024-01-01T10:00:00Z","last_observed":"2024-01-01T10:00:00Z","number_observed":1e2,"objects":{"0":{"type":"x","v":1.50}}}]`))
	f.Add([]byte(`{"objects":[]} {"type":"mutex","id":"mutex--1"}`))
	p, err := Parse("[x:v = 1.5 OR x:a_ref.b_refs[*].c_hex != 'x']")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		observed, err := Observations(data)
		if err != nil {
			if len(err.Error()) > 300 || observed != nil {
				t.Fatal(err)
			}
			return
		}
		for _, o := range observed {
			if o.Number < 1 || o.Number > maxNumberObserved || o.Last.Before(o.First) {
				t.Fatalf("%+v", o)
			}
		}
		if _, _, err := p.Match(context.Background(), observed); err != nil && !errors.Is(err, ErrUndecided) {
			t.Fatal(err)
		}
	})
}
