package values

import (
	"iter"
	"net/netip"
)

// Supernets yields the networks around an address or a network, the narrowest
// first: 32 for an IPv4 address, 128 for an IPv6 one, without itself. Those of
// IPv4 are networks of IPv4; that ::/0 has the mapped addresses in it is of no
// use to anyone. Of other kinds there are none.
func Supernets(k Key) iter.Seq[Key] {
	return func(yield func(Key) bool) {
		p, ok := k.prefix()
		if !ok {
			return
		}
		for n := p.Bits() - 1; n >= 0; n-- {
			around := netip.PrefixFrom(p.Addr(), n).Masked()
			if !yield(Key{Kind: Address, Bytes: appendPrefix(nil, around)}) {
				return
			}
		}
	}
}

// Range returns where the keys of the same kind lie, from lo on and before hi,
// that are inside of an address or a network, itself among them, or that are
// subdomains of a domain, without itself. IPv4 is inside of the IPv6 networks
// that have ::ffff:0:0/96 in them. Of other kinds both are nil.
func Range(k Key) (lo, hi []byte) {
	switch k.Kind {
	case Address:
		if len(k.Bytes) != 17 || k.Bytes[16] > 128 {
			return nil, nil
		}
		bits := int(k.Bytes[16])
		lo = append(lo, k.Bytes...)
		hi = append(hi, k.Bytes...)
		for i := range 128 {
			if i >= bits {
				hi[i/8] |= 0x80 >> (i % 8)
			}
		}
		hi[16] = 128 + 1
		return lo, hi
	case Domain:
		// A dot, and what comes after a dot: below other signs that are in names
		// there is the hyphen, as in com.example-shop.
		lo = append(append(lo, k.Bytes...), '.')
		hi = append(append(hi, k.Bytes...), '.'+1)
		return lo, hi
	}
	return nil, nil
}
