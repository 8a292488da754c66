package pattern

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
)

// moment is a timestamp (STIX 2.1 §2.16) without loss.
type moment struct {
	seconds  int64  // since 1970
	fraction string // digits of the fraction of a second, without zeros at the end
}

// parseMoment reads a timestamp: a date that the calendar has, a time of day to
// the second or finer, and Z, both letters in upper case. A 60th second is
// taken for a leap second, the same as the one after it.
func parseMoment(s string) (moment, bool) {
	if !isTimestamp(s) || !onCalendar(s) {
		return moment{}, false
	}
	number := func(from, to int) int {
		n := 0
		for _, c := range []byte(s[from:to]) {
			n = n*10 + int(c-'0')
		}
		return n
	}
	t := time.Date(number(0, 4), time.Month(number(5, 7)), number(8, 10),
		number(11, 13), number(14, 16), number(17, 19), 0, time.UTC)
	return moment{seconds: t.Unix(), fraction: fractionOf(s[len("2016-05-12T08:17:27"):])}, true
}

func (m moment) compare(n moment) int {
	return cmp.Or(cmp.Compare(m.seconds, n.seconds), strings.Compare(m.fraction, n.fraction))
}

func (m moment) time() time.Time {
	nanoseconds := int64(0)
	for i := range 9 {
		nanoseconds *= 10
		if i < len(m.fraction) {
			nanoseconds += int64(m.fraction[i] - '0')
		}
	}
	return time.Unix(m.seconds, nanoseconds).UTC()
}

// ErrNoTimestamp is the error of a match that found nothing, of a pattern that
// compares a property with a timestamp where of all the strings there none is
// one. Most likely the pattern means another property. Whoever matches
// observed-data one by one may take it for no match.
var ErrNoTimestamp = errors.New("nothing matches, and what is compared with a timestamp is none")

// timesSeen is what the comparisons with timestamps have met so far: by their
// number, from 1.
type timesSeen []timeSeen

type timeSeen struct {
	valid     bool
	predicate *predicate // of what is first seen to be none
	observed  string
}

func (t timesSeen) note(c *predicate, o *Observed, valid bool) {
	seen := &t[c.timed-1]
	seen.valid = seen.valid || valid
	if !valid && seen.predicate == nil {
		seen.predicate, seen.observed = c, o.ID
	}
}

// err returns an error for the first comparison that met strings, and no
// timestamp.
func (t timesSeen) err() error {
	for i := range t {
		if seen := &t[i]; !seen.valid && seen.predicate != nil {
			return fmt.Errorf("byte %d, %s: %w", seen.predicate.pos, nameOf(seen.observed), ErrNoTimestamp)
		}
	}
	return nil
}
