// Package client speaks TAXII 2.1 to any server, with no trust in how well the
// server does: it discovers what there is, receives the objects of collections
// and adds objects to them.
//
// # What it promises
//
// The bytes of an object are handed on as the server sent them, and sent as
// they were given.
//
// Receiving. Poll hands each page to a function and records where it stands
// after that function returned nil. So an interrupted Poll goes on where it
// stopped and loses nothing; what was in hand at that moment comes again. A
// server may forget a "next", repeat objects on consecutive pages, give none of
// the optional headers, be overloaded or cut off in the middle of a page: none
// of that loses an object. What a server does that makes going on impossible,
// or endless, ends in an error that says so.
//
// Where a server gives no "next", TAXII 2.1 §5.4 goes on with what was added
// after the last object, and so leaves out what has that object's time to the
// microsecond. Poll asks from a microsecond earlier, and takes out what it
// already handed on.
//
// Credentials go to the scheme, host and port of Options.URL and nowhere else:
// neither a redirect nor an API root that a server names elsewhere gets them.
// They are in no error.
//
// # What it does not promise
//
// Objects are told apart by their bytes, within the last windowKeys of one Poll
// and the last recentKeys over an interruption. A server that repeats objects
// further back, or writes the same object anew in another way, has them handed
// on again. One state file serves one process at a time.
//
// Whether objects are good STIX is not looked at.
//
// # Where things are
//
//	options.go    who is asked, as whom
//	transport.go  one request, asked again while that makes sense (retry.go)
//	discover.go   the server and its API roots; collection.go their collections
//	envelope.go   reads a page; object.go says what an object in it is
//	walk.go       goes from page to page; window.go knows what was there before
//	poll.go       objects, resumable through state.go; manifest.go what there is
//	status.go     adds objects and asks what became of them; send.go cuts
package client
