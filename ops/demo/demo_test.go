package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// table is what a right showing of the feed looks like.
const table = `
 FROM TLP          TO       OBJECT            │ │ │ │ │ │ │ │ │ │
 sg   CLEAR        region   identity          ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ · ✓
 sg   CLEAR        region   malware           ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ · ✓
 sg   CLEAR        region   indicator         ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓
 sg   CLEAR        region   relationship      ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ · ✓
 my   GREEN        region   identity          ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ · ·
 my   GREEN        region   indicator         ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ·
 my   GREEN        region   ipv4-addr         ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ · ·
 th   GREEN        asean    identity          ✓ ✓ ✓ ✓ ✓ · ✓ ✓ · ·
 th   GREEN        asean    sighting          ✓ ✓ ✓ ✓ ✓ · ✓ ✓ · ·
 sg   AMBER        asean    indicator         ✓ ✓ ✓ ✓ ✓ · · · · ·
 sg   AMBER        asean    report            ✓ ✓ ✓ ✓ ✓ · · · · ·
 sg   AMBER        asean-us indicator         ✓ ✓ ✓ ✓ ✓ ✓ · · · ·
 sg   AMBER        asean-us report            ✓ ✓ ✓ ✓ ✓ ✓ · · · ·
 us   AMBER        asean-us identity          ✓ ✓ ✓ ✓ ✓ ✓ · · · ·
 us   AMBER        asean-us indicator         ✓ ✓ ✓ ✓ ✓ ✓ · · · ·
 my   AMBER+STRICT asean    indicator         ✓ ✓ · ✓ · · · · · ·
 us   AMBER+STRICT asean-us indicator         ✓ ✓ · ✓ · ✓ · · · ·
 sg   RED          my       indicator         · ✓ · · · · · · · ·
 us   RED          my       report            · ✓ · · · · · · · ·
 us   RED          sg       report            ✓ · · · · · · · · ·
 sg   CLEAR        region   indicator         ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓
`

// run runs a demonstration in a temporary folder of its own, which is returned.
func run(t *testing.T, o Options) (r *Result, printed, dir string) {
	t.Helper()
	dir = t.TempDir()
	t.Setenv("TMPDIR", dir)
	var out bytes.Buffer
	o.Out = &out
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r, out.String(), dir
}

func isEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestTheFeedReachesExactlyTheEntitledSeats(t *testing.T) {
	r, printed, dir := run(t, Options{Live: true, Color: true})
	if !r.Right || len(r.Faults) > 0 {
		t.Fatalf("faults: %+v", r.Faults)
	}
	if r.Placements != 21 || r.Deliveries != 130 || r.Duplicates != 4 || r.DoorsTried == 0 {
		t.Errorf("%d placements, %d deliveries, %d duplicates, %d doors", r.Placements, r.Deliveries, r.Duplicates, r.DoorsTried)
	}
	if screen := onScreen(printed); !strings.Contains(screen, table) {
		t.Errorf("the screen shows\n%s", screen)
	}
	var codes []string
	for _, f := range r.Refusals {
		codes = append(codes, f.Code)
	}
	want := []string{"tlp-missing", "tlp-lookalike", "audience-missing", "audience-unknown", "foreign-identity", "duplicate-key", "conflict", "audience-red-community", "seat-kind"}
	if !slices.Equal(codes, want) {
		t.Errorf("refusals %q, want %q", codes, want)
	}
	if !strings.Contains(printed, "RIGHT: ") || !strings.Contains(printed, "Set up a real hub in three commands:") {
		t.Errorf("printed %s", printed)
	}
	isEmpty(t, dir)
}

// onScreen is what a terminal shows after all this was written to it.
func onScreen(written string) string {
	var lines []string
	at := 0
	for line := range strings.Lines(written) {
		line = strings.TrimSuffix(line, "\n")
		for _, paint := range []string{"\x1b[32m", "\x1b[2m", "\x1b[1;31m", "\x1b[0m", "\x1b[K"} {
			line = strings.ReplaceAll(line, paint, "")
		}
		if up, rest, ok := strings.Cut(line, "A"); ok && strings.HasPrefix(up, "\x1b[") {
			n := 0
			for _, digit := range up[2:] {
				n = n*10 + int(digit-'0')
			}
			at, line = at-n, rest
		}
		if at == len(lines) {
			lines = append(lines, "")
		}
		lines[at] = line
		at++
	}
	return strings.Join(lines, "\n") + "\n"
}

func TestAWrongExpectationIsFound(t *testing.T) {
	r, printed, dir := run(t, Options{expect: func(s *policy.Seat, stream policy.Stream, allowed bool) bool {
		switch {
		case s.Name == "my/hospital" && stream.Level == stix.AmberStrict:
			return true // which it will not get
		case s.Name == "tl/desk" && stream == policy.Stream{Audience: "asean", Level: stix.Green}:
			return false // which it will get
		}
		return allowed
	}})
	if r.Right {
		t.Fatal("the result is right")
	}
	kinds := map[string]int{}
	for _, f := range r.Faults {
		kinds[f.Kind+" "+f.Seat]++
	}
	if len(kinds) != 2 || kinds["missing my/hospital"] != 2 || kinds["leak tl/desk"] != 2 {
		t.Errorf("faults %v", kinds)
	}
	for _, line := range []string{
		" my   AMBER+STRICT asean    indicator         ✓ ✓ ! ✓ · · · · · ·\n",
		" th   GREEN        asean    sighting          ✓ ✓ ✓ ✓ ✓ · ✓ ! · ·\n",
		"\nWRONG: ",
	} {
		if !strings.Contains(printed, line) {
			t.Errorf("%q is missing in\n%s", line, printed)
		}
	}
	isEmpty(t, dir)
}

func TestFilesGoOutInPlaceOfTheFeed(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, lines ...string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	indicator := func(n, marks string) string {
		return `{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-00000000000` + n + `","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","pattern":"[ipv4-addr:value = '192.0.2.` + n + `']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"` + marks + `}`
	}
	amber := `,"object_marking_refs":["marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"]`
	red := `,"object_marking_refs":["marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"]`
	statement := `{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--00000000-0000-4000-8000-0000000000aa","created":"2026-01-01T00:00:00.000Z","definition_type":"statement","definition":{"statement":"Written for a test"}}`
	marked := strings.Replace(amber, `"]`, `","marking-definition--00000000-0000-4000-8000-0000000000aa"]`, 1)
	files := []string{
		file("lines.json", indicator("1", ""), indicator("2", ""), indicator("1", ""), "{broken", indicator("3", red)),
		file("bundle.json", `{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000000","objects":[`+statement+`,`+indicator("4", marked)+`]}`),
	}
	r, printed, _ := run(t, Options{Files: files, To: []string{"asean"}, Unmarked: stix.Green})
	if !r.Right {
		t.Fatalf("faults: %+v", r.Faults)
	}
	var got []string
	for _, row := range r.Rows {
		got = append(got, row.TLP.String()+" "+row.To+" "+row.Type)
	}
	want := []string{"green asean indicator", "amber asean indicator", "amber asean marking-definition", "clear region indicator"}
	if !slices.Equal(got, want) {
		t.Errorf("rows %q, want %q", got, want)
	}
	if r.Rows[0].Objects != 2 || r.Duplicates != 1 || len(r.Refusals) != 2 {
		t.Errorf("%d objects, %d duplicates, refusals %+v", r.Rows[0].Objects, r.Duplicates, r.Refusals)
	}
	if line := " sg   GREEN        asean    indicator ×2      ✓ ✓ ✓ ✓ ✓ · ✓ ✓ ✓ ·\n"; !strings.Contains(printed, line) {
		t.Errorf("%q is missing in\n%s", line, printed)
	}
}

func TestFilesOfWhichNothingIsAcceptedAreNotRight(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.json")
	if err := os.WriteFile(path, []byte(`{"type":"indicator"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r, _, _ := run(t, Options{Files: []string{path}, Unmarked: stix.Clear})
	if r.Right || len(r.Faults) != 1 {
		t.Errorf("right %v, faults %+v", r.Right, r.Faults)
	}
	if _, err := Run(t.Context(), Options{Files: []string{path + ".gone"}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// tripwire calls pulled once, when text has been written.
type tripwire struct {
	text   string
	pulled func()
	once   sync.Once
	buf    bytes.Buffer
}

func (w *tripwire) Write(b []byte) (int, error) {
	w.buf.Write(b)
	if strings.Contains(w.buf.String(), w.text) {
		w.once.Do(w.pulled)
	}
	return len(b), nil
}

func TestAnInterruptLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := Run(ctx, Options{Out: &tripwire{text: "GREEN        region", pulled: cancel}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	isEmpty(t, dir)
}

func TestAKeptHubAnswersUntilTheContextEnds(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &tripwire{text: "request hub.whoami"}
	out.pulled = func() {
		defer cancel()
		_, rest, _ := strings.Cut(out.buf.String(), "curl ")
		url, _, _ := strings.Cut(rest, "\n")
		answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(url)
		if err != nil {
			t.Error(err)
			return
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || !bytes.Contains(body, []byte("selat_objects_total")) {
			t.Errorf("metrics: %v, %d bytes", err, len(body))
		}
	}
	var told *Result
	r, err := Run(ctx, Options{Out: out, Keep: true, OnResult: func(r *Result) error { told = r; return nil }})
	if err != nil || !r.Right || told != r {
		t.Fatalf("%+v, %v", r, err)
	}
	if kept, err := filepath.Glob(filepath.Join(dir, "selat-demo-*", "my-soc.creds")); err != nil || len(kept) != 1 {
		t.Errorf("kept %v, %v", kept, err)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}
