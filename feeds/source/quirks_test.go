package source_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/feeds/source"
	"github.com/selat-hub/selat/stix"
)

// text reads a text, and returns what became of each row: the pattern of its
// indicator, the code of its refusal, or "withdrawn".
func text(t *testing.T, format string, c source.Config, name, input string) ([]string, error) {
	t.Helper()
	f, err := source.Lookup(format)
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.New(c)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	err = s.Read(t.Context(), source.Input{Name: name, Reader: strings.NewReader(input)}, func(r source.Row) error {
		switch {
		case r.Refused != nil:
			got = append(got, r.Refused.Code)
		case r.Withdrawn:
			got = append(got, "withdrawn "+r.Key)
		}
		for _, d := range r.Objects {
			raw, err := d.Build(version)
			if err != nil {
				t.Errorf("%s: %v", r.Position, err)
			}
			if _, rest, ok := strings.Cut(string(raw), `"pattern":"`); ok {
				pattern, _, _ := strings.Cut(rest, `","`)
				got = append(got, pattern)
			}
		}
		return nil
	})
	return got, err
}

const urlhausHead = "# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter\n"

func TestTheWaysOfLists(t *testing.T) {
	feodo := "\"first_seen_utc\",\"dst_ip\",\"dst_port\",\"malware\"\n\"2026-06-04 21:24:53\",\"203.0.113.1\",\"8080\",\"Bot\"\n"
	mapped := func(m source.Mapping) source.Config {
		c := config()
		c.Mapping = m
		return c
	}
	values := source.Mapping{Columns: map[string]string{"value": "v"}}
	endpoint := "[network-traffic:dst_ref.value = '203.0.113.1' AND network-traffic:dst_port = 8080]"
	tests := []struct {
		name, format, file, in string
		config                 source.Config
		want                   []string
		err                    error
		fails                  bool
	}{
		{name: "a file from Windows with a byte order mark", format: "urlhaus",
			in:   "\ufeff" + strings.ReplaceAll(urlhausHead, "\n", "\r\n") + "\"1\",\"2026-08-20 09:54:23\",\"http://a.example/\"\r\n",
			want: []string{"[url:value = 'http://a.example/']"}},
		{name: "columns in another order", format: "urlhaus",
			in:   "# url,dateadded,id\n\"http://a.example/\",\"2026-08-20 09:54:23\",\"1\"\n",
			want: []string{"[url:value = 'http://a.example/']"}},
		{name: "a broken row does not take the next along", format: "urlhaus",
			in:   urlhausHead + "\"1\",\"2026-08-20 09:54:23\",\"http://a.example/\n\"2\",\"2026-08-20 09:54:23\",\"http://b.example/\"\n\"3\",\"never\",\"http://c.example/\"\n\"4\"\n",
			want: []string{"invalid-row", "[url:value = 'http://b.example/']", "invalid-time", "invalid-value"}},
		{name: "another format", format: "urlhaus", in: "<html>no list today</html>\n", fails: true},
		{name: "nothing", format: "urlhaus", in: "", fails: true},
		{name: "no rows", format: "urlhaus", in: urlhausHead},
		{name: "a list that ends in the middle of a line", format: "urlhaus", in: urlhausHead + "\"1\",\"2026-08-20 09:54:23\",\"http://a.example/\"",
			want: []string{"[url:value = 'http://a.example/']"}, err: source.ErrTruncated},
		{name: "a list that counts as many rows as it has", format: "feodo", in: feodo + "# END 1 entries\n", want: []string{endpoint}},
		{name: "a list that counts its rows in brackets", format: "feodo", in: feodo + "# END (1) entries", want: []string{endpoint}},
		{name: "a list that counts more", format: "feodo", in: feodo + "# END 2 entries\n", want: []string{endpoint}, err: source.ErrTruncated},
		{name: "a list that should count and does not", format: "feodo", in: feodo, want: []string{endpoint}, err: source.ErrTruncated},
		{name: "a kind that ThreatFox invents", format: "threatfox",
			in:   "# first_seen_utc,ioc_id,ioc_value,ioc_type\n2026-08-20 09:54:23,1,x,smell\n",
			want: []string{"unknown-kind"}},
		{name: "remarks, hosts files and what is defanged", format: "list",
			in: "# a remark\n; another\n\n  bad[.]example   # why\n127.0.0.1 localhost\n0.0.0.0 a.example b.example # two\n::1 ip6-localhost\n192.0.2.1\n192.168.0.1\nhxxp://c[.]example/x\nnonsense\n*.d.example\n",
			want: []string{"[domain-name:value = 'bad.example']", "[domain-name:value = 'a.example']", "[domain-name:value = 'b.example']",
				"[ipv4-addr:value = '192.0.2.1']", "reserved-address", "[url:value = 'http://c.example/x']", "invalid-value", "[domain-name:value = 'd.example']"}},
		{name: "a field that goes on on the next line", format: "csv", config: mapped(source.Mapping{Columns: map[string]string{"value": "V", "description": "text"}}),
			in:   "v,text\nbad.example,\"one\ntwo\"\nworse.example,x\n",
			want: []string{"[domain-name:value = 'bad.example']", "[domain-name:value = 'worse.example']"}},
		{name: "quotes that never end", format: "csv", config: mapped(values),
			in:   "v\n\"bad.example\nworse.example\n192.0.2.1\n",
			want: []string{"invalid-row", "[domain-name:value = 'worse.example']", "[ipv4-addr:value = '192.0.2.1']"}},
		{name: "quotes that begin by mistake before rows in quotes", format: "csv", config: mapped(values),
			in:   "v\n\"bad.example\n\"worse.example\"\n\"192.0.2.1\"\n\"x\n",
			want: []string{"invalid-row", "[domain-name:value = 'worse.example']", "[ipv4-addr:value = '192.0.2.1']", "invalid-row"}},
		{name: "semicolons and numbers for columns", format: "csv",
			config: mapped(source.Mapping{Columns: map[string]string{"value": "2", "kind": "1", "port": "3"}, NoHeader: true, Delimiter: ";"}),
			in:     "ipv4;192.0.2.1;443\nhostname;bad.example;\nsmell;x;\n",
			want:   []string{"[network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_port = 443]", "[domain-name:value = 'bad.example']", "unknown-kind"}},
		{name: "tabs, remarks and words of one's own", format: "csv",
			config: mapped(source.Mapping{Columns: map[string]string{"value": "wert", "kind": "art"}, Delimiter: "tab", Comment: "#", Kinds: map[string]build.Kind{"Rechner": build.IP}}),
			in:     "# Liste\nart\twert\nrechner\t192.0.2.1\n",
			want:   []string{"[ipv4-addr:value = '192.0.2.1']"}},
		{name: "a TLP that is none", format: "csv",
			config: mapped(source.Mapping{Columns: map[string]string{"value": "v", "tlp": "tlp"}}),
			in:     "v,tlp\nbad.example,TLP:PURPLE\nworse.example,TLP:AMBER+STRICT\n",
			want:   []string{"unknown-tlp", "[domain-name:value = 'worse.example']"}},
		{name: "what ends before it begins", format: "csv",
			config: mapped(source.Mapping{Columns: map[string]string{"value": "v", "first_seen": "a", "until": "b"}}),
			in:     "v,a,b\nbad.example,2026-08-20,2026-08-19\n", want: []string{"invalid-time"}},
		{name: "a report of Shadowserver that names what attacks", format: "shadowserver", file: "/in/2026-08-20-malware_url-sample.csv",
			in:   "\"timestamp\",\"url\",\"tag\"\n\"2026-08-20 00:00:00\",\"http://bad.example/x\",\"elf\"\n",
			want: []string{"[url:value = 'http://bad.example/x']"}},
		{name: "a report of open systems", format: "shadowserver", file: "2026-08-20-scan_rdp-sample.csv",
			in: "\"timestamp\",\"ip\"\n\"2026-08-20 00:00:00\",\"192.0.2.1\"\n", want: []string{"victim"}},
		{name: "servers that a scan found", format: "shadowserver", file: "2026-08-20-scan_post_exploitation_framework-sample.csv",
			in:   "\"timestamp\",\"ip\",\"port\"\n\"2026-08-20 00:00:00\",\"203.0.113.1\",\"8080\"\n",
			want: []string{endpoint}},
		{name: "a report that nobody knows", format: "shadowserver", file: "2026-08-20-new_thing-sample.csv",
			in: "\"timestamp\",\"ip\"\n\"2026-08-20 00:00:00\",\"192.0.2.1\"\n", want: []string{"unsupported-report"}},
		{name: "a file that does not say which report it is", format: "shadowserver", file: "report.csv", in: "\"timestamp\"\n", fails: true},
		{name: "n6 changes an entry for another", format: "n6",
			in:   `{"id":"b","replaces":"a","type":"bl-change","restriction":"public","category":"cnc","time":"2026-08-20T10:00:00Z","address":[{"ip":"192.0.2.1"},{"ip":"192.0.2.2"}]}` + "\n",
			want: []string{"withdrawn a", "[ipv4-addr:value = '192.0.2.1'] OR [ipv4-addr:value = '192.0.2.2']"}},
		{name: "n6 keeps what is internal", format: "n6",
			in:   `{"id":"b","type":"bl-new","restriction":"internal","category":"cnc","time":"2026-08-20T10:00:00Z","url":"http://a.example/"}` + "\n" + `{"id":"c","type":"bl-new","restriction":"who-knows","category":"cnc","time":"2026-08-20T10:00:00Z","url":"http://a.example/"}` + "\nnot json\n",
			want: []string{"not-for-sharing", "unknown-tlp", "invalid-row"}},
		{name: "IntelMQ tells of victims and accounts", format: "intelmq",
			in: `{"classification.type":"infected-system","source.ip":"192.0.2.1"}` + "\n" +
				`{"classification.type":"data-leak","source.account":"a@b.example"}` + "\n" +
				`{"classification.type":"other","source.ip":"192.0.2.1"}` + "\n" +
				`{"classification.type":"scanner","source.ip":"192.0.2.1","time.source":"2026-08-20T10:00:00+08:00"}` + "\n" +
				`{"classification.type":"scanner","source.ip":"10.0.0.1"}` + "\n" +
				`{"classification.type":"scanner"}` + "\n",
			want: []string{"victim", "personal-data", "unknown-kind", "[ipv4-addr:value = '192.0.2.1']", "reserved-address", "no-value"}},
		{name: "a catalogue that is cut", format: "kev", in: `{"count":2,"vulnerabilities":[{"cveID":"CVE-2026-0001","dateAdded":"2026-01-01"}`, err: source.ErrTruncated},
		{name: "a catalogue that has fewer than it says", format: "kev", in: `{"count":2,"vulnerabilities":[{"cveID":"CVE-2026-0001","dateAdded":"2026-01-01"}]}`, err: source.ErrTruncated},
		{name: "a catalogue with a broken entry", format: "kev", in: `{"vulnerabilities":[{"cveID":"x"},7,{"cveID":"CVE-2026-0001","dateAdded":"soon"}],"count":3}`,
			want: []string{"invalid-value", "invalid-row", "invalid-time"}},
		{name: "no catalogue", format: "kev", in: `{"title":"x"}`, fails: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.config.Feed == "" {
				tt.config = config()
			}
			got, err := text(t, tt.format, tt.config, tt.file, tt.in)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if !errors.Is(err, tt.err) && !tt.fails || (err != nil) != (tt.err != nil || tt.fails) {
				t.Errorf("it ends with %v", err)
			}
		})
	}
}

func TestWhatIsPersonalGoesNowhere(t *testing.T) {
	secrets := []string{"jane.doe", "isp.example", "x.x.51.198", "hidden.", "reporter"}
	root := shared(t)
	for _, s := range samples {
		if s.format == "stix" || s.format == "csv" {
			continue
		}
		c := config()
		_, objects, _ := read(t, s.format, c, source.Input{Name: s.file, Reader: open(t, root, s.file)})
		for id, raw := range objects {
			for _, secret := range secrets {
				if strings.Contains(raw, secret) {
					t.Errorf("%s of %s says %q", id, s.file, secret)
				}
			}
		}
	}
}

func TestTheTwoFormsOfKEVMakeTheSameObjects(t *testing.T) {
	root := shared(t)
	_, a, _ := read(t, "kev", config(), source.Input{Name: "json", Reader: open(t, root, "kev/known_exploited_vulnerabilities.head25.json")})
	_, b, _ := read(t, "kev", config(), source.Input{Name: "csv", Reader: open(t, root, "kev/known_exploited_vulnerabilities.head25.csv")})
	if diff := cmp.Diff(a, b); diff != "" {
		t.Error(diff)
	}
}

func TestARestrictionBecomesATLP(t *testing.T) {
	for restriction, want := range map[string]stix.Level{"public": stix.Green, "need-to-know": stix.Amber} {
		_, objects, err := read(t, "n6", config(), source.Input{Name: "n6", Reader: strings.NewReader(
			`{"id":"b","type":"bl-new","restriction":"` + restriction + `","category":"cnc","time":"2026-08-20T10:00:00Z","url":"http://a.example/","name":"bot"}`)})
		if err != nil || len(objects) != 3 {
			t.Fatal(err, objects)
		}
		for id, raw := range objects {
			if !strings.Contains(raw, want.MarkingID()) {
				t.Errorf("%s: %s is not marked %s", restriction, id, want)
			}
		}
	}
}

func TestAConfigurationThatCannotWorkIsRefused(t *testing.T) {
	for name, m := range map[string]source.Mapping{
		"no value":                    {},
		"a role that is none":         {Columns: map[string]string{"value": "v", "smell": "s"}},
		"a delimiter of two":          {Columns: map[string]string{"value": "v"}, Delimiter: ",,"},
		"a kind that is none":         {Columns: map[string]string{"value": "v"}, Kind: "smell"},
		"a word for what is no kind":  {Columns: map[string]string{"value": "v"}, Kinds: map[string]build.Kind{"x": "smell"}},
		"a name where there are none": {Columns: map[string]string{"value": "v"}, NoHeader: true},
	} {
		c := config()
		c.Mapping = m
		f, _ := source.Lookup("csv")
		if _, err := f.New(c); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
	for _, f := range source.Formats {
		if f.Name == "stix" {
			continue
		}
		c := config()
		c.Namespace = ""
		if _, err := f.New(c); err == nil {
			t.Errorf("%s takes a feed without a publisher", f.Name)
		}
	}
}

func TestTheFormatsAreInOrderAndBeginWithWhatWorks(t *testing.T) {
	for i, f := range source.Formats {
		if i > 0 && source.Formats[i-1].Name >= f.Name {
			t.Errorf("%s is out of order", f.Name)
		}
		c := config()
		c.Mapping = network
		c.Level, c.ValidFor, c.Confidence = f.Level, f.ValidFor, new(f.Confidence)
		if _, err := f.New(c); err != nil || f.About == "" {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	if _, err := source.Lookup("smell"); err == nil {
		t.Error("a format that nobody knows")
	}
}

func TestAnErrorOfWhoeverIsToldEndsTheReading(t *testing.T) {
	stop := errors.New("stop")
	inputs := map[string]string{
		"urlhaus": urlhausHead + "1,2026-08-20 09:54:23,http://a.example/\n2,2026-08-20 09:54:23,http://b.example/\n",
		"list":    "a.example\nb.example\n", "n6": "{}\n{}\n", "kev": `{"vulnerabilities":[{},{}]}`,
		"stix": `{"type":"x"} {"type":"y"}`,
	}
	for format, in := range inputs {
		n := 0
		err := newSource(t, format).Read(t.Context(), source.Input{Reader: strings.NewReader(in)}, func(source.Row) error { n++; return stop })
		if !errors.Is(err, stop) || n != 1 {
			t.Errorf("%s goes on to %d rows and ends with %v", format, n, err)
		}
		broken := errors.New("the line is cut")
		err = newSource(t, format).Read(t.Context(), source.Input{Reader: io.MultiReader(strings.NewReader(in), failing{broken})}, func(source.Row) error { return nil })
		if format != "kev" && !errors.Is(err, broken) {
			t.Errorf("%s hides that the input broke: %v", format, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
