package broker

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// intake takes submissions off the wire and walks them through the pipeline.
// What it holds is bounded in bytes over all seats: beyond that the answer is
// "busy", never silence.
type intake struct {
	h     *Hub
	queue chan arrival
	rates *rates

	mu      sync.RWMutex // guards closed against sends on queue
	closed  bool
	load    load
	workers sync.WaitGroup
	open    sync.WaitGroup // submissions without a receipt
}

type arrival struct {
	msg *nats.Msg
	at  time.Time
	// told, where set, is handed the receipt in place of an answer to msg.
	told func(*api.Receipt)
}

// tell answers with a receipt that has no lines.
func (a *arrival) tell(h *Hub, r *api.Receipt) {
	if a.told != nil {
		a.told(r)
		return
	}
	h.respond(a.msg, r)
}

const submissionsQueued = 16384

func newIntake(h *Hub) *intake {
	in := &intake{h: h, queue: make(chan arrival, submissionsQueued), rates: newRates(&h.cfg.Limits)}
	for range runtime.GOMAXPROCS(0) {
		in.workers.Add(1)
		go func() {
			defer in.workers.Done()
			for a := range in.queue {
				in.accept(a)
			}
		}()
	}
	return in
}

// close takes nothing more and returns when every submission taken has its
// receipt.
func (in *intake) close() {
	in.mu.Lock()
	if !in.closed {
		in.closed = true
		close(in.queue)
	}
	in.mu.Unlock()
	in.workers.Wait()
	in.open.Wait()
}

// take queues a submission; it runs on the connection's goroutine and does not
// wait.
func (in *intake) take(m *nats.Msg) { in.arrive(arrival{msg: m, at: time.Now()}) }

func (in *intake) arrive(a arrival) {
	m := a.msg
	in.mu.RLock()
	defer in.mu.RUnlock()
	if in.closed {
		in.turnAway(a, "unavailable", "the hub is stopping; send the same bytes again")
		return
	}
	if !in.load.take(accountToken(m.Subject), m.Size(), in.h.cfg.Limits.InFlightBytes) {
		in.turnAway(a, "busy", "the hub has too much in hand; send the same bytes again shortly")
		return
	}
	in.open.Add(1)
	select {
	case in.queue <- a:
	default:
		in.done(m)
		in.turnAway(a, "busy", "the hub has too many submissions waiting; send the same bytes again shortly")
	}
}

func (in *intake) done(m *nats.Msg) {
	in.load.give(accountToken(m.Subject), m.Size())
	in.open.Done()
}

func (in *intake) turnAway(a arrival, code, message string) {
	origin := "unknown"
	if seat := in.h.Region().SeatByAccount(accountToken(a.msg.Subject)); seat != nil {
		origin = seat.Member
	}
	in.h.Metrics.submissionRefused(origin, code)
	a.tell(in.h, &api.Receipt{Origin: origin, Retry: true, Error: &stix.Finding{Code: code, Message: message}})
}

func accountToken(subject string) string {
	if parts := strings.SplitN(subject, ".", 3); len(parts) == 3 {
		return parts[1]
	}
	return ""
}

// accept runs the stages on one submission and hands what passed to the
// ledger; the receipt follows when everything is on disk.
func (in *intake) accept(a arrival) {
	h := in.h
	if !h.inOffice(h.run) {
		in.done(a.msg) // the node that leads now has it too, and answers
		return
	}
	region := h.Region()
	seat := region.SeatByAccount(accountToken(a.msg.Subject))
	if seat == nil {
		h.Metrics.submissionRefused("unknown", "no-seat")
		a.tell(h, &api.Receipt{Error: &stix.Finding{Code: "no-seat", Message: "this seat is not in the directory"}})
		in.done(a.msg)
		return
	}
	s := &submission{id: uuid.NewString(), at: a.at, region: region, seat: seat, payload: a.msg.Data}
	f := in.examine(s, a)
	r := newReceipt(h, s, a)
	if f != nil {
		r.refuse(f)
		return
	}
	r.admit()
}

func (in *intake) examine(s *submission, a arrival) *stix.Finding {
	if refusal := s.region.MaySubmit(s.seat); refusal != nil {
		return &stix.Finding{Code: refusal.Code, Message: refusal.Message}
	}
	if f := in.rates.submission(s.seat, a.at); f != nil {
		return f
	}
	if f := in.rates.objectsLeft(s.seat, a.at); f != nil {
		return f
	}
	if err := in.h.diskRoom(a.msg.Size()); err != nil {
		return &stix.Finding{Code: "disk-full", Message: "the hub's disk is full; send the same bytes again when its team has made room"}
	}
	if in.h.broken.Load() {
		return &stix.Finding{Code: "unavailable", Message: "the hub's store has failed and must be restarted; send the same bytes again later"}
	}
	if f := s.readHeaders(a.msg.Header); f != nil {
		return f
	}
	f := in.h.runStages(s)
	in.rates.spend(s.seat, len(s.objects))
	if f != nil {
		return f
	}
	if f := in.h.tooManyLines(s); f != nil {
		return f
	}
	return nil
}

// tooManyLines refuses what nobody could be told about in one answer: RED has
// a copy and a receipt line for each object and recipient.
func (h *Hub) tooManyLines(s *submission) *stix.Finding {
	lines, most := 0, 2*h.cfg.Limits.Objects
	for i := range s.objects {
		lines += max(1, len(s.objects[i].streams))
	}
	if lines <= most {
		return nil
	}
	return &stix.Finding{Code: "too-many-objects", Message: fmt.Sprintf("the submission has %d objects for up to %d recipients, %d copies in all, and the limit is %d: cut it into several", len(s.objects), len(s.to), lines, most)}
}

// readHeaders reads the headers a submission may carry; all others are
// ignored and go nowhere.
func (s *submission) readHeaders(header nats.Header) *stix.Finding {
	for _, v := range header.Values(api.HeaderTo) {
		for name := range strings.SplitSeq(v, ",") {
			if name = strings.TrimSpace(name); name == "" {
				continue
			}
			if len(name) > maxName {
				return &stix.Finding{Code: "audience-unknown", Message: fmt.Sprintf("%s names an audience of %d bytes; no name has more than 32", api.HeaderTo, len(name))}
			}
			s.to = append(s.to, name)
		}
	}
	if len(s.to) > maxAudience {
		return &stix.Finding{Code: "audience-many", Message: fmt.Sprintf("%s names %d audiences; at most %d", api.HeaderTo, len(s.to), maxAudience)}
	}
	if v := header.Get(api.HeaderUnmarked); len(v) > maxName {
		return &stix.Finding{Code: "tlp-unknown", Message: fmt.Sprintf("%s has %d bytes: use clear, green, amber, amber-strict or red", api.HeaderUnmarked, len(v))}
	} else if v != "" {
		level, err := stix.ParseLevel(v)
		if err != nil {
			return &stix.Finding{Code: "tlp-unknown", Message: fmt.Sprintf("%s: %v", api.HeaderUnmarked, err)}
		}
		s.asked = level
	}
	if v := header.Get(api.HeaderOnly); len(v) > maxName {
		return &stix.Finding{Code: "tlp-unknown", Message: fmt.Sprintf("%s has %d bytes: use clear, green, amber, amber-strict or red", api.HeaderOnly, len(v))}
	} else if v != "" {
		level, err := stix.ParseLevel(v)
		if err != nil {
			return &stix.Finding{Code: "tlp-unknown", Message: fmt.Sprintf("%s: %v", api.HeaderOnly, err)}
		}
		s.only = level
	}
	return nil
}

// maxAudience bounds how many members one RED submission may name.
const maxAudience = 256

// maxName bounds what a header may name. Refusals quote the name, once for
// each object: unbounded, one header could fill the hub's memory.
const maxName = 64

func asFinding(err error) *stix.Finding {
	var f *stix.Finding
	if errors.As(err, &f) {
		return f
	}
	return &stix.Finding{Code: "malformed-json", Message: "the submission could not be read: " + err.Error()}
}
