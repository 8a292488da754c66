package sink_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/feeds/sink"
	"github.com/selat-hub/selat/feeds/source"
	"github.com/selat-hub/selat/stix"
)

// listed is what must come through a MISP feed of an indicator unchanged.
type listed struct {
	Pattern           string
	Level             stix.Level
	From, Until       time.Time
	origin, id, title string
	added             time.Time
}

func (l listed) entry(t testing.TB) sink.Entry {
	m := build.Maker{Feed: "f", Namespace: l.origin, Level: l.Level}
	d := m.Indicator(build.Indicator{Common: build.Common{Key: l.id, Confidence: build.Confidence(80)}, Pattern: l.Pattern, Name: l.title,
		Description: "Seen in a drill.", Types: []string{"malicious-activity"}, ValidFrom: l.From, ValidUntil: l.Until})
	raw, err := d.Build(build.Version{Created: l.added, Modified: l.added})
	if err != nil {
		t.Fatalf("%s: %v", l.Pattern, err)
	}
	return sink.Entry{Object: raw, ID: d.ID, Type: "indicator", Origin: l.origin, Level: l.Level, Added: l.added, ValidFrom: l.From, ValidUntil: l.Until}
}

func (l listed) String() string {
	return fmt.Sprintf("%s %s %s %s", l.Pattern, l.Level, l.From.Format(time.RFC3339Nano), l.Until.Format(time.RFC3339Nano))
}

var newest = time.Date(2026, 8, 20, 12, 0, 0, 0, time.UTC)

// render writes a folder of entries, sorted as the daemon sorts them.
func render(t testing.TB, f sink.Folder, dir string, entries ...sink.Entry) sink.Count {
	slices.SortFunc(entries, func(a, b sink.Entry) int { return strings.Compare(a.Origin+" "+a.ID, b.Origin+" "+b.ID) })
	count, err := f.Render(t.Context(), dir, slices.Values(entries), newest)
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// readBack reads a MISP feed and returns the indicators in it.
func readBack(t testing.TB, dir string) []string {
	format, err := source.Lookup("misp-feed")
	if err != nil {
		t.Fatal(err)
	}
	s, err := format.New(source.Config{Maker: build.Maker{Feed: "back", Namespace: "other.example", Level: stix.Clear}})
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := os.Open(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer manifest.Close()
	var out []string
	in := source.Input{Name: "manifest.json", Reader: manifest, Open: func(_ context.Context, path string) (io.ReadCloser, error) {
		f, err := os.Open(filepath.Join(dir, path))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, source.ErrGone
		}
		return f, err
	}}
	if err := s.Read(t.Context(), in, func(r source.Row) error {
		if r.Refused != nil {
			t.Errorf("%s: %v", r.Position, r.Refused)
		}
		for _, d := range r.Objects {
			if !strings.HasPrefix(d.ID, "indicator--") {
				continue
			}
			raw, err := d.Build(build.Version{Created: newest, Modified: newest})
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, said(t, raw).String())
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func said(t testing.TB, raw []byte) listed {
	var o struct {
		Pattern string
		From    time.Time `json:"valid_from"`
		Until   time.Time `json:"valid_until"`
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatal(err)
	}
	objects, err := stix.Split(raw, stix.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	mark, _ := objects[0].Mark(func(string) (*stix.Definition, bool) { return nil, false })
	return listed{Pattern: o.Pattern, Level: mark.Level, From: o.From, Until: o.Until}
}

// values are values of each kind, from which patterns are made.
var values = map[build.Kind]*rapid.Generator[string]{
	build.IP: rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("203.0.113.%d", rapid.IntRange(0, 255).Draw(t, "host")) }),
	build.IPPort: rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("[2001:db8::%x]:%d", rapid.IntRange(1, 999).Draw(t, "host"), rapid.IntRange(1, 65535).Draw(t, "port"))
	}),
	build.Domain:    rapid.StringMatching(`[a-z][a-z0-9]{0,20}\.example`),
	build.URL:       rapid.StringMatching(`https?://[a-z]{1,9}\.example/[a-zA-Z0-9'|%*?=_-]{0,30}`),
	build.MD5:       rapid.StringMatching(`[1-9a-f][0-9a-f]{31}`),
	build.SHA256:    rapid.StringMatching(`[1-9a-f][0-9a-f]{63}`),
	build.CertSHA1:  rapid.StringMatching(`[1-9a-f][0-9a-f]{39}`),
	build.FileName:  rapid.StringMatching(`[a-zA-Z0-9'\\äß|]{1,30}\.exe`),
	build.Mutex:     rapid.StringMatching(`[a-zA-Z0-9'\\]{1,30}`),
	build.UserAgent: rapid.StringMatching(`[a-zA-Z0-9'(;)/]{1,30}`),
	build.Email:     rapid.StringMatching(`[a-z]{1,9}@[a-z]{1,9}\.example`),
	build.ASN:       rapid.StringMatching(`[1-9][0-9]{0,4}`),
}

func drawPattern(t *rapid.T) string {
	kind := rapid.SampledFrom(slices.Sorted(maps.Keys(values))).Draw(t, "kind")
	v, refused := build.Read(kind, values[kind].Draw(t, "value"))
	if refused != nil {
		t.Skip(refused)
	}
	if kind == build.SHA256 && rapid.Bool().Draw(t, "with a name") {
		return "[file:name = 'a b.exe' AND " + v.Comparison() + "]"
	}
	if kind == build.Domain && rapid.Bool().Draw(t, "with its address") {
		return "[" + v.Comparison() + " AND domain-name:resolves_to_refs[*].value = '198.51.100.7']"
	}
	return v.Pattern()
}

func TestAMISPFeedThatWasWrittenReadsAsTheSameIndicators(t *testing.T) {
	root := t.TempDir()
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp(root, "feed")
		if err != nil {
			r.Fatal(err)
		}
		var entries []sink.Entry
		var want []string
		for n := range rapid.IntRange(0, 12).Draw(r, "indicators") {
			from := newest.Add(-time.Duration(rapid.IntRange(0, 1<<40).Draw(r, "from")) * time.Millisecond).Truncate(time.Millisecond)
			l := listed{Pattern: drawPattern(r), Level: rapid.SampledFrom(stix.Levels[:]).Draw(r, "level"), From: from,
				origin: rapid.SampledFrom([]string{"sg", "th"}).Draw(r, "origin"), id: fmt.Sprint(n), title: "An indicator",
				added: newest.AddDate(0, -rapid.IntRange(0, 2).Draw(r, "months"), 0)}
			if rapid.Bool().Draw(r, "ends") {
				l.Until = newest.Add(time.Duration(rapid.IntRange(1, 1<<40).Draw(r, "until")) * time.Millisecond)
			}
			entry := l.entry(t)
			entries = append(entries, entry)
			want = append(want, said(t, entry.Object).String())
		}
		slices.Sort(want)
		count := render(t, sink.MISPFeed{}, dir, entries...)
		if count.Written != len(entries) {
			r.Fatalf("of %d it wrote %d, and skipped %v", len(entries), count.Written, count.Skipped)
		}
		if diff := cmp.Diff(want, readBack(t, dir)); diff != "" {
			r.Fatal(diff)
		}
	})
}

// opens reads a MISP feed as one who knows the revisions that were read before, and
// returns the events that it had to open.
func opens(t testing.TB, dir string, revisions map[string]int64) (opened []string) {
	format, err := source.Lookup("misp-feed")
	if err != nil {
		t.Fatal(err)
	}
	s, err := format.New(source.Config{Maker: build.Maker{Feed: "back", Namespace: "other.example", Level: stix.Clear},
		Known: func(key string) (int64, bool) { r, ok := revisions[key]; return r, ok }})
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := os.Open(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer manifest.Close()
	in := source.Input{Name: "manifest.json", Reader: manifest, Open: func(_ context.Context, path string) (io.ReadCloser, error) {
		raw, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			return nil, err
		}
		_, info, _ := strings.Cut(string(raw), `"info": "Indicators of `)
		info, _, _ = strings.Cut(info, `"`)
		opened = append(opened, info)
		return io.NopCloser(strings.NewReader(string(raw))), nil
	}}
	if err := s.Read(t.Context(), in, func(r source.Row) error {
		if r.Revision != 0 {
			revisions[r.Key] = r.Revision
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(opened)
	return opened
}

func TestWhoReadsAMISPFeedOnwardFetchesOnlyTheEventsThatChanged(t *testing.T) {
	at := func(days int) time.Time { return newest.AddDate(0, 0, days) }
	entry := func(origin, id string, added time.Time) sink.Entry {
		return listed{Pattern: "[domain-name:value = '" + id + ".example']", Level: stix.Green, From: newest, origin: origin, id: id, title: "t", added: added}.entry(t)
	}
	a, b, c, d := entry("sg", "a", at(-90)), entry("sg", "b", at(-1)), entry("th", "c", at(-1)), entry("sg", "d", at(-60))
	changed := entry("sg", "a", at(1))
	changed.Object = []byte(strings.Replace(string(changed.Object), "Seen in a drill.", "Seen again.", 1))
	root, revisions := t.TempDir(), map[string]int64{}
	before := ""
	for n, step := range []struct {
		name    string
		now     time.Time
		entries []sink.Entry
		opened  []string
	}{
		{"all of them at first", at(0), []sink.Entry{a, b, c, d}, []string{"sg, 2026-05, TLP:GREEN", "sg, 2026-06, TLP:GREEN", "sg, 2026-08, TLP:GREEN", "th, 2026-08, TLP:GREEN"}},
		{"none when nothing changed", at(1), []sink.Entry{a, b, c, d}, nil},
		{"the one that an indicator came to", at(1), []sink.Entry{a, b, c, d, entry("th", "e", at(1))}, []string{"th, 2026-08, TLP:GREEN"}},
		{"the one that an indicator left", at(2), []sink.Entry{a, b, d, entry("th", "e", at(1))}, []string{"th, 2026-08, TLP:GREEN"}},
		{"the one that the newest left", at(2), []sink.Entry{a, b, c, d}, []string{"th, 2026-08, TLP:GREEN"}},
		// The event of its first month is empty and no longer listed.
		{"the one that a new version is in", at(3), []sink.Entry{changed, b, c, d}, []string{"sg, 2026-08, TLP:GREEN"}},
		{"none again", at(4), []sink.Entry{changed, b, c, d}, nil},
	} {
		dir := filepath.Join(root, fmt.Sprint(n))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		entries := slices.Clone(step.entries)
		slices.SortFunc(entries, func(a, b sink.Entry) int { return strings.Compare(a.Origin+" "+a.ID, b.Origin+" "+b.ID) })
		if _, err := (sink.MISPFeed{Before: before}).Render(t.Context(), dir, slices.Values(entries), step.now); err != nil {
			t.Fatal(err)
		}
		opened := opens(t, dir, revisions)
		if diff := cmp.Diff(step.opened, opened); diff != "" {
			t.Errorf("%s: %s", step.name, diff)
		}
		before = dir
	}
}

func TestTheStampOfAMISPEventIsThatOfItsNewestIndicator(t *testing.T) {
	dir := t.TempDir()
	if _, err := (sink.MISPFeed{}).Render(t.Context(), dir, slices.Values(some(t)), newest.AddDate(0, 1, 0)); err != nil {
		t.Fatal(err)
	}
	var manifest map[string]struct{ Timestamp string }
	raw, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &manifest); err != nil {
		t.Fatal(err)
	}
	for uuid, e := range manifest {
		if e.Timestamp != fmt.Sprint(newest.Unix()) {
			t.Errorf("%s is stamped %s", uuid, e.Timestamp)
		}
	}
}

// some are entries of two origins, one of which no attribute says.
func some(t testing.TB) []sink.Entry {
	l := listed{Level: stix.Green, From: newest, origin: "sg", title: "A \"name\"\nin two lines: *", added: newest}
	var out []sink.Entry
	for n, p := range []string{
		"[domain-name:value = 'a.example']",
		"[ipv4-addr:value ISSUBSET '203.0.113.0/24']",
		"[url:value = 'https://b.example/x?y=*']",
		"[file:hashes.'SHA-256' = 'ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef0123456789'] OR [ipv6-addr:value = '2001:db8::1']",
		"[file:name = 'a.exe'] FOLLOWEDBY [domain-name:value = 'b.example']",
		"[domain-name:value = 'a.example'] WITHIN 5 SECONDS",
		"[domain-name:value != 'a.example']",
	} {
		l.Pattern, l.id = p, fmt.Sprint(n)
		out = append(out, l.entry(t))
	}
	l.Pattern, l.origin, l.Level = "[domain-name:value = 'A.example']", "th", stix.AmberStrict
	return append(out, l.entry(t), sink.Entry{Object: []byte(`{"type":"report"}`), ID: "report--1", Type: "report", Origin: "th"})
}

func TestAMISPFeedWritesOnlyWhatAnAttributeSays(t *testing.T) {
	dirs := [2]string{t.TempDir(), t.TempDir()}
	var files [2]map[string]string
	for i, dir := range dirs {
		count := render(t, sink.MISPFeed{}, dir, some(t)...)
		if diff := cmp.Diff(sink.Count{Entries: 9, Written: 4, Lines: 4, Skipped: map[string]int{"unsupported-pattern": 4, "no-verdict": 1}}, count); diff != "" {
			t.Error(diff)
		}
		files[i] = contents(t, dir)
	}
	if diff := cmp.Diff(files[0], files[1]); diff != "" {
		t.Error("written again it is otherwise:\n" + diff)
	}
	if len(files[0]) != 4 { // the manifest, the hashes and an event of each origin
		t.Errorf("it wrote %v", slices.Sorted(maps.Keys(files[0])))
	}
	if lines := strings.Count(files[0]["hashes.csv"], "\n"); lines != 4 {
		t.Errorf("hashes.csv has %d lines", lines)
	}
}

func contents(t testing.TB, dir string) map[string]string {
	out := map[string]string{}
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		raw, err := os.ReadFile(filepath.Join(dir, n.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[n.Name()] = string(raw)
	}
	return out
}

func TestSigmaRulesHaveWhatEachRuleMustHave(t *testing.T) {
	dir := t.TempDir()
	count := render(t, sink.Sigma{}, dir, some(t)...)
	if diff := cmp.Diff(sink.Count{Entries: 9, Written: 6, Lines: 7, Skipped: map[string]int{"unsupported-pattern": 2, "no-verdict": 1}, Withheld: map[string]int{}}, count); diff != "" {
		t.Error(diff)
	}
	first := contents(t, dir)
	rules, ids := 0, map[string]bool{}
	for name, raw := range first {
		d := yaml.NewDecoder(strings.NewReader(raw))
		for {
			var rule struct {
				Title, ID, Status, Level, Date string
				Logsource                      map[string]string
				Detection                      map[string]any
			}
			err := d.Decode(&rule)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, raw)
			}
			rules++
			if rule.Title == "" || len(rule.Title) > 256 || ids[rule.ID] || len(rule.ID) != 36 || rule.Logsource["category"] == "" ||
				rule.Detection["condition"] != "selection" || rule.Detection["selection"] == nil {
				t.Errorf("%s lacks something:\n%s", name, raw)
			}
			ids[rule.ID] = true
		}
	}
	all := strings.Join(slices.Collect(maps.Values(first)), "\n")
	for _, must := range []string{"QueryName:", "a.example", "DestinationIp|cidr:", "203.0.113.0/24", `x\?y=\*`, "SHA256=ABCDEF0123456789", "2001:db8::1", "tlp.amber-strict"} {
		if !strings.Contains(all, must) {
			t.Errorf("no rule has %s in\n%s", must, all)
		}
	}
	again := t.TempDir()
	render(t, sink.Sigma{}, again, some(t)...)
	if rules != 7 || !cmp.Equal(first, contents(t, again)) {
		t.Errorf("%d rules; written again they must be the same", rules)
	}
}
