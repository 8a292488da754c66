package stix

import (
	"bytes"
	"slices"
	"sync"
)

// scanner reads JSON values out of b, one at a time, and lays each out on its
// tape. No general decoder is used because one pass has to do what none does:
// keep going after a duplicate name, a bad string, a number out of range or a
// value too deep or too large, so that these cost an object its place and not
// its neighbours theirs. Only broken syntax ends a scan, since nothing after
// it can be told apart with certainty.
//
// Time is linear in the input but for the sort of an object with over 32
// members; memory is a byte for each open container, and 28 for each value in
// the first lim.ObjectBytes of the value scanned.
type scanner struct {
	tape
	lim Limits

	kinds  []byte  // the kind of each open container
	open   []frame // those of them that are on the tape: the first lim.Depth
	record bool    // false once the value is past lim.ObjectBytes, or off the tape
	base   int     // where the value began
	isDeep bool

	nameFrom, nameTo uint32 // the name read last
	nameFlags        uint8

	flaws []flaw
	order []uint32 // scratch of repeats

	// Scratch of extract.
	texts []byte
	refs  []span
	marks []markSpan
	upper []uint32 // references with a UUID in upper case

	// Scratch of check.
	notes  []note
	noted  [2]int // of notes, by severity
	ends   []int
	fields []*fields // one for each structure inside of another, the first lent out
	lent   int
	rows   []int8 // of the members of what is looked at, of tables inside of tables
	head   head
	// validated says that the objects were held to the specification before.
	validated bool
	table     *structure // that the object is held to
	checker   checker

	told int // findings of the payload so far

	// average is how many bytes an object of the payload before took.
	average int

	// What the objects' slices are made of.
	strings arena[string]
	marked  arena[MarkingRef]
	found   arena[Finding]
}

type frame struct {
	node  uint32
	count uint32 // members so far
}

// flaw is a fault inside a value that leaves it readable.
type flaw struct {
	code string
	node uint32
}

// maxFlaws bounds the flaws kept of one value.
const maxFlaws = 16

var scanners = sync.Pool{New: func() any { return new(scanner) }}

func newScanner(b []byte, lim Limits) *scanner {
	s := scanners.Get().(*scanner)
	s.b, s.lim, s.validated, s.told = b, lim, false, 0
	return s
}

// release gives the scanner back. One that grew beyond what usual objects
// need is dropped, so that a hostile one does not pin its memory for good.
func (s *scanner) release() {
	s.strings, s.marked, s.found = arena[string]{}, arena[MarkingRef]{}, arena[Finding]{}
	if cap(s.nodes) > 1<<15 || cap(s.names)+cap(s.texts)+cap(s.kinds) > 1<<19 || cap(s.order)+cap(s.refs)+cap(s.notes)+cap(s.rows) > 1<<16 {
		return
	}
	s.b = nil
	scanners.Put(s)
}

func (s *scanner) flaw(code string, node uint32) {
	if len(s.flaws) < maxFlaws {
		s.flaws = append(s.flaws, flaw{code, node})
	}
}

// value reads the value at p, after any space, and returns the offset after
// it, or what lex functions return on failure. The tape then holds the value.
func (s *scanner) value(p int) int {
	p = skipSpace(s.b, p)
	s.nodes, s.names, s.flaws = s.nodes[:0], s.names[:0], s.flaws[:0]
	s.kinds, s.open = s.kinds[:0], s.open[:0]
	s.base, s.isDeep, s.record = p, false, true
	return s.scan(p)
}

// whole reads the only value of the input and tells whether it is that.
func (s *scanner) whole() bool {
	end := s.value(0)
	return end >= 0 && skipSpace(s.b, end) == len(s.b)
}

// skip reads the value at p as value does, but leaves the tape as it is.
func (s *scanner) skip(p int) int {
	s.kinds, s.open, s.record = s.kinds[:0], s.open[:0], false
	return s.scan(p)
}

func (s *scanner) scan(p int) int {
	for {
		p = skipSpace(s.b, p)
		if p >= len(s.b) {
			return cut
		}
		switch c := s.b[p]; c {
		case '{', '[':
			s.push(c, p)
			p = skipSpace(s.b, p+1)
			if p < len(s.b) && s.b[p] == c+2 {
				p++
				s.pop(p)
				break
			}
			if c == '{' {
				if p = s.member(p); p < 0 {
					return p
				}
			}
			continue
		default:
			if p = s.scalar(p); p < 0 {
				return p
			}
		}
		if p = s.after(p); p < 0 || len(s.kinds) == 0 {
			return p
		}
	}
}

// after reads what follows a value, up to the next one or the end of all.
func (s *scanner) after(p int) int {
	for len(s.kinds) > 0 {
		p = skipSpace(s.b, p)
		if p >= len(s.b) {
			return cut
		}
		kind := s.kinds[len(s.kinds)-1]
		switch s.b[p] {
		case ',':
			if kind == '{' {
				return s.member(skipSpace(s.b, p+1))
			}
			return p + 1
		case kind + 2: // '}' after '{', ']' after '['
			p++
			s.pop(p)
		default:
			return wrong(p)
		}
	}
	return p
}

// member reads a member's name and colon, and returns the offset after them.
func (s *scanner) member(p int) int {
	if p >= len(s.b) {
		return cut
	}
	if s.b[p] != '"' {
		return wrong(p)
	}
	end, flags := lexString(s.b, p)
	if end < 0 {
		return end
	}
	s.nameFrom, s.nameTo, s.nameFlags = uint32(p+1), uint32(end-1), 0
	if flags != 0 {
		if flags&badText != 0 {
			s.nameFlags |= badName
		}
		if flags&hasEscape != 0 && s.recording() {
			from := len(s.names)
			s.names = unescape(s.names, s.b[p+1:end-1])
			s.nameFrom, s.nameTo = uint32(from), uint32(len(s.names))
			s.nameFlags |= nameDecoded
		}
	}
	p = skipSpace(s.b, end)
	if p >= len(s.b) {
		return cut
	}
	if s.b[p] != ':' {
		return wrong(p)
	}
	return p + 1
}

func (s *scanner) scalar(p int) int {
	var end int
	var flags uint8
	c := s.b[p]
	switch {
	case c == '"':
		end, flags = lexString(s.b, p)
	case c == '-' || '0' <= c && c <= '9':
		c = number
		end, flags = lexNumber(s.b, p)
	case c == 't':
		end = lexLiteral(s.b, p, "true")
	case c == 'f':
		end = lexLiteral(s.b, p, "false")
	case c == 'n':
		end = lexLiteral(s.b, p, "null")
	default:
		return wrong(p)
	}
	if end < 0 || !s.recording() {
		return end
	}
	i := s.add(c, flags, p)
	s.nodes[i].end, s.nodes[i].next = uint32(end), i+1
	switch {
	case flags&badText != 0:
		s.flaw(codeInvalidUTF8, i)
	case c == number && !numberFits(s.b[p:end], flags):
		s.flaw(codeNumberRange, i)
	}
	return end
}

// recording tells whether what comes next goes on the tape: it does unless it
// is in a container that is not there.
func (s *scanner) recording() bool { return s.record && len(s.open) == len(s.kinds) }

func (s *scanner) add(kind byte, flags uint8, start int) uint32 {
	i := uint32(len(s.nodes))
	n := node{kind: kind, flags: flags, start: uint32(start)}
	if top := len(s.open) - 1; top >= 0 {
		f := &s.open[top]
		n.parent = f.node
		if s.kinds[top] == '{' {
			n.nameFrom, n.nameTo, n.flags = s.nameFrom, s.nameTo, flags|s.nameFlags
			if s.nameFlags&badName != 0 {
				s.flaw(codeInvalidUTF8, i)
			}
		} else {
			n.nameFrom = f.count
		}
		f.count++
	}
	s.nodes = append(s.nodes, n)
	if start-s.base > s.lim.ObjectBytes {
		s.record = false
	}
	return i
}

func (s *scanner) push(kind byte, p int) {
	if s.recording() {
		if len(s.open) < s.lim.Depth {
			i := s.add(kind, 0, p)
			s.open = append(s.open, frame{node: i})
		} else if !s.isDeep {
			s.isDeep = true
			top := s.open[len(s.open)-1].node
			s.nodes[top].flags |= isDeep
			s.flaw(codeTooDeep, top)
		}
	}
	s.kinds = append(s.kinds, kind)
}

func (s *scanner) pop(end int) {
	if len(s.open) == len(s.kinds) {
		f := s.open[len(s.open)-1]
		n := &s.nodes[f.node]
		n.end, n.next = uint32(end), uint32(len(s.nodes))
		if n.kind == '{' && f.count > 1 && s.record {
			s.repeats(f)
		}
		s.open = s.open[:len(s.open)-1]
	}
	s.kinds = s.kinds[:len(s.kinds)-1]
}

// repeats finds the members of an object whose name was used before in it.
func (s *scanner) repeats(f frame) {
	if f.count > 32 {
		s.repeatsMany(f)
		return
	}
	// A name can repeat another only if it falls into the same of 64 drawers;
	// only then are the names before it looked at.
	drawers := uint64(0)
	for i := f.node + 1; i < s.nodes[f.node].next; i = s.nodes[i].next {
		name := s.name(i)
		d := uint64(1)
		if k := len(name); k > 0 {
			d = 1 << ((uint(name[0])*7 + uint(name[k/2])*31 + uint(name[k-1])*3 + uint(k)*5) & 63)
		}
		if drawers&d != 0 {
			for j := f.node + 1; j < i; j = s.nodes[j].next {
				if bytes.Equal(s.name(j), name) {
					s.flaw(codeDuplicateKey, i)
					break
				}
			}
		}
		drawers |= d
	}
}

func (s *scanner) repeatsMany(f frame) {
	s.order = s.order[:0]
	for i := f.node + 1; i < s.nodes[f.node].next; i = s.nodes[i].next {
		s.order = append(s.order, i)
	}
	slices.SortFunc(s.order, func(i, j uint32) int {
		if c := bytes.Compare(s.name(i), s.name(j)); c != 0 {
			return c
		}
		return int(i) - int(j)
	})
	for k := 1; k < len(s.order); k++ {
		if bytes.Equal(s.name(s.order[k-1]), s.name(s.order[k])) {
			s.flaw(codeDuplicateKey, s.order[k])
		}
	}
}
