package broker

import (
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// formerAudience is the audience of what was accepted for a community that was
// removed before it was counted: its name may have been private.
const formerAudience = "former"

// flows are what one submission brings to each audience. That a RED object names
// several members is not told: the audience is the same, and it counts once.
type flows map[policy.Stream]*volume

type volume struct {
	objects, bytes int
	last           int // the object counted last; the lines of one follow each other
}

func (f flows) add(s policy.Stream, object, bytes int) {
	if s.Level == stix.Red {
		s.Audience = redAudience
	}
	v := f[s]
	if v == nil {
		v = &volume{last: -1}
		f[s] = v
	}
	if v.last != object {
		v.objects, v.bytes, v.last = v.objects+1, v.bytes+bytes, object
	}
}

// flow counts what a submission brought.
func (m *Metrics) flow(h *Hub, origin string, f flows) {
	for s, v := range f {
		audience := redAudience
		if s.Level != stix.Red {
			audience = formerAudience
			if c := h.Region().Communities[s.Audience]; c != nil {
				audience = c.Token
			}
		}
		m.FlowObjects.WithLabelValues(origin, audience, s.Level.String()).Add(float64(v.objects))
		m.FlowBytes.WithLabelValues(origin, audience, s.Level.String()).Add(float64(v.bytes))
	}
}
