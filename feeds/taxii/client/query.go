package client

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Query selects from a collection (TAXII 2.1 §3.4). The zero Query is the latest
// version of everything.
type Query struct {
	// AddedAfter selects what was added to the collection after that time.
	AddedAfter time.Time
	// Each selects what has one of its values. A version is a timestamp, "first",
	// "last" or "all"; without any the server gives the latest only.
	IDs, Types, Versions, SpecVersions []string
	// Limit asks for at most this many objects on one page; 0 leaves that to the
	// server, which may give fewer in any case.
	Limit int
}

// timeFormat is that of TAXII 2.1 §3.2: microseconds, always.
const timeFormat = "2006-01-02T15:04:05.000000Z"

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(timeFormat)
}

// filters are the parameters that stay the same from page to page.
func (q *Query) filters() url.Values {
	v := url.Values{}
	for name, values := range map[string][]string{"id": q.IDs, "type": q.Types, "version": q.Versions, "spec_version": q.SpecVersions} {
		if len(values) > 0 {
			v.Set("match["+name+"]", strings.Join(slices.Sorted(slices.Values(values)), ","))
		}
	}
	return v
}

// encode is url.Values.Encode but for the brackets and commas of match, which
// servers are met that only know them unescaped.
func encode(v url.Values) string {
	return strings.NewReplacer("%5B", "[", "%5D", "]", "%2C", ",", "%3A", ":").Replace(v.Encode())
}

// parameters are those of one page.
func (at *cursor) parameters(filters url.Values) string {
	v := url.Values{}
	for name, values := range filters {
		v[name] = values
	}
	if at.AddedAfter != "" {
		v.Set("added_after", at.AddedAfter)
	}
	if at.Limit > 0 {
		v.Set("limit", strconv.Itoa(at.Limit))
	}
	if at.Next != "" {
		v.Set("next", at.Next)
	}
	return encode(v)
}
