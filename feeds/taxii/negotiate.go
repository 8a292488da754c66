package taxii

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// Media types (TAXII 2.1 §1.6.8).
const (
	mediaName    = "application/taxii+json"
	mediaVersion = "2.1"
	mediaTAXII   = mediaName + ";version=" + mediaVersion
	mediaSTIX    = "application/stix+json;version="
)

// maxRanges bounds the work on one header that lists alternatives.
const maxRanges = 100

// accepts reports whether a request takes what this server writes. Without an
// Accept header it does (RFC 9110 §12.5.1). The most specific range that fits
// decides, so that "*/*, application/taxii+json;q=0" refuses.
func accepts(h http.Header) bool {
	values := h.Values("Accept")
	if len(values) == 0 {
		return true
	}
	best, quality, seen := -1, 0.0, false
	for item := range listed(values) {
		seen = true
		rank, q := fit(item)
		switch {
		case rank > best:
			best, quality = rank, q
		case rank == best:
			quality = max(quality, q)
		}
	}
	// An empty header says as little as none.
	return !seen || best >= 0 && quality > 0
}

// fit says how specifically a media range names what this server writes, -1 if
// it does not, and with which quality. Parameters other than version and q are
// passed over: clients add charset.
func fit(item string) (rank int, q float64) {
	name, params, err := mime.ParseMediaType(item)
	if err != nil {
		return -1, 0
	}
	q = 1
	if v, ok := params["q"]; ok {
		if q, ok = parseQuality(v); !ok {
			return -1, 0
		}
	}
	version, versioned := params["version"]
	switch {
	case versioned && version != mediaVersion:
		return -1, 0
	case name == mediaName && versioned:
		return 3, q
	case name == mediaName:
		return 2, q
	case name == "application/*" && !versioned:
		return 1, q
	case name == "*/*" && !versioned:
		return 0, q
	}
	return -1, 0
}

// parseQuality reads a weight: 0 to 1 (RFC 9110 §12.4.2).
func parseQuality(s string) (float64, bool) {
	if s == "" || strings.Trim(s, "0123456789.") != "" {
		return 0, false
	}
	q, err := strconv.ParseFloat(s, 64)
	return q, err == nil && q >= 0 && q <= 1
}

// listed yields the elements of a header that is a list, over all its lines,
// and knows that a comma inside quotes does not end one.
func listed(values []string) func(func(string) bool) {
	return func(yield func(string) bool) {
		n := 0
		for _, v := range values {
			for v != "" {
				var item string
				item, v = cutElement(v)
				if item = strings.TrimSpace(item); item == "" {
					continue
				}
				if n++; n > maxRanges || !yield(item) {
					return
				}
			}
		}
	}
}

func cutElement(s string) (item, rest string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// isTAXII reports whether a request's body is what this server reads. Without a
// version it is taken for this one.
func isTAXII(h http.Header) bool {
	values := h.Values("Content-Type")
	if len(values) != 1 {
		return false
	}
	name, params, err := mime.ParseMediaType(values[0])
	version, versioned := params["version"]
	return err == nil && name == mediaName && (!versioned || version == mediaVersion)
}
