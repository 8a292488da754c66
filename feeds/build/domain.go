package build

import (
	"strings"
	"time"

	"github.com/TcM1911/stix2"

	"github.com/selat-hub/selat/stix"
)

// Malware is a malware family (STIX 2.1 §4.11). Without a Key it is that of its
// name, whose case does not count.
type Malware struct {
	Common
	Name, Description string
	// Types are of the vocabulary malware-type-ov (§10.14).
	Types, Aliases []string
}

// Malware makes a malware family, which all rows that name it share. A family
// that a row names under a stricter TLP than the feed's is another object, so
// that its name is told to nobody who may not see the row.
func (m *Maker) Malware(w Malware) Draft {
	key := []string{w.Key}
	if w.Key == "" {
		key[0] = strings.ToLower(strings.TrimSpace(w.Name))
	}
	if level := m.Strictest(w.Level); level != m.Level {
		key = append(key, level.String())
	}
	w.Shared = true
	return m.draft("malware", w.Common, func(Version) (stix2.STIXObject, head, error) {
		o, err := stix2.NewMalware(true, stix2.OptionName(Text(w.Name)))
		if err != nil {
			return nil, head{}, err
		}
		o.Description, o.Types, o.Aliases = Text(w.Description), Words(w.Types...), Words(w.Aliases...)
		return o, domain(&o.STIXDomainObject), nil
	}, key...)
}

// Vulnerability is a vulnerability (STIX 2.1 §4.18).
type Vulnerability struct {
	Common
	Name, Description string
}

func (m *Maker) Vulnerability(w Vulnerability) Draft {
	return m.draft("vulnerability", w.Common, func(Version) (stix2.STIXObject, head, error) {
		o, err := stix2.NewVulnerability(Text(w.Name))
		if err != nil {
			return nil, head{}, err
		}
		o.Description = Text(w.Description)
		return o, domain(&o.STIXDomainObject), nil
	}, w.Key)
}

// Identity is an organization, a group or the like (STIX 2.1 §4.5). No feed
// makes one of a person.
type Identity struct {
	Common
	Name, Description string
	// Class is of the vocabulary identity-class-ov (§10.7), such as organization.
	Class   string
	Sectors []string
}

func (m *Maker) NewIdentity(w Identity) Draft {
	return m.draft("identity", w.Common, func(Version) (stix2.STIXObject, head, error) {
		o, err := stix2.NewIdentity(Text(w.Name))
		if err != nil {
			return nil, head{}, err
		}
		o.Description, o.Class, o.Sectors = Text(w.Description), w.Class, Words(w.Sectors...)
		return o, domain(&o.STIXDomainObject), nil
	}, w.Key)
}

// Note is a remark on objects (STIX 2.1 §4.13).
type Note struct {
	Common
	Abstract, Content string
	Objects           []string
}

func (m *Maker) Note(w Note) Draft {
	return m.draft("note", w.Common, func(Version) (stix2.STIXObject, head, error) {
		o, err := stix2.NewNote(Text(w.Content), identifiers(w.Objects))
		if err != nil {
			return nil, head{}, err
		}
		o.Abstract = Text(w.Abstract)
		return o, domain(&o.STIXDomainObject), nil
	}, w.Key)
}

var opinions = map[string]stix2.OpinionValue{
	"strongly-disagree": stix2.OpinionStronglyDisagree,
	"disagree":          stix2.OpinionDisagree,
	"neutral":           stix2.OpinionNeutral,
	"agree":             stix2.OpinionAgree,
	"strongly-agree":    stix2.OpinionStronglyAgree,
}

// Opinion says how far one agrees with objects (STIX 2.1 §4.14).
type Opinion struct {
	Common
	// Value is of the enumeration opinion-enum (§10.18): strongly-disagree,
	// disagree, neutral, agree, strongly-agree.
	Value, Explanation string
	Objects            []string
}

func (m *Maker) Opinion(w Opinion) Draft {
	return m.draft("opinion", w.Common, func(Version) (stix2.STIXObject, head, error) {
		o, err := stix2.NewOpinion(opinions[w.Value], identifiers(w.Objects))
		if err != nil {
			return nil, head{}, err
		}
		o.Explanation = Text(w.Explanation)
		return o, domain(&o.STIXDomainObject), nil
	}, w.Key)
}

// Report is a collection that was published (STIX 2.1 §4.16).
type Report struct {
	Common
	Name, Description string
	Types             []string
	Published         time.Time
	Objects           []string
}

func (m *Maker) Report(w Report) Draft {
	return m.draft("report", w.Common, func(v Version) (stix2.STIXObject, head, error) {
		if w.Published.IsZero() {
			w.Published = v.Created
		}
		o, err := stix2.NewReport(Text(w.Name), stamp(w.Published), identifiers(w.Objects))
		if err != nil {
			return nil, head{}, err
		}
		o.Description, o.Types = Text(w.Description), Words(w.Types...)
		return o, domain(&o.STIXDomainObject), nil
	}, w.Key)
}

// Grouping is a collection that belongs together (STIX 2.1 §4.4).
type Grouping struct {
	Common
	Name, Description string
	// Context is of the vocabulary grouping-context-ov (§10.5).
	Context string
	Objects []string
}

func (m *Maker) Grouping(w Grouping) Draft {
	return m.draft("grouping", w.Common, func(Version) (stix2.STIXObject, head, error) {
		o, err := stix2.NewGrouping(w.Context, identifiers(w.Objects))
		if err != nil {
			return nil, head{}, err
		}
		o.Name, o.Description = Text(w.Name), Text(w.Description)
		return o, domain(&o.STIXDomainObject), nil
	}, w.Key)
}

// Relationship is a relationship (STIX 2.1 §5.1). Without a Key it is that of its
// type and ends.
type Relationship struct {
	Common
	Type, Source, Target, Description string
}

func (m *Maker) Relationship(w Relationship) Draft {
	key := []string{w.Key}
	if w.Key == "" {
		key = []string{w.Source, w.Type, w.Target}
	}
	return m.draft("relationship", w.Common, func(Version) (stix2.STIXObject, head, error) {
		o, err := stix2.NewRelationship(stix2.RelationshipType(w.Type), stix2.Identifier(w.Source), stix2.Identifier(w.Target))
		if err != nil {
			return nil, head{}, err
		}
		o.Description = Text(w.Description)
		return o, relation(&o.STIXRelationshipObject), nil
	}, key...)
}

// Indicates makes the relationship of an indicator to what it indicates.
func (m *Maker) Indicates(indicator, what Draft, level stix.Level) Draft {
	return m.Relationship(Relationship{
		Common: Common{Created: indicator.Created, Level: level},
		Type:   "indicates", Source: indicator.ID, Target: what.ID,
	})
}

// Sighting says that something was seen (STIX 2.1 §5.2).
type Sighting struct {
	Common
	Description         string
	FirstSeen, LastSeen time.Time
	Count               int64
	Of                  string
	Observed, Where     []string
}

func (m *Maker) Sighting(w Sighting) Draft {
	return m.draft("sighting", w.Common, func(Version) (stix2.STIXObject, head, error) {
		o, err := stix2.NewSighting(stix2.Identifier(w.Of))
		if err != nil {
			return nil, head{}, err
		}
		o.Description, o.Count = Text(w.Description), w.Count
		o.FirstSeen, o.LastSeen = stamp(w.FirstSeen), stamp(w.LastSeen)
		o.ObservedData, o.WhereSighted = identifiers(w.Observed), identifiers(w.Where)
		return o, relation(&o.STIXRelationshipObject), nil
	}, w.Key)
}
