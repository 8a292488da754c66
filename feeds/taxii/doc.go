// Package taxii is the hub's TAXII 2.1 server (OASIS Standard, 10 June 2021).
//
// A collection is what policy says a caller has: one audience at one level, the
// inbox of what names its member, what its member published, or everything it
// may read. The package decides nothing about who may have what. It asks the hub
// for the caller's collections with each request, picks one by its id, and hands
// the hub the choice; what the caller may not see it never learns of, and so
// cannot tell.
//
// It promises that
//
//   - nothing is told before it is known who asks, not even which paths exist;
//   - a collection, an object or a status that the caller may not see is
//     answered like one that does not exist, whatever the method;
//   - objects are handed out byte for byte as they were published, and taken in
//     as they came;
//   - a page is in the order of date_added, which no two objects share, so that
//     neither next nor added_after ever skips an object;
//   - every answer of 400 and above carries an error resource that says what to
//     do.
//
// Where the standard leaves a choice: a query parameter that an endpoint does
// not have is an error, because a filter that is passed over gives a wrong
// answer. manifest and versions have a next like the others (erratum
// oasis-tcs/cti-taxii2#110). Nothing is deleted over TAXII.
//
//   - server.go, places.go (and broker/web): the listener and its bounds
//   - handler.go, caller.go, route.go, rates.go: what every request passes
//   - beside.go: other services on the listener, which pass the same
//   - negotiate.go, encoding.go, query.go, next.go, envelope.go, body.go: reading
//     and writing the forms of the protocol
//   - discovery.go, collections.go, names.go, read.go, page.go, submit.go,
//     status.go, delete.go: the resources
//   - answer.go, problem.go, metrics.go: how it is told, and what went wrong
package taxii
