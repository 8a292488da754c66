package taxii

import (
	"encoding/base64"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestANextIsReadBackAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := next{after: rapid.Int64Min(0).Draw(t, "after"), repeat: rapid.Bool().Draw(t, "repeat"),
			query: digestOf(rapid.String().Draw(t, "query")), sources: digestOf(rapid.String().Draw(t, "sources"))}
		got, ok := parseNext(n.token())
		if !ok || *got != n {
			t.Fatalf("%+v became %+v, %v", n, got, ok)
		}
	})
}

func TestWhatThisServerDidNotWriteIsNoNext(t *testing.T) {
	n := next{after: math.MaxInt64, query: digestOf("a"), sources: digestOf("b")}
	good := n.token()
	b, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(at int, to byte) string {
		c := append([]byte(nil), b...)
		c[at] = to
		return base64.RawURLEncoding.EncodeToString(c)
	}
	for name, token := range map[string]string{
		"nothing": "", "another format": changed(0, 2), "an unknown flag": changed(1, 2), "padding": good + "=", "one byte less": good[:len(good)-2],
		"more": good + "AAAA", "no base64": "!" + good[1:], "a line break": good[:4] + "\n" + good[4:], "far too much": strings.Repeat("A", 10_000),
		"only a format": base64.RawURLEncoding.EncodeToString([]byte{1}), "a varint without end": base64.RawURLEncoding.EncodeToString(append([]byte{1, 0}, 0xff, 0xff)),
	} {
		if _, ok := parseNext(token); ok {
			t.Errorf("%s is taken", name)
		}
	}
}

func FuzzNext(f *testing.F) {
	n := next{after: 1_700_000_000_000_000, repeat: true}
	f.Add(n.token())
	f.Add("AQA")
	f.Fuzz(func(t *testing.T, s string) {
		if n, ok := parseNext(s); ok && n.token() != s {
			t.Errorf("%q is another spelling of %q", s, n.token())
		}
	})
}

func FuzzAccept(f *testing.F) {
	for _, s := range []string{"*/*", mediaTAXII, `text/html;q="0,5", application/*;q=0.1`, ",,;q=", `a/b;c="\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		accepts(map[string][]string{"Accept": {s}})
		// What names this type in particular is not refused by what follows it.
		if !accepts(map[string][]string{"Accept": {mediaTAXII, s}}) {
			t.Errorf("%q takes away what was accepted", s)
		}
		switch chooseCoding(map[string][]string{"Accept-Encoding": {s}}) {
		case codingNone, codingGzip, codingZstd:
		default:
			t.Error("a coding nobody has")
		}
	})
}
