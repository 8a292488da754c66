package stix

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// slowScoID computes what DeterministicID does by decoding the object, picking out
// of it what contributes and encoding it again: "" where nothing does.
func slowScoID(object []byte) (string, error) {
	var o, hashes map[string]json.RawMessage
	if err := json.Unmarshal(object, &o); err != nil {
		return "", err
	}
	var typ string
	if err := json.Unmarshal(o["type"], &typ); err != nil {
		return "", err
	}
	if json.Unmarshal(o["hashes"], &hashes) != nil {
		hashes = nil
	}
	isNull := func(_ string, v json.RawMessage) bool { return string(v) == "null" }
	maps.DeleteFunc(hashes, isNull)
	maps.DeleteFunc(o, isNull)
	delete(o, "hashes")
	for _, name := range append([]string{"MD5", "SHA-1", "SHA-256", "SHA-512"}, slices.Sorted(maps.Keys(hashes))...) {
		if v, ok := hashes[name]; ok {
			one, err := json.Marshal(map[string]json.RawMessage{name: v})
			if err != nil {
				return "", err
			}
			o["hashes"] = one
			break
		}
	}
	contributes := scoContributors[typ]
	maps.DeleteFunc(o, func(name string, _ json.RawMessage) bool { return !slices.Contains(contributes, name) })
	if len(o) == 0 {
		return "", nil
	}
	b, err := json.Marshal(o)
	if err != nil {
		return "", err
	}
	v := jsontext.Value(b)
	if err := v.Canonicalize(); err != nil {
		return "", err
	}
	return typ + "--" + uuid.NewSHA1(uuid.MustParse("00abedb4-aa42-466c-9c01-fed23315a9b7"), v).String(), nil
}

func FuzzDeterministicID(f *testing.F) {
	for _, s := range []string{
		scoIPv4,
		`{"type":"file","hashes":{"SHA-1":"a","MD5":"b"},"name":"\u00e9","extensions":{"b":[1.0,-0,1E2],"a":null}}`,
		`{"type":"file","hashes":{"TLSH":"a","SSDEEP":"b","x":null}}`,
		`{"type":"artifact","hashes":{"\uD83D\uDE00":"a","\uFFFD":"b"}}`,
		`{"type":"autonomous-system","number":1e400}`,
		`{"type":"url","value":"\ud800"}`,
		`{"type":"process","pid":1}`,
		`{"type":"x-radio","value":1}`,
		`[]`, `{"type":"url","value":{"a":{"a":{"b":1,"b":2}}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		id, contributing, err := DeterministicID(object)
		if contributing != (id != "") || err != nil && id != "" {
			t.Fatalf("got %q %v %v", id, contributing, err)
		}
		if err != nil {
			var finding *Finding
			if !errors.As(err, &finding) || finding.Code == "" || finding.Message == "" {
				t.Fatalf("an error that is no finding: %v", err)
			}
			return
		}
		want, err := slowScoID(object)
		if err != nil || id != want {
			t.Fatalf("got %q, want %q %v", id, want, err)
		}
		typ, _, ok := strings.Cut(id, "--")
		if ok && !validIDOf(typ, []byte(id)) {
			t.Fatalf("%q is no identifier", id)
		}
	})
}

// The same object, written in two ways, has one identifier.
func TestIdentifiersDoNotDependOnHowTheObjectIsWritten(t *testing.T) {
	types := slices.Sorted(maps.Keys(scoContributors))
	text := rapid.OneOf(rapid.SampledFrom([]string{"", "a", "/", `"`, `\`, "\n", "é", "\u2028", "😀", "\uFFFD"}), rapid.String())
	scalar := rapid.OneOf(
		rapid.Map(text, func(s string) any { return s }),
		rapid.Map(rapid.Int64Range(-1<<53+1, 1<<53-1), func(n int64) any { return n }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Just[any](nil),
	)
	value := rapid.OneOf(scalar,
		rapid.Map(rapid.SliceOfN(scalar, 0, 3), func(l []any) any { return l }),
		rapid.Map(rapid.MapOfN(text, scalar, 0, 4), func(m map[string]any) any { return m }))
	algorithm := rapid.OneOf(rapid.SampledFrom([]string{"MD5", "SHA-1", "SHA-256", "SHA-512", "SSDEEP", "TLSH", "SHA3-256"}), text)
	hashes := rapid.MapOfN(algorithm, scalar, 0, 4)
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.SampledFrom(types).Draw(t, "type")
		o := map[string]any{"type": typ, "x_note": value.Draw(t, "note")}
		for _, name := range scoContributors[typ] {
			switch {
			case rapid.Bool().Draw(t, "without "+name):
			case name == "hashes":
				o[name] = any(hashes.Draw(t, name))
			default:
				o[name] = value.Draw(t, name)
			}
		}
		one, other := writtenAnyhow(t, o), writtenAnyhow(t, o)
		id, contributing, err := DeterministicID(one)
		id2, contributing2, err2 := DeterministicID(other)
		if err != nil || err2 != nil || id != id2 || contributing != contributing2 {
			t.Fatalf("%s is %q %v\n%s is %q %v", one, id, err, other, id2, err2)
		}
		if want, err := slowScoID(one); err != nil || id != want {
			t.Fatalf("%s is %q, want %q %v", one, id, want, err)
		}
	})
}

// writtenAnyhow writes v as JSON with its members in any order, and with space and
// escapes where they are allowed.
func writtenAnyhow(t *rapid.T, v any) []byte {
	space := func() string { return rapid.SampledFrom([]string{"", "", " ", "\n\t"}).Draw(t, "space") }
	var b []byte
	var write func(v any)
	write = func(v any) {
		b = append(b, space()...)
		switch v := v.(type) {
		case map[string]any:
			b = append(b, '{')
			names := slices.Sorted(maps.Keys(v))
			if len(names) > 0 {
				names = rapid.Permutation(names).Draw(t, "order")
			}
			for i, name := range names {
				if i > 0 {
					b = append(b, ',')
				}
				write(name)
				b = append(b, ':')
				write(v[name])
			}
			b = append(b, '}')
		case []any:
			b = append(b, '[')
			for i, e := range v {
				if i > 0 {
					b = append(b, ',')
				}
				write(e)
			}
			b = append(b, ']')
		case string:
			b = append(b, '"')
			for _, r := range v {
				if r < 0x20 || r == '"' || r == '\\' || r < 0x10000 && rapid.Bool().Draw(t, "escaped") {
					b = fmt.Appendf(b, `\u%04X`, r)
				} else {
					b = append(b, string(r)...)
				}
			}
			b = append(b, '"')
		case int64:
			b = fmt.Append(b, v)
			if rapid.Bool().Draw(t, "as a float") {
				b = append(b, ".0e0"...)
			}
		case bool:
			b = fmt.Append(b, v)
		default:
			b = append(b, "null"...)
		}
		b = append(b, space()...)
	}
	write(v)
	return b
}
