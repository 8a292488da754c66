package ops

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/selat-hub/selat/broker"
)

var seatLabels = []string{"seat", "member"}

// newLags tells how far behind each seat is on all it reads but RED, and all
// seats together on RED. A seat that never asked for its streams has no lag.
func newLags(o *observer, h *broker.Hub) []prometheus.Collector {
	lags := observe(o, "lags", h.Lags)
	type lag = broker.SeatLag
	seats := newTable(
		func() ([]lag, bool) { l, known := lags.get(); return l.Seats, known },
		seatLabels, func(s lag) []string { return []string{s.Seat, s.Member} },
		moment("selat_seat_last_delivery_timestamp_seconds", "When a message was last delivered to the seat, RED left out; absent until one is, after each start of the hub.", func(s lag) time.Time { return s.LastDelivery }),
		moment("selat_seat_last_ack_timestamp_seconds", "When the seat last acknowledged in order, RED left out; absent until it does, after each start of the hub.", func(s lag) time.Time { return s.LastAck }),
		gauge("selat_seat_pending_messages", "Messages not delivered to the seat yet, RED left out.", func(s lag) float64 { return float64(s.Pending) }),
		gauge("selat_seat_ack_pending_messages", "Messages delivered to the seat and not acknowledged, RED left out.", func(s lag) float64 { return float64(s.AckPending) }),
		moment("selat_seat_retention_overtake_timestamp_seconds", "When retention is expected to remove a message the seat has not acknowledged, RED left out; absent while it will not.", func(s lag) time.Time { return s.Overtaken }),
		gauge("selat_seat_redelivered_messages", "Messages delivered more than once and not acknowledged, RED left out.", func(s lag) float64 { return float64(s.Redelivered) }),
	)
	red := newRow(
		func() (broker.Lag, bool) { l, known := lags.get(); return l.Red, known && l.Red.Durables > 0 },
		gauge("selat_red_pending_messages", "RED messages not delivered yet, over all seats.", func(l broker.Lag) float64 { return float64(l.Pending) }),
		gauge("selat_red_ack_pending_messages", "RED messages delivered and not acknowledged, over all seats.", func(l broker.Lag) float64 { return float64(l.AckPending) }),
		gauge("selat_red_redelivered_messages", "RED messages delivered more than once and not acknowledged, over all seats.", func(l broker.Lag) float64 { return float64(l.Redelivered) }),
	)
	return []prometheus.Collector{seats, red}
}

// newConnected tells which seats are connected.
func newConnected(o *observer, h *broker.Hub) prometheus.Collector {
	type conn = broker.SeatConnection
	conns := observe(o, "connections", func(context.Context) ([]conn, error) { return h.SeatConnections() })
	return newTable(conns.get, seatLabels, func(c conn) []string { return []string{c.Seat, c.Member} },
		gauge("selat_seat_connected", "1 while the seat has a connection, else 0; revoked seats are left out.", func(c conn) float64 { return truth(c.Connected) }),
	)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
