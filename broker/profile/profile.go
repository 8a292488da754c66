// Package profile reads the data files that fill a new hub's directory: which
// members it begins with, and who has a place in which community. One is built
// in, the ASEAN region; an administrator may print it, change it and load it
// from a path.
//
// Loading is strict: what is misspelt, missing or contradicts itself is refused
// with its line and what to do. A profile that loads makes a region that every
// check of package policy accepts. It makes no seats and no keys.
package profile

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/selat-hub/selat/broker/policy"
)

// Profile is the beginning of a region.
type Profile struct {
	Name        string      `yaml:"name"`
	Title       string      `yaml:"title"`
	Members     []Member    `yaml:"members"`
	Communities []Community `yaml:"communities"`
}

// Member is one national CERT or partner; see policy.Member.
type Member struct {
	Name        string     `yaml:"name"`
	Title       string     `yaml:"title"`
	Identities  []Identity `yaml:"identities"`
	ReceiveOnly bool       `yaml:"receive_only"`
}

// Identity is a STIX identity a member speaks for.
type Identity struct {
	ID   string `yaml:"id"` // identity--UUID
	Name string `yaml:"name"`
}

// Community is a roster; see policy.Community.
type Community struct {
	Name  string `yaml:"name"`
	Title string `yaml:"title"`
	// Members have a place.
	Members []string `yaml:"members"`
	// Known are participants of the mechanism without a place: they receive
	// nothing.
	Known []string `yaml:"known"`
}

// Region makes the directory a hub begins with. Every place dates from since
// and is open from the start, there being nothing yet. Each call makes a new
// Region that shares nothing with the profile.
func (p *Profile) Region(since time.Time) *policy.Region {
	members := make(map[string]*policy.Member, len(p.Members))
	for _, m := range p.Members {
		members[m.Name] = m.policy()
	}
	communities := make(map[string]*policy.Community, len(p.Communities))
	for _, c := range p.Communities {
		communities[c.Name] = c.policy(since)
	}
	return policy.NewRegion(members, nil, communities)
}

func (m Member) policy() *policy.Member {
	out := &policy.Member{Name: m.Name, Title: m.Title, ReceiveOnly: m.ReceiveOnly}
	for _, id := range m.Identities {
		out.Identities = append(out.Identities, id.ID)
	}
	return out
}

func (c Community) policy(since time.Time) *policy.Community {
	out := &policy.Community{
		Name: c.Name, Title: c.Title, Token: c.Name,
		Places: make(map[string]policy.Place, len(c.Members)),
		Known:  append([]string(nil), c.Known...),
	}
	for _, m := range c.Members {
		out.Places[m] = policy.NewPlace(since, nil, false)
	}
	return out
}

// Object returns the STIX 2.1 identity object (§4.5) of the identity, the same
// bytes each time. It carries no marking: it travels with what refers to it.
func (i Identity) Object() ([]byte, error) {
	const fixed = "2026-01-01T00:00:00.000Z"
	b, err := json.Marshal(struct {
		Type     string   `json:"type"`
		Spec     string   `json:"spec_version"`
		ID       string   `json:"id"`
		Created  string   `json:"created"`
		Modified string   `json:"modified"`
		Name     string   `json:"name"`
		Class    string   `json:"identity_class"`
		Sectors  []string `json:"sectors"`
	}{"identity", "2.1", i.ID, fixed, fixed, i.Name, "organization", []string{"government"}})
	if err != nil {
		return nil, fmt.Errorf("writing identity %s: %w", i.ID, err)
	}
	return b, nil
}
