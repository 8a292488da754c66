package broker

import (
	"slices"
	"testing"

	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/stix"
)

// flying is an entry with a version of one object.
func flying(modified, by string, revoked bool) *entry {
	o := &object{Object: stix.Object{Type: "note", ID: "note--00000000-0000-4000-8000-000000000001",
		Created: "2026-01-01T00:00:00.000Z", Modified: modified, CreatedByRef: by, Revoked: revoked}}
	return &entry{object: o, key: catalog.KeyOf("sg", &o.Object)}
}

func TestOnlyWhatContradictsWaitsForVersionsOnTheirWay(t *testing.T) {
	const day1, day2, day3 = "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z", "2026-01-03T00:00:00.000Z"
	l := newLedger()
	first, second, third := flying(day1, "identity--a", false), flying(day2, "", false), flying(day3, "identity--a", false)
	again, other := flying(day2, "", false), flying("2026-01-04T00:00:00.000Z", "identity--b", false)
	revoked := flying("2026-01-02T12:00:00.000Z", "", true)
	board := func(what string, e *entry, want bool) {
		t.Helper()
		if l.board(e) != want {
			t.Errorf("%s: on its way %v, want %v", what, !want, want)
		}
	}
	land := func(what string, e *entry, want ...*entry) {
		t.Helper()
		if got := l.land(e); !slices.Equal(got, want) {
			t.Errorf("%s: %d waited for it, want %d", what, len(got), len(want))
		}
	}
	board("the first", first, true)
	board("the first again", first, false)
	board("one that agrees", second, true)
	board("another", third, true)
	board("a version on its way", again, false)
	board("another creator", other, false)
	board("a revocation before the newest", revoked, false)
	land("the second", second, again)
	board("the second, later", second, true)
	land("the first", first, first)
	land("the third", third)
	land("the second, later", second, other, revoked)
	if len(l.held) != 0 {
		t.Errorf("%d objects are still held", len(l.held))
	}

	board("alone", revoked, true)
	board("after it", third, false)
	land("alone", revoked, third)
	board("decided anew", third, true)
	land("at last", third)
	if len(l.held) != 0 {
		t.Errorf("%d objects are still held", len(l.held))
	}
}

func TestWhatHasNoVersionsWaitsForItsOwnBytesOnly(t *testing.T) {
	l := newLedger()
	sco := func(b byte) *entry {
		o := &object{Object: stix.Object{Type: "file", ID: "file--00000000-0000-4000-8000-000000000001", Raw: []byte{b}}}
		return &entry{object: o, key: catalog.KeyOf("sg", &o.Object)}
	}
	a, b, again := sco(1), sco(2), sco(1)
	if !l.board(a) || !l.board(b) || l.board(again) {
		t.Fatal("other bytes wait, or the same do not")
	}
	if got := l.land(a); !slices.Equal(got, []*entry{again}) {
		t.Errorf("%d waited", len(got))
	}
	if got := l.land(b); len(got) != 0 || len(l.held) != 0 {
		t.Errorf("%d waited, %d held", len(got), len(l.held))
	}
}
