// Package source reads what the feeds of this field look like and makes STIX 2.1
// objects of them: one small file for each format, one interface for all.
//
// A source knows its format and nothing else: not when it is read, where its
// bytes come from, what was published before, nor where objects go. It reads
// from the first row to the last whatever is wrong with one of them, and says of
// each row what became of it.
package source

import (
	"context"
	"errors"
	"io"

	"github.com/selat-hub/selat/feeds/build"
)

// Source reads one format.
type Source interface {
	// Read reads the input to its end and hands on every row, in order. An error
	// of emit ends it and is returned as it is. Any other error means that the
	// input as a whole cannot be read on: what was handed on stands, but nothing
	// may be concluded from what was not.
	//
	// It holds no more in memory than a row needs, so that a feed of any size
	// can be read.
	Read(ctx context.Context, in Input, emit func(Row) error) error
}

// Input is what there is to read.
type Input struct {
	// Name says what is read, in messages: a file's name, a URL without its
	// credentials.
	Name string
	io.Reader
	// Open opens a further document that the first one names: an event of a MISP
	// manifest, by its relative path. It is nil where there is only one document.
	// ErrGone means that it is not there, which concerns this document only.
	Open func(ctx context.Context, path string) (io.ReadCloser, error)
}

// ErrGone means that a further document is not there (HTTP 404 or 410).
var ErrGone = errors.New("it is not there")

// Row is one entry of a feed and what was made of it.
type Row struct {
	// Key is the entry's identity within its feed, at most 256 bytes. It is the
	// same whenever the entry is read, and another for any other entry. Some lists
	// say one thing twice, with other words beside it: of rows with one key the
	// first counts in a list that is whole, and whoever takes the rows in refuses
	// the others as build.Duplicate, or each reading would make new versions. Of
	// events each counts, in order: what is new, what changed, what is taken back.
	Key string
	// Position says where it stands, for people: "line 12", "Event/Attribute/3".
	Position string
	// Objects were made of it, in the order in which they must be published:
	// what is referred to comes first. None, with Refused empty, is an entry that
	// is nothing to share by its own word, and Skipped says why.
	Objects []Draft
	// Refused says why nothing was made of it: a short stable code for counting
	// (such as "personal-data", "invalid-value", "private-address"), and a sentence
	// for people that quotes nothing personal. Where the refusal TakesBack, what was
	// published under Key is to be revoked, as if Withdrawn.
	Refused *Refusal
	// Skipped is a code as Refused has, of an entry that is not for sharing by its
	// own word: to_ids false, a distribution to nobody else. What was published under
	// Key while it was for sharing is to be revoked, as if Withdrawn.
	Skipped string
	// Withdrawn says that the source itself takes the entry back: what was
	// published under Key is to be revoked. Refused may say why.
	Withdrawn bool
	// Unchanged says that this row and all rows whose keys begin with Key stand as
	// they were read last, though they are not told again: a MISP event that has
	// not changed, or that its manifest lists and that cannot be had now (then
	// Refused says so too). None of them has left the feed; one that had when they
	// were read last has not come back.
	Unchanged bool
	// Revision is the source's revision of this row and all whose keys begin with
	// Key, where it has one. It comes on their last row, when all of them were
	// read: what Config.Known is to answer from then on.
	Revision int64
}

// What is made of rows is told in package build.
type (
	Draft   = build.Draft
	Version = build.Version
	Refusal = build.Refusal
)
