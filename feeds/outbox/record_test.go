package outbox

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A damaged record is an error and never a panic or a record of something else: what
// is read of one is written as it was read.

func FuzzRow(f *testing.F) {
	f.Add((&row{reading: 7, objects: []object{{id: "indicator--1", created: 1, modified: -2, raw: []byte("{}")}, {id: "x", revoked: true, generation: 3, versionless: true}}}).append(nil))
	f.Add((&row{revoked: true}).append(nil))
	f.Add([]byte{1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRow(b)
		if err != nil {
			return
		}
		for _, o := range r.objects {
			if len(o.id)+len(o.raw) > len(b) {
				t.Fatalf("%d bytes hold %+v", len(b), o)
			}
		}
		again, err := parseRow(r.append(nil))
		if diff := cmp.Diff(r, again, cmp.AllowUnexported(row{}, object{})); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
	})
}

func FuzzSeen(f *testing.F) {
	f.Add(seen{reading: 7}.bytes())
	f.Add(seen{reading: 1 << 40, left: time.UnixMilli(1787220000000)}.bytes())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSeen(b)
		if err != nil {
			return
		}
		again, err := parseSeen(s.bytes())
		if err != nil || again.reading != s.reading || !again.left.Equal(s.left) {
			t.Fatalf("%+v, %+v, %v", s, again, err)
		}
	})
}

func FuzzItem(f *testing.F) {
	v := appendBytes(appendBytes(binary.AppendVarint(nil, 1787220000000), []byte("indicator--1")), []byte("2026-01-01T00:00:00.000Z"))
	f.Add(itemKey("feed", 7), append(v, "{}"...))
	f.Add([]byte("o"), []byte{0xff})
	f.Fuzz(func(t *testing.T, k, v []byte) {
		it, err := parseItem(k, v)
		if err != nil {
			return
		}
		if !bytes.HasSuffix(v, it.Raw) || len(it.ID)+len(it.Version)+len(it.Raw) > len(v) {
			t.Fatalf("%+v of %q", it, v)
		}
	})
}
