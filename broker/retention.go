package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// Retention lets objects of one audience at one level leave when they are old, or
// more than fit. Without one they are kept for ever, and directory, recalls and
// orders always are. The hub takes them away itself, the oldest first, catalogue
// before stream, so that nothing is found that cannot be read; the engine's own
// limits would leave the catalogue behind.
type Retention struct {
	// Audience is a community, or the member that RED is for.
	Audience string `koanf:"audience" json:"audience"`
	TLP      string `koanf:"tlp" json:"tlp"`
	// MaxAge counts from date_added; 0 is no bound.
	MaxAge time.Duration `koanf:"max_age" json:"max_age"`
	// MaxBytes bounds the stream; 0 is no bound.
	MaxBytes int64 `koanf:"max_bytes" json:"max_bytes"`
}

// The least that a retention can ask for: a mistyped unit must not empty a hub.
const (
	leastAge   = 24 * time.Hour
	leastBytes = 1 << 20
)

func checkRetention(rows []Retention, bad func(string, ...any)) {
	seen := map[string]bool{}
	for i, r := range rows {
		at := fmt.Sprintf("retention, row %d", i+1)
		level, err := stix.ParseLevel(r.TLP)
		switch {
		case r.Audience == "":
			bad("%s: name the audience: a community, or the member that RED is for", at)
		case err != nil:
			bad("%s: tlp: %q is none of clear, green, amber, amber-strict, red", at, r.TLP)
		case seen[r.Audience+" "+level.String()]:
			bad("%s: there are two rows for %s at TLP:%s; one decides", at, r.Audience, level)
		}
		seen[r.Audience+" "+level.String()] = true
		switch {
		case r.MaxAge == 0 && r.MaxBytes == 0:
			bad("%s: set max_age or max_bytes, or leave the row out to keep everything", at)
		case r.MaxAge != 0 && r.MaxAge < leastAge:
			bad("%s: max_age: %s is under a day", at, r.MaxAge)
		case r.MaxBytes != 0 && r.MaxBytes < leastBytes:
			bad("%s: max_bytes: %d is under 1 MiB", at, r.MaxBytes)
		}
	}
}

// metadataRetained marks a stream that something left by retention, now or
// earlier: what is gone from its beginning is not missing.
const metadataRetained = "selat.retained"

func (h *Hub) markRetained(c *jetstream.StreamConfig, s policy.Stream) {
	for i := range h.cfg.Retention {
		if h.cfg.Retention[i].of(s) {
			c.Metadata[metadataRetained] = "true"
		}
	}
}

// of reports whether a row is about a stream.
func (r *Retention) of(s policy.Stream) bool {
	level, err := stix.ParseLevel(r.TLP)
	return err == nil && r.Audience == s.Audience && level == s.Level
}

// leftByRetention is how many sequences are gone from a stream's beginning by
// retention.
func (h *Hub) leftByRetention(ctx context.Context, name string) (uint64, error) {
	s, err := h.js.Stream(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("looking at stream %s: %w", name, err)
	}
	info := s.CachedInfo()
	if info.Config.Metadata[metadataRetained] == "" || info.State.FirstSeq == 0 {
		return 0, nil
	}
	return info.State.FirstSeq - 1, nil
}

// expireEvery is how often what is past its time is looked for.
const expireEvery = time.Minute

// openRetention keeps to the configured retention while the hub runs.
func (h *Hub) openRetention() error {
	if len(h.cfg.Retention) == 0 {
		return nil
	}
	h.go_(func() {
		tick := time.NewTicker(expireEvery)
		defer tick.Stop()
		for {
			if _, err := h.Expire(h.run, time.Now()); err != nil && h.run.Err() == nil {
				h.log.Error("what is past its time could not be taken away; trying again", "error", err)
			}
			select {
			case <-h.run.Done():
				return
			case <-tick.C:
			}
		}
	})
	return nil
}

// Expire takes away what the configured retention no longer keeps at a moment, and
// returns how many messages went.
func (h *Hub) Expire(ctx context.Context, now time.Time) (n int, err error) {
	var errs []error
	for _, s := range h.Region().Streams() {
		for i := range h.cfg.Retention {
			row := &h.cfg.Retention[i]
			if !row.of(s) {
				continue
			}
			gone, err := h.expireStream(ctx, h.Region().Name(s), row, now)
			if n += gone; err != nil {
				errs = append(errs, fmt.Errorf("stream of %s at TLP:%s: %w", s.Audience, s.Level, err))
			}
			if gone > 0 {
				h.log.Info("messages that the retention no longer keeps were taken away", "audience", s.Audience, "tlp", s.Level.String(), "messages", gone)
			}
		}
	}
	if n > 0 {
		errs = append(errs, h.index.Scrub(ctx))
	}
	return n, errors.Join(errs...)
}

// expireStream goes through a stream from its beginning to the first message that
// stays. One that a recall moved to the end is met again when it comes to be the
// first.
func (h *Hub) expireStream(ctx context.Context, name string, row *Retention, now time.Time) (n int, err error) {
	stream, err := h.js.Stream(ctx, name)
	if err != nil {
		return 0, err
	}
	state := stream.CachedInfo().State
	over := int64(0)
	if row.MaxBytes > 0 {
		over = int64(state.Bytes) - row.MaxBytes
	}
	for seq := state.FirstSeq; seq <= state.LastSeq && ctx.Err() == nil; {
		raw, err := stream.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(">"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		m, err := openPhysical(name, raw)
		if err != nil {
			return n, fmt.Errorf("message %d: %w", raw.Sequence, err)
		}
		old := row.MaxAge > 0 && now.Sub(time.UnixMicro(m.added)) > row.MaxAge
		if !old && over <= 0 {
			return n, nil
		}
		w := h.writers.of(name)
		if err := w.alone(ctx, func(ctx context.Context) error { return w.expire(ctx, stream, raw.Sequence) }); err != nil {
			return n, fmt.Errorf("message %d: %w", raw.Sequence, err)
		}
		over -= int64(len(raw.Subject) + len(raw.Data))
		seq, n = raw.Sequence+1, n+1
	}
	return n, ctx.Err()
}

// openPhysical takes a message apart that is named by the sequence it has now.
func openPhysical(stream string, raw *jetstream.RawStreamMsg) (*storedMessage, error) {
	at := messageAt{stream, raw.Sequence}
	if moved := raw.Header.Get(api.HeaderSequence); moved != "" {
		var err error
		if at.Seq, err = strconv.ParseUint(moved, 10, 64); err != nil {
			return nil, fmt.Errorf("%s: %w", api.HeaderSequence, err)
		}
	}
	return openStored(at, raw)
}

// expire takes one message away. Nothing is in flight on its stream.
func (w *writer) expire(ctx context.Context, stream jetstream.Stream, seq uint64) error {
	raw, err := stream.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil // a recall was here first
	}
	if err != nil {
		return err
	}
	m, err := openPhysical(w.stream, raw)
	if err != nil {
		return err
	}
	e := catalog.Erasure{Stream: w.stream, Seq: m.first()}
	now := messageAt{w.stream, seq}
	if w.h.index.At(w.stream, e.Seq) == seq {
		for i := range m.objects {
			e.Erased = append(e.Erased, m.record(&e, i, m.offsets[i]))
		}
		if err := w.forget(now, e); err != nil {
			return err
		}
	}
	err = stream.DeleteMsg(ctx, seq)
	w.h.messages.forget(now)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	return err
}

// first is the sequence that a message had first.
func (m *storedMessage) first() uint64 {
	if moved, err := strconv.ParseUint(m.raw.Header.Get(api.HeaderSequence), 10, 64); err == nil {
		return moved
	}
	return m.raw.Sequence
}
