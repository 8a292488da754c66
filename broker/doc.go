// Package broker is the hub: an embedded NATS JetStream engine with the rules
// of sharing compiled into its accounts, streams and consumers.
//
// # What it promises
//
// Nobody receives what TLP does not allow them. Reading is holding a durable
// consumer on a stream of one audience and one level; the hub alone makes
// durables, and only for seats that broker/policy entitles. A seat's account
// reaches a few subjects of the hub (accounts.go) and nothing else.
//
// Acknowledged means durable. A receipt says "accepted" only after the engine
// has written and fsynced the object. After kill -9 at any moment every
// accepted object is there, and a retry of a submission whose answer was lost
// is recognised.
//
// What is recalled is gone: when the recall is answered nobody receives the object
// any more, its bytes are in no file of the hub, and whoever may have received it
// is told to forget it.
//
// Bytes are sacred. A stored message is a STIX bundle into which the
// submitted bytes of each object are spliced unchanged.
//
// # Where things are
//
//	hub.go            start, stop; recover.go, storemeta.go, storekeys.go, catchup.go what a kill left
//	config.go         everything an operator can set
//	engine.go         the embedded server; accounts.go and keys.go its identities
//	directory.go      members, seats, communities; admin.go the acts that change them
//	enrol.go          invitations of seats, and who redeems them (broker/invite)
//	streams.go        one stream for each audience and level
//	durables.go       who holds a consumer, kept equal to what policy says
//	pipeline.go       the stages from decode to screen; mark.go and authorize.go two of them
//	ledger.go         what is new: one hash and one level for each version, and
//	                  only versions that may follow those known; contradiction.go why not,
//	                  as far as a seat may know
//	commit.go         group commit, one writer for each stream; message.go, send.go, mend.go
//	receipt.go        what became of each object
//	recall.go         forgetting an object, in order: recalls.go what was ordered,
//	                  recall_tell.go who is told, recall_erase.go how bytes leave;
//	                  narrow.go what a stricter version takes away
//	services.go       what a seat can ask; intake.go and rates.go how much
//	lead.go           of several nodes one decides; office.go how it comes to, and ends;
//	                  fence.go why an earlier one cannot
//	                  any more; grants.go when the others may read to people, follow.go
//	                  and tail.go how they keep up; nodes.go what nodes ask each other
//	examine.go        what a running hub finds wrong with itself; drill.go exercises
//	observe.go        what metrics and health read
//
// What does not live here: the rules themselves (broker/policy), the index
// (broker/catalog), STIX (stix), and anything that carries objects to other
// systems (feeds).
package broker
