package broker

import (
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// speak refuses what another member speaks for: its identities, and objects
// that name one of them as their creator. It comes before the markings, so
// that a definition refused here resolves nothing.
func (h *Hub) speak(s *submission) *stix.Finding {
	if r := s.region.MaySubmit(s.seat); r != nil {
		return &stix.Finding{Code: r.Code, Message: r.Message}
	}
	for i := range s.objects {
		o := &s.objects[i]
		if !o.ok() {
			continue
		}
		if no := s.region.MaySpeak(s.seat.Member, o.Type, o.ID, o.CreatedByRef); no != nil {
			path := "/created_by_ref"
			if o.Type == "identity" && s.region.MaySpeak(s.seat.Member, o.Type, o.ID, "") != nil {
				path = "/id"
			}
			o.refuse(o.finding(no.Code, path, no.Message))
		}
	}
	return nil
}

// authorize asks policy where each object goes; first those that stand for
// themselves, then those that travel with them.
func (h *Hub) authorize(s *submission) *stix.Finding {
	s.route(false)
	s.levelSupporting()
	s.route(true)
	return nil
}

func (s *submission) route(supporting bool) {
	for i := range s.objects {
		o := &s.objects[i]
		if !o.ok() || len(o.streams) > 0 || o.supporting && !supporting {
			continue
		}
		streams, no := s.region.Route(s.seat.Member, o.level, s.to)
		if no == nil {
			no = policy.CheckLevel(o.level, s.only)
		}
		if no != nil {
			o.refuse(o.finding(no.Code, "", no.Message))
			continue
		}
		o.streams = streams
	}
}
