package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// run publishes sources and returns the lines and the summary.
func run(t testing.TB, c *client.Client, o client.PublishOptions, sources ...client.Source) ([]client.Line, *client.Summary) {
	t.Helper()
	var lines []client.Line
	o.OnLine = func(l client.Line) error { lines = append(lines, l); return nil }
	sum, err := c.Publish(t.Context(), sources, o)
	must(t, err)
	return lines, sum
}

func to(names ...string) client.PublishOptions {
	return client.PublishOptions{SubmitOptions: client.SubmitOptions{To: names}}
}

func TestEveryFormOfInputIsPublished(t *testing.T) {
	h := newHub(t)
	c := connect(t, h.creds("sg/feed", policy.Publisher, stix.Green))
	ndjson := indicator(3, stix.Green) + "\n" + indicator(4, stix.Green) + "\n"
	lines, sum := run(t, c, to("asean"),
		client.Bytes("bundle", bundle(indicator(1, stix.Green))),
		client.Bytes("object", []byte(indicator(2, stix.Green))),
		client.Bytes("ndjson", []byte(ndjson)))
	if sum.Accepted != 4 || sum.Objects != 4 || sum.Refused != 0 {
		t.Fatalf("%+v", sum)
	}
	for i, l := range lines {
		file := []string{"bundle", "object", "ndjson", "ndjson"}[i]
		if l.Object != i || l.ID != indicatorID(i+1) || l.File != file || l.Outcome != api.Accepted {
			t.Errorf("line %d is %+v", i, l)
		}
	}
	_, again := run(t, c, to("asean"), client.Bytes("bundle", bundle(indicator(1, stix.Green))))
	if again.Duplicate != 1 || again.Accepted != 0 {
		t.Errorf("published again: %+v", again)
	}
}

func TestALargeInputIsCutAndToldInItsOrder(t *testing.T) {
	h := newHub(t)
	c := connect(t, h.creds("sg/feed", policy.Publisher, stix.Green))
	var in bytes.Buffer
	const n = 5000
	for i := range n {
		switch i {
		case 700:
			in.WriteString("{broken\n")
		case 701:
			in.WriteString(strings.Replace(indicator(i, stix.Green), `"indicator"`, `"Indicator"`, 1) + "\n")
		default:
			in.WriteString(indicator(i, stix.Green) + "\n")
		}
	}
	o := to("asean")
	o.Objects = 100
	lines, sum := run(t, c, o, client.Bytes("feed", in.Bytes()))
	if sum.Accepted != n-2 || sum.Refused != 2 || sum.Submissions != 50 || len(lines) != n || sum.Unanswered != 0 {
		t.Fatalf("%d lines, %+v", len(lines), sum)
	}
	for i, l := range lines {
		if l.Object != i {
			t.Fatalf("line %d is about object %d", i, l.Object)
		}
		if refused := i == 700 || i == 701; refused != (l.Outcome == api.Refused) {
			t.Errorf("line %d is %+v", i, l)
		}
	}
	if got := lines[700].Findings[0].Code; got != "malformed-json" {
		t.Errorf("the broken line has code %s", got)
	}
	if got := lines[701].Findings[0].Path; !strings.HasPrefix(got, "/objects/701/") {
		t.Errorf("the bad object's finding is at %s", got)
	}
}

const (
	vendor   = "identity--00000000-0000-4000-8000-000000000001"
	mark     = `{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--00000000-0000-4000-8000-000000000001","created":"2026-01-01T00:00:00.000Z","name":"PAP","created_by_ref":"identity--00000000-0000-4000-8000-000000000001","definition_type":"statement","definition":{"statement":"for tests"}}`
	identity = `{"type":"identity","spec_version":"2.1","id":"identity--00000000-0000-4000-8000-000000000001","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"a vendor"}`
	lonely   = `{"type":"identity","spec_version":"2.1","id":"identity--00000000-0000-4000-8000-000000000002","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"nobody refers to it"}`
)

// marked is an indicator under a marking of its own beside TLP:GREEN.
func marked(n int) string {
	return strings.Replace(indicator(n, stix.Green), `"object_marking_refs":[`, `"object_marking_refs":["marking-definition--00000000-0000-4000-8000-000000000001",`, 1)
}

func TestDefinitionsTravelWithTheObjectsThatReferToThem(t *testing.T) {
	h := newHub(t)
	c := connect(t, h.creds("sg/feed", policy.Publisher, stix.Green))
	own := h.Region().Members["sg"].Identities[0]
	mark, identity := strings.ReplaceAll(mark, vendor, own), strings.ReplaceAll(identity, vendor, own)
	// The definitions come last, and in another file.
	var objects []string
	for i := range 30 {
		objects = append(objects, marked(i))
	}
	o := to("asean")
	o.Objects = 5
	lines, sum := run(t, c, o, client.Bytes("objects", bundle(objects...)), client.Bytes("definitions", bundle(mark, identity, lonely)))
	if sum.Objects != 33 || sum.Accepted != 32 || sum.Refused != 1 || len(lines) != 33 {
		t.Fatalf("%d lines, %+v\n%+v", len(lines), sum, lines[30:])
	}
	var order []int
	for _, l := range lines {
		order = append(order, l.Object)
	}
	want := make([]int, 0, 33)
	for i := range 30 {
		want = append(want, i)
	}
	if want = append(want, 32, 30, 31); !slices.Equal(order, want) {
		t.Errorf("told in the order %v", order)
	}
	last := lines[30]
	if last.ID != "identity--00000000-0000-4000-8000-000000000002" || last.Outcome != api.Refused || last.Findings[0].Path != "/objects/2" && !strings.HasPrefix(last.Findings[0].Path, "/objects/2/") {
		t.Errorf("the identity nobody refers to: %+v", last)
	}
}

func TestADefinitionWhoseReferrersAreRefusedHereIsSubmittedByItself(t *testing.T) {
	h := newHub(t, func(c *broker.Config) { c.Limits.PayloadBytes, c.Limits.ObjectBytes = 64<<10, 60<<10 })
	c := connect(t, h.creds("sg/feed", policy.Publisher, stix.Green))
	own := h.Region().Members["sg"].Identities[0]
	mark, identity := strings.ReplaceAll(mark, vendor, own), strings.ReplaceAll(identity, vendor, own)
	// Alone it is within the hub's limit; with what it refers to it is not.
	big := strings.Replace(marked(1), `"test 1"`, `"`+strings.Repeat("x", 56<<10-len(marked(1))-100)+`"`, 1)
	in := bundle(mark, big, identity, indicator(2, stix.Green))
	lines, sum := run(t, c, client.PublishOptions{SubmitOptions: client.SubmitOptions{To: []string{"asean"}, Unmarked: stix.Green}}, client.Bytes("in", in))
	if sum.Objects != 4 || sum.Accepted != 3 || sum.Refused != 1 || sum.Unanswered != 0 || len(lines) != 4 {
		t.Fatalf("%+v\n%+v", sum, lines)
	}
	if lines[0].Object != 1 || lines[0].Findings[0].Code != "payload-too-large" {
		t.Errorf("%+v", lines[0])
	}
}

func TestRedToManyIsCutToWhatALoweredHubTakes(t *testing.T) {
	h := newHub(t, func(c *broker.Config) { c.Limits.Objects = 10 })
	c := connect(t, h.creds("sg/feed", policy.Publisher, stix.Green))
	var in bytes.Buffer
	for i := range 30 {
		fmt.Fprintln(&in, indicator(i, stix.Red))
	}
	_, sum := run(t, c, to("my", "th", "vn", "id"), client.Bytes("red", in.Bytes()))
	if sum.Accepted != 120 || sum.Refused != 0 || sum.Submissions != 6 {
		t.Errorf("%+v", sum)
	}
}

func TestRedIsToldForEachRecipient(t *testing.T) {
	h := newHub(t)
	c := connect(t, h.creds("sg/feed", policy.Publisher, stix.Green))
	lines, sum := run(t, c, to("my", "th"), client.Bytes("red", bundle(indicator(1, stix.Red), indicator(2, stix.Red))))
	if sum.Objects != 2 || sum.Accepted != 4 || len(lines) != 4 || len(sum.Places) != 2 {
		t.Errorf("%d lines, %+v", len(lines), sum)
	}
}

func TestAnObjectOverTheHubsLimitsIsRefusedAloneAndHere(t *testing.T) {
	h := newHub(t, func(c *broker.Config) { c.Limits.PayloadBytes, c.Limits.ObjectBytes = 64<<10, 32<<10 })
	c := connect(t, h.creds("sg/feed", policy.Publisher, stix.Green))
	big := strings.Replace(indicator(2, stix.Green), `"test 2"`, `"`+strings.Repeat("x", 40<<10)+`"`, 1)
	lines, sum := run(t, c, to("asean"), client.Bytes("in", bundle(indicator(1, stix.Green), big, indicator(3, stix.Green))))
	if sum.Accepted != 2 || sum.Refused != 1 || lines[1].Findings[0].Code != "object-too-large" {
		t.Errorf("%+v %+v", sum, lines)
	}
}

func TestAStreamIsSpooledAndPublished(t *testing.T) {
	h := newHub(t)
	c := connect(t, h.creds("sg/feed", policy.Publisher, stix.Green))
	src, release, err := client.Spool("-", io.MultiReader(strings.NewReader(indicator(1, stix.Green)), strings.NewReader("\n"+indicator(2, stix.Green))))
	must(t, err)
	_, sum := run(t, c, to("asean"), src)
	must(t, release())
	if sum.Accepted != 2 {
		t.Errorf("%+v", sum)
	}
}

func TestPublishingOutlastsARestartOfTheHub(t *testing.T) {
	h := newHub(t)
	c := connect(t, h.creds("sg/feed", policy.Publisher, stix.Green))
	var in bytes.Buffer
	const n = 2000
	for i := range n {
		fmt.Fprintln(&in, indicator(i, stix.Green))
	}
	o := to("asean")
	o.Objects = 20
	restarted := false
	count := 0
	o.OnLine = func(l client.Line) error {
		if count++; count > n/4 && !restarted {
			restarted = true
			must(t, h.Close())
			h.start()
		}
		return nil
	}
	sum, err := c.Publish(t.Context(), []client.Source{client.Bytes("in", in.Bytes())}, o)
	must(t, err)
	if sum.Accepted+sum.Duplicate != n || sum.Refused+sum.Unanswered > 0 {
		t.Errorf("%+v", sum)
	}
}

func TestPatienceEndsWhenTheHubIsGone(t *testing.T) {
	h := newHub(t)
	c := connect(t, h.creds("sg/feed", policy.Publisher, stix.Green))
	o := to("asean")
	o.Objects, o.Patience = 10, 300*time.Millisecond
	o.OnLine = func(client.Line) error { return h.Close() }
	var in bytes.Buffer
	for i := range 200 {
		fmt.Fprintln(&in, indicator(i, stix.Green))
	}
	sum, err := c.Publish(t.Context(), []client.Source{client.Bytes("in", in.Bytes())}, o)
	if !errors.Is(err, client.ErrUnreachable) {
		t.Fatalf("ended with %v", err)
	}
	if sum.Unanswered == 0 || sum.Accepted == 0 || sum.Accepted+sum.Unanswered != 200 {
		t.Errorf("%+v", sum)
	}
}

func TestACancelledPublishEndsAtOnce(t *testing.T) {
	h := newHub(t)
	c := connect(t, h.creds("sg/feed", policy.Publisher, stix.Green))
	ctx, cancel := context.WithCancel(t.Context())
	o := to("asean")
	o.Objects = 1
	o.OnLine = func(client.Line) error { cancel(); return nil }
	var in bytes.Buffer
	for i := range 200 {
		fmt.Fprintln(&in, indicator(i, stix.Green))
	}
	_, err := c.Publish(ctx, []client.Source{client.Bytes("in", in.Bytes())}, o)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

func TestASeatAsksWhatTheHubKnows(t *testing.T) {
	h := newHub(t)
	c := connect(t, h.creds("sg/feed", policy.Both, stix.Amber))
	me, err := c.Whoami(t.Context())
	must(t, err)
	if me.Seat != "sg/feed" || me.Member != "sg" || me.Ceiling != stix.Amber || me.Account != c.Account() || c.Seat() != "sg/feed" {
		t.Errorf("%+v", me)
	}
	publish(t, c, "asean", indicator(1, stix.Green))
	stored, err := c.Receipts(t.Context(), []api.ObjectVersion{{ID: indicatorID(1)}, {ID: indicatorID(2)}})
	must(t, err)
	if len(stored.Objects) != 1 || stored.Objects[0].ID != indicatorID(1) || len(stored.Objects[0].Places) != 1 {
		t.Errorf("%+v", stored)
	}
	route, err := c.Route(t.Context(), bundle(indicator(1, stix.Amber)), client.SubmitOptions{To: []string{"asean"}})
	must(t, err)
	if len(route.Objects) != 1 || route.Objects[0].Level != stix.Amber || len(route.Objects[0].Decisions) == 0 {
		t.Errorf("%+v", route)
	}
	if _, err := c.Replay(t.Context(), api.ReplayRequest{Streams: []string{"CTI_NONE"}, All: true}); err == nil {
		t.Error("a replay of a stream that does not exist is no error")
	}
}
