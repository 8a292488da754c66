package catalog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// What a stream holds is kept in its own order, one value for each message: what
// each object is, and where its bytes are. A page is a run of them; of the
// objects nothing is read but what the page shows.

// The first byte of every value of a message tells where its bytes are.
const (
	listingInPlace = 1 // in the message of its sequence
	listingMoved   = 2 // in the one whose sequence follows (moved.go)
)

// listing is the objects of one message of a stream, in the order of its bytes.
type listing []described

// listed is the value of a message: its objects, and the sequence of the message
// that holds their bytes, 0 if that is its own.
type listed struct {
	physical uint64
	listing
}

// described is one object of a message.
type described struct {
	origin, id string
	version    string // as written in the object, "" of one without
	spec       string // spec_version, as the object has it or would
	index      int
	added      int64
	// offset and length are the object's bytes within the message.
	offset, length int
}

// typ is the object's type, which its identifier begins with (STIX 2.1 §2.9).
func (d *described) typ() string {
	typ, _, _ := strings.Cut(d.id, "--")
	return typ
}

// old is true of an object of a specification before 2.1.
func (r *Record) old() bool { return r.Spec != "" && r.Spec != latestSpec }

// described is how a listing has a record.
func (r *Record) described() described {
	d := described{
		origin: r.Key.Origin, id: r.Key.ID, version: r.Version, spec: r.Spec,
		index: r.Place.Index, added: r.Place.Added, offset: r.Offset, length: r.Length,
	}
	if d.spec == "" {
		d.spec = latestSpec
	}
	return d
}

// Flags of a described object. What is as usual after the object before takes no
// room: one origin and one type, the next index, a microsecond later.
const (
	ownOrigin = 1 << iota
	ownType
	ownPlace
	textID    // an identifier that is not a type and a UUID
	otherSpec // spec_version is not 2.1
)

const latestSpec = "2.1"

// maxTypeText and maxIDText bound what is read back: STIX 2.1 §3.1, §2.9.
const (
	maxTypeText = 512
	maxIDText   = 1024
)

func (m listed) append(b []byte) []byte {
	if m.physical == 0 {
		b = append(b, listingInPlace)
	} else {
		b = binary.AppendUvarint(append(b, listingMoved), m.physical)
	}
	b = binary.AppendUvarint(b, uint64(len(m.listing)))
	before := described{index: -2}
	for i := range m.listing {
		b = m.listing[i].append(b, &before)
		before = m.listing[i]
	}
	return b
}

// append writes an object after the one before it. The first has its place
// written out, so that head finds it.
func (d *described) append(b []byte, before *described) []byte {
	var f byte
	if d.origin != before.origin {
		f |= ownOrigin
	}
	if d.typ() != before.typ() {
		f |= ownType
	}
	if d.index != before.index+1 || d.added != before.added+1 {
		f |= ownPlace
	}
	u, short := d.uuid()
	if !short {
		f |= textID
	}
	if d.spec != latestSpec {
		f |= otherSpec
	}
	b = append(b, f)
	if f&ownPlace != 0 {
		b = binary.AppendUvarint(b, uint64(d.index))
		b = binary.AppendVarint(b, d.added)
	}
	if f&ownOrigin != 0 {
		b = appendText(b, d.origin)
	}
	switch {
	case !short:
		b = appendText(b, d.id)
	case f&ownType != 0:
		b = append(appendText(b, d.typ()), u[:]...)
	default:
		b = append(b, u[:]...)
	}
	b = appendText(b, d.version)
	if f&otherSpec != 0 {
		b = appendText(b, d.spec)
	}
	// Objects stand a comma apart, as a rule.
	b = binary.AppendVarint(b, int64(d.offset-before.offset-before.length))
	return binary.AppendUvarint(b, uint64(d.length))
}

// uuid returns the UUID of an identifier that is its type, two hyphens and a
// UUID in lower case.
func (d *described) uuid() (uuid.UUID, bool) {
	_, text, ok := strings.Cut(d.id, "--")
	if !ok || len(text) != uuidLen || strings.ContainsAny(text, "ABCDEF") {
		return uuid.Nil, false
	}
	u, err := uuid.Parse(text)
	return u, err == nil
}

// decodeListing reads a value, strictly.
func decodeListing(b []byte) (m listed, err error) {
	r := varints{b: b}
	physical, count := readHead(&r)
	m = listed{physical, make(listing, 0, count)}
	before := described{index: -2}
	for range count {
		var d described
		d.decode(&r, &before)
		m.listing = append(m.listing, d)
		before = d
	}
	if r.bad || len(r.b) != 0 {
		return listed{}, fmt.Errorf("%w: objects of a message", errFormat)
	}
	return m, nil
}

// describedAt reads one object of a message, and which message holds its bytes, 0
// for that of its sequence. Objects before it are passed over, and those after it
// not looked at: finding one must not cost a message of a thousand.
func describedAt(b []byte, index int) (d described, physical uint64, found bool, err error) {
	r := varints{b: b}
	physical, count := readHead(&r)
	before := described{index: -2}
	var typ []byte
	for range count {
		var passed bool
		if typ, passed = before.pass(&r, typ, index); passed {
			continue
		}
		before.id = string(typ) + "--"
		d.decode(&r, &before)
		found = !r.bad
		break
	}
	if r.bad {
		return described{}, 0, false, fmt.Errorf("%w: objects of a message", errFormat)
	}
	return d, physical, found, nil
}

// minDescribed is the least an object takes: flags, an identifier, a version, a
// gap, a length.
const minDescribed = 5

// readHead reads what stands before the objects.
func readHead(r *varints) (physical uint64, count int) {
	switch r.byte() {
	case listingInPlace:
	case listingMoved:
		if physical = r.uvarint(math.MaxUint64); physical == 0 {
			r.bad = true
		}
	default:
		r.bad = true
	}
	n := r.uvarint(math.MaxInt32)
	if r.bad || n > uint64(len(r.b)/minDescribed) {
		r.b, r.bad = nil, true
		return 0, 0
	}
	return physical, int(n)
}

// firstAdded reads no more of a message than when its first object was added.
func firstAdded(b []byte) (int64, error) {
	r := varints{b: b}
	readHead(&r)
	if f := r.byte(); f&ownPlace == 0 {
		r.bad = true
	}
	r.uvarint(math.MaxInt32)
	added := r.varint()
	if r.bad {
		return 0, fmt.Errorf("%w: head of a message", errFormat)
	}
	return added, nil
}

func (d *described) decode(r *varints, before *described) {
	f := r.byte()
	d.index, d.added, d.origin = before.index+1, before.added+1, before.origin
	if f&ownPlace != 0 {
		d.index = int(r.uvarint(math.MaxInt32))
		d.added = r.varint()
	}
	if f&ownOrigin != 0 {
		d.origin = r.text(maxTypeText)
	}
	switch {
	case f&textID != 0:
		d.id = r.text(maxIDText)
	default:
		typ := before.typ()
		if f&ownType != 0 {
			typ = r.text(maxTypeText)
		}
		if u := uuid.UUID(r.bytes16()); !r.bad {
			d.id = typ + "--" + u.String()
		}
	}
	d.version = r.text(maxLineageText)
	if d.spec = latestSpec; f&otherSpec != 0 {
		d.spec = r.text(maxTypeText)
	}
	d.offset = before.offset + before.length + int(r.varint())
	d.length = int(r.uvarint(math.MaxInt32))
	if f > ownOrigin|ownType|ownPlace|textID|otherSpec || d.offset < 0 {
		r.bad = true
	}
}

// pass goes over the next object, unless it is the one at an index: then it
// leaves r before it. d becomes what the object after it is written against, but
// for its id, of which only the type is kept.
func (d *described) pass(r *varints, typ []byte, index int) (_ []byte, passed bool) {
	start := *r
	f := r.byte()
	next := described{index: d.index + 1, added: d.added + 1, origin: d.origin}
	if f&ownPlace != 0 {
		next.index = int(r.uvarint(math.MaxInt32))
		next.added = r.varint()
	}
	if next.index == index {
		*r = start
		return typ, false
	}
	if f&ownOrigin != 0 {
		next.origin = r.text(maxTypeText)
	}
	if f&textID != 0 {
		typ, _, _ = bytes.Cut(r.run(maxIDText), []byte("--"))
	} else {
		if f&ownType != 0 {
			typ, _, _ = bytes.Cut(r.run(maxTypeText), []byte("--"))
		}
		r.bytes16()
	}
	r.run(maxLineageText)
	if f&otherSpec != 0 {
		r.run(maxTypeText)
	}
	next.offset = d.offset + d.length + int(r.varint())
	next.length = int(r.uvarint(math.MaxInt32))
	if f > ownOrigin|ownType|ownPlace|textID|otherSpec || next.offset < 0 {
		r.bad = true
	}
	*d = next
	return typ, true
}

// appendMessageKey appends a key of fixed length, so that those of a stream are in
// the order of their sequences.
func appendMessageKey(b []byte, kind byte, stream uint32, seq uint64) []byte {
	b = binary.BigEndian.AppendUint32(append(b, kind), stream)
	return binary.BigEndian.AppendUint64(b, seq)
}

// appendOfKey appends the key of a message among those of an origin.
func appendOfKey(b []byte, origin string, stream uint32, seq uint64) ([]byte, error) {
	b, err := appendNames(append(b, kindOf), origin)
	b = binary.BigEndian.AppendUint32(append(b, 0), stream)
	return binary.BigEndian.AppendUint64(b, seq), err
}

// origins are those of a message's objects: one, of a message of the hub's.
func (m listing) origins() (out []string) {
	for i := range m {
		if i == 0 || m[i].origin != m[i-1].origin && !slices.Contains(out, m[i].origin) {
			out = append(out, m[i].origin)
		}
	}
	return out
}

func appendMarkKey(b []byte, p *storedPlace) []byte {
	b = appendMessageKey(b, kindMark, p.stream, p.seq)
	return binary.BigEndian.AppendUint32(b, uint32(p.index))
}

// seqOf reads the sequence off the key of a message, which ends in it.
func seqOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }
