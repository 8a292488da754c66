package source

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/stix"
)

// entry is what most lists say in a row: a value, and what is known of it.
type entry struct {
	key               string
	value             build.Value
	or                []build.Value // others that are as good
	name, description string
	types             []string
	// first is when the source told of it first, seen when last, until when it
	// ends by the source's own word.
	first, seen, until time.Time
	modified           time.Time
	confidence         *int
	labels             []string
	references         []build.Reference
	level              stix.Level
	family             *build.Malware
	phase              string // of the Lockheed Martin Cyber Kill Chain
}

// Phases of the kill chain, as it names them.
const (
	delivery = "delivery"
	control  = "command-and-control"
)

// row makes of an entry an indicator and, where it names a malware family, the
// family and that the one indicates the other.
func (e entry) row(m *build.Maker) Row {
	if !e.until.IsZero() && !e.first.IsZero() && !e.until.After(e.first) {
		return refuse(e.key, build.InvalidTime, "it ends before it begins")
	}
	if e.name == "" {
		e.name = e.value.Title()
	}
	if e.description == "" {
		e.description = "Listed by " + m.Feed
	}
	if e.types == nil {
		e.types = []string{"malicious-activity"}
	}
	pattern := e.value.Pattern()
	for _, v := range e.or {
		pattern += " OR " + v.Pattern()
	}
	i := build.Indicator{
		Common: build.Common{Key: e.key, Created: e.first, Modified: e.modified, Confidence: e.confidence,
			Labels: e.labels, References: e.references, Level: e.level},
		Pattern: pattern, Name: e.name, Description: e.description, Types: e.types,
		ValidFrom: e.first, Seen: e.seen, ValidUntil: e.until,
	}
	if e.phase != "" {
		i.KillChain = []build.Phase{{Chain: "lockheed-martin-cyber-kill-chain", Name: e.phase}}
	}
	indicator := m.Indicator(i)
	if e.family == nil {
		return Row{Key: e.key, Objects: []Draft{indicator}}
	}
	e.family.Level = e.level
	family := m.Malware(*e.family)
	return Row{Key: e.key, Objects: []Draft{family, indicator, m.Indicates(indicator, family, e.level)}}
}

// at completes a row with where it stands. A key of a row may be as long as the
// row; one over 256 bytes is told by its hash.
func (r Row) at(position string) Row {
	r.Position = position
	if len(r.Key) > 256 {
		r.Key = fmt.Sprintf("%x", sha256.Sum256([]byte(r.Key)))
	}
	return r
}

// in says in which column or field it stands what is refused.
func in(column string, refused *Refusal) *Refusal {
	return &Refusal{Code: refused.Code, Message: column + ": " + refused.Message}
}

func refuse(key, code, message string) Row {
	return Row{Key: key, Refused: &Refusal{Code: code, Message: message}}
}

// layouts are the ways in which sources write times. What has no zone is UTC.
var layouts = []string{
	time.RFC3339Nano,
	"2006-01-02 15:04:05",
	"2006-01-02 15:04:05 UTC",
	"2006-01-02 15:04:05 (UTC)",
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04",
	"2006-01-02",
	"2006/01/02",
}

// readTime reads a time, or a number of seconds since 1970. The empty text is
// the zero time. ok is false of what is none, and of years before 1970 or after
// 2199, in which nothing was seen.
func readTime(s string) (t time.Time, ok bool) {
	if s = strings.TrimSpace(s); s == "" {
		return time.Time{}, true
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		t = time.Unix(n, 0)
		return t.UTC(), n > 0 && t.Year() < 2200
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			t = t.UTC().Truncate(time.Millisecond)
			return t, t.Year() >= 1970 && t.Year() < 2200
		}
	}
	return time.Time{}, false
}

// times reads several, and refuses the row where one is none.
func times(key string, into map[string]*time.Time, get func(string) string) *Row {
	for column, t := range into {
		var ok bool
		if *t, ok = readTime(get(column)); !ok {
			row := refuse(key, build.InvalidTime, "the column "+column+" has no time that can be read")
			return &row
		}
	}
	return nil
}

// readTLP reads a level as people write it: TLP:AMBER+STRICT, Amber, WHITE.
// The empty text is NoLevel.
func readTLP(s string) (stix.Level, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if s == "" {
		return stix.NoLevel, true
	}
	s = strings.TrimLeft(strings.TrimPrefix(s, "tlp"), ": -_")
	if rest, ok := strings.CutPrefix(s, "amber"); ok && strings.Trim(rest, " +-_") == "strict" {
		s = "amber-strict"
	}
	level, err := stix.ParseLevel(s)
	return level, err == nil
}

func unknownTLP(key string) Row {
	return refuse(key, build.UnknownTLP, "the source says a TLP that is none: it is not guessed")
}

// splitTags splits a list of tags at commas.
func splitTags(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}
