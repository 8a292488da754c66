package catalog

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/selat-hub/selat/stix"
)

// model is the index as plain maps.
type model struct {
	hash map[Key][32]byte
	// places by key, in the order applied.
	places map[Key][]Place
	own    map[Key]stix.Lineage
	at     map[string]uint64
	added  map[string]int64
	defs   map[definitionOf][]Place
	// messages has what is left of each, by its sequence; moved where it is.
	messages map[string]map[uint64][]Record
	moved    map[string]map[uint64]uint64
}

func newModel() *model {
	m := &model{map[Key][32]byte{}, map[Key][]Place{}, map[Key]stix.Lineage{}, map[string]uint64{}, map[string]int64{}, map[definitionOf][]Place{}, map[string]map[uint64][]Record{}, map[string]map[uint64]uint64{}}
	for _, s := range modelStreams {
		m.forget(s)
	}
	return m
}

type definitionOf struct{ origin, id string }

func (m *model) apply(stream string, through uint64, records []Record) {
	if through <= m.at[stream] {
		return
	}
	from := m.at[stream]
	m.at[stream] = through
	for _, r := range records {
		if r.Place.Seq <= from {
			continue
		}
		m.messages[stream][r.Place.Seq] = append(m.messages[stream][r.Place.Seq], r)
		m.added[stream] = max(m.added[stream], r.Place.Added)
		if len(m.places[r.Key]) > 0 && m.hash[r.Key] != r.Hash {
			continue
		}
		m.hash[r.Key], m.own[r.Key] = r.Hash, r.Lineage
		m.places[r.Key] = append(m.places[r.Key], r.Place)
		if r.Definition {
			d := definitionOf{r.Key.Origin, r.Key.ID}
			m.defs[d] = append(m.defs[d], r.Place)
		}
	}
}

func (m *model) forget(stream string) {
	of := func(p Place) bool { return p.Stream == stream }
	for k := range m.places {
		m.places[k] = slices.DeleteFunc(m.places[k], of)
	}
	for k := range m.defs {
		m.defs[k] = slices.DeleteFunc(m.defs[k], of)
	}
	delete(m.at, stream)
	delete(m.added, stream)
	m.messages[stream], m.moved[stream] = map[uint64][]Record{}, map[uint64]uint64{}
}

func (m *model) erase(e Erasure) {
	of := func(p Place) bool {
		return slices.ContainsFunc(e.Erased, func(r Record) bool {
			return p.Stream == e.Stream && p.Seq == e.Seq && p.Index == r.Place.Index
		})
	}
	for k := range m.places {
		m.places[k] = slices.DeleteFunc(m.places[k], of)
	}
	for k := range m.defs {
		m.defs[k] = slices.DeleteFunc(m.defs[k], of)
	}
	m.at[e.Stream] = max(m.at[e.Stream], e.Physical)
	m.messages[e.Stream][e.Seq] = e.Left
	m.moved[e.Stream][e.Seq] = e.Physical
	if len(e.Left) == 0 {
		delete(m.messages[e.Stream], e.Seq)
		delete(m.moved[e.Stream], e.Seq)
	}
}

// drawErasure takes some objects of a message away.
func (m *model) drawErasure(t *rapid.T, stream string) (e Erasure, some bool) {
	seqs := slices.Sorted(maps.Keys(m.messages[stream]))
	if len(seqs) == 0 {
		return e, false
	}
	e = Erasure{Stream: stream, Seq: rapid.SampledFrom(seqs).Draw(t, "message")}
	for i, r := range m.messages[stream][e.Seq] {
		if rapid.Bool().Draw(t, "erased") {
			e.Erased = append(e.Erased, r)
			continue
		}
		r.Offset, r.Length = 100*i, 99
		e.Left = append(e.Left, r)
	}
	if len(e.Left) > 0 {
		e.Physical = m.at[stream] + 1
	}
	return e, true
}

var (
	modelOrigins  = []string{"sg", "s", "my"}
	modelIDs      = []string{"indicator--1", "indicator--12", "marking-definition--1", "", versionedID}
	modelVersions = []string{"", day1, day2, day3, "v1", "v10", "v2"}
	modelStreams  = []string{"CTI_A_CLEAR", "CTI_A_GREEN", "CTI_A_CLEAR2"}
)

const (
	versionedID      = "note--1"
	day1, day2, day3 = "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z", "2026-01-03T00:00:00.000Z"
)

// lineageOf is what the bytes of a hash say of their version.
func lineageOf(version string, hash byte) stix.Lineage {
	l := stix.Lineage{Created: day1, Latest: version}
	switch hash {
	case 2:
		l.CreatedBy = "identity--b"
	case 3:
		l.CreatedBy, l.Revoked = "identity--a", version
	case 4:
		l.Created = "2025-12-31T00:00:00.000Z"
	}
	return l
}

// drawVersion makes the record one of an object that has versions.
func drawVersion(t *rapid.T, r *Record) {
	r.Key.Version = rapid.SampledFrom([]string{day1, day2, day3}).Draw(t, "modified")
	r.Hash[0] = byte(rapid.SampledFrom([]int{1, 1, 1, 2, 3, 4}).Draw(t, "bytes"))
	r.Lineage = lineageOf(r.Key.Version, r.Hash[0])
}

func drawRecord(t *rapid.T, stream string, seq uint64, index int) Record {
	r := Record{
		Key: Key{
			rapid.SampledFrom(modelOrigins).Draw(t, "origin"),
			rapid.SampledFrom(modelIDs).Draw(t, "id"),
			rapid.SampledFrom(modelVersions).Draw(t, "version"),
		},
		Place: Place{
			Stream: stream, Seq: seq, Index: index,
			Audience: rapid.SampledFrom([]string{"region", "asean", ""}).Draw(t, "audience"),
			Level:    rapid.SampledFrom(stix.Levels[:]).Draw(t, "level"),
			Added:    rapid.Int64Min(1).Draw(t, "added"), Supporting: rapid.Bool().Draw(t, "supporting"),
		},
	}
	r.Definition = strings.HasPrefix(r.Key.ID, "marking-definition--")
	r.Hash[0] = byte(rapid.SampledFrom([]int{1, 1, 1, 2}).Draw(t, "hash"))
	if r.Key.ID == versionedID {
		drawVersion(t, &r)
	}
	return r
}

func TestTheIndexIsItsModel(t *testing.T) {
	n := 0
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		n++
		dir := filepath.Join(root, fmt.Sprint(n))
		x, err := Open(dir, small())
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}()
		m := newModel()
		t.Repeat(map[string]func(*rapid.T){
			"apply": func(t *rapid.T) {
				stream := rapid.SampledFrom(modelStreams).Draw(t, "stream")
				from := m.at[stream] - min(m.at[stream], rapid.Uint64Range(0, 2).Draw(t, "overlap"))
				var records []Record
				through := from
				for range rapid.IntRange(0, 3).Draw(t, "messages") {
					through += rapid.Uint64Range(1, 3).Draw(t, "gap")
					for i := range rapid.IntRange(0, 3).Draw(t, "objects") {
						records = append(records, drawRecord(t, stream, through, i))
					}
				}
				through += rapid.Uint64Range(0, 2).Draw(t, "tail")
				if err := x.Apply(stream, through, records); err != nil {
					t.Fatal(err)
				}
				m.apply(stream, through, records)
			},
			"erase": func(t *rapid.T) {
				e, some := m.drawErasure(t, rapid.SampledFrom(modelStreams).Draw(t, "stream"))
				if !some {
					return
				}
				told := e
				if rapid.Bool().Draw(t, "nobody knows what was erased") {
					told.Erased = nil
				}
				for range rapid.IntRange(1, 2).Draw(t, "times") {
					if err := x.Erase(told); err != nil {
						t.Fatal(err)
					}
				}
				m.erase(e)
			},
			"scrub": func(t *rapid.T) {
				if err := x.Scrub(context.Background()); err != nil {
					t.Fatal(err)
				}
			},
			"forget": func(t *rapid.T) {
				stream := rapid.SampledFrom(modelStreams).Draw(t, "stream")
				if err := x.Forget(stream); err != nil {
					t.Fatal(err)
				}
				m.forget(stream)
			},
			"reopen": func(t *rapid.T) {
				if err := x.Close(); err != nil {
					t.Fatal(err)
				}
				if x, err = Open(dir, small()); err != nil || x.Recovered() != "" {
					t.Fatal(err, x.Recovered())
				}
			},
			"": func(t *rapid.T) { m.compare(t, x) },
		})
	})
}

func (m *model) compare(t *rapid.T, x *Index) {
	for _, s := range modelStreams {
		if seq, added, err := x.Position(s); seq != m.at[s] || added != m.added[s] || err != nil {
			t.Fatalf("position of %s: %d %d %v, want %d %d", s, seq, added, err, m.at[s], m.added[s])
		}
	}
	for stream, messages := range m.messages {
		for seq := range messages {
			if got, want := x.At(stream, seq), cmp.Or(m.moved[stream][seq], seq); got != want {
				t.Fatalf("%s message %d is at %d, want %d", stream, seq, got, want)
			}
		}
	}
	for _, origin := range modelOrigins {
		for _, id := range modelIDs {
			m.compareForms(t, x, origin, id)
			var want []string
			var lineage stix.Lineage
			for _, v := range modelVersions {
				k := Key{origin, id, v}
				e, ok, err := x.Get(k)
				if err != nil || ok != (len(m.places[k]) > 0) {
					t.Fatalf("%v: known %v, %v", k, ok, err)
				}
				if !ok {
					continue
				}
				want = append(want, v)
				lineage = lineage.Join(m.own[k])
				if d := gocmp.Diff(Entry{m.hash[k], m.places[k]}, e); d != "" {
					t.Fatalf("%v: %s", k, d)
				}
			}
			for _, v := range modelVersions {
				if _, got, _, err := x.Lookup(Key{origin, id, v}); err != nil || got != lineage {
					t.Fatalf("the lineage of %s %s: %+v, want %+v, %v", origin, id, got, lineage, err)
				}
			}
			if got, err := x.Versions(origin, id); err != nil || !slices.Equal(got, want) {
				t.Fatalf("versions of %s %s: %q, want %q, %v", origin, id, got, want, err)
			}
			has := len(m.defs[definitionOf{origin, id}]) > 0
			for _, other := range modelOrigins {
				has = has || slices.ContainsFunc(m.defs[definitionOf{other, id}], func(p Place) bool { return p.Level == stix.Clear })
			}
			if got, err := x.HasDefinition(origin, id); got != has || err != nil {
				t.Fatalf("definition %s for %s: %v, %v", id, origin, got, err)
			}
		}
	}
}

func (m *model) compareForms(t *rapid.T, x *Index, origin, id string) {
	seen := map[Key]bool{}
	err := x.EachForm(context.Background(), origin, id, func(k Key, e Entry, own stix.Lineage) error {
		if d := gocmp.Diff(Entry{m.hash[k], m.places[k]}, e); d != "" || own != m.own[k] || seen[k] {
			t.Fatalf("form %v twice %v, lineage %+v: %s", k, seen[k], own, d)
		}
		seen[k] = true
		return nil
	})
	for k, places := range m.places {
		if k.Origin == origin && k.ID == id && len(places) > 0 && !seen[k] {
			t.Fatalf("%v is no form of the object", k)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
