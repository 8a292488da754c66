package client

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// PublishOptions says where objects go, and how hard to work.
type PublishOptions struct {
	SubmitOptions
	// InFlight is how many submissions may be under way at once; default 4.
	InFlight int
	// Objects and Bytes bound one submission; defaults 1,000 and 2 MiB, and
	// never more than the hub takes.
	Objects, Bytes int
	// Patience is how long one submission may go without an answer before
	// Publish gives up with ErrUnreachable; 0 is for ever.
	Patience time.Duration
	// OnLine, when set, is given each line as soon as it is known: objects in
	// the order of the input, then the supporting objects that were to travel
	// with others: those that none took along, then those that travelled, in
	// the order of the input. An error ends Publish. It is called from one
	// goroutine, and holds up publishing while it runs.
	OnLine func(Line) error
	// OnProgress, when set, is called after each reading of a piece of input
	// and each answer, from one goroutine at a time.
	OnProgress func(Progress)
}

// Progress tells how far Publish is.
type Progress struct {
	// Objects are those found by the first reading so far; Complete says that
	// it is done, and Objects final.
	Objects  int
	Complete bool
	// Answered are the objects whose submission was answered.
	Answered                     int
	Accepted, Duplicate, Refused int
}

// Publish cuts sources of any size into submissions and submits them, several
// at a time. Every object of the input ends in a line (PublishOptions.OnLine)
// and in the summary, or is counted there as Untold or Unanswered. Both may be
// without an error: look at them.
//
// The sources are read twice: first for their supporting objects
// (marking-definitions, extension-definitions, identities), which are held in
// memory, up to 64 MiB, and travel in each submission in front of the objects
// that refer to them; then for everything. What is no JSON object is told as a
// refused line and the rest goes on.
//
// On an error the summary tells what is known, and counts as Unanswered what
// is not. Publishing the same input again is always safe.
func (c *Client) Publish(ctx context.Context, sources []Source, o PublishOptions) (*Summary, error) {
	me, err := c.Whoami(ctx)
	if err != nil {
		return &Summary{}, err
	}
	p := &publishing{client: c, opts: o, limits: limitsOf(me), sources: sources}
	if err := p.survey(ctx); err != nil {
		return &p.sum, err
	}
	err = p.run(ctx)
	p.sum.Unanswered = p.sum.Objects - p.answered
	slices.SortStableFunc(p.sum.Places, func(a, b PlaceCount) int { return int(a.Level) - int(b.Level) })
	return &p.sum, err
}

func limitsOf(me *api.Whoami) stix.Limits {
	return stix.Limits{PayloadBytes: me.Limits.PayloadBytes, ObjectBytes: me.Limits.ObjectBytes, Objects: me.Limits.Objects, Depth: me.Limits.Depth}
}

// publishing is one Publish under way.
type publishing struct {
	client   *Client
	opts     PublishOptions
	limits   stix.Limits
	sources  []Source
	supports *supports
	sum      Summary
	answered int
	complete bool
}

// sent is a submission under way; done is closed when receipt or err is set.
type sent struct {
	draft   *draft
	refused []Line // local refusals, told before the draft's own lines
	receipt *api.Receipt
	err     error
	done    chan struct{}
}

// survey is the first reading.
func (p *publishing) survey(ctx context.Context) error {
	p.supports = newSupports()
	err := readAll(ctx, p.sources, p.limits, func(it *item) error {
		p.sum.Objects++
		p.sum.Bytes += int64(len(it.raw))
		if p.sum.Objects%1024 == 0 {
			p.progress()
		}
		if it.fault != nil {
			return nil
		}
		return p.supports.note(it)
	})
	p.supports.settle()
	p.complete = err == nil
	p.progress()
	return err
}

// run is the second reading: one goroutine reads and cuts, others submit, and
// this one tells the answers in the order of the input.
func (p *publishing) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var tasks sync.WaitGroup
	defer func() { cancel(); tasks.Wait() }()

	inFlight := p.opts.InFlight
	if inFlight <= 0 {
		inFlight = 4
	}
	// A submission holds a slot while it is under way, and a place in order
	// until it is told.
	slots, order := make(chan struct{}, inFlight), make(chan *sent, inFlight)
	submit := func(s *sent) {
		s.receipt, s.err = p.submit(ctx, s.draft)
		<-slots
		close(s.done)
	}
	var readErr error
	tasks.Go(func() {
		defer close(order)
		readErr = p.cut(ctx, func(s *sent) error {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			tasks.Go(func() { submit(s) })
			select {
			case order <- s:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	})
	for s := range order {
		<-s.done
		if err := p.tell(s); err != nil {
			cancel()
			for range order {
			}
			return err
		}
	}
	if readErr != nil {
		return readErr
	}
	return p.tellSupports()
}

// cut reads the input and hands on full submissions.
func (p *publishing) cut(ctx context.Context, send func(*sent) error) error {
	var refused []Line
	c := p.cutter()
	c.emit = func(d *draft) error {
		s := &sent{draft: d, refused: refused, done: make(chan struct{})}
		refused = nil
		return send(s)
	}
	// even hands on the draft, and the refusals even without one.
	even := func() error {
		if len(c.draft.members) == 0 && len(refused) > 0 {
			return c.emit(&draft{})
		}
		return c.flush()
	}
	err := readAll(ctx, p.sources, p.limits, func(it *item) error {
		if it.fault == nil && it.object.Supporting() {
			if sp := p.supports.find(&it.object, it.raw); sp != nil && sp.travels {
				return nil
			}
		}
		fault := it.fault
		if fault == nil {
			var err error
			if fault, err = c.add(it); err != nil {
				return err
			}
		}
		if fault == nil {
			return nil
		}
		// What is refused here is told in its place among the others, without
		// letting a long run of refusals pile up.
		refused = append(refused, it.refusal(it.object.ID, *fault))
		if len(refused) < submissionObjects {
			return nil
		}
		return even()
	})
	if err != nil {
		return err
	}
	if err := even(); err != nil {
		return err
	}
	if err := p.cutUncarried(c, &refused); err != nil {
		return err
	}
	return even()
}

// cutUncarried takes the supporting objects that were to travel with others
// and did not, because all that refer to them were refused here: each goes on
// its own account.
func (p *publishing) cutUncarried(c *cutter, refused *[]Line) error {
	for _, sp := range p.supports.all {
		if !sp.travels || sp.carried {
			continue
		}
		sp.travels = false
		for _, at := range sp.at {
			it := &item{position: at, raw: sp.raw, object: stix.Object{ID: sp.id, Refs: sp.refs}}
			fault, err := c.add(it)
			if err != nil {
				return err
			}
			if fault != nil {
				*refused = append(*refused, it.refusal(sp.id, *fault))
			}
		}
	}
	return nil
}

func (p *publishing) cutter() *cutter {
	o := p.opts
	if o.Objects <= 0 {
		o.Objects = submissionObjects
	}
	if o.Bytes <= 0 {
		o.Bytes = submissionBytes
	}
	hardObjects, hardBytes := p.limits.Objects, p.limits.PayloadBytes-headerRoom
	return &cutter{
		supports: p.supports,
		objects:  min(o.Objects, hardObjects, objectsTo(len(o.To), p.limits.Objects)), bytes: min(o.Bytes, hardBytes),
		hardObjects: hardObjects, hardBytes: hardBytes,
	}
}

// objectsTo is how many objects a submission to n recipients may have. RED has
// a copy for each object and recipient, and the hub takes at most two copies
// for each object of its limit.
func objectsTo(n, limit int) int {
	if n <= 1 {
		return limit
	}
	return max(1, min(max(100, receiptLines/n), 2*limit/n))
}

// submit submits one draft, with Publish's patience.
func (p *publishing) submit(ctx context.Context, d *draft) (*api.Receipt, error) {
	if len(d.members) == 0 {
		return &api.Receipt{}, nil
	}
	if p.opts.Patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, p.opts.Patience, fmt.Errorf("%w: no answer for %s", ErrUnreachable, p.opts.Patience))
		defer cancel()
	}
	return p.client.Submit(ctx, d.payload(), p.opts.SubmitOptions)
}
