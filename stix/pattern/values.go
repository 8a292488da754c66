package pattern

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// An Observable is one constant of a pattern with what the pattern says of it.
// It is for look-ups: the pattern may ask for the value, exclude it, or ask for
// it among other things. To block or to alert on values, take those of Decisive.
type Observable struct {
	Path     Path     // what is compared, from the type of object on
	PathText string   // Path in its canonical spelling, one string for all constants of a comparison
	Operator Operator // by which; of a set, In for each value of it
	// Negated tells that NOT stands before the operator or that it is !=, so that
	// the value is excluded. NOT != has both, and excludes nothing.
	Negated  bool
	Constant Value  // as it was written, with its position
	Bytes    []byte // of a Binary or Hex constant
	// Kind is what the constant is, Other where it is no well-formed one of the
	// kind its path asks for. It is Other too where the operator takes it for
	// something else than a value: LIKE, MATCHES, < and the like; and where a
	// control or format character or a line break is in it.
	Kind      ObservableKind
	Algorithm string // of hashes, such as SHA-256
	// Canonical is the constant in the usual spelling of its kind: addresses and
	// networks as in RFC 5952 and without the bits a prefix hides, MAC addresses
	// with colons; domains, also of e-mail addresses, hashes and registry keys in
	// lower case, but TLSH in upper case. URLs, other names and SSDEEP stay as
	// they are written, so that two may denote the same. What is of kind Other
	// is as Normalise has it.
	Canonical string
	// Alone tells that the pattern is met by one observation that meets this
	// comparison: around it stand no AND, no FOLLOWEDBY, no REPEATS above 1 and
	// no START and STOP. It says nothing of the comparison itself.
	Alone bool
	// Indirect tells that the path goes over a reference, so that the value
	// belongs to something related, as does the address that a domain resolves
	// to. Ends of network traffic, the sender of a message and the image of a
	// process are not indirect.
	Indirect bool
}

// ObservableKind tells what can be done with a value.
type ObservableKind uint8

const (
	Other           ObservableKind = iota
	IPv4Address                    // 198.51.100.1
	IPv4Network                    // 198.51.100.0/24
	IPv6Address                    // 2001:db8::1
	IPv6Network                    // 2001:db8::/32
	DomainName                     // example.com; an international name as xn--, in Unicode it is Other
	URL                            // absolute, with a host; as it is written
	EmailAddress                   // user@example.com
	MACAddress                     // 00:00:5e:00:53:01
	FileHash                       // of a file or artifact: see Algorithm
	CertificateHash                // of an X.509 certificate: see Algorithm
	FileName                       // any but the empty one, with directories if it is written so
	DirectoryPath                  //
	RegistryKey                    // hkey_local_machine\software; HKLM is not expanded
	MutexName                      //
	UserAgent                      // of HTTP
	ASNumber                       // 64496
)

var observableKinds = [...]string{
	"other", "ipv4-address", "ipv4-network", "ipv6-address", "ipv6-network", "domain-name", "url", "email-address",
	"mac-address", "file-hash", "certificate-hash", "file-name", "directory-path", "registry-key", "mutex-name",
	"user-agent", "as-number",
}

// String returns the kind's name, such as ipv4-address. The names are stable.
func (k ObservableKind) String() string { return observableKinds[k] }

// Values returns the constants that a pattern names in the order of writing,
// each as often as it is written, for each time it is bound in another way. Of
// a set it returns every element; EXISTS has none. Time and memory are linear in
// the pattern, in which every value takes two bytes or more. p is what Parse
// returned.
func Values(p *Pattern) []Observable {
	count := 0
	eachComparison(p.Root, true, func(c *Comparison, _ bool) { count += len(c.Values) })
	all := make([]Observable, 0, count)
	eachValue(p, func(o *Observable) { all = append(all, *o) })
	return all
}

// eachValue calls yield for each constant of p with what it may not keep.
func eachValue(p *Pattern, yield func(*Observable)) {
	eachComparison(p.Root, true, func(c *Comparison, alone bool) {
		if len(c.Values) == 0 {
			return
		}
		o := observable(c, alone)
		o.PathText = c.Path.String()
		r := newReading(c)
		for _, v := range c.Values {
			r.fill(&o, v)
			yield(&o)
		}
	})
}

// observable returns what all constants of a comparison have in common, but for
// PathText, which costs an allocation.
func observable(c *Comparison, alone bool) Observable {
	return Observable{
		Path:     c.Path,
		Operator: c.Op,
		Negated:  c.Not || c.Op == NotEqual,
		Alone:    alone,
		Indirect: c.Path.isIndirect(),
	}
}

// eachComparison calls yield for each comparison of o, and tells it whether one
// observation that meets the comparison meets all, which it does not unless
// alone.
func eachComparison(o *Observation, alone bool, yield func(c *Comparison, alone bool)) {
	for _, q := range o.Qualifiers {
		if q.Kind == StartStop || q.Kind == Repeats && q.Times > 1 {
			alone = false
		}
	}
	if o.Op == Test {
		eachComparisonOf(o.Condition, alone, yield)
		return
	}
	for _, operand := range o.Operands {
		eachComparison(operand, alone && o.Op == ObservationOr, yield)
	}
}

func eachComparisonOf(c *Condition, alone bool, yield func(c *Comparison, alone bool)) {
	if c.Op == Compare {
		yield(c.Comparison, alone)
		return
	}
	for _, operand := range c.Operands {
		eachComparisonOf(operand, alone && c.Op == Or, yield)
	}
}

func bytesOf(v Value) []byte {
	var b []byte
	var err error
	switch v.Kind {
	case Hex:
		b, err = hex.DecodeString(v.Text)
	case Binary:
		b, err = base64.StdEncoding.DecodeString(v.Text)
	}
	if err != nil {
		return nil // of what Parse returned, none does
	}
	return b
}

// isIndirect reports whether the path goes over a reference to what is not the
// subject of the comparison.
func (p *Path) isIndirect() bool {
	for i, s := range p.Steps {
		if s.Kind != Property || !strings.HasSuffix(s.Name, "_ref") && !strings.HasSuffix(s.Name, "_refs") {
			continue
		}
		switch {
		case i > 0:
			return true
		case p.Type == "network-traffic" && (s.Name == "src_ref" || s.Name == "dst_ref"):
		case p.Type == "email-message" && (s.Name == "from_ref" || s.Name == "sender_ref"):
		case p.Type == "process" && (s.Name == "image_ref" || s.Name == "binary_ref"):
		default:
			return true
		}
	}
	return false
}
