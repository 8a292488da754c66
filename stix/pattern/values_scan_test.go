package pattern

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScanGivesWhatValuesGives(t *testing.T) {
	sources := []string{
		simple,
		"[domain-name:value IN ('a.example', 'b.example') AND file:name = 'it\\'s'] OR [url:value != 'http://example.com/']",
		"[file:hashes.'SHA-256' NOT = '" + "00" + "'] FOLLOWEDBY [EXISTS file:name] REPEATS 2 TIMES",
	}
	for _, source := range sources {
		var got []Observable
		err := Scan(source, func(o *Observable) {
			kept := *o
			kept.PathText = o.Path.String()
			kept.Path.Steps = append([]Step(nil), o.Path.Steps...)
			got = append(got, kept)
		})
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		if diff := cmp.Diff(Values(parsed(t, source)), got); diff != "" {
			t.Errorf("%s: %s", source, diff)
		}
	}
}

func TestScanYieldsNothingOfWhatIsNoPattern(t *testing.T) {
	var wrong *SyntaxError
	err := Scan("[ipv4-addr:value = '198.51.100.1'] AND", func(*Observable) { t.Error("a value was yielded") })
	if !errors.As(err, &wrong) {
		t.Errorf("the error is %v", err)
	}
}

func TestReadReadsAsAPatternDoes(t *testing.T) {
	path := Path{Type: "ipv4-addr", Steps: []Step{{Kind: Property, Name: "value"}}}
	kind, _, canonical := Read(path, Value{Kind: String, Text: "198.51.100.7/24"})
	if kind != IPv4Network || canonical != "198.51.100.0/24" {
		t.Errorf("read as %s %s", kind, canonical)
	}
}

func TestOnlyANetworkWhoseAddressesSettleThePatternCovers(t *testing.T) {
	for source, want := range map[string]bool{
		"[ipv4-addr:value ISSUBSET '198.51.100.0/24']":                       true,
		"[ipv4-addr:value = '198.51.100.0/24']":                              false,
		"[ipv4-addr:value NOT ISSUBSET '198.51.100.0/24']":                   false,
		"[ipv4-addr:value ISSUBSET '198.51.100.7/24']":                       false,
		"[ipv4-addr:value ISSUBSET '0.0.0.0/0']":                             false,
		"[ipv4-addr:value ISSUBSET '198.51.100.0/24' AND file:name = 'a']":   false,
		"[domain-name:resolves_to_refs[*].value ISSUBSET '198.51.100.0/24']": false,
	} {
		p := parsed(t, source)
		if o := Values(p)[0]; o.Covers() != want || len(Networks(p)) > 0 != want {
			t.Errorf("%s: it covers is %v", source, o.Covers())
		}
	}
}

func BenchmarkScan(b *testing.B) {
	prepare(b, []string{simple})
	for b.Loop() {
		if err := Scan(simple, func(*Observable) {}); err != nil {
			b.Fatal(err)
		}
	}
}
