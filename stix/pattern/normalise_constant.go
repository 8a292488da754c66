package pattern

import (
	"cmp"
	"encoding/base64"
	"net/netip"
	"slices"
	"strings"
	"unicode"
)

// canonicalComparison returns c with its constants in one spelling and without
// positions.
func canonicalComparison(c *Comparison) *Comparison {
	canonical := &Comparison{Path: c.Path, Op: c.Op, Not: c.Not}
	canonical.Path.Pos = 0
	for _, v := range c.Values {
		v = canonicalConstant(v)
		if v.Kind == String {
			v.Text = canonicalText(c, v.Text)
		}
		canonical.Values = append(canonical.Values, v)
	}
	if c.Op != In {
		return canonical
	}
	slices.SortFunc(canonical.Values, func(a, b Value) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Text, b.Text))
	})
	canonical.Values = slices.Compact(canonical.Values)
	if len(canonical.Values) == 1 {
		canonical.Op = Equal
	}
	return canonical
}

// canonicalConstant spells a constant one way, by its kind alone.
func canonicalConstant(v Value) Value {
	v.Pos = 0
	switch v.Kind {
	case Integer, Float:
		return canonicalNumber(v)
	case Hex:
		v.Text = strings.ToLower(v.Text)
	case Binary:
		if b, err := base64.StdEncoding.DecodeString(v.Text); err == nil {
			v.Text = base64.StdEncoding.EncodeToString(b)
		}
	case Timestamp:
		v.Text = canonicalTimestamp(v.Text)
	}
	return v
}

// canonicalNumber works on the digits, so that no number is rounded. A float
// without a fraction is the integer.
func canonicalNumber(v Value) Value {
	digits, negative := strings.CutPrefix(v.Text, "-")
	digits = strings.TrimPrefix(digits, "+")
	whole, fraction, _ := strings.Cut(digits, ".")
	if strings.Trim(whole+fraction, "0123456789") != "" {
		return v
	}
	whole = strings.TrimLeft(whole, "0")
	fraction = strings.TrimRight(fraction, "0")
	if whole == "" {
		whole = "0"
	}
	v.Kind, v.Text = Integer, whole
	if fraction != "" {
		v.Kind, v.Text = Float, whole+"."+fraction
	}
	if negative && v.Text != "0" {
		v.Text = "-" + v.Text
	}
	return v
}

// canonicalTimestamp drops zeros that end the fraction of a second.
func canonicalTimestamp(s string) string {
	t, utc := strings.CutSuffix(s, "Z")
	if !utc || !strings.Contains(t, ".") {
		return s
	}
	return strings.TrimSuffix(strings.TrimRight(t, "0"), ".") + "Z"
}

func canonicalQualifiers(qualifiers []Qualifier) []Qualifier {
	var canonical []Qualifier
	for _, q := range qualifiers {
		q.Pos = 0
		q.Start, q.Stop = canonicalTimestamp(q.Start), canonicalTimestamp(q.Stop)
		canonical = append(canonical, q)
	}
	return canonical
}

// canonicalText spells the strings that say the same though they differ:
// addresses, and names in the registry. Text that is no address stays as it is,
// and so does what is excluded, which would exclude more than it says.
func canonicalText(c *Comparison, s string) string {
	asked := !c.Not && (c.Op == Equal || c.Op == In)
	switch {
	case !asked && c.Op != IsSubset && c.Op != IsSuperset:
	case c.Path.Type == "ipv4-addr" && c.Path.is("value"):
		if a, ok := readIPv4(s); ok {
			return addressText(a)
		}
	case c.Path.Type == "ipv6-addr" && c.Path.is("value"):
		if a, ok := readIPv6(s); ok {
			return addressText(a)
		}
	case asked && c.Path.isRegistryName():
		return foldCase(s)
	}
	return s
}

// is reports whether the path is one property, and this.
func (p Path) is(property string) bool {
	return len(p.Steps) == 1 && p.Steps[0] == Step{Kind: Property, Name: property}
}

// isRegistryName reports whether the path leads to a name that Windows does not
// tell apart by case: of a key, or of one of its values.
func (p Path) isRegistryName() bool {
	if p.Type != "windows-registry-key" {
		return false
	}
	return p.is("key") || len(p.Steps) == 3 && p.Steps[0].Name == "values" &&
		p.Steps[1].Kind != Property && p.Steps[2] == Step{Kind: Property, Name: "name"}
}

// foldCase makes letters small whose capital is the letter it was: not the
// Kelvin sign, which would become k, nor the dotted capital I.
func foldCase(s string) string {
	return strings.Map(func(r rune) rune {
		if small := unicode.ToLower(r); unicode.ToUpper(small) == r {
			return small
		}
		return r
	}, s)
}

// addressText writes an address, or a network with its prefix.
func addressText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// readIPv4 reads an address or a network in CIDR notation; the bits that a
// prefix hides are cleared.
func readIPv4(s string) (netip.Prefix, bool) {
	p, ok := ipv4Prefix(s)
	return p.Masked(), ok
}

// readIPv6 reads an address or a network, without a zone; the bits that a
// prefix hides are cleared.
func readIPv6(s string) (netip.Prefix, bool) {
	p, ok := ipv6Prefix(s)
	return p.Masked(), ok
}

// ipv4Prefix keeps the bits that the prefix hides. Octets may have leading zeros
// where it makes no difference whether they are read as decimal or, as some
// systems do, as octal.
func ipv4Prefix(s string) (netip.Prefix, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' {
		return netip.Prefix{}, false
	}
	if p, ok := prefixOf(s); ok {
		return p, p.Addr().Is4() // as nearly all: no octet has a leading zero
	}
	address, prefix, network := strings.Cut(s, "/")
	octets := strings.Split(address, ".")
	if len(octets) != 4 {
		return netip.Prefix{}, false
	}
	for i, octet := range octets {
		digit := strings.TrimLeft(octet, "0")
		switch {
		case digit == octet:
		case digit == "":
			octets[i] = "0"
		case len(digit) == 1 && digit <= "7":
			octets[i] = digit
		}
	}
	address = strings.Join(octets, ".")
	if network {
		address += "/" + prefix
	}
	p, ok := prefixOf(address)
	return p, ok && p.Addr().Is4()
}

func ipv6Prefix(s string) (netip.Prefix, bool) {
	p, ok := prefixOf(s)
	return p, ok && p.Addr().Is6()
}

func prefixOf(s string) (netip.Prefix, bool) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		return p, err == nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}
