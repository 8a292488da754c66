package stix

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tlp2Extension marks a marking-definition that states a level of TLP 2.0.
const tlp2Extension = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"

// knownTLP holds the markings that are understood: the four of STIX 2.1 §7.2.1.4
// (TLP 1.0), the five that OASIS publishes for TLP 2.0, and OpenCTI's own for
// AMBER+STRICT, which predates them.
var knownTLP = map[string]Level{
	"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": Clear,
	"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": Green,
	"marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": Amber,
	"marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": Red,

	"marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487": Clear,
	"marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb": Green,
	"marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421": Amber,
	"marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003": AmberStrict,
	"marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1": Red,

	"marking-definition--826578e1-40ad-459f-bc73-ede076f81f37": AmberStrict,
}

// KnownTLP returns the level of a TLP marking by its identifier, and whether
// it is one. Identifiers compare byte for byte, as readers of the object will.
func KnownTLP(id string) (Level, bool) {
	l, ok := knownTLP[id]
	return l, ok
}

// markingIDs are the identifiers of TLP 2.0 by level.
var markingIDs = [...]string{
	Clear:       "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
	Green:       "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
	Amber:       "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
	AmberStrict: "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
	Red:         "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}

// MarkingID returns the identifier of the marking by which OASIS publishes the
// level in TLP 2.0, "" for NoLevel and what is no level.
func (l Level) MarkingID() string {
	if int(l) >= len(markingIDs) {
		return ""
	}
	return markingIDs[l]
}

// Definition is what a marking-definition says of itself.
type Definition struct {
	// DefinitionType and Name are the properties of these names, cut to 250
	// bytes.
	DefinitionType, Name string
	// TLP is the level stated by definition.tlp (TLP 1.0), TLP2 the one by the
	// TLP 2.0 extension's tlp_2_0, both as written.
	TLP, TLP2 string
	// LooksTLP tells that something in it says TLP: its definition_type or
	// name, a tlp in its definition, a text of its definition that begins with
	// TLP or names a level after it, the TLP 2.0 extension or OpenCTI's own
	// properties. Under an identifier that is no TLP marking's this is refused.
	LooksTLP bool

	claims []string // every level it states, as written
}

// readDefinition reads the marking-definition on the tape.
func (s *scanner) readDefinition(h *head) *Definition {
	d := new(Definition)
	d.DefinitionType, d.Name = s.brief(h.definitionType), s.brief(h.name)
	d.LooksTLP = saysTLP(d.DefinitionType)
	if h.name != 0 && s.nodes[h.name].kind == '"' {
		word := d.readText(string(s.text(h.name)))
		d.LooksTLP = d.LooksTLP || word
	}
	for i := uint32(1); i < s.nodes[0].next; i = s.nodes[i].next {
		switch name := s.name(i); {
		case string(name) == "definition":
			s.readClaims(d, i)
		case string(name) == "extensions":
			s.readExtensions(d, i)
		case bytes.HasPrefix(name, []byte("x_opencti_definition")):
			// OpenCTI states its TLP here, beside a definition that is a stub.
			text := s.brief(i)
			if rest, ok := cutTLP(text); ok && rest != "" {
				d.claim(rest)
			}
			d.LooksTLP = d.LooksTLP || saysTLP(text)
		}
	}
	return d
}

// readClaims reads the definition property, node i.
func (s *scanner) readClaims(d *Definition, i uint32) {
	for m := i; m < s.nodes[i].next; m++ {
		if m != i && s.nodes[m].parent == i && s.nodes[i].kind == '{' && bytes.EqualFold(s.name(m), []byte("tlp")) {
			d.TLP = s.brief(m)
			d.claimBare(d.TLP)
		} else if s.nodes[m].kind == '"' {
			d.readText(string(s.text(m)))
		}
	}
}

// readText takes the levels that a text states, and tells whether it says TLP
// at all. One that begins with TLP has to be nothing but a level.
func (d *Definition) readText(text string) bool {
	if rest, ok := cutTLP(text); ok {
		d.claim(rest)
	}
	word, levels := mentionsTLP(text)
	for _, l := range levels {
		d.claim(l.String())
	}
	return word
}

// readExtensions reads the extensions property, node i.
func (s *scanner) readExtensions(d *Definition, i uint32) {
	if s.nodes[i].kind != '{' {
		return
	}
	for m := i + 1; m < s.nodes[i].next; m = s.nodes[m].next {
		t := s.tape.member(m, "tlp_2_0")
		if t == 0 && string(s.name(m)) != tlp2Extension {
			continue
		}
		d.LooksTLP = true
		if t != 0 {
			d.TLP2 = s.brief(t)
		}
		d.claimBare(d.TLP2)
	}
}

// brief returns the text of string node i, no more than its first 250 bytes
// and "" if it is no valid string.
func (s *scanner) brief(i uint32) string {
	if n := &s.nodes[i]; i == 0 || n.kind != '"' || n.flags&badText != 0 {
		return ""
	}
	t := s.text(i)
	return strings.ToValidUTF8(string(t[:min(len(t), maxTypeLen)]), "")
}

func (d *Definition) claim(level string) {
	d.LooksTLP = true
	d.claims = append(d.claims, level)
}

// claimBare takes a level with or without "TLP:" before it.
func (d *Definition) claimBare(level string) {
	if rest, ok := cutTLP(level); ok {
		level = rest
	}
	d.claim(level)
}

// agrees tells whether the definition states the level, and no other.
func (d *Definition) agrees(want Level) bool {
	for _, c := range d.claims {
		if got, err := ParseLevel(plainLevel(c)); err != nil || got != want {
			return false
		}
	}
	return len(d.claims) > 0
}

// plainLevel brings the ways a level is written in the wild to ParseLevel's.
func plainLevel(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if rest, ok := strings.CutPrefix(s, "amber"); ok && strings.Trim(rest, " +-_") == "strict" {
		return "amber-strict"
	}
	return s
}

// mentionsTLP tells whether "TLP" stands in s as a word, and returns once each
// level that follows "TLP" with no letter between the two, anywhere and in any
// case: of "MyCERT TLP 2.0: Red, was TLP_AMBER" Red and Amber. Letters that
// merely make up a part of other words say nothing.
func mentionsTLP(s string) (word bool, levels []Level) {
	const tlp = "tlp"
	s = strings.ToLower(s)
	noLetter := func(r rune) bool { return !unicode.IsLetter(r) }
	for at := 0; ; {
		k := strings.Index(s[at:], tlp)
		if k < 0 {
			return word, levels
		}
		before, _ := utf8.DecodeLastRuneInString(s[:at+k])
		at += k + len(tlp)
		after, _ := utf8.DecodeRuneInString(s[at:])
		word = word || noLetter(before) && noLetter(after)

		rest := strings.TrimLeftFunc(s[at:], noLetter)
		end := strings.IndexFunc(rest, noLetter)
		if end < 0 {
			end = len(rest)
		}
		l, err := ParseLevel(rest[:end])
		if err != nil {
			continue
		}
		if l == Amber && strings.HasPrefix(strings.TrimLeft(rest[end:], " +-_"), "strict") {
			l = AmberStrict
		}
		if !slices.Contains(levels, l) {
			levels = append(levels, l)
		}
	}
}

// cutTLP returns what follows "TLP" and its separator at the start of s, in
// any case, and whether s begins so; a longer word does not count.
func cutTLP(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if len(s) < 3 || !strings.EqualFold(s[:3], "tlp") {
		return s, false
	}
	if r, _ := utf8.DecodeRuneInString(s[3:]); unicode.IsLetter(r) {
		return s, false
	}
	return strings.TrimLeft(s[3:], " :-_="), true
}

func saysTLP(s string) bool { return strings.Contains(strings.ToLower(s), "tlp") }
