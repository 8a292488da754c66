package catalog

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/selat-hub/selat/stix"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		writeUntilKilled(dir)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// small makes many files of little data.
func small() Options {
	return Options{Logger: quiet, Key: &[32]byte{1, 2, 3}, CacheBytes: 1 << 20, tuning: tuning{memTable: 64 << 10, table: 32 << 10, remember: 1}}
}

// opened opens an index and closes it when the test ends.
func opened(t testing.TB, dir string, opts Options) *Index {
	t.Helper()
	if opts.Logger == nil {
		opts.Logger = quiet
	}
	x, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, x) })
	return x
}

func closed(t testing.TB, x *Index) {
	t.Helper()
	if err := x.Close(); err != nil {
		t.Error(err)
	}
}

func apply(t testing.TB, x *Index, stream string, through uint64, records ...Record) {
	t.Helper()
	if err := x.Apply(stream, through, records); err != nil {
		t.Fatal(err)
	}
}

// The made world: what three streams hold is a function of the sequence, so
// that a test knows what an index must say from its positions alone.
var madeStreams = []string{"CTI_REGION_CLEAR", "CTI_ASEAN_AMBER", "CTI_TH_RED"}

var madeLevels = []stix.Level{stix.Clear, stix.Amber, stix.Red}

// madeRecords returns what message seq of a stream holds: an object of its
// own, one of three versions of an object that the other streams hold too, and
// now and then a definition.
func madeRecords(stream int, seq uint64) []Record {
	place := Place{
		Stream: madeStreams[stream], Seq: seq, Audience: "a" + madeStreams[stream],
		Level: madeLevels[stream], Added: int64(seq) * 1000, Supporting: seq%3 == 0,
	}
	ids := []string{fmt.Sprintf("indicator--%d-%d", stream, seq), fmt.Sprintf("malware--%d", seq/3)}
	if seq%10 == 0 {
		ids = append(ids, fmt.Sprintf("marking-definition--%d", seq))
	}
	var out []Record
	for i, id := range ids {
		place.Index = i
		r := Record{
			Key:  Key{"sg", id, fmt.Sprintf("v%d", seq%7)},
			Hash: sha256.Sum256([]byte(id)), Place: place, Definition: i == 2,
		}
		if i == 1 {
			r.Key.Version = fmt.Sprintf("2026-01-0%dT00:00:00.000Z", 1+seq%3)
			r.Lineage = stix.Lineage{Created: day1, Latest: r.Key.Version}
		}
		out = append(out, r)
	}
	return out
}

func madeGroup(stream int, from, through uint64) []Record {
	var out []Record
	for seq := from; seq <= through; seq++ {
		out = append(out, madeRecords(stream, seq)...)
	}
	return out
}

// checkMade compares an index with its positions: all up to them and nothing
// beyond. It stops at the first ErrDamaged and reports it.
func checkMade(t testing.TB, x *Index) error {
	t.Helper()
	var at [3]uint64
	for s := range madeStreams {
		seq, added, err := x.Position(madeStreams[s])
		if errors.Is(err, ErrDamaged) {
			return err
		}
		if err != nil || added != int64(seq)*1000 {
			t.Fatalf("position of %s: %d, last added %d, %v", madeStreams[s], seq, added, err)
		}
		at[s] = seq
	}
	for seq := uint64(1); seq <= slices.Max(at[:])+30; seq++ {
		for s := range madeStreams {
			for _, r := range madeRecords(s, seq) {
				if err := checkMadeKey(t, x, r, at); err != nil {
					return err
				}
			}
		}
		if seq%10 != 0 {
			continue
		}
		id := fmt.Sprintf("marking-definition--%d", seq)
		for origin, want := range map[string]bool{"sg": seq <= slices.Max(at[:]), "my": seq <= at[0]} {
			got, err := x.HasDefinition(origin, id)
			if errors.Is(err, ErrDamaged) {
				return err
			}
			if err != nil || got != want {
				t.Fatalf("definition %s for %s: %v, %v, positions %v", id, origin, got, err, at)
			}
		}
	}
	return nil
}

func checkMadeKey(t testing.TB, x *Index, r Record, at [3]uint64) error {
	t.Helper()
	want := map[Place]bool{}
	for s := range madeStreams {
		// Only the first object of a message is the stream's own.
		if p := r.Place; p.Seq <= at[s] && (p.Index > 0 || p.Stream == madeStreams[s]) {
			p.Stream, p.Audience, p.Level = madeStreams[s], "a"+madeStreams[s], madeLevels[s]
			want[p] = true
		}
	}
	e, ok, err := x.Get(r.Key)
	if errors.Is(err, ErrDamaged) {
		return err
	}
	if err != nil || ok != (len(want) > 0) || ok && e.Hash != r.Hash {
		t.Fatalf("%v: known %v, %v, positions %v", r.Key, ok, err, at)
	}
	got := map[Place]bool{}
	for _, p := range e.Places {
		got[p] = true
	}
	if len(e.Places) != len(want) || !maps.Equal(got, want) {
		t.Fatalf("%v: places %v, want %v", r.Key, got, want)
	}
	return nil
}
