package broker

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix/values"
)

// What one request may cost. Its first value is looked up whatever that costs, so
// that asking again for what was left always comes to an end.
const (
	workPerLookup = 4 * catalog.WorkPerQuestion
	// An answer is at most half of what a message holds, and no more than this.
	lookupBytes = 4 << 20
	// How much that comes to is reckoned, and never too low: a byte of a text takes
	// up to six in JSON, one of an identifier is in its type as well.
	bytesPerText    = 6
	bytesPerValue   = 100
	bytesPerMention = 400
)

// Lookup tells which objects name values, of those that the seat of an account
// may read, or anyone where account is empty. Whoever may read nothing is told of
// nothing. Versions that the caller may not read change nothing in the answer.
//
// Errors are *api.Error: invalid (too many values, a limit out of bounds),
// unavailable (the catalogue cannot answer now). What is wrong with one value is
// told in its place.
func (h *Hub) Lookup(ctx context.Context, account string, q api.LookupRequest) (api.Lookup, error) {
	if err := checkLookup(&q); err != nil {
		return api.Lookup{}, err
	}
	return inForce(ctx, h, func(r *policy.Region) (api.Lookup, error) { return h.lookupIn(ctx, r, account, q) })
}

// lookupIn answers Lookup by one state of the directory.
func (h *Hub) lookupIn(ctx context.Context, r *policy.Region, account string, q api.LookupRequest) (api.Lookup, error) {
	l := lookup{h: h, q: q, places: map[string]policy.Stream{}, now: time.Now().UnixMicro(),
		work: workPerLookup, bytes: min(lookupBytes, h.cfg.Limits.PayloadBytes/2)}
	l.open(r, collectionsOf(r, account), account == "")
	out := api.Lookup{Values: make([]api.LookedUp, 0, len(q.Values))}
	for _, text := range q.Values {
		one, err := l.value(ctx, text)
		if err != nil {
			return api.Lookup{}, h.unanswered(ctx, "looking values up", err)
		}
		out.Values = append(out.Values, one)
	}
	return out, nil
}

func checkLookup(q *api.LookupRequest) error {
	switch {
	case len(q.Values) == 0:
		return invalid("name one value or more to look up")
	case len(q.Values) > api.LookupValues:
		return invalid("look up at most %d values at a time, not %d", api.LookupValues, len(q.Values))
	case q.Limit < 0 || q.Limit > api.LookupLimit:
		return invalid("the limit is %d, and can be 1 to %d, or 0 for %d", q.Limit, api.LookupLimit, api.LookupDefaultLimit)
	case q.Limit == 0:
		q.Limit = api.LookupDefaultLimit
	}
	return nil
}

// lookup is one request in hand.
type lookup struct {
	h      *Hub
	q      api.LookupRequest
	view   catalog.View
	places map[string]policy.Stream // by the stream's name
	now    int64                    // in Unix microseconds
	// asked tells that a value was looked up already; work and bytes are what is
	// left for the others.
	asked       bool
	work, bytes int
}

// open takes in what the caller may read.
func (l *lookup) open(r *policy.Region, all []policy.Collection, anonymous bool) {
	for i := range all {
		c := &all[i]
		wanted := c.Kind == policy.Everything || anonymous
		if l.q.Drill {
			wanted = c.Kind == policy.OneStream && c.Stream.Audience == policy.Drill
		}
		if !wanted || !c.Read {
			continue
		}
		v := viewOf(r, c)
		// Of one caller's collections these are the same.
		l.view.Origin, l.view.Type = v.Origin, v.Type
		l.view.Parts = append(l.view.Parts, v.Parts...)
		for _, s := range c.Sources {
			l.places[r.Name(s.Stream)] = s.Stream
		}
	}
}

const unfinished = "the values before it were enough for one request; ask for it again"

// value looks one value up.
func (l *lookup) value(ctx context.Context, text string) (api.LookedUp, error) {
	out := api.LookedUp{Value: text, Mentions: []api.Mention{}}
	refuse := func(code, message string) (api.LookedUp, error) {
		out.Error = &api.LookupError{Code: code, Message: message}
		return out, nil
	}
	l.bytes -= bytesPerValue + bytesPerText*len(text)
	if len(text) > api.LookupValueBytes {
		return refuse(api.CodeLookupInvalid, "it is longer than any value that is looked up")
	}
	keys, err := values.Ask(text)
	if err != nil {
		return refuse(api.CodeLookupInvalid, err.Error())
	}
	if l.asked && (l.work <= 0 || l.bytes <= 0) {
		return refuse(api.CodeLookupUnfinished, unfinished)
	}
	first := !l.asked
	l.asked = true
	if len(l.view.Parts) == 0 {
		// Nothing to look at; what the text was taken for is told all the same.
		out.Kinds = kindsOf(keys)
		return out, nil
	}
	found, more, err := l.mentions(ctx, keys)
	if err != nil {
		return out, err
	}
	if l.work <= 0 && !first {
		// It was cut short by what others had cost.
		return refuse(api.CodeLookupUnfinished, unfinished)
	}
	out.Kinds, out.More = kindsOf(keys), more
	for i := range found {
		m := l.mention(&found[i], keys)
		l.bytes -= bytesPerMention + bytesPerText*len(m.Value) + 2*len(m.ID)
		out.Mentions = append(out.Mentions, m)
	}
	return out, nil
}

// mentions gathers what is said of a value, under all the keys that it may be.
func (l *lookup) mentions(ctx context.Context, keys []values.Key) (found []catalog.Mention, more bool, err error) {
	for _, key := range keys {
		some, left, err := l.h.index.Mentions(ctx, l.view, catalog.Question{Key: key, Below: l.q.Subdomains, Limit: l.q.Limit, Work: &l.work})
		if err != nil {
			return nil, false, err
		}
		found, more = append(found, some...), more || left
	}
	if len(keys) == 1 {
		return found, more, nil
	}
	slices.SortStableFunc(found, newerMention)
	found = slices.CompactFunc(found, func(a, b catalog.Mention) bool {
		return a.Place == b.Place && a.Key.Kind == b.Key.Kind && string(a.Key.Bytes) == string(b.Key.Bytes)
	})
	if len(found) > l.q.Limit {
		found, more = found[:l.q.Limit], true
	}
	return found, more, nil
}

// answerLookup answers a seat's LookupRequest.
func (h *Hub) answerLookup(ctx context.Context, seat *policy.Seat, m *nats.Msg) (any, error) {
	var q api.LookupRequest
	if err := json.Unmarshal(m.Data, &q); err != nil {
		return nil, invalid("the lookup is not JSON as described: %v", err)
	}
	return h.Lookup(ctx, seat.Account, q)
}
