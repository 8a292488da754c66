package pattern

import (
	"cmp"
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
