// Package sink writes what a subscriber's tools load: one small file for each
// format, one interface for those that are files and one for those that are told
// of events.
//
// A sink knows its format and nothing else. Which objects it is given, whether
// their TLP allows it (broker/policy), when it writes and how the file is
// replaced is decided before it, in one place for all.
package sink

import (
	"context"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/selat-hub/selat/stix"
)

// Entry is one object that counts now: the latest version that the seat may hold
// of it by its origin, neither revoked, expired nor recalled.
type Entry struct {
	// Object holds the bytes as they were published.
	Object []byte
	// ID, Type and Version are the object's own, Origin is the member that
	// submitted it. Origin and ID name it among all entries.
	ID, Type, Version, Origin string
	Audience                  string
	Level                     stix.Level
	// Added is when the hub stored it.
	Added time.Time
	// ValidFrom and ValidUntil are an indicator's own, zero where absent.
	ValidFrom, ValidUntil time.Time
}

// File is a sink that is a file, or a folder of files: it is written whole,
// always the same for the same entries.
type File interface {
	// Render writes the file for these entries, which come sorted by origin and
	// id. What an entry has nothing of for this format is skipped and counted by
	// reason, never an error: an error means that the file must not be used.
	// now is the time to write into it where the format has one: when what counts
	// changed last. It never goes back, even if the newest entry leaves, and it
	// stays while nothing changes, so that equal entries make equal bytes.
	Render(ctx context.Context, w io.Writer, entries iter.Seq[Entry], now time.Time) (Count, error)
}

// Folder is a sink that is several files. Render is called with a folder that is
// empty, and which takes the place of the former one when it is complete.
type Folder interface {
	Render(ctx context.Context, dir string, entries iter.Seq[Entry], now time.Time) (Count, error)
}

// Count is what became of entries.
type Count struct {
	// Entries were given, Written of them are in the file, as Lines lines.
	Entries, Written, Lines int
	// Skipped counts the others by a short stable reason: "no-value",
	// "unsupported-pattern", "allow-list".
	Skipped map[string]int
	// Withheld counts values, by the same reasons, that are not in the file though
	// others of their entry are.
	Withheld map[string]int
}

// Event is one change of what counts, for sinks that are told of events.
type Event struct {
	Kind  EventKind
	Entry Entry
	// At is when it happened. Key is the same whenever this very event is told
	// again, so that a receiver can tell repeats.
	At  time.Time
	Key string
}

// EventKind says what happened.
type EventKind string

const (
	Created  EventKind = "created"
	Updated  EventKind = "updated"
	Revoked  EventKind = "revoked"
	Expired  EventKind = "expired"
	Recalled EventKind = "recalled" // Entry has an ID and an Origin, and no more
)

// objectType is the type of the entry, if need be as its id has it.
func (e *Event) objectType() string {
	if e.Entry.Type != "" {
		return e.Entry.Type
	}
	t, _, _ := strings.Cut(e.Entry.ID, "--")
	return t
}

// Stream is a sink that is told of events: a SIEM, a webhook. Each event is told
// at least once, in order.
type Stream interface {
	// Tell hands events on. When it returns nil they are delivered, as far as the
	// protocol can tell; an error has all of them told again, a *Refusal those from
	// the one that it is about.
	Tell(ctx context.Context, events []Event) error
	Close() error
}

// Refusal is the error of a receiver that is there and will not take an event. Those
// before it are delivered, and those after it were not told.
type Refusal struct {
	// Index is that of the event among those that were to be told.
	Index int
	// Status is the receiver's answer, of one line.
	Status string
}

func (r *Refusal) Error() string { return "the receiver refuses the event with " + r.Status }
