package broker_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// day is a time of modified, in the days of January.
func day(n int) string { return fmt.Sprintf("2026-01-%02dT00:00:00.000Z", n) }

// versionOf is the n-th indicator as modified on a day, with more properties.
func versionOf(n, modified int, more ...string) string {
	o := strings.Replace(indicator(n, stix.Green), `"modified":"`+day(1)+`"`, `"modified":"`+day(modified)+`"`, 1)
	return o[:len(o)-1] + strings.Join(append([]string{""}, more...), ",") + "}"
}

const revoking = `"revoked":true`

func createdBy(n int) string {
	return fmt.Sprintf(`"created_by_ref":"identity--00000000-0000-4000-8000-%012x"`, n)
}

func TestVersionsKeepTheRulesOfTheirObject(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Green)
	us := h.seat("us/feed", policy.Publisher, stix.Green)
	created := func(o string) string {
		return strings.Replace(o, `"created":"`+day(1)+`"`, `"created":"2025-12-31T00:00:00.000Z"`, 1)
	}
	const ok = "accepted green asean"
	for _, c := range []struct {
		what   string
		object string
		want   string
	}{
		{"the newest version first", versionOf(1, 5, createdBy(1)), ok},
		{"an older one after it", versionOf(1, 2), ok},
		{"one with another creator", versionOf(1, 6, createdBy(2)), "refused creator-changed"},
		{"an old one with another creator", versionOf(1, 3, createdBy(2)), "refused creator-changed"},
		{"one with another created", created(versionOf(1, 6)), "refused created-changed"},
		{"a revocation before the newest", versionOf(1, 4, revoking), "refused revocation-outdated"},
		{"the newest, its time spelled otherwise", strings.Replace(versionOf(1, 5), day(5), "2026-01-05T00:00:00.0000Z", 1), "refused conflict"},
		{"the newest with other bytes", versionOf(1, 5), "refused conflict"},
		{"an older one, its time spelled otherwise", strings.Replace(versionOf(1, 2), day(2), "2026-01-02T00:00:00.0000Z", 1), "refused conflict"},
		{"a revocation", versionOf(1, 7, revoking), ok},
		{"the same again", versionOf(1, 7, revoking), "duplicate green asean"},
		{"a version after it", versionOf(1, 8), "refused revoked-final"},
		{"another revocation", versionOf(1, 8, revoking), "refused revoked-final"},
		{"history that comes late", versionOf(1, 1, createdBy(1)), ok},
		{"an old version again", versionOf(1, 2), "duplicate green asean"},
	} {
		expect(t, c.what, sg.submit(bundle(c.object), "asean"), c.want)
	}
	r := sg.submit(bundle(versionOf(2, 1), versionOf(1, 9), versionOf(3, 1)), "asean")
	expect(t, "with neighbours", r, ok, "refused revoked-final", ok)
	if f := r.Objects[1].Findings[0]; f.Path != "/objects/1/modified" || f.Section == "" || strings.Contains(f.Message, "2026") {
		t.Errorf("finding %+v", f)
	}
	asked := api.ObjectVersion{ID: "indicator--00000000-0000-4000-8000-000000000001", Version: "2026-01-02T00:00:00.0000Z"}
	known := ask[api.Receipts](sg, api.SubjectReceipts, api.ReceiptsRequest{Objects: []api.ObjectVersion{asked}})
	if len(known.Objects) != 1 || known.Objects[0].Version != asked.Version {
		t.Errorf("asked for in another spelling: %+v", known.Objects)
	}
	expect(t, "another origin has a lineage of its own", us.submit(bundle(created(versionOf(1, 9, createdBy(2)))), "region"), "accepted green region")
}

func TestTheObjectsOfOneSubmissionAreLookedAtTogether(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Green)
	const ok = "accepted green asean"
	expect(t, "a whole history, backwards", sg.submit(bundle(versionOf(1, 3, revoking), versionOf(1, 2), versionOf(1, 1)), "asean"), ok, ok, ok)
	expect(t, "one that contradicts", sg.submit(bundle(versionOf(2, 3), versionOf(2, 2, revoking), versionOf(2, 1)), "asean"), ok, "refused revocation-outdated", ok)
	report := strings.NewReplacer(`"type":"indicator"`, `"type":"x-report"`, "indicator--", "x-report--").Replace(versionOf(3, 1))
	r := sg.submit(bundle(versionOf(3, 1), report), "asean")
	expect(t, "a UUID of two types", r, ok, ok)
	if w := r.Objects[1].Warnings; len(w) == 0 || w[len(w)-1].Code != "uuid-reused" {
		t.Errorf("warnings %+v", w)
	}
	translation := fmt.Sprintf(`{"type":"language-content","spec_version":"2.1","id":"language-content--00000000-0000-4000-8000-000000000001","created":%q,"modified":%q,"object_marking_refs":[%q],"object_ref":"indicator--00000000-0000-4000-8000-000000000004","object_modified":%q,"contents":{"de":{"name":["x"]}}}`, day(1), day(1), markGreen, day(1))
	expect(t, "a translation that does not fit", sg.submit(bundle(versionOf(4, 1), translation), "asean"), ok, "refused language-content")
	expect(t, "of what is not accepted nobody is told", sg.submit(bundle(marked(versionOf(4, 1), "marking-definition--00000000-0000-4000-8000-00000000dead"), translation), "asean"), "refused marking-unresolved", ok)
	expect(t, "by itself nobody can tell", sg.submit(bundle(translation), "asean"), "duplicate green asean")
}

// A type of somebody's own may be an observable or not; what was once versioned
// stays so, or its revocation would be worth nothing.
func TestWhatHasVersionsIsNotTakenWithoutThem(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Green)
	own := func(o string) string {
		return strings.NewReplacer(`"type":"indicator"`, `"type":"x-foo"`, "indicator--", "x-foo--").Replace(o)
	}
	bare := func(o string) string {
		for _, p := range []string{"created", "modified"} {
			o = strings.Replace(o, `"`+p+`":"`+day(1)+`",`, "", 1)
		}
		return o
	}
	const ok, no = "accepted green asean", "refused created-changed"
	expect(t, "a revocation", sg.submit(bundle(own(versionOf(1, 2, revoking))), "asean"), ok)
	expect(t, "the same id without versions", sg.submit(bundle(bare(own(versionOf(1, 1)))), "asean"), no)
	expect(t, "both at once", sg.submit(bundle(own(versionOf(2, 1, revoking)), bare(own(versionOf(2, 1)))), "asean"), ok, no)
	expect(t, "one that never had versions", sg.submit(bundle(bare(own(versionOf(3, 1)))), "asean"), ok)
}

func TestNoVersionIsFromTheFuture(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Green)
	at := func(d time.Duration) string {
		return strings.Replace(versionOf(1, 2), day(2), time.Now().Add(d).UTC().Format("2006-01-02T15:04:05.000Z"), 1)
	}
	expect(t, "the end of time", sg.submit(bundle(strings.Replace(versionOf(1, 2), day(2), "9999-12-31T23:59:59.999Z", 1)), "asean"), "refused in-the-future")
	expect(t, "the day after tomorrow", sg.submit(bundle(at(25*time.Hour)), "asean"), "refused in-the-future")
	expect(t, "a clock that is ahead", sg.submit(bundle(at(23*time.Hour)), "asean"), "accepted green asean")
}

// An object that is refused, by whatever rule, is held against no other.
func TestARefusedVersionDoesNotSinkItsNeighbours(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Green)
	foreign := h.Region().Members["my"].Identities[0]
	const ok = "accepted green asean"
	unmarked := strings.Replace(versionOf(1, 2, revoking), `,"object_marking_refs":["`+markGreen+`"]`, "", 1)
	expect(t, "an unmarked revocation", sg.submit(bundle(unmarked, versionOf(1, 3)), "asean"), "refused tlp-missing", ok)
	expect(t, "another member's first version", sg.submit(bundle(versionOf(2, 1, `"created_by_ref":"`+foreign+`"`), versionOf(2, 2, createdBy(1))), "asean"), "refused foreign-identity", ok)
	expect(t, "a version of A", sg.submit(bundle(versionOf(3, 2, createdBy(1))), "asean"), ok)
	expect(t, "one of B and one of A", sg.submit(bundle(versionOf(3, 1, createdBy(2)), versionOf(3, 3, createdBy(1))), "asean"), "refused creator-changed", ok)
	expect(t, "the fifth version", sg.submit(bundle(versionOf(4, 5)), "asean"), ok)
	expect(t, "a revocation that is outdated", sg.submit(bundle(versionOf(4, 4, revoking), versionOf(4, 6)), "asean"), "refused revocation-outdated", ok)
}

func TestARevocationIsFinalAfterARestartAndAfterLosingTheIndex(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Green)
	const n = 20
	for i := range n {
		expect(t, "history", sg.submit(bundle(versionOf(i, 1, createdBy(1)), versionOf(i, 2)), "asean"), "accepted green asean", "accepted green asean")
		// In another stream than the version it follows.
		expect(t, "the end of it", sg.submit(bundle(versionOf(i, 3, revoking)), "region"), "accepted green region")
	}
	check := func(what string) {
		t.Helper()
		for i := range n {
			expect(t, what, sg.submit(bundle(versionOf(i, 4)), "asean"), "refused revoked-final")
			expect(t, what, sg.submit(bundle(versionOf(i, 1, createdBy(2), `"x_note":1`)), "asean"), "refused conflict")
			expect(t, what, sg.submit(bundle(strings.Replace(versionOf(i, 2, createdBy(2)), day(2), "2026-01-02T12:00:00.000Z", 1)), "asean"), "refused creator-changed")
			expect(t, what, sg.submit(bundle(versionOf(i, 3, revoking)), "region"), "duplicate green region")
		}
	}
	check("at once")
	for _, lose := range []bool{false, true} {
		must(t, h.Close())
		if lose {
			h.loseIndex()
		}
		h.start()
		sg.connect(h.URL())
		check(fmt.Sprintf("after a restart, index lost: %v", lose))
	}
}

// Two seats of one member publish what cannot both stand, at the same moment,
// into different streams. One is accepted, whichever, and it is the other that
// hears why.
func TestOfTwoThatContradictEachOtherOneIsAccepted(t *testing.T) {
	h := newTestHub(t)
	seats := [2]*seat{h.seat("sg/feed", policy.Publisher, stix.Green), h.seat("sg/desk", policy.Publisher, stix.Green)}
	to := [2]string{"asean", "region"}
	won := [2]int{}
	for n := range 100 {
		pairs := [][2]string{
			{versionOf(n, 2, revoking), versionOf(n, 3)},
			{versionOf(n, 2, createdBy(1)), versionOf(n, 3, createdBy(2))},
			{versionOf(n, 2, revoking), versionOf(n, 3, revoking)},
		}
		objects := pairs[n%len(pairs)]
		var got [2]string
		var both sync.WaitGroup
		for i, s := range seats {
			both.Go(func() {
				r, err := s.try(bundle(objects[i], versionOf(1000+n*2+i, 1)), to[i], 20*time.Second)
				if err != nil {
					t.Error(err)
					return
				}
				got[i] = strings.Join(outcomes(r), ", ")
			})
		}
		both.Wait()
		neighbour := [2]string{", accepted green asean", ", accepted green region"}
		switch {
		case got[0] == "accepted green asean"+neighbour[0] && strings.HasPrefix(got[1], "refused ") && strings.HasSuffix(got[1], neighbour[1]):
			won[0]++
		case got[1] == "accepted green region"+neighbour[1] && strings.HasPrefix(got[0], "refused ") && strings.HasSuffix(got[0], neighbour[0]):
			won[1]++
		default:
			t.Fatalf("%q and %q", got[0], got[1])
		}
	}
	t.Logf("accepted of each seat: %v", won)
}

func TestManyVersionsOfOneObjectAreStoredTogether(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Green)
	var versions []string
	for i := range 2000 {
		versions = append(versions, strings.Replace(versionOf(1, 1), `"modified":"`+day(1)+`"`, fmt.Sprintf(`"modified":"2026-01-01T00:%02d:%02d.%03dZ"`, i/60%60, i%60, i), 1))
	}
	if r := sg.submit(bundle(versions...), "asean"); r.Accepted != len(versions) {
		t.Fatalf("%d accepted, %v", r.Accepted, r.Error)
	}
	known := ask[api.Receipts](sg, api.SubjectReceipts, api.ReceiptsRequest{Objects: []api.ObjectVersion{{ID: "indicator--00000000-0000-4000-8000-000000000001"}}})
	t.Logf("%d versions are told", len(known.Objects))
	size, err := h.StreamSize(t.Context(), "CTI_ASEAN_GREEN")
	if err != nil || size.Messages > 20 {
		t.Errorf("%d messages for versions that came at once, %v", size.Messages, err)
	}
}
