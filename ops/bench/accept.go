package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/broker/profile"
	"github.com/selat-hub/selat/stix"
)

// Options say how much to measure.
type Options struct {
	// Dir is where the store is made; it decides which disk is measured.
	Dir string
	// Objects is about how many objects each phase moves.
	Objects int
	// Progress gets a line before each phase.
	Progress io.Writer
}

func (o Options) say(format string, args ...any) {
	if o.Progress != nil {
		fmt.Fprintf(o.Progress, format+"\n", args...)
	}
}

// hub is a hub with the built-in region, made for one benchmark.
type hub struct {
	*broker.Hub
	dir string
}

func startHub(ctx context.Context, dir string) (*hub, error) {
	cfg := broker.DefaultConfig()
	cfg.Data, cfg.Listen, cfg.HTTP.Listen = filepath.Join(dir, "hub"), "127.0.0.1:0", ""
	cfg.Limits.SubmissionsPerSecond, cfg.Limits.ObjectsPerSecond = 0, 0
	cfg.Store.ReserveBytes = 64 << 20
	p, err := profile.Load("asean")
	if err != nil {
		return nil, err
	}
	if err := broker.Init(ctx, cfg, p.Region(time.Now().UTC()), nil); err != nil {
		return nil, err
	}
	h, err := broker.Start(ctx, cfg, nil)
	if err != nil {
		return nil, err
	}
	return &hub{Hub: h, dir: dir}, nil
}

// startBoth starts the bare engine and a hub on one disk.
func startBoth(ctx context.Context, dir string) (r *raw, h *hub, done func(), err error) {
	if r, err = startRaw(dir); err != nil {
		return nil, nil, nil, err
	}
	if h, err = startHub(ctx, dir); err != nil {
		r.close()
		return nil, nil, nil, err
	}
	return r, h, func() {
		h.Close() //nolint:errcheck // the folder is thrown away
		r.close()
	}, nil
}

// seat makes a seat and connects it.
func (h *hub) seat(ctx context.Context, name string, kind policy.Kind) (*nats.Conn, error) {
	creds, err := h.AddSeat(ctx, policy.Seat{Name: name, Kind: kind, Standing: policy.Organization, Ceiling: stix.Green})
	if err != nil {
		return nil, err
	}
	path := filepath.Join(h.dir, filepath.Base(name)+"-"+name[:2]+".creds")
	if err := os.WriteFile(path, creds, 0o600); err != nil {
		return nil, err
	}
	return nats.Connect(h.URL(), nats.UserCredentials(path))
}

// Submitting members. Objects of one member share messages, and each message
// costs a sync: many publishers of one member are the easy case, many members
// the hard one.
var (
	oneMember  = []string{"sg"}
	allMembers = []string{"bn", "kh", "id", "la", "my", "mm", "ph", "sg", "th", "vn", "us"}
)

// publishers connects n seats, spread over members.
func (h *hub) publishers(ctx context.Context, n int, members []string, tag string) ([]*nats.Conn, error) {
	out := make([]*nats.Conn, n)
	for i := range out {
		nc, err := h.seat(ctx, fmt.Sprintf("%s/%s%d", members[i%len(members)], tag, i), policy.Publisher)
		if err != nil {
			return nil, err
		}
		out[i] = nc
	}
	return out, nil
}

// Accept measures objects acknowledged per second.
func Accept(ctx context.Context, o Options) (*Report, error) {
	rep := newReport("accept")
	r, h, done, err := startBoth(ctx, o.Dir)
	if err != nil {
		return nil, err
	}
	defer done()
	o.say("raw (a): one message for each object, atomic batches of 1,000, 8 clients")
	a, err := r.batches(ctx, o.Objects)
	if err != nil {
		return nil, fmt.Errorf("measuring raw batches: %w", err)
	}
	rep.Rows = append(rep.Rows, a)
	o.say("raw singles: one message for each object, 1 and 64 clients")
	one, err := r.singles(ctx, 1, max(64, o.Objects/20))
	if err != nil {
		return nil, fmt.Errorf("measuring raw singles: %w", err)
	}
	many, err := r.singles(ctx, 64, max(64, o.Objects/10))
	if err != nil {
		return nil, fmt.Errorf("measuring raw singles: %w", err)
	}
	rep.Rows = append(rep.Rows, one, many)
	for _, size := range []int{1000, 100, 1} {
		for _, clients := range []int{1, 8, 64} {
			total := o.Objects
			if size == 1 {
				total = max(clients*20, o.Objects/20*min(clients, 10)/2)
			}
			o.say("hub: submissions of %d by %d publishers", size, clients)
			row, messageBytes, err := h.accept(ctx, clients, allMembers, size, total)
			if err != nil {
				return nil, err
			}
			b := Row{}
			if size > 1 {
				if b, err = r.messages(ctx, total, messageBytes); err != nil {
					return nil, fmt.Errorf("measuring raw messages: %w", err)
				}
				b.Name = fmt.Sprintf("raw (b) %d KiB", messageBytes>>10)
				row.against(a, b)
				rep.Rows = append(rep.Rows, b)
			} else if clients == 1 {
				row.against(a, one)
			} else {
				row.against(a, many)
			}
			rep.Rows = append(rep.Rows, row)
		}
	}
	o.say("hub: submissions of 1 by 64 publishers of one member")
	row, _, err := h.accept(ctx, 64, oneMember, 1, max(64*20, o.Objects/4))
	if err != nil {
		return nil, err
	}
	row.Name = "hub, one member"
	row.against(a, many)
	rep.Rows = append(rep.Rows, row)
	return rep, nil
}

// accept has publishers submit until total objects are acknowledged, each
// waiting for its receipt, and tells the mean message size the hub wrote.
func (h *hub) accept(ctx context.Context, clients int, members []string, size, total int) (Row, int, error) {
	conns, err := h.publishers(ctx, clients, members, fmt.Sprintf("b%dx%d-m%d-", size, clients, len(members)))
	if err != nil {
		return Row{}, 0, err
	}
	defer func() {
		for _, nc := range conns {
			nc.Close()
		}
	}()
	loads := make([]*submission, clients)
	for i := range loads {
		loads[i] = newSubmission(size)
	}
	before, err := h.StreamSize(ctx, "CTI_REGION_CLEAR")
	if err != nil {
		return Row{}, 0, err
	}
	rounds := max(1, total/(clients*size))
	trips := make([][]time.Duration, clients)
	want := fmt.Appendf(nil, `"accepted":%d,`, size)
	m := startMeter()
	err = each(ctx, clients, func(ctx context.Context, i int) error {
		for range rounds {
			loads[i].renew()
			at := time.Now()
			reply, err := conns[i].RequestWithContext(ctx, api.SubjectSubmit, loads[i].payload)
			if err != nil {
				return err
			}
			trips[i] = append(trips[i], time.Since(at))
			// The counts end the receipt; reading all of it would measure the
			// client's JSON decoder.
			if tail := reply.Data[max(0, len(reply.Data)-120):]; !bytes.Contains(tail, want) {
				return fmt.Errorf("not all of %d objects were accepted: %s", size, tail)
			}
		}
		return nil
	})
	row := m.row("hub", clients, size, rounds*clients*size, flat(trips))
	if err != nil {
		return row, 0, err
	}
	after, err := h.StreamSize(ctx, "CTI_REGION_CLEAR")
	if err != nil {
		return row, 0, err
	}
	messages := after.Messages - before.Messages
	if messages == 0 {
		return row, 0, errors.New("the hub wrote no message")
	}
	return row, rounds * clients * size * objectBytes / int(messages), nil
}
