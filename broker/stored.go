package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// storedMsg returns a message of a stream by its sequence, as it is stored. The error is
// jetstream.ErrMsgNotFound where there is none. Unlike a direct read it is answered by
// the node that leads the stream, whose copy lacks nothing.
func (h *Hub) storedMsg(ctx context.Context, stream string, seq uint64) (*jetstream.RawStreamMsg, error) {
	if h.lead == nil {
		s, err := h.js.Stream(ctx, stream)
		if err != nil {
			return nil, err
		}
		return s.GetMsg(ctx, seq)
	}
	return h.leaderGet(ctx, stream, map[string]any{"seq": seq})
}

func (h *Hub) leaderGet(ctx context.Context, stream string, q map[string]any) (*jetstream.RawStreamMsg, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	ctx, done := context.WithTimeout(ctx, writeTimeout)
	defer done()
	answer, err := h.conn.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+stream, body)
	if err != nil {
		return nil, fmt.Errorf("reading from %s: %w", stream, err)
	}
	var r struct {
		Error   *jetstream.APIError `json:"error"`
		Message *struct {
			Subject string    `json:"subject"`
			Seq     uint64    `json:"seq"`
			Header  []byte    `json:"hdrs"`
			Data    []byte    `json:"data"`
			Time    time.Time `json:"time"`
		} `json:"message"`
	}
	if err := json.Unmarshal(answer.Data, &r); err != nil {
		return nil, fmt.Errorf("reading from %s: %w", stream, err)
	}
	switch {
	case r.Error != nil && r.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return nil, jetstream.ErrMsgNotFound
	case r.Error != nil:
		return nil, fmt.Errorf("reading from %s: %w", stream, r.Error)
	case r.Message == nil:
		return nil, errors.New("the engine answered with nothing")
	}
	header := nats.Header{}
	if len(r.Message.Header) > 0 {
		if header, err = nats.DecodeHeadersMsg(r.Message.Header); err != nil {
			return nil, fmt.Errorf("reading the header of message %d of %s: %w", r.Message.Seq, stream, err)
		}
	}
	return &jetstream.RawStreamMsg{Subject: r.Message.Subject, Sequence: r.Message.Seq, Header: header, Data: r.Message.Data, Time: r.Message.Time}, nil
}
