package drill

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheExampleIsAScriptInOrder(t *testing.T) {
	s, err := ParseScript(Example)
	must(t, err)
	if len(s.Injects) < 4 || s.Wait != 2*time.Minute {
		t.Errorf("%+v", s)
	}
	for i := range s.Injects[1:] {
		if s.Injects[i].After > s.Injects[i+1].After {
			t.Errorf("inject %d comes after the one behind it", i)
		}
	}
}

func TestAScriptThatCannotBeRunIsRefused(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"nothing", "", "EOF"},
		{"no injects", "title: x", "no injects"},
		{"an unknown key", "injects: [{text: a, tpl: green}]", "tpl"},
		{"RED", "injects: [{text: a, tlp: red}]", "RED never does"},
		{"unmarked RED", "injects: [{file: a, unmarked: red}]", "RED never does"},
		{"no such level", "injects: [{text: a, tlp: blue}]", "blue"},
		{"neither text nor file", "injects: [{after: 1s}]", "a text or a file"},
		{"an indicator without words", "injects: [{indicator: \"[a:b = 'c']\"}]", "a text or a file"},
		{"text and file", "injects: [{text: a, file: b}]", "as it is"},
		{"unmarked text", "injects: [{text: a, unmarked: clear}]", "say tlp"},
		{"before the beginning", "injects: [{text: a, after: -1s}]", "outside"},
		{"in a month", "injects: [{text: a, after: 720h}]", "outside"},
		{"one name twice", "injects: [{name: a, text: a}, {name: a, text: b}]", "two injects"},
		{"a name of several lines", "injects: [{name: \"a\\nb\", text: a}]", "letters"},
		{"two documents", "injects: [{text: a}]\n---\ninjects: []", "more than one"},
		{"too much text", "injects: [{text: " + strings.Repeat("a", maxText+1) + "}]", "characters"},
	} {
		if _, err := ParseScript([]byte(c.script)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestFilesAreReadBesideTheScript(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "script.yaml")
	must(t, os.WriteFile(script, []byte("injects: [{file: a.json, as: b.creds}]"), 0o600))
	if _, err := ReadScript(script); err == nil {
		t.Error("a file that is not there was read")
	}
	must(t, os.WriteFile(filepath.Join(dir, "a.json"), []byte("{ }"), 0o600))
	s, err := ReadScript(script)
	must(t, err)
	if in := s.Injects[0]; string(in.payload) != "{ }" || in.As != filepath.Join(dir, "b.creds") {
		t.Errorf("%+v", in)
	}
}

func TestWhatAScriptWordsSaysThatItIsAnExercise(t *testing.T) {
	for _, in := range []Inject{{Name: "a", Text: "b", TLP: stix.Green}, {Name: "a", Text: "b", TLP: stix.Amber, Indicator: "[ipv4-addr:value = '192.0.2.1']"}} {
		b, id, err := in.make("x", "", time.Now())
		must(t, err)
		objects, err := stix.Split(b, stix.Limits{PayloadBytes: 1 << 20, ObjectBytes: 1 << 20, Objects: 1, Depth: 64})
		must(t, err)
		if len(objects) != 1 || !bytes.Contains(b, []byte(id)) || !bytes.Contains(b, []byte(`"exercise:x"`)) || bytes.Count(b, []byte("EXERCISE")) != 2 {
			t.Errorf("%s", b)
		}
	}
}

func TestASeatIsWaitedForWhereItMayReadOnly(t *testing.T) {
	in := &InjectReport{}
	in.take(&api.Receipt{Origin: "sg", Objects: []api.ObjectReceipt{
		{ID: "indicator--1", Outcome: api.Accepted, Stream: "A", Level: stix.Green, Sequence: 5},
		{ID: "note--1", Outcome: api.Duplicate, Stream: "B", Level: stix.Amber, Sequence: 9},
		{ID: "note--2", Outcome: api.Refused, Findings: []stix.Finding{{Code: "tlp-missing", Message: "no"}}},
	}})
	if in.Objects != 2 || len(in.Refused) != 1 || in.levels() != "GREEN, AMBER" {
		t.Fatalf("%+v", in)
	}
	at := func(stream string, delivered, floor uint64) api.DrillPosition {
		return api.DrillPosition{Stream: stream, From: 1, Durable: true, Delivered: delivered, AckFloor: floor}
	}
	type said struct{ wanted, received, acknowledged bool }
	for _, c := range []struct {
		name string
		seat api.DrillSeat
		want said
	}{
		{"reads neither", api.DrillSeat{Positions: []api.DrillPosition{at("C", 99, 99)}}, said{false, true, true}},
		{"has all", api.DrillSeat{Positions: []api.DrillPosition{at("A", 5, 5), at("B", 9, 9)}}, said{true, true, true}},
		{"was sent all", api.DrillSeat{Positions: []api.DrillPosition{at("A", 5, 4), at("B", 9, 9)}}, said{true, true, false}},
		{"lacks one", api.DrillSeat{Positions: []api.DrillPosition{at("A", 5, 5), at("B", 8, 8)}}, said{true, false, false}},
		{"reads one only", api.DrillSeat{Positions: []api.DrillPosition{at("A", 5, 5)}}, said{true, true, true}},
		{"never asked", api.DrillSeat{Positions: []api.DrillPosition{{Stream: "A", From: 1}}}, said{true, false, false}},
		{"joined later", api.DrillSeat{Positions: []api.DrillPosition{{Stream: "B", From: 10}}}, said{false, true, true}},
		{"receives notes only", api.DrillSeat{FilterType: "note", Positions: []api.DrillPosition{at("A", 0, 0), at("B", 9, 9)}}, said{true, true, true}},
		{"receives another's only", api.DrillSeat{FilterOrigin: "th", Positions: []api.DrillPosition{at("A", 0, 0)}}, said{false, true, true}},
	} {
		var got said
		got.wanted, got.received, got.acknowledged = in.progress(&c.seat)
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestTheReportKeepsWhatOthersWroteInItsCells(t *testing.T) {
	took := 1.25
	r := &Report{Drill: "x", Title: "a\n# b", Injects: []*InjectReport{{Name: "n", Seat: "sg/feed", Refused: []string{"<script>|"},
		Seats: []*SeatReport{{Seat: "my/feed", Connected: true, Received: &took}, {Seat: "th/feed"}}}}}
	r.finish(3 * time.Second)
	var b bytes.Buffer
	must(t, r.Markdown(&b))
	for _, want := range []string{"a # b", "&lt;script>\\|", "| my/feed | 1.2 s | - |", "| th/feed (has never asked for exercises) | - | - |", "1 of 2"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	out, err := json.Marshal(r)
	must(t, err)
	if r.Complete || !strings.Contains(string(out), `"acknowledged":null`) {
		t.Errorf("%s", out)
	}
}

func FuzzAScriptThatIsTakenHasInjects(f *testing.F) {
	f.Add(Example)
	f.Add([]byte("injects: [{text: a, after: 1s}]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseScript(b)
		if err != nil {
			return
		}
		for _, in := range s.Injects {
			if in.Name == "" || in.Text == "" && in.File == "" || in.TLP == stix.Red || in.After < 0 {
				t.Errorf("%+v", in)
			}
		}
	})
}
