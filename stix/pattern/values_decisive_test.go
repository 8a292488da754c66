package pattern

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestOnlyWhatSettlesAPatternIsDecisive(t *testing.T) {
	for _, c := range []struct {
		name, source string
		want         []string
	}{
		{"a single value is", "[mutex:name = 'x']", []string{"x"}},
		{"alternatives are", "[mutex:name = 'x' OR mutex:name = 'y'] OR [mutex:name = 'z']", []string{"x", "y", "z"}},
		{"elements of a set are", "[mutex:name IN ('x', 'y')]", []string{"x", "y"}},
		{"equal values are given once", "[mutex:name IN ('x', 'y')] OR [mutex:name = 'x']", []string{"x", "y"}},
		{"also in another spelling", "[domain-name:value IN ('EXAMPLE.com', 'example.com.')]", []string{"example.com"}},
		{"also at another path", "[ipv4-addr:value = '192.0.2.1'] OR [network-traffic:dst_ref.value = '192.0.2.1']", []string{"192.0.2.1"}},
		{"what is of no known kind is not", "[file:size = 1 OR x-a:b = '1']", nil},
		{"nor what is not well-formed", "[domain-name:value IN ('', '*.com', 'bücher.de') OR ipv4-addr:value = '010.0.0.1' OR url:value = 'x']", nil},
		{"nor the empty name", "[file:name = '' OR mutex:name = '']", nil},
		{"a value under AND is not", "[mutex:name = 'x' AND mutex:name = 'y']", nil},
		{"nor with AND further out", "[(mutex:name = 'x' OR mutex:name = 'y') AND mutex:name = 'z']", nil},
		{"nor one of two observations", "[mutex:name = 'x'] AND [mutex:name = 'y']", nil},
		{"nor one of a sequence", "([mutex:name = 'x'] OR [mutex:name = 'y']) FOLLOWEDBY [mutex:name = 'z']", nil},
		{"the other alternative is", "[mutex:name = 'x' OR (mutex:name = 'y' AND mutex:name = 'z')]", []string{"x"}},
		{"nor a negated one", "[mutex:name NOT = 'x']", nil},
		{"nor one in a negated set", "[mutex:name NOT IN ('x', 'y')]", nil},
		{"nor what shall differ", "[mutex:name != 'x']", nil},
		{"nor what shall not differ", "[mutex:name NOT != 'x']", nil},
		{"nor an expression for values", "[mutex:name LIKE 'x' OR mutex:name MATCHES 'y']", nil},
		{"nor a bound", "[file:size > 5 OR file:size <= 1]", nil},
		{"nor a network, which is no address in it", "[ipv4-addr:value IN ('192.0.2.0/24', '198.51.100.7/24', '0.0.0.0/0', '192.0.2.1/31')]", nil},
		{"nor one of IPv6", "[ipv6-addr:value = '2001:db8::/32' OR ipv6-addr:value = '::ffff:192.0.2.1/24']", nil},
		{"a network of one address is the address", "[ipv4-addr:value = '192.0.2.1/32' OR ipv6-addr:value = '2001:db8::1/128']", []string{"192.0.2.1", "2001:db8::1"}},
		{"nor what lies in a network, or about one", "[ipv4-addr:value ISSUBSET '192.0.2.0/24' OR ipv4-addr:value ISSUPERSET '192.0.2.1/32']", nil},
		{"nor a top-level domain", "[domain-name:value IN ('com', 'COM.', 'example.com')]", []string{"example.com"}},
		{"nor what shall exist", "[EXISTS mutex:name]", nil},
		{"nor what is to be seen twice", "[mutex:name = 'x'] REPEATS 2 TIMES", nil},
		{"nor when that is said further out", "([mutex:name = 'x'] OR [mutex:name = 'y']) REPEATS 2 TIMES", nil},
		{"what is to be seen once is", "[mutex:name = 'x'] REPEATS 1 TIMES", []string{"x"}},
		{"within any time of one observation too", "[mutex:name = 'x'] WITHIN 5 SECONDS", []string{"x"}},
		{"nor what counts only at a time", "[mutex:name = 'x'] START t'2020-01-01T00:00:00Z' STOP t'2021-01-01T00:00:00Z'", nil},
		{"nor what a domain resolves to", "[domain-name:resolves_to_refs[*].value = '192.0.2.1']", nil},
		{"nor who received a message", "[email-message:to_refs[*].value = 'user@example.com']", nil},
		{"the sender is", "[email-message:from_ref.value = 'user@example.com']", []string{"user@example.com"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, e := range Decisive(parsed(t, c.source)) {
				got = append(got, e.Value)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestNetworksAreThoseWhoseEveryAddressSettlesAPattern(t *testing.T) {
	for _, c := range []struct {
		name, source string
		want         []string
	}{
		{"a network is one", "[ipv4-addr:value ISSUBSET '192.0.2.0/24' OR ipv6-addr:value ISSUBSET '2001:DB8::/32']",
			[]string{"ipv4-network 192.0.2.0/24", "ipv6-network 2001:db8::/32"}},
		{"so is an address", "[ipv4-addr:value ISSUBSET '192.0.2.1' OR ipv6-addr:value ISSUBSET '2001:db8::1/128']",
			[]string{"ipv4-address 192.0.2.1", "ipv6-address 2001:db8::1"}},
		{"and an end of traffic", "[network-traffic:dst_ref.value ISSUBSET '192.0.2.0/24']", []string{"ipv4-network 192.0.2.0/24"}},
		{"equal ones are given once", "[ipv4-addr:value ISSUBSET '192.0.2.0/24' OR ipv4-addr:value ISSUBSET '192.0.02.0/24']",
			[]string{"ipv4-network 192.0.2.0/24"}},
		{"hidden bits are a slip", "[ipv4-addr:value ISSUBSET '192.0.2.7/24' OR ipv6-addr:value ISSUBSET '2001:db8::1/32']", nil},
		{"the shortest prefixes", "[ipv4-addr:value ISSUBSET '10.0.0.0/8' OR ipv6-addr:value ISSUBSET '2001::/16']",
			[]string{"ipv4-network 10.0.0.0/8", "ipv6-network 2001::/16"}},
		{"none is larger", "[ipv4-addr:value ISSUBSET '10.0.0.0/7' OR ipv4-addr:value ISSUBSET '0.0.0.0/0' OR ipv6-addr:value ISSUBSET '2000::/15' OR ipv6-addr:value ISSUBSET '::/0']", nil},
		{"none holds IPv4 in IPv6", "[ipv6-addr:value ISSUBSET '::ffff:0:0/96' OR ipv6-addr:value ISSUBSET '::ffff:192.0.2.1' OR ipv6-addr:value ISSUBSET '::/64']", nil},
		{"what is no network is none", "[ipv4-addr:value ISSUBSET '192.0.2.0/33' OR url:value ISSUBSET '192.0.2.0/24']", nil},
		{"a network under = is none", "[ipv4-addr:value = '192.0.2.0/24']", nil},
		{"nor the smaller one", "[ipv4-addr:value ISSUPERSET '192.0.2.0/24']", nil},
		{"nor one that is excluded", "[ipv4-addr:value NOT ISSUBSET '192.0.2.0/24']", nil},
		{"nor one beside something else", "[ipv4-addr:value ISSUBSET '192.0.2.0/24' AND ipv4-addr:value != '192.0.2.1']", nil},
		{"nor what a domain resolves to", "[domain-name:resolves_to_refs[*].value ISSUBSET '192.0.2.0/24']", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, e := range Networks(parsed(t, c.source)) {
				got = append(got, e.Kind.String()+" "+e.Value)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestAddressesOfDecisiveValuesAndNetworksMeetThePattern(t *testing.T) {
	observation := func(address string) []Observed {
		observed, err := Observations(fmt.Appendf(nil, `{"type":"observed-data","id":"observed-data--1","number_observed":1,
			"first_observed":"2024-01-01T00:00:00Z","last_observed":"2024-01-01T00:00:00Z",
			"objects":{"0":{"type":"ipv4-addr","value":%q}}}`, address))
		if err != nil {
			t.Fatal(err)
		}
		return observed
	}
	for _, text := range []string{"192.0.2.7", "192.0.2.0/24", "192.0.2.7/24", "0.0.0.0/0", "192.0.2.7/8"} {
		for _, operator := range []string{"=", "IN", "ISSUBSET", "!=", "NOT =", "NOT ISSUBSET", "ISSUPERSET"} {
			constant := "'" + text + "'"
			if operator == "IN" {
				constant = "(" + constant + ")"
			}
			p := parsed(t, "[ipv4-addr:value "+operator+" "+constant+"]")
			given := append(Decisive(p), Networks(p)...)
			for _, e := range given {
				_, met, err := p.Match(t.Context(), observation("192.0.2.7"))
				if err != nil || !met {
					t.Errorf("%s gives %s, and its address does not meet it (%v)", p.Source, e.Value, err)
				}
			}
		}
	}
}

// A decisive value is tried on an observation of which nothing else is true.
func TestADecisiveValueMeetsThePatternByItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawFromFew(t)
		decisive := Decisive(p)
		for _, o := range Values(p) {
			i := slices.IndexFunc(decisive, func(e Exact) bool {
				return e.Value == o.Canonical && e.Path.Type == o.Path.Type
			})
			if i < 0 || o.Negated || o.Operator != Equal {
				continue
			}
			met := comparisonText(canonicalComparison(&Comparison{Path: o.Path, Op: Equal, Values: []Value{o.Constant}}))
			world := []imagined{{object: o.Path.Type, truth: map[string]bool{met: true}}}
			for _, text := range comparisonsOf(p.Root) {
				// A set that the value is in is true as well.
				if strings.Contains(text, ` 6 `) && strings.HasPrefix(text, met[:strings.Index(met, " ")]) && strings.Contains(text, fmt.Sprintf("%q", o.Canonical)) {
					world[0].truth[text] = true
				}
			}
			if len(bindings(p.Root, world)) == 0 {
				t.Fatalf("%s alone does not meet the pattern", o.Canonical)
			}
		}
	})
}
