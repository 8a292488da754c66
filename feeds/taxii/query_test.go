package taxii

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/broker/catalog"
)

const anID = "indicator--6770298f-0fd8-471a-ab8c-1c658a46574e"

func TestAQueryIsReadAsTheStandardHasIt(t *testing.T) {
	micros := func(s string) int64 {
		at, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return at.UnixMicro()
	}
	for raw, want := range map[string]catalog.Query{
		"":                                 {Limit: 100},
		"limit=20":                         {Limit: 20},
		"limit=100000":                     {Limit: 100},
		"limit=" + strings.Repeat("9", 40): {Limit: 100},
		"added_after=2016-02-01T00:00:01.000001Z":                              {Limit: 100, After: micros("2016-02-01T00:00:01.000001Z")},
		"added_after=0001-01-01T00:00:00Z":                                     {Limit: 100},
		"added_after=2016-02-01T00:00:01Z":                                     {Limit: 100, After: micros("2016-02-01T00:00:01Z")},
		"added_after=2016-02-01T00:00:01.0000019Z":                             {Limit: 100, After: micros("2016-02-01T00:00:01.000001Z")},
		"added_after=2016-02-01T08:00:01%2B08:00":                              {Limit: 100, After: micros("2016-02-01T00:00:01Z")},
		"match[id]=" + anID:                                                    {Limit: 100, IDs: []string{anID}},
		"match%5Bid%5D=" + anID:                                                {Limit: 100, IDs: []string{anID}},
		"match[type]=malware,indicator,malware":                                {Limit: 100, Types: []string{"indicator", "malware"}},
		"match[type]=indicator%2Cmalware":                                      {Limit: 100, Types: []string{"indicator", "malware"}},
		"match[version]=last,2016-12-25T12:30:59.444Z&match[spec_version]=2.1": {Limit: 100, Versions: []string{"2016-12-25T12:30:59.444Z", "last"}, SpecVersions: []string{"2.1"}},
	} {
		q, p := parseQuery(raw, 100, atObjects.params...)
		if p != nil {
			t.Errorf("%q: %s", raw, p.Description)
			continue
		}
		if d := cmp.Diff(want, q.catalog("")); d != "" {
			t.Errorf("%q: %s", raw, d)
		}
	}
}

func TestAQueryThatCannotBeMeantIsRefusedAndSaysWhy(t *testing.T) {
	ids := make([]string, maxValues+1)
	for i := range ids {
		ids[i] = fmt.Sprintf("a%02x", i)
	}
	for raw, want := range map[string]string{
		"limit=0":                            "limit",
		"limit=-20":                          "limit",
		"limit=":                             "limit",
		"limit=1e3":                          "limit",
		"limit=%2B1":                         "limit",
		"limit=1&limit=1":                    "more than once",
		"added_after=":                       "added_after",
		"added_after=yesterday":              "added_after",
		"added_after=2016-02-30T00:00:00Z":   "added_after",
		"added_after=2016-02-01T00:00:00,5Z": "added_after",
		"added_after=2016-02-01T00:00:00Z,2017-02-01T00:00:00Z": "added_after",
		"match[id]=":                                          "match[id]",
		"match[id]=indicator":                                 "match[id]",
		"match[id]=" + anID + ",":                             "match[id]",
		"match[id]=" + strings.ToUpper(anID):                  "match[id]",
		"match[type]=In":                                      "match[type]",
		"match[type]=a" + strings.Repeat("b", 250):            "match[type]",
		"match[type]=" + strings.Join(ids, ","):               "100",
		"match[version]=latest":                               "match[version]",
		"match[version]=2016":                                 "match[version]",
		"match[spec_version]=two":                             "match[spec_version]",
		"match[spec_version]=2.1&match%5Bspec_version%5D=2.0": "more than once",
		"match[colour]=red":                                   "match[colour]",
		"foo=1":                                               "foo",
		"next=":                                               "next",
		"a=%zz":                                               "percent",
		"a=1;b=2":                                             "percent",
		"added_after=" + strings.Repeat("x", maxQuery):        "bytes",
	} {
		_, p := parseQuery(raw, 100, atObjects.params...)
		switch {
		case p == nil:
			t.Errorf("%.60q is taken", raw)
		case p.status != 400 || !strings.Contains(p.Description, want):
			t.Errorf("%.60q: %d %s, want it to name %q", raw, p.status, p.Description, want)
		case len(p.Description) > 400:
			t.Errorf("%.60q: the message has %d bytes", raw, len(p.Description))
		}
	}
}

func TestEachEndpointHasTheFiltersOfTheStandard(t *testing.T) {
	values := map[string]string{paramID: anID, paramType: "indicator", paramVersion: "all", paramSpecVersion: "2.1", paramLimit: "1", paramAddedAfter: "2016-02-01T00:00:00Z", paramNext: "x"}
	for at, want := range map[*endpoint][]string{
		atManifest:    {paramID, paramType, paramVersion, paramSpecVersion, paramLimit, paramAddedAfter, paramNext},
		atObjects:     {paramID, paramType, paramVersion, paramSpecVersion, paramLimit, paramAddedAfter, paramNext},
		atObject:      {paramVersion, paramSpecVersion, paramLimit, paramAddedAfter, paramNext},
		atVersions:    {paramSpecVersion, paramLimit, paramAddedAfter, paramNext},
		atCollections: {}, atCollection: {}, atRoot: {}, atDiscovery: {}, atStatus: {},
	} {
		for name, value := range values {
			_, p := parseQuery(url.Values{name: {value}}.Encode(), 10, at.params...)
			if taken := p == nil; taken != slices.Contains(want, name) {
				t.Errorf("%s: %s is taken: %v", at.label, name, taken)
			}
		}
	}
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{"limit=1", "match[id]=" + anID, "added_after=2016-02-01T00:00:01.000001Z&match%5Bversion%5D=all,last", "a;b", "next=%00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, p := parseQuery(raw, 1000, atObjects.params...)
		if p != nil {
			if p.status != 400 || p.Description == "" || len(p.Description) > 1000 {
				t.Errorf("%+v", p)
			}
			return
		}
		if c := q.catalog(""); c.Limit < 1 || c.Limit > 1000 || len(c.IDs) > maxValues || len(c.Types) > maxValues {
			t.Errorf("%+v", c)
		}
		// What decides the pages is written in one way, and read back the same.
		again, p := parseQuery(url.Values{paramID: nonNil(q, paramID)}.Encode(), 1000, atObjects.params...)
		if len(q.match[paramID]) > 0 && (p != nil || !slices.Equal(again.match[paramID], q.match[paramID])) {
			t.Errorf("%v: %v", q, p)
		}
	})
}

func nonNil(q *query, name string) []string { return []string{strings.Join(q.match[name], ",")} }
