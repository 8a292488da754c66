package taxii

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/selat-hub/selat/stix"
)

func TestTheObjectsOfAnEnvelopeAreItsBytes(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"one":                            {`{"objects":[{"a":1}]}`, []string{`{"a":1}`}},
		"several with spaces":            {" {\n\"objects\" : [ {\"a\": 1.0e1 } ,\t[ ] , \"x\" ] }\n", []string{`{"a": 1.0e1 }`, `[ ]`, `"x"`}},
		"members that are not its own":   {`{"more":true,"next":"x","objects":[{}],"y":{"objects":1}}`, []string{`{}`}},
		"a bundle":                       {`{"type":"bundle","id":"x","objects":[{"é":"\u00e9"}]}`, []string{`{"é":"\u00e9"}`}},
		"a name that is written escaped": {`{"\u006fbjects":[{}]}`, []string{`{}`}},
		"names twice inside an object":   {`{"objects":[{"a":1,"a":2}]}`, []string{`{"a":1,"a":2}`}},
		"what is no UTF-8 in an object":  {"{\"objects\":[{\"a\":\"\xff\"}]}", []string{"{\"a\":\"\xff\"}"}},
	} {
		t.Run(name, func(t *testing.T) {
			objects, p := readEnvelope([]byte(c.body))
			if p != nil {
				t.Fatal(p.Description)
			}
			var got []string
			for _, o := range objects {
				got = append(got, string(o))
			}
			if strings.Join(got, "|") != strings.Join(c.want, "|") {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestWhatIsNoEnvelopeIsRefused(t *testing.T) {
	for body, want := range map[string]int{
		``: 400, ` `: 400, `{`: 400, `{"objects":[{}]`: 400, `{"objects":[{}]}x`: 400, `{"objects":[{}]}{}`: 400, `{"objects":[{},]}`: 400, `[{}`: 400,
		`nul`: 400, `{"objects":[{}`: 400, "{\"objects\":[{\"a\":\"\x01\"}]}": 400, strings.Repeat("[", 20_000): 400,
		`[]`: 422, `"x"`: 422, `{}`: 422, `{"objects":{}}`: 422, `{"objects":null}`: 422, `{"objects":[]}`: 422, `{"objects":[{}],"objects":[{}]}`: 422, `{"Objects":[{}]}`: 422,
	} {
		if _, p := readEnvelope([]byte(body)); p == nil || p.status != want {
			t.Errorf("%.40q: %+v, want %d", body, p, want)
		}
	}
}

func TestWhatIsToldAsTheMostContentIsTaken(t *testing.T) {
	const payload = 4096
	head, tail := `{"objects":[{"a":"`, `"}]}`
	body := head + strings.Repeat("x", maxContentOf(payload)-len(head)-len(tail)) + tail
	objects, p := readEnvelope([]byte(body))
	if p != nil {
		t.Fatal(p.Description)
	}
	if n := len(bundleOf(objects)); n > payload {
		t.Errorf("an envelope of %d bytes becomes a bundle of %d", len(body), n)
	}
}

func FuzzEnvelope(f *testing.F) {
	for _, s := range []string{`{"objects":[{"a":1}, {"b":[1,2]}]}`, `{"more":true,"objects":[{}]}`, `[]`, `{"objects":[{"a":"\ud800"}]}`, "{\"objects\":[\"\xff\"]}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		objects, p := readEnvelope(body)
		if p != nil {
			if p.status != 400 && p.status != 422 {
				t.Errorf("%+v", p)
			}
			return
		}
		rest := body
		for _, o := range objects {
			at := bytes.Index(rest, o)
			if at < 0 {
				t.Fatalf("%q is not in the body, in this order", o)
			}
			rest = rest[at+len(o):]
		}
		b := bundleOf(objects)
		if json.Valid(body) && !json.Valid(b) {
			t.Errorf("%q became %q", body, b)
		}
		if split, err := stix.Split(b, stix.DefaultLimits); err == nil && len(split) != len(objects) {
			t.Errorf("%d objects became %d", len(objects), len(split))
		}
	})
}
