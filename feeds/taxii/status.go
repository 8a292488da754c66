package taxii

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/selat-hub/selat/broker/api"
)

// statusResource is what became of a submission (TAXII 2.1 §4.3.1).
type statusResource struct {
	ID        string   `json:"id"`
	Status    string   `json:"status"` // complete, pending
	Requested string   `json:"request_timestamp"`
	Total     int      `json:"total_count"`
	Success   int      `json:"success_count"`
	Successes []detail `json:"successes,omitempty"`
	Failure   int      `json:"failure_count"`
	Failures  []detail `json:"failures,omitempty"`
	Pending   int      `json:"pending_count"`
	// Reason says why the whole was refused: a custom property, since the standard
	// has no place for what is about no object.
	Reason string `json:"x_selat_reason,omitempty"`
}

// detail is what became of one object (TAXII 2.1 §4.3.2).
type detail struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Message string `json:"message,omitempty"`
}

const (
	statusComplete = "complete"
	statusPending  = "pending"
)

func pendingStatus(id string, at time.Time, objects int) *statusResource {
	return &statusResource{ID: id, Status: statusPending, Requested: at.UTC().Format(timestampLayout), Total: objects, Pending: objects}
}

// complete is the status of a submission that has its receipt. Where the receipt
// has the counts alone, so has the status.
func (s *statusResource) complete(r *api.Receipt) *statusResource {
	out := &statusResource{ID: s.ID, Status: statusComplete, Requested: s.Requested,
		Total: r.Accepted + r.Duplicate + r.Refused, Success: r.Accepted + r.Duplicate, Failure: r.Refused}
	for i := range r.Objects {
		o := &r.Objects[i]
		d := detail{o.ID, o.Version, ""}
		if d.ID == "" {
			// A detail must have an id, and a widely used client refuses a status whose
			// lists are not as long as its counts say. So what has none is told by
			// where it stood in the envelope, which is nobody's id.
			d.ID = "/objects/" + strconv.Itoa(o.Object)
		}
		if d.Version == "" {
			// An object without versions counts as of when it was added.
			if d.Version = o.Added; d.Version == "" {
				d.Version = s.Requested
			}
		}
		if o.Outcome != api.Refused {
			if o.Outcome == api.Duplicate {
				d.Message = "it was here already"
			}
			out.Successes = append(out.Successes, d)
			continue
		}
		d.Message = whyRefused(o)
		out.Failures = append(out.Failures, d)
	}
	return out
}

// refused is the status of a submission that was refused as a whole after it was
// told to be pending. It has no list: that would need an entry for each object.
func (s *statusResource) refused(why string) *statusResource {
	return &statusResource{ID: s.ID, Status: statusComplete, Requested: s.Requested, Total: s.Total, Failure: s.Total, Reason: why}
}

// maxWhy bounds what one object's refusals say; the first are told.
const maxWhy = 1000

func whyRefused(o *api.ObjectReceipt) string {
	var b strings.Builder
	for i := range o.Findings {
		f := &o.Findings[i]
		text := f.Code
		if f.Path != "" {
			text += " at " + f.Path
		}
		text += ": " + f.Message
		if i > 0 {
			if b.Len()+len(text) > maxWhy {
				b.WriteString("; and more")
				break
			}
			b.WriteString("; ")
		}
		b.WriteString(text)
	}
	return b.String()
}

// maxStatus bounds a status in bytes. All statuses share what the hub keeps of
// them (broker.Hub.KeepStatus): one submitter must not push out everyone's by a
// few large ones.
const maxStatus = 256 << 10

// encode writes the resource with less detail where it would be too large: first
// without the objects that passed, then with the codes of the others only, at
// last with the counts alone. A list is whole or left out: a widely used client
// refuses a status whose lists are shorter than its counts say.
func (s *statusResource) encode() []byte {
	for brevity := 0; ; brevity++ {
		switch brevity {
		case 1:
			s.Successes = nil
		case 2:
			for i := range s.Failures {
				s.Failures[i].Message, _, _ = strings.Cut(s.Failures[i].Message, ":")
			}
		case 3:
			s.Failures = nil
		}
		b, err := json.Marshal(s)
		if err != nil {
			return []byte("{}") // plain data always has a form
		}
		if len(b) <= maxStatus || brevity == 3 {
			return b
		}
	}
}

// status answers who submitted; to anyone else there is no such status.
func (s *Server) status(w http.ResponseWriter, r *request) *problem {
	if _, p := parseQuery(r.URL.RawQuery, 1); p != nil {
		return p
	}
	if r.who.seat == nil {
		return notFound()
	}
	ctx, cancel := context.WithTimeout(r.Context(), hubTimeout)
	defer cancel()
	body, ok, err := s.hub.Status(ctx, r.who.account(), r.id)
	if err != nil {
		return fromError(err)
	}
	if !ok {
		return notFound()
	}
	writeBytes(w, r.Request, http.StatusOK, body)
	return nil
}
