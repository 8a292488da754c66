package publisher

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/stix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// acceptor records what it is given, as a hub would.
type acceptor struct {
	mu   sync.Mutex
	seen map[string]bool
	took time.Duration
	got  chan struct{}
}

func newAcceptor() *acceptor {
	return &acceptor{seen: map[string]bool{}, got: make(chan struct{}, 1000)}
}

func (a *acceptor) Submit(_ context.Context, payload []byte, _ client.SubmitOptions) (*api.Receipt, error) {
	began := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	objects, err := stix.SplitValidated(payload, stix.DefaultLimits)
	if err != nil {
		return nil, err
	}
	r := &api.Receipt{}
	for i := range objects {
		o := &objects[i]
		line := api.ObjectReceipt{Object: i, ID: o.ID, Outcome: api.Accepted}
		if k := o.ID + o.Version(); a.seen[k] {
			line.Outcome = api.Duplicate
		} else {
			a.seen[k] = true
		}
		r.Objects = append(r.Objects, line)
	}
	a.took += time.Since(began)
	select {
	case a.got <- struct{}{}:
	default:
	}
	return r, nil
}

func load(t testing.TB, text string) *Config {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "feeds.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestARunningDaemonPublishesFilesOfAFolderOnce(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("bad.example\n203.0.113.9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := load(t, "namespace: cert.example\nfeeds:\n  in:\n    format: list\n    folder: "+dir+"\n")
	hub := newAcceptor()
	ctx, cancel := context.WithCancel(t.Context())
	rounds := 0
	p, err := Open(c, hub, Options{Wait: func(ctx context.Context, d time.Duration) error {
		if d == settleWait {
			return ctx.Err()
		}
		if rounds++; rounds < 3 { // the folder's own goroutine alone waits so long
			return ctx.Err()
		}
		<-ctx.Done()
		return ctx.Err()
	}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	select {
	case <-hub.got:
	case <-time.After(time.Minute):
		t.Fatal("nothing was published")
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := p.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(hub.seen) != 2 {
		t.Errorf("%d objects", len(hub.seen))
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestMistakesInAConfigurationAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"feeds:\n  a:\n    format: list\n    file: x\n":                                                          "namespace",
		"namespace: x\nfeeds:\n  a:\n    format: list\n":                                                         "one of url, file, folder and taxii",
		"namespace: x\nfeeds:\n  a:\n    format: list\n    url: http://192.0.2.1/\n    every: soon\n":            "line 6",
		"namespace: x\nnamespce: y\n":                                                                            "line 2",
		"namespace: x\nfeeds:\n  a:\n    format: list\n    file: x\n    tlp: pink\n":                             "tlp",
		"namespace: x\nfeeds:\n  a:\n    taxii: {url: https://taxii.example/, collection: c}\n    whole: true\n": "never whole",
		"namespace: x\nfeeds:\n  A/b:\n    format: list\n    file: x\n":                                          "small letters",
	} {
		file := filepath.Join(t.TempDir(), "feeds.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// BenchmarkRows reads b.N rows of the shape of URLhaus to the end of the outbox;
// -benchtime 1000000x is the feed of a million rows.
func BenchmarkRows(b *testing.B) {
	c := load(b, "namespace: cert.example\nfeeds:\n  urlhaus:\n    format: urlhaus\n    file: list.csv\n")
	f, err := os.Create(c.Feeds["urlhaus"].File)
	if err != nil {
		b.Fatal(err)
	}
	fmt.Fprintln(f, "# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter")
	for i := range b.N {
		fmt.Fprintf(f, "\"%d\",\"2026-08-20 09:54:23\",\"http://host%d.example/bin.sh\",\"online\",\"2026-08-20 09:54:23\",\"malware_download\",\"elf,mirai\",\"https://urlhaus.abuse.ch/url/%d/\",\"someone\"\n", i, i, i)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	hub := newAcceptor()
	p, err := Open(c, hub, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	began := time.Now()
	var r Result
	if err := p.read(b.Context(), c.Feeds["urlhaus"], &r); err != nil {
		b.Fatal(err)
	}
	read := time.Since(began)
	if err := p.drain(b.Context(), c.Feeds["urlhaus"], &r.Sent); err != nil {
		b.Fatal(err)
	}
	total := time.Since(began)
	b.StopTimer()
	b.ReportMetric(float64(b.N)/total.Seconds(), "rows/s")
	b.ReportMetric(100*r.Built.Seconds()/total.Seconds(), "%build+put")
	b.ReportMetric(100*(read-r.Built).Seconds()/total.Seconds(), "%read+ledger")
	b.ReportMetric(100*(total-read).Seconds()/total.Seconds(), "%send")
	status, _ := os.ReadFile("/proc/self/status") // absent elsewhere
	for line := range strings.Lines(string(status)) {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %f", &kb); n == 1 {
			b.ReportMetric(kb/1024, "MB-peak")
		}
	}
	if r.New != b.N || r.Sent.Accepted != b.N {
		b.Fatalf("%+v", r)
	}
	if err := p.Close(); err != nil {
		b.Fatal(err)
	}
}
