package stix

import "fmt"

// Level is a Traffic Light Protocol level (TLP 2.0), ordered from the least to
// the most restrictive, so that levels compare with < and >. The zero value is
// no level at all and is never valid on the wire.
type Level uint8

const (
	NoLevel Level = iota
	Clear
	Green
	Amber
	AmberStrict
	Red
)

// Levels lists every valid level, least restrictive first.
var Levels = [...]Level{Clear, Green, Amber, AmberStrict, Red}

var levelTokens = [...]string{"", "clear", "green", "amber", "amber-strict", "red"}

// String returns the token used in subjects, stream names and flags: clear,
// green, amber, amber-strict or red; "none" for NoLevel.
func (l Level) String() string {
	if l == NoLevel || int(l) >= len(levelTokens) {
		return "none"
	}
	return levelTokens[l]
}

// ParseLevel reads a level's token. "white" reads as clear (TLP 1.0) and
// "amber+strict" as amber-strict, in lower case only.
func ParseLevel(s string) (Level, error) {
	switch s {
	case "white":
		return Clear, nil
	case "amber+strict":
		return AmberStrict, nil
	}
	for i, t := range levelTokens {
		if i > 0 && t == s {
			return Level(i), nil
		}
	}
	return NoLevel, fmt.Errorf("%q is no TLP level: use clear, green, amber, amber-strict or red", s)
}

// MarshalText writes the token; NoLevel is written as the empty string.
func (l Level) MarshalText() ([]byte, error) {
	if int(l) >= len(levelTokens) {
		return nil, fmt.Errorf("TLP level %d does not exist", l)
	}
	return []byte(levelTokens[l]), nil
}

// UnmarshalText reads a token; the empty string is NoLevel.
func (l *Level) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*l = NoLevel
		return nil
	}
	v, err := ParseLevel(string(b))
	*l = v
	return err
}
