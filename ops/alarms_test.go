package ops_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// ruleFile is what these tests read of a file of rules.
type ruleFile struct {
	Groups []struct {
		Rules []rule `yaml:"rules"`
	} `yaml:"groups"`
}

type rule struct {
	Record      string            `yaml:"record"`
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// ruleTests is what these tests read of a file of promtool's.
type ruleTests struct {
	Tests []struct {
		Asked []struct {
			Expr    string `yaml:"expr"`
			Samples []any  `yaml:"exp_samples"`
		} `yaml:"promql_expr_test"`
	} `yaml:"tests"`
}

func files(t testing.TB, pattern string) []string {
	t.Helper()
	out, err := filepath.Glob(pattern)
	must(t, err)
	if len(out) == 0 {
		t.Fatalf("there is no %s", pattern)
	}
	return out
}

func readYAML(t testing.TB, file string, into any) {
	t.Helper()
	b, err := os.ReadFile(file)
	must(t, err)
	if err := yaml.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// rules is every rule there is.
func rules(t testing.TB) (out []rule) {
	t.Helper()
	for _, file := range files(t, "prometheus/rules/*.yml") {
		var f ruleFile
		readYAML(t, file, &f)
		for _, g := range f.Groups {
			out = append(out, g.Rules...)
		}
	}
	return out
}

func alarms(t testing.TB) (out []rule) {
	return slices.DeleteFunc(rules(t), func(r rule) bool { return r.Alert == "" })
}

const runbooks = "https://github.com/selat-hub/selat/blob/main/ops/runbooks/"

func TestEveryAlarmHasARunbookAndEveryRunbookAnAlarm(t *testing.T) {
	index, err := os.ReadFile("runbooks/README.md")
	must(t, err)
	pages := map[string]bool{"runbooks/README.md": true}
	for _, a := range alarms(t) {
		page := "runbooks/" + a.Alert + ".md"
		if pages[page] {
			t.Errorf("%s is there twice", a.Alert)
		}
		pages[page] = true
		if a.Annotations["runbook_url"] != runbooks+a.Alert+".md" {
			t.Errorf("%s links %s", a.Alert, a.Annotations["runbook_url"])
		}
		if !slices.Contains([]string{"critical", "warning"}, a.Labels["severity"]) || a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
			t.Errorf("%s lacks a severity, a summary or a description", a.Alert)
		}
		if !bytes.Contains(index, fmt.Appendf(nil, "| [%s](%s.md) | %s |", a.Alert, a.Alert, a.Labels["severity"])) {
			t.Errorf("the list of runbooks has no %s, or with another severity", a.Alert)
		}
		b, err := os.ReadFile(page)
		if err != nil {
			t.Errorf("%s: %v", a.Alert, err)
			continue
		}
		for _, part := range []string{"# " + a.Alert + "\n", "## What members notice\n", "## Look at\n", "## Do\n", "## Afterwards\n"} {
			if !bytes.Contains(b, []byte(part)) {
				t.Errorf("%s has no part %q", page, part)
			}
		}
	}
	for _, page := range files(t, "runbooks/*.md") {
		if !pages[page] {
			t.Errorf("no alarm links %s", page)
		}
	}
}

func TestEveryAlarmIsTestedToFireAndNotToFire(t *testing.T) {
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, file := range files(t, "prometheus/tests/*.yml") {
		var f ruleTests
		readYAML(t, file, &f)
		for _, test := range f.Tests {
			for _, q := range test.Asked {
				_, rest, _ := strings.Cut(q.Expr, `ALERTS{alertname="`)
				name, _, _ := strings.Cut(rest, `"`)
				if len(q.Samples) > 0 {
					fires[name] = true
				} else {
					quiet[name] = true
				}
			}
		}
	}
	for _, a := range alarms(t) {
		if !fires[a.Alert] || !quiet[a.Alert] {
			t.Errorf("%s: a test has it fire: %v, and one has it quiet: %v", a.Alert, fires[a.Alert], quiet[a.Alert])
		}
	}
}

// tool runs a program of Debian's packages prometheus or prometheus-alertmanager.
func tool(t *testing.T, program string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not here: apt-get install prometheus prometheus-alertmanager", program)
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("FAILED")) {
		t.Errorf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}

func TestPromtoolAgrees(t *testing.T) {
	t.Parallel() // it waits for the disk, mostly
	t.Run("with the rules", func(t *testing.T) {
		tool(t, "promtool", append([]string{"check", "rules"}, files(t, "prometheus/rules/*.yml")...)...)
	})
	t.Run("with their tests", func(t *testing.T) {
		if testing.Short() {
			t.Skip("it takes seconds")
		}
		tool(t, "promtool", append([]string{"test", "rules"}, files(t, "prometheus/tests/*.yml")...)...)
	})
	t.Run("with the settings of the hub's monitor", func(t *testing.T) {
		tool(t, "promtool", "check", "config", "--syntax-only", "prometheus/prometheus.yml")
	})
	t.Run("with the settings of a member's monitor", func(t *testing.T) {
		tool(t, "promtool", "check", "config", "--syntax-only", "prometheus/member.yml")
	})
	t.Run("with the settings of the Alertmanager", func(t *testing.T) {
		tool(t, "amtool", "check-config", "prometheus/alertmanager.yml")
	})
}

// told is every metric of all jobs, with what Prometheus and the rules make.
func told(t testing.TB, exported map[string]map[string]metric) map[string][]string {
	out := map[string][]string{
		"up": nil, "ALERTS": {"alertname", "alertstate", "severity"}, "process_start_time_seconds": nil, "process_cpu_seconds_total": nil, "process_resident_memory_bytes": nil, "go_goroutines": nil,
	}
	for _, of := range exported {
		for name, m := range of {
			if m.kind != "histogram" {
				out[name] = m.labels
				continue
			}
			out[name+"_sum"], out[name+"_count"] = m.labels, m.labels
			out[name+"_bucket"] = append([]string{"le"}, m.labels...)
		}
	}
	for _, r := range rules(t) {
		if r.Record != "" {
			out[r.Record] = []string{"origin"} // all there is of rules that record
		}
	}
	return out
}

// checkQuery says what a query asks for that nobody tells: metrics, and labels to
// select or to group by.
func checkQuery(query string, told map[string][]string) (problems []string) {
	e, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		return []string{err.Error()}
	}
	common := []string{"job", "instance", model.MetricNameLabel}
	known := map[string]bool{}
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		s, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		has, ok := told[s.Name]
		if !ok {
			problems = append(problems, "nobody tells "+s.Name)
		}
		for _, l := range slices.Concat(has, common) {
			known[l] = true
		}
		for _, m := range s.LabelMatchers {
			if !slices.Contains(slices.Concat(has, common), m.Name) {
				problems = append(problems, s.Name+" has no label "+m.Name)
			}
		}
		return nil
	})
	named := func(names []string) {
		for _, l := range names {
			if !known[l] {
				problems = append(problems, "nothing asked for has a label "+l)
			}
		}
	}
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		switch x := n.(type) {
		case *parser.AggregateExpr:
			named(x.Grouping)
		case *parser.BinaryExpr:
			if x.VectorMatching != nil {
				named(x.VectorMatching.MatchingLabels)
				named(x.VectorMatching.Include)
			}
		}
		return nil
	})
	return problems
}

func checkAlarms(t *testing.T, exported map[string]map[string]metric) {
	all := told(t, exported)
	for _, r := range rules(t) {
		for _, p := range checkQuery(r.Expr, all) {
			t.Errorf("%s%s: %s", r.Alert, r.Record, p)
		}
	}
	// A check that cannot fail is none.
	for _, bad := range []string{"selat_redy == 0", `selat_ready{seat="a"}`, "sum by (seat) (selat_ready)", "selat_ready =="} {
		if len(checkQuery(bad, all)) == 0 {
			t.Errorf("%q is found good", bad)
		}
	}
}
