package taxii

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/selat-hub/selat/broker/catalog"
)

// Bounds on what one query may ask.
const (
	maxQuery  = 8 << 10 // bytes as it came
	maxValues = 100     // of one filter
)

// Query parameters.
const (
	paramAddedAfter  = "added_after"
	paramLimit       = "limit"
	paramNext        = "next"
	paramID          = "match[id]"
	paramType        = "match[type]"
	paramVersion     = "match[version]"
	paramSpecVersion = "match[spec_version]"
)

// filters are the match fields, each with the form its values have.
var filters = []struct {
	name, form string
	valid      func(string) bool
}{
	{paramID, "a STIX identifier", identifier.MatchString},
	{paramType, "a STIX type such as indicator", func(s string) bool { return len(s) <= 250 && typeName.MatchString(s) }},
	{paramVersion, "first, last, all or a timestamp such as 2026-01-31T08:00:00.000Z", validVersion},
	{paramSpecVersion, "a version of STIX such as 2.1", specVersion.MatchString},
}

var (
	typeName    = regexp.MustCompile(`\A[a-z][a-z0-9-]{2,}\z`)
	identifier  = regexp.MustCompile(`\A[a-z][a-z0-9-]{2,249}--[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\z`)
	specVersion = regexp.MustCompile(`\A[0-9]{1,2}\.[0-9]{1,2}\z`)
)

// query is what a reading request asks for, beside its path.
type query struct {
	addedAfter *int64 // Unix microseconds
	limit      int    // 1 to the server's most
	next       string
	match      map[string][]string // by parameter, sorted, each value once
}

// parseQuery reads a query of which only the named parameters are allowed. most
// caps the limit, and stands where none is asked for.
func parseQuery(raw string, most int, allowed ...string) (*query, *problem) {
	q := &query{limit: most, match: map[string][]string{}}
	if len(raw) > maxQuery {
		return nil, badRequest("the query has more than %d bytes: ask for less at a time", maxQuery)
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, badRequest("the query cannot be read: write name=value joined by &, with other characters percent-encoded")
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names) // so that of several faults the same one is told
	for _, name := range names {
		if !slices.Contains(allowed, name) {
			return nil, unknownParameter(name, allowed)
		}
		if len(values[name]) > 1 {
			return nil, badRequest("%s is given more than once: give it once, alternatives of a match joined by commas", name)
		}
		if p := q.read(name, values[name][0], most); p != nil {
			return nil, p
		}
	}
	return q, nil
}

func unknownParameter(name string, allowed []string) *problem {
	for _, f := range filters {
		if f.name == name {
			return badRequest("%s does not apply here", name)
		}
	}
	if len(allowed) == 0 {
		return badRequest("%s is no parameter of this endpoint, which has none", quote(name))
	}
	return badRequest("%s is no parameter of this endpoint: it has %s", quote(name), strings.Join(allowed, ", "))
}

func (q *query) read(name, value string, most int) *problem {
	switch name {
	case paramLimit:
		n, ok := parseLimit(value, most)
		if !ok {
			return badRequest("limit is %s: give a whole number of 1 or more", quote(value))
		}
		q.limit = n
	case paramAddedAfter:
		at, ok := parseTimestamp(value)
		if !ok {
			return badRequest("added_after is %s: give one timestamp such as 2026-01-31T08:00:00.000000Z", quote(value))
		}
		// It rounds down, and nothing is dated finer, nor before 1970.
		micros := max(0, at.UnixMicro())
		q.addedAfter = &micros
	case paramNext:
		if value == "" {
			return badRequest("next is empty: give it as the page before told it, or leave it out")
		}
		q.next = value
	default:
		return q.readMatch(name, value)
	}
	return nil
}

func (q *query) readMatch(name, value string) *problem {
	given := strings.Split(value, ",")
	if len(given) > maxValues {
		return badRequest("%s has %d values, and the most is %d", name, len(given), maxValues)
	}
	for _, f := range filters {
		if f.name != name {
			continue
		}
		for _, v := range given {
			if !f.valid(v) {
				return badRequest("%s: %s is not %s", name, quote(v), f.form)
			}
		}
	}
	slices.Sort(given)
	q.match[name] = slices.Compact(given)
	return nil
}

// parseLimit reads a positive number; one too large to be one is capped like
// any other.
func parseLimit(s string, most int) (int, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" || strings.Trim(s, "0") == "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	if err != nil || n > most {
		n = most
	}
	return n, true
}

// parseTimestamp reads RFC 3339 of any precision.
func parseTimestamp(s string) (time.Time, bool) {
	if strings.Contains(s, ",") || len(s) > 64 {
		return time.Time{}, false // which the standard library would take for a point
	}
	at, err := time.Parse(time.RFC3339Nano, s)
	return at, err == nil
}

func validVersion(s string) bool {
	switch s {
	case catalog.VersionFirst, catalog.VersionLast, catalog.VersionAll:
		return true
	}
	_, ok := parseTimestamp(s)
	return ok && strings.HasSuffix(s, "Z")
}

// maxQuoted bounds what a message repeats of a request.
const maxQuoted = 80

func quote(s string) string {
	if len(s) > maxQuoted {
		return fmt.Sprintf("%q and more", strings.ToValidUTF8(s[:maxQuoted], ""))
	}
	return strconv.Quote(s)
}

// catalog is the question to the hub.
func (q *query) catalog(id string) catalog.Query {
	c := catalog.Query{
		IDs: q.match[paramID], Types: q.match[paramType], Versions: q.match[paramVersion], SpecVersions: q.match[paramSpecVersion],
		Limit: q.limit,
	}
	if q.addedAfter != nil {
		c.After = *q.addedAfter
	}
	if id != "" {
		c.IDs = []string{id}
	}
	return c
}

// text spells everything that decides what the pages hold, each query in one
// way only. The limit is not part of it: it says how much comes at a time.
func (q *query) text() string {
	var b strings.Builder
	for _, f := range filters {
		if v, ok := q.match[f.name]; ok {
			fmt.Fprintf(&b, "%s=%s&", f.name, strings.Join(v, ","))
		}
	}
	if q.addedAfter != nil {
		fmt.Fprintf(&b, "%s=%d&", paramAddedAfter, *q.addedAfter)
	}
	return b.String()
}
