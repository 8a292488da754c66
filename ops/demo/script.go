package demo

import (
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// feed holds the objects: written for this, on addresses and names reserved
// for documentation, about a malware that does not exist.
//
//go:embed feed/*.json
var feed embed.FS

// step is one submission and what must come of it.
type step struct {
	file string // in feed, without .json
	seat string
	to   []string
	// level is that of every object in it. It is stated here, and not read from
	// the objects, so that the hub's reading of markings is checked too.
	level stix.Level
	want  api.Outcome
	// code is that of a refusal, and title says what is wrong.
	code, title string

	payload []byte
	objects []stix.Object
}

// script is the whole show, in order. Its last step is the end of the feed: it
// goes to every seat, and whoever received it can receive.
var script = []step{
	{file: "sg-clear", seat: "sg/feed", level: stix.Clear, want: api.Accepted}, // names nobody: the region
	{file: "my-green", seat: "my/feed", to: []string{"region"}, level: stix.Green, want: api.Accepted},
	{file: "th-green", seat: "th/soc", to: []string{"asean"}, level: stix.Green, want: api.Accepted},
	{file: "refused-unmarked", seat: "sg/feed", to: []string{"region"}, want: api.Refused, code: "tlp-missing", title: "an object that nobody marked"},
	{file: "refused-lookalike", seat: "sg/feed", to: []string{"region"}, want: api.Refused, code: "tlp-lookalike", title: "a marking that only looks like TLP"},
	{file: "sg-amber", seat: "sg/feed", to: []string{"asean"}, level: stix.Amber, want: api.Accepted},
	{file: "sg-amber", seat: "sg/feed", to: []string{"asean-us"}, level: stix.Amber, want: api.Accepted}, // a second audience
	{file: "us-amber", seat: "us/feed", to: []string{"asean-us"}, level: stix.Amber, want: api.Accepted},
	{file: "refused-amber-nobody", seat: "sg/feed", want: api.Refused, code: "audience-missing", title: "AMBER to nobody"},
	{file: "refused-amber-stranger", seat: "us/feed", to: []string{"asean"}, want: api.Refused, code: "audience-unknown", title: "AMBER to a community the sender is not in"},
	{file: "refused-foreign-identity", seat: "my/feed", to: []string{"region"}, want: api.Refused, code: "foreign-identity", title: "an object in another member's name"},
	{file: "my-amber-strict", seat: "my/feed", to: []string{"asean"}, level: stix.AmberStrict, want: api.Accepted},
	{file: "us-amber-strict", seat: "us/feed", to: []string{"asean-us"}, level: stix.AmberStrict, want: api.Accepted},
	{file: "refused-duplicate-key", seat: "sg/feed", to: []string{"region"}, want: api.Refused, code: "duplicate-key", title: "an object with two names under one key"},
	{file: "refused-conflict", seat: "sg/feed", to: []string{"region"}, want: api.Refused, code: "conflict", title: "other bytes under a published version"},
	{file: "sg-clear", seat: "sg/feed", to: []string{"region"}, level: stix.Clear, want: api.Duplicate},
	{file: "refused-red-community", seat: "sg/feed", to: []string{"asean"}, want: api.Refused, code: "audience-red-community", title: "RED to a whole community"},
	{file: "sg-red", seat: "sg/feed", to: []string{"my"}, level: stix.Red, want: api.Accepted},
	{file: "us-red", seat: "us/feed", to: []string{"my", "sg"}, level: stix.Red, want: api.Accepted},
	{file: "refused-subscriber", seat: "vn/firewall", to: []string{"region"}, want: api.Refused, code: "seat-kind", title: "a seat that only receives"},
	{file: "control", seat: feeder, to: []string{"region"}, level: stix.Clear, want: api.Accepted},
}

// readScript returns the script with its objects.
func readScript() ([]step, error) {
	steps := slices.Clone(script)
	for i := range steps {
		st := &steps[i]
		var err error
		if st.payload, err = feed.ReadFile("feed/" + st.file + ".json"); err != nil {
			return nil, fmt.Errorf("reading the feed: %w", err)
		}
		if st.objects, err = stix.Split(st.payload, stix.DefaultLimits); err != nil {
			return nil, fmt.Errorf("reading the feed: %s.json: %w", st.file, err)
		}
	}
	return steps, nil
}

// submit carries out one step. What it must bring to whom is settled before it
// is sent.
func (x *show) submit(ctx context.Context, st *step) error {
	s := x.seat(st.seat)
	placed, err := x.expectOf(st, s.Member)
	if err != nil {
		return err
	}
	sent := time.Now()
	if st.want == api.Accepted {
		for _, r := range placed {
			r.sent = sent
		}
		x.rows = append(x.rows, placed...)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	receipt, err := s.client.Submit(ctx, st.payload, client.SubmitOptions{To: st.to})
	if err != nil {
		return err
	}
	x.submits++
	if len(x.opts.Files) == 0 {
		x.receipts = append(x.receipts, time.Since(sent))
	}
	if st.want == api.Refused {
		x.checkRefusal(st, receipt)
		return nil
	}
	x.checkPlaces(st, placed, receipt)
	return nil
}

// route asks policy where an object goes, as the hub must.
func (x *show) route(member string, level stix.Level, to []string, o *stix.Object) ([]policy.Stream, *policy.Refusal) {
	if no := x.region.MaySpeak(member, o.Type, o.ID, o.CreatedByRef); no != nil {
		return nil, no
	}
	return x.region.Route(member, level, to)
}

// expectOf tells where the objects of a step must go, a row for each object and
// stream; none for a step that is refused.
func (x *show) expectOf(st *step, member string) ([]*row, error) {
	if st.want == api.Refused {
		return nil, nil
	}
	var rows []*row
	for i := range st.objects {
		o := &st.objects[i]
		streams, no := x.route(member, st.level, st.to, o)
		if no != nil {
			return nil, fmt.Errorf("policy refuses what the script expects to pass: %w", no)
		}
		for _, stream := range streams {
			r := x.newRow(member, stream, o.Type)
			r.object, r.id = i, o.ID
			r.add(place{r.stream, member, o.ID, o.Version(), sha256.Sum256(o.Raw)})
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// checkPlaces holds a receipt against what a step expects: a line for each row,
// with its outcome, and no other.
func (x *show) checkPlaces(st *step, rows []*row, r *api.Receipt) {
	lines := len(r.Objects)
	for _, row := range rows {
		i := slices.IndexFunc(r.Objects, func(l api.ObjectReceipt) bool {
			return l.Object == row.object && l.Outcome == st.want && l.Stream == row.stream && l.Level == row.level
		})
		if i < 0 {
			x.fault("receipt", st.seat, "%s: object %d was not %s on %s", st.file, row.object, st.want, row.stream)
			continue
		}
		lines--
		if st.want == api.Duplicate {
			x.again++
		}
	}
	if lines > 0 {
		x.fault("receipt", st.seat, "%s: the receipt has %d lines that were not expected", st.file, lines)
	}
}

// checkRefusal holds a receipt against a step that must be refused.
func (x *show) checkRefusal(st *step, r *api.Receipt) {
	var findings []stix.Finding
	if r.Error != nil {
		findings = append(findings, *r.Error)
	}
	for _, l := range r.Objects {
		if l.Outcome != api.Refused || len(l.Findings) == 0 {
			x.fault("receipt", st.seat, "%s: object %d was %s and must be refused", st.file, l.Object, l.Outcome)
			continue
		}
		findings = append(findings, l.Findings[0])
	}
	for i, f := range findings {
		if f.Code != st.code {
			x.fault("receipt", st.seat, "%s: refused as %s and not as %s", st.file, f.Code, st.code)
		}
		if i == 0 {
			x.refusals = append(x.refusals, Refusal{From: st.seat, To: strings.Join(st.to, ","), What: st.title,
				Code: f.Code, Path: f.Path, Message: f.Message, Objects: len(findings)})
		}
	}
	if len(findings) == 0 {
		x.fault("receipt", st.seat, "%s: the receipt says nothing", st.file)
	}
}
