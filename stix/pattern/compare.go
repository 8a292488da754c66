package pattern

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// constant is a Value made ready for comparing.
type constant struct {
	kind   ValueKind
	text   string
	truth  bool    // of Boolean
	number decimal // of Integer and Float
	moment moment  // of Timestamp
	binary []byte  // of Binary and Hex; of String its code points if all are below U+0100
	narrow bool    // binary holds
}

func newConstant(v Value) (constant, error) {
	c := constant{kind: v.Kind, text: v.Text}
	ok := true
	var err error
	switch v.Kind {
	case String:
		c.binary, c.narrow = latin1(v.Text)
	case Integer, Float:
		// The grammar takes a plus sign that STIX 2.1 §9.2 forbids: Check warns of it.
		c.number, ok = parseDecimal(strings.TrimPrefix(v.Text, "+"))
	case Boolean:
		c.truth = strings.EqualFold(v.Text, "true")
	case Binary:
		c.binary, err = base64.StdEncoding.DecodeString(v.Text) // it passes over line feeds
		c.narrow = true
	case Hex:
		c.binary, err = hex.DecodeString(v.Text)
		c.narrow = true
	case Timestamp:
		c.moment, ok = parseMoment(v.Text)
	default:
		ok = false
	}
	if err != nil || !ok {
		return c, errors.New("the constant is not valid")
	}
	return c, nil
}

// compare orders a value of an object and a constant: negative, 0 or positive.
// ok is false if they are of types that do not compare, and so neither equal
// nor in order; booleans are equal or not and have no order.
//
// Strings compare by code point and are not normalised (STIX 2.1 §9.6.2), which
// in UTF-8 is the order of their bytes. A string compares with binary if all
// its code points are below U+0100 (§9.6.4).
func (c *constant) compare(value any) (order int, ok bool) {
	switch v := value.(type) {
	case string:
		switch c.kind {
		case String:
			return strings.Compare(v, c.text), true
		case Binary, Hex:
			b, narrow := latin1(v)
			return bytes.Compare(b, c.binary), narrow
		}
	case moment:
		if c.kind == Timestamp {
			return v.compare(c.moment), true
		}
	case []byte:
		if c.kind == String || c.kind == Binary || c.kind == Hex {
			return bytes.Compare(v, c.binary), c.narrow
		}
	case number:
		if c.kind == Integer || c.kind == Float {
			d, valid := parseDecimal(string(v))
			return d.compare(c.number), valid
		}
	case bool:
		if c.kind == Boolean && v != c.truth {
			return 1, true
		}
		return 0, c.kind == Boolean
	}
	return 0, false
}

// predicate is a Comparison made ready for use.
type predicate struct {
	typ       string
	steps     []Step
	branches  int // steps up to the last [*]
	op        Operator
	not       bool
	constants []constant
	strings   map[string]bool // the constants of a set of strings
	like      likePattern
	search    *search
	network   netip.Prefix
	timed     int // of those with timestamps their number, from 1
	pos       int
}

func (x *compiler) predicate(source *Comparison) (*predicate, error) {
	c := &predicate{typ: source.Path.Type, steps: source.Path.Steps, op: source.Op, not: source.Not, pos: source.Pos}
	fail := func(err error) (*predicate, error) {
		return nil, fmt.Errorf("byte %d: %w", source.Pos, err)
	}
	for i := range c.steps {
		if c.steps[i].Kind == AnyIndex {
			c.branches = i + 1
		}
	}
	for _, v := range source.Values {
		k, err := newConstant(v)
		if err != nil {
			return fail(err)
		}
		c.constants = append(c.constants, k)
	}
	if c.op != In && c.op != Exists && len(c.constants) != 1 {
		return fail(errors.New("the operator takes one constant"))
	}
	var err error
	switch c.op {
	case In:
		err = homogeneous(c.constants)
		c.listStrings()
	case Like, Matches, IsSubset, IsSuperset:
		if c.constants[0].kind != String {
			return fail(errors.New("the operator takes a string"))
		}
		switch text := c.constants[0].text; c.op {
		case Like:
			c.like = newLikePattern(text)
		case Matches:
			c.search, err = newSearch(text, &x.regex)
		default:
			var ok bool
			if c.network, ok = parseNetwork(text); !ok {
				err = errors.New("the constant is no IP address and no network in CIDR notation")
			}
		}
	}
	if err != nil {
		return fail(err)
	}
	if len(c.constants) > 0 && c.constants[0].kind == Timestamp {
		x.timed++
		c.timed = x.timed
	}
	return c, nil
}

// branchesFrom tells whether the path may lead to several values from the i-th
// step on.
func (c *predicate) branchesFrom(i int) bool { return i < c.branches }

// listStrings prepares a set of strings for strings.
func (c *predicate) listStrings() {
	if len(c.constants) < 2 || c.constants[0].kind != String {
		return
	}
	c.strings = make(map[string]bool, len(c.constants))
	for i := range c.constants {
		c.strings[c.constants[i].text] = true
	}
}

func homogeneous(set []constant) error {
	for i := range set {
		if !alike(set[0].kind, set[i].kind) {
			return errors.New("the set mixes types of constants")
		}
	}
	return nil
}

// holds tells whether the comparison is true of one value. Where the types do
// not compare, values are unequal and in no order, are in no set and match
// nothing; NOT turns that round but for the operators of order, of which a value
// is then neither one nor its contrary. A string that is no timestamp gives
// nothing to hold against one: neither the comparison nor its negation is true
// of it (STIX 2.1 §9.6).
func (c *predicate) holds(value any, w *walk) (bool, error) {
	if text, ok := value.(string); ok && c.timed > 0 {
		if err := w.spend(len(text) / 4); err != nil {
			return false, err
		}
		m, valid := parseMoment(text)
		w.times.note(c, w.observed, valid)
		if !valid {
			return false, nil
		}
		value = m
	}
	switch c.op {
	case Equal, NotEqual, In:
		found, err := c.equalsOne(value, w)
		return found != (c.op == NotEqual) != c.not, err
	case Greater, Less, GreaterOrEqual, LessOrEqual:
		k := &c.constants[0]
		if err := w.spend(k.cost(value)); err != nil {
			return false, err
		}
		order, ok := k.compare(value)
		return ok && k.kind != Boolean && c.inOrder(order) != c.not, nil
	case Like:
		found, err := c.isLike(value, w.budget)
		return found != c.not, err
	case Matches:
		found, err := c.isFound(value, w.budget)
		return found != c.not, err
	case IsSubset, IsSuperset:
		return c.isWithin(value) != c.not, nil
	}
	return c.op == Exists, nil
}

func (c *predicate) equalsOne(value any, w *walk) (bool, error) {
	if text, ok := value.(string); ok && c.strings != nil {
		return c.strings[text], w.spend(costOfReference + len(text)/16)
	}
	for i := range c.constants {
		k := &c.constants[i]
		if err := w.spend(k.cost(value)); err != nil {
			return false, err
		}
		order, ok := k.compare(value)
		if ok && order == 0 {
			return true, nil
		}
	}
	return false, nil
}

// cost returns the steps that it takes to compare a value.
func (c *constant) cost(value any) int {
	switch v := value.(type) {
	case string:
		if c.kind == String {
			return 1 + min(len(v), len(c.text))/64
		}
		return 2 + len(v)/4 // its code points are read
	case number:
		return 4 + (len(v)+len(c.text))/8
	case []byte:
		return 1 + min(len(v), len(c.binary))/64
	}
	return 1
}

func (c *predicate) inOrder(order int) bool {
	switch c.op {
	case Greater:
		return order > 0
	case Less:
		return order < 0
	case GreaterOrEqual:
		return order >= 0
	}
	return order <= 0
}

func (c *predicate) isLike(value any, b *budget) (bool, error) {
	switch v := value.(type) {
	case string:
		return c.like.matchesString(v, b)
	case []byte:
		return c.like.matchesBinary(v, b)
	}
	return false, nil
}

func (c *predicate) isFound(value any, b *budget) (bool, error) {
	switch v := value.(type) {
	case string:
		return c.search.findsIn(v, b)
	case []byte:
		return c.search.findsInBinary(v, b)
	}
	return false, nil
}

// isWithin compares networks. A value that is no address or network, or of the
// other version of IP, is neither subset nor superset.
func (c *predicate) isWithin(value any) bool {
	s, _ := value.(string)
	if len(s) > maxNetwork {
		return false
	}
	n, ok := parseNetwork(s)
	if !ok {
		return false
	}
	inner, outer := n, c.network
	if c.op == IsSuperset {
		inner, outer = outer, inner
	}
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

// maxNetwork is far more characters than a network is written with.
const maxNetwork = 1000

// parseNetwork reads an address or a network in CIDR notation, IPv4 or IPv6. An
// address is a network of one.
func parseNetwork(s string) (netip.Prefix, bool) {
	if p, ok := readIPv4(s); ok {
		return p, true
	}
	return readIPv6(s)
}
