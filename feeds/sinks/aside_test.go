package sinks_test

import (
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/selat-hub/selat/feeds/sinks"
	"github.com/selat-hub/selat/stix"
)

// hooked is a configuration with a webhook to a receiver, and a state that holds so
// many objects.
func hooked(t *testing.T, url string, things int) *sinks.Config {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("sixteen characters or more"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "sinks.yaml"), []byte("sinks:\n  hook:\n    format: webhook\n    exposure: organization\n    set_aside_after: 3\n    options: {url: \""+url+"\", secret-file: "+filepath.Join(dir, "secret")+", tries: \"1\"}\n"), 0o600))
	c, err := sinks.Load(filepath.Join(dir, "sinks.yaml"))
	must(t, err)
	must(t, os.MkdirAll(c.State, 0o700))
	s, err := sinks.OpenState(filepath.Join(c.State, "objects"), nil, nil)
	must(t, err)
	for n := range things {
		must(t, s.Put(thing{id: n + 1, version: 1, audience: "region", level: stix.Green}.delivery(), time.Now()))
	}
	must(t, s.Close())
	return c
}

func TestAnEventThatItsReceiverRefusesIsSetAsideAndTheNextIsTold(t *testing.T) {
	bad := thing{id: 3}.stix()
	var got []string
	answer := http.StatusUnprocessableEntity
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var event struct{ ID string }
		b, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(b, &event)
		}
		if err != nil {
			t.Error(err)
		}
		if event.ID == bad {
			w.WriteHeader(answer)
			return
		}
		got = append(got, event.ID)
	}))
	defer server.Close()
	c := hooked(t, server.URL, 5)
	registry := prometheus.NewPedanticRegistry()
	// Each run is a process of its own: how often it was refused outlives it.
	run := func() (sinks.Status, error) {
		t.Helper()
		d, err := sinks.Open(c, sinks.Options{Logger: slog.New(slog.DiscardHandler), Metrics: registry})
		must(t, err)
		registry = prometheus.NewPedanticRegistry()
		err = d.Once(t.Context(), nil, 0, false)
		all, failed := d.Status()
		must(t, failed)
		must(t, d.Close())
		return all[0], err
	}
	files := func() (names []string) {
		entries, err := os.ReadDir(filepath.Join(c.State, "dead", "hook"))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") {
				names = append(names, e.Name())
			}
		}
		return names
	}
	for range 2 {
		if st, err := run(); err == nil || !strings.Contains(err.Error(), "422 Unprocessable Entity") || st.Pending != 3 || st.Aside != 0 || len(files()) != 0 {
			t.Fatalf("%+v, %v", st, err)
		}
	}
	// What passes is no refusal, and counts for nothing.
	answer = http.StatusServiceUnavailable
	for range 4 {
		if st, err := run(); err == nil || st.Pending != 3 || st.Aside != 0 {
			t.Fatalf("%+v, %v", st, err)
		}
	}
	answer = http.StatusUnprocessableEntity
	measured := registry
	if st, err := run(); err != nil || st.Pending != 0 || st.Aside != 1 {
		t.Fatalf("%+v, %v", st, err)
	}
	want := []string{}
	for _, n := range []int{1, 2, 4, 5} {
		want = append(want, thing{id: n}.stix())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told once each, in order: %s", diff)
	}
	names := files()
	if len(names) != 1 {
		t.Fatalf("%q", names)
	}
	path := filepath.Join(c.State, "dead", "hook", names[0])
	b, err := os.ReadFile(path)
	must(t, err)
	var a sinks.Aside
	must(t, json.Unmarshal(b, &a))
	if a.ID != bad || a.Status != "422 Unprocessable Entity" || a.Tries != 3 || a.Event+".json" != names[0] || a.Kind != "created" {
		t.Errorf("%+v", a)
	}
	if strings.Contains(string(b), ".example") {
		t.Errorf("it holds the object: %s", b)
	}
	for file, mode := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		st, err := os.Stat(file)
		must(t, err)
		if st.Mode().Perm() != mode {
			t.Errorf("%s is of mode %v", file, st.Mode())
		}
	}
	families, err := measured.Gather()
	must(t, err)
	counted := 0.0
	for _, f := range families {
		if f.GetName() == "selat_sink_events_set_aside_total" {
			counted = f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	if counted != 1 {
		t.Errorf("it counts %v", counted)
	}
}
