package outbox

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/selat-hub/selat/feeds/source"
)

func TestWhatIsPutInBesideAReadingHidesNothingOfIt(t *testing.T) {
	s, err := Open(t.TempDir(), Options{})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	r, err := s.Begin("f", Rules{})
	must(t, err)
	for n := range 3 { // gathered, and not committed yet
		k := fmt.Sprintf("row%d", n)
		must(t, r.Row(source.Row{Key: k, Objects: []source.Draft{draft(k, 1)}}))
	}
	must(t, s.Put("f", "indicator--again", "", []byte(`{}`)))
	items, err := s.Next("f", 100, 1<<20)
	must(t, err)
	if len(items) != 1 || items[0].ID != "indicator--again" {
		t.Fatalf("%+v", items)
	}
	must(t, r.Complete(nil))
	must(t, s.NoteRead("f", []byte("hash")))
	if _, settled, err := s.HasRead("f", []byte("hash")); err != nil || settled {
		t.Errorf("a file whose objects wait is told to be settled, %v", err)
	}
	if n, _, err := s.Depth("f"); err != nil || n != 4 {
		t.Errorf("%d wait, not 4 (%v)", n, err)
	}
	for n := 4; n > 0; n -= len(items) {
		if items, err = s.Next("f", 1, 1<<20); err != nil || len(items) != 1 {
			t.Fatalf("%d are left, and the next are %+v, %v", n, items, err)
		}
		must(t, s.Settle("f", items))
	}
	if _, settled, err := s.HasRead("f", []byte("hash")); err != nil || !settled {
		t.Errorf("a file whose objects are settled is told not to be, %v", err)
	}
}

func TestWhatAReadingProposedThatDidNotEndYieldsToTheNext(t *testing.T) {
	s, err := Open(t.TempDir(), Options{})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	read := func(content int, end func(*Reading) error) int {
		t.Helper()
		r, err := s.Begin("f", Rules{Whole: true})
		must(t, err)
		must(t, r.Row(source.Row{Key: "row", Objects: []source.Draft{shared(content)}}))
		must(t, end(r))
		return r.New + r.Changed
	}
	complete := func(r *Reading) error { return r.Complete(nil) }
	read(3, complete)
	read(1, func(r *Reading) error { return r.Fail(errors.New("the line broke")) })
	if n := read(2, complete); n != 1 {
		t.Fatalf("%d versions were made of what changed once", n)
	}
	items, err := s.Next("f", 100, 1<<20)
	must(t, err)
	must(t, s.Settle("f", items))
	if items, err = s.Next("f", 100, 1<<20); err != nil || len(items) != 1 || !strings.Contains(string(items[0].Raw), `"family 2"`) {
		t.Errorf("what waits is %+v, %v", items, err)
	}
}
