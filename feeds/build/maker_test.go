package build_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/stix"
)

var (
	maker = build.Maker{
		Feed:     "urls",
		Identity: "identity--5c3bb7f5-1ec5-4c5a-8d1c-3a3c3c6f4b0e",
		Level:    stix.Green,
		ValidFor: 30 * 24 * time.Hour,
	}
	at      = time.Date(2026, 8, 20, 9, 54, 23, 987654321, time.UTC)
	version = build.Version{Created: at, Modified: at}
)

// every is one draft of each sort of object that a Maker makes.
func every(m build.Maker) map[string]build.Draft {
	v, _ := build.Read(build.IPPort, "192.0.2.1:443")
	indicator := m.Indicator(build.Indicator{
		Common:  build.Common{Key: "1", Labels: []string{"c2", "c2", " "}, References: []build.Reference{{Source: "list", URL: "https://list.example/1"}, {Source: "list", URL: "none"}, {}}},
		Pattern: v.Pattern(), Name: v.Title(), Description: "two\nlines\x00", Types: []string{"malicious-activity"}, ValidFrom: at,
		KillChain: []build.Phase{{Chain: "lockheed-martin-cyber-kill-chain", Name: "command-and-control"}},
	})
	malware := m.Malware(build.Malware{Name: "InventedBot", Types: []string{"bot"}, Aliases: []string{"IBot"}})
	observable, _ := m.Observable(v, stix.NoLevel)
	objects := []string{indicator.ID}
	return map[string]build.Draft{
		"indicator":     indicator,
		"malware":       malware,
		"ipv4-addr":     observable,
		"relationship":  m.Indicates(indicator, malware, stix.NoLevel),
		"vulnerability": m.Vulnerability(build.Vulnerability{Common: build.Common{Key: "CVE-2026-0001"}, Name: "CVE-2026-0001"}),
		"identity":      m.NewIdentity(build.Identity{Common: build.Common{Key: "o"}, Name: "An organization", Class: "organization"}),
		"sighting":      m.Sighting(build.Sighting{Common: build.Common{Key: "s"}, Of: indicator.ID, FirstSeen: at, LastSeen: at, Count: 3}),
		"opinion":       m.Opinion(build.Opinion{Common: build.Common{Key: "p"}, Value: "disagree", Objects: objects}),
		"note":          m.Note(build.Note{Common: build.Common{Key: "n"}, Content: "A remark.", Objects: objects}),
		"report":        m.Report(build.Report{Common: build.Common{Key: "r"}, Name: "A report", Objects: objects}),
		"grouping":      m.Grouping(build.Grouping{Common: build.Common{Key: "g"}, Name: "A case", Context: "suspicious-activity", Objects: objects}),
	}
}

func TestEveryObjectIsValidAndStaysTheSame(t *testing.T) {
	again := every(maker)
	other := maker
	other.Identity = "identity--0b9ef4ec-6d25-4f1d-9c43-2b7e1b6b6a11"
	others := every(other)
	for typ, d := range every(maker) {
		t.Run(typ, func(t *testing.T) {
			raw, err := d.Build(version)
			if err != nil {
				t.Fatal(err)
			}
			objects, err := stix.Split(raw, stix.DefaultLimits)
			if err != nil {
				t.Fatal(err)
			}
			o := objects[0]
			for _, f := range o.Findings {
				t.Errorf("%s: %s", f.Path, f.Message)
			}
			mark, _ := o.Mark(func(string) (*stix.Definition, bool) { return nil, false })
			if o.Type != typ || o.ID != d.ID || mark.Level != stix.Green {
				t.Errorf("it is %s, %s, %s", o.Type, o.ID, mark.Level)
			}
			if !d.Versionless && (o.Created != "2026-08-20T09:54:23.987Z" || o.Modified != o.Created || o.CreatedByRef != maker.Identity) {
				t.Errorf("created %s, modified %s, by %s", o.Created, o.Modified, o.CreatedByRef)
			}
			same, err := again[typ].Build(version)
			if err != nil || string(same) != string(raw) {
				t.Errorf("made again it is\n%s and not\n%s (%v)", same, raw, err)
			}
			if (others[typ].ID == d.ID) != d.Versionless {
				t.Errorf("another publisher's is %s, this one's %s", others[typ].ID, d.ID)
			}
		})
	}
}

func TestARevokedVersionSaysSo(t *testing.T) {
	d := every(maker)["indicator"]
	raw, err := d.Build(build.Version{Created: at, Modified: at.Add(time.Hour), Revoked: true})
	if err != nil || !strings.Contains(string(raw), `"revoked":true`) {
		t.Fatal(string(raw), err)
	}
}

func TestTheStricterTLPCounts(t *testing.T) {
	for _, tt := range []struct{ feed, row, want stix.Level }{
		{stix.Green, stix.NoLevel, stix.Green},
		{stix.Green, stix.Red, stix.Red},
		{stix.Amber, stix.Clear, stix.Amber},
		{stix.NoLevel, stix.NoLevel, stix.NoLevel},
		{stix.NoLevel, stix.AmberStrict, stix.AmberStrict},
	} {
		m := maker
		m.Level = tt.feed
		raw, err := m.Vulnerability(build.Vulnerability{Common: build.Common{Key: "k", Level: tt.row}, Name: "CVE-2026-0001"}).Build(version)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Marks []string `json:"object_marking_refs"`
		}
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		var want []string
		if id := tt.want.MarkingID(); id != "" {
			want = []string{id}
		}
		if diff := cmp.Diff(want, got.Marks); diff != "" {
			t.Errorf("feed %s, row %s: %s", tt.feed, tt.row, diff)
		}
	}
	loose := maker.Malware(build.Malware{Name: "Bot"})
	strict := maker.Malware(build.Malware{Common: build.Common{Level: stix.Red}, Name: "Bot"})
	if loose.ID == strict.ID {
		t.Error("a family that only a stricter row names is the object of all")
	}
	if same := maker.Malware(build.Malware{Common: build.Common{Level: stix.Clear}, Name: " bot"}); same.ID != loose.ID {
		t.Error("a family has two ids")
	}
}

func TestConfidence(t *testing.T) {
	feed := maker
	feed.Confidence = new(40)
	for _, tt := range []struct {
		name string
		m    build.Maker
		own  *int
		want *int
	}{
		{"none is not stated", maker, nil, nil},
		{"the feed's", feed, nil, new(40)},
		{"the source's own", feed, new(90), new(90)},
		{"a zero is stated", feed, new(0), new(0)},
		{"Admiralty B2", maker, build.Admiralty("b2"), new(70)},
		{"Admiralty F6 cannot be judged", maker, build.Admiralty("F6"), nil},
		{"medium", maker, build.LowMedHigh("Medium"), new(50)},
		{"MISP's usually confident", maker, build.MISP("usually-confident"), new(75)},
		{"MISP's cannot be evaluated", maker, build.MISP("confidence-cannot-be-evaluated"), nil},
		{"more than all", maker, build.Confidence(300), new(100)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			raw, err := tt.m.Vulnerability(build.Vulnerability{Common: build.Common{Key: "k", Confidence: tt.own}, Name: "CVE-2026-0001"}).Build(version)
			if err != nil {
				t.Fatal(err)
			}
			var got struct{ Confidence *int }
			if err := json.Unmarshal(raw, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.Confidence); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheEndOfAnIndicatorMovesInSteps(t *testing.T) {
	end := func(seen time.Time) string {
		v, _ := build.Read(build.Domain, "bad.example")
		raw, err := maker.Indicator(build.Indicator{Common: build.Common{Key: "k"}, Pattern: v.Pattern(), ValidFrom: at, Seen: seen}).Build(version)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Until time.Time `json:"valid_until"`
		}
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		if got.Until.Before(seen.Add(maker.ValidFor)) || got.Until.After(seen.Add(maker.ValidFor+3*24*time.Hour)) {
			t.Errorf("seen %s, it ends %s", seen, got.Until)
		}
		return got.Until.String()
	}
	ends := map[string]bool{}
	for day := range 30 {
		ends[end(at.Add(time.Duration(day)*24*time.Hour))] = true
	}
	if len(ends) > 11 {
		t.Errorf("seen on each of 30 days, it has %d versions", len(ends))
	}
}

func TestWhatCannotBeBuiltIsRefusedWithACode(t *testing.T) {
	_, err := maker.Indicator(build.Indicator{Common: build.Common{Key: "k"}, Pattern: "[nonsense", ValidFrom: at}).Build(version)
	if r, ok := err.(*build.Refusal); !ok || r.Code != build.InvalidObject {
		t.Errorf("got %v", err)
	}
}

func TestCheckSaysWhatIsMissing(t *testing.T) {
	for _, m := range []build.Maker{
		{}, {Feed: "f"}, {Feed: "f", Identity: "sg"}, {Feed: "f", Namespace: "n", Level: 9},
		{Feed: "f", Namespace: "n", Confidence: new(101)}, {Feed: "f", Namespace: "n", ValidFor: -1},
	} {
		if m.Check() == nil {
			t.Errorf("%+v passes", m)
		}
	}
	if err := maker.Check(); err != nil {
		t.Error(err)
	}
}

func TestAnIndicatorThatIsReadLongAfterItWasSeenHeldWhenItWas(t *testing.T) {
	i := build.Indicator{Common: build.Common{Key: "1"}, Pattern: "[domain-name:value = 'a.example']", Seen: at}
	late := at.AddDate(1, 0, 0)
	for _, made := range []struct {
		at   time.Time
		from string
	}{{at, "2026-08-20T09:54:23.987Z"}, {late, "2026-08-20T09:54:23.987Z"}, {at.Add(time.Hour), "2026-08-20T10:54:23.987Z"}} {
		raw, err := maker.Indicator(i).Build(build.Version{Created: made.at, Modified: made.at})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(raw), `"valid_from":"`+made.from+`"`) {
			t.Errorf("made at %s it is %s", made.at, raw)
		}
	}
}
