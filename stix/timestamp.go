package stix

import "bytes"

const secondsLen = len("2006-01-02T15:04:05")

// maxTimestamp bounds created and modified in bytes: they are in every key, and
// 44 digits after the second tell more than any clock.
const maxTimestamp = 64

// validTimestamp tells whether s is a timestamp (STIX 2.1 §2.16): a date that
// the calendar has, a time of day to the second or finer, and Z. A 60th second
// is taken for a leap second at the end of a day.
func validTimestamp(s []byte) bool {
	const form = "dddd-dd-ddTdd:dd:dd"
	if len(s) < secondsLen+1 || s[len(s)-1] != 'Z' {
		return false
	}
	for i := range len(form) {
		if form[i] == 'd' {
			if s[i] < '0' || s[i] > '9' {
				return false
			}
		} else if s[i] != form[i] {
			return false
		}
	}
	if fraction := s[secondsLen : len(s)-1]; len(fraction) > 0 {
		if fraction[0] != '.' || len(fraction) == 1 || digits(fraction, 1) != len(fraction) {
			return false
		}
	}
	year := two(s)*100 + two(s[2:])
	month, day := two(s[5:]), two(s[8:])
	return month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month) &&
		two(s[11:]) < 24 && two(s[14:]) < 60 &&
		(two(s[17:]) < 60 || two(s[17:]) == 60 && two(s[11:]) == 23 && two(s[14:]) == 59)
}

func two(s []byte) int { return int(s[0]-'0')*10 + int(s[1]-'0') }

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// compareTimestamps orders two valid timestamps: -1, 0 or 1. They may differ
// in precision.
func compareTimestamps(a, b []byte) int {
	if c := bytes.Compare(a[:secondsLen], b[:secondsLen]); c != 0 {
		return c
	}
	return bytes.Compare(fraction(a), fraction(b))
}

// fraction returns the digits of a timestamp's fraction of a second without
// the zeros at its end, so that as text they sort as numbers do.
func fraction(s []byte) []byte {
	if s = s[secondsLen : len(s)-1]; len(s) > 0 {
		s = s[1:]
	}
	return bytes.TrimRight(s, "0")
}
