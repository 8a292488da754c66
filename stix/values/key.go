package values

import (
	"encoding/hex"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// A Key is a value in the form in which it is looked up.
type Key struct {
	Kind  Kind
	Role  Role   // of the value in its object; 0 of keys that are asked for
	Bytes []byte // see the package; never empty
}

// Kind is what is looked up in one order. Its numbers are stable.
type Kind uint8

const (
	Address Kind = 1 // IPv4 and IPv6, addresses and networks
	Domain  Kind = 2
	URL     Kind = 3
	Email   Kind = 4
	Hash    Kind = 5 // of anything, by any algorithm
	MAC     Kind = 6
)

var kindNames = [...]string{"unknown", "address", "domain", "url", "email", "hash", "mac"}

// String returns the kind's name, such as address. The names are stable.
func (k Kind) String() string {
	if int(k) >= len(kindNames) {
		k = 0
	}
	return kindNames[k]
}

// Role is what an object says of a value. Its numbers are stable, and of two
// roles in one pattern the higher one is the value's.
type Role uint8

const (
	// Excluded: the pattern names the value as what is not looked for.
	Excluded Role = 1
	// Asked: the pattern asks for the value, beside others or in some way that
	// one observation does not settle.
	Asked Role = 2
	// Decisive: an observation of the value is all that the pattern asks for; of a
	// network after ISSUBSET, an observation of any address in it. Whether the
	// indicator holds at all is in Reading.
	Decisive Role = 3
	// Observed: the object is the value, or has it inside, and says nothing good
	// or bad of it.
	Observed Role = 4
)

var roleNames = [...]string{"none", "excluded", "asked", "decisive", "observed"}

// String returns the role's name, such as decisive. The names are stable.
func (r Role) String() string {
	if int(r) >= len(roleNames) {
		r = 0
	}
	return roleNames[r]
}

const (
	// longest is the longest value, in bytes, that is its own key.
	longest = 512
	// hashed begins the key of a longer one. No text begins with it.
	hashed = 0
)

// String returns the value in the spelling that Ask reads back to this key: a
// domain of one label has a dot at its end, without which it would be a mere
// word. Of a value too long to be in its key it returns the SHA-256.
func (k Key) String() string {
	switch b := k.Bytes; {
	case len(b) == 1+32 && b[0] == hashed && k.Kind != Address:
		return "sha256:" + hex.EncodeToString(b[1:])
	case k.Kind == Address:
		p, ok := k.prefix()
		if !ok {
			return hex.EncodeToString(b)
		}
		if p.IsSingleIP() {
			return p.Addr().String()
		}
		return p.String()
	case k.Kind == MAC:
		return net.HardwareAddr(b).String()
	case k.Kind == Domain:
		labels := strings.Split(string(b), ".")
		if len(labels) == 1 {
			return labels[0] + "."
		}
		slices.Reverse(labels)
		return strings.Join(labels, ".")
	default:
		return string(b)
	}
}

// v4bits is how much longer than an IPv4 prefix the one is that it is mapped to.
const v4bits = 128 - 32

// prefix returns the network that an Address is, of one address if it is one.
func (k Key) prefix() (netip.Prefix, bool) {
	if k.Kind != Address || len(k.Bytes) != 17 || k.Bytes[16] > 128 {
		return netip.Prefix{}, false
	}
	a, n := netip.AddrFrom16([16]byte(k.Bytes)), int(k.Bytes[16])
	if a.Is4In6() && n >= v4bits {
		a, n = a.Unmap(), n-v4bits
	}
	return netip.PrefixFrom(a, n), true
}
