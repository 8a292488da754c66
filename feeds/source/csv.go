package source

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/selat-hub/selat/feeds/build"
)

// Mapping says how a CSV file is read.
type Mapping struct {
	// Columns names the column of each role: by its name in the header, in any
	// case, or where there is none by its number from 1. The roles are those of
	// Roles; value alone is needed.
	Columns map[string]string `koanf:"columns"`
	// Kind is the kind of all values; empty is build.Auto. A column of role kind
	// goes before it.
	Kind build.Kind `koanf:"kind"`
	// Kinds says what the words of the kind column mean, beside the names of kinds
	// themselves and the usual words of others (ipv4, hostname, FileHash-MD5).
	Kinds map[string]build.Kind `koanf:"kinds"`
	// Delimiter is one ASCII character, a comma if empty; "tab" is one too.
	Delimiter string `koanf:"delimiter"`
	// Comment is what lines begin with that are none, such as "#". Empty is none.
	Comment string `koanf:"comment"`
	// NoHeader tells that the first line is a row and columns are numbers.
	NoHeader bool `koanf:"no_header"`
}

// Roles are what a column can be, and what is made of it.
var Roles = map[string]string{
	"value":       "the value: an address, domain, URL, hash",
	"kind":        "what the value is, in the words of kinds",
	"port":        "the port of an address",
	"key":         "what tells rows apart; without it, value, kind and malware do",
	"first_seen":  "from when on it holds",
	"last_seen":   "when it was seen last, from which its end is counted",
	"until":       "when it ends",
	"confidence":  "0 to 100, low, medium, high, or an Admiralty code",
	"name":        "name of the indicator",
	"description": "description of the indicator",
	"tags":        "labels, parted by commas, semicolons or bars",
	"malware":     "name of the malware family it indicates",
	"reference":   "URL of what tells more",
	"tlp":         "TLP of the row; it counts where it is stricter than the feed's",
}

type csvSource struct {
	table   table
	mapping Mapping
	maker   build.Maker
}

func newCSV(c Config) (Source, error) {
	if err := c.Maker.Check(); err != nil {
		return nil, err
	}
	m := c.Mapping
	s := &csvSource{table: table{comma: ',', comment: m.Comment, folded: true}, mapping: m, maker: c.Maker}
	switch {
	case m.Delimiter == "":
	case m.Delimiter == "tab":
		s.table.comma = '\t'
	case len(m.Delimiter) == 1 && m.Delimiter[0] < utf8.RuneSelf && m.Delimiter != `"` && m.Delimiter != "\n" && m.Delimiter != " ":
		s.table.comma = m.Delimiter[0]
	default:
		return nil, fmt.Errorf("the delimiter %q is no single ASCII character: use one such as , or ; or the word tab", m.Delimiter)
	}
	if m.Columns["value"] == "" {
		return nil, fmt.Errorf("the mapping names no column for the value: add columns.value")
	}
	s.mapping.Columns = make(map[string]string, len(m.Columns))
	for role, column := range m.Columns {
		if _, ok := Roles[role]; !ok {
			return nil, fmt.Errorf("no column has the role %q: the roles are %s", role, strings.Join(slices.Sorted(maps.Keys(Roles)), ", "))
		}
		column = strings.ToLower(strings.TrimSpace(column))
		if n, err := strconv.Atoi(column); m.NoHeader && (err != nil || n < 1 || n > maxColumns) {
			return nil, fmt.Errorf("without a header a column is a number from 1, and %q is none", column)
		}
		s.mapping.Columns[role] = column
	}
	if !m.NoHeader {
		s.table.header = slices.Compact(slices.Sorted(maps.Values(s.mapping.Columns)))
	}
	kinds := map[string]build.Kind{}
	for word, kind := range m.Kinds {
		if !kind.Known() {
			return nil, fmt.Errorf("the mapping takes %q for %q, which is no kind of value", word, kind)
		}
		kinds[strings.ToLower(word)] = kind
	}
	s.mapping.Kinds = kinds
	if m.Kind != "" && !m.Kind.Known() {
		return nil, fmt.Errorf("%q is no kind of value", m.Kind)
	}
	return s, nil
}

func (s *csvSource) Read(ctx context.Context, in Input, emit func(Row) error) error {
	return s.table.read(ctx, in, emit, s.row)
}

func (s *csvSource) row(r *record) Row {
	get := func(role string) string {
		if column, ok := s.mapping.Columns[role]; ok {
			return r.get(column)
		}
		return ""
	}
	value, malware := get("value"), build.Text(get("malware"))
	key := get("key")
	if key == "" {
		key = strings.Join([]string{strings.ToLower(get("kind")), value, get("port"), strings.ToLower(malware)}, "\x1f")
	}
	e := entry{key: key, name: get("name"), description: get("description")}
	if row := times(key, map[string]*time.Time{"first_seen": &e.first, "last_seen": &e.seen, "until": &e.until}, get); row != nil {
		return *row
	}
	var ok bool
	if e.level, ok = readTLP(get("tlp")); !ok {
		return unknownTLP(key)
	}
	var refused *Refusal
	if e.value, refused = s.value(get, value); refused != nil {
		return Row{Key: key, Refused: in("column "+s.mapping.Columns["value"], refused)}
	}
	e.confidence = readConfidence(get("confidence"))
	e.labels = strings.FieldsFunc(get("tags"), func(c rune) bool { return c == ',' || c == ';' || c == '|' })
	e.references = []build.Reference{{Source: s.maker.Feed, URL: get("reference")}}
	if malware != "" {
		e.family = &build.Malware{Name: malware}
	}
	return e.row(&s.maker)
}

func (s *csvSource) value(get func(string) string, text string) (build.Value, *Refusal) {
	kind := s.mapping.Kind
	if word := strings.ToLower(get("kind")); word != "" {
		var ok bool
		if kind, ok = s.mapping.Kinds[word]; !ok {
			if kind, ok = usualKinds[word]; !ok {
				kind = build.Kind(word)
			}
		}
	}
	if kind == "" {
		kind = build.Auto
	}
	v, refused := build.Read(kind, text)
	if refused != nil || get("port") == "" || v.Kind != build.IP {
		return v, refused
	}
	return build.Endpoint(text, get("port"))
}

// usualKinds are words that many use for kinds.
var usualKinds = map[string]build.Kind{
	"ipv4": build.IP, "ipv6": build.IP, "ip-src": build.IP, "ip-dst": build.IP, "address": build.IP, "cidr": build.IP,
	"ipv4-addr": build.IP, "ipv6-addr": build.IP, "ip_port": build.IPPort, "ip-dst|port": build.IPPort,
	"hostname": build.Domain, "fqdn": build.Domain, "domain-name": build.Domain, "host": build.Domain,
	"uri": build.URL, "link": build.URL, "email-src": build.Email, "email-addr": build.Email,
	"md5_hash": build.MD5, "sha1_hash": build.SHA1, "sha256_hash": build.SHA256, "sha-1": build.SHA1, "sha-256": build.SHA256, "sha-512": build.SHA512,
	"filehash-md5": build.MD5, "filehash-sha1": build.SHA1, "filehash-sha256": build.SHA256, "file": build.FileName,
}

// readConfidence reads a number of 0 to 100, a word or an Admiralty code, and
// gives nil for anything else.
func readConfidence(s string) *int {
	if s = strings.TrimSpace(s); s == "" {
		return nil
	}
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		if n >= 0 && n <= 100 {
			return build.Confidence(int(n + 0.5))
		}
		return nil
	}
	if c := build.LowMedHigh(s); c != nil {
		return c
	}
	return build.Admiralty(s)
}
