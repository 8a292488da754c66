package broker_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

const statement = `{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--00000000-0000-4000-8000-0000000000aa","created":"2026-01-01T00:00:00.000Z","definition_type":"statement","definition":{"statement":"Copyright example"}}`

// outcomes is a receipt in short: "accepted amber asean", "refused conflict".
func outcomes(r *api.Receipt) []string {
	if r.Error != nil {
		return []string{"whole " + r.Error.Code}
	}
	var out []string
	for _, o := range r.Objects {
		if o.Outcome == api.Refused {
			out = append(out, "refused "+o.Findings[0].Code)
			continue
		}
		out = append(out, fmt.Sprintf("%s %s %s", o.Outcome, o.Level, o.Audience))
	}
	return out
}

func expect(t *testing.T, what string, r *api.Receipt, want ...string) {
	t.Helper()
	if got := outcomes(r); strings.Join(got, "; ") != strings.Join(want, "; ") {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func marked(object, id string) string {
	return strings.Replace(object, `"object_marking_refs":[`, `"object_marking_refs":["`+id+`",`, 1)
}

func TestSupportingObjectsTravelWithThoseThatReferToThem(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Green)
	const mark = "marking-definition--00000000-0000-4000-8000-0000000000aa"
	own := h.Region().Members["sg"].Identities[0]
	identity := fmt.Sprintf(`{"type":"identity","spec_version":"2.1","id":%q,"created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"SingCERT","identity_class":"organization"}`, own)
	by := func(o string) string { return strings.Replace(o, `"name"`, `"created_by_ref":"`+own+`","name"`, 1) }
	amber, green := marked(by(indicator(1, stix.Amber)), mark), marked(by(indicator(2, stix.Green)), mark)

	expect(t, "a definition nobody refers to", sg.submit(bundle(statement), "asean"), "refused tlp-missing")
	expect(t, "a marking that resolves nowhere", sg.submit(bundle(amber), "asean"), "refused marking-unresolved")
	expect(t, "with an AMBER referrer", sg.submit(bundle(statement, identity, amber), "asean"),
		"accepted amber asean", "accepted amber asean", "accepted amber asean")
	expect(t, "a marking known from before", sg.submit(bundle(marked(indicator(3, stix.Amber), mark)), "asean"), "accepted amber asean")
	expect(t, "under the least strict of its referrers, and again under another level", sg.submit(bundle(identity, green, amber), "asean"),
		"accepted green asean", "accepted green asean", "duplicate amber asean")
	expect(t, "an identity that is not the member's own is not supporting", sg.submit(bundle(strings.Replace(identity, own, "identity--00000000-0000-4000-8000-0000000000bb", 1)), "asean"), "refused tlp-missing")
	expect(t, "an identity another member speaks for", sg.submit(bundle(strings.Replace(identity, own, h.Region().Members["my"].Identities[0], 1)), "", api.HeaderUnmarked, "clear"), "refused foreign-identity")
}

func TestOneVersionHasOneLevelAndMayGoToSeveralAudiences(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Green)
	o := indicator(1, stix.NoLevel)
	expect(t, "unmarked, travelling GREEN", sg.submit(bundle(o), "asean", api.HeaderUnmarked, "green"), "accepted green asean")
	expect(t, "to a second audience", sg.submit(bundle(o), "region", api.HeaderUnmarked, "green"), "accepted green region")
	expect(t, "under another level", sg.submit(bundle(o), "asean", api.HeaderUnmarked, "clear"), "refused level-conflict")
	expect(t, "both places again", sg.submit(bundle(o), "region", api.HeaderUnmarked, "green"), "duplicate green region")
	twice := indicator(2, stix.Green)
	expect(t, "twice in one submission", sg.submit(bundle(twice, twice), "asean"), "accepted green asean", "duplicate green asean")
	other := strings.Replace(twice, "test 2", "test two", 1)
	three := indicator(3, stix.Green)
	expect(t, "a conflict does not sink its neighbour", sg.submit(bundle(other, three), "asean"), "refused conflict", "accepted green asean")
	us := h.seat("us/feed", policy.Publisher, stix.Green)
	expect(t, "another origin's same id and version is its own", us.submit(bundle(other), "region"), "accepted green region")
}

func TestRedGoesToEachNamedMemberAndARetryCompletesIt(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Green)
	my := h.seat("my/analyst", policy.Subscriber, stix.Red)
	th := h.seat("th/analyst", policy.Subscriber, stix.Red)
	strict := h.seat("th/soc", policy.Subscriber, stix.AmberStrict)
	o := indicator(1, stix.Red)
	expect(t, "to one", sg.submit(bundle(o), "my"), "accepted red my")
	expect(t, "to two, one of them again", sg.submit(bundle(o), "th, my"), "duplicate red my", "accepted red th")
	for name, s := range map[string]*seat{"MY": my, "TH": th} {
		if got := s.drain(); len(got) != 1 || len(got["CTI_"+name+"_RED"]) != 1 || got["CTI_"+name+"_RED"][0] != o {
			t.Errorf("%s received %v", name, got)
		}
	}
	if got := strict.drain(); len(got) != 0 {
		t.Errorf("a seat that was not granted RED received %v", got)
	}
}

func TestObjectsWithoutAVersionAreToldApartByTheirBytes(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Green)
	const a = `{"type":"ipv4-addr","id":"ipv4-addr--00000000-0000-4000-8000-000000000001","value":"192.0.2.1"}`
	b := strings.Replace(a, `"value"`, `"x_note":1,"value"`, 1)
	for _, o := range []string{a, b} {
		expect(t, "new bytes", sg.submit(bundle(o), "", api.HeaderUnmarked, "clear"), "accepted clear region")
		expect(t, "the same bytes", sg.submit(bundle(o), "", api.HeaderUnmarked, "clear"), "duplicate clear region")
	}
	stored := ask[api.Receipts](sg, api.SubjectReceipts, api.ReceiptsRequest{Objects: []api.ObjectVersion{{ID: "ipv4-addr--00000000-0000-4000-8000-000000000001"}}})
	if len(stored.Objects) != 2 {
		t.Errorf("receipts tell %d stored forms, want 2: %+v", len(stored.Objects), stored)
	}
}

func TestWhatWasAcceptedIsKnownAfterARestartAndAfterLosingTheIndex(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Green)
	var objects []string
	for n := range 50 {
		objects = append(objects, indicator(n, stix.Green))
	}
	if r := sg.submit(bundle(objects...), "asean"); r.Accepted != 50 {
		t.Fatalf("receipt: %+v", r)
	}
	for _, lose := range []bool{false, true} {
		must(t, h.Close())
		if lose {
			h.loseIndex()
		}
		h.start()
		if lose && h.Recovered().CaughtUp != 50 {
			t.Errorf("recovered %+v, want 50 caught up", h.Recovered())
		}
		sg.connect(h.URL())
		if r := sg.submit(bundle(objects...), "asean"); r.Duplicate != 50 {
			t.Errorf("after a restart (index lost: %v): %d duplicates, %d accepted", lose, r.Duplicate, r.Accepted)
		}
	}
}
