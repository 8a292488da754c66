package client

import (
	"errors"
	"fmt"
	"slices"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// tell turns a submission's answer into lines. When the submission ended in an
// error, what the hub told before is still told.
func (p *publishing) tell(s *sent) error {
	if s.err != nil && (s.receipt == nil || s.receipt.Error != nil) {
		return s.err
	}
	d := s.draft
	if len(d.members) > 0 {
		p.sum.Submissions++
	}
	lines, err := p.lines(s)
	if err != nil {
		return errors.Join(s.err, err)
	}
	if len(s.refused) > 0 {
		slices.SortStableFunc(lines, func(a, b Line) int { return a.Object - b.Object })
	}
	return errors.Join(p.tellLines(lines), s.err)
}

// lines are those of a submission's members, and of what was refused here. The
// supporting objects gather theirs until the end.
func (p *publishing) lines(s *sent) ([]Line, error) {
	d, r := s.draft, s.receipt
	lines := s.refused
	p.answered += len(s.refused)
	receipts := r.Objects
	switch {
	case r.Error != nil:
		receipts = nil
		for i := range d.objects() {
			receipts = append(receipts, api.ObjectReceipt{Object: i, Outcome: api.Refused, Findings: []stix.Finding{*r.Error}})
		}
	case len(receipts) == 0:
		p.countAlone(s)
	}
	answered := make([]bool, len(d.members))
	for _, o := range receipts {
		switch i := o.Object - len(d.carried); {
		case o.Object < 0 || i >= len(d.members):
			return nil, fmt.Errorf("the hub's receipt %s speaks of an object %d that was not submitted", r.Submission, o.Object)
		case i < 0:
			d.carried[o.Object].results.add(o)
		default:
			if !answered[i] {
				answered[i] = true
				p.answered++
			}
			lines = append(lines, d.members[i].line(o))
		}
	}
	return lines, nil
}

// countAlone takes the counts of a receipt that came without lines. Counts
// that do not cover the submission answer nothing.
func (p *publishing) countAlone(s *sent) {
	d, r := s.draft, s.receipt
	total := r.Accepted + r.Duplicate + r.Refused
	if total == 0 {
		return
	}
	p.sum.countAlone(r)
	if total < d.objects() {
		return
	}
	p.answered += len(d.members)
	p.sum.Untold += len(d.members)
	for _, sp := range d.carried {
		sp.counted = true
	}
}

// tellSupports tells of the supporting objects that travelled, which is known
// only at the end.
func (p *publishing) tellSupports() error {
	var lines []Line
	for _, sp := range p.supports.all {
		if !sp.travels {
			continue
		}
		if len(sp.results.lines) == 0 {
			if sp.counted {
				p.answered += len(sp.at)
				p.sum.Untold += len(sp.at)
			}
			continue
		}
		for i, at := range sp.at {
			p.answered++
			for _, r := range sp.results.lines {
				if i > 0 && r.Outcome == api.Accepted {
					r.Outcome = api.Duplicate // of the first of them
				}
				lines = append(lines, at.line(r))
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b Line) int { return a.Object - b.Object })
	return p.tellLines(lines)
}

func (p *publishing) tellLines(lines []Line) error {
	for i := range lines {
		p.sum.count(&lines[i])
		if p.opts.OnLine != nil {
			if err := p.opts.OnLine(lines[i]); err != nil {
				return fmt.Errorf("telling of a receipt: %w", err)
			}
		}
	}
	p.progress()
	return nil
}

func (p *publishing) progress() {
	if p.opts.OnProgress != nil {
		p.opts.OnProgress(Progress{Objects: p.sum.Objects, Complete: p.complete, Answered: p.answered,
			Accepted: p.sum.Accepted, Duplicate: p.sum.Duplicate, Refused: p.sum.Refused})
	}
}
