package marking

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/selat-hub/selat/stix"
)

// MaxSelectorLength is the longest selector taken, in bytes. One may have as
// many components as an object may have levels: stix.DefaultLimits.Depth.
const MaxSelectorLength = 4096

// Selector is the path from an object to one value in it (STIX 2.1 §7.2.3.1).
// What lies below the value is selected with it.
type Selector []Component

// Component is one step of a Selector: into the member Name of an object or,
// where Name is "", to the item at Position of a list, from 0.
type Component struct {
	Name     string
	Position int
}

// maxName is the longest name that a property or a key may have (STIX 2.1 §2.3,
// §3.1), maxPosition the digits a position may have.
const (
	maxName     = 250
	maxPosition = 9
)

// ParseSelector reads a selector: names and list positions such as [0], parted
// by dots. The first is the name of a property, of 1 to 250 lower-case letters,
// digits and underscores, a letter first (STIX 2.1 §3.1). The names below it are
// 1 to 250 of the letters, digits, hyphens and underscores that keys are made
// of (§2.3), a position is a number below a thousand million, without leading
// zeros, so that no path has two spellings. Whether an object has what is
// selected is for [Resolve] to say. The error is ErrInvalidSelector.
func ParseSelector(s string) (Selector, error) {
	if err := checkSelector(s); err != nil {
		return nil, err
	}
	parsed := make(Selector, 0, strings.Count(s, ".")+1)
	for part := range strings.SplitSeq(s, ".") {
		c := Component{Name: part}
		if part[0] == '[' {
			n, err := strconv.Atoi(part[1 : len(part)-1])
			if err != nil {
				return nil, fmt.Errorf("%w %s: %s is no position", ErrInvalidSelector, brief(s), brief(part))
			}
			c = Component{Position: n}
		}
		parsed = append(parsed, c)
	}
	return parsed, nil
}

// String writes the selector as it stands in an object.
func (s Selector) String() string {
	var b []byte
	for i, c := range s {
		if i > 0 {
			b = append(b, '.')
		}
		if c.Name != "" {
			b = append(b, c.Name...)
			continue
		}
		b = append(b, '[')
		b = strconv.AppendInt(b, int64(c.Position), 10)
		b = append(b, ']')
	}
	return string(b)
}

// Resolve tells whether each selector selects something in the object: the
// property or list item has to be there, whatever its value. The error is
// ErrInvalidSelector for the first that does not, or ErrInvalidObject.
func Resolve(object []byte, selectors ...string) error {
	_, _, err := readAt(object, selectors)
	return err
}

// checkSelector holds a selector to its syntax. The components of one that
// passes are what lies between its dots, and are equal where their text is.
func checkSelector(s string) error {
	bad := func(why string) error {
		return fmt.Errorf("%w %s: %s", ErrInvalidSelector, brief(s), why)
	}
	if len(s) > MaxSelectorLength {
		return bad(fmt.Sprintf("it has %d bytes, at most %d are taken", len(s), MaxSelectorLength))
	}
	if n := strings.Count(s, ".") + 1; n > stix.DefaultLimits.Depth {
		return bad(fmt.Sprintf("it has %d components, at most %d are taken", n, stix.DefaultLimits.Depth))
	}
	first := true
	for part := range strings.SplitSeq(s, ".") {
		switch {
		case first && isProperty(part):
		case first:
			return bad("begin with the name of a property: lower-case letters, digits and underscores, a letter first")
		case !isName(part) && !isPosition(part):
			return bad("write names and positions such as [0], parted by dots")
		}
		first = false
	}
	return nil
}

// isProperty tells whether s may be the name of a property, one of any length:
// that it has three characters at least is asked of the property itself.
func isProperty(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (i == 0 || (c < '0' || c > '9') && c != '_') {
			return false
		}
	}
	return 0 < len(s) && len(s) <= maxName
}

func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return 0 < len(s) && len(s) <= maxName
}

func isPosition(s string) bool {
	if len(s) < 3 || len(s) > maxPosition+2 || s[0] != '[' || s[len(s)-1] != ']' {
		return false
	}
	digits := s[1 : len(s)-1]
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
	}
	return digits[0] != '0' || len(digits) == 1
}
