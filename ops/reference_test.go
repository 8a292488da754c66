package ops_test

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// metric is what can be said of one before there is a series of it.
type metric struct {
	name, help, kind string
	labels           []string
}

// unseen are metrics that a hub under load does not have, with the reason.
var unseen = map[string]struct{ kind, why string }{
	"selat_seat_retention_overtake_timestamp_seconds": {"gauge", "streams keep everything unless retention is set"},
}

// jobs are what is told about, in the order of the reference.
var jobs = []struct{ job, title string }{
	{"selat-hub", "The hub, its TAXII server included"},
	{"selat-feed", "A publisher's daemon (`selat feed run`)"},
	{"selat-sink", "A subscriber's daemon (`selat sink run`)"},
}

// descriptions is how a registry describes a metric: there is no other way to its
// labels while there is no series.
var descriptions = regexp.MustCompile(`^Desc\{fqName: "([^"]+)", help: ("(?:[^"\\]|\\.)*"),.* constLabels: \{(.*?)\}, variableLabels: \{(.*?)\}`)

// exported is every metric of the hub and of the daemons, by job and name. It waits
// until there is a series of each but the unseen.
func (s *station) exported() map[string]map[string]metric {
	s.t.Helper()
	out := map[string]map[string]metric{}
	for _, j := range jobs {
		described := describe(s.t, s.gatherer(j.job))
		deadline := time.Now().Add(time.Minute)
		again := time.NewTicker(100 * time.Millisecond)
		for ; ; <-again.C {
			missing := s.kinds(j.job, described)
			if len(missing) == 0 {
				break
			}
			if time.Now().After(deadline) {
				s.t.Errorf("%s has no series of %s: have the station do what it tells of, or say in unseen why there is none", j.job, strings.Join(missing, ", "))
				break
			}
		}
		again.Stop()
		out[j.job] = described
	}
	return out
}

func (s *station) gatherer(job string) *prometheus.Registry {
	if d, ok := s.daemons[job]; ok {
		return d.registry
	}
	return s.registry
}

// page is what a job's /metrics tells.
func (s *station) page(job string) string {
	s.t.Helper()
	url := s.Server.URL()
	if d, ok := s.daemons[job]; ok {
		url = "http://" + d.address
	}
	status, body, err := do(s.client, newRequest(s.t, url+"/metrics", "Bearer "+token))
	must(s.t, err)
	if status != http.StatusOK {
		s.t.Fatalf("%s answers %d", job, status)
	}
	return body
}

func describe(t *testing.T, r *prometheus.Registry) map[string]metric {
	t.Helper()
	ch := make(chan *prometheus.Desc)
	go func() { defer close(ch); r.Describe(ch) }()
	out := map[string]metric{}
	for d := range ch {
		m := descriptions.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("%s is described in another way", d)
		}
		if !strings.HasPrefix(m[1], "selat_") {
			continue
		}
		var labels []string
		for _, l := range strings.FieldsFunc(m[3]+","+m[4], func(r rune) bool { return r == ',' }) {
			name, _, _ := strings.Cut(l, "=")
			labels = append(labels, name)
		}
		slices.Sort(labels)
		help, err := strconv.Unquote(m[2])
		must(t, err)
		out[m[1]] = metric{name: m[1], help: help, labels: labels}
	}
	return out
}

// kinds notes of what kind metrics are, and returns those it found no series of.
func (s *station) kinds(job string, of map[string]metric) (missing []string) {
	p := expfmt.NewTextParser(model.LegacyValidation)
	families, err := p.TextToMetricFamilies(strings.NewReader(s.page(job)))
	must(s.t, err)
	for name, m := range of {
		f := families[name]
		switch u, ok := unseen[name]; {
		case f != nil:
			m.kind = strings.ToLower(f.GetType().String())
		case ok:
			m.kind = u.kind
		default:
			missing = append(missing, name)
		}
		of[name] = m
	}
	slices.Sort(missing)
	return missing
}

// lint holds every page against the conventions of Prometheus.
func (s *station) lint(t *testing.T) {
	for _, j := range jobs {
		problems, err := promlint.New(strings.NewReader(s.page(j.job))).Lint()
		must(t, err)
		for _, p := range problems {
			t.Errorf("%s: %s: %s", j.job, p.Metric, p.Text)
		}
	}
}

const referenceHead = `# Metrics

Every metric of the hub and of the daemons, made from what they tell by ` + "`go generate ./ops`" + `. Those of Go and of the process (` + "`go_*`, `process_*`" + `) are told beside them.

- Unknown is absent: what cannot be read is left out, and ` + "`selat_observation_failures_total`" + ` counts it.
- Counters are of one node, and are summed over nodes. Gauges of seats, streams, recalls and the nodes' agreement are the same on every node that knows them: take the largest.
- Times are Unix times, so that ` + "`time() - x`" + ` is an age. Histograms are told in classic and in native buckets.
- The audience of RED is ` + "`red`" + ` and its inboxes are one stream, ` + "`CTI_red`" + `; no number of a seat includes it. A private community bears its token.
- ` + "`selat_write_seconds`" + ` is how long fsync takes: the time of real commits, not of a probe. Without submissions there is none.
`

// reference is the page ops/metrics.md.
func reference(exported map[string]map[string]metric) string {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, j := range jobs {
		fmt.Fprintf(&b, "\n## %s\n\n| metric | type | unit | labels | meaning |\n| --- | --- | --- | --- | --- |\n", j.title)
		for _, name := range slices.Sorted(maps.Keys(exported[j.job])) {
			m := exported[j.job][name]
			help := strings.ReplaceAll(m.help, "|", `\|`)
			if u, ok := unseen[name]; ok {
				help += " (Mostly absent: " + u.why + ".)"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", name, m.kind, unit(&m), cmp.Or(strings.Join(m.labels, ", "), "-"), help)
		}
	}
	return b.String()
}

func unit(m *metric) string {
	name := strings.TrimSuffix(m.name, "_total")
	switch {
	case strings.HasSuffix(name, "_timestamp_seconds"):
		return "Unix time"
	case strings.HasSuffix(name, "_seconds"):
		return "seconds"
	case strings.HasSuffix(name, "_bytes"):
		return "bytes"
	case m.kind == "gauge" && (strings.HasPrefix(m.help, "1 ") || strings.HasPrefix(m.help, "0 ") || strings.HasPrefix(m.help, "1,")):
		return "1 or 0"
	}
	return "number"
}

func checkReference(t *testing.T, exported map[string]map[string]metric) {
	const file = "metrics.md"
	want := reference(exported)
	if *update {
		must(t, os.WriteFile(file, []byte(want), 0o644))
	}
	have, err := os.ReadFile(file)
	must(t, err)
	if string(have) != want {
		t.Errorf("ops/%s is not what the hub tells: run `go generate ./ops`", file)
	}
}
