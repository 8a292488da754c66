package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats-server/v2/server/archive"
	"github.com/nats-io/nats.go"
)

// How long the engine may be silent.
const (
	askFor    = 30 * time.Second
	silentFor = time.Minute
)

// ask asks JetStream for something and reads its answer.
func ask(ctx context.Context, nc *nats.Conn, subject string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	ctx, done := context.WithTimeout(ctx, askFor)
	defer done()
	m, err := nc.RequestWithContext(ctx, subject, body)
	if err != nil {
		return err
	}
	var failed server.ApiResponse
	if err := json.Unmarshal(m.Data, &failed); err != nil {
		return err
	}
	if failed.Error != nil {
		return failed.Error
	}
	return json.Unmarshal(m.Data, answer)
}

// streamNames lists the hub's streams.
func streamNames(ctx context.Context, nc *nats.Conn) ([]string, error) {
	var out []string
	for {
		var page server.JSApiStreamNamesResponse
		question := server.JSApiStreamNamesRequest{ApiPagedRequest: server.ApiPagedRequest{Offset: len(out)}}
		if err := ask(ctx, nc, "$JS.API.STREAM.NAMES", question, &page); err != nil {
			return nil, fmt.Errorf("listing the streams: %w", err)
		}
		if out = append(out, page.Streams...); len(out) >= page.Total || len(page.Streams) == 0 {
			slices.Sort(out)
			return slices.Compact(out), nil
		}
	}
}

func streamInfo(ctx context.Context, nc *nats.Conn, name string) (*server.StreamInfo, error) {
	var info server.JSApiStreamInfoResponse
	if err := ask(ctx, nc, "$JS.API.STREAM.INFO."+name, struct{}{}, &info); err != nil {
		return nil, fmt.Errorf("looking at stream %s: %w", name, err)
	}
	return info.StreamInfo, nil
}

// removed counts the messages that a stream ever lost: it only grows.
func removed(s *server.StreamState) uint64 { return s.LastSeq - s.Msgs }

// consumer is what the engine's archive has of one.
type consumer struct {
	Config json.RawMessage       `json:"config"`
	State  *server.ConsumerState `json:"state"`
}

// snapshot reads a stream as it is now: its settings into s, its durables, and
// every message through c.
func snapshot(ctx context.Context, nc *nats.Conn, s *Stream, c *cutter) (durables []consumer, err error) {
	info, err := streamInfo(ctx, nc, s.Name)
	if err != nil {
		return nil, err
	}
	s.Created = info.Created
	sub, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		return nil, err
	}
	defer sub.Unsubscribe() //nolint:errcheck // it ends with the connection
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return nil, err // the window bounds what is on its way
	}
	var begun struct {
		Config json.RawMessage     `json:"config"`
		State  *server.StreamState `json:"state"`
	}
	q := server.JSApiStreamSnapshotRequest{DeliverSubject: sub.Subject, ChunkSize: 256 << 10, WindowSize: 8 << 20}
	if err := ask(ctx, nc, "$JS.API.STREAM.SNAPSHOT."+s.Name, q, &begun); err != nil {
		return nil, err
	}
	if begun.State == nil || len(begun.Config) == 0 {
		return nil, errors.New("the engine's answer says nothing of the stream")
	}
	s.Config, s.First, s.Last = begun.Config, begun.State.FirstSeq, begun.State.LastSeq
	r := archive.NewReader(s2.NewReader(&delivery{ctx: ctx, sub: sub}))
	if durables, err = readArchive(r, c); err != nil {
		return nil, err
	}
	if err := readRest(ctx, nc, s, removed(begun.State), c); err != nil {
		return nil, fmt.Errorf("reading what was stored meanwhile: %w", err)
	}
	if s.Last > 0 {
		s.First = max(s.First, 1)
	}
	return durables, c.flush()
}

// readArchive reads what the engine sends: the state, the consumers, messages in
// order, and a mark that says that it is whole.
func readArchive(r *archive.Reader, c *cutter) (durables []consumer, err error) {
	for {
		m, err := nextMessage(r)
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the snapshot ended before its end")
		}
		if err != nil {
			return nil, err
		}
		switch {
		case m.Sequence > 0:
			if err := c.add(m); err != nil {
				return nil, err
			}
		case m.Name == "":
			// Until the engine has said that nothing went wrong.
			_, err := r.Next()
			if !errors.Is(err, io.EOF) {
				return nil, errors.Join(errors.New("the snapshot goes on after its end"), err)
			}
			return durables, nil
		case strings.HasPrefix(m.Name, "consumers/"):
			var d consumer
			if err := json.Unmarshal(m.body, &d); err != nil {
				return nil, fmt.Errorf("reading %s: %w", m.Name, err)
			}
			if d.State == nil {
				return nil, fmt.Errorf("reading %s: it has no state", m.Name)
			}
			if durableName(&d) != "" { // others live as long as who reads from them
				durables = append(durables, d)
			}
		}
	}
}

func durableName(c *consumer) string {
	var cfg struct {
		Durable string `json:"durable_name"`
	}
	if err := json.Unmarshal(c.Config, &cfg); err != nil {
		return ""
	}
	return cfg.Durable
}

// readRest reads on where a recall may have erased messages while the snapshot was
// taken: what such a message held beside the recalled object was stored again at
// the end of the stream before, perhaps after the snapshot's last message. It ends
// when nothing was erased while it read.
func readRest(ctx context.Context, nc *nats.Conn, s *Stream, gone uint64, c *cutter) error {
	for {
		info, err := streamInfo(ctx, nc, s.Name)
		if err != nil {
			return err
		}
		if removed(&info.State) == gone {
			return nil
		}
		gone = removed(&info.State)
		for s.Last < info.State.LastSeq {
			m, err := nextStored(ctx, nc, s.Name, s.Last+1)
			if err != nil {
				return err
			}
			if m == nil || m.Sequence > info.State.LastSeq {
				s.Last = info.State.LastSeq
				break
			}
			body := append(bytes.Clone(m.Header), m.Data...)
			h := archive.Header{Name: m.Subject, Timestamp: m.Time.UnixNano(), Sequence: m.Sequence, HeaderSize: int64(len(m.Header)), PayloadSize: int64(len(m.Data))}
			if err := c.add(&message{h, body}); err != nil {
				return err
			}
			s.Last = m.Sequence
		}
	}
}

// nextStored is the first message from a sequence on; nil if there is none.
func nextStored(ctx context.Context, nc *nats.Conn, stream string, seq uint64) (*server.StoredMsg, error) {
	var got server.JSApiMsgGetResponse
	err := ask(ctx, nc, "$JS.API.STREAM.MSG.GET."+stream, server.JSApiMsgGetRequest{Seq: seq, NextFor: ">"}, &got)
	var api *server.ApiError
	if errors.As(err, &api) && api.ErrCode == uint16(server.JSNoMessageFoundErr) {
		return nil, nil
	}
	return got.Message, err
}

// delivery is the engine's archive as it arrives.
type delivery struct {
	ctx  context.Context
	sub  *nats.Subscription
	rest []byte
	err  error
}

func (d *delivery) Read(p []byte) (int, error) {
	for len(d.rest) == 0 && d.err == nil {
		d.next()
	}
	n := copy(p, d.rest)
	if d.rest = d.rest[n:]; n > 0 {
		return n, nil
	}
	return 0, d.err
}

func (d *delivery) next() {
	ctx, done := context.WithTimeout(d.ctx, silentFor)
	defer done()
	m, err := d.sub.NextMsgWithContext(ctx)
	switch {
	case err != nil && d.ctx.Err() == nil:
		d.err = fmt.Errorf("the hub sends no more of the snapshot: %w", err)
	case err != nil:
		d.err = err
	case len(m.Data) > 0:
		d.rest = m.Data
		if m.Reply != "" {
			// At once, so that it sends more while this is being stored.
			d.err = m.Respond(nil)
		}
	default:
		d.err = io.EOF
		if status := m.Header.Get("Status"); status != "" && status != "204" {
			d.err = fmt.Errorf("the hub broke the snapshot off: %s %s", status, m.Header.Get("Description"))
		}
	}
}
