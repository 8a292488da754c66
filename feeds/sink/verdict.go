package sink

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/selat-hub/selat/stix/pattern"
)

// Reasons for which an entry or a value is not written. They are stable.
const (
	NoVerdict          = "no-verdict"          // an observation, or what is no indicator at all
	OtherLanguage      = "other-language"      // its pattern is no STIX pattern
	Unreadable         = "unreadable"          // it or its pattern cannot be read
	UnsupportedPattern = "unsupported-pattern" // no single value settles it
	NoValue            = "no-value"            // its values are of no kind that the format has
	OnAllowList        = "allow-list"
	SpecialAddress     = "special-address" // private, loopback, link-local, multicast
	IsPublicSuffix     = "public-suffix"   // strangers have names of their own below it
	UnclearHost        = "unclear-host"    // readers differ on which machine it means, if any
	NameTooLong        = "name-too-long"
)

// A value settles its indicator alone: to see it is all that is asked for.
type value struct {
	kind      pattern.ObservableKind
	algorithm string // of hashes
	text      string // in the canonical spelling of its kind
	// Of an address, the port that must be met too, 0 for any, and tcp or udp,
	// empty for any.
	port     uint16
	protocol string
}

// A verdict is an indicator with the values that settle it.
type verdict struct {
	Entry
	name       string
	confidence int // 0-100, -1 where the indicator has none
	reference  string
	values     []value
}

// title is the indicator's name on one line of at most 200 bytes.
func (v *verdict) title() string {
	if t := oneLine(v.name, 200); t != "" {
		return t
	}
	return "indicator"
}

// judge reads an entry, or says why it settles nothing.
func judge(e Entry) (*verdict, string) {
	if e.Type != "indicator" {
		return nil, NoVerdict
	}
	var indicator struct {
		Name       string   `json:"name"`
		Pattern    string   `json:"pattern"`
		Language   string   `json:"pattern_type"`
		Confidence *float64 `json:"confidence"`
		References []struct {
			URL string `json:"url"`
		} `json:"external_references"`
	}
	if err := jsonv2.Unmarshal(e.Object, &indicator); err != nil {
		return nil, Unreadable
	}
	if indicator.Language != "stix" {
		return nil, OtherLanguage
	}
	p, err := pattern.Parse(indicator.Pattern)
	if err != nil {
		return nil, Unreadable
	}
	v := &verdict{Entry: e, name: indicator.Name, confidence: -1, values: settling(p)}
	if len(v.values) == 0 {
		return nil, UnsupportedPattern
	}
	if c := indicator.Confidence; c != nil && *c >= 0 && *c <= 100 {
		v.confidence = int(*c)
	}
	for _, r := range indicator.References {
		if r.URL != "" {
			v.reference = r.URL
			break
		}
	}
	return v, ""
}

// settling lists what settles a pattern, each once, in the order of writing, and
// URLs with their host in its one spelling.
func settling(p *pattern.Pattern) []value {
	var all []value
	seen := map[value]bool{}
	add := func(v value) {
		if v.kind == pattern.URL {
			_, v.text, _ = hostOfURL(v.text)
		}
		if !seen[v] {
			seen[v] = true
			all = append(all, v)
		}
	}
	for _, x := range pattern.Decisive(p) {
		add(value{kind: x.Kind, algorithm: x.Algorithm, text: x.Value})
	}
	for _, x := range pattern.Networks(p) {
		add(value{kind: x.Kind, text: x.Value})
	}
	eachTraffic(p.Root, add)
	return all
}

// eachTraffic finds tests that ask for one address in traffic, with a port or
// protocol or with the type that its value has anyway. They are joined with AND,
// yet one thing to block.
func eachTraffic(o *pattern.Observation, add func(value)) {
	if len(o.Qualifiers) > 0 {
		return
	}
	switch o.Op {
	case pattern.Test:
		eachTrafficOf(o.Condition, add)
	case pattern.ObservationOr:
		for _, operand := range o.Operands {
			eachTraffic(operand, add)
		}
	}
}

func eachTrafficOf(c *pattern.Condition, add func(value)) {
	switch c.Op {
	case pattern.Or:
		for _, operand := range c.Operands {
			eachTrafficOf(operand, add)
		}
	case pattern.And:
		if v, ok := traffic(c.Operands); ok {
			add(v)
		}
	}
}

func traffic(terms []*pattern.Condition) (value, bool) {
	var v value
	var typ, end string
	seen := map[string]bool{}
	for _, t := range terms {
		c := t.Comparison
		if t.Op != pattern.Compare || c.Op != pattern.Equal || c.Not || len(c.Values) != 1 {
			return v, false
		}
		path, text := c.Path.String(), c.Values[0].Text
		if seen[path] {
			return v, false
		}
		seen[path] = true
		side, property, _ := strings.Cut(strings.TrimPrefix(path, "network-traffic:"), ".")
		switch {
		case path == "network-traffic:dst_port":
			port, err := strconv.ParseUint(text, 10, 16)
			if err != nil || port == 0 {
				return v, false
			}
			v.port = uint16(port)
			side = "dst_ref"
		case path == "network-traffic:protocols[*]" && (text == "tcp" || text == "udp"):
			v.protocol = text
			continue
		case path == "network-traffic:"+side+".value" && (side == "dst_ref" || side == "src_ref"):
			v.kind, _, v.text = pattern.Read(c.Path, c.Values[0])
		case path == "network-traffic:"+side+".type" && property == "type":
			typ = text
		default:
			return v, false
		}
		// A port is the one of the far end: of a source it is another matter.
		if end != "" && end != side {
			return v, false
		}
		end = side
	}
	switch v.kind {
	case pattern.IPv4Address:
		return v, typ == "" || typ == "ipv4-addr"
	case pattern.IPv6Address:
		return v, typ == "" || typ == "ipv6-addr"
	case pattern.DomainName:
		return v, typ == "domain-name" && v.port == 0 && v.protocol == "" && strings.Contains(v.text, ".")
	}
	return v, false
}

// A choice says of a value why the format does not take it; "" takes it.
type choice func(value) string

// of takes values of these kinds, and addresses only where all of their traffic
// is meant.
func of(kinds ...pattern.ObservableKind) choice {
	return func(v value) string {
		if !slices.Contains(kinds, v.kind) || v.port != 0 || v.protocol != "" {
			return NoValue
		}
		return ""
	}
}

// judgeAll hands on each entry that has values which the format takes, without
// the other values, and counts what becomes of all. write returns the lines that
// it wrote.
func judgeAll(ctx context.Context, entries iter.Seq[Entry], allow *Allow, takes choice, write func(*verdict) (int, error)) (Count, error) {
	count := Count{Skipped: map[string]int{}, Withheld: map[string]int{}}
	for e := range entries {
		if err := ctx.Err(); err != nil {
			return count, err
		}
		count.Entries++
		v, reason := judge(e)
		if reason != "" {
			count.Skipped[reason]++
			continue
		}
		all := v.values
		v.values = nil
		var reasons []string
		for _, one := range all {
			if why := refuse(one, allow, takes); why != "" {
				reasons = append(reasons, why)
			} else {
				v.values = append(v.values, one)
			}
		}
		if len(v.values) == 0 {
			count.Skipped[worst(reasons)]++
			continue
		}
		for _, why := range reasons {
			count.Withheld[why]++
		}
		lines, err := write(v)
		if err != nil {
			return count, fmt.Errorf("writing %s of %s: %w", e.ID, e.Origin, err)
		}
		count.Written++
		count.Lines += lines
	}
	return count, nil
}

func refuse(v value, allow *Allow, takes choice) string {
	if why := takes(v); why != "" {
		return why
	}
	return withheld(v, allow)
}

// withheld says why no format writes a value, whatever kinds it takes.
func withheld(v value, allow *Allow) string {
	network, isNetwork := v.network()
	h, named, clear := v.host()
	if h.addr.IsValid() {
		network, isNetwork = netip.PrefixFrom(h.addr, h.addr.BitLen()), true
	}
	switch {
	case allow.has(v):
		return OnAllowList
	case named && !clear, h.addr.IsValid() && v.kind != pattern.URL:
		return UnclearHost
	case isNetwork && special(network):
		return SpecialAddress
	case v.kind == pattern.DomainName && isPublicSuffix(h.name):
		return IsPublicSuffix
	}
	return ""
}

// worst is the reason that is told of an entry none of whose values is written.
func worst(reasons []string) string {
	for _, why := range []string{OnAllowList, SpecialAddress, IsPublicSuffix, UnclearHost, NameTooLong} {
		if slices.Contains(reasons, why) {
			return why
		}
	}
	return NoValue
}

// network is what the value covers, if it is of addresses.
func (v value) network() (netip.Prefix, bool) {
	switch v.kind {
	case pattern.IPv4Address, pattern.IPv6Address:
		a, err := netip.ParseAddr(v.text)
		return netip.PrefixFrom(a, a.BitLen()), err == nil
	case pattern.IPv4Network, pattern.IPv6Network:
		p, err := netip.ParsePrefix(v.text)
		return p, err == nil
	}
	return netip.Prefix{}, false
}

// host is that of the value, if it is of a kind that names one; clear is false if
// it cannot be told which.
func (v value) host() (h host, named, clear bool) {
	switch v.kind {
	case pattern.DomainName:
		h, clear = readHost(v.text)
	case pattern.EmailAddress:
		h, clear = readHost(v.text[strings.LastIndexByte(v.text, '@')+1:])
	case pattern.URL:
		h, _, clear = hostOfURL(v.text)
	default:
		return h, false, false
	}
	return h, true, clear
}

// specials are networks that mean another thing to each who reads of them:
// blocking them blocks one's own (RFC 6890).
var specials = func() (all []netip.Prefix) {
	for _, s := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
		"224.0.0.0/3", "::/127", "::ffff:0:0/96", "fc00::/7", "fe80::/10", "ff00::/8",
	} {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}()

func special(p netip.Prefix) bool {
	return slices.ContainsFunc(specials, p.Overlaps)
}
