package outbox

import (
	"encoding/binary"
	"errors"
	"time"
)

var errRecord = errors.New("the outbox is damaged: a record of its ledger cannot be read")

// object is what was published last of one object.
type object struct {
	id                string // as the source has it, without the generation
	created, modified int64  // milliseconds since 1970
	versionless       bool
	// generation is how often it came back after it was revoked; of a revoked one
	// raw is the SHA-256 of the bytes that revoked it.
	generation uint64
	revoked    bool
	raw        []byte
}

// row is the ledger's record of a row.
type row struct {
	reading uint64 // of a shared object: that saw it last, or proposed it
	revoked bool   // the row is gone
	objects []object
}

func (r *row) find(id string) *object {
	for i := range r.objects {
		if r.objects[i].id == id {
			return &r.objects[i]
		}
	}
	return nil
}

func (r *row) append(b []byte) []byte {
	b = binary.AppendUvarint(b, r.reading)
	b = append(b, flag(r.revoked))
	for _, o := range r.objects {
		b = appendBytes(b, []byte(o.id))
		b = binary.AppendVarint(b, o.created)
		b = binary.AppendVarint(b, o.modified)
		b = append(b, flag(o.versionless), flag(o.revoked))
		b = binary.AppendUvarint(b, o.generation)
		b = appendBytes(b, o.raw)
	}
	return b
}

func parseRow(b []byte) (r row, err error) {
	d := decoder{b: b}
	r.reading, r.revoked = d.uint(), d.flag()
	for len(d.b) > 0 && !d.bad {
		r.objects = append(r.objects, object{id: string(d.bytes()), created: d.int(), modified: d.int(), versionless: d.flag(), revoked: d.flag(), generation: d.uint(), raw: d.bytes()})
	}
	if d.bad {
		return row{}, errRecord
	}
	return r, nil
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func appendBytes(b, v []byte) []byte { return append(binary.AppendUvarint(b, uint64(len(v))), v...) }

type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) take(n int) []byte {
	if n <= 0 && n != 0 || n > len(d.b) {
		d.bad, d.b = true, nil
		return nil
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		n = -1
	}
	d.take(n)
	return v
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		n = -1
	}
	d.take(n)
	return v
}

func (d *decoder) flag() bool { v := d.take(1); return len(v) == 1 && v[0] == 1 }

func (d *decoder) bytes() []byte {
	n := d.uint()
	if n > uint64(len(d.b)) {
		n = uint64(len(d.b)) + 1
	}
	return d.take(int(n))
}

// seen is in which reading a row was last, and since when it is not in its list.
// A row that was revoked has none.
type seen struct {
	reading uint64
	left    time.Time
}

func (s seen) bytes() []byte {
	b := binary.AppendUvarint(nil, s.reading)
	if s.left.IsZero() {
		return b
	}
	return binary.AppendVarint(b, s.left.UnixMilli())
}

func parseSeen(b []byte) (s seen, err error) {
	d := decoder{b: b}
	s.reading = d.uint()
	if len(d.b) > 0 {
		s.left = time.UnixMilli(d.int()).UTC()
	}
	if d.bad {
		return s, errRecord
	}
	return s, nil
}
