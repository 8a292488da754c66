package client

import (
	"slices"
	"testing"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

func line(object int, o api.Outcome, audience, code string) api.ObjectReceipt {
	r := api.ObjectReceipt{Object: object, Outcome: o, Audience: audience}
	if code != "" {
		r.Findings = []stix.Finding{{Code: code}}
	}
	return r
}

func lined(retry bool, lines ...api.ObjectReceipt) *api.Receipt {
	r := &api.Receipt{Retry: retry, Objects: lines}
	recount(r)
	return r
}

func told(r *api.Receipt) []string {
	var out []string
	for _, o := range r.Objects {
		s := string(rune('0'+o.Object)) + " " + string(o.Outcome) + " " + o.Audience
		if len(o.Findings) > 0 {
			s += " " + o.Findings[0].Code
		}
		out = append(out, s)
	}
	return out
}

func TestSeveralTriesAreToldAsOne(t *testing.T) {
	const acc, dup, ref = api.Accepted, api.Duplicate, api.Refused
	whole := func(code string, retry bool) *api.Receipt {
		return &api.Receipt{Retry: retry, Error: &stix.Finding{Code: code}}
	}
	for name, c := range map[string]struct {
		tries []*api.Receipt
		want  []string
	}{
		"what an earlier try accepted is accepted, and a permanent refusal stays": {
			[]*api.Receipt{
				lined(true, line(0, acc, "asean", ""), line(1, ref, "", "tlp-missing"), line(2, ref, "asean", "busy")),
				lined(false, line(0, dup, "asean", ""), line(1, ref, "", "tlp-missing"), line(2, acc, "asean", ""))},
			[]string{"0 accepted asean", "1 refused  tlp-missing", "2 accepted asean"}},
		"three tries": {
			[]*api.Receipt{
				lined(true, line(0, acc, "asean", ""), line(1, ref, "asean", "busy")),
				lined(true, line(0, ref, "asean", "busy"), line(1, acc, "asean", "")),
				lined(false, line(0, dup, "asean", ""), line(1, dup, "asean", ""))},
			[]string{"0 accepted asean", "1 accepted asean"}},
		"what is stored does not become refused": {
			[]*api.Receipt{
				lined(true, line(0, acc, "asean", ""), line(1, ref, "asean", "busy")),
				lined(true, line(0, ref, "", "disk-full"), line(1, ref, "", "disk-full"))},
			[]string{"0 accepted asean", "1 refused  disk-full"}},
		"RED, one recipient at a time": {
			[]*api.Receipt{
				lined(true, line(0, acc, "my", ""), line(0, ref, "th", "busy")),
				lined(true, line(0, ref, "", "busy")),
				lined(false, line(0, dup, "my", ""), line(0, acc, "th", ""))},
			[]string{"0 accepted my", "0 accepted th"}},
		"a hub that is busy as a whole takes nothing back": {
			[]*api.Receipt{lined(true, line(0, acc, "asean", ""), line(1, ref, "asean", "busy")), whole("busy", true)},
			[]string{"0 accepted asean", "1 refused asean busy"}},
		"a refusal of the whole takes only what was not stored": {
			[]*api.Receipt{lined(true, line(0, acc, "asean", ""), line(1, ref, "asean", "busy"), line(2, ref, "", "tlp-missing")), whole("seat-kind", false)},
			[]string{"0 accepted asean", "1 refused asean seat-kind", "2 refused  tlp-missing"}},
	} {
		var known *api.Receipt
		for _, r := range c.tries {
			known = mergeReceipts(known, r)
		}
		if got := told(known); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
		counts := *known
		if recount(&counts); counts.Accepted != known.Accepted || counts.Duplicate != known.Duplicate || counts.Refused != known.Refused {
			t.Errorf("%s: the counts are %d, %d, %d", name, known.Accepted, known.Duplicate, known.Refused)
		}
	}
}

func TestCountsOfSeveralTriesKeepWhatTheFirstAccepted(t *testing.T) {
	r := mergeReceipts(&api.Receipt{Retry: true, Accepted: 3, Refused: 2}, &api.Receipt{Accepted: 2, Duplicate: 3})
	if r.Accepted != 5 || r.Duplicate != 0 || r.Refused != 0 {
		t.Errorf("%+v", r)
	}
}
