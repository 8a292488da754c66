package sink

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/selat-hub/selat/stix"
)

// oneLine makes a text of strangers fit to stand in a line: what controls,
// formats or separates is a space, runs of spaces are one, and what goes beyond
// most bytes is cut off between characters.
func oneLine(s string, most int) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		if r == utf8.RuneError || unicode.IsSpace(r) || !unicode.IsPrint(r) {
			space = b.Len() > 0
			continue
		}
		need := utf8.RuneLen(r)
		if space {
			need++
		}
		if b.Len()+need > most {
			break
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// tlp is the level as people write it, TLP:AMBER+STRICT.
func tlp(l stix.Level) string {
	if l == stix.AmberStrict {
		return "TLP:AMBER+STRICT"
	}
	return "TLP:" + strings.ToUpper(l.String())
}
