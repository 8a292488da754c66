package ops

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/selat-hub/selat/broker"
)

var streamLabels = []string{"stream", "audience", "tlp"}

// newStreams tells the state of each stream. The RED inboxes are one of them,
// CTI_red, whose numbers are sums; a private community bears its token.
func newStreams(o *observer, h *broker.Hub) prometheus.Collector {
	type stream = broker.StreamStats
	streams := observe(o, "streams", h.StreamStats)
	return newTable(streams.get,
		streamLabels, func(s stream) []string { return []string{s.Name, s.Audience, s.Level.String()} },
		gauge("selat_stream_messages", "Messages in the stream; RED inboxes are one stream.", func(s stream) float64 { return float64(s.Messages) }),
		gauge("selat_stream_bytes", "Bytes of the stream's messages.", func(s stream) float64 { return float64(s.Bytes) }),
		gauge("selat_stream_first_sequence", "Sequence of the stream's first message; for RED the sum over its inboxes.", func(s stream) float64 { return float64(s.FirstSeq) }),
		gauge("selat_stream_last_sequence", "Sequence of the stream's last message; for RED the sum over its inboxes.", func(s stream) float64 { return float64(s.LastSeq) }),
		gauge("selat_stream_consumers", "Durables on the stream.", func(s stream) float64 { return float64(s.Consumers) }),
	)
}
