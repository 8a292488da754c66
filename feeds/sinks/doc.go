// Package sinks is the subscriber's daemon: it receives what a seat may read, keeps
// what counts, and has each sink (package sink) show exactly that.
//
// # What it promises
//
// A file holds what counts now, for what it may show: of each object the latest
// version that the seat holds, unless it is revoked, expired, not valid yet or
// recalled. That is one pure function (Current), of what was received and of the
// time; so it is the same after any crash, and objects leave on time though nothing
// new arrives.
//
// Nothing is written that broker/policy does not let the sink's exposure see, and
// exercises go where drill: true is said, and nowhere else.
//
// A file is replaced whole or not at all, after its consumer's own check; what is
// recalled leaves it whatever a shrink guard says. An order to forget is acknowledged
// once no file shows its object and no consumer has it loaded. A stream of events is told each
// at least once, in order, and of nothing that was recalled meanwhile.
//
// An object is acknowledged to the hub once it is on this disk.
//
// # Where things are
//
//	config.go   what an operator says
//	current.go  what counts: the pure function
//	state.go    what was received, on disk; record.go one object in it
//	strip.go    what of it is let go, and what must stay; forgotten.go what is left
//	            of a recalled version
//	file.go     rendering, checking and replacing a file or folder; replace.go what
//	            it may take the place of
//	stream.go   the events of sinks that are told of them
//	daemon.go   following the hub; keep.go writing when something changed
//	verify.go   whether the state is what the hub has; repair.go
//	control.go  what is asked of a daemon that runs
//	check.go    trying a configuration before it is used
//	metrics.go  what is told of all that
package sinks
