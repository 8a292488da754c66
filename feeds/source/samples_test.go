package source_test

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/feeds/outbox"
	"github.com/selat-hub/selat/feeds/source"
	"github.com/selat-hub/selat/stix"
)

// made is what became of one reading.
type made struct {
	Rows      int
	Objects   int // of all rows, a family as often as a row names it
	Distinct  int // of all ids
	Refused   map[string]int
	Skipped   map[string]int
	Withdrawn int
}

var version = build.Version{
	Created:  time.Date(2026, 8, 20, 12, 0, 0, 0, time.UTC),
	Modified: time.Date(2026, 8, 20, 12, 0, 0, 0, time.UTC),
}

func config() source.Config {
	return source.Config{Maker: build.Maker{Feed: "sample", Namespace: "cert.example", Level: stix.Green, ValidFor: 30 * 24 * time.Hour}}
}

// read reads an input, builds every object, has our own validation look at it and
// returns what became of it, with the objects' bytes by id.
func read(t testing.TB, format string, c source.Config, in source.Input) (made, map[string]string, error) {
	t.Helper()
	f, err := source.Lookup(format)
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.New(c)
	if err != nil {
		t.Fatal(err)
	}
	m := made{Refused: map[string]int{}, Skipped: map[string]int{}}
	objects := map[string]string{}
	err = s.Read(t.Context(), in, func(r source.Row) error {
		m.Rows++
		m.Objects += len(r.Objects)
		switch {
		case r.Position == "":
			t.Errorf("a row without a position: %+v", r)
		case r.Refused != nil:
			m.Refused[r.Refused.Code]++
			if len(r.Objects) > 0 || r.Refused.Code == "" || r.Refused.Message == "" {
				t.Errorf("%s: refused as %+v with %d objects", r.Position, r.Refused, len(r.Objects))
			}
		case r.Withdrawn:
			m.Withdrawn++
		case r.Skipped != "":
			m.Skipped[r.Skipped]++
		case len(r.Objects) == 0:
			t.Errorf("%s became nothing and does not say why", r.Position)
		}
		for _, d := range r.Objects {
			raw, err := d.Build(version)
			if err != nil {
				t.Errorf("%s: %v", r.Position, err)
				continue
			}
			if err := build.Valid(raw); err != nil {
				t.Errorf("%s: %v", r.Position, err)
			}
			key := d.ID
			if format == "stix" {
				key = r.Key
			}
			if before, twice := objects[key]; twice && before != string(raw) {
				t.Errorf("%s: %s has two contents in one reading:\n%s\n%s", r.Position, d.ID, before, raw)
			}
			objects[key] = string(raw)
		}
		return nil
	})
	m.Distinct = len(objects)
	return m, objects, err
}

func shared(t testing.TB) string {
	root := os.Getenv("SELAT_SHARED")
	if root == "" {
		root = "../../../shared"
	}
	root = filepath.Join(root, "samples")
	if _, err := os.Stat(root); err != nil {
		t.Skip("the shared samples are not here: set SELAT_SHARED to their folder")
	}
	return root
}

func count(code string, n int) map[string]int { return map[string]int{code: n} }

// network is how the list of stalkerware is mapped.
var network = source.Mapping{Columns: map[string]string{"value": "indicator", "kind": "type", "malware": "app"}}

// samples are what each real or synthetic sample must become, and how that was
// counted: by hand on the file, with tools that share nothing with ours.
var samples = []struct {
	format, file string
	mapping      source.Mapping
	want         made
	counted      string
}{
	{format: "urlhaus", file: "synthetic/urlhaus.csv",
		want:    made{Rows: 3, Objects: 3, Distinct: 3},
		counted: "three lines that begin with a quote, each one indicator; tags name no family for certain"},
	{format: "threatfox", file: "synthetic/threatfox-2024-14col.csv",
		want:    made{Rows: 2, Objects: 6, Distinct: 6},
		counted: "two lines, each with a family of its own: family, indicator, relationship"},
	{format: "threatfox", file: "synthetic/threatfox-2026-15col.csv",
		want:    made{Rows: 4, Objects: 7, Distinct: 7, Refused: count("known-good", 1)},
		counted: "11 and 13 with a family make 3 each, 12 of unknown malware 1, 14 is the empty file"},
	{format: "feodo", file: "synthetic/feodotracker-ipblocklist.csv",
		want:    made{Rows: 3, Objects: 6, Distinct: 6, Refused: count("reserved-address", 1)},
		counted: "Emotet and the first QakBot make 3 each, 10.1.2.3 is private; the trailer says 3"},
	{format: "sslbl-ip", file: "synthetic/sslbl-ip.csv",
		want:    made{Rows: 3, Objects: 2, Distinct: 2, Refused: count("reserved-address", 1)},
		counted: "three lines without families, 169.254.1.1 is link-local"},
	{format: "sslbl-sha1", file: "synthetic/sslbl-sha1.csv",
		want:    made{Rows: 2, Objects: 3, Distinct: 3, Refused: count("known-good", 1)},
		counted: "da39a3ee... is the SHA-1 of nothing, InventedLoader makes 3"},
	{format: "shadowserver", file: "synthetic/2026-08-20-event4_sinkhole-sample-geo.csv",
		want:    made{Rows: 1, Refused: count("victim", 1)},
		counted: "one row, whose source is infected and whose destination is the sinkhole"},
	{format: "shadowserver", file: "synthetic/2026-08-20-compromised_account-sample-geo.csv",
		want:    made{Rows: 1, Refused: count("personal-data", 1)},
		counted: "one row, an account with its e-mail address"},
	{format: "intelmq", file: "synthetic/intelmq-event.jsonl",
		want:    made{Rows: 2, Objects: 4, Distinct: 4},
		counted: "the c2-server with malware.name makes 3, the phishing URL 1, without the account beside it"},
	{format: "n6", file: "synthetic/n6-stream.jsonl",
		want:    made{Rows: 3, Objects: 1, Distinct: 1, Refused: count("victim", 1), Withdrawn: 1},
		counted: "a bot is a victim, bl-new makes 1, bl-delist takes it back"},
	{format: "kev", file: "kev/known_exploited_vulnerabilities.head25.json",
		want:    made{Rows: 25, Objects: 25, Distinct: 25},
		counted: "grep -c cveID, and its own count"},
	{format: "kev", file: "kev/known_exploited_vulnerabilities.head25.csv",
		want:    made{Rows: 25, Objects: 25, Distinct: 25},
		counted: "grep -c ^CVE-"},
	{format: "csv", file: "lists/stalkerware-network.csv", mapping: network,
		want: made{Rows: 1034, Objects: 3093, Distinct: 2152, Refused: count("invalid-value", 3)},
		counted: "1034 lines after the header by wc; line 243 calls an address a domain and 1023 and 1024 a URL, so 1031 times 3; " +
			"Python's csv has 1022 different (type, indicator, app) in 108 apps without case: 1022*2+108"},
	{format: "list", file: "lists/stalkerware-quad9_blocklist.txt",
		want:    made{Rows: 969, Objects: 969, Distinct: 960},
		counted: "969 lines by wc, 960 by sort -u, no families"},
	{format: "stix", file: "stix/indicator-for-malicious-url.json", want: made{Rows: 3, Objects: 3, Distinct: 3}, counted: byPython},
	{format: "stix", file: "stix/malware-indicator-for-file-hash.json", want: made{Rows: 3, Objects: 3, Distinct: 3}, counted: byPython},
	{format: "stix", file: "stix/poisonivy.json", want: made{Rows: 155, Objects: 155, Distinct: 155}, counted: byPython},
	{format: "stix", file: "stix/sighting-of-an-indicator.json", want: made{Rows: 4, Objects: 4, Distinct: 4}, counted: byPython},
	{format: "stix", file: "stix/sighting-of-observed-data.json", want: made{Rows: 8, Objects: 8, Distinct: 8}, counted: byPython},
	{format: "stix", file: "stix/threat-actor-leveraging-attack-patterns-and-malware.json", want: made{Rows: 7, Objects: 7, Distinct: 7}, counted: byPython},
	{format: "stix", file: "stix/using-granular-markings.json", want: made{Rows: 4, Objects: 4, Distinct: 4}, counted: byPython},
	{format: "stix", file: "stix/using-marking-definitions.json", want: made{Rows: 4, Objects: 4, Distinct: 4}, counted: byPython},
	{format: "stix", file: "stix/sco-examples-bundle.json",
		want: made{Rows: 82, Objects: 78, Distinct: 70, Refused: map[string]int{"invalid-value": 3, "wrong-type": 1}},
		counted: "a list of 82 by Python's json, 74 different texts; three artifacts have \"...\" for base64, " +
			"and a message has a header that is no list"},
	{format: "stix", file: "tlp2/tlp2-markings.json", want: made{Rows: 5, Objects: 5, Distinct: 5}, counted: byPython},
	{format: "stix", file: "tlp2/oasis-using-tlp2.0-green.BADTIMESTAMP.json",
		want:    made{Rows: 3, Objects: 2, Distinct: 2, Refused: count("invalid-timestamp", 1)},
		counted: "the relationship was created on the 27th of the 101st month"},
	{format: "stix", file: "stix/invalid/invalid_braces.json", want: made{Rows: 1, Refused: count("malformed-json", 1)}, counted: "one object in angle brackets"},
	{format: "stix", file: "stix/invalid/invalid_comma.json", want: made{Rows: 1, Refused: count("malformed-json", 1)}, counted: "one object with a comma too many"},
	{format: "stix", file: "stix/invalid/invalid_identity.json", want: made{Rows: 1, Refused: count("missing-property", 1)}, counted: "one object without modified"},
	{format: "stix", file: "stix/invalid/invalid_timestamp.json", want: made{Rows: 1, Refused: count("time-order", 1)}, counted: "one object modified before it was created"},
	{format: "cve5", file: "cve5/cve5-basic-example.json", want: made{Rows: 1, Objects: 1, Distinct: 1}, counted: "one record, which is published"},
	{format: "misp-feed", file: "misp-feed/manifest.json",
		want: made{Rows: 93, Objects: 51, Distinct: 51, Refused: count("gone", 42)},
		counted: "46 keys in the manifest, 4 files beside it; these have 9, 17, 6 and 15 attributes by Python's json, all with to_ids, " +
			"and each a report: 47 + 4, and 42 that are gone"},
	{format: "misp", file: "misp-event/eset-sshdoor-bespin.json",
		want:    made{Rows: 4, Skipped: map[string]int{"to-ids-false": 3, "empty-event": 1}},
		counted: "three attributes without to_ids, so that the event is empty"},
	{format: "misp", file: "misp-event/eset-sshdoor-bonadan.json",
		want:    made{Rows: 4, Skipped: map[string]int{"to-ids-false": 3, "empty-event": 1}},
		counted: "three attributes without to_ids, so that the event is empty"},
	{format: "openioc", file: "openioc/apt28-a6c6dbf0.ioc",
		want:    made{Rows: 2, Objects: 3, Distinct: 3, Refused: count("unsupported-term", 1)},
		counted: "a file name with the family EVILTOSS makes 3, the name of a section in memory has no place"},
	{format: "openioc", file: "openioc/zeus.ioc.xml",
		want:    made{Rows: 3, Refused: count("unsupported-term", 3)},
		counted: "two groups of AND, each with the type of a handle, for which there is no place, and the document of which nothing is left"},
}

const byPython = "len(objects) of Python's json"

// elsewhere are the samples, by file or folder, that no source reads, and why.
var elsewhere = map[string]string{
	"README.md": "says where the samples are from",
	"kev/known_exploited_vulnerabilities_schema.json": "the schema of the catalogue, no entry",
	"output":                         "what a sink writes: feeds/sink compares ours with it",
	"synthetic/expected-cef.log":     "what a sink writes: feeds/sink compares ours with it",
	"synthetic/expected-rpz.zone":    "what a sink writes: feeds/sink compares ours with it",
	"synthetic/expected-zeek.intel":  "what a sink writes: feeds/sink compares ours with it",
	"stix/pattern-spec-examples.txt": "patterns without objects, which are for stix/pattern",
	"taxii":                          "the whole store of a TAXII server, collections and users: TAXII is polled (feeds/publisher)",
	"taxonomies":                     "the words of MISP's tags: feeds/misp reads them",
	"warninglists":                   "known-good values, by which a hub screens what is submitted; nothing in them is a threat",
}

func TestSamples(t *testing.T) {
	root := shared(t)
	opened := map[string]bool{}
	for _, s := range samples {
		opened[s.file] = true
		t.Run(s.format+" reads "+filepath.Base(s.file), func(t *testing.T) {
			path := filepath.Join(root, s.file)
			c := config()
			c.Mapping = s.mapping
			input := func() source.Input {
				in := folder(t, os.DirFS(filepath.Dir(path)), filepath.Base(path))
				in.Name = s.file
				open := in.Open
				in.Open = func(ctx context.Context, name string) (io.ReadCloser, error) {
					f, err := open(ctx, name)
					if err == nil {
						opened[filepath.Join(filepath.Dir(s.file), name)] = true
					}
					return f, err
				}
				return in
			}
			once := func() (made, map[string]string) {
				m, objects, err := read(t, s.format, c, input())
				if err != nil {
					t.Fatal(err)
				}
				return m, objects
			}
			got, objects := once()
			t.Logf("%-12s %-55s rows %4d, objects %4d (%d distinct), refused %v, skipped %v, withdrawn %d",
				s.format, s.file, got.Rows, got.Objects, got.Distinct, got.Refused, got.Skipped, got.Withdrawn)
			if s.want.Refused == nil {
				s.want.Refused = map[string]int{}
			}
			if s.want.Skipped == nil {
				s.want.Skipped = map[string]int{}
			}
			if diff := cmp.Diff(s.want, got); diff != "" {
				t.Errorf("counted otherwise (%s):\n%s", s.counted, diff)
			}
			if _, again := once(); !cmp.Equal(objects, again) {
				t.Error("read again it gives other ids or bytes")
			}
			publishedTwice(t, s.format, c, input, got)
		})
	}
	t.Run("every sample has its place", func(t *testing.T) { placed(t, root, opened) })
}

// publishedTwice reads an input into one outbox two times: the first gives each
// object once, and the second gives nothing.
func publishedTwice(t *testing.T, format string, c source.Config, input func() source.Input, first made) {
	t.Helper()
	f, err := source.Lookup(format)
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.New(c)
	if err != nil {
		t.Fatal(err)
	}
	store, err := outbox.Open("state", outbox.Options{FS: vfs.NewMem(), Now: func() time.Time { return version.Created }})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close() //nolint:errcheck // in memory
	for _, want := range []made{first, {}} {
		r, err := store.Begin("sample", outbox.Rules{Whole: f.Whole})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Read(t.Context(), input(), r.Row); err != nil {
			t.Fatal(err)
		}
		if err := r.Complete(nil); err != nil {
			t.Fatal(err)
		}
		if r.New != want.Distinct || r.Revoked != want.Withdrawn || r.Changed != 0 {
			t.Errorf("a reading made %d new objects, changed %d and revoked %d; want %d new and %d revoked; %v",
				r.New, r.Changed, r.Revoked, want.Distinct, want.Withdrawn, r.Samples)
		}
	}
}

// placed holds every file of the samples to being read or to a reason why not.
func placed(t *testing.T, root string, opened map[string]bool) {
	used := map[string]bool{}
	if err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		file, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		top, _, _ := strings.Cut(file, string(filepath.Separator))
		switch {
		case elsewhere[file] != "":
			used[file] = true
		case elsewhere[top] != "":
			used[top] = true
		case !opened[file]:
			t.Errorf("%s is read by no source: add it to samples with its counts, or to elsewhere with the reason", file)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for name, why := range elsewhere {
		if !used[name] {
			t.Errorf("there is no sample %s, of which it says: %s", name, why)
		}
	}
}

func open(t testing.TB, root, file string) *os.File {
	f, err := os.Open(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
