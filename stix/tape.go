package stix

import (
	"strconv"
	"strings"
)

// A tape is one JSON value laid out flat: a node for each value in it, in the
// order written, the value itself first. A container is followed by all that is
// in it, and knows where that ends, so its members are walked by
//
//	for i := c + 1; i < t.nodes[c].next; i = t.nodes[i].next
//
// and looked at without copying, decoding or allocating.
type tape struct {
	b     []byte // what was scanned; offsets below refer to it
	nodes []node
	names []byte // names that were written with escapes, decoded
}

type node struct {
	kind             byte // first byte of the value: { [ " t f n, and 0 for a number
	flags            uint8
	start, end       uint32
	nameFrom, nameTo uint32 // in b, or in names under nameDecoded; in an array nameFrom is the position
	next             uint32 // first node after this value
	parent           uint32 // node 0 is its own
}

const (
	hasEscape   = 1 << iota // the string holds an escape
	badText                 // the string is no valid Unicode
	nameDecoded             // the name is in tape.names
	badName                 // the name is no valid Unicode
	isFloat                 // the number has a fraction or an exponent
	isID                    // the string, or the key of an extension, is a well-formed identifier
	isMoment                // the string was looked at and is a timestamp
	isDeep                  // what is in the container is nested too deep, and not here
)

const number = 0 // node.kind of numbers

// name returns the name of a member of an object, decoded.
func (t *tape) name(i uint32) []byte {
	n := &t.nodes[i]
	if n.flags&nameDecoded != 0 {
		return t.names[n.nameFrom:n.nameTo]
	}
	return t.b[n.nameFrom:n.nameTo]
}

// text returns the decoded value of a string node. It allocates only where
// the string was written with escapes.
func (t *tape) text(i uint32) []byte {
	n := &t.nodes[i]
	s := t.b[n.start+1 : n.end-1]
	if n.flags&hasEscape != 0 {
		return unescape(nil, s)
	}
	return s
}

// shortText returns the text of string node i, "" for one that is longer than a
// type may be: what is looked up by it must not cost more than that.
func (t *tape) shortText(i uint32) string {
	if n := &t.nodes[i]; n.end-n.start > 6*maxTypeLen+2 {
		return ""
	}
	return string(t.text(i))
}

// is reports whether node i is a string of exactly this value.
func (t *tape) is(i uint32, s string) bool {
	return t.nodes[i].kind == '"' && string(t.text(i)) == s
}

// member returns the member of object i with this name, 0 for none. Node 0 is
// the root and never a member.
func (t *tape) member(i uint32, name string) uint32 {
	if t.nodes[i].kind != '{' {
		return 0
	}
	for m := i + 1; m < t.nodes[i].next; m = t.nodes[m].next {
		if string(t.name(m)) == name {
			return m
		}
	}
	return 0
}

// maxPathName is the longest name a pointer repeats: the longest a property
// may have (STIX 2.1 §3.1). A pointer to a value below a longer one ends above
// it, so that a finding never grows with what was sent.
const maxPathName = 250

// appendPointer appends the RFC 6901 pointer from the tape's root to node i.
func (t *tape) appendPointer(dst []byte, i uint32) []byte {
	var chain [16]uint32
	up := chain[:0]
	for ; i != 0; i = t.nodes[i].parent {
		up = append(up, i)
	}
	for k := len(up) - 1; k >= 0; k-- {
		n := &t.nodes[up[k]]
		if t.nodes[n.parent].kind == '[' {
			dst = append(dst, '/')
			dst = strconv.AppendUint(dst, uint64(n.nameFrom), 10)
			continue
		}
		name := t.name(up[k])
		if len(name) > maxPathName {
			break
		}
		dst = append(dst, '/')
		dst = appendPointerName(dst, name)
	}
	return dst
}

func appendPointerName(dst, name []byte) []byte {
	if plain(name) {
		return append(dst, name...)
	}
	for _, c := range strings.ToValidUTF8(string(name), "\uFFFD") {
		switch c {
		case '~':
			dst = append(dst, "~0"...)
		case '/':
			dst = append(dst, "~1"...)
		default:
			dst = append(dst, string(c)...)
		}
	}
	return dst
}

// plain tells whether a name stands in a pointer as it is.
func plain(name []byte) bool {
	for _, c := range name {
		if c == '~' || c == '/' || c >= 0x80 {
			return false
		}
	}
	return true
}
