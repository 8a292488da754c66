package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"
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
				if _, err := valuesOf(it, time.Now()); err != nil && err.Error() == "" {
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
	file := filepath.Join(t.TempDir(), "d\x1b[31m\u009b\x7fir.json")
	if err := os.WriteFile(file, []byte(in), 0o600); err != nil {
		t.Fatal(err)
	}
	gone := filepath.Join(t.TempDir(), "g\x1b[31mo\u202ene.json")
	for _, args := range [][]string{
		{"validate"}, {"validate", "--json"}, {"validate", "--format", "sarif"}, {"tlp", "--paths"}, {"tlp", "--json"},
		{"id"}, {"id", "--json"}, {"values"}, {"values", "--json"}, {"match", "[a:b = 'c']"}, {"match", "--json", "[a:b = 'c']"},
	} {
		var out bytes.Buffer
		run(context.Background(), append([]string{"stix"}, append(args, "-", file)...), strings.NewReader(in), &out, &out)
		run(context.Background(), append([]string{"stix"}, append(args, gone)...), strings.NewReader(""), &out, &out)
		if out.Len() == 0 || strings.ContainsFunc(out.String(), func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7F && r < 0xA0 || r == '\u202e' }) {
			t.Errorf("%s: %.2000q", args, &out)
		}
	}
}

func TestJSONThatIsEscapedMeansTheSame(t *testing.T) {
	for in, want := range map[string]string{
		"{}\n":                        "{}\n",
		`"plain ก é \u00a0"`:          `"plain ก é \u00a0"`,
		"\"\x7f a \u009b\u0080z\"":    `"\u007f a \u009b\u0080z"`,
		"\"\u202egnp\U000E0041.exe\"": `"\u202egnp\udb40\udc41.exe"`,
	} {
		got := plainText([]byte(in))
		if string(got) != want {
			t.Errorf("%q: %s", in, got)
		}
		var before, after any
		if err := errors.Join(json.Unmarshal([]byte(in), &before), json.Unmarshal(got, &after)); err != nil || !reflect.DeepEqual(before, after) {
			t.Errorf("%q became %q, %v", before, after, err)
		}
	}
}
