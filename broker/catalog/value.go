package catalog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/selat-hub/selat/stix"
)

// errFormat marks a key or value that the index cannot have written.
var errFormat = errors.New("the index holds what it never wrote")

// valueVersion is the first byte of every value of an object.
const valueVersion = 2

// minPlaceBytes is the least a place takes: six fields of a byte or more.
const minPlaceBytes = 6

const supportingBit = 0x80

// stored is an entry as it is kept: streams and audiences by number. Encoded:
// version, flags, hash, what lineage the flags announce, the number of places,
// then for each stream, audience, sequence, index (uvarints), level and
// supporting (one byte), added (varint).
type stored struct {
	hash   [32]byte
	places []storedPlace
	// own is the lineage of this version alone, zero of what has no versions.
	own stix.Lineage
	// newest is true of what is kept under the key of an object rather than of
	// a version. Only there, all is the lineage of every version, as it was when
	// so many streams had been forgotten.
	newest    bool
	all       stix.Lineage
	forgotten uint32
	// old is true of an object of a specification before 2.1.
	old bool
}

// Flags of a value.
const (
	hasOwn    = 1 << iota // own is not zero
	isNewest              // newest is true, and forgotten follows
	allDiffer             // all is not the same as own, and follows
	isOld                 // old is true
)

type storedPlace struct {
	stream, audience uint32
	seq              uint64
	index            int
	level            stix.Level
	supporting       bool
	added            int64
}

// maxPlaceBytes bounds an encoded place.
const maxPlaceBytes = 4*binary.MaxVarintLen64 + binary.MaxVarintLen64 + 1

func (s *stored) flags() (f byte) {
	if s.own != (stix.Lineage{}) {
		f |= hasOwn
	}
	if s.newest {
		f |= isNewest
		if s.all != s.own {
			f |= allDiffer
		}
	}
	if s.old {
		f |= isOld
	}
	return f
}

func (p *storedPlace) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(p.stream))
	b = binary.AppendUvarint(b, uint64(p.audience))
	b = binary.AppendUvarint(b, p.seq)
	b = binary.AppendUvarint(b, uint64(p.index))
	level := byte(p.level)
	if p.supporting {
		level |= supportingBit
	}
	b = append(b, level)
	return binary.AppendVarint(b, p.added)
}

func (s *stored) append(b []byte) []byte {
	f := s.flags()
	b = append(b, valueVersion, f)
	b = append(b, s.hash[:]...)
	if f&hasOwn != 0 {
		b = appendLineage(b, &s.own)
	}
	if f&isNewest != 0 {
		b = binary.AppendUvarint(b, uint64(s.forgotten))
	}
	if f&allDiffer != 0 {
		b = appendLineage(b, &s.all)
	}
	b = binary.AppendUvarint(b, uint64(len(s.places)))
	for i := range s.places {
		b = s.places[i].append(b)
	}
	return b
}

// decode reads a value, strictly: what is left over, out of bounds or missing
// is an error that is errFormat.
func (s *stored) decode(b []byte) error {
	if len(b) < 2+len(s.hash) || b[0] != valueVersion || b[1] > hasOwn|isNewest|allDiffer|isOld {
		return fmt.Errorf("%w: head of a value of %d bytes", errFormat, len(b))
	}
	f := b[1]
	s.old = f&isOld != 0
	copy(s.hash[:], b[2:])
	r := varints{b: b[2+len(s.hash):]}
	if f&hasOwn != 0 {
		s.own = r.lineage()
	}
	if s.newest = f&isNewest != 0; s.newest {
		s.forgotten = uint32(r.uvarint(math.MaxUint32))
		s.all = s.own
	}
	if f&allDiffer != 0 {
		s.all = r.lineage()
	}
	if s.flags() != f {
		return fmt.Errorf("%w: lineage", errFormat)
	}
	count := r.uvarint(math.MaxInt32)
	if r.bad || count > uint64(len(r.b)/minPlaceBytes) {
		return fmt.Errorf("%w: number of places", errFormat)
	}
	s.places = make([]storedPlace, count)
	for i := range s.places {
		s.places[i].decode(&r)
	}
	if r.bad || len(r.b) != 0 {
		return fmt.Errorf("%w: places", errFormat)
	}
	return nil
}

func (p *storedPlace) decode(r *varints) {
	p.stream = uint32(r.uvarint(math.MaxUint32))
	p.audience = uint32(r.uvarint(math.MaxUint32))
	p.seq = r.uvarint(math.MaxUint64)
	p.index = int(r.uvarint(math.MaxInt32))
	level := r.byte()
	p.level, p.supporting = stix.Level(level&^supportingBit), level&supportingBit != 0
	if p.level == stix.NoLevel || p.level > stix.Red {
		r.bad = true
	}
	p.added = r.varint()
}

// position is how far a stream was applied.
type position struct {
	seq       uint64
	lastAdded int64
	// entries counts the keys first seen in this stream.
	entries uint64
	// erasures counts those of the stream since Open; it is not stored.
	erasures uint64
}

func (p position) append(b []byte) []byte {
	b = binary.AppendUvarint(b, p.seq)
	b = binary.AppendVarint(b, p.lastAdded)
	return binary.AppendUvarint(b, p.entries)
}

func parsePosition(b []byte) (position, error) {
	r := varints{b: b}
	p := position{seq: r.uvarint(math.MaxUint64), lastAdded: r.varint(), entries: r.uvarint(math.MaxUint64)}
	if r.bad || len(r.b) != 0 {
		return position{}, fmt.Errorf("%w: position", errFormat)
	}
	return p, nil
}

// varints reads numbers off a slice; bad stays set after the first failure.
type varints struct {
	b   []byte
	bad bool
}

func (r *varints) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > most {
		r.b, r.bad = nil, true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *varints) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.b, r.bad = nil, true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *varints) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

// text reads a string of at most so many bytes.
func (r *varints) text(most uint64) string { return string(r.run(most)) }

// run reads such a string as it stands in the slice.
func (r *varints) run(most uint64) []byte {
	n := r.uvarint(most)
	if n > uint64(len(r.b)) {
		r.b, r.bad = nil, true
	}
	if r.bad {
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *varints) bytes16() (out [16]byte) {
	if len(r.b) < len(out) {
		r.b, r.bad = nil, true
		return out
	}
	r.b = r.b[copy(out[:], r.b):]
	return out
}
