package client

import (
	"slices"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// mergeReceipts adds a later receipt for the same bytes to an earlier one, so
// that the result tells of both as if they were one submission. What the
// earlier stored stays stored; what it accepted, and the later thus calls
// duplicate, stays accepted. Of the rest the later receipt speaks.
func mergeReceipts(old, r *api.Receipt) *api.Receipt {
	switch {
	case old == nil || old.Error != nil:
		return r
	case r.Error != nil && r.Retry:
		return old
	case r.Error != nil:
		return refuseRest(old, r)
	case len(old.Objects) == 0 || len(r.Objects) == 0:
		// Counts alone: what was accepted before is among the duplicates now.
		again := min(old.Accepted, r.Duplicate)
		r.Accepted += again
		r.Duplicate -= again
		return r
	}
	mergeLines(old, r)
	return r
}

// refuseRest is old with what the hub could not take then refused for the
// reason of r: the hub refuses these bytes as a whole by now, yet what it
// stored of them before is stored.
func refuseRest(old, r *api.Receipt) *api.Receipt {
	if old.Accepted+old.Duplicate == 0 {
		return r
	}
	old.Submission, old.Retry = r.Submission, false
	for i := range old.Objects {
		o := &old.Objects[i]
		if mayPass(o) {
			o.Findings = []stix.Finding{*r.Error}
		}
	}
	return old
}

// mayPass reports whether a line refuses for a reason that is about the hub:
// the same bytes may pass later.
func mayPass(o *api.ObjectReceipt) bool {
	if o.Outcome != api.Refused || len(o.Findings) == 0 {
		return false
	}
	code := o.Findings[0].Code
	return passing(code) || code == "disk-full"
}

// mergeLines puts the lines of old that are stored in place of those of r.
func mergeLines(old, r *api.Receipt) {
	type place struct {
		object   int
		audience string
	}
	stored := map[place]api.ObjectReceipt{}
	of := map[int][]api.ObjectReceipt{} // the lines of old, by object
	for _, o := range old.Objects {
		if o.Outcome != api.Refused {
			stored[place{o.Object, o.Audience}] = o
		}
		of[o.Object] = append(of[o.Object], o)
	}
	var lines []api.ObjectReceipt
	for _, o := range r.Objects {
		was, ok := stored[place{o.Object, o.Audience}]
		switch {
		case ok && rank(was.Outcome) > rank(o.Outcome):
			lines = append(lines, was)
		case !ok && o.Outcome == api.Refused && o.Audience == "":
			// A refusal of the object as a whole: it stands beside what old
			// stored of it, unless old stored all of it.
			kept := slices.DeleteFunc(slices.Clone(of[o.Object]), func(l api.ObjectReceipt) bool { return l.Outcome == api.Refused })
			lines = append(lines, kept...)
			if len(kept) == 0 || len(kept) < len(of[o.Object]) {
				lines = append(lines, o)
			}
		default:
			lines = append(lines, o)
		}
	}
	r.Objects = lines
	recount(r)
}

// recount makes the counts those of the lines.
func recount(r *api.Receipt) {
	r.Accepted, r.Duplicate, r.Refused = 0, 0, 0
	for _, o := range r.Objects {
		switch o.Outcome {
		case api.Accepted:
			r.Accepted++
		case api.Duplicate:
			r.Duplicate++
		default:
			r.Refused++
		}
	}
}
