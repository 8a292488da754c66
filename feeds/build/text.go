package build

import (
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/TcM1911/stix2"
)

// maxText bounds a description or the like, in bytes: lists quote whole pages.
const maxText = 8 << 10

// Text makes of a source's text what may stand in an object: valid Unicode
// without control characters but line breaks and tabs, without space around it,
// and cut at 8 KiB.
func Text(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.ContainsFunc(s, unicode.IsControl) {
		s = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) && r != '\n' && r != '\t' {
				return -1
			}
			return r
		}, s)
	}
	s = strings.TrimSpace(s)
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText-len("…")], "") + "…"
	}
	return s
}

// Words makes a list of what are labels or tags of a source: each as Text has it
// and once, empty ones left out. None is nil.
func Words(words ...string) []string {
	var out []string
	for _, w := range words {
		if w = Text(w); w != "" && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

func references(list []Reference) []*stix2.ExternalReference {
	var out []*stix2.ExternalReference
	for _, r := range list {
		if u, err := url.Parse(r.URL); err != nil || u.Scheme == "" || u.Host == "" || strings.ContainsFunc(r.URL, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
			r.URL = ""
		}
		ref, err := stix2.NewExternalReference(Text(r.Source), Text(r.Description), r.URL, Text(r.ID), nil)
		if err == nil {
			out = append(out, ref)
		}
	}
	return out
}

// stamp makes a timestamp in UTC, nil of the zero time.
func stamp(t time.Time) *stix2.Timestamp {
	if t.IsZero() {
		return nil
	}
	return &stix2.Timestamp{Time: t.UTC().Truncate(time.Millisecond)}
}

// identifiers of none is nil, which the library leaves out where it may.
func identifiers(ids []string) []stix2.Identifier {
	if len(ids) == 0 {
		return nil
	}
	out := make([]stix2.Identifier, len(ids))
	for i, id := range ids {
		out[i] = stix2.Identifier(id)
	}
	return out
}
