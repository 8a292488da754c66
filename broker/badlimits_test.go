package broker_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"pgregory.net/rapid"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

var stixNames = []string{"type", "id", "spec_version", "created", "modified", "created_by_ref", "revoked", "object_marking_refs",
	"granular_markings", "extensions", "definition_type", "definition", "name", "objects", "x_any", "selectors", "marking_ref", "tlp"}

// anyJSON draws a value of any shape, with the names of STIX in it.
func anyJSON(depth int) *rapid.Generator[any] {
	leaf := []*rapid.Generator[any]{
		rapid.Just(any(nil)), rapid.Bool().AsAny(), rapid.Int64().AsAny(), rapid.Float64Range(-1e300, 1e300).AsAny(), rapid.String().AsAny(),
		rapid.SampledFrom([]any{"indicator", "2.1", badID, markClear, markRed, "2026-01-01T00:00:00.000Z", "bundle", "marking-definition", "tlp"}),
	}
	if depth == 0 {
		return rapid.OneOf(leaf...)
	}
	return rapid.OneOf(append(leaf,
		rapid.SliceOfN(anyJSON(depth-1), 0, 4).AsAny(),
		rapid.MapOfN(rapid.SampledFrom(stixNames), anyJSON(depth-1), 0, 6).AsAny())...)
}

func TestWrongTypesEverywhereLeaveTheNeighbourAlone(t *testing.T) {
	h := newTestHub(t, func(c *broker.Config) { c.Limits.SubmissionsPerSecond = 0 })
	sg := h.seat("sg/feed", policy.Publisher, stix.Clear)
	neighbour := indicator(1, stix.Clear)
	sg.submit(bundle(neighbour), "region")
	rapid.Check(t, func(t *rapid.T) {
		var bad any
		if rapid.Bool().Draw(t, "nearly right") {
			var o map[string]any
			if err := json.Unmarshal([]byte(badIndicator(stix.Clear, "")), &o); err != nil {
				t.Fatal(err)
			}
			o[rapid.SampledFrom(stixNames).Draw(t, "name")] = anyJSON(3).Draw(t, "value")
			bad = o
		} else {
			bad = anyJSON(4).Draw(t, "object")
		}
		raw, err := json.Marshal(bad)
		if err != nil {
			t.Fatal(err)
		}
		r := sg.submit(bundle(string(raw), neighbour), "region")
		if r.Error != nil || len(r.Objects) != 2 || r.Objects[1].Outcome != api.Duplicate {
			t.Fatalf("%s: %+v", raw, r)
		}
		for _, f := range r.Objects[0].Findings {
			if f.Code == "" || f.Message == "" || !strings.HasPrefix(f.Path, "/objects/0") {
				t.Fatalf("%s: %+v", raw, f)
			}
		}
		if r.Objects[0].Outcome == api.Refused && len(r.Objects[0].Findings) == 0 {
			t.Fatalf("%s: refused and nothing says why", raw)
		}
	})
}

// Ten thousand objects with a hundred faults each would be told in hundreds of
// megabytes, and an answer beyond the engine's limit would never arrive.
func TestAnAnswerAlwaysFitsInAMessage(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Red)
	faulty := "{" + strings.Repeat(`"a":1,`, 120) + `"a":1}`
	many := make([]string, 10_000)
	for i := range many {
		many[i] = faulty
	}
	r := sg.submit(bundle(many...), "region")
	if r.Error != nil || r.Refused != len(many) || len(r.Objects) != len(many) {
		t.Fatalf("%d lines, %d refused, error %v", len(r.Objects), r.Refused, r.Error)
	}
	checkRefusal(t, r.Objects[9_999].Findings, "duplicate-key", "/objects/9999/a")

	for i := range many {
		many[i] = indicator(i, stix.Red)
	}
	r = sg.submit(bundle(many...), "bn,kh,id,la,my,mm,ph,th")
	if r.Error == nil || r.Error.Code != "too-many-objects" || r.Accepted > 0 {
		t.Errorf("10,000 objects to eight recipients: %d accepted, error %v", r.Accepted, r.Error)
	}

	m := nats.NewMsg(api.SubjectRoute)
	m.Data = bundle(many...)
	m.Header.Set(api.HeaderTo, "bn,kh,id,la,my,mm,ph,th")
	reply, err := sg.nc.RequestMsg(m, 20*time.Second)
	must(t, err)
	var route api.Route
	must(t, json.Unmarshal(reply.Data, &route))
	if route.Error == nil || route.Error.Code != "too-many-objects" {
		t.Errorf("the route of 10,000 objects: %.200s", reply.Data)
	}
	if r := sg.submit(bundle(indicator(1, stix.Clear)), "region"); r.Accepted != 1 {
		t.Errorf("the next submission: %+v", r)
	}
}

func TestWhoMayNotSubmitIsToldWhy(t *testing.T) {
	h := newTestHub(t)
	reading := h.seat("my/firewall", policy.Subscriber, stix.Amber)
	others := h.traffic("us/feed")
	if r := reading.submit(bundle(indicator(1, stix.Clear)), "region"); r.Error == nil || r.Error.Code != "seat-kind" {
		t.Errorf("a subscriber: %+v", r)
	}
	only := h.seat("tl/desk", policy.Subscriber, stix.Amber)
	if r := only.submit(bundle(indicator(2, stix.Clear)), "region"); r.Error == nil || r.Error.Code != "receive-only" {
		t.Errorf("a receive-only member: %+v", r)
	}
	_, err := h.AddSeat(t.Context(), policy.Seat{Name: "tl/feed", Kind: policy.Publisher, Standing: policy.Organization, Ceiling: stix.Clear})
	if err == nil || !strings.Contains(err.Error(), "receive-only") {
		t.Errorf("a publisher of a receive-only member: %v", err)
	}
	others.goesOn(t)
}

func TestASuspendedMemberIsShutOutWhileOthersGoOn(t *testing.T) {
	h := newTestHub(t)
	th := h.seat("th/feed", policy.Both, stix.Amber)
	others := h.traffic("us/feed")
	must(t, h.SuspendMember(t.Context(), "th"))
	_, err := th.try(bundle(indicator(1, stix.Clear)), "region", 300*time.Millisecond)
	if err == nil {
		t.Error("a suspended member was answered")
	}
	must(t, h.ResumeMember(t.Context(), "th"))
	// A client whose login was refused twice gives up; its daemon starts anew.
	th.nc.Close()
	th.connect(h.URL())
	if r := th.submit(bundle(indicator(1, stix.Clear)), "region"); r.Accepted != 1 {
		t.Errorf("after resuming: %+v", r)
	}
	others.goesOn(t)
}

func TestARateBeyondTheLimitIsRefusedAndPassesLater(t *testing.T) {
	h := newTestHub(t, func(c *broker.Config) { c.Limits.SubmissionsPerSecond = 5 })
	sg := h.seat("sg/feed", policy.Publisher, stix.Clear)
	my := h.seat("my/feed", policy.Publisher, stix.Clear)
	var limited *api.Receipt
	n := 0
	for limited == nil && n < 1000 {
		n++
		if r := sg.submit(bundle(indicator(n, stix.Clear)), "region"); r.Error != nil {
			limited = r
		}
	}
	if limited == nil || limited.Error.Code != "rate-limited" || !limited.Retry {
		t.Fatalf("after %d submissions: %+v", n, limited)
	}
	checkFinding(t, *limited.Error)
	if r := my.submit(bundle(indicator(1, stix.Clear)), "region"); r.Accepted != 1 {
		t.Errorf("another member: %+v", r)
	}
	awaitTrue(t, 20*time.Second, "the same bytes pass later", func() bool {
		return sg.submit(bundle(indicator(n, stix.Clear)), "region").Accepted == 1
	})
}

func TestTooManyObjectsASecondAreRefusedWhole(t *testing.T) {
	h := newTestHub(t, func(c *broker.Config) { c.Limits.ObjectsPerSecond, c.Limits.Objects = 10, 20 })
	sg := h.seat("sg/feed", policy.Publisher, stix.Clear)
	var objects []string
	for n := range 20 {
		objects = append(objects, indicator(n, stix.Clear))
	}
	if r := sg.submit(bundle(objects...), "region"); r.Accepted != 20 {
		t.Fatalf("a full submission: %+v", r)
	}
	r := sg.submit(bundle(objects...), "region")
	if r.Error == nil || r.Error.Code != "rate-limited" || !r.Retry {
		t.Errorf("a second one at once: %+v", r)
	}
}

func TestBeyondWhatIsInHandTheAnswerIsBusy(t *testing.T) {
	h := newTestHub(t, func(c *broker.Config) {
		c.Limits.PayloadBytes, c.Limits.ObjectBytes, c.Limits.InFlightBytes = 128<<10, 64<<10, 128<<10
	})
	sg := h.seat("sg/feed", policy.Publisher, stix.Clear)
	inbox := sg.nc.NewRespInbox()
	answers, err := sg.nc.SubscribeSync(inbox)
	must(t, err)
	const sent = 200
	payload := func(n int) []byte {
		return bundle(strings.Replace(indicator(n, stix.Clear), "test", strings.Repeat("t", 60<<10), 1))
	}
	for n := range sent {
		must(t, sg.nc.PublishRequest(api.SubjectSubmit, inbox, payload(n)))
	}
	must(t, sg.nc.Flush())
	busy, accepted := 0, 0
	for range sent {
		m, err := answers.NextMsg(20 * time.Second)
		must(t, err)
		var r api.Receipt
		must(t, json.Unmarshal(m.Data, &r))
		switch {
		case r.Accepted == 1:
			accepted++
		case r.Error != nil && r.Error.Code == "busy" && r.Retry:
			checkFinding(t, *r.Error)
			busy++
		default:
			t.Errorf("receipt: %+v", r)
		}
	}
	if busy == 0 || accepted == 0 {
		t.Errorf("%d busy, %d accepted", busy, accepted)
	}
	t.Logf("%d of %d were told to come again", busy, sent)
	for n := range sent {
		awaitTrue(t, 20*time.Second, "the same bytes pass later", func() bool {
			r := sg.submit(payload(n), "region")
			return r.Accepted+r.Duplicate == 1
		})
	}
}
