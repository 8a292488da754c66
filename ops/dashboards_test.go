package ops_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/selat-hub/selat/ops/grafana"
)

const dashboards = "grafana/dashboards"

// checkDashboardFiles holds the files against the description they are made from.
func checkDashboardFiles(t *testing.T) {
	made := map[string]bool{}
	for _, d := range grafana.Dashboards() {
		file := filepath.Join(dashboards, d.Name+".json")
		made[file] = true
		want, err := d.JSON()
		must(t, err)
		if *update {
			must(t, os.WriteFile(file, want, 0o644))
		}
		if have, err := os.ReadFile(file); err != nil || string(have) != string(want) {
			t.Errorf("ops/%s is not what package grafana says (%v): run `go generate ./ops`", file, err)
		}
	}
	for _, file := range files(t, dashboards+"/*.json") {
		if !made[file] {
			t.Errorf("no description makes ops/%s", file)
		}
	}
}

// board is what these tests read of a dashboard.
type board struct {
	UID           string
	Title         string
	SchemaVersion int
	Templating    struct {
		List []struct{ Name, Type, Definition string }
	}
	Panels []struct {
		ID          int
		Type, Title string
		GridPos     struct{ X, Y, W, H int }
		Datasource  *struct{ Type, UID string }
		Targets     []struct{ RefID, Expr string }
	}
}

func boards(t testing.TB) (out []board) {
	t.Helper()
	for _, file := range files(t, dashboards+"/*.json") {
		b, err := os.ReadFile(file)
		must(t, err)
		var d board
		if err := json.Unmarshal(b, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out = append(out, d)
	}
	return out
}

func TestDashboardsHoldTogether(t *testing.T) {
	uids := map[string]bool{}
	for _, d := range boards(t) {
		if d.UID == "" || uids[d.UID] || d.SchemaVersion < 39 {
			t.Errorf("%s: UID %q, schema version %d", d.Title, d.UID, d.SchemaVersion)
		}
		uids[d.UID] = true
		ids := map[int]bool{}
		taken := map[[2]int]string{}
		for _, p := range d.Panels {
			if p.ID == 0 || ids[p.ID] || p.Title == "" || !slices.Contains([]string{"row", "stat", "timeseries", "table"}, p.Type) {
				t.Errorf("%s: panel %d %q of type %q", d.Title, p.ID, p.Title, p.Type)
			}
			ids[p.ID] = true
			if p.GridPos.X+p.GridPos.W > 24 {
				t.Errorf("%s: %q does not fit", d.Title, p.Title)
			}
			for x := range p.GridPos.W {
				for y := range p.GridPos.H {
					at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
					if taken[at] != "" {
						t.Fatalf("%s: %q lies on %q", d.Title, p.Title, taken[at])
					}
					taken[at] = p.Title
				}
			}
			if p.Type != "row" && (p.Datasource == nil || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0) {
				t.Errorf("%s: %q asks nothing, or a source of its own", d.Title, p.Title)
			}
		}
	}
}

func TestGrafanaIsToldWhereThingsAre(t *testing.T) {
	var sources struct {
		Datasources []struct{ Type, UID, URL string }
	}
	readYAML(t, "grafana/provisioning/datasources/selat.yml", &sources)
	if len(sources.Datasources) != 1 || sources.Datasources[0].Type != "prometheus" || sources.Datasources[0].URL == "" {
		t.Errorf("%+v", sources)
	}
	var providers struct {
		Providers []struct {
			Type    string
			Options struct{ Path string }
		}
	}
	readYAML(t, "grafana/provisioning/dashboards/selat.yml", &providers)
	if len(providers.Providers) != 1 || providers.Providers[0].Type != "file" || providers.Providers[0].Options.Path == "" {
		t.Errorf("%+v", providers)
	}
}

// variable is one of Grafana's in a query.
var variable = regexp.MustCompile(`\$\{?[a-z_]+\}?`)

// filled has each variable replaced; of a member, by each that is named.
func filled(query string, members ...string) (out []string) {
	query = strings.NewReplacer("$__rate_interval", "1m", "$__range", "1m", "$tlp", ".*").Replace(query)
	if !strings.Contains(query, "$member") {
		return []string{query}
	}
	for _, m := range members {
		out = append(out, strings.ReplaceAll(query, "$member", m))
	}
	return out
}

func checkDashboards(t *testing.T, exported map[string]map[string]metric) {
	all := told(t, exported)
	labelValues := regexp.MustCompile(`^label_values\((\w+), (\w+)\)$`)
	for _, d := range boards(t) {
		for _, v := range d.Templating.List {
			if v.Type == "datasource" {
				continue
			}
			m := labelValues.FindStringSubmatch(v.Definition)
			if m == nil || !slices.Contains(all[m[1]], m[2]) {
				t.Errorf("%s: the variable %s asks for %q, which nobody tells", d.Title, v.Name, v.Definition)
			}
		}
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				query := filled(q.Expr, "sg")[0]
				if left := variable.FindString(query); left != "" {
					t.Errorf("%s: %s: %q is no variable", d.Title, p.Title, left)
				}
				for _, problem := range checkQuery(query, all) {
					t.Errorf("%s: %s: %s", d.Title, p.Title, problem)
				}
			}
		}
	}
}
