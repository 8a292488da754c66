package build

import (
	"strings"

	"github.com/TcM1911/stix2"
)

// Named is what others are found under the name of: a threat actor (STIX 2.1
// §4.17), an intrusion set (§4.8) or an attack pattern (§4.1). Without a Key it is
// that of its name, whose case does not count.
type Named struct {
	Common
	// Type is threat-actor, intrusion-set or attack-pattern.
	Type              string
	Name, Description string
}

// Named makes one, which all rows that name it share. As of a malware family, one
// that is named under a stricter TLP than the feed's is another object.
func (m *Maker) Named(w Named) Draft {
	key := []string{w.Key}
	if w.Key == "" {
		key[0] = strings.ToLower(strings.TrimSpace(w.Name))
	}
	if level := m.Strictest(w.Level); level != m.Level {
		key = append(key, level.String())
	}
	w.Shared = true
	return m.draft(w.Type, w.Common, func(Version) (stix2.STIXObject, head, error) {
		name, description := Text(w.Name), Text(w.Description)
		switch w.Type {
		case "threat-actor":
			o, err := stix2.NewThreatActor(name)
			if err != nil {
				return nil, head{}, err
			}
			o.Description = description
			return o, domain(&o.STIXDomainObject), nil
		case "intrusion-set":
			o, err := stix2.NewIntrusionSet(name)
			if err != nil {
				return nil, head{}, err
			}
			o.Description = description
			return o, domain(&o.STIXDomainObject), nil
		case "attack-pattern":
			o, err := stix2.NewAttackPattern(name)
			if err != nil {
				return nil, head{}, err
			}
			o.Description = description
			return o, domain(&o.STIXDomainObject), nil
		}
		return nil, head{}, &Refusal{InvalidObject, "no named object is of the type " + w.Type}
	}, key...)
}
