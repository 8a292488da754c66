package pattern

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// a bundle of three observed-data: a download, the mail that brought it, and
// the traffic that followed, seen five times.
const incident = `{"type":"bundle","id":"bundle--44af6c39-c09b-49c5-9de2-394224b04982","objects":[
{"type":"observed-data","id":"observed-data--1","first_observed":"2024-01-01T10:00:00Z","last_observed":"2024-01-01T10:00:00Z","number_observed":1,
 "object_refs":["file--1","directory--1","artifact--1"]},
{"type":"observed-data","id":"observed-data--2","first_observed":"2024-01-01T09:59:50Z","last_observed":"2024-01-01T09:59:50Z","number_observed":1,
 "object_refs":["email-message--1","email-addr--1","email-addr--2","email-addr--9"]},
{"type":"observed-data","id":"observed-data--3","first_observed":"2024-01-01T10:00:05Z","last_observed":"2024-01-01T10:05:00Z","number_observed":5,
 "object_refs":["network-traffic--1","ipv4-addr--1","ipv6-addr--1"]},
{"type":"file","id":"file--1","name":"a_b%c.exe","size":9007199254740993,"parent_directory_ref":"directory--1","content_ref":"artifact--1",
 "hashes":{"SHA-256":"ab","MD5":"cd"},"magic_number_hex":"4d5a","ratio":1.50,"huge":1e400,"ctime":"2024-01-01T00:00:00.100Z",
 "extensions":{"windows-pebinary-ext":{"sections":[{"name":".text","entropy":6.5},{"name":".data","entropy":1}]}}},
{"type":"directory","id":"directory--1","path":"C:\\Temp\\\n"},
{"type":"artifact","id":"artifact--1","payload_bin":"TVr/"},
{"type":"email-message","id":"email-message--1","is_multipart":false,"from_ref":"email-addr--1","to_refs":["email-addr--7","email-addr--2","email-addr--9"],"subject":"café"},
{"type":"email-addr","id":"email-addr--1","value":"a@example.org"},
{"type":"email-addr","id":"email-addr--2","value":"b@example.org"},
{"type":"email-addr","id":"email-addr--7","value":"outside@example.org"},
{"type":"network-traffic","id":"network-traffic--1","src_ref":"ipv4-addr--1","dst_ref":"ipv6-addr--1","protocols":["ipv4","tcp"]},
{"type":"ipv4-addr","id":"ipv4-addr--1","value":"198.51.100.7"},
{"type":"ipv6-addr","id":"ipv6-addr--1","value":"2001:db8:0:1::/64"}]}`

func incidentObserved(t testing.TB) []Observed {
	t.Helper()
	observed, err := Observations([]byte(incident))
	if err != nil {
		t.Fatal(err)
	}
	return observed
}

// Each pattern is to be met by the observed-data whose numbers follow; by none
// where there are no numbers.
func TestPatternsMeetWhatTheySay(t *testing.T) {
	observed := incidentObserved(t)
	for pattern, want := range map[string]string{
		// Numbers are not rounded.
		"[file:size = 9007199254740993]":    "1",
		"[file:size = 9007199254740992]":    "",
		"[file:size > 9007199254740992]":    "1",
		"[file:size < 9007199254740993.5]":  "1",
		"[file:ratio = 1.5]":                "1",
		"[file:ratio IN (1, 1.500, 2)]":     "1",
		"[file:huge > 1]":                   "1",
		"[file:size > '1']":                 "",
		"[file:size NOT > '1']":             "",
		"[email-message:is_multipart != 0]": "2",
		// Strings compare by code point, and are not normalised but by LIKE and MATCHES.
		"[email-message:subject = 'cafe\u0301']":         "",
		"[email-message:subject > 'caf\u00e8']":          "2",
		"[email-message:subject LIKE 'cafe\u0301']":      "2",
		"[email-message:subject LIKE 'caf_']":            "2",
		"[email-message:subject MATCHES '^cafe\u0301$']": "2",
		// LIKE is about the whole string, and nothing escapes.
		"[file:name LIKE 'a%']":            "1",
		"[file:name LIKE '%']":             "1",
		"[file:name LIKE 'a_b%c.exe%%']":   "1",
		"[file:name LIKE 'b%']":            "",
		"[file:name LIKE 'a[_]b%']":        "",
		`[file:name LIKE 'a\\_b%']`:        "",
		"[directory:path LIKE 'C:%Temp%']": "1",
		// MATCHES searches, its dot takes newlines and $ stands before the last one.
		"[file:name MATCHES 'b.c']":              "1",
		"[file:name MATCHES '^b.c']":             "",
		`[directory:path MATCHES 'Temp\\\\.$']`:  "1",
		`[directory:path MATCHES 'Temp\\\\$']`:   "1",
		`[directory:path MATCHES 'Temp\\\\\\z']`: "",
		"[file:name MATCHES '(?i)EXE$']":         "1",
		"[file:size MATCHES '9']":                "",
		// Timestamps compare as times, with timestamps.
		"[file:ctime = t'2024-01-01T00:00:00.1Z']":  "1",
		"[file:ctime < t'2024-01-01T00:00:00.11Z']": "1",
		"[file:ctime > '2024-01-01T00:00:00.0Z']":   "1",
		"[file:size != t'2024-01-01T00:00:00Z']":    "1",
		// Binary, by the end of the property's name.
		"[file:magic_number_hex = 'MZ']":             "1",
		"[file:magic_number_hex = b'TVo=']":          "1",
		"[file:magic_number_hex = '4d5a']":           "",
		`[artifact:payload_bin MATCHES '^MZ\\xff$']`: "1",
		"[artifact:payload_bin LIKE 'MZ\u00ff']":     "1",
		"[artifact:payload_bin > h'4d5a']":           "1",
		"[artifact:payload_bin < '\u0100']":          "",
		"[artifact:payload_bin != '\u0100']":         "1",
		"[file:name > h'61']":                        "1",
		// Networks.
		"[ipv4-addr:value ISSUBSET '198.51.100.0/24']":    "3",
		"[ipv4-addr:value ISSUBSET '198.51.100.7']":       "3",
		"[ipv4-addr:value ISSUBSET '198.51.101.0/24']":    "",
		"[ipv4-addr:value ISSUBSET '2001:db8::/32']":      "",
		"[ipv6-addr:value ISSUBSET '2001:db8::/32']":      "3",
		"[ipv6-addr:value ISSUPERSET '2001:db8:0:1::9']":  "3",
		"[ipv6-addr:value ISSUPERSET '2001:db8::/32']":    "",
		"[ipv4-addr:value NOT ISSUPERSET '198.51.100.8']": "3",
		"[email-addr:value ISSUBSET '0.0.0.0/0']":         "",
		"[email-addr:value NOT ISSUBSET '0.0.0.0/0']":     "2",
		// Paths: keys, lists, extensions, references to all that there is.
		"[file:hashes.'SHA-256' = 'ab']":                                                  "1",
		"[file:extensions.'windows-pebinary-ext'.sections[1].name = '.data']":             "1",
		"[file:extensions.'windows-pebinary-ext'.sections[*].entropy > 6]":                "1",
		"[file:extensions.'windows-pebinary-ext'.sections[2].name != 'x']":                "",
		"[file:parent_directory_ref.path LIKE 'C:%']":                                     "1",
		"[file:content_ref.payload_bin = 'x' OR file:name = 'a_b%c.exe']":                 "1",
		"[email-message:to_refs[*].value = 'b@example.org']":                              "2",
		"[email-message:to_refs[1].value = 'b@example.org']":                              "2",
		"[email-message:to_refs[0].value = 'b@example.org']":                              "",
		"[email-message:to_refs[*].value = 'outside@example.org']":                        "2",
		"[email-message:to_refs[9].value = 'outside@example.org']":                        "",
		"[email-addr:value = 'outside@example.org']":                                      "",
		"[network-traffic:protocols[*] = 'tcp' AND network-traffic:dst_ref.value != 'x']": "3",
		"[network-traffic:protocols = 'tcp']":                                             "",
		// One object has to meet all of a condition.
		"[email-addr:value = 'a@example.org' AND email-addr:value = 'b@example.org']": "",
		// What is absent meets nothing but NOT EXISTS.
		"[file:mime_type != 'x']":             "",
		"[file:mime_type NOT = 'x']":          "",
		"[EXISTS file:size]":                  "1",
		"[EXISTS file:mime_type]":             "",
		"[NOT EXISTS file:mime_type]":         "1",
		"[NOT EXISTS file:size]":              "",
		"[NOT EXISTS mutex:name]":             "",
		"[EXISTS email-message:to_refs]":      "2",
		"[file:name IN ()]":                   "",
		"[file:name NOT IN ()]":               "1",
		"[file:name NOT IN ('x', 'y')]":       "1",
		"[identity:name = 'x']":               "",
		"[observed-data:number_observed = 1]": "",
		// Several observations.
		"[file:name LIKE 'a%'] AND [file:name LIKE 'a%']":                                 "",
		"[ipv4-addr:value LIKE '%'] REPEATS 5 TIMES":                                      "3",
		"[ipv4-addr:value LIKE '%'] REPEATS 6 TIMES":                                      "",
		"[email-message:subject LIKE '%'] FOLLOWEDBY [file:name LIKE '%']":                "1 2",
		"[file:name LIKE '%'] FOLLOWEDBY [email-message:subject LIKE '%']":                "",
		"[ipv4-addr:value LIKE '%'] FOLLOWEDBY [ipv6-addr:value LIKE '%']":                "3",
		"([email-message:subject LIKE '%'] AND [file:name LIKE '%']) WITHIN 10.1 SECONDS": "1 2",
		// The latest is to be less than the window after the earliest.
		"([email-message:subject LIKE '%'] AND [file:name LIKE '%']) WITHIN 10 SECONDS":         "",
		"([file:name LIKE '%'] AND [ipv4-addr:value LIKE '%']) WITHIN 5.001 SECONDS":            "1 3",
		"[ipv4-addr:value LIKE '%'] WITHIN 0.001 SECONDS":                                       "3",
		"[ipv4-addr:value LIKE '%'] START t'2024-01-01T10:05:00Z' STOP t'2024-01-01T11:00:00Z'": "3",
		"[ipv4-addr:value LIKE '%'] START t'2024-01-01T09:00:00Z' STOP t'2024-01-01T10:00:05Z'": "",
		"[mutex:name = 'x'] OR [file:name LIKE '%'] OR [ipv4-addr:value LIKE '%']":              "1",
		"[ipv4-addr:value LIKE '%'] OR [file:name LIKE '%']":                                    "3",
	} {
		p := mustParse(t, pattern)
		binding, matched, err := p.Match(t.Context(), observed)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		var ids []string
		for _, i := range binding {
			ids = append(ids, strings.TrimPrefix(observed[i].ID, "observed-data--"))
		}
		if got := strings.Join(ids, " "); got != want || matched != (want != "") {
			t.Errorf("%s is met by %q, want %q", pattern, got, want)
		}
	}
}

func TestWhatCannotBeAnsweredIsAnError(t *testing.T) {
	observed := incidentObserved(t)
	for pattern, want := range map[string]string{
		"[file:name MATCHES '(?=x)']":                                   "no lookaround",
		`[file:name MATCHES '(a)\\1']`:                                  "no back-references",
		"[file:name MATCHES '((a{100}){100}){100}']":                    "regular expression",
		"[file:name = t'2024-01-01T00:00:00Z']":                         "observed-data--1",
		"[file:name NOT > t'2024-01-01T00:00:00Z']":                     "observed-data--1",
		"[file:name = 'other' AND file:name < t'2024-01-01T00:00:00Z']": "timestamp",
		"[file:size IN (1, 'a')]":                                       "mixes",
		"[ipv4-addr:value ISSUBSET '198.51.100.0/33']":                  "CIDR",
		"[ipv4-addr:value ISSUBSET 'example.org']":                      "CIDR",
	} {
		p, err := Parse(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		_, matched, err := p.Match(t.Context(), observed)
		switch {
		case err == nil || matched:
			t.Errorf("%s: no error, matched is %v", pattern, matched)
		case !strings.Contains(err.Error(), want):
			t.Errorf("%s: %v, want it to say %s", pattern, err, want)
		case strings.Contains(err.Error(), "a_b%c") || len(err.Error()) > 300:
			t.Errorf("%s: the error quotes the object or is too long: %v", pattern, err)
		}
	}
}

func TestOneTimestampThatIsNoneHidesNothing(t *testing.T) {
	var data strings.Builder
	for i, ctime := range []string{"yesterday", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00.0Z"} {
		fmt.Fprintf(&data, `{"type":"observed-data","id":"observed-data--%d",%s,"number_observed":1,"object_refs":["file--%d"]}`+
			`{"type":"file","id":"file--%d","ctime":"%s"}`, i, when, i, i, ctime)
	}
	observed, err := Observations([]byte(data.String()))
	if err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]Binding{
		"[file:ctime = t'2020-01-01T00:00:00Z']":                                           {1},
		"[file:ctime = t'2020-01-01T00:00:00Z'] REPEATS 2 TIMES":                           {1, 2},
		"[file:ctime = t'2020-01-01T00:00:00Z'] REPEATS 3 TIMES":                           nil,
		"[file:ctime > t'2020-01-01T00:00:00Z']":                                           nil,
		"[file:ctime != t'2020-01-01T00:00:00Z']":                                          nil,
		"[file:ctime NOT = t'2020-01-01T00:00:00Z']":                                       nil,
		"[file:ctime NOT IN (t'2020-01-01T00:00:00Z')]":                                    nil,
		"[file:ctime = 'yesterday' OR file:ctime = t'2020-01-01T00:00:00Z']":               {0},
		"[file:ctime = 'yesterday'] OR [observed-data:id < t'2020-01-01T00:00:00Z']":       {0},
		"[file:ctime = 'yesterday'] AND [file:ctime IN (t'2020-01-01T00:00:00Z')]":         {0, 1},
		"[EXISTS file:ctime AND file:ctime NOT > t'2020-01-01T00:00:00Z'] REPEATS 2 TIMES": {1, 2},
	} {
		got, _, err := mustParse(t, source).Match(t.Context(), observed)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s is met by %v, %v, want %v", source, got, err, want)
		}
	}
	_, matched, err := mustParse(t, "[file:ctime NOT = t'2020-01-01T00:00:00Z']").Match(t.Context(), observed[:1])
	if matched || !errors.Is(err, ErrNoTimestamp) {
		t.Errorf("of nothing but what is none: %v, %v", matched, err)
	}
}

func TestATreeThatNoParserMadeIsAnErrorAndNoPanic(t *testing.T) {
	observed := incidentObserved(t)
	compare := func(c *Comparison) *Observation {
		c.Path = Path{Type: "file", Steps: []Step{{Name: "name"}}}
		return &Observation{Condition: &Condition{Comparison: c}}
	}
	for name, o := range map[string]*Observation{
		"no constant":         compare(&Comparison{Op: Equal}),
		"a number for LIKE":   compare(&Comparison{Op: Like, Values: []Value{{Kind: Integer, Text: "1"}}}),
		"an odd hex":          compare(&Comparison{Op: Equal, Values: []Value{{Kind: Hex, Text: "123"}}}),
		"no kind of constant": compare(&Comparison{Op: Equal, Values: []Value{{Kind: 99}}}),
		"a 30 February":       compare(&Comparison{Op: Equal, Values: []Value{{Kind: Timestamp, Text: "2024-02-30T00:00:00Z"}}}),
	} {
		if _, _, err := (&Pattern{Root: o}).Match(t.Context(), observed); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for name, q := range map[string]Qualifier{
		"a window of nothing":  {Kind: Within},
		"no repetition":        {Kind: Repeats},
		"a start without time": {Kind: StartStop, Start: "x", Stop: "2024-01-01T00:00:00Z"},
	} {
		o := compare(&Comparison{Op: Exists})
		o.Qualifiers = []Qualifier{q}
		if _, _, err := (&Pattern{Root: o}).Match(t.Context(), observed); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
