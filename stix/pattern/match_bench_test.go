package pattern

import (
	"strings"
	"testing"
)

func BenchmarkMatchOneTestOverAThousand(b *testing.B) {
	benchmarkMatch(b, "[x:v = 999]", series(1000, 1000, rising))
}

func BenchmarkMatchTenFollowedByOverAThousand(b *testing.B) {
	benchmarkMatch(b, chain(11, "FOLLOWEDBY", func(i int) int { return i % 3 }), series(1000, 3, falling))
}

func BenchmarkMatchWindowOverAThousand(b *testing.B) {
	benchmarkMatch(b, "([x:v = 0] AND [x:v = 1] AND [x:v = 2]) WITHIN 2.5 SECONDS", series(1000, 3, mixed))
}

func benchmarkMatch(b *testing.B, source string, observed []Observed) {
	p := mustParse(b, source)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := p.Match(b.Context(), observed); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkObservations(b *testing.B) {
	data := []byte(strings.Repeat(incident+"\n", 100))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Observations(data); err != nil {
			b.Fatal(err)
		}
	}
}
