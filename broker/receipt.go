package broker

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/stix"
	"github.com/selat-hub/selat/stix/values"
)

// receipt collects what becomes of each object of a submission (for RED, of
// each object at each recipient) and sends the answer once all is settled.
// Lines are settled from several goroutines, each its own line.
type receipt struct {
	h     *Hub
	sub   *submission
	from  arrival
	lines []line
	open  atomic.Int64 // lines not settled, and one for admit itself
	brief brevity

	sights    sights
	explained []string // codes of warnings of which encode has told the meaning
}

type line struct {
	object   int
	stream   int // index into the object's streams, -1 without one
	outcome  api.Outcome
	place    catalog.Place
	unmarked bool
	findings []stix.Finding
}

func newReceipt(h *Hub, s *submission, a arrival) *receipt {
	return &receipt{h: h, sub: s, from: a}
}

// refuse answers that the submission as a whole was refused.
func (r *receipt) refuse(f *stix.Finding) {
	r.h.Metrics.submissionRefused(r.sub.seat.Member, f.Code)
	r.from.tell(r.h, &api.Receipt{Submission: r.sub.id, Origin: r.sub.seat.Member, Error: f, Retry: retryable(f.Code)})
	r.h.intake.done(r.from.msg)
}

// retryable codes are about the hub, not about what was submitted.
func retryable(code string) bool {
	switch code {
	case "busy", "unavailable", "disk-full", "rate-limited":
		return true
	}
	return false
}

// admit makes the lines and hands what the stages passed to the ledger.
func (r *receipt) admit() {
	entries := r.makeLines()
	open := int64(1)
	for _, e := range entries {
		open += int64(len(e.object.streams))
	}
	r.open.Store(open)
	for _, e := range entries {
		r.h.admit(e)
	}
	r.settled()
}

func (r *receipt) makeLines() []*entry {
	objects := r.sub.objects
	r.lines = make([]line, 0, len(objects))
	entries := make([]*entry, 0, len(objects))
	backing := make([]entry, len(objects))
	for i := range objects {
		o := &objects[i]
		if !o.ok() {
			r.lines = append(r.lines, line{object: i, stream: -1, outcome: api.Refused, findings: o.refused})
			continue
		}
		o.values = values.Read(nil, o.Type, o.Raw)
		e := &backing[i]
		*e = entry{receipt: r, object: o, key: catalog.KeyOf(r.sub.seat.Member, &o.Object), first: len(r.lines)}
		entries = append(entries, e)
		for j := range o.streams {
			r.lines = append(r.lines, line{object: i, stream: j})
		}
	}
	return entries
}

// settle notes that a line's object is on disk at a place.
func (r *receipt) settle(n int, outcome api.Outcome, p catalog.Place, unmarked bool) {
	r.lines[n].outcome, r.lines[n].place, r.lines[n].unmarked = outcome, p, unmarked
	r.settled()
}

func (r *receipt) refuseLine(n int, f stix.Finding) {
	r.lines[n].outcome, r.lines[n].findings = api.Refused, []stix.Finding{f}
	r.settled()
}

func (r *receipt) settled() {
	if r.open.Add(-1) == 0 {
		r.send()
	}
}

func (r *receipt) send() {
	h := r.h
	if r.from.told != nil {
		r.from.told(r.value())
	} else if r.from.msg.Reply == "" {
		// Somebody published without asking for a receipt: counted, no more.
	} else if err := r.answer(); err != nil {
		h.log.Warn("a receipt could not be sent; the submitter will send again", "submission", r.sub.id, "seat", r.sub.seat.Name, "error", err)
	}
	h.Metrics.submission(r, time.Since(r.from.at))
	h.intake.done(r.from.msg)
}

// answer sends the receipt, in as much detail as one message can hold: ten
// thousand objects with a hundred faults each would be told in hundreds of MB.
func (r *receipt) answer() error {
	return r.from.msg.Respond(r.encode(int(r.h.conn.MaxPayload())))
}

// value is the receipt as encode writes it in full, for who asks within this
// process.
func (r *receipt) value() *api.Receipt {
	r.explained = r.explained[:0]
	out := &api.Receipt{Submission: r.sub.id, Origin: r.sub.seat.Member, Objects: make([]api.ObjectReceipt, len(r.lines))}
	for i := range r.lines {
		l, line := &r.lines[i], &out.Objects[i]
		o := &r.sub.objects[l.object]
		*line = api.ObjectReceipt{Object: l.object, ID: o.ID, Version: o.Version(), Outcome: l.outcome, Warnings: gather(o.warnings, &r.explained)}
		switch l.outcome {
		case api.Accepted:
			out.Accepted++
		case api.Duplicate:
			out.Duplicate++
		default:
			out.Refused++
			out.Retry = out.Retry || len(l.findings) > 0 && retryable(l.findings[0].Code)
			line.Level, line.Findings = o.level, l.findings
			if l.stream >= 0 {
				line.Audience = o.streams[l.stream].Audience
			}
			continue
		}
		p := &l.place
		line.Audience, line.Level, line.Stream, line.Sequence, line.Index, line.Added = p.Audience, p.Level, p.Stream, p.Seq, p.Index, formatAdded(p.Added)
	}
	return out
}

// brevity is what a receipt leaves out.
type brevity uint8

const (
	fullDetail   brevity = iota
	firstFinding         // one finding of each refused object, no warnings
	codesOnly            // of that, no message
	countsOnly           // no lines
)

func (b brevity) of(findings []stix.Finding) []stix.Finding {
	if b == fullDetail || len(findings) == 0 {
		return findings
	}
	f := findings[0]
	if b == codesOnly {
		f = stix.Finding{Code: f.Code, Path: f.Path, Message: "one of too many refusals to tell more"}
	}
	return []stix.Finding{f}
}

// encode writes the api.Receipt in at most so many bytes, with less detail where
// it would take more; the counts alone always go. One buffer serves all attempts,
// and one that grows too large ends there.
func (r *receipt) encode(most int) []byte {
	b := make([]byte, 0, min(256+len(r.lines)*300, most+1024))
	for r.brief = fullDetail; ; r.brief++ {
		b = r.appendReceipt(b[:0], most)
		if len(b) <= most || r.brief == countsOnly {
			return b
		}
	}
}

// appendReceipt appends the api.Receipt, and leaves off once that takes more than
// most bytes. Lines of accepted objects, nearly all of them, are appended by hand:
// at the hub's full rate the reflective encoder would cost half a core. Every
// string written so is validated to need no escaping: ids, versions, tokens and
// times.
func (r *receipt) appendReceipt(b []byte, most int) []byte {
	r.explained = r.explained[:0]
	b = append(b, `{"submission":"`...)
	b = append(b, r.sub.id...)
	b = append(b, `","origin":"`...)
	b = append(b, r.sub.seat.Member...)
	b = append(b, `","objects":[`...)
	for i := range r.lines {
		if r.brief == countsOnly {
			break
		}
		if i > 0 {
			b = append(b, ',')
		}
		if b = r.appendLine(b, &r.lines[i]); len(b) > most {
			return b
		}
	}
	b = append(b, ']')
	return append(r.appendCounts(b), '}')
}

func (r *receipt) appendCounts(b []byte) []byte {
	var accepted, duplicate, refused int64
	retry := false
	for i := range r.lines {
		switch l := &r.lines[i]; l.outcome {
		case api.Accepted:
			accepted++
		case api.Duplicate:
			duplicate++
		default:
			refused++
			retry = retry || len(l.findings) > 0 && retryable(l.findings[0].Code)
		}
	}
	b = strconv.AppendInt(append(b, `,"accepted":`...), accepted, 10)
	b = strconv.AppendInt(append(b, `,"duplicate":`...), duplicate, 10)
	b = strconv.AppendInt(append(b, `,"refused":`...), refused, 10)
	if retry {
		b = append(b, `,"retry":true`...)
	}
	return b
}

func (r *receipt) appendLine(b []byte, l *line) []byte {
	o := &r.sub.objects[l.object]
	if l.outcome == api.Refused {
		return r.appendRefused(b, l, o)
	}
	b = append(b, `{"object":`...)
	b = strconv.AppendInt(b, int64(l.object), 10)
	b = append(b, `,"id":"`...)
	b = append(b, o.ID...)
	if v := o.Version(); v != "" {
		b = append(b, `","version":"`...)
		b = append(b, v...)
	}
	b = append(b, `","outcome":"`...)
	b = append(b, l.outcome...)
	b = append(b, `","audience":"`...)
	b = append(b, l.place.Audience...)
	b = append(b, `","tlp":"`...)
	b = append(b, l.place.Level.String()...)
	b = append(b, `","stream":"`...)
	b = append(b, l.place.Stream...)
	b = append(b, `","sequence":`...)
	b = strconv.AppendUint(b, l.place.Seq, 10)
	b = append(b, `,"index":`...)
	b = strconv.AppendInt(b, int64(l.place.Index), 10)
	b = append(b, `,"added":"`...)
	b = time.UnixMicro(l.place.Added).UTC().AppendFormat(b, addedLayout)
	b = append(b, '"')
	if len(o.warnings) > 0 && r.brief == fullDetail {
		b = appendWarnings(b, gather(o.warnings, &r.explained))
	}
	return append(b, '}')
}

// appendRefused writes the line of a refused object, of which every text may
// hold anything.
func (r *receipt) appendRefused(b []byte, l *line, o *object) []byte {
	b = append(b, `{"object":`...)
	b = strconv.AppendInt(b, int64(l.object), 10)
	b = appendMember(b, "id", o.ID)
	b = appendMember(b, "version", o.Version())
	b = appendMember(b, "outcome", string(l.outcome))
	if l.stream >= 0 {
		b = appendMember(b, "audience", o.streams[l.stream].Audience)
	}
	if o.level != stix.NoLevel {
		b = appendMember(b, "tlp", o.level.String())
	}
	b = append(b, `,"index":0`...)
	if findings := r.brief.of(l.findings); len(findings) > 0 {
		b = appendFindings(b, findings)
	}
	if len(o.warnings) > 0 && r.brief == fullDetail {
		b = appendWarnings(b, gather(o.warnings, &r.explained))
	}
	return append(b, '}')
}

func appendFindings(b []byte, findings []stix.Finding) []byte {
	b = append(b, `,"findings":[`...)
	for i := range findings {
		f := &findings[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"code":"`...)
		b = append(b, f.Code...)
		b = append(b, `","path":`...)
		b = appendText(b, f.Path)
		b = appendMember(b, "section", f.Section)
		b = append(b, `,"message":`...)
		b = append(appendText(b, f.Message), '}')
	}
	return append(b, ']')
}

// appendMember writes a member that has one before it, unless it is empty.
func appendMember(b []byte, name, text string) []byte {
	if text == "" {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, name...)
	return appendText(append(b, '"', ':'), text)
}
