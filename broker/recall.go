package broker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// A recall is carried out in this order, and from any point of it again:
//
//  1. nothing of the object is on its way to a disk any more (ledger.hold)
//  2. the order is written down: from here on it is refused as recalled
//  3. the plan is written down: which messages, and who may have received it
//  4. every such member is told, on its stream of orders (recall_tell.go)
//  5. every message is erased, its other objects stored again (recall_erase.go)
//  6. the catalogue rids its files of what it knew, and the end is written down
//
// Only then it is answered, so that nobody receives the object after that.

// By of orders that no seat gave.
const (
	byAdministrator = "administrator"
	byNarrowing     = "narrowing"
)

// maxReason bounds a reason, in characters.
const maxReason = 500

// Recall forgets an object that the member of an account's seat published, as
// far as the seat may know where it is. It returns once nobody receives it any
// more and every order is on its way; recalling again what was recalled is no
// error. When it fails with the code "unfinished" the order stands, and the hub
// goes on carrying it out.
//
// Errors are *api.Error: forbidden and the codes of policy.MayRecall, invalid,
// not-found, unavailable, unfinished.
func (h *Hub) Recall(ctx context.Context, account string, q api.RecallRequest) (*api.Recalled, error) {
	if !h.leading() {
		var out api.Recalled
		return &out, h.forwardQuestion(ctx, account, "recall", q, &out)
	}
	r := h.Region()
	seat := r.SeatByAccount(account)
	if seat == nil {
		return nil, &api.Error{Code: "forbidden", Message: "this seat is not in the directory"}
	}
	if no := r.MayRecall(seat); no != nil {
		return nil, refused(no)
	}
	return h.recall(ctx, account, &order{Origin: seat.Member, UpTo: policy.RecallsUpTo(seat), By: seat.Name}, q)
}

// RecallAs is Recall by the hub's administrator, of any origin's object.
func (h *Hub) RecallAs(ctx context.Context, origin string, q api.RecallRequest) (*api.Recalled, error) {
	return h.recall(ctx, "", &order{Origin: origin, UpTo: stix.Red, By: byAdministrator}, q)
}

var errNoObject = &api.Error{Code: "not-found", Message: "no such object is stored: an origin recalls what it published itself, by its id, and a version by its modified time"}

func (h *Hub) recall(ctx context.Context, account string, o *order, q api.RecallRequest) (*api.Recalled, error) {
	if n := utf8.RuneCountInString(strings.TrimSpace(q.Reason)); n == 0 || n > maxReason {
		return nil, invalid("a recall needs a reason of 1 to %d characters, which is told to all who hold the object", maxReason)
	}
	if !utf8.ValidString(q.Reason) || strings.ContainsFunc(q.Reason, unicode.IsControl) {
		return nil, invalid("the reason of a recall is one line of text, without control characters")
	}
	if strings.IndexByte(o.Origin+q.ID+q.Version+q.From, 0) >= 0 {
		return nil, errNoObject
	}
	o.ID, o.From, o.Reason = q.ID, q.From, strings.TrimSpace(q.Reason)
	if q.Version != "" {
		// Of what has no versions the form is named by its hash.
		if o.Version = stix.Instant(q.Version); o.Version == "" {
			o.Version = strings.ToLower(q.Version)
		}
	}
	release, err := h.holdName(ctx, o.name())
	if err != nil {
		return nil, errNotNow
	}
	defer release()
	done, err := h.recalls.order(ctx, account, o)
	if err != nil {
		return nil, err
	}
	return done.answer(), nil
}

var errNotNow = &api.Error{Code: "unavailable", Message: "the hub cannot carry the recall out now; order it again"}

// mayStillRecall asks again for a seat that had to wait.
func mayStillRecall(r *policy.Region, account string, o *order) error {
	if account == "" {
		return nil
	}
	seat := r.SeatByAccount(account)
	if seat == nil || seat.Member != o.Origin {
		return &api.Error{Code: "forbidden", Message: "this seat is not in the directory"}
	}
	if no := r.MayRecall(seat); no != nil {
		return refused(no)
	}
	o.UpTo = policy.RecallsUpTo(seat)
	return nil
}

// finishNow carries out what an earlier order left, if anything. The caller holds
// the turn.
func (rs *recalls) finishNow(ctx context.Context, r *recall) error {
	if rs.isFinished(r) {
		return nil
	}
	ctx, done := rs.bounded(ctx)
	defer done()
	if err := rs.carryOut(ctx, []*recall{r}); err != nil {
		return rs.unfinished(r, err)
	}
	return nil
}

var errUnfinished = &api.Error{Code: "unfinished", Message: "the recall is ordered and not carried out yet; the hub goes on trying, and /readyz says when it is done"}

// unfinished returns what is answered of an order that was not carried out: it stands
// if it is on disk, and only then is that said.
func (rs *recalls) unfinished(r *recall, err error) error {
	rs.fail(err)
	rs.look()
	rs.h.log.Error("a recall is ordered and not carried out yet; trying again until it is", "recall", r.order.Recall, "error", err)
	return r.unfinished()
}

// unfinished is what is answered of an order that is not carried out yet. The caller
// holds the turn.
func (r *recall) unfinished() error {
	if !r.written {
		return errNotNow
	}
	return errUnfinished
}

// bounded is for what was ordered: it is carried out even if whoever ordered it has
// gone, until the hub closes.
func (rs *recalls) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), carryOutTimeout)
	stop := context.AfterFunc(rs.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// begin takes orders and carries them out. The caller holds the turn, and nothing
// that the orders cover is on its way to a disk. From here on they stand: also where
// it is not known whether they were written down, since a start would find them.
func (rs *recalls) begin(ctx context.Context, orders ...*order) (out []recall, errs []error) {
	batch := make([]*recall, len(orders))
	for i, o := range orders {
		o.Recall, o.At = uuid.NewString(), time.Now().UTC()
		batch[i] = &recall{order: *o}
		rs.add(batch[i])
	}
	ctx, done := rs.bounded(ctx)
	defer done()
	out, errs = make([]recall, len(batch)), rs.carryOutEach(ctx, batch)
	for i, r := range batch {
		if errs[i] != nil {
			errs[i] = rs.unfinished(r, errs[i])
			continue
		}
		rs.mu.RLock()
		out[i] = r.copied()
		rs.mu.RUnlock()
		rs.h.Metrics.recalled(&r.order)
		rs.h.log.Info("an object was recalled", "recall", r.order.Recall, "origin", r.order.Origin, "id", r.order.ID, "by", r.order.By, "places", out[i].places)
	}
	return out, errs
}

// carryOutEach carries out all together, and one by one if that fails, so that one
// which cannot be carried out keeps no other from it. The errors are theirs, in order.
func (rs *recalls) carryOutEach(ctx context.Context, batch []*recall) []error {
	errs := make([]error, len(batch))
	err := rs.carryOut(ctx, batch)
	if err == nil {
		return errs
	}
	for i, r := range batch {
		if len(batch) > 1 {
			err = rs.carryOut(ctx, []*recall{r})
		}
		errs[i] = err
	}
	return errs
}

// carryOutTimeout bounds one try.
const carryOutTimeout = 10 * time.Minute

// planMessages bounds one record of a plan: a message takes some fifty bytes.
const planMessages = 20_000

// carryOut does what orders need, or what is left of it.
func (rs *recalls) carryOut(ctx context.Context, batch []*recall) error {
	if err := rs.writeOrders(ctx, batch); err != nil {
		return err
	}
	all := make([]*found, len(batch))
	var messages []messageAt
	seen := map[messageAt]bool{}
	for i, r := range batch {
		var err error
		if all[i], err = rs.find(ctx, &r.order); err != nil {
			return err
		}
		for _, at := range all[i].messages {
			if !seen[at] {
				seen[at] = true
				messages = append(messages, at)
			}
		}
	}
	if err := rs.plan(ctx, batch, all); err != nil {
		return err
	}
	rs.see(batch, all)
	orders := ordersOf(batch)
	for _, at := range messages {
		if err := rs.erase(ctx, orders, at); err != nil {
			return fmt.Errorf("erasing from message %d of %s: %w", at.Seq, at.Stream, err)
		}
	}
	for _, r := range batch {
		if err := rs.eraseRests(ctx, orders, r); err != nil {
			return err
		}
	}
	if err := rs.tellNodes(ctx, batch); err != nil {
		return err
	}
	for _, r := range batch {
		if other := rs.waitsFor(r, batch); other != nil {
			return fmt.Errorf("recall %s, of the same object, is not carried out yet", other.order.Recall)
		}
	}
	// Whoever joined while it went on may have received what was not erased yet.
	for _, f := range all {
		f.now = nil
	}
	if err := rs.plan(ctx, batch, all); err != nil {
		return err
	}
	if err := rs.h.index.Scrub(ctx); err != nil {
		return fmt.Errorf("ridding the catalogue's files of it: %w", err)
	}
	if err := rs.h.applied(ctx, func(*needs) {}); err != nil {
		return fmt.Errorf("having the other nodes forget it: %w", err)
	}
	return rs.end(ctx, batch, all)
}

// writeOrders writes those down of which it is not known that they are.
func (rs *recalls) writeOrders(ctx context.Context, batch []*recall) error {
	var records []any
	for _, r := range batch {
		if !r.written {
			records = append(records, &r.order)
		}
	}
	if err := rs.write(ctx, recallOrdered, records...); err != nil {
		return err
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, r := range batch {
		r.written = true
	}
	return nil
}

// plan writes down which messages are to be erased and who is to be told, as far as
// that is not written yet, and tells them.
func (rs *recalls) plan(ctx context.Context, batch []*recall, all []*found) error {
	var plans []any
	var of []*recall
	for i, r := range batch {
		tell := rs.untold(r, all[i])
		if len(tell) > 0 && len(all[i].now) == 0 {
			plans, of = append(plans, &plan{Recall: r.order.Recall, Tell: tell}), append(of, r)
		}
		for part := range slices.Chunk(all[i].now, planMessages) {
			plans, of = append(plans, &plan{Recall: r.order.Recall, Messages: part, Tell: tell}), append(of, r)
		}
	}
	if err := rs.write(ctx, recallPlanned, plans...); err != nil {
		return err
	}
	for i, p := range plans {
		if p, ok := p.(*plan); ok {
			rs.planned(of[i], p)
		}
	}
	return rs.tellAll(ctx, batch)
}

// untold are those that may have received what was found, or was planned to be gone
// and is perhaps not yet, or who keep it; and who are not to be told yet.
func (rs *recalls) untold(r *recall, f *found) (out []told) {
	region, keepers := rs.h.Region(), rs.keepers(&r.order)
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	known := map[told]bool{}
	for _, t := range r.tell {
		known[told{Member: t.Member, Level: t.Level}] = true
	}
	add := func(t told) {
		if !known[t] {
			known[t] = true
			out = append(out, t)
		}
	}
	holders := func(s policy.Stream, seq uint64) {
		for _, m := range region.Holders(s, seq) {
			add(told{Member: m, Level: s.Level})
		}
	}
	for _, p := range f.places {
		holders(policy.Stream{Audience: p.Audience, Level: p.Level}, p.Seq)
	}
	for at := range r.messages {
		if s, known := rs.h.streamsMade.Load(at.Stream); known {
			holders(s.(policy.Stream), at.Seq)
		}
	}
	for _, t := range keepers {
		add(t)
	}
	return out
}

// end writes down that orders are carried out.
func (rs *recalls) end(ctx context.Context, batch []*recall, all []*found) error {
	finishes := make([]any, len(batch))
	rs.mu.RLock()
	for i, r := range batch {
		finishes[i] = &finish{Recall: r.order.Recall, Places: r.places + r.seen, Told: slices.Clone(r.tell)}
	}
	rs.mu.RUnlock()
	if err := rs.write(ctx, recallFinished, finishes...); err != nil {
		return err
	}
	for i, r := range batch {
		if f, ok := finishes[i].(*finish); ok {
			rs.finished(r, f)
		}
	}
	return nil
}

// see notes how many places were found, of which another try finds what is left.
func (rs *recalls) see(batch []*recall, all []*found) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for i, r := range batch {
		r.seen = max(r.seen, len(all[i].places))
	}
}

// orders are those that are carried out together, by what they are about.
type orders map[name][]*order

func ordersOf(batch []*recall) orders {
	os := orders{}
	for _, r := range batch {
		n := r.order.name()
		os[n] = append(os[n], &r.order)
	}
	return os
}

func (os orders) covers(k catalog.Key, audience string, level stix.Level) bool {
	return slices.ContainsFunc(os[name{k.Origin, k.ID}], func(o *order) bool { return o.covers(k.Version, audience, level) })
}

// found is what is stored of what an order covers.
type found struct {
	places   []catalog.Place
	messages []messageAt // by the sequences that they had first
	now      []messageAt // by those that they have
}

// find looks for what an order covers.
func (rs *recalls) find(ctx context.Context, o *order) (*found, error) {
	h, out := rs.h, &found{}
	seen := map[messageAt]bool{}
	err := h.index.EachForm(ctx, o.Origin, o.ID, func(k catalog.Key, e catalog.Entry, _ stix.Lineage) error {
		for _, p := range e.Places {
			if !o.covers(k.Version, p.Audience, p.Level) {
				continue
			}
			out.places = append(out.places, p)
			if at := (messageAt{p.Stream, p.Seq}); !seen[at] {
				seen[at] = true
				out.messages = append(out.messages, at)
				out.now = append(out.now, messageAt{p.Stream, h.index.At(p.Stream, p.Seq)})
			}
		}
		return nil
	})
	return out, err
}

func (r *recall) answer() *api.Recalled {
	members := map[string]bool{}
	for _, t := range r.tell {
		members[t.Member] = true
	}
	return &api.Recalled{Recall: r.order.Recall, Places: r.places, Members: len(members)}
}
