package catalog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"github.com/selat-hub/selat/stix"
	"github.com/selat-hub/selat/stix/values"
)

// plain makes files in which a name or value that is there can be found.
func plain() Options {
	o := small()
	o.Key, o.tuning.legible = nil, true
	return o
}

// uniqueRecords are messages of objects that each have a name and values of their
// own; some are versions of one, some forms of one, some definitions.
func uniqueRecords(random *rand.Rand, from, messages, each int) (out [][]Record) {
	id := func() string {
		var u uuid.UUID
		for i := range u {
			u[i] = byte(random.Uint32())
		}
		return u.String()
	}
	added := int64(from) * 1_000_000
	for seq := from; seq < from+messages; seq++ {
		var message []Record
		for i := range each {
			added++
			r := Record{
				Key:   Key{"sg", "indicator--" + id(), day1},
				Hash:  sha256.Sum256([]byte(id())),
				Place: Place{Stream: green, Seq: uint64(seq), Index: i, Audience: "region", Level: stix.Green, Added: added},
				// An object of some size.
				Version: day1, Offset: 100 * i, Length: 99,
				Values: values.Reading{Keys: []values.Key{{Kind: values.Domain, Role: values.Decisive, Bytes: []byte("example." + id())}}},
			}
			r.Lineage = stix.Lineage{Created: day1, Latest: day1}
			switch {
			case i%5 == 3:
				r.Key.ID, r.Key.Version = "domain-name--"+id(), fmt.Sprintf("%x", sha256.Sum256([]byte(id())))
				r.Version, r.Lineage = "", stix.Lineage{}
			case i%5 == 4:
				r.Key.ID, r.Definition = "marking-definition--"+id(), true
				r.Lineage = stix.Lineage{}
			case i%5 == 2:
				r.Key.ID, r.Key.Version = message[i-1].Key.ID, day2
				r.Version, r.Lineage.Latest = day2, day2
			}
			message = append(message, r)
		}
		out = append(out, message)
	}
	return out
}

// erasureOf takes objects away from a message of which nothing moved before.
func erasureOf(message []Record, physical uint64, gone func(*Record) bool) Erasure {
	e := Erasure{Stream: message[0].Place.Stream, Seq: message[0].Place.Seq}
	for _, r := range message {
		if gone(&r) {
			e.Erased = append(e.Erased, r)
		} else {
			e.Left = append(e.Left, r)
		}
	}
	if len(e.Left) > 0 {
		e.Physical = physical
	}
	return e
}

// traces are what of records could be found in a file: identifiers as text and as
// they stand in lists, and values.
func traces(records []Record) (out [][]byte) {
	for i := range records {
		id := records[i].Key.ID
		u := uuid.MustParse(id[len(id)-uuidLen:])
		out = append(out, []byte(id[len(id)-20:]), bytes.Clone(u[8:]))
		for _, k := range records[i].Values.Keys {
			out = append(out, k.Bytes[len(k.Bytes)-20:])
		}
		if v := records[i].Key.Version; records[i].Version == "" {
			out = append(out, []byte(v[len(v)-20:]))
		}
		out = append(out, records[i].Hash[16:])
	}
	return out
}

// found tells which of the traces stand in a file of a folder.
func found(t testing.TB, dir string, traces [][]byte) map[string]int {
	t.Helper()
	in := map[string]int{}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if errors.Is(err, os.ErrNotExist) {
			continue // removed by now
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, trace := range traces {
			if bytes.Contains(b, trace) {
				in[f.Name()]++
			}
		}
	}
	return in
}

func TestAfterAScrubNoFileHoldsWhatWasErased(t *testing.T) {
	for name, c := range map[string]struct {
		// reopened closes and opens the index between erasing and scrubbing.
		messages int
		reopened bool
		of       int // one of so many objects is erased, or all for 1
	}{
		"one of a few in memory":       {messages: 1, of: 20},
		"all of a few":                 {messages: 3, of: 1},
		"some of many, in many tables": {messages: 300, of: 40},
		"one of many":                  {messages: 300, of: 5000},
		"some of many, when reopened":  {messages: 300, of: 40, reopened: true},
		"all of a few, when reopened":  {messages: 2, of: 1, reopened: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			x := opened(t, dir, plain())
			random := rand.New(rand.NewPCG(1, uint64(c.messages)))
			messages := uniqueRecords(random, 1, c.messages, 20)
			for _, m := range messages {
				apply(t, x, green, m[0].Place.Seq, m...)
			}
			for round := range 3 {
				n := 0
				physical := uint64(c.messages) * uint64(round+1)
				var erased []Record
				last := false
				gone := func(r *Record) bool {
					if n++; r.Version != day2 { // which has the name of the one before it
						last = (n-1)%c.of == 0
					}
					return last
				}
				for i, m := range messages {
					e := erasureOf(m, physical+uint64(i)+1, gone)
					if len(e.Erased) == 0 {
						continue
					}
					if err := x.Erase(e); err != nil {
						t.Fatal(err)
					}
					if round == 0 && i == 0 {
						if in := found(t, dir, traces(e.Erased)); len(in) == 0 {
							t.Fatal("what is to be erased is in no file")
						}
					}
					messages[i], erased = e.Left, append(erased, e.Erased...)
				}
				if c.reopened {
					closed(t, x)
					x = opened(t, dir, plain())
				}
				if err := x.Scrub(t.Context()); err != nil {
					t.Fatal(err)
				}
				if in := found(t, dir, traces(erased)); len(in) > 0 {
					t.Fatalf("round %d: of %d objects erased, traces are in %v", round, len(erased), in)
				}
				messages = leftOf(messages)
				for _, m := range messages {
					for i := range m {
						if e, known, err := x.Get(m[i].Key); !known || err != nil || len(e.Places) != 1 {
							t.Fatalf("what was left is known %v: %v", known, err)
						}
					}
				}
				if c.of == 1 {
					return
				}
			}
		})
	}
}

func leftOf(messages [][]Record) (out [][]Record) {
	for _, m := range messages {
		if len(m) > 0 {
			out = append(out, m)
		}
	}
	return out
}

// Whoever still reads holds files back; a scrub says so by waiting.
func TestAScrubWaitsForThoseWhoRead(t *testing.T) {
	dir := t.TempDir()
	x := opened(t, dir, plain())
	messages := uniqueRecords(rand.New(rand.NewPCG(2, 2)), 1, 50, 20)
	for _, m := range messages {
		apply(t, x, green, m[0].Place.Seq, m...)
	}
	if err := x.db.Flush(); err != nil {
		t.Fatal(err)
	}
	it, err := x.db.NewIter(nil)
	if err != nil || !it.First() {
		t.Fatal(err)
	}
	e := erasureOf(messages[0], 51, func(r *Record) bool { return r.Place.Index == 0 })
	if err := x.Erase(e); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	scrubbed := make(chan error)
	go func() { scrubbed <- x.Scrub(ctx) }()
	cancel()
	if err := <-scrubbed; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	if err := x.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	if in := found(t, dir, traces(e.Erased)); len(in) > 0 {
		t.Errorf("traces are in %v", in)
	}
}

func BenchmarkScrub(b *testing.B) {
	for _, objects := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(objects), func(b *testing.B) {
			x := opened(b, b.TempDir(), Options{Key: &[32]byte{1}})
			random := rand.New(rand.NewPCG(3, 3))
			var some [][]Record
			last := objects / 100
			for from := 1; from <= last; from += 100 {
				messages := uniqueRecords(random, from, 100, 100)
				var group []Record
				for _, m := range messages {
					group = append(group, m...)
				}
				apply(b, x, green, uint64(from+99), group...)
				some = append(some, messages[7])
			}
			if err := x.db.Flush(); err != nil {
				b.Fatal(err)
			}
			random.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
			before := x.Metrics().DiskBytes
			b.ResetTimer()
			for i := range b.N {
				if i == len(some) {
					b.Fatal("too few messages")
				}
				last++
				if err := x.Erase(erasureOf(some[i], uint64(last), func(r *Record) bool { return r.Place.Index == 50 })); err != nil {
					b.Fatal(err)
				}
				if err := x.Scrub(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(before)/1e6, "MB")
		})
	}
}
