package catalog

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/selat-hub/selat/stix"
)

// benchKey makes keys as real ones look: a version 4 UUID, a timestamp.
func benchKey(r *rand.Rand) Key {
	a, b := r.Uint64(), r.Uint64()
	return Key{
		Origin:  "sg",
		ID:      fmt.Sprintf("indicator--%08x-%04x-4%03x-8%03x-%012x", uint32(a), uint16(a>>32), a>>52, b>>52, b&(1<<48-1)),
		Version: fmt.Sprintf("2025-%02d-%02dT%02d:%02d:%02d.%03dZ", r.IntN(12)+1, r.IntN(28)+1, r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000)),
	}
}

func benchRecords(r *rand.Rand, n int) []Record {
	out := make([]Record, n)
	for i := range out {
		var seed [8]byte
		binary.BigEndian.PutUint64(seed[:], r.Uint64())
		out[i] = Record{
			Key: benchKey(r), Hash: sha256.Sum256(seed[:]),
			Place: Place{Stream: "CTI_REGION_GREEN", Index: i, Audience: "region", Level: stix.Green, Added: 1_764_000_000_000_000 + int64(i)},
		}
		out[i].Lineage = benchLineage(out[i].Key)
	}
	return out
}

// benchLineage is that of a first version whose creator is told.
func benchLineage(k Key) stix.Lineage {
	return stix.Lineage{Created: k.Version, Latest: k.Version, CreatedBy: "identity--f431f809-377b-45e0-aa1c-6a4751cae5ff"}
}

func fill(b *testing.B, x *Index, r *rand.Rand, objects int) uint64 {
	b.Helper()
	seq := uint64(0)
	for range objects / 1000 {
		records := benchRecords(r, 1000)
		seq++
		at(records, seq)
		if err := x.Apply("CTI_REGION_GREEN", seq, records); err != nil {
			b.Fatal(err)
		}
	}
	return seq
}

func at(records []Record, seq uint64) {
	for i := range records {
		records[i].Place.Seq = seq
	}
}

// BenchmarkGetAbsent looks up keys that a million others surround.
func BenchmarkGetAbsent(b *testing.B) {
	x := opened(b, b.TempDir(), Options{})
	r := rand.New(rand.NewPCG(1, 2))
	fill(b, x, r, 1_000_000)
	keys := make([]Key, 1<<16)
	for i := range keys {
		keys[i] = benchKey(r)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		_, ok, err := x.Get(keys[i%len(keys)])
		if err != nil || ok {
			b.Fatal(ok, err)
		}
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "gets/s")
}

// BenchmarkGetPresent looks up keys among a million, in random order.
func BenchmarkGetPresent(b *testing.B) {
	x := opened(b, b.TempDir(), Options{})
	r := rand.New(rand.NewPCG(1, 2))
	seq := fill(b, x, r, 900_000)
	records := benchRecords(r, 1<<16)
	at(records, seq+1)
	if err := x.Apply("CTI_REGION_GREEN", seq+1, records); err != nil {
		b.Fatal(err)
	}
	fill2 := seq + 1
	for range 100 {
		fill2++
		more := benchRecords(r, 1000)
		at(more, fill2)
		if err := x.Apply("CTI_REGION_GREEN", fill2, more); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok, err := x.Get(records[r.IntN(len(records))].Key); err != nil || !ok {
			b.Fatal(ok, err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "gets/s")
}

// BenchmarkApplyNewVersions adds second versions to objects among half a
// million.
func BenchmarkApplyNewVersions(b *testing.B) {
	x := opened(b, b.TempDir(), Options{})
	r := rand.New(rand.NewPCG(5, 6))
	seq := fill(b, x, r, 400_000)
	const group = 100
	n := 0
	var olds []Record
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		if n*group == len(olds) {
			olds = benchRecords(r, 1000*group)
			seq++
			at(olds, seq)
			if err := x.Apply("CTI_REGION_GREEN", seq, olds); err != nil {
				b.Fatal(err)
			}
			n = 0
		}
		records := olds[n*group : (n+1)*group]
		n++
		seq++
		at(records, seq)
		for i := range records {
			records[i].Key.Version, records[i].Lineage.Latest = "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z"
		}
		b.StartTimer()
		if err := x.Apply("CTI_REGION_GREEN", seq, records); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*group)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkApply adds groups of new objects to an index that already holds
// half a million.
func BenchmarkApply(b *testing.B) {
	for _, group := range []int{100, 1000} {
		b.Run(fmt.Sprintf("group=%d", group), func(b *testing.B) {
			x := opened(b, b.TempDir(), Options{})
			r := rand.New(rand.NewPCG(3, 4))
			seq := fill(b, x, r, 500_000)
			records := benchRecords(r, group)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				for i := range records {
					records[i].Key = benchKey(r)
					records[i].Lineage = benchLineage(records[i].Key)
				}
				seq++
				at(records, seq)
				b.StartTimer()
				if err := x.Apply("CTI_REGION_GREEN", seq, records); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*group)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
