package catalog

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/selat-hub/selat/stix"
)

func drawStored(t *rapid.T) stored {
	var s stored
	copy(s.hash[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
	s.places = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) storedPlace {
		return storedPlace{
			stream: rapid.Uint32().Draw(t, "stream"), audience: rapid.Uint32().Draw(t, "audience"),
			seq: rapid.Uint64().Draw(t, "seq"), index: rapid.IntRange(0, 1<<31-1).Draw(t, "index"),
			level: rapid.SampledFrom(stix.Levels[:]).Draw(t, "level"), supporting: rapid.Bool().Draw(t, "supporting"),
			added: rapid.Int64().Draw(t, "added"),
		}
	}), 0, 20).Draw(t, "places")
	if rapid.Bool().Draw(t, "has versions") {
		s.own = drawLineage(t)
		if s.newest = rapid.Bool().Draw(t, "newest"); s.newest {
			s.forgotten = rapid.Uint32().Draw(t, "forgotten")
			s.all = s.own.Join(drawLineage(t))
		}
	}
	return s
}

func drawLineage(t *rapid.T) stix.Lineage {
	instant := rapid.SampledFrom([]string{"2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z", "2026-01-02T00:00:00.0001Z"})
	l := stix.Lineage{Created: instant.Draw(t, "created"), Latest: instant.Draw(t, "latest")}
	l.CreatedBy = rapid.SampledFrom([]string{
		"", "identity--00000000-0000-4000-8000-00000000000a", "identity--00000000-0000-4000-8000-00000000000B",
		"identity--no", "identity--000000000000-4000-8000-00000000000a00000", "x-desk--00000000-0000-4000-8000-00000000000a"}).Draw(t, "by")
	if rapid.Bool().Draw(t, "revoked") {
		l.Revoked = instant.Draw(t, "revoked at")
	}
	return l
}

func TestAValueReadsBackAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawStored(t)
		b := want.append(nil)
		var got stored
		if err := got.decode(b); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmp.AllowUnexported(stored{}, storedPlace{})); d != "" {
			t.Fatal(d)
		}
		if len(b) > 2+32+10+10+2*maxLineageText+len(want.places)*maxPlaceBytes {
			t.Fatalf("%d bytes for %d places", len(b), len(want.places))
		}
		for n := range len(b) {
			if err := got.decode(b[:n]); !errors.Is(err, errFormat) {
				t.Fatalf("a value cut at %d of %d: %v", n, len(b), err)
			}
		}
	})
}

// The format on disk does not change unnoticed: another one needs another
// valueVersion and format.
func TestAValueOnDiskIsThis(t *testing.T) {
	s := stored{places: []storedPlace{{stream: 3, audience: 1, seq: 300, index: 7, level: stix.Amber, supporting: true, added: 1_764_000_000_000_000}}}
	s.hash[0] = 0xab
	const place = "01" + "03" + "01" + "ac02" + "07" + "83" + "80809296a896a206"
	zeros := strings.Repeat("00", 31)
	want := "0200ab" + zeros + place
	if got := hex.EncodeToString(s.append(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	text := func(s string) string { return fmt.Sprintf("%02x%x", len(s), s) }
	first, second := "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"
	s.newest, s.forgotten = true, 5
	s.own = stix.Lineage{Created: first, Latest: second, CreatedBy: "identity--00000000-0000-4000-8000-00000000000a", Revoked: second}
	s.all = stix.Lineage{Created: first, Latest: second, Revoked: first}
	want = "0207ab" + zeros + "0a" + text(second) + "0000000000004000800000000000000a" + text(first) + "05" +
		"04" + text(second) + "00" + text(first) + text(first) + place
	if got := hex.EncodeToString(s.append(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzValue(f *testing.F) {
	one := stored{places: []storedPlace{{seq: 1, level: stix.Red}}}
	f.Add(one.append(nil))
	two := stored{places: []storedPlace{{stream: 1, seq: 1 << 40, index: 9999, level: stix.Clear, added: -1}, {audience: 9, seq: 5, level: stix.Green, supporting: true}}}
	f.Add(two.append(nil))
	f.Add([]byte{})
	none := stored{}
	f.Add(append(binary.AppendUvarint(none.append(nil)[:34], 1<<30), 1, 2, 3))
	newest := stored{newest: true, own: stix.Lineage{Created: "a", Latest: "b", Revoked: "b"}, all: stix.Lineage{Created: "a", Latest: "b", CreatedBy: "c", Revoked: "a"}}
	f.Add(newest.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s, again stored
		if err := s.decode(b); err != nil {
			if !errors.Is(err, errFormat) {
				t.Fatal(err)
			}
			return
		}
		if err := again.decode(s.append(nil)); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(s, again, cmp.AllowUnexported(stored{}, storedPlace{})); d != "" {
			t.Fatal(d)
		}
	})
}

func TestRunsJoinOnlyWhenTheyTouch(t *testing.T) {
	for name, c := range map[string]struct{ older, newer, want run }{
		"neighbours join":            {run{1, 3}, run{4, 4}, run{1, 4}},
		"a gap is a hole":            {run{1, 3}, run{5, 5}, run{}},
		"an overlap is a hole":       {run{1, 3}, run{3, 4}, run{}},
		"a hole stays a hole":        {run{}, run{4, 4}, run{}},
		"nothing mends a later hole": {run{1, 3}, run{}, run{}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.older.join(c.newer); got != c.want {
				t.Error(got)
			}
			merger := chainMerger()
			m, err := merger.Merge(nil, c.older.bytes())
			if err != nil {
				t.Fatal(err)
			}
			if err := m.MergeNewer(c.newer.bytes()); err != nil {
				t.Fatal(err)
			}
			v, _, err := m.Finish(true)
			if err != nil || parseRun(v) != c.want {
				t.Error(v, err)
			}
		})
	}
	if parseRun([]byte("short")) != (run{}) || parseRun(run{5, 4}.bytes()) != (run{}) {
		t.Error("nonsense is no run")
	}
}
