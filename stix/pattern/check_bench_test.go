package pattern

import "testing"

const simple = `[ipv4-addr:value = '198.51.100.1']`

func BenchmarkCheckSimple(b *testing.B) {
	b.SetBytes(int64(len(simple)))
	b.ReportAllocs()
	for b.Loop() {
		Check(simple, func(p Problem) { b.Fatal(p) })
	}
}

func BenchmarkParseSimple(b *testing.B) {
	b.SetBytes(int64(len(simple)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(simple); err != nil {
			b.Fatal(err)
		}
	}
}
