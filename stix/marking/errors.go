package marking

import (
	"errors"
	"strconv"
	"strings"
)

// What is wrong, for errors.Is. The text around these names the selector or the
// marking and says what to do; it never repeats the object's content, and is
// at most 500 bytes long.
var (
	// ErrInvalidObject: the bytes are not one JSON object that all readers take
	// alike, or its markings are not of the form of STIX 2.1 §7.2.
	ErrInvalidObject = errors.New("invalid object")
	// ErrInvalidSelector: a selector is not of the syntax of §7.2.3.1, selects
	// nothing in the object, or there is none.
	ErrInvalidSelector = errors.New("invalid selector")
	// ErrInvalidValue: a marking is neither an identifier of a
	// marking-definition nor a language, may not be on this object, or there is
	// none.
	ErrInvalidValue = errors.New("invalid marking")
	// ErrMarkingNotFound: what should be taken away is not there.
	ErrMarkingNotFound = errors.New("marking not found")
)

// brief quotes what a caller gave, no more than the first 80 bytes of it, which
// may become four times as many.
func brief(s string) string {
	const most = 80
	if len(s) > most {
		return strconv.QuoteToASCII(strings.ToValidUTF8(s[:most], "")) + "..."
	}
	return strconv.QuoteToASCII(s)
}
