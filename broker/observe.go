package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// What a monitor may know of a hub, read from the engine when asked. The
// inboxes of RED are summed before anything leaves here: neither a name, nor
// how many lines there are, nor a number that moves beside a seat tells who
// received RED.

// redStream and redAudience stand for all RED inboxes together.
const (
	redStream   = "CTI_red"
	redAudience = "red"
)

// StreamStats is the state of one stream, or of all RED inboxes together: then
// every number is a sum.
type StreamStats struct {
	// Name is the stream's, or CTI_red.
	Name string
	// Audience is a community's token, which for a private community is not
	// its name; or "red".
	Audience  string
	Level     stix.Level
	Messages  uint64
	Bytes     uint64
	FirstSeq  uint64
	LastSeq   uint64
	Consumers int
}

// Lag is how far behind a reader is. Messages are counted, each holding one
// object or many.
type Lag struct {
	// LastDelivery and LastAck are zero while the engine knows of none; it
	// forgets them when the hub restarts.
	LastDelivery, LastAck time.Time
	// Pending messages were not delivered yet, AckPending delivered and not
	// acknowledged, Redelivered among these more than once.
	Pending     uint64
	AckPending  int
	Redelivered int
	// Durables is how many consumers the numbers are summed over; with none,
	// there is no lag to tell.
	Durables int
	// Overtaken is when retention is expected to remove something that was not
	// acknowledged, on the stream where that is first; zero while it will not.
	Overtaken time.Time
}

// SeatLag is the lag of a seat over all it reads, RED left out.
type SeatLag struct {
	Seat, Member string
	Lag
}

// Lags holds the lag of every seat that has a durable below RED, and that of
// all seats together on RED. Were RED counted with each seat, a number rising
// would name the recipient.
type Lags struct {
	Seats []SeatLag
	Red   Lag
}

func (l *Lag) add(s *jetstream.StreamInfo, c *jetstream.ConsumerInfo, now time.Time) {
	if at := overtaken(s, c, now); !at.IsZero() && (l.Overtaken.IsZero() || at.Before(l.Overtaken)) {
		l.Overtaken = at
	}
	l.Durables++
	l.Pending += c.NumPending
	l.AckPending += c.NumAckPending
	l.Redelivered += c.NumRedelivered
	later(&l.LastDelivery, c.Delivered.Last)
	later(&l.LastAck, c.AckFloor.Last)
}

func later(t *time.Time, u *time.Time) {
	if u != nil && u.After(*t) {
		*t = *u
	}
}

// StreamStats tells the state of every stream that carries objects, those of
// former members and communities included. The RED inboxes are one entry.
func (h *Hub) StreamStats(ctx context.Context) ([]StreamStats, error) {
	red := StreamStats{Name: redStream, Audience: redAudience, Level: stix.Red}
	var out []StreamStats
	err := h.eachStream(ctx, func(info *jetstream.StreamInfo, level stix.Level) {
		st := info.State
		if level == stix.Red {
			red.Messages += st.Msgs
			red.Bytes += st.Bytes
			red.FirstSeq += st.FirstSeq
			red.LastSeq += st.LastSeq
			red.Consumers += st.Consumers
			return
		}
		out = append(out, StreamStats{
			Name: info.Config.Name, Audience: info.Config.Metadata["selat.audience"], Level: level,
			Messages: st.Msgs, Bytes: st.Bytes, FirstSeq: st.FirstSeq, LastSeq: st.LastSeq, Consumers: st.Consumers,
		})
	})
	if err != nil {
		return nil, err
	}
	return append(out, red), nil
}

// eachStream calls f for each stream that carries objects. One whose level
// cannot be read counts as RED, so that its name shows nowhere.
func (h *Hub) eachStream(ctx context.Context, f func(*jetstream.StreamInfo, stix.Level)) error {
	streams := h.js.ListStreams(ctx)
	for info := range streams.Info() {
		if !isObjects(info.Config.Name) {
			continue
		}
		f(info, streamLevel(info.Config.Metadata))
	}
	if err := streams.Err(); err != nil {
		return fmt.Errorf("listing the streams: %w", err)
	}
	return nil
}

func streamLevel(metadata map[string]string) stix.Level {
	level, err := stix.ParseLevel(metadata["selat.tlp"])
	if err != nil || metadata["selat.audience"] == "" {
		return stix.Red
	}
	return level
}

// Lags tells how far behind each seat is. Either all durables were looked at,
// or there is an error: a sum over some would be wrong, not approximate.
func (h *Hub) Lags(ctx context.Context) (Lags, error) {
	var out Lags
	type source struct {
		info  *jetstream.StreamInfo
		level stix.Level
	}
	var sources []source
	err := h.eachStream(ctx, func(info *jetstream.StreamInfo, level stix.Level) {
		if info.State.Consumers > 0 {
			sources = append(sources, source{info, level})
		}
	})
	if err != nil {
		return out, err
	}
	r := h.Region()
	now := time.Now()
	seats := map[*policy.Seat]*SeatLag{}
	for _, s := range sources {
		err := h.eachConsumer(ctx, s.info.Config.Name, func(c *jetstream.ConsumerInfo) {
			seat := r.SeatByAccount(c.Name)
			switch {
			case seat == nil: // a reader of the hub's own
			case s.level == stix.Red:
				out.Red.add(s.info, c, now)
			default:
				l := seats[seat]
				if l == nil {
					l = &SeatLag{Seat: seat.Name, Member: seat.Member}
					seats[seat] = l
				}
				l.add(s.info, c, now)
			}
		})
		if err != nil {
			return Lags{}, err
		}
	}
	for _, l := range seats {
		out.Seats = append(out.Seats, *l)
	}
	return out, nil
}

func (h *Hub) eachConsumer(ctx context.Context, stream string, f func(*jetstream.ConsumerInfo)) error {
	s, err := h.js.Stream(ctx, stream)
	if err != nil {
		return fmt.Errorf("looking at stream %s: %w", stream, err)
	}
	consumers := s.ListConsumers(ctx)
	for info := range consumers.Info() {
		f(info)
	}
	if err := consumers.Err(); err != nil {
		return fmt.Errorf("listing the durables of %s: %w", stream, err)
	}
	return nil
}

// SeatConnection says whether a seat has at least one connection.
type SeatConnection struct {
	Seat, Member string
	Connected    bool
}

// SeatConnections tells it of every seat that is not revoked.
func (h *Hub) SeatConnections() ([]SeatConnection, error) {
	accounts, err := h.engine.AccountStatz(nil) // nil: those with connections
	if err != nil {
		return nil, fmt.Errorf("looking at the engine's accounts: %w", err)
	}
	conns := map[string]int{}
	for _, a := range accounts.Accounts {
		conns[a.Account] = a.Conns
	}
	var out []SeatConnection
	for _, s := range h.Region().Seats {
		if !s.Revoked {
			out = append(out, SeatConnection{s.Name, s.Member, conns[s.Account] > 0})
		}
	}
	return out, nil
}

// EngineStats is the embedded engine's own account of itself.
type EngineStats struct {
	// Connections and Subscriptions include the hub's own.
	Connections   int
	Subscriptions uint32
	// SlowConsumers counts connections dropped since the start because they
	// did not read.
	SlowConsumers                               int64
	InMessages, OutMessages, InBytes, OutBytes  int64
	StoreBytes, MemoryBytes, Requests, Failures uint64 // of JetStream
}

// EngineStats asks the engine. It fails when the store is closed.
func (h *Hub) EngineStats() (EngineStats, error) {
	v, err := h.engine.Varz(nil)
	if err != nil {
		return EngineStats{}, fmt.Errorf("asking the engine for its state: %w", err)
	}
	js := v.JetStream.Stats
	if js == nil {
		return EngineStats{}, errors.New("asking the engine for its state: the store is closed")
	}
	return EngineStats{
		Connections: v.Connections, Subscriptions: v.Subscriptions, SlowConsumers: v.SlowConsumers,
		InMessages: v.InMsgs, OutMessages: v.OutMsgs, InBytes: v.InBytes, OutBytes: v.OutBytes,
		StoreBytes: js.Store, MemoryBytes: js.Memory, Requests: js.API.Total, Failures: js.API.Errors,
	}, nil
}

// EngineVersion is the version of the embedded nats-server.
func EngineVersion() string { return server.VERSION }

// Disk tells the bytes free on the store's disk now, and how many must stay
// free for submissions to be taken.
func (h *Hub) Disk() (free, reserve uint64, err error) {
	free, err = freeBytes(h.cfg.Data)
	return free, uint64(max(0, h.cfg.Store.ReserveBytes)), err
}

// IndexMetrics is the state of the hub's index; an error while the hub is
// closed.
func (h *Hub) IndexMetrics() (catalog.Metrics, error) {
	if !h.ready.Load() {
		return catalog.Metrics{}, errors.New("looking at the index: the hub is closed")
	}
	return h.index.Metrics(), nil
}

// Check is one of the things that must hold for the hub to be ready.
type Check struct {
	Name string // open, store, engine, cluster, index, entitlements, recalls, disk
	Err  error
}

// Checks looks at each of the things that must hold, in that order.
func (h *Hub) Checks() []Check {
	return []Check{
		{"open", when(!h.ready.Load(), "starting or stopping")},
		{"store", errors.Join(
			when(!h.engine.JetStreamEnabled(), "the store is closed; see the log, then restart the hub"),
			when(h.broken.Load(), "the store failed to write and takes nothing more; see the log, mend the disk, then restart the hub"))},
		{"engine", when(!h.conn.IsConnected(), "not connected to the engine")},
		{"cluster", h.mayServe()},
		{"index", h.indexError()},
		{"entitlements", when(h.unjust.Load(), "a change of the directory is not yet in force everywhere; the hub keeps trying, and its log says why")},
		{"recalls", h.recallsError()},
		{"disk", h.diskError()},
	}
}

func (h *Hub) indexError() error {
	if !h.ready.Load() {
		return nil // told by "open"; the index may be closed
	}
	if _, _, err := h.index.Position(directoryBucket); err != nil {
		return fmt.Errorf("%w: restart the hub, which builds it again", err)
	}
	return nil
}

func (h *Hub) recallsError() error {
	if !h.leading() {
		return nil // the node that leads tells
	}
	return h.recalls.check()
}

func when(bad bool, why string) error {
	if bad {
		return errors.New(why)
	}
	return nil
}

// restoreTimeout bounds what a start spends on a metric.
const restoreTimeout = 20 * time.Second

// restoreLastPublished sets, at a start, when each member last published, from
// the newest message of each of its subjects. It runs before submissions are
// taken. What it cannot read stays unknown.
func (h *Hub) restoreLastPublished(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, restoreTimeout)
	defer cancel()
	newest := map[string]time.Time{}
	var streams []jetstream.StreamConfig
	err := h.eachStream(ctx, func(info *jetstream.StreamInfo, _ stix.Level) {
		if info.State.Msgs > 0 {
			streams = append(streams, info.Config)
		}
	})
	for _, s := range streams {
		if err != nil {
			break
		}
		err = h.lastPublishedOn(ctx, s.Name, slices.DeleteFunc(s.Subjects, isFence), newest)
	}
	if err != nil {
		h.log.Warn("when members last published could not be read; the metric stays absent until they publish", "error", err)
		return
	}
	r := h.Region()
	for origin, at := range newest {
		if r.Members[origin] != nil {
			h.Metrics.lastPublished.WithLabelValues(origin).Set(float64(at.UnixMilli()) / 1000)
		}
	}
}

// lastPublishedOn reads the headers of the last message of each subject, of
// which there is one for each origin and type.
func (h *Hub) lastPublishedOn(ctx context.Context, stream string, subjects []string, newest map[string]time.Time) (err error) {
	c, err := h.js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, FilterSubjects: subjects,
		HeadersOnly: true, MemoryStorage: true, InactiveThreshold: time.Minute,
	})
	if err != nil {
		return fmt.Errorf("looking for the last publications on %s: %w", stream, err)
	}
	defer func() {
		err = errors.Join(err, h.deleteDurable(ctx, stream, c.CachedInfo().Name))
	}()
	for {
		batch, err := c.FetchNoWait(catchUpBatch)
		if err != nil {
			return fmt.Errorf("looking for the last publications on %s: %w", stream, err)
		}
		n := 0
		for m := range batch.Messages() {
			n++
			meta, err := m.Metadata()
			if err != nil {
				return fmt.Errorf("looking for the last publications on %s: %w", stream, err)
			}
			// cti.<audience>.<tlp>.<origin>.<type>
			if t := strings.Split(m.Subject(), "."); len(t) == 5 && meta.Timestamp.After(newest[t[3]]) {
				newest[t[3]] = meta.Timestamp
			}
		}
		if err := batch.Error(); err != nil {
			return fmt.Errorf("looking for the last publications on %s: %w", stream, err)
		}
		if n == 0 {
			return nil
		}
	}
}
