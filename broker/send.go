package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// send hands a round to the engine so that its k-th message follows sequence
// sent+k; the engine refuses any other order. It does not wait.
func (w *writer) send(ctx context.Context, r *round) error {
	r.last, r.started = w.sent, time.Now()
	if w.h.isDeposed() {
		return errDeposed
	}
	for at := 0; at < len(r.messages); {
		n := min(len(r.messages)-at, maxBatch)
		var err error
		if n >= batchFrom {
			err = w.sendBatch(ctx, r, r.messages[at:at+n])
		} else {
			err = w.sendEach(r, r.messages[at:at+n])
		}
		if err != nil {
			return err
		}
		at += n
	}
	return nil
}

func (w *writer) sendEach(r *round, messages []*message) error {
	for _, m := range messages {
		f, err := w.h.js.PublishMsgAsync(m.msg, jetstream.WithExpectStream(w.stream), jetstream.WithExpectLastSequence(w.sent), jetstream.WithRetryAttempts(0))
		if err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
		w.sent++
		r.acks = append(r.acks, pendingAck{f, w.sent})
	}
	return nil
}

// sendBatch waits for its one acknowledgement: a batch is rare, and large.
func (w *writer) sendBatch(ctx context.Context, r *round, messages []*message) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	b, err := jetstreamext.NewBatchPublisher(w.h.js)
	if err != nil {
		return fmt.Errorf("opening a batch: %w", err)
	}
	for i, m := range messages[:len(messages)-1] {
		var opts []jetstreamext.BatchMsgOpt
		if i == 0 {
			opts = append(opts, jetstreamext.WithBatchExpectLastSequence(w.sent))
		}
		if err := b.AddMsg(m.msg, opts...); err != nil {
			return errors.Join(fmt.Errorf("adding to a batch: %w", err), b.Discard())
		}
	}
	ack, err := b.CommitMsg(ctx, messages[len(messages)-1].msg)
	if err != nil {
		return fmt.Errorf("committing a batch: %w", err)
	}
	want := w.sent + uint64(len(messages))
	if w.sent = want; ack.Sequence != want {
		return fmt.Errorf("batch stored up to sequence %d, expected %d", ack.Sequence, want)
	}
	return nil
}

// acks are the acknowledgements a round waits for, each with the sequence it
// must bring.
type acks []pendingAck

type pendingAck struct {
	future jetstream.PubAckFuture
	want   uint64
}

func (a acks) wait(until time.Time) error {
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	var errs []error
	for _, p := range a {
		select {
		case ack := <-p.future.Ok():
			if ack.Sequence != p.want {
				errs = append(errs, fmt.Errorf("stored at sequence %d, expected %d", ack.Sequence, p.want))
			}
		case err := <-p.future.Err():
			errs = append(errs, err)
		case <-t.C:
			return errors.Join(append(errs, errors.New("no acknowledgement in time"))...)
		}
	}
	return errors.Join(errs...)
}
