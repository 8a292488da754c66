// Package broker is the hub: an embedded NATS JetStream engine with the rules
// of sharing compiled into its accounts, streams and consumers.
//
// # What it promises
//
// Nobody receives what TLP does not allow them. Reading is holding a durable
// consumer on a stream of one audience and one level; the hub alone makes
// durables, and only for seats that broker/policy entitles. A seat's account
// reaches four subjects of the hub (accounts.go) and nothing else.
//
// Acknowledged means durable. A receipt says "accepted" only after the engine
// has written and fsynced the object. After kill -9 at any moment every
// accepted object is there, and a retry of a submission whose answer was lost
// is recognised.
//
// Bytes are sacred. A stored message is a STIX bundle into which the
// submitted bytes of each object are spliced unchanged.
//
// # Where things are
//
//	hub.go            start, recover, stop
//	config.go         everything an operator can set
//	engine.go         the embedded server; accounts.go and keys.go its identities
//	directory.go      members, seats, communities; admin.go the acts that change them
//	streams.go        one stream for each audience and level
//	durables.go       who holds a consumer, kept equal to what policy says
//	pipeline.go       decode, validate, mark, authorize, screen, deduplicate, store, receipt
//	commit.go         group commit, one writer for each stream
//	services.go       what a seat can ask
//
// What does not live here: the rules themselves (broker/policy), the index
// (broker/catalog), STIX (stix), and anything that carries objects to other
// systems (feeds).
package broker
