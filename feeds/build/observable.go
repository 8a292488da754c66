package build

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/selat-hub/selat/stix"
)

// Observable makes the cyber-observable that the value is (STIX 2.1 §6), under
// the id that every producer gives to it (§2.9). Of an address with its port it
// is the address, and of a URL what is not allowed in one is percent-encoded
// (§6.15), though a pattern asks for it as it was written. ok is false where there
// is none: of a user agent, and of what STIX does not take for a value of its
// kind.
func (m *Maker) Observable(v Value, level stix.Level) (d Draft, ok bool) {
	raw, ok := m.observable(v, level)
	if !ok {
		return Draft{}, false
	}
	id, known, err := stix.DeterministicID(raw)
	if err != nil || !known {
		return Draft{}, false
	}
	raw = append([]byte(`{"id":"`+id+`",`), raw[1:]...)
	if Valid(raw) != nil {
		return Draft{}, false
	}
	return Draft{ID: id, Shared: true, Versionless: true, Build: func(Version) ([]byte, error) {
		return slices.Clone(raw), nil
	}}, true
}

func (m *Maker) observable(v Value, level stix.Level) ([]byte, bool) {
	f := forms[v.Kind]
	switch {
	case v.Kind == IP || v.Kind == IPPort:
		f = form{object: v.addressType(), path: "value"}
	case v.Kind == UserAgent:
		return nil, false
	}
	raw := []byte(`{"spec_version":"2.1","type":"` + f.object + `"`)
	if mark := m.Strictest(level).MarkingID(); mark != "" {
		raw = append(raw, `,"object_marking_refs":["`+mark+`"]`...)
	}
	switch {
	case v.Kind == ASN:
		raw = append(raw, `,"number":`+v.Text+"}"...)
		return raw, true
	case f.hash != 0:
		raw = append(raw, `,"hashes":{`+strconv.Quote(f.path)+":"...)
	default:
		raw = append(raw, `,"`+f.path+`":`...)
	}
	text := v.Text
	if v.Kind == URL {
		text = encodeURL(text)
	}
	raw, err := jsontext.AppendQuote(raw, text)
	if err != nil {
		return nil, false
	}
	if f.hash != 0 {
		raw = append(raw, '}')
	}
	return append(raw, '}'), true
}

// encodeURL percent-encodes what stands in no URL (RFC 3986 §2).
func encodeURL(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
