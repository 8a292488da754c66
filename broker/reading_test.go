package broker_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// collection picks by what a collection is called here: asean-amber, my-red, own,
// everything.
func collection(name string) func([]policy.Collection) *policy.Collection {
	return func(all []policy.Collection) *policy.Collection {
		for i := range all {
			if collectionName(&all[i]) == name {
				return &all[i]
			}
		}
		return nil
	}
}

func collectionName(c *policy.Collection) string {
	switch c.Kind {
	case policy.Own:
		return "own"
	case policy.Everything:
		return "everything"
	}
	return c.Stream.Audience + "-" + c.Stream.Level.String()
}

// read returns the bytes of every object of a collection, page by page.
func (h *testHub) read(account, name string, limit int) []string {
	h.t.Helper()
	q := catalog.Query{Limit: limit, Versions: []string{catalog.VersionAll}}
	var out []string
	for {
		got, err := h.Read(h.t.Context(), account, collection(name), q, true)
		must(h.t, err)
		out = append(out, objectsOf(h.t, got)...)
		if !got.More {
			return out
		}
		q.After = got.Next
	}
}

// objectsOf takes the runs of a reading apart, and holds them against its items.
func objectsOf(t testing.TB, got broker.Reading) []string {
	t.Helper()
	var out []string
	for _, run := range got.Runs {
		objects, err := stix.SplitValidated([]byte(`{"objects":[`+string(run.Data)+`]}`), stix.DefaultLimits)
		must(t, err)
		if len(objects) != run.Objects {
			t.Fatalf("a run of %d objects holds %d", run.Objects, len(objects))
		}
		for i := range objects {
			it := got.Items[len(out)]
			if objects[i].ID != it.ID || len(objects[i].Raw) != it.Length {
				t.Fatalf("%s of %d bytes stands where %s of %d should", objects[i].ID, len(objects[i].Raw), it.ID, it.Length)
			}
			out = append(out, string(objects[i].Raw))
		}
	}
	if len(out) != len(got.Items) {
		t.Fatalf("%d objects for %d items", len(out), len(got.Items))
	}
	return out
}

func TestACollectionHoldsTheBytesOfExactlyWhatItsSeatMayRead(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Red)
	my := h.seat("my/desk", policy.Both, stix.Amber)
	isp := h.seat("my/isp", policy.Subscriber, stix.Amber, func(s *policy.Seat) { s.Standing, s.FilterOrigin = policy.Client, "th" })
	pub := h.seat("th/pub", policy.Publisher, stix.Green)

	clear, green, amber, strict, red := indicator(1, stix.Clear), indicator(2, stix.Green), indicator(3, stix.Amber), indicator(4, stix.AmberStrict), indicator(5, stix.Red)
	drill, relayed := indicator(6, stix.Clear), indicator(7, stix.Green)
	expect(t, "clear", sg.submit(bundle(clear), "region"), "accepted clear region")
	expect(t, "green, amber, strict", sg.submit(bundle(green, amber, strict), "asean"), "accepted green asean", "accepted amber asean", "accepted amber-strict asean")
	expect(t, "red", sg.submit(bundle(red), "my,th"), "accepted red my", "accepted red th")
	expect(t, "drill", sg.submit(bundle(drill), "drill"), "accepted clear drill")
	expect(t, "relayed", pub.submit(bundle(relayed), "asean"), "accepted green asean")

	for _, c := range []struct {
		who  *seat
		name string
		want []string
	}{
		{sg, "region-clear", []string{clear}},
		{sg, "asean-amber", []string{amber}},
		{sg, "own", []string{clear, green, amber, strict, red}},
		{sg, "everything", []string{clear, green, amber, strict, relayed}},
		{sg, "drill-clear", []string{drill}},
		{my, "everything", []string{clear, green, amber, relayed}},
		{my, "own", nil},
		{isp, "everything", []string{relayed}},
		{isp, "asean-green", []string{relayed}},
		{isp, "region-clear", nil},
	} {
		for _, limit := range []int{1, 100} {
			got := h.read(c.who.account, c.name, limit)
			slices.Sort(got) // streams are written side by side
			slices.Sort(c.want)
			if !slices.Equal(c.want, got) {
				t.Errorf("%s, pages of %d: %d objects, not %d: %q", c.name, limit, len(got), len(c.want), got)
			}
		}
	}
	for name, c := range map[string]struct {
		account, collection string
	}{
		"above the ceiling":            {my.account, "asean-amber-strict"},
		"RED above the ceiling":        {my.account, "my-red"},
		"RED to another":               {sg.account, "my-red"},
		"no such audience":             {sg.account, "nowhere-clear"},
		"a seat that only publishes":   {pub.account, "asean-green"},
		"own of one that publishes":    {pub.account, "own"},
		"nobody's account":             {"AXYZ", "region-clear"},
		"anonymous, above CLEAR":       {"", "region-green"},
		"anonymous, what is a drill":   {"", "drill-clear"},
		"anonymous, everything at all": {"", "everything"},
	} {
		got, err := h.Read(t.Context(), c.account, collection(c.collection), catalog.Query{Limit: 10}, true)
		if err == nil || !strings.Contains(err.Error(), "not-found") || len(got.Runs) > 0 {
			t.Errorf("%s: %v, %+v", name, err, got)
		}
	}
	if diff := cmp.Diff([]string{clear}, h.read("", "region-clear", 10)); diff != "" {
		t.Error("anonymous: ", diff)
	}

	// A change takes its effect on the next question.
	must(t, h.SetCeiling(t.Context(), "sg/feed", stix.Green))
	if got := h.read(sg.account, "everything", 10); len(got) != 3 {
		t.Errorf("after lowering the ceiling: %d objects", len(got))
	}
	must(t, h.Leave(t.Context(), "asean", "my"))
	must(t, h.Join(t.Context(), "asean", "my", false))
	later := indicator(8, stix.Amber)
	expect(t, "later", sg.submit(bundle(later), "asean"), "accepted amber asean")
	if diff := cmp.Diff([]string{later}, h.read(my.account, "asean-amber", 10)); diff != "" {
		t.Error("of AMBER a newcomer reads what came since: ", diff)
	}
	if got := h.read(my.account, "asean-green", 10); len(got) != 2 {
		t.Errorf("of GREEN a newcomer reads all: %d", len(got))
	}
	must(t, h.SuspendMember(t.Context(), "my"))
	if c := h.Collections(my.account); len(c) != 0 {
		t.Errorf("a suspended member has collections: %+v", c)
	}
	writable := map[string]bool{}
	for _, c := range h.Collections(pub.account) {
		writable[collectionName(&c)] = c.Write && !c.Read
	}
	if !writable["asean-amber-strict"] || !writable["region-clear"] || writable["my-red"] || len(writable) != 24 {
		t.Errorf("a publisher may write to %v", writable)
	}
}

// Readers of a merged collection go on while others write, in many messages at
// once and to many streams, and miss nothing.
func TestAMergedCollectionSkipsNothingWhileOthersWrite(t *testing.T) {
	h := newTestHub(t)
	reader := h.seat("vn/desk", policy.Subscriber, stix.Amber)
	const each = 150
	var writers sync.WaitGroup
	var mu sync.Mutex
	published := map[string]bool{}
	for i, member := range []string{"sg", "my", "th"} {
		s := h.seat(member+"/feed", policy.Both, stix.Red)
		writers.Go(func() {
			for n := range each {
				level := stix.Levels[rand.IntN(3)]
				o := indicator(i*1_000_000+n, level)
				if r := s.submit(bundle(o), []string{"asean", "region"}[n%2]); r.Accepted != 1 {
					t.Errorf("%+v", r)
				}
				mu.Lock()
				published[o] = true
				mu.Unlock()
			}
		})
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	var got []string
	q := catalog.Query{}
	for final := false; ; {
		q.Limit = 1 + rand.IntN(20)
		page, err := h.Read(t.Context(), reader.account, collection("everything"), q, true)
		must(t, err)
		got = append(got, objectsOf(t, page)...)
		q.After = max(q.After, page.Next)
		if page.More {
			continue
		}
		if final {
			break
		}
		select {
		case <-done:
			final = true // once more, for what came since
		default:
		}
	}
	slices.Sort(got)
	var want []string
	for o := range published {
		want = append(want, o)
	}
	slices.Sort(want)
	if !slices.Equal(want, got) {
		t.Errorf("published %d, read %d", len(want), len(got))
	}
}

func TestASubmissionForOneLevelRefusesTheOthers(t *testing.T) {
	h := newTestHub(t)
	s := h.seat("sg/feed", policy.Both, stix.Red)
	r, err := h.Submit(t.Context(), broker.Submission{
		Account: s.account, Payload: bundle(indicator(1, stix.Green), indicator(2, stix.Amber), indicator(3, stix.NoLevel)),
		To: []string{"asean"}, Unmarked: stix.Amber, Only: stix.Amber,
	})
	must(t, err)
	expect(t, "of three levels", r, "refused level-other", "accepted amber asean", "accepted amber asean")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Submit(ctx, broker.Submission{Account: s.account, Payload: bundle()}); err == nil {
		t.Error("nobody waits, and there was an answer")
	}
	r, err = h.Submit(t.Context(), broker.Submission{Account: "AXYZ", Payload: bundle(indicator(4, stix.Green))})
	if err != nil || r.Error == nil || r.Error.Code != "no-seat" {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := h.Submit(t.Context(), broker.Submission{Account: s.account, Payload: bytes.Repeat([]byte(" "), 80<<20)}); err == nil || !strings.Contains(err.Error(), "payload-too-large") {
		t.Errorf("%v", fmt.Sprint(err))
	}
}

// A name that is enrolled again is another member: nothing of the former one's is
// its own.
func TestWhatAFormerMemberOfThatNamePublishedIsNotOnesOwn(t *testing.T) {
	h := newTestHub(t)
	var account string
	for life := range 2 {
		must(t, h.AddMember(t.Context(), policy.Member{Name: "acme"}))
		must(t, h.Join(t.Context(), "asean", "acme", false))
		s := h.seat("acme/feed", policy.Both, stix.Red)
		account = s.account
		if life == 1 {
			if got := h.read(account, "own", 10); len(got) > 0 {
				t.Errorf("a new member's own publications are %d", len(got))
			}
			got := ask[api.Receipts](s, api.SubjectReceipts, api.ReceiptsRequest{Objects: []api.ObjectVersion{{ID: "indicator--00000000-0000-4000-8000-000000000000", Version: "2026-01-01T00:00:00.000Z"}}})
			if len(got.Objects) > 0 {
				t.Errorf("a new member is told of %+v", got.Objects)
			}
		}
		expect(t, "amber", s.submit(bundle(indicator(2*life, stix.Amber)), "asean"), "accepted amber asean")
		expect(t, "red", s.submit(bundle(indicator(2*life+1, stix.Red)), "my"), "accepted red my")
		if got := h.read(account, "own", 10); len(got) != 2 {
			t.Errorf("its own publications are %d, not 2", len(got))
		}
		if life == 0 {
			must(t, h.RemoveMember(t.Context(), "acme"))
		}
	}
}

// Many forms of one observable, and many versions of one object, cost their
// submitter and whoever reads them no more than as many objects.
func TestManyFormsAndVersionsOfOneObjectAreReadAsOthersAre(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of objects, one reader")
	}
	h := newTestHub(t, func(c *broker.Config) { c.Limits.ObjectsPerSecond, c.Limits.SubmissionsPerSecond = 0, 0 })
	s := h.seat("sg/feed", policy.Both, stix.Green)
	const each = 4000
	forms, versions := make([]string, each), make([]string, each)
	for i := range each {
		forms[i] = fmt.Sprintf(`{"type":"ipv4-addr","spec_version":"2.1","id":"ipv4-addr--00000000-0000-4000-8000-000000000001","value":"192.0.2.1","x_n":%d}`, i)
		versions[i] = strings.Replace(indicator(1, stix.Green), `"modified":"2026-01-01T00:00:00.000Z"`, fmt.Sprintf(`"modified":"2026-01-01T00:%02d:%02d.%03dZ"`, i/60000, i/1000%60, i%1000), 1)
	}
	for _, objects := range [][]string{forms, versions} {
		r, err := h.Submit(t.Context(), broker.Submission{Account: s.account, Payload: bundle(objects...), To: []string{"asean"}, Unmarked: stix.Green})
		if err != nil || r.Accepted != each {
			t.Fatal(err, r.Accepted, r.Refused)
		}
	}
	if got := h.read(s.account, "everything", 1000); len(got) != 2*each {
		t.Errorf("%d objects in all their versions", len(got))
	}
	for _, ids := range [][]string{nil, {"ipv4-addr--00000000-0000-4000-8000-000000000001", "indicator--00000000-0000-4000-8000-000000000001"}} {
		got, err := h.Read(t.Context(), s.account, collection("everything"), catalog.Query{Limit: 10, IDs: ids}, true)
		must(t, err)
		if objects := objectsOf(t, got); !slices.Equal(objects, []string{forms[each-1], versions[each-1]}) {
			t.Errorf("the latest of two objects: %q", objects)
		}
	}
	h.agrees()
}

// A write that was given up in a stream where nobody writes any more holds back
// what others show only until it is known what became of it.
func TestAWriteThatWasGivenUpHoldsTheWatermarkBackForAMoment(t *testing.T) {
	h := newTestHub(t)
	s := h.seat("sg/feed", policy.Both, stix.Red)
	expect(t, "before", s.submit(bundle(indicator(1, stix.Clear)), "region"), "accepted clear region")
	h.GiveUp("CTI_LA_RED")
	expect(t, "after", s.submit(bundle(indicator(2, stix.Clear)), "region"), "accepted clear region")
	awaitTrue(t, patience, "everything shows what came after", func() bool {
		return len(h.read(s.account, "everything", 10)) == 2
	})
}
