package broker

import (
	"context"
	"fmt"
	"slices"
)

// fenceErased bounds what one fence tells of.
const fenceErased = 10_000

// tellNodes puts a fence behind everything that was erased: it says to the other nodes
// of which messages nothing is left where they stood, and whoever has it has
// overwritten them.
func (rs *recalls) tellNodes(ctx context.Context, batch []*recall) error {
	h := rs.h
	if h.lead == nil {
		return nil
	}
	gone := map[string][]uint64{}
	rs.mu.RLock()
	for _, r := range batch {
		for at := range r.messages {
			gone[at.Stream] = append(gone[at.Stream], at.Seq)
		}
	}
	rs.mu.RUnlock()
	for stream, seqs := range gone {
		slices.Sort(seqs)
		seqs = slices.Compact(seqs)
		w := h.writers.of(stream)
		for part := range slices.Chunk(seqs, fenceErased) {
			err := w.alone(ctx, func(ctx context.Context) error { return w.fence(ctx, part) })
			if err != nil {
				return fmt.Errorf("telling the other nodes what was erased from %s: %w", stream, err)
			}
		}
		if err := h.forgetLog(stream); err != nil {
			return err
		}
	}
	return nil
}

// fence puts a fence behind what the writer wrote last. Nothing is in flight.
func (w *writer) fence(ctx context.Context, erased []uint64) error {
	seq, err := w.h.fenceAfter(ctx, w.stream, w.sent, erased)
	if err != nil {
		w.distrust()
		return err
	}
	w.sent = seq
	if err := w.h.index.Apply(w.stream, seq, nil); err != nil {
		w.distrust()
		return err
	}
	w.h.grants.require(func(n *needs) { n.Fences[w.stream], n.Erased[w.stream] = seq, seq })
	return nil
}
