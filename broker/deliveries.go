package broker

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// deliveries measures the time from storing a message to handing it to a seat.
// The engine samples acknowledgements (durableConfig) and tells how long each
// was out; when it was stored is remembered here for the newest messages.
type deliveries struct {
	h *Hub

	mu      sync.Mutex
	streams map[string]*[recent]storedAt
}

// recent is how many of a stream's newest messages are remembered; a sample of
// an older one says nothing about live delivery and is passed over.
const recent = 1024

type storedAt struct {
	seq uint64
	at  time.Time
}

func newDeliveries(h *Hub) *deliveries {
	return &deliveries{h: h, streams: map[string]*[recent]storedAt{}}
}

func (d *deliveries) open() error {
	if _, err := d.h.conn.Subscribe("$JS.EVENT.METRIC.CONSUMER.ACK.>", d.sample); err != nil {
		return fmt.Errorf("subscribing to delivery samples: %w", err)
	}
	return nil
}

// stored notes when a stream's newest message was on disk.
func (d *deliveries) stored(stream string, seq uint64, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ring := d.streams[stream]
	if ring == nil {
		ring = &[recent]storedAt{}
		d.streams[stream] = ring
	}
	ring[seq%recent] = storedAt{seq, at}
}

func (d *deliveries) sample(m *nats.Msg) {
	var ack struct {
		Stream     string    `json:"stream"`
		StreamSeq  uint64    `json:"stream_seq"`
		Delay      int64     `json:"ack_time"` // nanoseconds from delivery to ack
		Deliveries uint64    `json:"deliveries"`
		Time       time.Time `json:"timestamp"`
	}
	if err := json.Unmarshal(m.Data, &ack); err != nil || ack.Deliveries != 1 {
		return
	}
	d.mu.Lock()
	ring := d.streams[ack.Stream]
	var s storedAt
	if ring != nil {
		s = ring[ack.StreamSeq%recent]
	}
	d.mu.Unlock()
	if s.seq != ack.StreamSeq {
		return
	}
	delivered := ack.Time.Add(-time.Duration(ack.Delay))
	d.h.Metrics.DeliverySeconds.Observe(max(0, delivered.Sub(s.at).Seconds()))
}
