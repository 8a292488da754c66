package values

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// prefixes are addresses and networks of both families, as they are written,
// that are often inside each other.
func prefixes() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		octet := rapid.SampledFrom([]byte{0, 1, 127, 128, 255})
		var a netip.Addr
		if draw(t, "IPv4", rapid.Bool()) {
			a = netip.AddrFrom4([4]byte{10, 0, draw(t, "third", octet), draw(t, "fourth", octet)})
		} else {
			b := [16]byte{0: 0x20, 1: 0x01}
			b[7], b[8], b[15] = draw(t, "a", octet), draw(t, "b", octet), draw(t, "c", octet)
			a = netip.AddrFrom16(b)
		}
		if draw(t, "an address", rapid.Bool()) {
			return a.String()
		}
		return netip.PrefixFrom(a, draw(t, "bits", rapid.IntRange(0, a.BitLen()))).Masked().String()
	})
}

// network returns the prefix that a text is, and its key.
func network(t *rapid.T, text string) (netip.Prefix, Key) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		a := netip.MustParseAddr(text)
		p = netip.PrefixFrom(a, a.BitLen())
	}
	keys, err := Ask(text)
	if err != nil || len(keys) != 1 {
		t.Fatalf("%s asks for %v: %v", text, keys, err)
	}
	return p, keys[0]
}

// contains reports whether all of b is in a.
func contains(a, b netip.Prefix) bool { return a.Bits() <= b.Bits() && a.Contains(b.Addr()) }

func TestTheNetworksAroundAnAddressAreThoseThatContainIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inner, k := network(t, draw(t, "inner", prefixes()))
		outer, wanted := network(t, draw(t, "outer", prefixes()))
		found, last := false, inner.Bits()
		for around := range Supernets(k) {
			p, ok := around.prefix()
			if last--; !ok || p.Bits() != last || !contains(p, inner) {
				t.Errorf("%s is not the next around %s", around, k)
			}
			found = found || same(around, wanted)
		}
		if last != 0 {
			t.Errorf("the networks around %s end at /%d", k, last)
		}
		if found != (contains(outer, inner) && outer != inner) {
			t.Errorf("that %s is around %s is %v", wanted, k, found)
		}
	})
}

func within(k, outer Key) bool {
	lo, hi := Range(outer)
	return k.Kind == outer.Kind && bytes.Compare(lo, k.Bytes) <= 0 && bytes.Compare(k.Bytes, hi) < 0
}

func TestTheRangeOfANetworkHasExactlyWhatIsInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inner, k := network(t, draw(t, "inner", prefixes()))
		outer, around := network(t, draw(t, "outer", prefixes()))
		if outer.Addr().Is6() && outer.Bits() <= v4bits && inner.Addr().Is4() {
			inner = netip.PrefixFrom(netip.AddrFrom16(inner.Addr().As16()), inner.Bits()+v4bits)
		}
		if within(k, around) != contains(outer, inner) {
			t.Errorf("that %s is in the range of %s is %v", k, around, within(k, around))
		}
	})
}

func domainKey(name string) Key { return Key{Kind: Domain, Bytes: appendDomain(nil, name)} }

func TestTheRangeOfADomainHasExactlyItsSubdomains(t *testing.T) {
	names := rapid.StringMatching(`([a-c_-]{1,3}\.){0,3}[a-c]{1,2}`)
	rapid.Check(t, func(t *rapid.T) {
		name, domain := draw(t, "name", names), draw(t, "domain", names)
		if draw(t, "below", rapid.Bool()) {
			name += draw(t, "between", rapid.SampledFrom([]string{".", "", "-", "_"})) + domain
		}
		if got := within(domainKey(name), domainKey(domain)); got != strings.HasSuffix(name, "."+domain) {
			t.Errorf("that %s is below %s is %v", name, domain, got)
		}
	})
	for name, want := range map[string]bool{
		"www.example.com": true, "a.b.example.com": true, "bücher.example.com": true,
		"example.com": false, "notexample.com": false, "example-shop.com": false, "example.com.au": false, "com": false,
	} {
		if got := within(domainKey(name), domainKey("example.com")); got != want {
			t.Errorf("that %s is below example.com is %v", name, got)
		}
	}
}

func TestOtherKindsHaveNothingAroundOrInside(t *testing.T) {
	for _, k := range []Key{{}, {Kind: URL, Bytes: []byte("http://a.example/")}, {Kind: MAC, Bytes: make([]byte, 6)},
		{Kind: Address, Bytes: []byte("short")}, {Kind: Address, Bytes: bytes.Repeat([]byte{255}, 17)}} {
		if lo, hi := Range(k); lo != nil || hi != nil {
			t.Errorf("%q has a range from %q to %q", k.Bytes, lo, hi)
		}
		for around := range Supernets(k) {
			t.Errorf("%s is around %q", around, k.Bytes)
		}
		_ = k.String()
	}
}
