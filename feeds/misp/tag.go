package misp

import (
	"strings"

	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/stix"
)

// Said is what tags say.
type Said struct {
	// Level is the strictest TLP, NoLevel of none.
	Level stix.Level
	// Unknown tells of a TLP that is none of TLP 2.0 or 1.0: tlp:ex:chr and the
	// like. What is under it must not be shared, since it is not known with whom.
	Unknown bool
	// Confidence is by the admiralty scale, MISP's own or that of estimative
	// language, the lowest of several.
	Confidence *int
	// PAP are permissible actions as PAP:RED, the strictest.
	PAP string
	// Clusters are those that tags name: misp-galaxy:malpedia="Name".
	Clusters []NamedCluster
	// Labels are the other tags that are meant for others.
	Labels []string
}

// NamedCluster is a cluster of a galaxy by its name.
type NamedCluster struct{ Galaxy, Name string }

// paps are from the least to the most restrictive.
var paps = []string{"", "CLEAR", "GREEN", "AMBER", "RED"}

// ReadTags reads tags. Those that are local count for nothing but for how strict
// they are.
func ReadTags(lists ...[]Tag) Said {
	var s Said
	pap := 0
	for _, list := range lists {
		for _, t := range list {
			s.read(t, &pap)
		}
	}
	if pap > 0 {
		s.PAP = "PAP:" + paps[pap]
	}
	return s
}

func (s *Said) read(t Tag, pap *int) {
	name := strings.TrimSpace(string(t.Name))
	lower := strings.ToLower(name)
	if rest, ok := strings.CutPrefix(lower, "tlp:"); ok {
		level, err := stix.ParseLevel(strings.Trim(rest, `"`))
		s.Level = max(s.Level, level)
		s.Unknown = s.Unknown || err != nil
		return
	}
	if rest, ok := strings.CutPrefix(lower, "pap:"); ok {
		word := strings.ToUpper(strings.Trim(rest, `"`))
		if word == "WHITE" {
			word = "CLEAR"
		}
		for i, p := range paps {
			if p == word {
				*pap = max(*pap, i)
			}
		}
		return
	}
	if t.Local {
		return
	}
	head, value, _ := strings.Cut(name, "=")
	value = strings.Trim(value, `"`)
	switch head = strings.ToLower(head); {
	case strings.HasPrefix(head, "misp-galaxy:"):
		s.Clusters = append(s.Clusters, NamedCluster{strings.TrimPrefix(head, "misp-galaxy:"), value})
	case head == "admiralty-scale:information-credibility":
		s.lower(build.Admiralty(value))
	case head == "misp:confidence-level":
		s.lower(build.MISP(strings.ToLower(value)))
	case head == "estimative-language:confidence-in-analytic-judgment":
		if value == "moderate" {
			value = "medium"
		}
		s.lower(build.LowMedHigh(value))
	case len(name) <= 250:
		s.Labels = append(s.Labels, name)
	}
}

func (s *Said) lower(confidence *int) {
	if confidence != nil && (s.Confidence == nil || *confidence < *s.Confidence) {
		s.Confidence = confidence
	}
}

// LevelTag is the tag of a level as the taxonomy writes it, "" of none.
func LevelTag(level stix.Level) Text {
	switch level {
	case stix.NoLevel:
		return ""
	case stix.AmberStrict:
		return "tlp:amber+strict"
	}
	return Text("tlp:" + level.String())
}

// ConfidenceTag is the level of MISP's own scale that is nearest to a confidence
// of 0 to 100.
func ConfidenceTag(confidence int) Text {
	words := []Text{"unconfident", "rarely-confident", "fairly-confident", "usually-confident", "completely-confident"}
	return `misp:confidence-level="` + words[(min(max(confidence, 0), 100)+12)/25] + `"`
}
