package broker

import (
	"github.com/selat-hub/selat/stix"
)

// authorize asks policy where each object goes.
func (h *Hub) authorize(s *submission) *stix.Finding {
	if r := s.region.MaySubmit(s.seat); r != nil {
		return &stix.Finding{Code: r.Code, Message: r.Message}
	}
	for i := range s.objects {
		o := &s.objects[i]
		if !o.ok() {
			continue
		}
		streams, r := s.region.Route(s.seat.Member, o.level, s.to, o.CreatedByRef)
		if r != nil {
			o.refuse(o.finding(r.Code, refusalPath(r.Code, o), r.Message))
			continue
		}
		// An identity another member speaks for is that member's to publish.
		if o.Type == "identity" {
			if who := s.region.Speaker(o.ID); who != "" && who != s.seat.Member {
				o.refuse(o.finding("foreign-identity", "/id", "member "+who+" speaks for this identity; only "+who+" may publish it"))
				continue
			}
		}
		o.streams = streams
	}
	return nil
}

// refusalPath points at what a refusal is about: created_by_ref, or the
// marking that gave the level.
func refusalPath(code string, o *object) string {
	if code == "foreign-identity" {
		return "/created_by_ref"
	}
	return ""
}
