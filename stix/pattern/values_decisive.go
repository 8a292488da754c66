package pattern

import (
	"net/netip"
	"strings"
)

// An Exact is a value that settles a pattern: an observation of it, where Path
// says, is all that the pattern asks for.
type Exact struct {
	Kind      ObservableKind
	Algorithm string // of hashes
	Value     string // as Canonical of Observable
	Path      Path
	PathText  string // as of Observable
	Pos       int    // in the pattern's source
}

// Decisive reports whether the value settles its pattern by itself, and so is
// fit for a list of what to block or to look for. It is compared with = or IN,
// and neither negated, nor joined with anything by AND or FOLLOWEDBY, nor to be
// seen several times or within certain hours, nor the value of something that
// is only referred to.
//
// A value of kind Other is never decisive: it may be empty, *.com or 010.0.0.1,
// and who reads the list would take it for what its path promises. Nor is a
// network: = asks for the very network and for no address
// in it, which is what ISSUBSET is for (STIX 2.1 §9.6.1). See Networks. Nor is
// a domain of one label, such as com.
func (o *Observable) Decisive() bool {
	if !o.settles() || o.Operator != Equal && o.Operator != In {
		return false
	}
	switch o.Kind {
	case Other, IPv4Network, IPv6Network:
		return false
	case DomainName:
		return strings.Contains(o.Canonical, ".")
	}
	return true
}

// Covers reports whether the value is a network each of whose addresses settles
// the pattern by itself, as Networks has it.
func (o *Observable) Covers() bool {
	if !o.settles() || o.Operator != IsSubset {
		return false
	}
	_, ok := o.network()
	return ok
}

// settles reports whether to meet the comparison is to meet the pattern.
func (o *Observable) settles() bool { return o.Alone && !o.Negated && !o.Indirect }

// Decisive returns the values that settle a pattern each by itself, as Decisive
// of Observable has it. Of values that are equal, at whatever paths, it returns
// the first. p is what Parse returned.
func Decisive(p *Pattern) []Exact {
	type identity struct {
		kind             ObservableKind
		algorithm, value string
	}
	var all []Exact
	seen := map[identity]bool{}
	eachValue(p, func(o *Observable) {
		if !o.Decisive() {
			return
		}
		id := identity{o.Kind, o.Algorithm, o.Canonical}
		if !seen[id] {
			seen[id] = true
			all = append(all, o.exact())
		}
	})
	return all
}

// Networks returns the networks of which each address settles a pattern by
// itself, under the conditions of Decisive but with ISSUBSET for the operator.
// A network of one address has the kind of the address.
//
// Left out is what is a slip or an attack sooner than a threat: networks that
// are written with bits their prefix hides, of a prefix shorter than 8 (IPv4) or
// 16 (IPv6), and those that overlap ::ffff:0:0/96, which some systems take for
// IPv4. They are in Values. Of equal ones it returns the first. p is what Parse
// returned.
func Networks(p *Pattern) []Exact {
	var all []Exact
	seen := map[netip.Prefix]bool{}
	eachValue(p, func(o *Observable) {
		if !o.settles() || o.Operator != IsSubset {
			return
		}
		if network, ok := o.network(); ok && !seen[network] {
			seen[network] = true
			all = append(all, o.exact())
		}
	})
	return all
}

// The shortest prefixes of Networks.
const (
	shortestIPv4 = 8
	shortestIPv6 = 16
)

var mappedIPv4 = netip.MustParsePrefix("::ffff:0:0/96")

// network returns the network of the constant if it is one that Networks gives.
func (o *Observable) network() (netip.Prefix, bool) {
	var network netip.Prefix
	var shortest int
	switch o.Kind {
	case IPv4Address, IPv4Network:
		network, _ = ipv4Prefix(o.Constant.Text)
		shortest = shortestIPv4
	case IPv6Address, IPv6Network:
		network, _ = ipv6Prefix(o.Constant.Text)
		shortest = shortestIPv6
	default:
		return network, false
	}
	return network, network.Bits() >= shortest && network == network.Masked() && !network.Overlaps(mappedIPv4)
}

func (o *Observable) exact() Exact {
	return Exact{Kind: o.Kind, Algorithm: o.Algorithm, Value: o.Canonical, Path: o.Path, PathText: o.PathText, Pos: o.Constant.Pos}
}
