package catalog

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/selat-hub/selat/stix"
)

// placed is one object of the model: everything that a stream holds.
type placed struct {
	stream string
	seq    uint64
	index  int
	added  int64
	origin string
	id     string
	// version is empty for an object without; then key is its hash.
	version, key, spec string
}

func (p placed) text() string {
	version := p.version
	if version == "" {
		version = addedText(p.added)
	}
	return fmt.Sprintf("%s %s %s at %s/%d/%d %d", p.origin, p.id, version, p.stream, p.seq, p.index, p.added)
}

func itemText(it Item) string {
	return fmt.Sprintf("%s %s %s at %s/%d/%d %d", it.Origin, it.ID, it.Version, it.Place.Stream, it.Place.Seq, it.Place.Index, it.Place.Added)
}

func (p placed) record() Record {
	r := Record{
		Key: Key{p.origin, p.id, p.key}, Hash: sha256.Sum256([]byte(p.id + p.key)), Version: p.version, Spec: p.spec,
		Place: Place{Stream: p.stream, Seq: p.seq, Index: p.index, Audience: "a", Level: stix.Green, Added: p.added},
	}
	if p.version != "" {
		r.Lineage = stix.Lineage{Created: day1, Latest: p.key}
	}
	return r
}

// expected is what a query over a view finds, by looking at everything.
func expected(world []placed, v View, q Query) (out []string) {
	type object struct{ origin, id string }
	versions := map[object]map[string]placed{}
	for _, p := range world {
		open := slices.ContainsFunc(v.Parts, func(part Part) bool { return part.Stream == p.stream && p.seq >= part.From })
		if !open || q.Until > 0 && p.added > q.Until {
			continue
		}
		o := object{p.origin, p.id}
		if versions[o] == nil {
			versions[o] = map[string]placed{}
		}
		if first, known := versions[o][p.key]; !known || p.added < first.added {
			versions[o][p.key] = p
		}
	}
	var found []placed
	for o, byKey := range versions {
		typ, _, _ := strings.Cut(o.id, "--")
		if v.Origin != "" && v.Origin != o.origin || v.Type != "" && v.Type != typ ||
			len(q.Types) > 0 && !slices.Contains(q.Types, typ) || len(q.IDs) > 0 && !slices.Contains(q.IDs, o.id) {
			continue
		}
		var left []placed
		latest := ""
		for _, p := range byKey {
			latest = max(latest, p.spec)
		}
		for _, p := range byKey {
			if len(q.SpecVersions) == 0 && p.spec == latest || slices.Contains(q.SpecVersions, p.spec) {
				left = append(left, p)
			}
		}
		slices.SortFunc(left, func(a, b placed) int {
			if a.version == "" {
				return cmp.Compare(a.added, b.added)
			}
			return cmp.Compare(a.key, b.key) // the model's are of one precision
		})
		for i, p := range left {
			text := p.version
			if text == "" {
				text = addedText(p.added)
			}
			first, last := i == 0, i == len(left)-1
			if slices.Contains(q.Versions, VersionAll) || slices.Contains(q.Versions, text) || slices.Contains(q.Versions, VersionFirst) && first ||
				(slices.Contains(q.Versions, VersionLast) || len(q.Versions) == 0) && last {
				found = append(found, p)
			}
		}
	}
	slices.SortFunc(found, func(a, b placed) int { return cmp.Compare(a.added, b.added) })
	for _, p := range found {
		if p.added > q.After {
			out = append(out, p.text())
		}
	}
	return out
}

// drawWorld makes messages of several streams whose date_added rise over all.
func drawWorld(t *rapid.T) []placed {
	streams := []string{"CTI_A_CLEAR", "CTI_A_GREEN", "CTI_B_CLEAR"}
	ids := []string{"indicator--1", "indicator--2", "malware--1", "ipv4-addr--1", "ipv4-addr--00000000-0000-4000-8000-000000000001", "note--00000000-0000-4000-8000-000000000001"}
	seqs := map[string]uint64{}
	there := map[string]bool{}
	added := int64(1_000_000)
	var world []placed
	for range rapid.IntRange(0, 12).Draw(t, "messages") {
		stream := rapid.SampledFrom(streams).Draw(t, "stream")
		origin := rapid.SampledFrom([]string{"sg", "my"}).Draw(t, "origin")
		seqs[stream] += rapid.Uint64Range(1, 2).Draw(t, "gap")
		added += rapid.Int64Range(1, 3).Draw(t, "pause")
		index := 0
		for range rapid.IntRange(1, 4).Draw(t, "objects") {
			p := placed{stream: stream, seq: seqs[stream], index: index, added: added, origin: origin, id: rapid.SampledFrom(ids).Draw(t, "id"), spec: "2.1"}
			if strings.HasPrefix(p.id, "ipv4-addr") {
				p.key = rapid.SampledFrom([]string{"h1", "h2", "h3"}).Draw(t, "form")
			} else {
				p.version = rapid.SampledFrom([]string{day1, day2, day3}).Draw(t, "version")
				p.key = p.version
				if p.id == "malware--1" && p.version == day3 {
					p.spec = "2.0"
				}
			}
			// The hub stores a version once in a stream.
			if what := stream + origin + p.id + p.key; !there[what] {
				there[what] = true
				world = append(world, p)
				index, added = index+1, added+1
			}
		}
	}
	return world
}

func applyWorld(t testing.TB, x *Index, world []placed) {
	for from := 0; from < len(world); {
		to := from
		var records []Record
		for ; to < len(world) && world[to].stream == world[from].stream && world[to].seq == world[from].seq; to++ {
			records = append(records, world[to].record())
		}
		if err := x.Apply(world[from].stream, world[from].seq, records); err != nil {
			t.Fatal(err)
		}
		from = to
	}
}

// eraseSome takes objects away from a world and an index that holds it.
func eraseSome(t *rapid.T, x *Index, world []placed, record func(placed) Record) (left []placed) {
	messages := map[string]map[uint64][]Record{}
	gone := map[Place]bool{}
	for _, p := range world {
		r := record(p)
		if messages[p.stream] == nil {
			messages[p.stream] = map[uint64][]Record{}
		}
		messages[p.stream][p.seq] = append(messages[p.stream][p.seq], r)
		if gone[r.Place] = rapid.IntRange(0, 3).Draw(t, "erased") == 0; !gone[r.Place] {
			left = append(left, p)
		}
	}
	for stream, of := range messages {
		for _, message := range of {
			e := erasureOf(message, x.position(stream).seq+1, func(r *Record) bool { return gone[r.Place] })
			if len(e.Erased) == 0 {
				continue
			}
			if err := x.Erase(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	return left
}

func drawQuery(t *rapid.T, added int64) (v View, q Query) {
	for _, s := range []string{"CTI_A_CLEAR", "CTI_A_GREEN", "CTI_B_CLEAR", "CTI_NOWHERE_RED"} {
		if rapid.Bool().Draw(t, s) {
			v.Parts = append(v.Parts, Part{s, rapid.Uint64Range(1, 6).Draw(t, "from")})
		}
	}
	v.Origin = rapid.SampledFrom([]string{"", "", "sg"}).Draw(t, "only origin")
	v.Type = rapid.SampledFrom([]string{"", "", "indicator"}).Draw(t, "only type")
	some := func(name string, of ...string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 0, 2, rapid.ID[string]).Draw(t, name)
	}
	q.Types = some("types", "indicator", "ipv4-addr", "malware", "x")
	q.IDs = some("ids", "indicator--1", "ipv4-addr--1", "malware--1", "absent--1")
	q.SpecVersions = some("specs", "2.0", "2.1")
	q.Versions = some("versions", VersionFirst, VersionLast, VersionAll, day2, addedText(1_000_003))
	q.After = rapid.SampledFrom([]int64{0, added - 5, added - 1}).Draw(t, "after")
	q.Until = rapid.SampledFrom([]int64{0, added - 3}).Draw(t, "until")
	return v, q
}

func TestPagesHoldWhatAQueryAsksForOnceAndInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		x, err := Open(dir, small())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { closed(t, x) }()
		world := drawWorld(rt)
		applyWorld(t, x, world)
		last := int64(1_000_000)
		if n := len(world); n > 0 {
			last = world[n-1].added
		}
		if rapid.Bool().Draw(rt, "erase") {
			world = eraseSome(rt, x, world, placed.record)
		}
		for range 4 {
			v, q := drawQuery(rt, last)
			want := expected(world, v, q)
			var got []string
			for {
				q.Limit = rapid.IntRange(1, 5).Draw(rt, "limit")
				p, err := x.Page(t.Context(), v, q)
				if err != nil {
					t.Fatal(err)
				}
				for _, it := range p.Items {
					got = append(got, itemText(it))
				}
				if !p.More {
					break
				}
				if p.Next <= q.After {
					rt.Fatalf("the page after %d goes on after %d", q.After, p.Next)
				}
				q.After = p.Next
				if rapid.Bool().Draw(rt, "reopen") {
					closed(t, x)
					if x, err = Open(dir, small()); err != nil {
						t.Fatal(err)
					}
				}
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				rt.Fatalf("%+v %+v: %s", v, q, diff)
			}
		}
	})
}

func TestAPlaceThatWasOutOfSightIsToldToAViewThatHasGrown(t *testing.T) {
	x := opened(t, t.TempDir(), Options{})
	first := placed{"CTI_A_CLEAR", 1, 0, 3, "sg", "note--1", day1, day1, "2.1"}
	second := placed{"CTI_B_CLEAR", 1, 0, 9, "sg", "note--1", day1, day1, "2.1"}
	applyWorld(t, x, []placed{first, second})
	both := View{Parts: []Part{{"CTI_A_CLEAR", 1}, {"CTI_B_CLEAR", 1}}}
	for repeat, want := range map[bool]int{false: 0, true: 1} {
		p, err := x.Page(t.Context(), both, Query{After: 5, Limit: 10, Repeat: repeat})
		if err != nil || len(p.Items) != want || p.More {
			t.Errorf("repeat %v: %+v, %v", repeat, p, err)
		}
	}
}

func TestAStreamThatWasForgottenIsInNoPage(t *testing.T) {
	x := opened(t, t.TempDir(), Options{})
	p := placed{"CTI_A_CLEAR", 1, 0, 3, "sg", "note--1", day1, day1, "2.1"}
	applyWorld(t, x, []placed{p})
	if err := x.Forget(p.stream); err != nil {
		t.Fatal(err)
	}
	v := View{Parts: []Part{{p.stream, 1}}}
	for _, ids := range [][]string{nil, {p.id}} {
		if page, err := x.Page(t.Context(), v, Query{Limit: 1, IDs: ids}); err != nil || len(page.Items) > 0 {
			t.Errorf("%+v, %v", page, err)
		}
	}
	if c, err := x.Counts(p.stream); err != nil || len(c) > 0 {
		t.Errorf("%v, %v", c, err)
	}
	applyWorld(t, x, []placed{p})
	if page, err := x.Page(t.Context(), v, Query{Limit: 1}); err != nil || len(page.Items) != 1 {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestObjectsAreCountedByOriginTypeAndDay(t *testing.T) {
	x := opened(t, t.TempDir(), Options{})
	const day = microsPerDay
	applyWorld(t, x, []placed{
		{"CTI_A_CLEAR", 1, 0, 3, "sg", "note--1", day1, day1, "2.1"},
		{"CTI_A_CLEAR", 1, 1, 4, "sg", "note--2", day1, day1, "2.1"},
		{"CTI_A_CLEAR", 2, 0, day - 1, "sg", "note--3", day1, day1, "2.1"},
		{"CTI_A_CLEAR", 3, 0, day, "sg", "note--4", day1, day1, "2.1"},
		{"CTI_A_CLEAR", 4, 0, day + 1, "my", "malware--4", day1, day1, "2.1"},
	})
	var got []string
	counts, err := x.Counts("CTI_A_CLEAR")
	for _, c := range counts {
		got = append(got, fmt.Sprintf("%s %s %s %d", c.Origin, c.Type, c.Day.Format("2006-01-02"), c.Objects))
	}
	want := []string{"my malware 1970-01-02 1", "sg note 1970-01-01 3", "sg note 1970-01-02 1"}
	if diff := gocmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
