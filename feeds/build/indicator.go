package build

import (
	"time"

	"github.com/TcM1911/stix2"
)

// Indicator is what an indicator is made of (STIX 2.1 §4.7).
type Indicator struct {
	Common
	// Pattern is a STIX pattern.
	Pattern           string
	Name, Description string
	// Types are of the vocabulary indicator-type-ov (§10.11).
	Types []string
	// ValidFrom is from when on it holds; zero is when the object is created, or
	// Seen if it has ended by then.
	ValidFrom time.Time
	// ValidUntil is the source's own word. Without it the feed's ValidFor counts
	// from Seen, or from ValidFrom unless the feed is Listed.
	ValidUntil time.Time
	// Seen is when the source saw it last, zero if it does not say.
	Seen      time.Time
	KillChain []Phase
}

// Phase is a phase of a kill chain (STIX 2.1 §2.11).
type Phase struct{ Chain, Name string }

// Indicator makes an indicator.
func (m *Maker) Indicator(i Indicator) Draft {
	until := m.until(i)
	return m.draft("indicator", i.Common, func(v Version) (stix2.STIXObject, head, error) {
		from := i.ValidFrom
		if from.IsZero() {
			from = v.Created
		}
		if !until.IsZero() && !until.After(from) && i.ValidFrom.IsZero() {
			from = i.Seen // it was read so late that it ended before it was made
		}
		o, err := stix2.NewIndicator(i.Pattern, stix2.PatternTypeSTIX, stamp(from))
		if err != nil {
			return nil, head{}, err
		}
		o.PatternVersion = stix2.SpecVersion21
		o.Name, o.Description, o.Types = Text(i.Name), Text(i.Description), Words(i.Types...)
		o.ValidUntil, o.KillChainPhase = stamp(until), phases(i.KillChain)
		return o, domain(&o.STIXDomainObject), nil
	}, i.Key)
}

// until is when the indicator ends, zero if it does not.
//
// A source that says daily or hourly that it still sees something would make a
// new version each time. So the end moves in steps: of a day, or of a tenth of
// ValidFor if that is longer, always to the later side. What has no time at all, or
// only that of its listing, ends when it leaves its list and not before.
func (m *Maker) until(i Indicator) time.Time {
	if !i.ValidUntil.IsZero() || m.ValidFor == 0 {
		return i.ValidUntil
	}
	seen := i.ValidFrom
	if i.Seen.After(seen) {
		seen = i.Seen
	}
	if seen.IsZero() || m.Listed && i.Seen.IsZero() {
		return time.Time{}
	}
	step := max(24*time.Hour, m.ValidFor/10)
	return seen.UTC().Add(m.ValidFor + step - 1).Truncate(step)
}

func phases(list []Phase) []*stix2.KillChainPhase {
	var out []*stix2.KillChainPhase
	for _, p := range list {
		if phase, err := stix2.NewKillChainPhase(p.Chain, p.Name); err == nil {
			out = append(out, phase)
		}
	}
	return out
}
