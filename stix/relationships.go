package stix

import "strings"

// suggestions holds the relationships that STIX 2.1 suggests (§4, §6, Appendix
// B): a source, a type, and the targets. "observable" stands for every
// cyber-observable. Any other relationship is legal (§3.7).
const suggestions = `
	attack-pattern delivers malware
	attack-pattern targets identity location vulnerability
	attack-pattern uses malware tool
	campaign attributed-to intrusion-set threat-actor
	campaign compromises infrastructure
	campaign originates-from location
	campaign targets identity location vulnerability
	campaign uses attack-pattern infrastructure malware tool
	course-of-action investigates indicator
	course-of-action mitigates attack-pattern indicator malware tool vulnerability
	course-of-action remediates malware vulnerability
	domain-name resolves-to domain-name ipv4-addr ipv6-addr
	identity located-at location
	indicator indicates attack-pattern campaign infrastructure intrusion-set malware threat-actor tool
	indicator based-on observed-data
	infrastructure communicates-with infrastructure ipv4-addr ipv6-addr domain-name url
	infrastructure consists-of infrastructure observed-data observable
	infrastructure controls infrastructure malware
	infrastructure delivers malware
	infrastructure has vulnerability
	infrastructure hosts tool malware
	infrastructure located-at location
	infrastructure uses infrastructure
	intrusion-set attributed-to threat-actor
	intrusion-set compromises infrastructure
	intrusion-set hosts infrastructure
	intrusion-set owns infrastructure
	intrusion-set originates-from location
	intrusion-set targets identity location vulnerability
	intrusion-set uses attack-pattern infrastructure malware tool
	ipv4-addr belongs-to autonomous-system
	ipv4-addr resolves-to mac-addr
	ipv6-addr belongs-to autonomous-system
	ipv6-addr resolves-to mac-addr
	malware authored-by threat-actor intrusion-set
	malware beacons-to infrastructure
	malware exfiltrates-to infrastructure
	malware communicates-with ipv4-addr ipv6-addr domain-name url
	malware controls malware
	malware downloads malware tool file
	malware drops malware tool file
	malware exploits vulnerability
	malware originates-from location
	malware targets identity infrastructure location vulnerability
	malware uses attack-pattern infrastructure malware tool
	malware variant-of malware
	malware-analysis characterizes malware
	malware-analysis av-analysis-of malware
	malware-analysis static-analysis-of malware
	malware-analysis dynamic-analysis-of malware
	threat-actor attributed-to identity
	threat-actor compromises infrastructure
	threat-actor hosts infrastructure
	threat-actor owns infrastructure
	threat-actor impersonates identity
	threat-actor located-at location
	threat-actor targets identity location vulnerability
	threat-actor uses attack-pattern infrastructure malware tool
	tool delivers malware
	tool drops malware
	tool has vulnerability
	tool targets identity infrastructure location vulnerability
	tool uses infrastructure
`

// suggestedTargets holds the targets by source and relationship type.
var suggestedTargets = func() map[string]map[string][]string {
	m := make(map[string]map[string][]string)
	for line := range strings.Lines(strings.TrimSpace(suggestions)) {
		f := strings.Fields(line)
		if m[f[0]] == nil {
			m[f[0]] = make(map[string][]string)
		}
		m[f[0]][f[1]] = f[2:]
	}
	return m
}()

// suggestedRelationship tells whether the specification suggests to say this of
// two types. Those of §3.7 are for every pair: duplicate-of and derived-from
// for two of a type, related-to for all.
func suggestedRelationship(source, relationship, target []byte) bool {
	switch string(relationship) {
	case "related-to":
		return true
	case "duplicate-of", "derived-from":
		return string(source) == string(target)
	}
	for _, t := range suggestedTargets[string(source)][string(relationship)] {
		if t == string(target) || t == "observable" && classByName(target) == observable {
			return true
		}
	}
	return false
}
