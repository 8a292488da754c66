package stix

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

// The scanner is held against jsontext, a decoder of another make: lenient for
// what is JSON at all, strict for what an object may hold.

func lenient(b []byte) bool {
	return jsontext.Value(b).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

func hasCode(fs []Finding, want ...string) bool {
	return slices.ContainsFunc(fs, func(f Finding) bool { return slices.Contains(want, f.Code) })
}

// tooDeepForOracle is where jsontext gives up.
func tooDeepForOracle(b []byte) bool {
	return bytes.Count(b, []byte("["))+bytes.Count(b, []byte("{")) > 9000
}

func checkSplit(t interface{ Fatalf(string, ...any) }, payload []byte) {
	before := bytes.Clone(payload)
	objects, err := Split(payload, Limits{})
	if !bytes.Equal(before, payload) {
		t.Fatalf("Split wrote to the payload")
	}
	if tooDeepForOracle(payload) {
		return
	}
	var f *Finding
	if err != nil {
		if !errors.As(err, &f) || f.Code == "" || f.Message == "" {
			t.Fatalf("an error that is no finding: %v", err)
		}
		if f.Code == codeMalformedJSON && lenient(payload) {
			t.Fatalf("jsontext takes this, Split does not: %v", err)
		}
		return
	}
	if !lenient(payload) {
		t.Fatalf("Split takes this, jsontext does not")
	}
	at := 0
	for i := range objects {
		o := &objects[i]
		k := bytes.Index(payload[at:], o.Raw)
		if k < 0 || cap(o.Raw) != len(o.Raw) {
			t.Fatalf("object %d is no part of the payload after the one before it", i)
		}
		at += k + len(o.Raw)
		if o.Index != i || len(o.Findings) > maxFindings {
			t.Fatalf("object %d: %+v", i, o)
		}
		if at, err := pointed(payload, o.Pointer); err != nil || !bytes.Equal(at, o.Raw) {
			t.Fatalf("%s is not object %d: %v", o.Pointer, i, err)
		}
		for _, f := range o.Findings {
			if !strings.HasPrefix(f.Path, o.Pointer) || !utf8.ValidString(f.Path) {
				t.Fatalf("object %d: finding %+v", i, f)
			}
		}
		if hasCode(o.Findings, codeTooDeep, codeObjectTooLarge) {
			continue
		}
		if strict := jsontext.Value(o.Raw).IsValid(); strict == hasCode(o.Findings, codeDuplicateKey, codeInvalidUTF8) {
			t.Fatalf("object %d: jsontext finds it sound: %v, Split finds %v", i, strict, o.Findings)
		}
		if len(o.Findings) > 0 {
			continue
		}
		var m map[string]any
		if err := json.Unmarshal(o.Raw, &m); err != nil {
			t.Fatalf("object %d passed: %v", i, err)
		}
		for name, got := range map[string]string{"type": o.Type, "id": o.ID, "created": o.Created, "modified": o.Modified} {
			if s, _ := m[name].(string); s != got {
				t.Fatalf("object %d: %s is %q, want %q", i, name, got, s)
			}
		}
	}
}

// pointed returns the value at "" or "/objects/i".
func pointed(payload []byte, pointer string) ([]byte, error) {
	if pointer == "" {
		return bytes.TrimSpace(payload), nil
	}
	d := jsontext.NewDecoder(bytes.NewReader(payload), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for {
		if string(d.StackPointer()) == pointer[:strings.LastIndexByte(pointer, '/')] && d.PeekKind() == '[' {
			if _, err := d.ReadToken(); err != nil {
				return nil, err
			}
			for {
				v, err := d.ReadValue()
				if err != nil || string(d.StackPointer()) == pointer {
					return v, err
				}
			}
		}
		if _, err := d.ReadToken(); err != nil {
			return nil, err
		}
	}
}

func checkReader(t interface{ Fatalf(string, ...any) }, in []byte) {
	const most = 1 << 12
	lim := Limits{ObjectBytes: most}
	read := func(r *Reader) (raws []string, complaints int) {
		for n := 0; ; n++ {
			raw, err := r.Next()
			var f *Finding
			if n > len(in)+1 {
				t.Fatalf("more items than bytes")
			}
			if r.Offset() < 0 || r.Offset() > int64(len(in)) {
				t.Fatalf("offset %d of %d", r.Offset(), len(in))
			}
			switch {
			case errors.As(err, &f):
				complaints++
			case err != nil:
				return raws, complaints
			case len(raw) > most || !tooDeepForOracle(raw) && !lenient(raw):
				t.Fatalf("an item that is not JSON or too large: %q", raw)
			case !bytes.HasPrefix(in[r.Offset():], raw):
				t.Fatalf("item %q is not at its offset %d", raw, r.Offset())
			default:
				raws = append(raws, string(raw))
			}
		}
	}
	raws, complaints := read(NewReader(bytes.NewReader(in), lim))
	slow, slowly := read(NewReader(iotest.OneByteReader(bytes.NewReader(in)), lim))
	if len(in) <= most && (!slices.Equal(raws, slow) || complaints != slowly) {
		t.Fatalf("read byte by byte it gives %q (%d), whole %q (%d)", slow, slowly, raws, complaints)
	}
	objects, err := Split(in, lim)
	if err != nil || complaints > 0 {
		return
	}
	if len(objects) != len(raws) {
		t.Fatalf("Split finds %d objects, the reader %d", len(objects), len(raws))
	}
	for i := range objects {
		if string(objects[i].Raw) != raws[i] {
			t.Fatalf("Split finds %q, the reader %q", objects[i].Raw, raws[i])
		}
	}
}

func addSeeds(f *testing.F) {
	for _, s := range []string{
		"", "{}", "[]", "null", domainObject(""), inBundle(domainObject(""), domainObject(`,"a":{"b":[1,-0.5e+10,true,false,null]}`)),
		domainObject(`,"a":1,"a":2`), domainObject(`,"\u0061":1,"a":2`), domainObject(",\"a\":\"\xff\""), domainObject(`,"a":"\ud800\udc00\udc00"`),
		`{"objects":[{},5,null],"type":"bundle"}`, `{"objects":[1],"type":"x"}`, "{}\n{}\n{\"a\n{}", `{"a":[}`,
		"\uFEFF{}", `{"type":"bundle","objects":[{}],"objects":[]}`, strings.Repeat("[", 100),
		definition(tlp1Red, `"definition_type":"tlp","definition":{"tlp":"red"}`), marked(tlp1Red, ownMarking), partlyMarked(tlp2Red),
	} {
		f.Add([]byte(s))
	}
}

func FuzzSplit(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		checkSplit(t, payload)
		objects, _ := Split(payload, Limits{})
		for i := range objects {
			m, fs := objects[i].Mark(func(string) (*Definition, bool) { return nil, false })
			if (m.Level == NoLevel) != (m.ID == "") {
				t.Fatalf("%+v %v", m, fs)
			}
		}
	})
}

func FuzzReader(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, in []byte) { checkReader(t, in) })
}

// drawJSON draws a JSON value in one of the many ways it can be written.
func drawJSON(t *rapid.T, depth int) string {
	space := func() string { return rapid.SampledFrom([]string{"", "", " ", "\n\t"}).Draw(t, "space") }
	text := func() string {
		return rapid.SampledFrom([]string{`""`, `"a"`, `"\u0061"`, `"b"`, `"type"`, `"objects"`, `"é日本"`, `"\ud83d\ude00"`, `"\\\""`,
			`"x_ref"`, `"y_refs"`, `"identity--` + testUUID + `"`, `"a string that is longer than one word of eight bytes"`}).Draw(t, "text")
	}
	most := 6
	if depth == 0 {
		most = 4
	}
	switch rapid.IntRange(0, most).Draw(t, "kind") {
	case 0:
		return rapid.SampledFrom([]string{"true", "false", "null"}).Draw(t, "literal")
	case 1:
		return rapid.SampledFrom([]string{"0", "-1", "1.5e-7", "9007199254740991", "12E3"}).Draw(t, "number")
	case 5:
		elements := make([]string, rapid.IntRange(0, 4).Draw(t, "elements"))
		for i := range elements {
			elements[i] = space() + drawJSON(t, depth-1) + space()
		}
		return "[" + strings.Join(elements, ",") + "]"
	case 6:
		return drawObject(t, depth, text, space)
	}
	return text()
}

func drawObject(t *rapid.T, depth int, text, space func() string) string {
	members := make([]string, rapid.IntRange(0, 4).Draw(t, "members"))
	for i := range members {
		members[i] = space() + text() + space() + ":" + space() + drawJSON(t, depth-1) + space()
	}
	return "{" + strings.Join(members, ",") + "}"
}

func TestSplitGivesBackTheObjectsOfABundle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raws := make([][]byte, rapid.IntRange(0, 5).Draw(t, "objects"))
		for i := range raws {
			raws[i] = []byte(drawJSON(t, 4))
		}
		payload := AppendBundle(nil, testBundle, raws...)
		objects, err := Split(payload, Limits{})
		if err != nil || len(objects) != len(raws) {
			t.Fatalf("%d objects, want %d: %v", len(objects), len(raws), err)
		}
		again := make([][]byte, len(objects))
		for i := range objects {
			if again[i] = objects[i].Raw; !bytes.Equal(again[i], raws[i]) {
				t.Fatalf("object %d is %q, want %q", i, again[i], raws[i])
			}
		}
		if !bytes.Equal(AppendBundle(nil, testBundle, again...), payload) {
			t.Fatalf("the bundle made of them differs")
		}
		checkSplit(t, payload)
		checkReader(t, payload)
	})
}

func TestSplitAgreesWithJSONTextOnDamagedInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := []byte(drawJSON(t, 5))
		for range rapid.IntRange(0, 3).Draw(t, "damages") {
			k := rapid.IntRange(0, len(in)-1).Draw(t, "at")
			in[k] = rapid.SampledFrom([]byte("{}[]\",:\\u0e-. \n\x00\xff")).Draw(t, "byte")
		}
		checkSplit(t, in)
		checkReader(t, in)
	})
}
