// Package demo shows a hub at work on one machine, and checks what it shows: a
// hub in a temporary folder, seats of several members with credentials and TCP
// connections of their own, and a feed at every TLP level, with submissions
// among it that must be refused.
//
// # What it promises
//
// Who should receive an object is computed before it is published, by package
// policy, from the level that the script states; what arrived is compared with
// that by SHA-256. The result is right only if every entitled seat received
// every object once, no seat holds anything else after its streams ran dry,
// every refusal came with its code, and no seat could look at a stream that is
// not its own.
//
// # Where things are
//
//	demo.go      Run: from an empty folder to a result, and back
//	site.go      the hub and its folder; seats.go who connects to it
//	script.go    what is published, and what must come of it; feed/ the objects
//	files.go     publishing files in place of the feed
//	tally.go     what arrived; settle.go when nothing more can arrive
//	doors.go     trying the streams of others
//	verdict.go   what was expected against what arrived
//	board.go     the table; words.go everything else that is printed
package demo
