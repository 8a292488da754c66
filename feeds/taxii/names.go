package taxii

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// name is how a collection is told and asked for.
type name struct {
	id, alias          string
	title, description string
}

// root is an API root: a path, what it tells of itself, and what its
// collections are called. A collection without an id is not in it.
type root struct {
	path               string // with a slash at both ends
	title, description string
	name               func(*policy.Region, *policy.Collection, caller) name
}

// nameOf names a collection. The id is derived from the stream's name, so it is
// the same on every node and after a restart. That of a private community holds
// its random token, so who is not in it cannot compute it; those of others may be
// computed and open nothing.
func nameOf(r *policy.Region, c *policy.Collection, who caller) name {
	switch c.Kind {
	case policy.Own:
		return name{collectionID("own", who.member()), "own", who.member() + ", own publications",
			"What " + who.member() + " published, whatever the audience, as far as this seat may hold it."}
	case policy.Everything:
		return name{collectionID("everything", who.member()), "everything", "Everything",
			"All that this seat may read, each object once. Exercises are in their own collections only."}
	}
	s := c.Stream
	n := name{id: collectionID("stream", r.Name(s)), alias: s.Audience + "-" + s.Level.String(), title: s.Audience + ", TLP:" + levelName(s.Level)}
	switch {
	case s.Level == stix.Red:
		n.alias, n.title = "inbox", s.Audience+", TLP:RED inbox"
		n.description = "What names " + s.Audience + " as a recipient. It is written to by naming members, over NATS."
	case s.Audience == policy.Drill:
		n.description = "Exercises: what is here looks like the real thing and is not."
	default:
		n.description = "What is TLP:" + levelName(s.Level) + " for " + audienceTitle(r, s.Audience) + "."
	}
	return n
}

func audienceTitle(r *policy.Region, audience string) string {
	if c := r.Communities[audience]; c != nil && c.Title != "" {
		return c.Title
	}
	return audience
}

// levelName writes a level as TLP 2.0 does.
func levelName(l stix.Level) string {
	return strings.Replace(strings.ToUpper(l.String()), "-", "+", 1)
}

// collectionID is SHA-256 in the form of a UUIDv4, which is what the standard
// asks of it (TAXII 2.1 §5.2.1).
func collectionID(kind, name string) string {
	sum := sha256.Sum256([]byte("selat TAXII collection\x00" + kind + "\x00" + name))
	var u uuid.UUID
	copy(u[:], sum[:])
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return u.String()
}

// find returns the collection that an id or an alias names among those of a
// caller, nil if none.
func (t *root) find(region *policy.Region, all []policy.Collection, who caller, id string) *policy.Collection {
	for i := range all {
		if n := t.name(region, &all[i], who); n.id != "" && (n.id == id || n.alias != "" && n.alias == id) {
			return &all[i]
		}
	}
	return nil
}

// sourcesOf tells apart what a collection gathers now from what it gathered
// before.
func sourcesOf(r *policy.Region, c *policy.Collection) digest {
	parts := make([]string, 0, len(c.Sources)+2)
	for _, s := range c.Sources {
		parts = append(parts, string(binary.BigEndian.AppendUint64([]byte(r.Name(s.Stream)), s.From)))
	}
	slices.Sort(parts)
	return digestOf(append(parts, c.Origin, c.Type, fmt.Sprint(len(parts)))...)
}
