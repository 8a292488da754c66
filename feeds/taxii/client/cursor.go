package client

import "time"

// recentKeys bounds what is remembered of a page for after an interruption.
const recentKeys = 10_000

// recentTime is within what a server may take one time for another: some count
// in seconds.
const recentTime = time.Second

// cursor is where the reading of a collection stands: what the next page is
// asked with, and what to ask with if the server does not take that.
type cursor struct {
	AddedAfter string // "" for the beginning
	Next       string // of the server; "" for none
	Limit      int

	// Last is the X-TAXII-Date-Added-Last of the last page that had one, and
	// Recent what may be given again when asked from there on: the keys of the
	// pages that ended with Last or less than recentTime before, in their order.
	Last   string
	Recent []key
	// Ties is how many objects are known to have been added at Last itself.
	Ties int
	// Unordered tells that a page began or ended before an earlier one ended.
	// What came after Last is then not all that is missing.
	Unordered bool
}

// passed moves Last and Recent behind a page that was handed on.
func (at *cursor) passed(p *page) {
	if len(p.keys) == 0 {
		return
	}
	// One asked for by time may begin before that, where a server is not exact.
	at.Unordered = at.Unordered || at.Next != "" && before(p.first, at.Last)
	switch {
	case p.last == "" || p.last == at.Last:
	case before(p.last, at.Last):
		at.Unordered = true
	default:
		if !near(at.Last, p.last) {
			at.Recent = nil
		}
		at.Last, at.Ties = p.last, 0
	}
	if p.first != "" && p.first == p.last {
		at.Ties += len(p.fresh)
	}
	known := make(map[key]struct{}, len(at.Recent))
	for _, k := range at.Recent {
		known[k] = struct{}{}
	}
	for _, k := range p.keys {
		if _, ok := known[k]; ok {
			continue
		}
		known[k] = struct{}{}
		at.Recent = append(at.Recent, k)
	}
	if drop := len(at.Recent) - recentKeys; drop > 0 {
		at.Recent = append([]key(nil), at.Recent[drop:]...)
	}
}

// fromLast makes the cursor ask for what was added from Last on, without next.
// It asks from a microsecond earlier, as others may have been added at that very
// time and be missing.
func (at *cursor) fromLast() {
	at.Next = ""
	if at.Last == "" {
		return
	}
	at.AddedAfter = at.Last
	if t, err := time.Parse(time.RFC3339Nano, at.Last); err == nil {
		at.AddedAfter = formatTime(t.Add(-time.Microsecond))
	}
}

// finished makes the cursor ask for what is added after the end of a walk. Too
// many objects of one time to know them all again are not asked for each time.
func (at *cursor) finished() {
	if at.fromLast(); at.Ties > recentKeys {
		at.AddedAfter = at.Last
	}
	at.Unordered = false
}

// withoutNext makes the cursor ask without the server's next. A server out of
// order is asked again from where this walk began.
func (at *cursor) withoutNext() {
	at.Next = ""
	if !at.Unordered {
		at.fromLast()
	}
}

// before compares two timestamps; what cannot be read is before nothing.
func before(a, b string) bool {
	ta, errA := time.Parse(time.RFC3339Nano, a)
	tb, errB := time.Parse(time.RFC3339Nano, b)
	return errA == nil && errB == nil && ta.Before(tb)
}

// near tells whether a time is less than recentTime after an earlier one.
func near(a, b string) bool {
	ta, errA := time.Parse(time.RFC3339Nano, a)
	tb, errB := time.Parse(time.RFC3339Nano, b)
	return errA == nil && errB == nil && tb.Sub(ta) < recentTime
}
