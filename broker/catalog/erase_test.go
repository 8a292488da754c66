package catalog

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix/values"
)

func TestAMessageThatIsNotWhatIsLeftOfAnotherIsNamed(t *testing.T) {
	for name, c := range map[string]struct{ sequence, indexes string }{
		"no sequence":                  {"", "0,1"},
		"no positions":                 {"2", ""},
		"a sequence of its own":        {"8", "0,1"},
		"a sequence after it":          {"9", "0,1"},
		"a sequence of nothing":        {"0", "0,1"},
		"a sequence in another form":   {"+2", "0,1"},
		"too few positions":            {"2", "0"},
		"too many positions":           {"2", "0,1,2"},
		"positions that do not rise":   {"2", "1,1"},
		"positions that fall":          {"2", "4,1"},
		"a position that is no number": {"2", "0,x"},
		"a position below the first":   {"2", "-1,0"},
		"a position in another form":   {"2", "0,01"},
		"a position that is too high":  {"2", "0,2147483648"},
		"an end without a position":    {"2", "0,"},
	} {
		t.Run(name, func(t *testing.T) {
			x := opened(t, t.TempDir(), Options{})
			m := message(8, map[string]string{api.HeaderSequence: c.sequence, api.HeaderIndexes: c.indexes}, address, malware)
			_, err := x.CatchUp(t.Context(), shelf{m}, green, 8)
			if err == nil || !strings.Contains(err.Error(), "message 8") {
				t.Fatal(err)
			}
			if at, _, err := x.Position(green); at >= 8 || err != nil {
				t.Error(at, err)
			}
		})
	}
}

func TestAnErasureThatDoesNotFitIsRefused(t *testing.T) {
	x := opened(t, t.TempDir(), Options{})
	a, b := one("indicator--1", "v1", 1, 0), one("indicator--2", "v1", 1, 1)
	apply(t, x, green, 1, a, b)
	other := a
	other.Place.Seq = 2
	for name, e := range map[string]Erasure{
		"something left in no message": {Stream: green, Seq: 1, Left: []Record{a}, Erased: []Record{b}},
		"nothing left in a message":    {Stream: green, Seq: 1, Physical: 2, Erased: []Record{a, b}},
		"left in an earlier message":   {Stream: green, Seq: 1, Physical: 1, Left: []Record{a}},
		"left in another order":        {Stream: green, Seq: 1, Physical: 2, Left: []Record{b, a}},
		"an object of another message": {Stream: green, Seq: 1, Physical: 2, Left: []Record{a}, Erased: []Record{other}},
		"an object of another stream":  {Stream: "CTI_X_GREEN", Seq: 1, Physical: 2, Left: []Record{a}},
	} {
		if err := x.Erase(e); err == nil || errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if at, _, err := x.Position(green); at != 1 || err != nil {
		t.Error(at, err)
	}
	if e, _, err := x.Get(b.Key); len(e.Places) != 1 || err != nil {
		t.Error(e, err)
	}
}

// erasable is a stream of three messages, and what erases an object of the second.
func erasable(t *testing.T) (s shelf, moved Message, e Erasure) {
	t.Helper()
	at := func(second int) map[string]string {
		return map[string]string{api.HeaderAdded: fmt.Sprintf("2025-11-24T16:00:%02d.000100Z", second)}
	}
	s = shelf{message(1, at(1), noteVersion(day1, "")), message(2, at(2), noteVersion(day2, `,"revoked":true`), address), message(3, at(3), malware)}
	h := at(2)
	h[api.HeaderSequence], h[api.HeaderIndexes] = "2", "1"
	moved = message(4, h, address)
	_, before, err := read(green, s[1])
	if err != nil {
		t.Fatal(err)
	}
	_, left, err := read(green, moved)
	if err != nil {
		t.Fatal(err)
	}
	return s, moved, Erasure{Stream: green, Seq: 2, Physical: 4, Left: left, Erased: before[:1]}
}

func checkErased(t *testing.T, x *Index) {
	t.Helper()
	if l := lineage(t, x, "sg", noteID); l.Latest != day1 || l.Revoked != "" {
		t.Errorf("the lineage is %+v", l)
	}
	if v, err := x.Versions("sg", noteID); !slices.Equal(v, []string{day1}) || err != nil {
		t.Error(v, err)
	}
	if at := x.At(green, 2); at != 4 {
		t.Errorf("message 2 is at %d", at)
	}
	page, err := x.Page(t.Context(), View{Parts: []Part{{green, 1}}}, Query{Limit: 10})
	if err != nil || len(page.Items) != 3 {
		t.Fatalf("%+v, %v", page, err)
	}
	if it := page.Items[1]; it.Place.Seq != 2 || it.Place.Index != 1 || it.Physical != 4 || page.Items[0].Physical != 1 {
		t.Errorf("%+v", page.Items)
	}
}

// A power cut keeps an erasure, and all that came before it, from the moment it
// returned; whatever it takes before that the streams have.
func TestAnErasureOutlivesAPowerCut(t *testing.T) {
	s, moved, e := erasable(t)
	for name, told := range map[string]bool{"told": true, "not told": false} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			mem := vfs.NewCrashableMem()
			if err := mem.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			for at := dir; at != "/"; {
				at = filepath.Dir(at)
				parent, err := mem.OpenDir(at)
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(parent.Sync(), parent.Close()); err != nil {
					t.Fatal(err)
				}
			}
			opts := small()
			opts.tuning.fs = mem
			x := opened(t, dir, opts)
			if _, err := x.CatchUp(t.Context(), s, green, 3); err != nil {
				t.Fatal(err)
			}
			if told {
				if err := x.Erase(e); err != nil {
					t.Fatal(err)
				}
			}
			opts.tuning.fs = mem.CrashClone(vfs.CrashCloneCfg{})
			closed(t, x)
			x = opened(t, dir, opts)
			if x.Recovered() != "" {
				t.Fatal(x.Recovered())
			}
			at, _, err := x.Position(green)
			if want := map[bool]uint64{true: 4, false: 0}[told]; at != want || err != nil {
				t.Fatalf("the position is %d, want %d: %v", at, want, err)
			}
			if _, err := x.CatchUp(t.Context(), append(slices.Clone(s), moved), green, 4); err != nil {
				t.Fatal(err)
			}
			checkErased(t, x)
			if v := verify(t, x, append(slices.Clone(s), moved), green); v.Wrong > 0 {
				t.Errorf("%q", v.Differences)
			}
		})
	}
}

// An order that is older than what is known brings nothing back.
func TestAnErasureThatIsOutdatedChangesNothing(t *testing.T) {
	s, _, e := erasable(t)
	x := opened(t, t.TempDir(), Options{})
	if _, err := x.CatchUp(t.Context(), s, green, 3); err != nil {
		t.Fatal(err)
	}
	if err := x.Erase(e); err != nil {
		t.Fatal(err)
	}
	rest := Erasure{Stream: green, Seq: 2, Erased: e.Left}
	for _, next := range []Erasure{rest, e, rest} {
		if err := x.Erase(next); err != nil {
			t.Fatal(err)
		}
		if _, known, err := x.Get(e.Left[0].Key); known || err != nil {
			t.Error(known, err)
		}
		if at := x.At(green, 2); at != 2 {
			t.Errorf("of message 2 nothing is left, and it is at %d", at)
		}
	}
	if err := x.Forget(green); err != nil {
		t.Fatal(err)
	}
}

func TestWhoReadsWhileSomethingIsErasedFindsNoDamage(t *testing.T) {
	x := opened(t, t.TempDir(), small())
	asked := thing{kind: values.Domain, text: "example.com"}
	said := map[string]saying{}
	var world []placed
	for i := range 400 {
		p := placed{stream: "CTI_A_CLEAR", seq: uint64(1 + i/4), index: i % 4, added: int64(1 + i), origin: "sg", id: fmt.Sprintf("indicator--%d", i/2), version: day1, key: day1, spec: "2.1"}
		if i%2 == 1 {
			p.version, p.key = day2, day2
		}
		world = append(world, p)
		said[p.id+p.key] = saying{things: []thing{asked}, roles: []values.Role{values.Decisive}}
	}
	applySayings(t, x, world, said)
	v := View{Parts: []Part{{"CTI_A_CLEAR", 1}}}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for n := range 4 {
		readers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				var err error
				switch n {
				case 0:
					_, err = x.Page(t.Context(), v, Query{Limit: 1000, Versions: []string{VersionLast}})
				case 1:
					_, err = x.Page(t.Context(), View{Parts: v.Parts, Origin: "sg"}, Query{Limit: 1000})
				case 2:
					_, _, err = x.Mentions(t.Context(), v, Question{Key: asked.key(), Limit: 1000})
				case 3:
					// The older version of every object stays.
					id := fmt.Sprintf("indicator--%d", i%200)
					var p Page
					p, err = x.Page(t.Context(), v, Query{Limit: 10, IDs: []string{id}})
					if err == nil && len(p.Items) == 0 {
						err = errors.New(id + " is not told")
					}
					if _, known, gerr := x.Get(Key{"sg", id, day1}); gerr != nil || !known {
						err = errors.Join(err, gerr, errors.New(id+" is not known"))
					}
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for from := 0; from < len(world); from += 4 {
		var message []Record
		for _, p := range world[from : from+4] {
			message = append(message, sayingRecord(p, said))
		}
		e := erasureOf(message, x.position("CTI_A_CLEAR").seq+1, func(r *Record) bool { return r.Version == day2 })
		if err := x.Erase(e); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	readers.Wait()
}
