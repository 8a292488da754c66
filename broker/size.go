package broker

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// StreamSize is what a stream holds now.
type StreamSize struct {
	Messages uint64
	Bytes    uint64 // on disk, after compression
	FirstSeq uint64
	LastSeq  uint64
}

// StreamSize looks at one stream by name.
func (h *Hub) StreamSize(ctx context.Context, stream string) (StreamSize, error) {
	s, err := h.js.Stream(ctx, stream)
	if err != nil {
		return StreamSize{}, fmt.Errorf("looking at stream %s: %w", stream, err)
	}
	return sizeOf(s.CachedInfo().State), nil
}

func sizeOf(st jetstream.StreamState) StreamSize {
	return StreamSize{Messages: st.Msgs, Bytes: st.Bytes, FirstSeq: st.FirstSeq, LastSeq: st.LastSeq}
}
