package ops_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/selat-hub/selat/ops/grafana"
	"github.com/selat-hub/selat/stix"
)

// monitor is a Prometheus that watches a station with the rules there are.
type monitor struct {
	t    testing.TB
	url  string
	http *http.Client
}

func (s *station) monitor(t *testing.T) *monitor {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("prometheus is not here: apt-get install prometheus")
	}
	rules, err := filepath.Abs("prometheus/rules")
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := l.Addr().String()
	must(t, l.Close())
	settings := fmt.Sprintf(`global: {scrape_interval: 500ms, evaluation_interval: 1s}
rule_files: ['%s/*.yml']
scrape_configs:
  - job_name: selat-hub
    scheme: https
    authorization: {credentials: %s}
    tls_config: {ca_file: %s}
    static_configs: [{targets: ['%s']}]
`, rules, token, s.ca, s.Server.Addr())
	for job, d := range s.daemons {
		settings += fmt.Sprintf("  - job_name: %s\n    static_configs: [{targets: ['%s']}]\n", job, d.address)
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(context.Background(), program, "--config.file="+writeFile(t, 0o600, settings),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--log.level=warn")
	var log strings.Builder
	cmd.Dir, cmd.Stderr = dir, &log
	must(t, cmd.Start())
	t.Cleanup(func() {
		must(t, cmd.Process.Signal(os.Interrupt))
		if err := cmd.Wait(); err != nil {
			t.Errorf("prometheus: %v\n%s", err, log.String())
		}
	})
	return &monitor{t: t, url: "http://" + address, http: httpClient(t, nil)}
}

// ask returns the values a query has now.
func (m *monitor) ask(query string) ([]string, error) {
	resp, err := m.http.Get(m.url + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Error string
		Data  struct{ Result []struct{ Value [2]any } }
	}
	if err := json.Unmarshal(b, &answer); err != nil || answer.Error != "" {
		return nil, fmt.Errorf("%s: %s %w", query, answer.Error, err)
	}
	var out []string
	for _, r := range answer.Data.Result {
		out = append(out, fmt.Sprint(r.Value[1]))
	}
	return out, nil
}

// answers asks every query of every dashboard while the hub works.
func (s *station) answers(t *testing.T) {
	m := s.monitor(t)
	deadline := time.Now().Add(time.Minute)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	const enough = "count(count_over_time(up[1m]) >= 5) == 3" // five readings of each
	for ; ; <-again.C {
		s.publish(stix.Clear, "")
		if got, err := m.ask(enough); err == nil && len(got) > 0 {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("Prometheus has not read everything: %v, %v", got, err)
		}
	}
	if down, err := m.ask("up == 0"); err != nil || len(down) > 0 {
		t.Fatalf("%d targets are down, %v", len(down), err)
	}
	asked, empty := 0, 0
	for _, d := range grafana.Dashboards() {
		for _, row := range d.Rows {
			for _, p := range row.Panels {
				for _, q := range p.Queries {
					asked++
					if m.answers(q.Expr) {
						continue
					}
					if empty++; q.Empty == "" {
						t.Errorf("%s, %s: no answer to %s", d.Title, p.Title, q.Expr)
						continue
					}
					t.Logf("%s, %s: no answer, for %s", d.Title, p.Title, q.Empty)
				}
			}
		}
	}
	t.Logf("%d queries, %d without an answer", asked, empty)
}

// answers says whether a query has one, for some member.
func (m *monitor) answers(query string) bool {
	m.t.Helper()
	for _, q := range filled(query, "sg", "my") {
		got, err := m.ask(q)
		must(m.t, err)
		if len(got) > 0 {
			return true
		}
	}
	return false
}
