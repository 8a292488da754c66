package pattern

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"
)

// Binding is a set of observed-data that together meet a pattern: their indices
// in what was matched, rising, each once, however many of an observed-data's
// observations are taken.
type Binding []int

// ErrUndecided is the error of a match given up because it went beyond its
// bound: there may be a binding or not.
var ErrUndecided = errors.New("the pattern was not decided within the bound on steps: match fewer observations, or a simpler pattern")

// The bounds of one match. A step is what takes some 10 ns: to look at one
// observed-data for one test, or at some bytes of a value. This many places take
// 40 MB.
const (
	maxSteps  = 100_000_000
	maxLeaves = 10_000    // tests, with what is repeated written out
	maxPlaces = 4_000_000 // observed-data that pass a test, over all tests
)

var (
	errTooManyTests  = fmt.Errorf("%w: it has too many tests, with its repetitions written out", ErrUndecided)
	errTooManyPlaces = fmt.Errorf("%w: too many of the observed-data pass its tests", ErrUndecided)
)

// Match prepares the pattern and matches it once: see Matcher.Match. Its errors
// are those of both.
func (p *Pattern) Match(ctx context.Context, observed []Observed) (Binding, bool, error) {
	m, err := p.Prepare()
	if err != nil {
		return nil, false, err
	}
	return m.Match(ctx, observed)
}

// Match looks for observations that meet the pattern (STIX 2.1 §9) and returns
// the first binding found, or false if there is none.
//
// Every test in brackets takes an observation of its own. An observed-data
// seen number_observed times is that many observations, whose times lie from
// first_observed to last_observed; each operator and qualifier by itself asks
// whether there are such times that satisfy it:
//   - a FOLLOWEDBY b: none of b need be earlier than any of a;
//   - WITHIN s SECONDS: the latest less than s after the earliest, not equal
//     (§9.5.1);
//   - START t STOP u: each at t or later and before u;
//   - a REPEATS n TIMES: n disjoint sets of observations, each meeting a.
//
// Which of several bindings comes first: of OR the left side is preferred, then
// the observations are taken in the order given. It is the same in every run.
//
// Data of the wrong form, such as a timestamp that is none, meet no comparison,
// whether it is negated or not (§9.6). Errors are ErrUndecided, ErrNoTimestamp,
// and the context's once it ends. They are bounded in length and quote no
// values.
//
// Testing takes time linear in the size of the pattern times that of the
// observations. Binding them is quick where there is no FOLLOWEDBY and no
// WITHIN over several tests, and where the order of time leaves little choice;
// it is exponential at worst. Both are bounded: Match ends with ErrUndecided
// after 100 million steps, which take a second and at worst four, or
// where the pattern, with every REPEATS over operators written out, has over
// 10,000 tests, or where its tests are passed over 4 million times. Within that
// bound the answer is exact.
func (p *Matcher) Match(ctx context.Context, observed []Observed) (Binding, bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	m := &matching{budget: budget{ctx: ctx, left: maxSteps}, observed: observed, timeline: newTimeline(observed)}
	m.walk.budget, m.walk.times = &m.budget, make(timesSeen, p.timed)
	for i := range observed {
		m.total = sum(m.total, observed[i].Number)
	}
	root, err := m.prepare(p.root)
	if err != nil {
		return nil, false, err
	}
	if root == nil {
		return nil, false, m.walk.times.err()
	}
	var choices choices
	for {
		plan, err := newPlan(m, root, &choices)
		if err != nil {
			return nil, false, err
		}
		if plan != nil {
			b, err := plan.solve()
			if b != nil || err != nil {
				return b, b != nil, err
			}
		}
		if !choices.next() {
			return nil, false, m.walk.times.err()
		}
	}
}

// matching is one match under way.
type matching struct {
	budget
	walk     walk
	observed []Observed
	timeline timeline
	total    int // observations in all
	places   int // candidates of all tests as written
}

// budget is what a match may still cost.
type budget struct {
	ctx  context.Context
	left int // steps
}

// spend takes n steps, 0 or more. It looks at the context about every 10 ms.
func (b *budget) spend(n int) error {
	const between = 1 << 20 // two looks at the context
	before := b.left / between
	if b.left -= n; b.left < 0 {
		return ErrUndecided
	}
	if b.left/between != before {
		return b.ctx.Err()
	}
	return nil
}

// timeline numbers the times at which observations begin or end.
type timeline struct {
	times       []time.Time // rising
	first, last []int       // of each observed-data, in times
}

func newTimeline(observed []Observed) timeline {
	t := timeline{first: make([]int, len(observed)), last: make([]int, len(observed))}
	for i := range observed {
		t.times = append(t.times, observed[i].First, observed[i].Last)
	}
	slices.SortFunc(t.times, time.Time.Compare)
	t.times = slices.CompactFunc(t.times, time.Time.Equal)
	for i := range observed {
		t.first[i], _ = slices.BinarySearchFunc(t.times, observed[i].First, time.Time.Compare)
		t.last[i], _ = slices.BinarySearchFunc(t.times, observed[i].Last, time.Time.Compare)
	}
	return t
}

// reach returns the first time outside the window that begins at i.
func (t *timeline) reach(i int, seconds float64) int {
	end, _ := slices.BinarySearchFunc(t.times, later(t.times[i], seconds), time.Time.Compare)
	return end
}

// origin returns the first time whose window includes i.
func (t *timeline) origin(i int, seconds float64) int {
	return sort.Search(i, func(j int) bool { return t.reach(j, seconds) > i })
}

// later adds seconds, to the nanosecond but at least one, to a time. Beyond
// the calendar all is the same.
func later(t time.Time, seconds float64) time.Time {
	const beyond = 1e12
	seconds = min(seconds, beyond)
	whole := int64(seconds)
	nanoseconds := int64((seconds-float64(whole))*1e9 + 0.5)
	if whole == 0 {
		nanoseconds = max(nanoseconds, 1)
	}
	return time.Unix(t.Unix()+whole, int64(t.Nanosecond())+nanoseconds)
}
