package broker

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// StreamSettings is what is not negotiable about a stream: file storage, every
// write synced (StoreSettings), no purge, no rollup, no header that could
// delete, delay or expire a message. Deleting single messages stays possible
// because a recall needs it, and the setting could never be undone.
func StreamSettings(name, subject string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:               name,
		Subjects:           []string{subject},
		Storage:            jetstream.FileStorage,
		Compression:        jetstream.S2Compression,
		Retention:          jetstream.LimitsPolicy,
		Discard:            jetstream.DiscardNew,
		MaxConsumers:       -1,
		Replicas:           1,
		Duplicates:         time.Hour,
		AllowDirect:        true,
		AllowAtomicPublish: true,
		DenyPurge:          true,
		DenyDelete:         false,
		AllowRollup:        false,
		AllowMsgTTL:        false,
	}
}

func (h *Hub) streamConfig(r *policy.Region, s policy.Stream) jetstream.StreamConfig {
	c := StreamSettings(r.Name(s), r.Subject(s, "*", "*"))
	if h.cfg.Clustered() {
		c.Subjects = append(c.Subjects, fenceSubject(c.Name))
	}
	h.replicated(&c)
	c.Duplicates = h.cfg.Store.DedupeWindow
	c.Description = fmt.Sprintf("TLP:%s for %s", s.Level, s.Audience)
	if com := r.Communities[s.Audience]; com != nil && com.Private {
		c.Description = "a private community" // seats that guess the name learn nothing
	}
	c.Metadata = map[string]string{"selat.audience": h.metadataAudience(r, s), "selat.tlp": s.Level.String()}
	h.markRetained(&c, s)
	return c
}

// replicated sets on how many nodes a stream is. Where that is more than one it is not
// compressed: after a kill the engine (nats-server 2.15.2) cuts a copy back to what its
// log repeats, and in doing so may take up a block that it has compressed as the one to
// write to. What it then appends is not compressed, and the block cannot be read again.
func (h *Hub) replicated(c *jetstream.StreamConfig) {
	c.Replicas = h.cfg.replicas()
	if h.cfg.Clustered() {
		c.Compression = jetstream.NoCompression
	}
}

func (h *Hub) metadataAudience(r *policy.Region, s policy.Stream) string {
	if c := r.Communities[s.Audience]; c != nil {
		return c.Token
	}
	return s.Audience
}

// ensureStreams makes the streams the directory needs and puts back any
// setting that is not negotiable.
func (h *Hub) ensureStreams(ctx context.Context) error {
	return h.ensureStreamsOf(ctx, h.Region())
}

func (h *Hub) ensureStreamsOf(ctx context.Context, r *policy.Region) error {
	for _, s := range r.Streams() {
		name := r.Name(s)
		if _, done := h.streamsMade.Load(name); done {
			continue
		}
		if err := h.ensureStream(ctx, h.streamConfig(r, s)); err != nil {
			return fmt.Errorf("making stream %s: %w", name, err)
		}
		h.streamsMade.Store(name, s)
	}
	return h.ensureControlsOf(ctx, r)
}

// ensureStream makes a stream, or puts back a setting that differs. One that is
// as it should be is left alone: each update rewrites its settings on disk.
func (h *Hub) ensureStream(ctx context.Context, want jetstream.StreamConfig) error {
	s, err := h.js.Stream(ctx, want.Name)
	if err != nil && !missing(err) {
		return err
	}
	if err == nil && s.CachedInfo().Config.Metadata[metadataRetained] != "" && want.Metadata != nil {
		want.Metadata[metadataRetained] = "true"
	}
	if err == nil && sameSettings(s.CachedInfo().Config, want) {
		return nil
	}
	_, err = h.js.CreateOrUpdateStream(ctx, want)
	return err
}

// sameSettings compares what StreamSettings and streamConfig set; the engine
// fills in the rest, and adds metadata of its own.
func sameSettings(have, want jetstream.StreamConfig) bool {
	for k, v := range want.Metadata {
		if have.Metadata[k] != v {
			return false
		}
	}
	return have.Description == want.Description && slices.Equal(have.Subjects, want.Subjects) &&
		have.Storage == want.Storage && have.Compression == want.Compression && have.Retention == want.Retention &&
		have.Discard == want.Discard && have.MaxConsumers == want.MaxConsumers && have.Replicas == want.Replicas &&
		have.Duplicates == want.Duplicates && have.AllowDirect == want.AllowDirect && have.AllowAtomicPublish == want.AllowAtomicPublish &&
		have.DenyPurge == want.DenyPurge && have.DenyDelete == want.DenyDelete && have.AllowRollup == want.AllowRollup &&
		have.AllowMsgTTL == want.AllowMsgTTL && have.AllowMsgSchedules == want.AllowMsgSchedules && have.AllowMsgCounter == want.AllowMsgCounter &&
		have.MaxMsgs <= 0 && have.MaxBytes <= 0 && have.MaxAge == 0 && have.MaxMsgsPerSubject <= 0 && have.MaxMsgSize <= 0 &&
		!have.NoAck && !have.Sealed && have.RePublish == nil && have.Mirror == nil && len(have.Sources) == 0 && have.SubjectTransform == nil
}

// durableConfig is the durable a seat holds on a stream. Its name is the seat's
// account key: the exports let no other account speak of it. fenced streams have
// messages of the hub itself, which are for nobody.
func durableConfig(r *policy.Region, seat *policy.Seat, s policy.Stream, a policy.Access, fenced bool) jetstream.ConsumerConfig {
	c := jetstream.ConsumerConfig{
		Durable:       seat.Account,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       30 * time.Second,
		MaxDeliver:    -1,
		MaxAckPending: 1000,
		MaxWaiting:    128,
		DeliverPolicy: jetstream.DeliverAllPolicy,
		ReplayPolicy:  jetstream.ReplayInstantPolicy,
		// One delivery in ten tells how long it took from receipt to ack.
		SampleFrequency: "10%",
	}
	if s.Level >= stix.Amber {
		// By sequence even from 1, so that the engine itself refuses a reset
		// below the start position.
		c.DeliverPolicy, c.OptStartSeq = jetstream.DeliverByStartSequencePolicy, a.From
	}
	if fenced || seat.FilterType != "" || seat.FilterOrigin != "" {
		c.FilterSubject = r.Subject(s, orStar(seat.FilterOrigin), orStar(seat.FilterType))
	}
	return c
}

func orStar(s string) string {
	if s == "" {
		return "*"
	}
	return s
}
