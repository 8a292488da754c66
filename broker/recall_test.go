package broker_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// idOf is the id of the indicator that indicator(n, ...) makes.
func idOf(t testing.TB, object string) string {
	t.Helper()
	objects, err := stix.Split([]byte(object), stix.DefaultLimits)
	must(t, err)
	return objects[0].ID
}

// version is an indicator's later version.
func version(object, modified string) string {
	return strings.Replace(object, `"modified":"2026-01-01T00:00:00.000Z"`, `"modified":"`+modified+`"`, 1)
}

// orders pulls and acknowledges every order that waits for a seat.
func (s *seat) orders() []api.RecallOrder {
	s.t.Helper()
	streams := ask[api.Streams](s, api.SubjectStreams, nil)
	if streams.Control == nil {
		return nil
	}
	c, err := s.js.Consumer(s.t.Context(), streams.Control.Name, streams.Consumer)
	must(s.t, err)
	var out []api.RecallOrder
	for {
		info, err := c.Info(s.t.Context())
		must(s.t, err)
		if info.NumPending == 0 {
			return out
		}
		batch, err := c.Fetch(int(info.NumPending), jetstream.FetchMaxWait(patience))
		must(s.t, err)
		for m := range batch.Messages() {
			var o api.RecallOrder
			must(s.t, json.Unmarshal(m.Data(), &o))
			out = append(out, o)
			must(s.t, m.DoubleAck(s.t.Context()))
		}
		must(s.t, batch.Error())
	}
}

func TestARecalledObjectIsGoneAndItsNeighboursAreWhereTheyWere(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Green)
	my := h.seat("my/desk", policy.Subscriber, stix.Green)
	th := h.seat("th/desk", policy.Subscriber, stix.Green)
	th.drain()
	var objects []string
	for n := range 20 {
		objects = append(objects, indicator(n, stix.Clear))
	}
	sent := sg.submit(bundle(objects...), "region")
	if sent.Accepted != 20 {
		t.Fatalf("%+v", sent)
	}
	if got := my.drain()["CTI_REGION_CLEAR"]; len(got) != 20 {
		t.Fatalf("%d objects delivered", len(got))
	}
	gone := idOf(t, objects[7])
	done := ask[api.Recalled](sg, api.SubjectRecall, api.RecallRequest{ID: gone, Reason: "a mistake"})
	if done.Places != 1 || done.Members != 12 {
		t.Errorf("recalled: %+v", done)
	}
	again := ask[api.Recalled](sg, api.SubjectRecall, api.RecallRequest{ID: gone, Reason: "once more"})
	if again.Recall != done.Recall {
		t.Errorf("a second recall is another: %+v", again)
	}
	for name, s := range map[string]*seat{"my, which had it": my, "th, which was away": th} {
		orders := s.orders()
		if len(orders) != 1 || orders[0].ID != gone || orders[0].Origin != "sg" || orders[0].Reason != "a mistake" || orders[0].Version != "" {
			t.Errorf("%s is told %+v", name, orders)
		}
	}
	left := slices.Delete(slices.Clone(objects), 7, 8)
	check := func(when string) {
		t.Helper()
		if got := h.read(th.account, "region-clear", 6); !slices.Equal(got, left) {
			t.Errorf("%s: the collection has %d objects, or others", when, len(got))
		}
		r := ask[api.Receipts](sg, api.SubjectReceipts, api.ReceiptsRequest{Objects: []api.ObjectVersion{{ID: gone}, {ID: idOf(t, objects[9])}}})
		if len(r.Objects) != 1 || r.Objects[0].Places[0].Sequence != sent.Objects[9].Sequence || r.Objects[0].Places[0].Index != sent.Objects[9].Index || r.Objects[0].Places[0].Added != sent.Objects[9].Added {
			t.Errorf("%s: receipts: %+v, at first: %+v", when, r, sent.Objects[9])
		}
		if r := sg.submit(bundle(objects[7]), "region"); r.Refused != 1 || r.Objects[0].Findings[0].Code != "recalled" {
			t.Errorf("%s: submitted again: %+v", when, r)
		}
		if r := sg.submit(bundle(version(objects[7], "2026-02-02T00:00:00.000Z")), "asean"); r.Refused != 1 || r.Objects[0].Findings[0].Code != "recalled" {
			t.Errorf("%s: a later version: %+v", when, r)
		}
		if r := sg.submit(bundle(objects[9]), "region"); r.Duplicate != 1 {
			t.Errorf("%s: a neighbour again: %+v", when, r)
		}
		h.agrees()
	}
	check("at once")
	got := th.drain()["CTI_REGION_CLEAR"]
	slices.Sort(got)
	if want := slices.Sorted(slices.Values(left)); !slices.Equal(got, want) {
		t.Errorf("th receives %d objects", len(got))
	}
	for _, rebuilt := range []bool{false, true} {
		must(t, h.Close())
		if rebuilt {
			h.loseIndex()
		}
		h.start()
		sg.connect(h.URL())
		if r := h.Recovered(); r.Missing != 0 {
			t.Errorf("%d messages are missing after a start", r.Missing)
		}
		check("after a restart")
	}
	// A second one of the same message, which has moved.
	second := idOf(t, objects[3])
	ask[api.Recalled](sg, api.SubjectRecall, api.RecallRequest{ID: second, Reason: "also"})
	left = slices.Delete(left, 3, 4)
	check("after a second")
	my.connect(h.URL())
	if o := my.orders(); len(o) != 1 || o[0].ID != second {
		t.Errorf("my is told %+v", o)
	}
}

func TestTheBytesOfARecalledObjectAreInNoFile(t *testing.T) {
	h := newTestHub(t, func(c *broker.Config) { c.Store.Encrypt = false })
	sg := h.seat("sg/feed", policy.Both, stix.Red)
	h.seat("my/desk", policy.Subscriber, stix.Red).drain()
	secret := "q7Zx2LpVw9RkTn4Ys8Bd"
	var objects []string
	for n := range 200 {
		objects = append(objects, indicator(n, stix.Green))
	}
	objects[100] = strings.Replace(strings.Replace(objects[100], "test 100", "it is "+secret, 1), "192.0.2.100", "203.0.113.77", 1)
	amber := strings.Replace(indicator(1000, stix.Amber), "test 1000", "it is "+secret, 1)
	red := strings.Replace(indicator(1001, stix.Red), "test 1001", "it is "+secret, 1)
	for to, payload := range map[string][]byte{"region": bundle(objects...), "asean": bundle(amber), "my,th": bundle(red)} {
		if r := sg.submit(payload, to); r.Refused > 0 || r.Error != nil {
			t.Fatalf("%+v", r)
		}
	}
	// So much that the block which holds it is closed and compressed.
	for n := range 24 {
		if r := sg.submit(bundle(strings.Replace(bulky(2000+n, 700<<10), markClear, markGreen, 1)), "region"); r.Accepted != 1 {
			t.Fatalf("%+v", r)
		}
	}
	if n := filesWith(t, h.cfg.Data, secret); n < 3 {
		t.Fatalf("%d files hold the bytes before", n)
	}
	for _, o := range []string{objects[100], amber, red} {
		ask[api.Recalled](sg, api.SubjectRecall, api.RecallRequest{ID: idOf(t, o), Reason: "erase"})
	}
	if n := filesWith(t, h.cfg.Data, secret); n != 0 {
		t.Errorf("%d files hold the bytes while the hub runs", n)
	}
	must(t, h.Close())
	if n := filesWith(t, h.cfg.Data, secret); n != 0 {
		t.Errorf("%d files hold the bytes after the hub was closed", n)
	}
	h.start()
	if got := h.read(sg.account, "region-green", 50); len(got) != 199+24 {
		t.Errorf("%d neighbours are left", len(got))
	}
}

func filesWith(t *testing.T, dir, text string) (n int) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return ignoreMissing(err)
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(text)) {
			t.Logf("%s holds it", path)
			n++
		}
		return ignoreMissing(err)
	}))
	return n
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func TestAStricterVersionTakesTheEarlierOnesAway(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Red)
	green := h.seat("us/desk", policy.Subscriber, stix.Green)
	amber := h.seat("us/analyst", policy.Subscriber, stix.Amber)
	v1 := indicator(1, stix.Green)
	v2 := version(indicator(1, stix.Amber), "2026-02-01T00:00:00.000Z")
	late := version(indicator(1, stix.Green), "2026-01-15T00:00:00.000Z")
	if r := sg.submit(bundle(v1), "region"); r.Accepted != 1 {
		t.Fatalf("%+v", r)
	}
	if got := green.drain()["CTI_REGION_GREEN"]; len(got) != 1 {
		t.Fatalf("%d delivered", len(got))
	}
	if r := sg.submit(bundle(v2), "asean-us"); r.Accepted != 1 {
		t.Fatalf("%+v", r.Objects)
	}
	for name, s := range map[string]*seat{"green": green, "amber": amber} {
		o := s.orders()
		if len(o) != 1 || o[0].Before != "2026-01-01T00:00:00.000000001Z" || o[0].Unless != stix.Amber || o[0].Level != stix.Green {
			t.Errorf("%s is told %+v", name, o)
		}
	}
	if got := h.read(green.account, "region-green", 10); len(got) != 0 {
		t.Errorf("the earlier version is still read: %q", got)
	}
	if got := h.read(amber.account, "asean-us-amber", 10); len(got) != 1 || got[0] != v2 {
		t.Errorf("the new version: %q", got)
	}
	if r := sg.submit(bundle(late), "region"); r.Refused != 1 || r.Objects[0].Findings[0].Code != "recalled" {
		t.Errorf("a version in between that comes late: %+v", r.Objects)
	}
	// Both in one submission, in either order.
	for n, both := range [][]string{
		{indicator(2, stix.Clear), version(indicator(2, stix.Green), "2026-02-01T00:00:00.000Z")},
		{version(indicator(3, stix.Green), "2026-02-01T00:00:00.000Z"), indicator(3, stix.Clear)},
	} {
		r := sg.submit(bundle(both...), "region")
		if r.Error != nil || r.Objects[1-n].Outcome != api.Accepted {
			t.Errorf("both at once: %+v", r)
		}
		for _, o := range h.read(green.account, "region-clear", 10) {
			if o == both[n] {
				t.Errorf("the less strict version is still there")
			}
		}
	}
	// A wider audience, or a less strict level, takes nothing away.
	if r := sg.submit(bundle(version(indicator(1, stix.Clear), "2026-03-01T00:00:00.000Z")), "region"); r.Accepted != 1 {
		t.Errorf("a downgrade: %+v", r.Objects)
	}
	if got := h.read(amber.account, "asean-us-amber", 10); len(got) != 1 {
		t.Errorf("a downgrade took the stricter version away")
	}
	h.agrees()
	st := ask[api.RecallStatuses](sg, api.SubjectRecallStatus, api.RecallStatusRequest{ID: idOf(t, v1)})
	if len(st.Recalls) != 1 || !st.Recalls[0].Erased || st.Recalls[0].By != "narrowing" {
		t.Errorf("status: %+v", st)
	}
}

func TestOnlyWhoMayHaveReceivedAnObjectIsToldOfItsRecall(t *testing.T) {
	h := newTestHub(t)
	ctx := t.Context()
	sg := h.seat("sg/feed", policy.Both, stix.Amber)
	left := h.seat("ph/desk", policy.Subscriber, stix.Amber)
	low := h.seat("my/sensor", policy.Subscriber, stix.Green)
	lowered := h.seat("my/desk", policy.Subscriber, stix.Amber)
	outside := h.seat("us/desk", policy.Subscriber, stix.Red)
	indicators := h.seat("th/intel", policy.Subscriber, stix.Amber, func(s *policy.Seat) { s.FilterType = "report" })
	before := indicator(1, stix.Amber)
	sg.submit(bundle(before), "asean")
	left.drain()
	must(t, h.Leave(ctx, "asean", "ph"))
	must(t, h.SetCeiling(ctx, "my/desk", stix.Green))
	after := indicator(2, stix.Amber)
	sg.submit(bundle(after), "asean")
	must(t, h.Join(ctx, "asean", "us", false))
	for _, o := range []string{before, after} {
		if r := ask[api.Recalled](sg, api.SubjectRecall, api.RecallRequest{ID: idOf(t, o), Reason: "wrong"}); r.Places != 1 {
			t.Fatalf("%+v", r)
		}
	}
	told := func(s *seat) (ids []string) {
		for _, o := range s.orders() {
			ids = append(ids, o.ID)
		}
		return ids
	}
	for _, c := range []struct {
		name string
		seat *seat
		want []string
	}{
		{"a seat of a member that has left since", left, []string{idOf(t, before)}},
		{"a seat whose ceiling was always lower", low, nil},
		{"a seat whose ceiling was lowered since", lowered, []string{idOf(t, before), idOf(t, after)}},
		{"a seat of a member that joined afterwards", outside, nil},
		{"a seat that takes reports only", indicators, nil},
	} {
		if got := told(c.seat); !slices.Equal(got, c.want) {
			t.Errorf("%s is told of %v, not %v", c.name, got, c.want)
		}
	}
}

func TestOnlyTheOriginAndTheAdministratorRecall(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Green)
	client := h.seat("sg/isp", policy.Both, stix.Green, func(s *policy.Seat) { s.Standing = policy.Client })
	my := h.seat("my/feed", policy.Both, stix.Red)
	reader := h.seat("sg/desk", policy.Subscriber, stix.Red)
	o := indicator(1, stix.Amber)
	if r := sg.submit(bundle(o), "asean"); r.Accepted != 1 {
		t.Fatal(r)
	}
	recall := func(s *seat, q api.RecallRequest) string {
		_, err := h.Recall(t.Context(), s.account, q)
		return codeOf(err)
	}
	q := api.RecallRequest{ID: idOf(t, o), Reason: "wrong"}
	for name, c := range map[string]struct {
		got, want string
	}{
		"another member":                 {recall(my, q), "not-found"},
		"a seat that only reads":         {recall(reader, q), "seat-kind"},
		"a client below the level":       {recall(client, q), "not-found"},
		"without a reason":               {recall(sg, api.RecallRequest{ID: q.ID}), "invalid"},
		"with a reason of two lines":     {recall(sg, api.RecallRequest{ID: q.ID, Reason: "x\ny"}), "invalid"},
		"with a reason no command takes": {recall(sg, api.RecallRequest{ID: q.ID, Reason: "x\x00"}), "invalid"},
		"of another version":             {recall(sg, api.RecallRequest{ID: q.ID, Reason: "x", Version: "2025-01-01T00:00:00Z"}), "not-found"},
		"from where it is not":           {recall(sg, api.RecallRequest{ID: q.ID, Reason: "x", From: "region"}), "not-found"},
		"of what is not there":           {recall(sg, api.RecallRequest{ID: "indicator--x", Reason: "x"}), "not-found"},
		"a seat that is not of this hub": {recall(&seat{account: "A"}, q), "forbidden"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, not %q", name, c.got, c.want)
		}
	}
	if got := h.read(my.account, "asean-amber", 10); len(got) != 1 {
		t.Fatalf("a refused recall took the object away")
	}
	r, err := h.RecallAs(t.Context(), "sg", q)
	must(t, err)
	if r.Places != 1 {
		t.Errorf("the administrator recalled %+v", r)
	}
	if got := h.read(my.account, "asean-amber", 10); len(got) != 0 {
		t.Errorf("it is still there")
	}
	st, err := h.RecallStatusAs(t.Context(), "sg", q.ID)
	must(t, err)
	if len(st.Recalls) != 1 || st.Recalls[0].By != "administrator" {
		t.Errorf("%+v", st)
	}
}

func codeOf(err error) string {
	var e *api.Error
	if errors.As(err, &e) {
		return e.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestARecallFromOneAudienceLeavesTheOthers(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Red)
	o := indicator(1, stix.Amber)
	for _, to := range []string{"asean", "asean-us"} {
		if r := sg.submit(bundle(o), to); r.Accepted != 1 {
			t.Fatal(r)
		}
	}
	q := api.RecallRequest{ID: idOf(t, o), From: "asean-us", Reason: "too wide"}
	if r := ask[api.Recalled](sg, api.SubjectRecall, q); r.Places != 1 {
		t.Errorf("%+v", r)
	}
	if a, b := h.read(sg.account, "asean-amber", 10), h.read(sg.account, "asean-us-amber", 10); len(a) != 1 || len(b) != 0 {
		t.Errorf("asean has %d, asean-us %d", len(a), len(b))
	}
	if r := sg.submit(bundle(o), "asean-us"); r.Refused != 1 || r.Objects[0].Findings[0].Code != "recalled" {
		t.Errorf("again to asean-us: %+v", r)
	}
	if r := sg.submit(bundle(o), "asean"); r.Duplicate != 1 {
		t.Errorf("again to asean: %+v", r)
	}
	h.agrees()
}

func TestAVersionThatWasRecalledMakesRoomForARightOne(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Red)
	first := indicator(1, stix.Green)
	wrong := strings.Replace(version(first, "2026-05-01T00:00:00.000Z"), `,"name"`, `,"revoked":true,"name"`, 1)
	right := version(first, "2026-04-01T00:00:00.000Z")
	if r := sg.submit(bundle(first, wrong), "region"); r.Accepted != 2 {
		t.Fatalf("%+v", r)
	}
	if r := sg.submit(bundle(version(first, "2026-06-01T00:00:00.000Z")), "region"); r.Refused != 1 {
		t.Fatalf("after it was revoked: %+v", r)
	}
	ask[api.Recalled](sg, api.SubjectRecall, api.RecallRequest{ID: idOf(t, first), Version: "2026-05-01T00:00:00.000Z", Reason: "revoked by mistake"})
	for _, v := range []string{right, version(first, "2026-06-01T00:00:00.000Z")} {
		if r := sg.submit(bundle(v), "region"); r.Accepted != 1 {
			t.Errorf("%+v", r.Objects)
		}
	}
	if r := sg.submit(bundle(wrong), "region"); r.Refused != 1 || r.Objects[0].Findings[0].Code != "recalled" {
		t.Errorf("the wrong one again: %+v", r)
	}
	h.agrees()
}
