package publisher

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/feeds/source"
	"github.com/selat-hub/selat/feeds/taxii/taxiitest"
	"github.com/selat-hub/selat/stix"
)

// canary stands for content that may be above CLEAR.
const canary = "c4n4ry"

// broken is a file of each format with a row that is refused, and one that cannot be
// read to its end; where is what must be said of the row's place.
var broken = map[string]struct{ rows, ends, where string }{
	"csv":          {"value,kind\nc4n4ry c4n4ry,domain\n\"c4n4ry\"x,ip\n", "c4n4ry,c4n4ry\nc4n4ry,1\n", "line 2: column value: "},
	"cve5":         {`{"c4n4ry":"c4n4ry"}`, `{"c4n4ry":c4n4ry`, "record 1: "},
	"feodo":        {"\"first_seen_utc\",\"dst_ip\",\"dst_port\"\n\"2026-06-04\",\"c4n4ry\",\"1\"\n# END 1 entries\n", "c4n4ry\n", "line 2: dst_ip and dst_port: "},
	"intelmq":      {`{"classification.type":"c2-server","source.url":"c4n4ry","c4n4ry":1}` + "\n" + `{"c4n4ry":c4n4ry`, "\xff\xfec4n4ry", "line 1: source.url: "},
	"kev":          {`{"vulnerabilities":[{"cveID":"c4n4ry"},"c4n4ry"]}`, `{"c4n4ry":{"c4n4ry"c4n4ry`, "vulnerabilities/0: cveID "},
	"list":         {"c4n4ry c4n4ry\n", "\xff\xfec4n4ry", "line 1: "},
	"misp":         {`{"uuid":"0b9ef4ec-6d25-4f1d-9c43-2b7e1b6b6a11","Attribute":[{"uuid":"c4n4ry","type":"c4n4ry","value":"c4n4ry","to_ids":"c4n4ry"}]}`, `{"c4n4ry":{"c4n4ry"c4n4ry`, "Event/0/Attribute/0: /to_ids: "},
	"misp-feed":    {`{"c4n4ry":{"timestamp":"c4n4ry"},"0b9ef4ec-6d25-4f1d-9c43-2b7e1b6b6a11":{"timestamp":"c4n4ry"}}`, `{"c4n4ry":{"c4n4ry"c4n4ry`, "entry 0: "},
	"n6":           {`{"id":"c4n4ry","type":"bl-new","category":"cnc","restriction":"public","url":"c4n4ry"}`, "\xff\xfec4n4ry", "line 1: url: "},
	"openioc":      {`<ioc id="c4n4ry"><Indicator><IndicatorItem condition="c4n4ry"><Context search="c4n4ry"/><Content>c4n4ry</Content></IndicatorItem></Indicator></ioc>`, `<ioc id="c4n4ry"><c4n4ry></x>`, "ioc/0: "},
	"shadowserver": {"\"timestamp\",\"ip\",\"port\",\"tag\"\n\"2026-08-20\",\"c4n4ry\",\"443\",\"c4n4ry\"\n", "c4n4ry,c4n4ry\n", "line 2: ip: "},
	"sslbl-ip":     {"# Firstseen,DstIP,DstPort\nc4n4ry,c4n4ry,c4n4ry\n", "c4n4ry\n", "line 2: the column firstseen "},
	"sslbl-sha1":   {"# Listingdate,SHA1,Listingreason\n2026-07-02,c4n4ry,c4n4ry\n", "c4n4ry\n", "line 2: sha1: "},
	"stix":         {`{"type":"file","spec_version":"2.1","id":"file--c4n4ry","hashes":{"c4n4ry c4n4ry":"c4n4ry"},"c4n4ry c4n4ry":"c4n4ry"}`, "", "byte 0: "},
	"threatfox":    {"# first_seen_utc,ioc_id,ioc_value,ioc_type\n2026-08-20,1,c4n4ry c4n4ry,url\n", "c4n4ry\n", "line 2: ioc_value: "},
	"urlhaus":      {"# id,dateadded,url\n\"1\",\"2026-08-20\",\"c4n4ry\"\n", "c4n4ry\n", "line 2: url: "},
}

// refuser refuses every object in words that quote it, as no hub does.
type refuser struct{}

func (refuser) Submit(_ context.Context, payload []byte, _ client.SubmitOptions) (*api.Receipt, error) {
	objects, err := stix.SplitValidated(payload, stix.DefaultLimits)
	if err != nil {
		return nil, err
	}
	r := &api.Receipt{}
	for i := range objects {
		r.Objects = append(r.Objects, api.ObjectReceipt{Object: i, ID: objects[i].ID, Outcome: api.Refused,
			Findings: []stix.Finding{{Code: "audience-unknown", Path: "/" + canary, Message: string(objects[i].Raw)}}})
	}
	return r, nil
}

// told gathers what a daemon and its commands say to anybody.
type told struct {
	mu sync.Mutex
	bytes.Buffer
}

func (w *told) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Buffer.Write(p)
}

// tell runs a configuration in each way there is, and returns all that it says.
func tell(t *testing.T, c *Config) string {
	t.Helper()
	var w told
	say := func(v any, err error) {
		b, failed := json.Marshal(v)
		must(t, failed)
		fmt.Fprintf(&w, "%s\n%v\n", b, err)
	}
	registry := prometheus.NewPedanticRegistry()
	logger := slog.New(slog.NewTextHandler(&w, &slog.HandlerOptions{Level: slog.LevelDebug}))
	trials, err := try(t.Context(), c, Options{Wait: atOnce})
	say(trials, err)
	p, err := Open(c, refuser{}, Options{Logger: logger, Registry: registry, Wait: atOnce})
	must(t, err)
	results, err := p.Once(t.Context())
	say(results, err)
	ctx, cancel := context.WithCancel(t.Context())
	feeds := len(c.Feeds)
	var mu sync.Mutex
	p.wait = func(ctx context.Context, d time.Duration) error {
		if d == settleWait {
			return ctx.Err()
		}
		mu.Lock()
		if feeds--; feeds == 0 { // each was read once
			cancel()
		}
		mu.Unlock()
		<-ctx.Done()
		return ctx.Err()
	}
	must(t, p.Run(ctx))
	status, err := p.Status()
	say(status, err)
	families, err := registry.Gather()
	must(t, err)
	for _, f := range families {
		w.WriteString(f.String())
	}
	_, err = p.Retry("indicator--none")
	say(nil, err)
	must(t, p.Close())
	return w.String()
}

func TestNoContentLeavesTheDeadLetterFolder(t *testing.T) {
	for _, f := range source.Formats {
		t.Run(f.Name, func(t *testing.T) {
			b, ok := broken[f.Name]
			if !ok {
				t.Fatal("the format has no broken files here")
			}
			text := "namespace: cert.example\nfeeds:\n"
			for name, content := range map[string]string{"rows": b.rows, "ends": b.ends} {
				if content == "" {
					continue
				}
				dir := filepath.Join(t.TempDir(), name)
				must(t, os.Mkdir(dir, 0o700))
				put(t, filepath.Join(dir, name+".txt"), content)
				text += "  " + name + ":\n    format: " + f.Name + "\n    folder: " + dir + "\n"
				if f.Name == "csv" {
					text += "    mapping: {columns: {value: value, kind: kind}}\n"
				}
				if f.Name == "shadowserver" {
					text += "    report: scan_post_exploitation_framework\n"
				}
			}
			c := load(t, text)
			said := tell(t, c)
			for line := range strings.Lines(said) {
				if strings.Contains(strings.ToLower(line), canary) {
					t.Errorf("it says %q", line)
				}
			}
			if want := "rows.txt, " + b.where; !strings.Contains(said, want) {
				t.Errorf("nowhere does it say %q:\n%s", want, said)
			}
			if b.ends != "" && !strings.Contains(said, "ends.txt") {
				t.Errorf("it does not name the file that cannot be read to its end:\n%s", said)
			}
		})
	}
}

func TestWhatTheHubRefusesIsForTheOperatorsEyesAlone(t *testing.T) {
	c := load(t, "namespace: cert.example\nfeeds:\n  a:\n    format: list\n    file: list\n")
	put(t, c.Feeds["a"].File, "c4n4ry.example\n")
	said := tell(t, c)
	if strings.Contains(strings.ToLower(said), canary) || !strings.Contains(said, "audience-unknown") {
		t.Errorf("it says %s", said)
	}
	files := 0
	must(t, filepath.WalkDir(filepath.Join(c.State, "dead"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		} else if b, err := os.ReadFile(path); err != nil || !bytes.Contains(b, []byte(canary)) {
			t.Errorf("%s: %q, %v", path, b, err)
		} else {
			files++
		}
		if st.Mode().Perm() != want {
			t.Errorf("%s is of mode %v", path, st.Mode())
		}
		return nil
	}))
	if files != 2 {
		t.Errorf("%d files were set aside", files)
	}
}

func TestWhatATAXIIServerSendsIsNotQuoted(t *testing.T) {
	for name, body := range map[string]string{
		"an object that breaks a rule": `{"objects":[{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-000000000001","pattern":"c4n4ry"}]}`,
		"what is no object":            `{"objects":["c4n4ry",{"c4n4ry":1}]}`,
		"what is no JSON":              `{"objects":[{"c4n4ry":c4n4ry}]}`,
		"another envelope":             `{"objects":{"c4n4ry":"c4n4ry"}}`,
		"half of one":                  `{"objects":[{"c4n4ry":"c4n4ry`,
	} {
		t.Run(name, func(t *testing.T) {
			s := taxiitest.New()
			t.Cleanup(s.Close)
			s.Before = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/objects/") {
					return false
				}
				w.Header().Set("Content-Type", "application/taxii+json;version=2.1")
				_, err := w.Write([]byte(body))
				return err == nil
			}
			c := load(t, "namespace: cert.example\nfeeds:\n  a:\n    taxii:\n      url: "+s.URL+"/taxii2/\n      collection: "+taxiitest.CollectionAlias+"\n")
			said := tell(t, c)
			if strings.Contains(strings.ToLower(said), canary) || !strings.Contains(said, "byte 0: ") && !strings.Contains(said, "/objects/") {
				t.Errorf("it says %s", said)
			}
		})
	}
}
