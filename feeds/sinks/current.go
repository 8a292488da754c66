package sinks

import (
	"cmp"
	"slices"
	"time"

	"github.com/selat-hub/selat/broker/policy"
)

// View is what a sink may show, and wants to.
type View struct {
	Outlet policy.Outlet
	// Types and Origins are those that it takes, all if empty. MinConfidence leaves
	// out what says less; what says nothing counts as 0.
	Types, Origins []string
	MinConfidence  int
}

// Why an object does not count for a view.
const (
	Revoked       = "revoked"
	Expired       = "expired"
	NotYet        = "not-yet"
	Unwanted      = "unwanted"       // its type, origin or confidence
	NothingOfThat = "nothing-of-it"  // held of exercises only, or of nothing else
	Gone          = "no-longer-held" // recalled, or kept back by a version that was (forgotten.go)
)

// Verdict is whether an object counts for a view now. Index is the held version and
// place that is shown, -1 if none is; then Why is a code: one of those above or of
// policy.MayWriteOut. Until is when the verdict may change by itself, zero if never.
type Verdict struct {
	Index int
	Why   string
	Until time.Time
}

// Current is the one rule of what counts. Of all that is held of one object by one
// origin the latest version does, and older ones never come back because the latest
// is revoked, over or not for this view to show. Of an object without versions it
// is the form that was stored last. Exercises and all else are apart: neither
// supersedes the other.
func Current(held []Held, v *View, now time.Time) Verdict {
	newest := latest(held, v)
	if newest < 0 {
		if slices.ContainsFunc(held, func(h Held) bool { return !h.Forgotten && (h.Audience == policy.Drill) != v.Outlet.Drill }) {
			return Verdict{Index: -1, Why: NothingOfThat}
		}
		return Verdict{Index: -1, Why: Gone}
	}
	shown, why := place(held, &held[newest], v)
	if shown < 0 {
		return Verdict{Index: -1, Why: why}
	}
	h := &held[shown]
	switch {
	case h.Revoked:
		return Verdict{Index: -1, Why: Revoked}
	case !v.wants(h):
		return Verdict{Index: -1, Why: Unwanted}
	case h.Stripped, !h.ValidUntil.IsZero() && !now.Before(h.ValidUntil):
		return Verdict{Index: -1, Why: Expired}
	case h.ValidFrom.After(now):
		return Verdict{Index: -1, Why: NotYet, Until: h.ValidFrom}
	}
	return Verdict{Index: shown, Until: h.ValidUntil}
}

// latest is the last of what is held of one object, of exercises or of all else as
// the view has it; -1 if there is none, or if a later one that was recalled keeps it
// back.
func latest(held []Held, v *View) int {
	newest := -1
	for i := range held {
		h := &held[i]
		if !h.Forgotten && (h.Audience == policy.Drill) == v.Outlet.Drill && (newest < 0 || later(h, &held[newest])) {
			newest = i
		}
	}
	for i := range held {
		if h := &held[i]; newest >= 0 && (h.Audience == policy.Drill) == v.Outlet.Drill && h.keepsBack(&held[newest]) {
			return -1
		}
	}
	return newest
}

// latestShown is the place at which the view may show the latest version, -1 if it
// may at none: then nothing earlier is shown either.
func latestShown(held []Held, v *View) int {
	newest := latest(held, v)
	if newest < 0 {
		return -1
	}
	shown, _ := place(held, &held[newest], v)
	return shown
}

// later orders what is held of one object.
func later(a, b *Held) bool {
	if c := cmp.Compare(a.instant(), b.instant()); c != 0 {
		return c > 0
	}
	return a.instant() == "" && a.Added.After(b.Added)
}

// place finds the place of a version that the view may show, the least strict
// first; or why there is none.
func place(held []Held, newest *Held, v *View) (shown int, why string) {
	shown = -1
	for i := range held {
		h := &held[i]
		if h.Forgotten || h.Version != newest.Version || h.SHA256 != newest.SHA256 || (h.Audience == policy.Drill) != v.Outlet.Drill {
			continue
		}
		a := policy.MayWriteOut(policy.Stream{Audience: h.Audience, Level: h.Level}, v.Outlet)
		switch {
		case !a.Allowed:
			why = a.Code
		case shown < 0, h.Level < held[shown].Level, h.Level == held[shown].Level && h.Audience < held[shown].Audience:
			shown = i
		}
	}
	return shown, why
}

func (v *View) wants(h *Held) bool {
	confidence := 0
	if h.Confidence != nil {
		confidence = *h.Confidence
	}
	return (len(v.Types) == 0 || slices.Contains(v.Types, h.Type)) &&
		(len(v.Origins) == 0 || slices.Contains(v.Origins, h.Origin)) && confidence >= v.MinConfidence
}
