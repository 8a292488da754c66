package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

const statement = "marking-definition--5a1f0c9e-1111-4a53-9d0e-0f0f0f0f0f01"

// readText reads objects as the command does.
func readText(t *testing.T, text string) *routed {
	t.Helper()
	in := &routed{}
	if err := in.read(strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	return in
}

// manyObjects writes a definition, and n indicators of which those from refs
// on refer to it.
func manyObjects(n, refs int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"type":"marking-definition","spec_version":"2.1","id":%q,"created":"2026-01-01T00:00:00.000Z","definition_type":"statement","definition":{"statement":"x"}}`+"\n", statement)
	for i := range n {
		marking := ""
		if i >= refs {
			marking = fmt.Sprintf(`,"object_marking_refs":[%q]`, statement)
		}
		fmt.Fprintf(&b, `{"type":"indicator","spec_version":"2.1","id":"indicator--0d4f5c1a-6a1f-4a53-9d0e-%012x","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","pattern":"[ipv4-addr:value = '192.0.2.1']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"%s}`+"\n", i, marking)
	}
	return b.String()
}

func TestEachPieceCarriesTheDefinitionsItsObjectsReferTo(t *testing.T) {
	in := readText(t, manyObjects(2500, 1500))
	pieces := in.pieces(1000)
	if len(pieces) != 3 {
		t.Fatalf("got %d pieces, want 3", len(pieces))
	}
	seen := map[int]int{}
	for i, p := range pieces {
		if carries := slices.Contains(p, 0); carries != (i > 0) {
			t.Errorf("piece %d carries the definition: %v", i, carries)
		}
		for _, n := range p {
			seen[n]++
		}
	}
	for n := 1; n <= 2500; n++ {
		if seen[n] != 1 {
			t.Fatalf("object %d is in %d pieces", n, seen[n])
		}
	}
}

func TestWhatNothingRefersToIsAskedAboutAllTheSame(t *testing.T) {
	in := readText(t, manyObjects(3, 3))
	if got := in.pieces(2); fmt.Sprint(got) != "[[1 2] [3 0]]" {
		t.Errorf("got %v", got)
	}
}

// answerFor answers like a hub with so much room: every object to one stream
// named after the first object of the question.
func answerFor(t *testing.T, room int) asker {
	return func(_ context.Context, payload []byte) (*api.Route, error) {
		objects, err := stix.Split(payload, stix.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if len(objects) > room {
			return nil, &api.Error{Code: "invalid", Message: "the answer is larger than a message can be"}
		}
		r := &api.Route{Origin: "sg"}
		for i, o := range objects {
			r.Objects = append(r.Objects, api.ObjectRoute{Object: i, ID: o.ID, Level: stix.Green, Why: fmt.Sprintf("x at /objects/%d/object_marking_refs/0", i),
				Streams: []string{objects[len(objects)-1].ID}, Decisions: []api.Decision{{Member: "my", Receives: true}}})
		}
		return r, nil
	}
}

func TestAnswersComeBackInTheOrderOfTheInputHoweverItIsCut(t *testing.T) {
	for _, room := range []int{5000, 300, 20} {
		in := readText(t, "[]\n"+manyObjects(1200, 0))
		r, err := in.ask(context.Background(), answerFor(t, room))
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Objects) != 1202 || r.Objects[0].Findings == nil {
			t.Fatalf("room %d: %d answers, the first %+v", room, len(r.Objects), r.Objects[0])
		}
		for i, o := range r.Objects {
			if o.Object != i || i > 1 && o.ID != fmt.Sprintf("indicator--0d4f5c1a-6a1f-4a53-9d0e-%012x", i-2) {
				t.Fatalf("room %d: answer %d is about %s, object %d", room, i, o.ID, o.Object)
			}
			if i > 0 && o.Why != "x at /object_marking_refs/0" {
				t.Fatalf("room %d: answer %d says %q, a place in the question", room, i, o.Why)
			}
		}
		if n := len(r.Objects[1].Streams); n < 2 {
			t.Errorf("room %d: the definition goes to %d streams, not to those of all that refer to it", room, n)
		}
	}
}

func TestAQuestionThatCannotBeMadeSmallerFails(t *testing.T) {
	in := readText(t, manyObjects(3, 3))
	if _, err := in.ask(context.Background(), answerFor(t, 0)); err == nil {
		t.Error("no error")
	}
}
