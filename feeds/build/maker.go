package build

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/TcM1911/stix2"

	"github.com/selat-hub/selat/stix"
)

// Maker makes the objects of one feed. It is read only and may be used by
// several goroutines.
type Maker struct {
	// Feed is the feed's name. It is part of every id: renaming a feed makes every
	// object another one.
	Feed string
	// Identity is the id of the identity that created_by_ref names, empty for none.
	Identity string
	// Namespace names the publisher in ids, such as "cert.example". Empty is
	// Identity.
	Namespace string
	// Level is the TLP of whatever the source does not mark more strictly itself.
	// NoLevel leaves it unmarked.
	Level stix.Level
	// Confidence is that of what the source gives none, 0 to 100; nil is none.
	Confidence *int
	// ValidFor is how long an indicator holds after it was last seen, where the
	// source does not say until when and says when it was seen; 0 is without end.
	ValidFor time.Duration
	// Listed tells that the feed is a list that is whole each time. To be in it is to
	// be seen, so that when an entry was put on it says nothing of its end, which
	// comes when it is off the list.
	Listed bool
}

// Check says what is wrong with the configuration.
func (m *Maker) Check() error {
	switch {
	case m.Feed == "":
		return errors.New("the feed needs a name: it is part of its objects' ids")
	case m.Namespace == "" && m.Identity == "":
		return errors.New("name the identity that creates the objects, or a namespace: without either, two publishers of this feed would claim the same ids")
	case m.Identity != "" && !strings.HasPrefix(m.Identity, "identity--"):
		return errors.New("the identity that creates the objects must be an id such as identity--<UUID>")
	case m.Level > stix.Red:
		return errors.New("no such TLP level")
	case m.Confidence != nil && (*m.Confidence < 0 || *m.Confidence > 100):
		return errors.New("confidence is 0 to 100 (STIX 2.1 §3.2)")
	case m.ValidFor < 0:
		return errors.New("how long indicators hold cannot be negative")
	}
	return nil
}

// Common is what every object but an observable may have (STIX 2.1 §3.2).
type Common struct {
	// Key tells the object among those of its type in this feed.
	Key string
	// Created and Modified are what the source says; see Draft.
	Created, Modified time.Time
	// Confidence is the source's, 0 to 100; nil takes the feed's.
	Confidence *int
	Labels     []string
	References []Reference
	// Level is the source's TLP. It counts where it is stricter than the feed's.
	Level  stix.Level
	Shared bool
}

// Reference is an external reference (STIX 2.1 §2.5). One that has neither
// description, URL nor id, or no source, is left out, and so is a URL that is
// none.
type Reference struct {
	Source, Description, URL, ID string
}

// ID returns the id of the object of a type under a key.
func (m *Maker) ID(typ string, key ...string) string {
	publisher := m.Namespace
	if publisher == "" {
		publisher = m.Identity
	}
	return stix.StableID(publisher+"/"+m.Feed, typ, key...)
}

// Strictest is the level of an object of which the source says level.
func (m *Maker) Strictest(level stix.Level) stix.Level { return max(m.Level, level) }

// draft makes a draft of an object with these keys. make makes the object anew
// each time it is built, and says what of it all domain and relationship objects
// have.
func (m *Maker) draft(typ string, c Common, make func(Version) (stix2.STIXObject, head, error), key ...string) Draft {
	id := m.ID(typ, key...)
	return Draft{ID: id, Created: c.Created, Modified: c.Modified, Shared: c.Shared,
		Build: func(v Version) ([]byte, error) {
			v.Created, v.Modified = v.Created.UTC().Truncate(time.Millisecond), v.Modified.UTC().Truncate(time.Millisecond)
			o, h, err := make(v)
			if err != nil {
				return nil, &Refusal{InvalidObject, "making the " + typ + ": " + err.Error()}
			}
			confidence := m.fill(h, c, id, v)
			return finish(o, confidence)
		}}
}

// head is what stix2.STIXDomainObject and stix2.STIXRelationshipObject have in
// common, which are two types.
type head struct {
	id, createdBy     *stix2.Identifier
	created, modified **stix2.Timestamp
	revoked           *bool
	labels            *[]string
	confidence        *int
	references        *[]*stix2.ExternalReference
	markings          *[]stix2.Identifier
}

func domain(o *stix2.STIXDomainObject) head {
	return head{&o.ID, &o.CreatedBy, &o.Created, &o.Modified, &o.Revoked, &o.Labels, &o.Confidence, &o.ExternalReferences, &o.ObjectMarking}
}

func relation(o *stix2.STIXRelationshipObject) head {
	return head{&o.ID, &o.CreatedBy, &o.Created, &o.Modified, &o.Revoked, &o.Labels, &o.Confidence, &o.ExternalReferences, &o.ObjectMarking}
}

// fill writes what all objects have, and returns the confidence.
func (m *Maker) fill(h head, c Common, id string, v Version) *int {
	*h.id, *h.createdBy = stix2.Identifier(id), stix2.Identifier(m.Identity)
	*h.created, *h.modified = stamp(v.Created), stamp(v.Modified)
	*h.revoked = v.Revoked
	*h.labels = Words(c.Labels...)
	*h.references = references(c.References)
	if mark := m.Strictest(c.Level).MarkingID(); mark != "" {
		*h.markings = []stix2.Identifier{stix2.Identifier(mark)}
	}
	confidence := c.Confidence
	if confidence == nil {
		confidence = m.Confidence
	}
	if confidence != nil {
		*h.confidence = *confidence
	}
	return confidence
}

// finish writes the object and holds it to the specification.
func finish(o stix2.STIXObject, confidence *int) ([]byte, error) {
	raw, err := o.(interface{ MarshalJSON() ([]byte, error) }).MarshalJSON()
	if err != nil {
		return nil, &Refusal{InvalidObject, "writing the object: " + err.Error()}
	}
	// What the library writes otherwise than STIX has it. None of these can stand
	// inside a string, where the quotes would be escaped.
	if confidence != nil && *confidence == 0 {
		raw = append([]byte(`{"confidence":0,`), raw[1:]...)
	}
	switch o := o.(type) {
	case *stix2.Opinion:
		raw = bytes.Replace(raw, fmt.Appendf(nil, `"opinion":%d`, byte(o.Value)), fmt.Appendf(nil, `"opinion":%q`, o.Value), 1)
	case *stix2.Sighting:
		// The text of §5.2 has it a string and its schema true or false: the
		// default is left out.
		raw = bytes.Replace(raw, []byte(`,"summary":false`), nil, 1)
	}
	if err := Valid(raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// Valid holds an object to STIX 2.1 and returns a *Refusal with the first MUST
// that it breaks.
func Valid(raw []byte) error {
	objects, err := stix.Split(raw, stix.DefaultLimits)
	if err != nil {
		return &Refusal{InvalidObject, err.Error()}
	}
	for i := range objects {
		for _, f := range objects[i].Findings {
			if f.Severity == stix.Error {
				return &Refusal{InvalidObject, f.Place() + ": " + f.Message + " (" + f.Section + ")"}
			}
		}
	}
	return nil
}
