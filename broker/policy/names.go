package policy

import (
	"regexp"
	"slices"
	"strings"

	"github.com/selat-hub/selat/stix"
)

// Every name here becomes a token of a NATS subject, so no dot, star, ">",
// space or letter beyond ASCII ever passes. Upper case is refused rather than
// folded: stream names are the upper case of these names, and must stay as
// distinct as they are.
var (
	memberName = regexp.MustCompile(`\A(?:[a-z]{2}|[a-z][a-z0-9-]{2,31})\z`)
	groupName  = regexp.MustCompile(`\A[a-z][a-z0-9-]{2,31}\z`)
	seatPart   = regexp.MustCompile(`\A[a-z0-9][a-z0-9-]{0,31}\z`)
	tokenName  = regexp.MustCompile(`\A[a-z0-9][a-z0-9-]{2,63}\z`)
	typeName   = regexp.MustCompile(`\A[a-z0-9][a-z0-9-]{2,249}\z`) // STIX 2.1 §3.7
	identityID = regexp.MustCompile(`\Aidentity--[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\z`)
)

// reserved words would be mistaken for something else where a name may stand:
// in a subject, an account, a flag or a metric's label.
var reserved = map[string]bool{
	"hub": true, "ingest": true, "submit": true, "seat": true, "member": true,
	"community": true, "audience": true, "admin": true, "operator": true,
	"system": true, "sys": true, "api": true, "cti": true, "selat": true, "self": true,
	"all": true, "any": true, "none": true, "other": true, "unknown": true,
	"public": true, "private": true,
	"red": true, "amber": true, "amber-strict": true, "green": true, "clear": true, "white": true,
}

// CheckMemberName refuses what cannot name a member: anything but two letters
// a-z, or for a partner without a country code 3 to 32 of a-z, 0-9 and "-"
// beginning with a letter, and reserved words. Codes: name-invalid,
// name-reserved.
func CheckMemberName(name string) *Refusal {
	switch {
	case !memberName.MatchString(name):
		return refuse("name-invalid", "%q cannot name a member: use the two-letter country code in lower case, or 3 to 32 of a-z, 0-9 and - beginning with a letter", name)
	case reserved[name] || name == DefaultAudience:
		return refuse("name-reserved", "%q is a reserved word; choose another name", name)
	}
	return nil
}

// CheckCommunityName refuses what cannot name a community: anything but 3 to
// 32 of a-z, 0-9 and "-" beginning with a letter, and reserved words. Codes:
// name-invalid, name-reserved.
func CheckCommunityName(name string) *Refusal {
	switch {
	case !groupName.MatchString(name):
		return refuse("name-invalid", "%q cannot name a community: use 3 to 32 of a-z, 0-9 and - beginning with a letter", name)
	case reserved[name]:
		return refuse("name-reserved", "%q is a reserved word; choose another name", name)
	}
	return nil
}

// SplitSeat takes a seat's name apart, "my/firewall" into my and firewall, or
// refuses it. Codes: name-invalid, name-reserved.
func SplitSeat(name string) (member, seat string, no *Refusal) {
	member, seat, _ = strings.Cut(name, "/")
	if !seatPart.MatchString(seat) {
		return "", "", refuse("name-invalid", "%q cannot name a seat: write member/seat such as my/firewall, the seat with 1 to 32 of a-z, 0-9 and -, not beginning with -", name)
	}
	if no := CheckMemberName(member); no != nil {
		return "", "", no
	}
	return member, seat, nil
}

// CheckFree refuses a name that a member or a community already bears, or that
// stands for a private community in subjects: they share one namespace. Code:
// name-taken.
func (r *Region) CheckFree(name string) *Refusal {
	if r.Members[name] != nil {
		return refuse("name-taken", "%q is already a member; members and communities share one namespace", name)
	}
	if r.Communities[name] != nil {
		return refuse("name-taken", "%q is already a community; members and communities share one namespace", name)
	}
	for _, c := range r.Communities {
		if c.Token == name {
			return refuse("name-taken", "%q is already in use; choose another name", name)
		}
	}
	return nil
}

// CheckNewMember refuses a member that cannot be added to the region: its
// name, an identity that is no STIX identity id or that another member speaks
// for, a default level that is none. Codes: name-invalid, name-reserved,
// name-taken, identity-invalid, identity-taken, level-invalid.
func (r *Region) CheckNewMember(m *Member) *Refusal {
	if no := CheckMemberName(m.Name); no != nil {
		return no
	}
	if no := r.CheckFree(m.Name); no != nil {
		return no
	}
	if m.Unmarked > stix.Red {
		return refuse("level-invalid", "the level for unmarked objects is no TLP level: use clear, green, amber, amber-strict or red")
	}
	return r.CheckIdentities(m.Name, m.Identities)
}

// CheckIdentities refuses identities that a member cannot speak for. Codes:
// identity-invalid, identity-taken.
func (r *Region) CheckIdentities(member string, ids []string) *Refusal {
	for i, id := range ids {
		if !identityID.MatchString(id) {
			return refuse("identity-invalid", "%q is no STIX identity id: write identity--, then a UUID in lower case", id)
		}
		if slices.Contains(ids[:i], id) {
			return refuse("identity-taken", "%s is given twice", id)
		}
		if who := r.Speaker(id); who != "" && who != member {
			return refuse("identity-taken", "member %s already speaks for %s; one identity has one speaker", who, id)
		}
	}
	return nil
}

// CheckNewCommunity refuses a community that cannot be added to the region:
// its name, its token, a place of someone who is no member, a known
// participant that has a place or cannot be a member. Codes: name-invalid,
// name-reserved, name-taken, token-invalid, no-member, known-invalid.
func (r *Region) CheckNewCommunity(c *Community) *Refusal {
	if no := CheckCommunityName(c.Name); no != nil {
		return no
	}
	if no := r.CheckFree(c.Name); no != nil {
		return no
	}
	if no := r.checkToken(c); no != nil {
		return no
	}
	for _, m := range sortedKeys(c.Places) {
		if r.Members[m] == nil {
			return refuse("no-member", "%s is not a member: add it first, or list it among the known participants", m)
		}
	}
	for i, k := range c.Known {
		_, on := c.Places[k]
		switch {
		case CheckMemberName(k) != nil:
			return CheckMemberName(k)
		case on:
			return refuse("known-invalid", "%s has a place; known lists participants without one", k)
		case slices.Contains(c.Known[:i], k):
			return refuse("known-invalid", "%s is given twice among the known participants", k)
		case k == c.Name || r.Communities[k] != nil:
			return refuse("name-taken", "%q is a community; members and communities share one namespace", k)
		}
	}
	for _, other := range r.Communities {
		if slices.Contains(other.Known, c.Name) {
			return refuse("name-taken", "%q is a known participant of %s; members and communities share one namespace", c.Name, other.Name)
		}
	}
	return nil
}

func (r *Region) checkToken(c *Community) *Refusal {
	if !c.Private {
		if c.Token != "" && c.Token != c.Name {
			return refuse("token-invalid", "only a private community has a token other than its name")
		}
		return nil
	}
	if !tokenName.MatchString(c.Token) || reserved[c.Token] || strings.Contains(c.Token, c.Name) {
		return refuse("token-invalid", "a private community needs a random token of 3 to 64 of a-z, 0-9 and - that does not hold its name")
	}
	return r.CheckFree(c.Token)
}

// CheckSeat refuses a seat that member m cannot have. It judges the seat
// alone: whether the name or the account is in use, the directory knows. Codes:
// no-member, name-invalid, name-reserved, kind-invalid, standing-invalid,
// ceiling-invalid, filter-invalid, receive-only.
func CheckSeat(s *Seat, m *Member) *Refusal {
	if m == nil {
		return refuse("no-member", "%s is not a member of this hub", s.Member)
	}
	member, _, no := SplitSeat(s.Name)
	switch {
	case no != nil:
		return no
	case member != s.Member || member != m.Name:
		return refuse("name-invalid", "seat %q belongs to member %s: begin its name with %s/", s.Name, m.Name, m.Name)
	case !s.Reads() && !s.Submits():
		return refuse("kind-invalid", "%q is no kind of seat: use publisher, subscriber or both", s.Kind)
	case s.Kind == Publisher && m.ReceiveOnly:
		return refuse("receive-only", "member %s only receives: make the seat a subscriber, or let the member submit first", m.Name)
	case s.Standing != Organization && s.Standing != Client:
		return refuse("standing-invalid", "%q is no standing: use organization or client", s.Standing)
	case s.Ceiling == stix.NoLevel || s.Ceiling > stix.Red:
		return refuse("ceiling-invalid", "a seat needs a ceiling: clear, green, amber, amber-strict or red")
	case s.Standing == Client && s.Ceiling > stix.Amber:
		return refuse("ceiling-invalid", "the seat of a client holds TLP:AMBER at most, not TLP:%s", show(s.Ceiling))
	case s.FilterType != "" && !typeName.MatchString(s.FilterType):
		return refuse("filter-invalid", "%q is no STIX type: use one such as indicator", s.FilterType)
	case s.FilterOrigin != "" && CheckMemberName(s.FilterOrigin) != nil:
		return refuse("filter-invalid", "%q cannot be a member's name: filter by one member, such as sg", s.FilterOrigin)
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
