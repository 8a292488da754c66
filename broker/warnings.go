package broker

import (
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// gather makes of an object's warnings one line for each code. Feeds break the
// same SHOULD on every object, so what it means is told only where the code
// comes first in a receipt: explained holds those that were told already.
func gather(warnings []stix.Finding, explained *[]string) []api.Warning {
	if len(warnings) == 0 {
		return nil
	}
	lines := make([]api.Warning, 0, 4)
next:
	for i := range warnings {
		f := &warnings[i]
		for k := range lines {
			if lines[k].Code == f.Code {
				lines[k].More++
				continue next
			}
		}
		w := api.Warning{Code: f.Code, Path: f.Path}
		if !slices.Contains(*explained, f.Code) {
			*explained = append(*explained, f.Code)
			w.Section, w.Message = f.Section, f.Message
		}
		lines = append(lines, w)
	}
	return lines
}

// appendWarnings writes the member of a receipt's line. Codes are plain words;
// the rest may hold anything.
func appendWarnings(b []byte, lines []api.Warning) []byte {
	b = append(b, `,"warnings":[`...)
	for i := range lines {
		w := &lines[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"code":"`...)
		b = append(b, w.Code...)
		b = append(b, `","path":`...)
		b = appendText(b, w.Path)
		if w.More > 0 {
			b = append(b, `,"more":`...)
			b = strconv.AppendInt(b, int64(w.More), 10)
		}
		b = appendMember(b, "section", w.Section)
		b = appendMember(b, "message", w.Message)
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendText quotes a text, with bytes that are not UTF-8 replaced.
func appendText(b []byte, s string) []byte {
	out, err := jsontext.AppendQuote(b, s)
	if err != nil && len(out) == len(b) {
		return append(b, `""`...)
	}
	return out
}
