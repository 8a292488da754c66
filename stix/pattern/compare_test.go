package pattern

import (
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestNumbersCompareAsRationalsDo(t *testing.T) {
	text := rapid.StringMatching(`-?((0|[1-9][0-9]{0,20})(\.[0-9]{1,12})?|\.[0-9]{1,12})([eE][+-]?[0-9]{1,2})?`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		x, ok := parseDecimal(a)
		y, also := parseDecimal(b)
		if !ok || !also {
			t.Fatalf("%q or %q is refused", a, b)
		}
		p, _ := new(big.Rat).SetString(a)
		q, _ := new(big.Rat).SetString(b)
		if got, want := x.compare(y), p.Cmp(q); got < 0 != (want < 0) || got > 0 != (want > 0) {
			t.Fatalf("%s and %s compare %d, want %d", a, b, got, want)
		}
	})
}

func TestWhatIsNoNumberIsRefused(t *testing.T) {
	for _, s := range []string{"", "-", ".", "-.", "e1", "1e", "1e+", "--1", "1.2.3", "0x1", "1_000", "NaN", "1e10000", "1e-10000"} {
		if d, ok := parseDecimal(s); ok {
			t.Errorf("%q is %+v", s, d)
		}
	}
}

func TestEveryConstantThatParsesCanBeUsed(t *testing.T) {
	for _, source := range []string{
		"[a:b = +5]", "[a:b = -0]", "[a:b = +.5]", "[a:b IN (+0.0, -.25, 123456789012345678901234567890)]",
		"[a:b = '\\'']", "[a:b = true]", "[a:b = h'']", "[a:b = t'2016-12-31T23:59:60.1234567890Z']",
		"[a:b = b'AQ==']", "[a:b = b'\nAQ\n=\n=\n']", "[a:b = b'AQI\r\nDBA==\r\n']",
	} {
		usable(t, mustParse(t, source))
	}
}

// usable fails if a constant of the pattern cannot be compared with. The days
// of the calendar are beyond the grammar.
func usable(t *testing.T, p *Pattern) {
	t.Helper()
	for _, o := range Values(p) {
		_, err := newConstant(o.Constant)
		if err != nil && (o.Constant.Kind != Timestamp || onCalendar(o.Constant.Text)) {
			t.Errorf("%q: %v", o.Constant.Text, err)
		}
	}
}

func TestANumberWithAPlusSignIsTheNumber(t *testing.T) {
	a, err := newConstant(Value{Kind: Float, Text: "+5.50"})
	if err != nil {
		t.Fatal(err)
	}
	if order, ok := a.compare(number("5.5")); order != 0 || !ok {
		t.Error(order, ok)
	}
}

func TestLineFeedsInBase64AreIgnored(t *testing.T) {
	p := mustParse(t, "[artifact:payload_bin = b'TV\nr/\n']")
	if _, matched, err := p.Match(t.Context(), incidentObserved(t)); !matched || err != nil {
		t.Error(matched, err)
	}
}

func TestTimestampsCompareAsTimesDo(t *testing.T) {
	drawn := rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(-1<<35, 1<<35).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).UTC()
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawn.Draw(t, "a"), drawn.Draw(t, "b")
		m, ok := parseMoment(a.Format("2006-01-02T15:04:05.999999999Z"))
		n, also := parseMoment(b.Format("2006-01-02T15:04:05.000000000Z"))
		if !ok || !also || m.compare(n) != a.Compare(b) || !m.time().Equal(a) {
			t.Fatalf("%v and %v: %v, %v", a, b, m, n)
		}
	})
}

func TestTimestampsFinerThanNanosecondsDiffer(t *testing.T) {
	a, _ := parseMoment("2024-01-01T00:00:00.1234567890001Z")
	b, _ := parseMoment("2024-01-01T00:00:00.1234567890002Z")
	if a.compare(b) >= 0 {
		t.Error("the first is not before the second")
	}
	if _, ok := parseMoment("2024-02-30T00:00:00Z"); ok {
		t.Error("30 February is a day")
	}
}

func TestALeapSecondIsTheSecondAfterIt(t *testing.T) {
	a, ok := parseMoment("2016-12-31T23:59:60Z")
	b, _ := parseMoment("2017-01-01T00:00:00Z")
	if !ok || a.compare(b) != 0 {
		t.Errorf("%v and %v", a, b)
	}
}
