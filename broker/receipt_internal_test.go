package broker

import (
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// Receipts are appended by hand; they must read as if encoding/json had
// written the api types.
func TestAReceiptReadsAsItsTypesSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &submission{id: "11111111-2222-4333-8444-555555555555", seat: &policy.Seat{Member: "sg"}}
		r := &receipt{sub: s}
		want := api.Receipt{Submission: s.id, Origin: "sg"}
		retries := 0
		var explained []string
		for i := range rapid.IntRange(0, 6).Draw(t, "objects") {
			o := object{level: rapid.SampledFrom(stix.Levels[:]).Draw(t, "level")}
			o.ID = fmt.Sprintf("indicator--00000000-0000-4000-8000-%012d", i)
			if rapid.Bool().Draw(t, "versioned") {
				o.Modified = "2026-01-01T00:00:00.123456789Z"
			}
			if rapid.Bool().Draw(t, "warned") {
				o.warnings = []stix.Finding{{Code: "w", Path: rapid.String().Draw(t, "path"), Message: rapid.String().Draw(t, "text"), Section: "§ \""}, {Code: "v"}, {Code: "w", Path: "/b"}}
			}
			o.streams = []policy.Stream{{Audience: "asean", Level: o.level}}
			l := line{object: i, stream: 0, outcome: rapid.SampledFrom([]api.Outcome{api.Accepted, api.Duplicate, api.Refused}).Draw(t, "outcome")}
			line := api.ObjectReceipt{Object: i, ID: o.ID, Version: o.Version(), Outcome: l.outcome, Audience: "asean", Level: o.level, Warnings: gather(o.warnings, &explained)}
			if l.outcome == api.Refused {
				code := rapid.SampledFrom([]string{"busy", "conflict"}).Draw(t, "code")
				l.findings = []stix.Finding{{Code: code, Message: "m \" \\ \x00"}}
				line.Findings = l.findings
				want.Refused++
				if retryable(code) {
					retries++
				}
			} else {
				l.place = catalog.Place{Stream: "CTI_ASEAN_CLEAR", Seq: rapid.Uint64().Draw(t, "seq"), Index: i, Audience: "asean", Level: o.level, Added: rapid.Int64Range(0, 4e15).Draw(t, "added")}
				line.Stream, line.Sequence, line.Index, line.Added = l.place.Stream, l.place.Seq, i, formatAdded(l.place.Added)
				if l.outcome == api.Accepted {
					want.Accepted++
				} else {
					want.Duplicate++
				}
			}
			s.objects = append(s.objects, o)
			r.lines = append(r.lines, l)
			want.Objects = append(want.Objects, line)
		}
		want.Retry = retries > 0
		var got, expect api.Receipt
		if err := json.Unmarshal(r.encode(math.MaxInt32), &got); err != nil {
			t.Fatalf("not JSON: %v\n%s", err, r.encode(math.MaxInt32))
		}
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &expect); err != nil {
			t.Fatal(err)
		}
		if expect.Objects == nil {
			expect.Objects = []api.ObjectReceipt{}
		}
		if diff := cmp.Diff(expect, got); diff != "" {
			t.Fatal(diff)
		}
		// Who asks within the process is told the same.
		if diff := cmp.Diff(got, *r.value(), cmpopts.EquateEmpty()); r.brief == fullDetail && diff != "" {
			t.Fatal(diff)
		}
	})
}

// A receipt of which full detail would take hundreds of MB is told in less,
// without ever having been written out.
func TestAReceiptTakesMemoryByWhatOneMessageHolds(t *testing.T) {
	findings := make([]stix.Finding, 100)
	for i := range findings {
		findings[i] = stix.Finding{Severity: stix.Error, Code: "custom-property", Path: "/objects/1234/x_property", Section: "STIX 2.1 §11.1", Message: strings.Repeat("m", 200)}
	}
	s := &submission{id: "11111111-2222-4333-8444-555555555555", seat: &policy.Seat{Member: "sg"}, objects: make([]object, 10_000)}
	for name, c := range map[string]struct {
		outcome api.Outcome
		most    int
		want    brevity
	}{
		"refused": {api.Refused, 9 << 20, firstFinding}, "refused, in less": {api.Refused, 3 << 20, codesOnly},
		"refused, in little": {api.Refused, 1 << 16, countsOnly}, "accepted": {api.Accepted, 2 << 20, firstFinding},
	} {
		r := &receipt{sub: s}
		for i := range s.objects {
			l := line{object: i, stream: -1, outcome: c.outcome, place: catalog.Place{Level: stix.Clear}}
			if s.objects[i].warnings = findings; c.outcome == api.Refused {
				l.findings, s.objects[i].warnings = findings, nil
			}
			r.lines = append(r.lines, l)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		b := r.encode(c.most)
		runtime.ReadMemStats(&after)
		took := int(after.TotalAlloc - before.TotalAlloc)
		t.Logf("%s: %d bytes, %d allocated", name, len(b), took)
		if took > 8*c.most+1<<20 || len(b) > c.most || r.brief != c.want {
			t.Errorf("%s: %d bytes allocated for %d of at most %d, brevity %d", name, took, len(b), c.most, r.brief)
		}
		var got api.Receipt
		if err := json.Unmarshal(b, &got); err != nil || got.Accepted+got.Refused != len(s.objects) {
			t.Errorf("%s: %d told, %v", name, got.Accepted+got.Refused, err)
		}
	}
}

// RED to three members has three lines of one object, and what was stored before
// was counted then.
func TestWarningsAreCountedOnceForEachAcceptedObject(t *testing.T) {
	s := &submission{seat: &policy.Seat{Member: "sg"}, objects: make([]object, 3)}
	for i := range s.objects {
		s.objects[i].warnings = []stix.Finding{{Code: "w"}, {Code: "w"}, {Code: "v"}}
	}
	r := &receipt{sub: s}
	for i, outcomes := range [][]api.Outcome{{api.Duplicate, api.Accepted, api.Accepted}, {api.Duplicate}, {api.Refused}} {
		for _, o := range outcomes {
			r.lines = append(r.lines, line{object: i, stream: -1, outcome: o})
		}
	}
	m := newMetrics()
	m.submission(r, 0)
	registry := prometheus.NewRegistry()
	if err := registry.Register(m.Warnings); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, c := range families[0].Metric {
		got[c.Label[0].GetValue()] = c.Counter.GetValue()
	}
	if diff := cmp.Diff(map[string]float64{"w": 2, "v": 1}, got); diff != "" {
		t.Error(diff)
	}
}

func TestDateAddedRisesEvenWhenTheClockGoesBack(t *testing.T) {
	c := clock{last: 1 << 60} // far in the future
	a := c.next(3)
	if b := c.next(1); a != 1<<60+1 || b != a+3 {
		t.Errorf("got %d then %d", a, b)
	}
}
