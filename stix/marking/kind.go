package marking

import (
	"fmt"
	"strings"

	"github.com/selat-hub/selat/stix"
)

// Family is the sort of rule that a marking-definition states.
type Family string

// The families that are recognised. Selat enforces TLP; the others are carried
// to those they are for.
const (
	TLP1       Family = "tlp-1.0"     // STIX 2.1 §7.2.1.4
	TLP2       Family = "tlp-2.0"     // the extension that OASIS publishes
	TLPOpenCTI Family = "tlp-opencti" // OpenCTI's AMBER+STRICT, older than TLP 2.0's
	Statement  Family = "statement"   // STIX 2.1 §7.2.1.3
	PAP        Family = "pap"         // Permissible Actions Protocol
	ACS        Family = "acs"         // Access Control Specification, ISA 3.0
	IEP        Family = "iep"         // FIRST Information Exchange Policy 2.0
	Other      Family = "other"
)

// Definition is what a marking-definition states.
type Definition struct {
	ID, Name string
	Family   Family
	// Level is the TLP of a definition whose identifier is that level's and
	// which states that level and no other.
	Level stix.Level
	// Lookalike tells that the definition says TLP and is none, or is another
	// than its identifier's: the hub refuses it, and what refers to it.
	Lookalike bool
	// States are the properties that make up the rule, as far as they are
	// there.
	States []Property
}

// Property is a property of what a marking-definition states: its name, with
// dots where it lies deeper, and its value, as JSON where it is no string.
type Property struct{ Name, Value string }

// rule is how a family is recognised, by an extension or else a
// definition_type, and what of it is shown.
type rule struct {
	family         Family
	extension      string
	definitionType string
	properties     []string
}

var (
	acsProperties = []string{"name", "identifier", "policy_reference", "control_set.classification",
		"responsible_entity_custodian", "responsible_entity_originator", "create_date_time"}
	iepProperties = []string{"id", "iep_id", "id_ref", "url", "name", "description", "iep_version", "start_date", "end_date",
		"encrypt_in_transit", "permitted_actions", "affected_party_notifications", "tlp", "attribution", "provider_attribution",
		"unmodified_resale"}

	// rules stand in the order in which they decide: TLP first, so that nothing
	// hides it.
	rules = []rule{
		{TLP2, "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d", "", []string{"tlp_2_0"}},
		{TLP1, "", "tlp", []string{"tlp"}},
		{ACS, "extension-definition--3a65884d-005a-4290-8335-cb2d778a83ce", "", acsProperties},
		{ACS, "", "x-isa-acs-3-0", acsProperties},
		{IEP, "extension-definition--762e2e97-ee51-43e5-a9ea-165fbb862c4a", "", iepProperties},
		{IEP, "", "iep", iepProperties},
		{PAP, "extension-definition--f8d78575-edfd-406e-8e84-6162a8450f5b", "", []string{"pap"}},
		{Statement, "", "statement", []string{"statement"}},
	}
)

// openCTI is where OpenCTI states its TLP, beside a statement that is a stub.
const openCTI = "x_opencti_definition"

// Kind reads a marking-definition (STIX 2.1 §7.2.1) and tells its family and
// what it states. A definition of several families is of the first in this
// order: TLP, ACS, IEP, PAP, statement. The error is ErrInvalidObject.
func Kind(definition []byte) (Definition, error) {
	at := newTree([]string{"type", "id", "name", "definition_type", openCTI})
	for _, r := range rules {
		for _, p := range r.properties {
			at.add(r.place() + "." + p).ends = true
		}
	}
	if _, err := walk(definition, at); err != nil {
		return Definition{}, err
	}
	if at.find("type").text != "marking-definition" {
		return Definition{}, fmt.Errorf("%w: give a marking-definition", ErrInvalidObject)
	}
	d := Definition{ID: at.find("id").text, Name: at.find("name").text, Family: Other}
	if v := at.find(openCTI).text; strings.HasPrefix(v, "TLP:") {
		d.Family, d.States = TLPOpenCTI, []Property{{openCTI, v}}
	}
	for _, r := range rules {
		if r.holds(at) && (d.Family == Other || r.family == TLP2 || r.family == TLP1) {
			d.Family, d.States = r.family, r.states(at)
			break
		}
	}
	var err error
	d.Level, d.Lookalike, err = judge(definition)
	return d, err
}

// place is the selector of what the rule's properties are in.
func (r *rule) place() string {
	if r.extension != "" {
		return "extensions." + r.extension
	}
	return "definition"
}

func (r *rule) holds(at *tree) bool {
	if r.extension != "" {
		return at.find(r.place()).present
	}
	return strings.EqualFold(at.find("definition_type").text, r.definitionType)
}

func (r *rule) states(at *tree) []Property {
	var all []Property
	for _, p := range r.properties {
		if v := at.find(r.place() + "." + p).text; v != "" {
			all = append(all, Property{p, v})
		}
	}
	return all
}

// judge takes the definition for what the hub takes it for.
func judge(definition []byte) (level stix.Level, lookalike bool, err error) {
	objects, err := stix.Split(definition, stix.Limits{PayloadBytes: len(definition), ObjectBytes: len(definition)})
	if err != nil || len(objects) != 1 {
		return stix.NoLevel, false, fmt.Errorf("%w: the hub would not take this for one object", ErrInvalidObject)
	}
	o := &objects[0]
	// Only what the definition says of itself is asked for: that the markings on
	// it are known, and what they say, is another matter.
	o.MarkingRefs = nil
	_, findings := o.Mark(func(string) (*stix.Definition, bool) { return nil, true })
	if len(findings) > 0 {
		return stix.NoLevel, true, nil
	}
	level, _ = levelOf(Mark{Ref: o.ID})
	return level, false, nil
}
