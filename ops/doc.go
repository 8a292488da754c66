// Package ops is how a hub is watched: one HTTP listener with its health and
// its metrics.
//
//	/livez     200 while the process can answer
//	/readyz    200 while submissions are taken, else 503 and why
//	/metrics   Prometheus and OpenMetrics
//
// # What it promises
//
// Unknown is absent: a number that cannot be read is left out, never told as
// zero, and selat_observation_failures_total counts it.
//
// Nothing tells who received RED: its audience is "red", all its inboxes are
// one line, and no seat's numbers include it. A private community bears its
// token.
//
// The listener cannot be used up by clients that connect and say nothing or
// little: when it is full, the oldest of those gives way.
//
// # Where things are
//
//	server.go       listen, serve, close
//	connections.go  how many may be open, and who gives way
//	access.go       who may read /metrics
//	handler.go      paths and denials; health.go the two answers about health
//	table.go        how numbers become metrics; observed.go how they are read
//	seats.go, streams.go, cluster.go, engine.go, expiry.go, recovery.go, index.go,
//	recalls.go, build.go
//	                one collector each
//	metrics.md      every metric there is
//	prometheus/     alarms, their tests, settings; runbooks/ what to do when one fires
//	grafana/        dashboards
//
// The hub's own counters live in package broker, beside what they count.
package ops

//go:generate go test . -run TestStation -update
