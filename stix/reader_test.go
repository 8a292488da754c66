package stix

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// readAll reads all there is, an item or an error's code and offset for each.
func readAll(t testing.TB, in io.Reader, lim Limits) (items []string) {
	t.Helper()
	r := NewReader(in, lim)
	for {
		raw, err := r.Next()
		var f *Finding
		switch {
		case errors.Is(err, io.EOF):
			return items
		case errors.As(err, &f):
			items = append(items, fmt.Sprintf("%s@%d", f.Code, r.Offset()))
		case err != nil:
			items = append(items, err.Error())
		default:
			items = append(items, string(raw))
		}
	}
}

func TestReaderFindsObjects(t *testing.T) {
	a, b, c := `{"type":"a","x":[1,{"objects":[]}]}`, `{"id":"}]\"{","type":"b"}`, `{ }`
	long := `{"type":"long","x":"` + strings.Repeat("y", 300) + `"}`
	for _, k := range []struct {
		name, in string
		want     []string
	}{
		{"nothing", "", nil},
		{"space", " \n", nil},
		{"one object", a, []string{a}},
		{"one object after a byte order mark", "\uFEFF" + a, []string{a}},
		{"one object with a list named objects", `{"type":"a","objects":[1]}`, []string{`{"type":"a","objects":[1]}`}},
		{"one object with an object named objects", `{"objects":{"0":{}},"type":"a"}`, []string{`{"objects":{"0":{}},"type":"a"}`}},
		{"a bundle", `{"type":"bundle","id":"x","objects":[` + a + ` , ` + b + `,` + c + `]}`, []string{a, b, c}},
		{"a bundle with its type last", `{"objects":[` + a + `],"x":[[]],"id":"x","type":"bundle"}`, []string{a}},
		{"an envelope", `{"more":true,"next":"7","objects":[` + a + `]}`, []string{a}},
		{"a bundle of nothing", `{"type":"bundle","objects":[]}` + a, []string{a}},
		{"a bundle without objects", `{"type":"bundle","id":"x"} ` + a, []string{a}},
		{"lines of objects", a + "\n" + b + "\r\n\n" + c, []string{a, b, c}},
		{"objects with nothing between them", a + b + c, []string{a, b, c}},
		{"lines of bundles and objects", `{"type":"bundle","objects":[` + a + "," + b + "]}\n" + c + "\n" + `{"type":"bundle","objects":[` + a + `]}`, []string{a, b, c, a}},
		{"a value that is no object", "5 \"x\" [" + a + "]\n" + b, []string{"not-an-object@0", "not-an-object@2", "not-an-object@6", b}},
		{"an element that is no object", `{"type":"bundle","objects":[5,` + a + `]}`, []string{"5", a}},
		{"a broken line", a + "\n{\"type\":\"b\n" + c + "\n", []string{a, "malformed-json@36", c}},
		{"a line without its last brace", "{\"type\":\"a\"\n" + b + "\n" + c, []string{"malformed-json@0", b, c}},
		{"a line of no JSON", "hello\n" + b, []string{"malformed-json@0", b}},
		{"a number that is none", "01x\n" + b, []string{"not-an-object@0", b}},
		{"an object cut short", `{"type":"a"`, []string{"malformed-json@0"}},
		{"a bundle cut short", `{"type":"bundle","objects":[` + a + `,{"type"`, []string{a, "malformed-json@64"}},
		{"a bundle cut short after an object", `{"type":"bundle","objects":[` + a, []string{a, "malformed-json@28"}},
		{"a bundle that breaks", `{"type":"bundle","objects":[` + a + ` ` + b + "]}\n" + c, []string{a, "malformed-json@28", c}},
		{"a wrong bracket", `{"type":"a","x":[}` + "\n" + c + "\n]}\n" + b, []string{"malformed-json@0", c, "malformed-json@23", b}},
		{"an object too large", long + a, []string{"object-too-large@0", a}},
		{"an element too large", `{"type":"bundle","objects":[` + a + `,` + long + `,` + c + `]}`, []string{a, "object-too-large@64", c}},
		{"a second list of objects", `{"type":"bundle","objects":[` + a + `],"objects":[` + b + `]}` + c, []string{a, "duplicate-key@75", c}},
		{"a list and no bundle", `{"objects":[` + a + `],"type":"x"}` + c, []string{a, "wrong-type@56", c}},
	} {
		t.Run(k.name, func(t *testing.T) {
			for how, in := range map[string]io.Reader{
				"whole":        strings.NewReader(k.in),
				"byte by byte": iotest.OneByteReader(strings.NewReader(k.in)),
				"with its end": iotest.DataErrReader(strings.NewReader(k.in)),
			} {
				got := readAll(t, in, Limits{ObjectBytes: 200})
				if strings.Join(got, "\n") != strings.Join(k.want, "\n") {
					t.Errorf("%s:\ngot  %q\nwant %q", how, got, k.want)
				}
			}
		})
	}
}

func TestReaderTellsWhyReadingFailed(t *testing.T) {
	broken := errors.New("the disk is gone")
	r := NewReader(io.MultiReader(strings.NewReader(`{"type":"a"}{"type"`), iotest.ErrReader(broken)), Limits{})
	if raw, err := r.Next(); err != nil || string(raw) != `{"type":"a"}` {
		t.Fatal(string(raw), err)
	}
	if _, err := r.Next(); !errors.Is(err, broken) || !strings.Contains(err.Error(), "byte 19") {
		t.Errorf("got %v", err)
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("then %v", err)
	}
}

// repeated reads as the same bytes n times over, without holding them.
type repeated struct {
	head, body, tail []byte
	n                int
	rest             []byte
}

func (r *repeated) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		switch {
		case r.head != nil:
			r.rest, r.head = r.head, nil
		case r.n > 0:
			r.rest = r.body
			r.n--
		case r.tail != nil:
			r.rest, r.tail = r.tail, nil
		default:
			return 0, io.EOF
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func TestReaderHoldsNoMoreThanOneObject(t *testing.T) {
	object := indicator(1, 1000)
	for name, in := range map[string]*repeated{
		"a bundle of 64 MB":   {head: []byte(`{"type":"bundle","objects":[{}`), body: append([]byte(","), object...), n: 64_000, tail: []byte("]}")},
		"an object of 64 MB":  {head: []byte(`{"type":"a","x":"`), body: bytes.Repeat([]byte("y"), 1000), n: 64_000, tail: []byte(`"}`)},
		"an element of 64 MB": {head: []byte(`{"type":"bundle","objects":[{"x":[0`), body: []byte(strings.Repeat(",[{}]", 200)), n: 64_000, tail: []byte("]},{}]}")},
		"64 MB of space":      {body: bytes.Repeat([]byte(" "), 1000), n: 64_000, tail: []byte(`{}`)},
		"64 MB of no JSON":    {body: bytes.Repeat([]byte("x"), 1000), n: 64_000, tail: []byte("\n{}")},
		"64 MB after a list":  {head: []byte(`{"objects":[{}],"x":"`), body: bytes.Repeat([]byte("y"), 1000), n: 64_000, tail: []byte(`"}`)},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewReader(in, Limits{ObjectBytes: 100_000})
			for {
				if _, err := r.Next(); errors.Is(err, io.EOF) {
					break
				}
			}
			if c := cap(r.w.buf); c > 1<<20 {
				t.Errorf("it held %d bytes", c)
			}
		})
	}
}
