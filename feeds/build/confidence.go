package build

import (
	"strings"
)

// The confidence scales of STIX 2.1 appendix A, and MISP's. Each gives nil for
// what the scale itself calls not to be judged, and for any other word.

// Confidence makes a confidence of a number of 0 to 100, cutting what is beyond.
func Confidence(n int) *int { return new(min(max(n, 0), 100)) }

// LowMedHigh reads the words none, low, med or medium, and high (appendix A.1).
func LowMedHigh(word string) *int {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "none":
		return new(0)
	case "low":
		return new(15)
	case "med", "medium":
		return new(50)
	case "high":
		return new(85)
	}
	return nil
}

// Admiralty reads the credibility of the Admiralty code, 1 to 6, with or without
// the letter of the source's reliability before it, as in B2 (appendix A.3). The
// letter says nothing of this statement and does not count. 6 cannot be judged.
func Admiralty(code string) *int {
	code = strings.TrimLeft(strings.ToUpper(strings.TrimSpace(code)), "ABCDEF")
	switch code {
	case "1":
		return new(90)
	case "2":
		return new(70)
	case "3":
		return new(50)
	case "4":
		return new(30)
	case "5":
		return new(10)
	}
	return nil
}

// MISP reads the predicate of MISP's taxonomy misp:confidence-level, whose
// numbers are those of the taxonomy.
func MISP(level string) *int {
	switch level {
	case "completely-confident":
		return new(100)
	case "usually-confident":
		return new(75)
	case "fairly-confident":
		return new(50)
	case "rarely-confident":
		return new(25)
	case "unconfident":
		return new(0)
	}
	return nil
}
