package pattern

import "strings"

// onCalendar tells whether a timestamp of the grammar is of a day that there
// is (RFC 3339 §5.7).
func onCalendar(s string) bool {
	day := s[8:10]
	if day <= "28" {
		return true
	}
	switch s[5:7] {
	case "04", "06", "09", "11":
		return day <= "30"
	case "02":
		return day == "29" && isLeap(s[:4])
	}
	return true
}

func isLeap(year string) bool {
	n := 0
	for i := range len(year) {
		n = n*10 + int(year[i]-'0')
	}
	return n%4 == 0 && (n%100 != 0 || n%400 == 0)
}

// isBefore orders two timestamps of the grammar, which may differ in precision.
func isBefore(a, b string) bool {
	const whole = len("2016-05-12T08:17:27")
	if a[:whole] != b[:whole] {
		return a[:whole] < b[:whole]
	}
	return fractionOf(a[whole:]) < fractionOf(b[whole:])
}

// fractionOf returns the digits of a fraction such as .120Z without the zeros
// at its end, so that as text they sort as numbers do.
func fractionOf(s string) string {
	return strings.TrimRight(strings.Trim(s, ".Z"), "0")
}

func (c *checker) noSuchDay(pos int) {
	c.problem(Error, pos, codeTimestamp, "STIX 2.1 §2.16",
		"the calendar does not have the day of this timestamp: correct it")
}
