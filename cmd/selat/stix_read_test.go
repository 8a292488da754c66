package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/selat-hub/selat/stix"
)

func address(n int) string {
	return fmt.Sprintf(`{"type":"ipv4-addr","id":"ipv4-addr--00000000-0000-4000-8000-%012d","value":"192.0.2.%d"}`, n, n%256)
}

// itemsOf tells of each item its place, its pointer and its first error.
func itemsOf(t rapid.TB, in io.Reader) (items []string) {
	t.Helper()
	r := newStixInput("in", in)
	for {
		it, err := r.next()
		if errors.Is(err, io.EOF) {
			return items
		}
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, itemText(it))
	}
}

func itemText(it *stixItem) string {
	code := "object"
	if it.number < 0 {
		code = "bundle"
	} else if f := it.findings(); len(f) > 0 && f[0].Severity == stix.Error {
		code = f[0].Code
	}
	return fmt.Sprintf("%d:%d %s %s", it.place.Line, it.place.Column, it.pointer, code)
}

func TestItemsAreToldByTheirPlaceInTheFileAndTheBundle(t *testing.T) {
	a := address(1)
	large := `{"type":"x-large",` + strings.Repeat("\n", 6<<20) + `"text":"long"}`
	comma := fmt.Sprint(len(a) + 1)
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"one object":          {a, []string{"1:1  object"}},
		"objects on lines":    {a + "\n\n" + a + " " + a, []string{"1:1  object", "3:1  object", "3:" + fmt.Sprint(len(a)+2) + "  object"}},
		"a bundle":            {`{"objects":[` + a + ",\n\t" + a + `]}`, []string{"1:13 /objects/0 object", "2:2 /objects/1 object"}},
		"a bundle, an object": {`{"objects":[` + a + "],\"x\":[1,2]}\n" + a, []string{"1:13 /objects/0 object", "2:1  object"}},
		"two bundles":         {"{\"objects\":[" + a + "]}\n{\"objects\":[" + a + "]}", []string{"1:13 /objects/0 object", "2:13 /objects/0 object"}},
		"no object in a list": {"{\"objects\":[\n5,\n" + a + "]}", []string{"2:1 /objects/0 not-an-object", "3:1 /objects/1 object"}},
		"a bundle in one":     {"{\"objects\":[\n" + `{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000000","objects":[` + a + "]}]}", []string{"2:1 /objects/0 invalid-type"}},
		"after broken JSON":   {"{\"objects\":[\n{,},\n" + a + ",\n" + a + "]}", []string{"2:1 /objects/0 malformed-json", "3:1  object", "3:" + comma + "  malformed-json", "4:1  object", "4:" + comma + "  malformed-json"}},
		"a bundle after it":   {"{\n{\"objects\":[{\"objects\":[]}", []string{"1:1  malformed-json", "2:13  empty-value", "2:13  malformed-json"}},
		"two in one after it": {"{\n{\"objects\":[{\"objects\":[" + a + "," + a + "]}", []string{"1:1  malformed-json", "2:13  missing-property", "2:13  malformed-json"}},
		"too large an object": {"{\"objects\":[" + a + ",\n" + large + ",\n" + a + "]}", []string{"1:13 /objects/0 object", "0:0 /objects/1 object-too-large", "6291459:1 /objects/2 object"}},
		"too large, alone":    {large + "\n" + a, []string{"0:0  object-too-large", "6291458:1  object"}},
		"characters":          {`{"x":"ชื่อ","objects":[` + a + "]}", []string{"1:24 /objects/0 object"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, itemsOf(t, strings.NewReader(c.in))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPlacesDoNotDependOnHowTheInputArrives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.SampledFrom([]string{address(1), address(2), "\n", " ", "5", "{", `{"objects":[`, "]}", ",", "}", `{"objects":[` + address(3) + "]}"})
		in := strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "in"), "")
		whole := itemsOf(t, strings.NewReader(in))
		byBytes := itemsOf(t, iotest.OneByteReader(strings.NewReader(in)))
		if diff := cmp.Diff(whole, byBytes); diff != "" {
			t.Fatalf("%q: %s", in, diff)
		}
	})
}

func TestAPlaceIsWhereCountingFromTheStartPutsIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune("ab\n é中{"))).Draw(t, "text")
		tr := newTracker(iotest.HalfReader(strings.NewReader(text)))
		if _, err := io.Copy(io.Discard, tr); err != nil {
			t.Fatal(err)
		}
		at := 0
		for at < len(text) {
			at += rapid.IntRange(0, len(text)-at).Draw(t, "step")
			for at < len(text) && text[at]&0xC0 == 0x80 {
				at++
			}
			before := text[:at]
			line := before[strings.LastIndexByte(before, '\n')+1:]
			want := place{Byte: int64(at), Line: 1 + strings.Count(before, "\n"), Column: 1 + len([]rune(line))}
			if got := tr.to(int64(at)); got != want {
				t.Fatalf("byte %d of %q: %v, not %v", at, text, got, want)
			}
			if at == len(text) || rapid.Bool().Draw(t, "enough") {
				return
			}
		}
	})
}

func TestValuesAreFoundByTheirPointers(t *testing.T) {
	raw := `{"a": [1, {"b/~c" : "x"}, {}], "a~1": null, "d":1, "d":{"e":true}}`
	for pointer, want := range map[string]string{
		"":                 raw,
		"/a":               `[1, {"b/~c" : "x"}, {}]`,
		"/a/0":             "1",
		"/a/1/b~1~0c":      `"x"`,
		"/a/1/missing":     `{"b/~c" : "x"}`,
		"/a/9":             `[1, {"b/~c" : "x"}, {}]`,
		"/a~01":            "null",
		"/missing/further": raw,
		"/d":               `{"e":true}`,
		"/d/e":             "true",
		"/a/0/under":       "1",
	} {
		// Alone, and beside all the others.
		for _, beside := range [][]string{{pointer}, {"", "/a/1/b~1~0c", pointer, "/d/e", "/a"}} {
			s := locate([]byte(raw), beside)[pointer]
			if got := raw[s.from:s.to]; got != want {
				t.Errorf("%q is %s, not %s", pointer, got, want)
			}
		}
	}
}

func TestWhatIsNotOfAPointersFormIsAtItsObject(t *testing.T) {
	for _, raw := range []string{"{", "nonsense", ""} {
		if s := locate([]byte(raw), []string{"/a"})["/a"]; s != (span{0, len(raw)}) {
			t.Errorf("%q: %v", raw, s)
		}
	}
}

func TestEveryFindingIsPlacedWithinItsObject(t *testing.T) {
	in := "{\"objects\":[\n" + `{"type":"ipv4-addr","value":7}` + "\n]}"
	it, err := newStixInput("in", strings.NewReader(in)).next()
	if err != nil {
		t.Fatal(err)
	}
	findings := []stix.Finding{{Code: "a", Path: "/objects/0/value"}, {Code: "b", Path: "/objects/0/id"}, {Code: "c"}}
	want := []told{
		{findings[0], place{41, 2, 29}, 1},
		{findings[1], place{13, 2, 1}, 30},
		{findings[2], place{13, 2, 1}, 30},
	}
	if diff := cmp.Diff(want, placed(it, findings), cmp.AllowUnexported(told{})); diff != "" {
		t.Error(diff)
	}
}

func TestBundlesArePutTogetherWithoutTheirObjects(t *testing.T) {
	a := address(1)
	large := `{"objects":[],"x":"` + strings.Repeat("y", gapMost) + `"}`
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"one":                     {`{"id":1,"objects":[` + a + "," + a + `],"x":[2]}`, []string{`1:1 {"id":1,"objects":[{}],"x":[2]}`}},
		"after a byte order mark": {"\uFEFF\n" + `{"objects":[` + a + "]}", []string{`2:1 {"objects":[{}]}`}},
		"several, objects between": {`{"objects":[` + a + "]}\n" + a + ` {"objects":[` + a + "]}" + `{"objects":[]}`, []string{
			`1:1 {"objects":[{}]}`, fmt.Sprintf(`2:%d {"objects":[{}]}`, len(a)+2), fmt.Sprintf(`2:%d {"objects":[]}`, 2*len(a)+16),
		}},
		"not after broken JSON": {`{"objects":[` + a + "]}\n{,}\n" + `{"objects":[` + a + "]}", []string{`1:1 {"objects":[{}]}`}},
		"not ones too large":    {large + "\n" + a, nil},
		"none":                  {a + "\n" + a, nil},
		"nothing":               {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			in := newStixInput("in", iotest.OneByteReader(strings.NewReader(c.in)))
			var got []string
			for {
				it, err := in.read()
				if err != nil && !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				for _, e := range in.between(it) {
					got = append(got, fmt.Sprintf("%d:%d %s", e.at.Line, e.at.Column, e.text))
				}
				if it == nil {
					break
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBundlesWithoutObjectsAreToldOnce(t *testing.T) {
	a := address(1)
	const absent, empty = `{"type":"bundle","id":"bad"}`, `{"type":"bundle","id":"bad","objects":[]}`
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"without a list":    {absent, []string{"1:1  bundle"}},
		"with an empty one": {empty, []string{"1:1  bundle"}},
		"after an object":   {a + "\n" + empty, []string{"1:1  object", "2:1  bundle"}},
		"two in a row":      {absent + "\n" + empty, []string{"1:1  bundle", "2:1  bundle"}},
		"before an object":  {empty + "\n" + a, []string{"1:1  bundle", "2:1  object"}},
		"with space after":  {empty + "\n\n", []string{"1:1  bundle"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newStixInput("in", strings.NewReader(c.in))
			r.bundles = true
			var got []string
			for range len(c.want) + 2 { // bounded, so that a bundle told again and again fails
				it, err := r.next()
				if errors.Is(err, io.EOF) {
					got = append(got, "end")
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, itemText(it))
			}
			if diff := cmp.Diff(append(c.want, "end"), got); diff != "" {
				t.Error(diff)
			}
			if _, err := r.next(); !errors.Is(err, io.EOF) {
				t.Errorf("after the end: %v", err)
			}
		})
	}
}
