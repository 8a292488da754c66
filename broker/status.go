package broker

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The status of what was submitted over TAXII may be asked for later, as a rule for
// a day (TAXII 2.1 §4.3), also after the hub was started anew: less long only if
// those of one day have more than statusBytes. It is kept in a
// stream of the HUB account that carries no objects: no export reaches it, and
// no durable is ever made on it. Nothing rests on a status: one that cannot be
// kept is a line in the log, and the objects are where their receipt says.
const (
	statusStream  = "STATUS"
	statusSubject = "status."
	headerAccount = "Selat-Account"

	statusAge    = 25 * time.Hour
	statusBytes  = 256 << 20
	statusRecent = 16 << 20 // held in memory
	statusQueued = 32 << 20 // on their way to the stream
	statusWrite  = 10 * time.Second
)

// status is one submission's status, as its account may read it.
type status struct {
	account, id string
	body        []byte
}

// statuses keeps them: the newest in memory, so that who asks at once is
// answered, and all in the stream.
type statuses struct {
	h *Hub

	mu      sync.Mutex
	wake    sync.Cond // a status is queued, or there will be no more
	closed  bool
	queue   []status
	queued  int // bytes
	recent  map[string]*list.Element
	order   *list.List // of status, the newest first
	held    int        // bytes
	drained chan struct{}
}

func (h *Hub) openStatuses(ctx context.Context) error {
	if h.statuses != nil {
		return nil // this node followed before it led
	}
	c := jetstream.StreamConfig{
		Name: statusStream, Description: "what became of submissions, for who made them",
		Subjects: []string{statusSubject + "*"}, Storage: jetstream.FileStorage, Compression: jetstream.S2Compression,
		MaxAge: statusAge, MaxBytes: statusBytes, MaxMsgsPerSubject: 1, Discard: jetstream.DiscardOld, Duplicates: time.Minute,
	}
	h.replicated(&c)
	if _, err := h.js.CreateOrUpdateStream(ctx, c); err != nil {
		return fmt.Errorf("making stream %s: %w", statusStream, err)
	}
	s := &statuses{h: h, recent: map[string]*list.Element{}, order: list.New(), drained: make(chan struct{})}
	s.wake.L = &s.mu
	h.statuses = s
	h.go_(s.write)
	return nil
}

// KeepStatus keeps what is told of a submission, in place of what was told
// under that id before. It returns at once and keeps it by and by; body must not
// be changed, and should be small: all that is kept shares 256 MiB, and the oldest
// goes first. What cannot be kept is logged. id is a UUID.
func (h *Hub) KeepStatus(account, id string, body []byte) {
	if uuid.Validate(id) != nil {
		h.log.Error("a status cannot be kept: its id is no UUID", "id", id)
		return
	}
	h.statuses.keep(status{account, id, body})
}

// Status returns what was last kept under this id, and whether there is
// anything for this account: another's is answered like one that is not there.
func (h *Hub) Status(ctx context.Context, account, id string) ([]byte, bool, error) {
	if uuid.Validate(id) != nil {
		return nil, false, nil
	}
	if st, ok := h.statuses.find(id); ok {
		return st.body, st.account == account, nil
	}
	stream, err := h.js.Stream(ctx, statusStream)
	if err != nil {
		return nil, false, fmt.Errorf("reading a status: %w", err)
	}
	m, err := stream.GetLastMsgForSubject(ctx, statusSubject+id)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("reading a status: %w", err)
	}
	if m.Header.Get(headerAccount) != account {
		return nil, false, nil
	}
	return m.Data, true, nil
}

func (s *statuses) keep(st status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remember(st)
	if s.closed || s.queued+len(st.body) > statusQueued {
		s.h.log.Warn("a status is not kept beyond memory: too many wait to be written", "id", st.id)
		return
	}
	s.queue, s.queued = append(s.queue, st), s.queued+len(st.body)
	s.wake.Signal()
}

// remember holds a status in memory, and lets the oldest go.
func (s *statuses) remember(st status) {
	if e := s.recent[st.id]; e != nil {
		s.forget(e)
	}
	s.recent[st.id] = s.order.PushFront(st)
	s.held += st.size()
	for s.held > statusRecent && s.order.Len() > 1 {
		s.forget(s.order.Back())
	}
}

func (s *statuses) forget(e *list.Element) {
	st, _ := s.order.Remove(e).(status)
	delete(s.recent, st.id)
	s.held -= st.size()
}

// size counts the entry beside the body, so that small ones are bounded too.
func (st *status) size() int { return len(st.body) + 256 }

func (s *statuses) find(id string) (status, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.recent[id]
	if e == nil {
		return status{}, false
	}
	s.order.MoveToFront(e)
	st, ok := e.Value.(status)
	return st, ok
}

// write brings queued statuses into the stream, in order, until close.
func (s *statuses) write() {
	defer close(s.drained)
	for {
		s.mu.Lock()
		for len(s.queue) == 0 && !s.closed {
			s.wake.Wait()
		}
		if len(s.queue) == 0 {
			s.mu.Unlock()
			return
		}
		st := s.queue[0]
		s.queue = s.queue[1:]
		s.mu.Unlock()
		err := s.store(&st)
		if err != nil {
			s.h.log.Warn("a status is not kept beyond memory", "id", st.id, "error", err)
		}
		s.mu.Lock()
		s.queued -= len(st.body)
		if err != nil && s.closed {
			s.queue = nil // a hub that closes does not wait for a store that failed
		}
		s.mu.Unlock()
	}
}

func (s *statuses) store(st *status) error {
	m := nats.NewMsg(statusSubject + st.id)
	m.Data = st.body
	m.Header.Set(headerAccount, st.account)
	ctx, cancel := context.WithTimeout(s.h.run, statusWrite)
	defer cancel()
	_, err := s.h.js.PublishMsg(ctx, m)
	return err
}

// close returns when all that was queued is written.
func (s *statuses) close() {
	s.mu.Lock()
	s.closed = true
	s.wake.Broadcast()
	s.mu.Unlock()
	<-s.drained
}
