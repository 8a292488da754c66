package pattern

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// corpusPatterns returns the STIX patterns of all indicators, by their source.
func corpusPatterns(t testing.TB) map[string][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(sharedFile(t, "corpus"), "*", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in the corpus: %v", err)
	}
	patterns := map[string][]string{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		type indicator struct {
			Type, Pattern string
			PatternType   string `json:"pattern_type"`
		}
		var bundle struct{ Objects []json.RawMessage }
		if json.Unmarshal(b, &bundle) != nil || bundle.Objects == nil {
			bundle.Objects = []json.RawMessage{b}
		}
		source := filepath.Base(filepath.Dir(file))
		for _, raw := range bundle.Objects {
			var o indicator
			if json.Unmarshal(raw, &o) == nil && o.Type == "indicator" && (o.PatternType == "stix" || o.PatternType == "") {
				patterns[source] = append(patterns[source], o.Pattern)
			}
		}
	}
	return patterns
}

func TestTheCorpusGivesDecisiveValues(t *testing.T) {
	total, decided := 0, 0
	kinds := map[string]int{}
	for source, patterns := range corpusPatterns(t) {
		refused, some := 0, 0
		for _, text := range patterns {
			p, err := Parse(text)
			if err != nil {
				refused++
				continue
			}
			decisive := Decisive(p)
			for _, e := range decisive {
				kinds[e.Kind.String()]++
			}
			for _, o := range Values(p) {
				if o.Kind == Other && o.Path.is("value") && o.Operator == Equal {
					t.Logf("%s: %s is not well-formed: %q", source, o.Path.String(), o.Canonical)
				}
			}
			if len(decisive) > 0 {
				some++
			}
			once := p.Normalise()
			if !Equivalent(p, once) {
				t.Errorf("%s is not equivalent to its normal form", text)
			}
			checkSame(t, once, once.Normalise())
		}
		t.Logf("%-18s %4d patterns, %4d refused, %4d with decisive values", source, len(patterns), refused, some)
		total, decided = total+len(patterns), decided+some
	}
	t.Logf("of %d patterns %d give a decisive value; by kind: %v", total, decided, kinds)
	if decided < 5600 {
		t.Errorf("only %d of %d patterns give a decisive value", decided, total)
	}
}

func benchmarkCorpus(b *testing.B, work func(p *Pattern) int) {
	var parsed []*Pattern
	var size int64
	for _, patterns := range corpusPatterns(b) {
		for _, text := range patterns {
			if p, err := Parse(text); err == nil {
				parsed = append(parsed, p)
				size += int64(len(text))
			}
		}
	}
	if len(parsed) == 0 {
		b.Fatal("no patterns")
	}
	b.SetBytes(size)
	b.ReportAllocs()
	found := 0
	for b.Loop() {
		for _, p := range parsed {
			found += work(p)
		}
	}
	if found == 0 {
		b.Error("nothing was found")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(parsed)), "ns/pattern")
}

func BenchmarkValuesOfTheCorpus(b *testing.B) {
	benchmarkCorpus(b, func(p *Pattern) int { return len(Values(p)) })
}

func BenchmarkDecisiveOfTheCorpus(b *testing.B) {
	benchmarkCorpus(b, func(p *Pattern) int { return len(Decisive(p)) })
}

func BenchmarkNormaliseOfTheCorpus(b *testing.B) {
	benchmarkCorpus(b, func(p *Pattern) int { return len(p.Normalise().Root.Operands) + 1 })
}
