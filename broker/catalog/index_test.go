package catalog

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/stix"
)

const green = "CTI_REGION_GREEN"

func one(id, version string, seq uint64, index int) Record {
	return Record{
		Key: Key{"sg", id, version}, Hash: [32]byte{1},
		Place: Place{Stream: green, Seq: seq, Index: index, Audience: "region", Level: stix.Green, Added: 1_000_000 + int64(seq)},
	}
}

func (r Record) in(stream, audience string, level stix.Level) Record {
	r.Place.Stream, r.Place.Audience, r.Place.Level = stream, audience, level
	return r
}

func places(t *testing.T, x *Index, k Key) []Place {
	t.Helper()
	e, ok, err := x.Get(k)
	if err != nil || ok != (len(e.Places) > 0) {
		t.Fatalf("%v: known %v with %d places, %v", k, ok, len(e.Places), err)
	}
	return e.Places
}

func TestWhatIsAppliedIsFound(t *testing.T) {
	dir := t.TempDir()
	a, b := one("indicator--1", "v1", 1, 0), one("indicator--1", "v2", 1, 1)
	inRed := a.in("CTI_TH_RED", "th", stix.Red)
	inRed.Place.Supporting = true
	second := inRed.in("CTI_MY_RED", "my", stix.Red)
	for _, reopened := range []bool{false, true} {
		x := opened(t, dir, Options{})
		if !reopened {
			apply(t, x, green, 4, a, b)
			apply(t, x, "CTI_TH_RED", 1, inRed)
			apply(t, x, "CTI_MY_RED", 1, second)
		}
		if d := cmp.Diff([]Place{a.Place, inRed.Place, second.Place}, places(t, x, a.Key)); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]Place{b.Place}, places(t, x, b.Key)); d != "" {
			t.Error(d)
		}
		if p := places(t, x, Key{"my", "indicator--1", "v1"}); p != nil {
			t.Error("another origin's object was found", p)
		}
		if p := places(t, x, Key{"sg", "indicator--1", "v"}); p != nil {
			t.Error("a prefix of a version was found", p)
		}
		v, err := x.Versions("sg", "indicator--1")
		if d := cmp.Diff([]string{"v1", "v2"}, v); d != "" || err != nil {
			t.Error(d, err)
		}
		if seq, added, err := x.Position(green); seq != 4 || added != 1_000_001 || err != nil {
			t.Error(seq, added, err)
		}
		if seq, added, err := x.Position("CTI_NOWHERE_RED"); seq != 0 || added != 0 || err != nil {
			t.Error(seq, added, err)
		}
		if m := x.Metrics(); m.Entries != 2 || m.Streams != 3 || m.DiskBytes == 0 || m.Conflicts != 0 || m.Damaged || m.WaitsForDisk {
			t.Errorf("%+v", m)
		}
		closed(t, x)
	}
}

func TestApplyingAgainChangesNothing(t *testing.T) {
	x := opened(t, t.TempDir(), Options{})
	a, b := one("indicator--1", "v1", 5, 0), one("indicator--2", "v1", 6, 0)
	apply(t, x, green, 5, a)
	apply(t, x, green, 5, a)
	apply(t, x, green, 3, one("indicator--3", "v1", 3, 0))
	apply(t, x, green, 6, a, b, b)
	for _, r := range []Record{a, b} {
		if d := cmp.Diff([]Place{r.Place}, places(t, x, r.Key)); d != "" {
			t.Error(d)
		}
	}
	if places(t, x, Key{"sg", "indicator--3", "v1"}) != nil {
		t.Error("a record below the position was applied")
	}
	if seq, _, err := x.Position(green); seq != 6 || err != nil {
		t.Error(seq, err)
	}
}

func TestOneKeyTwiceInOneGroupHasBothPlaces(t *testing.T) {
	x := opened(t, t.TempDir(), Options{})
	a, b := one("indicator--1", "v1", 1, 0), one("indicator--1", "v1", 1, 1)
	apply(t, x, green, 1, a, b)
	if d := cmp.Diff([]Place{a.Place, b.Place}, places(t, x, a.Key)); d != "" {
		t.Error(d)
	}
}

func TestOtherBytesUnderAKnownKeyAreLeftOut(t *testing.T) {
	x := opened(t, t.TempDir(), Options{})
	a, b := one("indicator--1", "v1", 1, 0), one("indicator--1", "v1", 2, 0)
	b.Hash[0] = 2
	apply(t, x, green, 1, a)
	apply(t, x, green, 2, b)
	e, _, err := x.Get(a.Key)
	if d := cmp.Diff(Entry{a.Hash, []Place{a.Place}}, e); d != "" || err != nil {
		t.Error(d, err)
	}
	if n := x.Metrics().Conflicts; n != 1 {
		t.Error(n)
	}
}

func TestApplyRefusesWholeGroups(t *testing.T) {
	good := one("indicator--1", "v1", 1, 0)
	for name, change := range map[string]func(r *Record){
		"a record of another stream":    func(r *Record) { r.Place.Stream = "CTI_ASEAN_GREEN" },
		"a record beyond the last":      func(r *Record) { r.Place.Seq = 3 },
		"a record without sequence":     func(r *Record) { r.Place.Seq = 0 },
		"a negative index":              func(r *Record) { r.Place.Index = -1 },
		"no level":                      func(r *Record) { r.Place.Level = stix.NoLevel },
		"a level that does not exist":   func(r *Record) { r.Place.Level = stix.Red + 1 },
		"an id with a NUL":              func(r *Record) { r.Key.ID = "a\x00b" },
		"an origin with a NUL":          func(r *Record) { r.Key.Origin = "a\x00b" },
		"a version with a NUL":          func(r *Record) { r.Key.Version = "\x00" },
		"an audience with a NUL":        func(r *Record) { r.Place.Audience = "\x00" },
		"a definition's id with a NUL":  func(r *Record) { r.Key.ID, r.Definition = "\x00", true },
		"an id that would end in a key": func(r *Record) { r.Key.ID = "indicator--1\x00v1" },
	} {
		t.Run(name, func(t *testing.T) {
			x := opened(t, t.TempDir(), Options{})
			bad := one("indicator--2", "v1", 2, 0)
			change(&bad)
			if err := x.Apply(green, 2, []Record{good, bad}); err == nil {
				t.Fatal("it was applied")
			}
			if places(t, x, good.Key) != nil {
				t.Error("a part of the group was applied")
			}
			if seq, _, err := x.Position(green); seq != 0 || err != nil {
				t.Error(seq, err)
			}
			apply(t, x, green, 2, good)
		})
	}
	x := opened(t, t.TempDir(), Options{})
	if _, _, err := x.Get(Key{"sg", "a\x00", "v"}); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
	if err := x.Apply("a\x00b", 1, nil); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
}

func TestAForgottenStreamIsAsIfItNeverWas(t *testing.T) {
	dir := t.TempDir()
	x := opened(t, dir, Options{})
	a := one("indicator--1", "v1", 1, 0)
	alone := one("marking-definition--2", "v1", 1, 1)
	alone.Definition = true
	other := a.in("CTI_ASEAN_GREEN", "asean", stix.Green)
	apply(t, x, green, 7, a, alone)
	apply(t, x, "CTI_ASEAN_GREEN", 1, other)
	for _, s := range []string{green, "CTI_NEVER_GREEN"} {
		if err := x.Forget(s); err != nil {
			t.Fatal(err)
		}
	}
	for _, reopened := range []bool{false, true} {
		if reopened {
			closed(t, x)
			x = opened(t, dir, Options{})
		}
		if d := cmp.Diff([]Place{other.Place}, places(t, x, a.Key)); d != "" {
			t.Error(d)
		}
		if places(t, x, alone.Key) != nil {
			t.Error("an object is still known")
		}
		if v, err := x.Versions("sg", alone.Key.ID); v != nil || err != nil {
			t.Error(v, err)
		}
		if has, err := x.HasDefinition("sg", alone.Key.ID); has || err != nil {
			t.Error(has, err)
		}
		if seq, added, err := x.Position(green); seq != 0 || added != 0 || err != nil {
			t.Error(seq, added, err)
		}
	}
	// Begun again, with other bytes at the same address: no conflict.
	alone.Hash[0] = 9
	apply(t, x, green, 1, alone)
	if d := cmp.Diff([]Place{alone.Place}, places(t, x, alone.Key)); d != "" {
		t.Error(d)
	}
	if places(t, x, a.Key)[0] != other.Place || x.Metrics().Conflicts != 0 {
		t.Error("the old stream came back")
	}
}

func TestADefinitionCountsForItsOriginOrWhenClear(t *testing.T) {
	x := opened(t, t.TempDir(), Options{})
	def := func(id, origin string, stream string, level stix.Level, seq uint64) {
		r := one(id, "v1", seq, 0).in(stream, "region", level)
		r.Key.Origin, r.Definition = origin, true
		apply(t, x, stream, seq, r)
	}
	def("marking-definition--g", "sg", green, stix.Green, 1)
	def("marking-definition--c", "sg", "CTI_REGION_CLEAR", stix.Clear, 1)
	def("marking-definition--both", "sg", green, stix.Green, 2)
	def("marking-definition--both", "th", "CTI_REGION_CLEAR", stix.Clear, 2)
	no := one("marking-definition--no", "v1", 3, 0)
	apply(t, x, green, 3, no)
	for name, c := range map[string]struct {
		origin, id string
		want       bool
	}{
		"its own at any level":           {"sg", "marking-definition--g", true},
		"another's above CLEAR":          {"my", "marking-definition--g", false},
		"its own at CLEAR":               {"sg", "marking-definition--c", true},
		"another's at CLEAR":             {"my", "marking-definition--c", true},
		"two origins, one at CLEAR":      {"my", "marking-definition--both", true},
		"nobody's":                       {"sg", "marking-definition--x", false},
		"a prefix of an id":              {"sg", "marking-definition--", false},
		"an object that is not one":      {"sg", "marking-definition--no", false},
		"an origin that begins the same": {"s", "marking-definition--g", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := x.HasDefinition(c.origin, c.id); got != c.want || err != nil {
				t.Error(got, err)
			}
		})
	}
}

func TestOpenTellsWhyItBeganAnew(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(t *testing.T, dir string)
		want string
	}{
		"nothing happened": {func(*testing.T, string) {}, ""},
		"another format": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, sealName), "selat index 0\n")
		}, "another format"},
		"no seal": {func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, sealName)); err != nil {
				t.Fatal(err)
			}
		}, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "not", "there")
			x := opened(t, dir, Options{})
			if x.Recovered() != "" {
				t.Error("a new index says", x.Recovered())
			}
			r := one("indicator--1", "v1", 1, 0)
			apply(t, x, green, 1, r)
			closed(t, x)
			c.do(t, dir)
			x = opened(t, dir, Options{})
			if got := x.Recovered(); !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
				t.Errorf("recovered %q", got)
			}
			if known := places(t, x, r.Key) != nil; known != (c.want == "") {
				t.Error("known:", known)
			}
		})
	}
}

func TestOpenRemovesNothingThatIsNotAnIndex(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "thesis.odt")
	write(t, mine, "years of work")
	write(t, filepath.Join(dir, "000001.log"), "x")
	if _, err := Open(dir, Options{Logger: quiet}); err == nil || !strings.Contains(err.Error(), "thesis.odt") {
		t.Fatal(err)
	}
	for _, f := range []string{"thesis.odt", "000001.log"} {
		if _, err := os.Stat(filepath.Join(dir, f)); err != nil {
			t.Error(err)
		}
	}
}

func TestAnIndexIsOpenOnce(t *testing.T) {
	dir := t.TempDir()
	x := opened(t, dir, Options{})
	r := one("indicator--1", "v1", 1, 0)
	apply(t, x, green, 1, r)
	if _, err := Open(dir, Options{Logger: quiet}); err == nil {
		t.Fatal("it was opened twice")
	}
	if places(t, x, r.Key) == nil {
		t.Error("opening it twice emptied it")
	}
	closed(t, x)
	closed(t, x)
	if _, _, err := x.Get(r.Key); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := x.Apply(green, 2, nil); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	x.Metrics()
}

func TestReadersSeeWholeGroupsWhileOthersWrite(t *testing.T) {
	x := opened(t, t.TempDir(), small())
	const groups, size = 60, 20
	var work sync.WaitGroup
	for s, stream := range madeStreams {
		work.Go(func() {
			for g := range uint64(groups / 3) {
				if err := x.Apply(stream, (g+1)*size, madeGroup(s, g*size+1, (g+1)*size)); err != nil {
					t.Error(err)
					return
				}
			}
		})
		work.Go(func() {
			for seen := uint64(0); seen < groups/3*size; {
				at, _, err := x.Position(stream)
				if err != nil {
					t.Error(err)
					return
				}
				for ; seen < at; seen++ {
					for _, r := range madeRecords(s, seen+1) {
						if _, ok, err := x.Get(r.Key); !ok || err != nil {
							t.Error(r.Key, "is not known below the position", err)
							return
						}
					}
				}
				x.Metrics()
			}
		})
	}
	work.Wait()
	if err := checkMade(t, x); err != nil {
		t.Error(err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
