package policy

import (
	"fmt"
	"sort"

	"github.com/selat-hub/selat/stix"
)

// DefaultAudience is where CLEAR and GREEN go when a submission names nobody.
const DefaultAudience = "region"

// Refusal is a decision not to accept, with a stable code and a message that
// says what to do. It never quotes the object.
type Refusal struct {
	Code    string
	Message string
}

func (r *Refusal) Error() string { return r.Message }

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Message: fmt.Sprintf(format, args...)}
}

// MaySubmit says whether a seat may submit anything at all; nil if it may.
func (r *Region) MaySubmit(seat *Seat) *Refusal {
	m := r.Members[seat.Member]
	switch {
	case m == nil:
		return refuse("no-member", "%s is not a member of this hub", seat.Member)
	case m.Suspended:
		return refuse("suspended", "member %s is suspended; ask the hub's team", m.Name)
	case seat.Revoked:
		return refuse("revoked", "seat %s is revoked", seat.Name)
	case m.ReceiveOnly:
		return refuse("receive-only", "member %s only receives; ask the hub's team to change that", m.Name)
	case !seat.Submits():
		return refuse("seat-kind", "seat %s is a subscriber; submit with a seat of kind publisher or both", seat.Name)
	}
	return nil
}

// MaySpeak refuses an object that another member speaks for: one of its
// identities, or an object that names one as its creator. Objects of third
// parties, for whom no member speaks, may be relayed. Code: foreign-identity.
func (r *Region) MaySpeak(origin, typ, id, createdBy string) *Refusal {
	if typ == "identity" {
		if who := r.Speaker(id); who != "" && who != origin {
			return refuse("foreign-identity", "member %s speaks for this identity; only %s may publish it", who, who)
		}
	}
	if createdBy != "" {
		if who := r.Speaker(createdBy); who != "" && who != origin {
			return refuse("foreign-identity", "created_by_ref is an identity that member %s speaks for; only %s may publish it", who, who)
		}
	}
	return nil
}

// Route is the one rule of publishing: the streams an object of this origin,
// level and audience is stored in, or why it is refused. to holds what the
// submission named: nothing, one community, or for RED the members. Whether
// the origin may publish the object at all, MaySpeak says.
//
// CLEAR and GREEN without an audience go to DefaultAudience, AMBER and
// AMBER+STRICT to the member's own default if it set one.
func (r *Region) Route(origin string, level stix.Level, to []string) ([]Stream, *Refusal) {
	m := r.Members[origin]
	if m == nil {
		return nil, refuse("no-member", "%s is not a member of this hub", origin)
	}
	switch {
	case level == stix.NoLevel || level > stix.Red:
		return nil, refuse("tlp-missing", "the object has no TLP level")
	case level == stix.Red:
		return r.routeRed(origin, to)
	}
	if len(to) == 0 {
		switch {
		case level <= stix.Green:
			to = []string{DefaultAudience}
		case m.AmberTo != "":
			to = []string{m.AmberTo}
		default:
			return nil, refuse("audience-missing", "TLP:%s needs an audience: name a community with --to", show(level))
		}
	}
	if len(to) > 1 {
		return nil, refuse("audience-many", "TLP:%s goes to one community; only TLP:RED names several members", show(level))
	}
	c := r.Communities[to[0]]
	switch {
	case c == nil && r.Members[to[0]] != nil:
		return nil, refuse("audience-member", "%s is a member; TLP:%s goes to a community, only TLP:RED names members", to[0], show(level))
	case c == nil:
		return nil, refuse("audience-unknown", "there is no audience %q; `selat whoami` lists yours", to[0])
	}
	if !r.onRoster(origin, to[0]) {
		// The same words as for an audience that does not exist, so that nobody
		// learns the names of communities it is not in.
		return nil, refuse("audience-unknown", "there is no audience %q; `selat whoami` lists yours", to[0])
	}
	return []Stream{{c.Name, level}}, nil
}

// CheckLevel refuses an object of another level than the only one that its
// submission takes, NoLevel taking any. A collection is one level, and an object
// that stands under another belongs into another, be it stricter or less so. Code:
// level-other.
func CheckLevel(level, only stix.Level) *Refusal {
	if only == stix.NoLevel || level == only {
		return nil
	}
	return refuse("level-other", "the object is TLP:%s and this takes TLP:%s only: send it where its level goes", show(level), show(only))
}

func (r *Region) routeRed(origin string, to []string) ([]Stream, *Refusal) {
	if len(to) == 0 {
		return nil, refuse("audience-missing", "TLP:RED needs its recipients: name members with --to my,sg")
	}
	names := append([]string(nil), to...)
	sort.Strings(names)
	var out []Stream
	for i, n := range names {
		switch m := r.Members[n]; {
		case i > 0 && n == names[i-1]:
			continue
		case m == nil && r.onRoster(origin, n):
			// Only to who is in it: to anyone else a community is as unknown as
			// any other word.
			return nil, refuse("audience-red-community", "TLP:RED names members one by one; %s is a community", n)
		case m == nil:
			return nil, refuse("audience-unknown", "there is no member %q", n)
		}
		out = append(out, Stream{n, stix.Red})
	}
	return out, nil
}

// onRoster reports whether a member has a place in a community of that name.
func (r *Region) onRoster(member, community string) bool {
	c := r.Communities[community]
	if c == nil {
		return false
	}
	_, on := c.Places[member]
	return on
}
