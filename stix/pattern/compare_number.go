package pattern

import "strings"

// decimal is a number without loss: 0.digits times ten to the exponent. Its
// digits neither begin nor end with a zero; zero has none.
type decimal struct {
	negative bool
	digits   string
	exponent int
}

// parseDecimal reads a number of JSON or of a pattern, which may begin with its
// point. It refuses exponents beyond maxExponent, which no double holds.
func parseDecimal(s string) (decimal, bool) {
	var d decimal
	s, d.negative = strings.CutPrefix(s, "-")
	mantissa, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa = s[:i]
		var ok bool
		if exponent, ok = parseExponent(s[i+1:]); !ok {
			return d, false
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return d, false
	}
	trimmed := strings.TrimLeft(digits, "0")
	d.digits = strings.TrimRight(trimmed, "0")
	if d.digits == "" {
		return decimal{}, true
	}
	d.exponent = len(whole) - (len(digits) - len(trimmed)) + exponent
	return d, true
}

func parseExponent(s string) (int, bool) {
	negative := strings.HasPrefix(s, "-")
	s = strings.TrimLeft(s, "+-")
	if s == "" {
		return 0, false
	}
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = n*10 + int(c-'0'); n > maxExponent {
			return 0, false
		}
	}
	if negative {
		n = -n
	}
	return n, true
}

// compare orders two numbers: negative, 0 or positive.
func (d decimal) compare(e decimal) int {
	if d.negative != e.negative {
		if d.negative {
			return -1
		}
		return 1
	}
	c := d.magnitude(e)
	if d.negative {
		return -c
	}
	return c
}

func (d decimal) magnitude(e decimal) int {
	switch {
	case d.digits == "" || e.digits == "":
		return len(d.digits) - len(e.digits)
	case d.exponent != e.exponent:
		return d.exponent - e.exponent
	}
	return strings.Compare(d.digits, e.digits)
}
