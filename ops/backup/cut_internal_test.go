package backup

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"github.com/nats-io/nats-server/v2/server/archive"
	"pgregory.net/rapid"
)

// cutAll cuts messages and returns the pieces, and their content by name.
func cutAll(t rapid.TB, messages []message) ([]Chunk, map[string][]byte) {
	held := map[string][]byte{}
	c := &cutter{put: func(plain []byte) (Chunk, error) {
		name := fmt.Sprintf("%x", sha256.Sum256(plain))
		held[name] = bytes.Clone(plain)
		return Chunk{Name: name, Size: int64(len(plain))}, nil
	}}
	for i := range messages {
		if err := c.add(&messages[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.flush(); err != nil {
		t.Fatal(err)
	}
	return c.out, held
}

func drawMessages(t *rapid.T) []message {
	var out []message
	seq := uint64(0)
	for range rapid.IntRange(1, 60).Draw(t, "messages") {
		seq += uint64(rapid.IntRange(1, 3).Draw(t, "step"))
		n := rapid.SampledFrom([]int{0, 1, 900, 100_000, 700_000}).Draw(t, "size")
		m := message{archive.Header{Name: "cti.region.clear.sg.x", Sequence: seq, Timestamp: int64(seq), HeaderSize: int64(n / 3), PayloadSize: int64(n - n/3)}, bytes.Repeat([]byte{byte(seq)}, n)}
		out = append(out, m)
	}
	return out
}

func TestWhatIsCutIsWhatWasThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		messages := drawMessages(t)
		chunks, held := cutAll(t, messages)
		var back []message
		for i := range chunks {
			if chunks[i].Size > chunkMax+1<<20 {
				t.Fatalf("a piece of %d bytes", chunks[i].Size)
			}
			err := eachMessage(held[chunks[i].Name], func(m *message) error { back = append(back, *m); return nil })
			if err != nil {
				t.Fatal(err)
			}
		}
		if !slices.EqualFunc(messages, back, func(a, b message) bool { return a.Header == b.Header && bytes.Equal(a.body, b.body) }) {
			t.Fatalf("%d messages came back of %d", len(back), len(messages))
		}
	})
}

func TestOnlyThePiecesAroundAChangeChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		messages := drawMessages(t)
		_, before := cutAll(t, messages)
		gone := rapid.IntRange(0, len(messages)-1).Draw(t, "gone")
		kept := slices.Delete(slices.Clone(messages), gone, gone+1)
		if len(kept) == 0 {
			return
		}
		after, _ := cutAll(t, kept)
		fresh := 0
		for i := range after {
			if before[after[i].Name] == nil {
				fresh++
			}
		}
		// A piece that grew to chunkMax moves those that follow until the next cut.
		if most := 2 + len(messages)*700_000/chunkMax; fresh > most {
			t.Fatalf("one message of %d went, and %d of %d pieces are new", len(messages), fresh, len(after))
		}
	})
}

func TestWhatAPruneKeeps(t *testing.T) {
	id := func(day, hour int) string { return fmt.Sprintf("202601%02dT%02d0000.000Z-aaaaaa", day, hour) }
	// 1 January 2026 is a Thursday, so the second week begins on the 5th.
	all := []string{id(1, 1), id(2, 1), id(2, 9), id(5, 1), id(6, 1), id(6, 2), id(6, 3)}
	tests := map[string]struct {
		keep Keep
		want []string
	}{
		"nothing is asked for: the newest":        {Keep{}, all[6:]},
		"the last two":                            {Keep{Last: 2}, all[5:]},
		"more than there are":                     {Keep{Last: 20}, all},
		"the newest of each of two days":          {Keep{Daily: 2}, []string{all[3], all[6]}},
		"days without a backup do not count":      {Keep{Daily: 3}, []string{all[2], all[3], all[6]}},
		"the newest of each of two weeks":         {Keep{Weekly: 2}, []string{all[2], all[6]}},
		"every rule keeps":                        {Keep{Last: 2, Daily: 2, Weekly: 2}, []string{all[2], all[3], all[5], all[6]}},
		"what a rule below nothing asks: no less": {Keep{Last: -3}, all[6:]},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := kept(all, test.keep); !slices.Equal(got, test.want) {
				t.Errorf("kept %v, not %v", got, test.want)
			}
		})
	}
}

func FuzzAPiece(f *testing.F) {
	var b bytes.Buffer
	w := archive.NewWriter(&b)
	if err := writeMessage(w, &message{archive.Header{Name: "a", Sequence: 1, PayloadSize: 2}, []byte("xy")}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(archive.MagicBytes))
	f.Fuzz(func(t *testing.T, plain []byte) {
		n := 0
		if err := eachMessage(plain, func(m *message) error { n += 1 + len(m.body); return nil }); err == nil && n > len(plain) {
			t.Errorf("%d bytes hold %d", len(plain), n)
		}
	})
}

func FuzzAManifest(f *testing.F) {
	f.Add([]byte(`{"manifest":"e30=","signature":""}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := readSigned(b); err == nil {
			t.Errorf("what nobody signed is read: %+v", m)
		}
	})
}
