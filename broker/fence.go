package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A fence is a message of the hub itself in a stream of objects, under a subject that
// no durable delivers. Every write says which sequence it follows: once a fence is in
// a stream, whatever was on its way there before is refused by the engine. So the
// node that begins to accept (lead.go) makes sure that nothing of an earlier one
// comes after it, however late that one learns of it; and one that does not know
// what became of a write finds out.
//
// A fence also says which messages were erased whole: the nodes that follow learn it
// from there (follow.go). Its place tells that the engine of a node has overwritten
// them, too.
const fencePrefix = "fence."

// fence is what it says.
type fence struct {
	Term uint64 `json:"term"`
	Node string `json:"node"`
	// Erased are the first sequences of messages of which nothing is left.
	Erased []uint64 `json:"erased,omitempty"`
}

func fenceSubject(stream string) string { return fencePrefix + stream }

func isFence(subject string) bool { return strings.HasPrefix(subject, fencePrefix) }

// fenceTries bounds how often somebody else may come in between.
const fenceTries = 50

// fence puts a fence into a stream, whatever was written there meanwhile, and returns
// its sequence.
func (h *Hub) fence(ctx context.Context, stream string) (uint64, error) {
	for range fenceTries {
		last, err := h.lastSeq(ctx, stream)
		if err != nil {
			return 0, err
		}
		seq, err := h.fenceAfter(ctx, stream, last, nil)
		if err == nil {
			h.fenced.Store(stream, seq)
			return seq, nil
		}
		if !wrongSequence(err) {
			return 0, fmt.Errorf("fencing %s: %w", stream, err)
		}
	}
	return 0, fmt.Errorf("fencing %s: others write there", stream)
}

// fenceAfter puts a fence into a stream if last is the sequence of its last message.
func (h *Hub) fenceAfter(ctx context.Context, stream string, last uint64, erased []uint64) (uint64, error) {
	body, err := json.Marshal(fence{Term: h.lead.term.Load(), Node: h.cfg.Cluster.Node, Erased: erased})
	if err != nil {
		return 0, err
	}
	ctx, done := context.WithTimeout(ctx, writeTimeout)
	defer done()
	msg := &nats.Msg{Subject: fenceSubject(stream), Data: body}
	ack, err := h.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(stream), jetstream.WithExpectLastSequence(last), jetstream.WithRetryAttempts(0))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// wrongSequence reports whether the engine refused a write because another was first.
func wrongSequence(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == wrongSequenceConstant)
}

// wrongSequenceConstant is the code of the same answer where the engine names no
// sequence.
const wrongSequenceConstant = 10164

// sawFence looks at a fence that is read from a stream: one of a later term says that
// another node accepts.
func (h *Hub) sawFence(m *fence) {
	if h.lead != nil && h.lead.leads.Load() && m.Term > h.lead.term.Load() {
		h.depose("node " + m.Node + " began to accept, in term " + strconv.FormatUint(m.Term, 10))
	}
}
