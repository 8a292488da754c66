package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzStixInput holds what is told of an input's items against the input.
func FuzzStixInput(f *testing.F) {
	for _, in := range []string{
		"", "{", "[]", "\uFEFF{}", address(1), address(1) + "\n" + address(2),
		`{"type":"bundle","id":"bundle--no","objects":[` + address(1) + ",\r\n" + address(2) + `],"x":{"a":[1]}}`,
		`{"objects":[{"type":"bundle","objects":[{}]},5,` + address(1) + "]}\n{,}\n" + address(2),
		`{"type":"é` + "\xff" + `","id":"x","id":"y","a/b":{"~":null}}`,
	} {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := newStixInput("in", iotest.HalfReader(bytes.NewReader(in)))
		r.bundles = true
		for {
			it, err := r.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := (place{Line: 1, Column: 1}).after(in[:it.place.Byte]); it.place.Line > 0 && it.place != want {
				t.Fatalf("an item is at %v, not %v", want, it.place)
			}
			if rest := in[it.place.Byte:]; it.number >= 0 && !bytes.HasPrefix(rest, it.raw) {
				t.Fatalf("%q is not at byte %d", it.raw, it.place.Byte)
			}
			if it.number >= 0 {
				tlpOf(it, definitionsRead{}.resolve)
				idOf(it)
				if _, err := valuesOf(it); err != nil && err.Error() == "" {
					t.Fatal("an error says nothing")
				}
			}
			for _, f := range placed(it, it.findings()) {
				if !strings.HasPrefix(f.Path, it.pointer) {
					t.Fatalf("the path %q is not within %q", f.Path, it.pointer)
				}
				if end := f.Byte + int64(f.length); f.Byte < it.place.Byte || it.raw != nil && end > it.place.Byte+int64(len(it.raw)) {
					t.Fatalf("a finding at byte %d, of %d, is outside of its object", f.Byte, f.length)
				}
			}
		}
	})
}

func TestHostileInputDoesNotReachATerminalAsItIs(t *testing.T) {
	in := "{,}\n" + `{"type":"\u001b[2J","id":"\u009b1m--","value":"\u202e"}
{"type":"file","id":"file--\u0007","name":"\u001b]0;x\u0007","hashes":{"\r":"\n"},"name2\u0000":1}
{"type":"indicator","id":"indicator--\u001b","pattern":"[\u001b:value = 'x']","pattern_type":"stix"}
{"type":"identity","id":"identity--00000000-0000-4000-8000-000000000000","object_marking_refs":["\u001b[2J"]}
`
	for _, args := range [][]string{{"validate"}, {"tlp", "--paths"}, {"id"}, {"values"}} {
		var out bytes.Buffer
		run(context.Background(), append([]string{"stix"}, append(args, "-")...), strings.NewReader(in), &out, &out)
		if out.Len() == 0 || strings.ContainsFunc(out.String(), func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7F && r < 0xA0 || r == '\u202e' }) {
			t.Errorf("%s: %.2000q", args, &out)
		}
	}
}
