package broker

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// overtaken estimates when retention removes the first message of a stream that a
// reader has not acknowledged. It is zero when the stream keeps everything, or the
// reader has all.
//
// When the message was stored is not looked up: the engine tells only when the first
// and the last were, and between these messages count as evenly spread. Of a reader
// that filters, messages that are not for it count too, so that the estimate is early.
func overtaken(info *jetstream.StreamInfo, c *jetstream.ConsumerInfo, now time.Time) time.Time {
	st, cfg := &info.State, &info.Config
	if st.Msgs == 0 || c.NumPending == 0 && c.NumAckPending == 0 {
		return time.Time{}
	}
	next := min(max(c.AckFloor.Stream+1, st.FirstSeq), st.LastSeq)
	var first time.Time
	limit := func(at time.Time) {
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	if cfg.MaxAge > 0 {
		limit(st.FirstTime.Add(spread(st.LastTime.Sub(st.FirstTime), next-st.FirstSeq, st.LastSeq-st.FirstSeq)).Add(cfg.MaxAge))
	}
	if cfg.Discard != jetstream.DiscardOld {
		return first // a full stream refuses what is new instead
	}
	// How many more messages push this one out, and how long those take to come.
	after := func(room int64) {
		limit(now.Add(spread(now.Sub(st.FirstTime), uint64(max(0, room))+next-st.FirstSeq, st.LastSeq-st.FirstSeq+1)))
	}
	if cfg.MaxMsgs > 0 {
		after(cfg.MaxMsgs - int64(st.Msgs))
	}
	if cfg.MaxBytes > 0 && st.Bytes > 0 {
		after((cfg.MaxBytes - int64(st.Bytes)) / max(1, int64(st.Bytes/st.Msgs)))
	}
	return first
}

// spread is the part n of all of a time, without overflow: beyond a century is a
// century.
func spread(d time.Duration, n, all uint64) time.Duration {
	const century = 100 * 365 * 24 * time.Hour
	if all == 0 {
		return 0
	}
	if part := float64(d) * float64(n) / float64(all); part < float64(century) {
		return time.Duration(max(0, part))
	}
	return century
}
