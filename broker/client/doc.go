// Package client is a seat's side of a Selat hub: it publishes STIX objects
// and receives them. A credentials file written by the hub is all it needs.
//
// # What it promises
//
// Publishing. An object whose line says accepted or duplicate is on the hub's
// disk. Submit and Publish send the same bytes again until the hub has
// answered, and the hub recognises what it already stored; so nothing is
// stored twice, and after any failure the whole input can be published again.
// The bytes of an object are never changed.
//
// Receiving. Every object the seat may read is given to the handler at least
// once: it is acknowledged only after the handler returned nil and that was
// recorded. With a state folder (SubscribeOptions.StateDir) it is given once,
// over restarts of this process, of the hub, and of both: a redelivery is
// recognised by the object's origin, id, version and hash.
//
// # What it does not promise
//
// A process that is killed while the handler has an object in hand has that
// object again, and then Delivery.Redelivered is true; so may a few others be
// that came with it and had not been handled. A machine that loses power
// may repeat what was handled in its last milliseconds, without that mark. A
// handler that must not act twice makes its act depend on the object's key.
//
// Without a state folder only what is in memory is recognised: the last
// 262,144 objects, until the process ends.
//
// Order holds within a stream, one audience at one level, and not across
// streams; and what comes again comes late. To know which of two versions of
// an object is newer, compare their modified (STIX 2.1 §3.6).
//
// Several processes on one seat share its objects among them: each object goes
// to one of them. Give each process that shall see everything a seat of its
// own.
//
// # Where things are
//
//	credentials.go   the file; connect.go and link.go the connection
//	ask.go           questions to the hub; submit.go one submission
//	publish.go       inputs of any size: read.go, supports.go, cut.go, outcomes.go
//	subscribe.go     following the streams; reader.go one of them; recorder.go
//	                 records and acknowledges; start.go where to begin
//	recall.go        orders to forget: orders.go remembers them, covers.go is their rule
//	seen.go          what was handled: on disk, with journal.go, or in memory
//
// What does not live here: the wire protocol (broker/api), STIX (stix), and
// what other systems' formats look like (feeds).
package client
