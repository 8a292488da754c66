package broker

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/selat-hub/selat/broker/catalog"
)

// messages keeps the messages that were read last: pollers ask for the same
// pages, and each costs the engine a decryption. Messages do not change.
type messages struct {
	most int

	mu    sync.Mutex
	byAt  map[messageAt]*list.Element // of *keptMessage
	order *list.List                  // the latest used first
	bytes int
}

// messageAt is where a message stands, by the sequence that it has now.
type messageAt struct {
	Stream string `json:"stream"`
	Seq    uint64 `json:"sequence"`
}

type keptMessage struct {
	at   messageAt
	data []byte
}

// messagesKept bounds the memory, in bytes.
const messagesKept = 64 << 20

func newMessages(most int) *messages {
	return &messages{most: most, byAt: map[messageAt]*list.Element{}, order: list.New()}
}

// get returns the messages that hold the items.
func (c *messages) get(ctx context.Context, js jetstream.JetStream, items []catalog.Item) (map[messageAt][]byte, error) {
	found := map[messageAt][]byte{}
	var missing []messageAt // in the order of the items
	for i := range items {
		at := itemAt(&items[i])
		if _, seen := found[at]; seen {
			continue
		}
		found[at] = c.kept(at)
		if found[at] == nil {
			missing = append(missing, at)
		}
	}
	for len(missing) > 0 {
		n := 1
		for n < len(missing) && n < catchUpBatch && missing[n] == (messageAt{missing[0].Stream, missing[0].Seq + uint64(n)}) {
			n++
		}
		if err := c.read(ctx, js, missing[:n], found); err != nil {
			return nil, fmt.Errorf("reading message %d of %s: %w", missing[0].Seq, missing[0].Stream, err)
		}
		missing = missing[n:]
	}
	return found, nil
}

// read fetches messages of consecutive sequences.
func (c *messages) read(ctx context.Context, js jetstream.JetStream, run []messageAt, found map[messageAt][]byte) error {
	for len(run) > 0 {
		msgs, err := jetstreamext.GetBatch(ctx, js, run[0].Stream, len(run), jetstreamext.GetBatchSeq(run[0].Seq), jetstreamext.GetBatchMaxBytes(32<<20))
		if err != nil {
			return err
		}
		n := 0
		for m, err := range msgs {
			if err != nil {
				return err
			}
			if n == len(run) || m.Sequence != run[n].Seq {
				return errNotAsKnown // it was erased
			}
			found[run[n]] = m.Data
			c.keep(run[n], m.Data)
			n++
		}
		if n == 0 {
			return errors.New("the stream answered with nothing")
		}
		run = run[n:]
	}
	return nil
}

func (c *messages) kept(at messageAt) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byAt[at]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*keptMessage).data
}

func (c *messages) keep(at messageAt, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byAt[at] != nil || len(data) > c.most {
		return
	}
	c.byAt[at] = c.order.PushFront(&keptMessage{at, data})
	c.bytes += len(data)
	for c.bytes > c.most {
		e := c.order.Back()
		old := c.order.Remove(e).(*keptMessage)
		delete(c.byAt, old.at)
		c.bytes -= len(old.data)
	}
}

// forget forgets a message that was erased.
func (c *messages) forget(at messageAt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byAt[at]; e != nil {
		if m, ok := c.order.Remove(e).(*keptMessage); ok {
			c.bytes -= len(m.data)
		}
		delete(c.byAt, at)
	}
}

// drop forgets what was read of a stream that is read anew.
func (c *messages) drop(stream string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.order.Front(); e != nil; {
		next := e.Next()
		if m, ok := e.Value.(*keptMessage); ok && m.at.Stream == stream {
			c.order.Remove(e)
			delete(c.byAt, m.at)
			c.bytes -= len(m.data)
		}
		e = next
	}
}
