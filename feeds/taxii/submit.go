package taxii

import (
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
)

// answerWithin is how long a client is kept waiting for its receipt before it is
// told to ask for the status.
const answerWithin = 10 * time.Second

// post takes objects into a collection (TAXII 2.1 §5.5): they travel to its
// audience, and each must be of its level.
func (s *Server) post(w http.ResponseWriter, r *request) *problem {
	c, _, p := s.find(r)
	if p != nil {
		return p
	}
	if _, p := parseQuery(r.URL.RawQuery, 1); p != nil {
		return p
	}
	if !c.Write || r.who.seat == nil {
		return forbidden("this seat may not write to the collection (can_write is false)")
	}
	if !isTAXII(r.Header) {
		return newProblem(http.StatusUnsupportedMediaType, "media-type", "the body's Content-Type must be %s", mediaTAXII)
	}
	if !s.posts.take(r.who.key) {
		s.metrics.deny(reasonBusy)
		return tooBusy()
	}
	handed := false
	defer func() {
		if !handed { // else it is given back when the hub has answered
			s.posts.give(r.who.key)
		}
	}()
	body, p := s.readBody(w, r)
	if p != nil {
		return p
	}
	s.metrics.received.Add(float64(len(body)))
	objects, p := readEnvelope(body)
	if p != nil {
		return p
	}
	payload := bundleOf(objects)
	handed = true
	return s.submit(w, r, c, payload, len(objects))
}

// submission is one that the hub has and has not answered yet.
type submission struct {
	s       *Server
	account string
	status  *statusResource
	done    chan outcome

	mu sync.Mutex // what is kept of it is kept in order
	// told is true once the client has an answer that says pending.
	told bool
}

// outcome is how a submission ended: a status, or a refusal as a whole.
type outcome struct {
	body []byte
	p    *problem
}

// submit hands a bundle to the hub, and tells the client what became of it, or
// that this takes its time. The place that post took is given back when the hub
// has answered, which may be after the client was.
func (s *Server) submit(w http.ResponseWriter, r *request, c *policy.Collection, payload []byte, objects int) *problem {
	sub := &submission{s: s, account: r.who.account(), status: pendingStatus(uuid.NewString(), time.Now(), objects), done: make(chan outcome, 1)}
	s.tasks.Add(1)
	go func() {
		defer s.tasks.Done()
		defer s.posts.give(r.who.key)
		sub.end(sub.ask(broker.Submission{Account: sub.account, Payload: payload, To: []string{c.Stream.Audience}, Unmarked: c.Stream.Level, Only: c.Stream.Level}))
	}()
	timer := time.NewTimer(s.answerWithin)
	defer timer.Stop()
	var o outcome
	select {
	case o = <-sub.done:
	case <-timer.C:
		o = sub.pending()
	case <-r.Context().Done():
		return nil // nobody is there to be told
	}
	if o.p == nil {
		writeBytes(w, r.Request, http.StatusAccepted, o.body)
	}
	return o.p
}

// ask hands the submission to the hub. A panic there is the outcome of this one
// submission, and not the end of the hub.
func (sub *submission) ask(what broker.Submission) (o outcome) {
	defer func() {
		if v := recover(); v != nil {
			o = outcome{p: panicked(v)}
		}
	}()
	receipt, err := sub.s.hub.Submit(sub.s.run, what)
	return conclude(sub.status, receipt, err)
}

// end notes how the submission ended. A refusal as a whole is a status only if
// the client was told to ask for one.
func (sub *submission) end(o outcome) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if o.p == nil {
		sub.keep(o.body)
	} else if sub.told && sub.s.run.Err() == nil {
		if o.p.cause != nil {
			sub.s.log.Error("a submission over TAXII failed", "status", sub.status.ID, "error", o.p.cause)
		}
		sub.keep(sub.status.refused(o.p.ErrorCode + ": " + o.p.Description).encode())
	}
	sub.done <- o
}

// pending is what the client is told if there is no outcome yet.
func (sub *submission) pending() outcome {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	select {
	case o := <-sub.done:
		return o
	default:
	}
	sub.told = true
	body := sub.status.encode()
	sub.keep(body)
	return outcome{body: body}
}

func (sub *submission) keep(body []byte) { sub.s.hub.KeepStatus(sub.account, sub.status.ID, body) }

// conclude makes the status of a receipt, or the problem of a submission that was
// refused as a whole.
func conclude(status *statusResource, receipt *api.Receipt, err error) outcome {
	switch {
	case err != nil:
		return outcome{p: fromError(err)}
	case receipt.Error != nil:
		return outcome{p: fromFinding(receipt.Error)}
	}
	return outcome{body: status.complete(receipt).encode()}
}
