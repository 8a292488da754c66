package pattern

import (
	"maps"
	"slices"
	"testing"
)

const simple = `[ipv4-addr:value = '198.51.100.1']`

func BenchmarkCheck(b *testing.B) {
	b.Run("simple", func(b *testing.B) { benchmarkCheck(b, []string{simple}) })
	b.Run("corpus", func(b *testing.B) { benchmarkCheck(b, slices.Sorted(maps.Keys(patternsOfTheCorpus(b)))) })
}

func BenchmarkParse(b *testing.B) {
	b.Run("simple", func(b *testing.B) { benchmarkParse(b, []string{simple}) })
	b.Run("corpus", func(b *testing.B) { benchmarkParse(b, slices.Sorted(maps.Keys(patternsOfTheCorpus(b)))) })
}

// An operation is one pattern; the bytes are those of the average one.
func benchmarkCheck(b *testing.B, sources []string) {
	prepare(b, sources)
	for i := 0; b.Loop(); i++ {
		Check(sources[i%len(sources)], func(Problem) {})
	}
}

func benchmarkParse(b *testing.B, sources []string) {
	prepare(b, sources)
	for i := 0; b.Loop(); i++ {
		if _, err := Parse(sources[i%len(sources)]); err != nil {
			b.Fatal(err)
		}
	}
}

func prepare(b *testing.B, sources []string) {
	length := 0
	for _, s := range sources {
		length += len(s)
	}
	b.SetBytes(int64(length / len(sources)))
	b.ReportAllocs()
}
