package broker_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// A seat below what its member published elsewhere sends the same identifiers.
// It learns neither what is stored, nor by which rule it was refused.
func TestARefusalTellsNothingThatTheSeatMayNotKnow(t *testing.T) {
	const creator, created = "identity--cafecafe-0000-4000-8000-00000000cafe", "2025-07-07T07:07:07.777Z"
	h := newTestHub(t)
	red := h.seat("sg/red", policy.Publisher, stix.Red)
	client := h.seat("sg/client", policy.Publisher, stix.Clear, func(s *policy.Seat) { s.Standing = policy.Client })
	at := func(level stix.Level, n, modified int, more ...string) string {
		return strings.Replace(versionOf(n, modified, more...), markGreen, marks[level], 1)
	}
	theirs := `"created_by_ref":"` + creator + `"`
	early := func(o string) string {
		return strings.Replace(o, `"created":"`+day(1)+`"`, `"created":"`+created+`"`, 1)
	}
	for n, o := range []string{at(stix.Red, 0, 3, theirs), early(at(stix.Red, 1, 3)), at(stix.Red, 2, 3, revoking), at(stix.Red, 3, 3), at(stix.Red, 4, 3)} {
		if r := red.submit(bundle(o), "us"); r.Accepted != 1 {
			t.Fatalf("%d: %+v", n, r)
		}
	}
	var said []string
	for what, o := range map[string]string{
		"another creator": at(stix.Clear, 0, 4, createdBy(1)), "another created": at(stix.Clear, 1, 4), "after a revocation": at(stix.Clear, 2, 4),
		"an outdated revocation": at(stix.Clear, 3, 2, revoking), "other bytes": at(stix.Clear, 4, 3),
	} {
		r := client.submit(bundle(o), "")
		expect(t, what, r, "refused conflict")
		f := r.Objects[0].Findings[0]
		said = append(said, f.Code+f.Path+f.Section+f.Message)
		if said[0] != said[len(said)-1] {
			t.Errorf("%s: %q, another reason: %q", what, said[len(said)-1], said[0])
		}
		told, err := json.Marshal(r)
		must(t, err)
		for _, canary := range []string{"cafe", "2025-07-07", day(3), "RED", "revo"} {
			if what == "other bytes" && canary == day(3) {
				continue // its own version
			}
			if strings.Contains(string(told), canary) {
				t.Errorf("%s: the receipt says %q: %s", what, canary, told)
			}
		}
	}

	unmarked := indicator(5, stix.NoLevel)
	if r := red.submit(bundle(unmarked), "us", api.HeaderUnmarked, "red"); r.Accepted != 1 {
		t.Fatalf("%+v", r)
	}
	r := client.submit(bundle(unmarked), "", api.HeaderUnmarked, "clear")
	if expect(t, "another level", r, "refused conflict"); r.Objects[0].Findings[0].Message == "" || strings.Contains(r.Objects[0].Findings[0].Message, "RED") {
		t.Errorf("%+v", r.Objects[0].Findings[0])
	}
}

// What a seat may know is told it by its own rule, in words that quote no other
// version; what it may not know beside that stays hidden.
func TestARefusalGoesByWhatTheSeatMayKnow(t *testing.T) {
	h := newTestHub(t)
	red := h.seat("sg/red", policy.Publisher, stix.Red)
	client := h.seat("sg/client", policy.Publisher, stix.Clear, func(s *policy.Seat) { s.Standing = policy.Client })
	clear := func(modified int, more ...string) string {
		return strings.Replace(versionOf(1, modified, more...), markGreen, markClear, 1)
	}
	expect(t, "what all may know", client.submit(bundle(clear(1, createdBy(1))), ""), "accepted clear region")
	expect(t, "what it knows", client.submit(bundle(clear(4, createdBy(2))), ""), "refused creator-changed")
	if r := red.submit(bundle(strings.Replace(versionOf(1, 3, revoking), markGreen, markRed, 1)), "us"); r.Accepted != 1 {
		t.Fatalf("%+v", r)
	}
	for range 2 {
		// The RED version has recalled what the client's seat knew.
		expect(t, "what it knows no more", client.submit(bundle(clear(4, createdBy(2)), clear(5)), ""), "refused conflict", "refused conflict")
		expect(t, "the seat that knows", red.submit(bundle(clear(5)), ""), "refused revoked-final")
	}
}
