package catalog

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/selat-hub/selat/stix"
)

// Keys are ordered, and most are readable; there a NUL parts their names. In
// those of m, x, v, k and r numbers of streams are four bytes, sequences eight and
// indices four, the highest first:
//
//	l <origin> <id>                        -> the newest version of an object that has
//	                                          versions, and its lineage (lineage.go)
//	o <origin> <id> <version>              -> any other: hash and places (value.go)
//	d <id> <origin> <level> <stream no.>   -> nothing; an accepted marking-definition
//	m <stream no.> <sequence>              -> a message: its objects (listing.go)
//	x <stream no.> <sequence> <index>      -> nothing; an object that has further
//	                                          versions or places (mark.go)
//	v <kind> <value> <stream no.> <sequence> <index>
//	                                       -> what an object says of a value (observed.go)
//	k <stream no.> <origin> <type> <day>   -> number of objects (count.go)
//	y <origin> <stream no.> <sequence>     -> when the message's first object was
//	                                          added; it has objects of the origin
//	r <stream no.> <sequence>              -> the message that holds what is left of
//	                                          this one (moved.go)
//	! and ~                                -> nothing; something erased may still be in
//	                                          the files (scrub.go)
//	i <origin>                             -> nothing; an origin
//	w <length of prefix>                   -> nothing; some network named has it
//	p <stream>                             -> position
//	s <stream>                             -> number in values (names.go)
//	a <audience>                           -> number in values
//	n                                      -> the next stream number
//	c                                      -> the chain of batches (chain.go)
const (
	kindNewest     = 'l'
	kindObject     = 'o'
	kindDefinition = 'd'
	kindPosition   = 'p'
	kindStream     = 's'
	kindAudience   = 'a'
	kindMessage    = 'm'
	kindMark       = 'x'
	kindValue      = 'v'
	kindCount      = 'k'
	kindOrigin     = 'i'
	kindOf         = 'y'
	kindNetwork    = 'w'
	kindMoved      = 'r'
)

var (
	nextStreamKey = []byte("n")
	chainKey      = []byte("c")
)

// appendNames appends names to a key, each after a NUL.
func appendNames(b []byte, names ...string) ([]byte, error) {
	for _, n := range names {
		if strings.IndexByte(n, 0) >= 0 {
			return b, fmt.Errorf("%w: %q", ErrKey, n)
		}
		b = append(b, 0)
		b = append(b, n...)
	}
	return b, nil
}

func appendObjectKey(b []byte, k Key) ([]byte, error) {
	if strings.IndexByte(k.Origin, 0) >= 0 || strings.IndexByte(k.ID, 0) >= 0 || strings.IndexByte(k.Version, 0) >= 0 {
		return b, fmt.Errorf("%w: %q", ErrKey, k)
	}
	b = append(b, kindObject, 0)
	b = append(b, k.Origin...)
	b = append(b, 0)
	b = append(b, k.ID...)
	b = append(b, 0)
	return append(b, k.Version...), nil
}

func appendNewestKey(b []byte, k Key) ([]byte, error) {
	return appendNames(append(b, kindNewest), k.Origin, k.ID)
}

// named returns the key of a stream or an audience.
func named(kind byte, name string) ([]byte, error) { return appendNames([]byte{kind}, name) }

// prefix returns the bounds of all keys that begin with the kind and names.
func prefix(kind byte, names ...string) (lower, upper []byte, err error) {
	lower, err = appendNames([]byte{kind}, names...)
	if err != nil {
		return nil, nil, err
	}
	upper = append(bytes.Clone(lower), 1)
	return append(lower, 0), upper, nil
}

// definition is what the key of a marking-definition tells.
type definition struct {
	id, origin string
	level      stix.Level
	stream     uint32
}

func (d definition) appendKey(b []byte) ([]byte, error) {
	b, err := appendNames(append(b, kindDefinition), d.id, d.origin, d.level.String())
	if err != nil {
		return b, err
	}
	return strconv.AppendUint(append(b, 0), uint64(d.stream), 10), nil
}

// parseDefinition reads what follows the id in a definition's key.
func parseDefinition(id, rest string) (definition, error) {
	parts := strings.Split(rest, "\x00")
	if len(parts) != 3 {
		return definition{}, fmt.Errorf("%w: key of a definition", errFormat)
	}
	level, err := stix.ParseLevel(parts[1])
	if err != nil {
		return definition{}, fmt.Errorf("%w: key of a definition: %w", errFormat, err)
	}
	n, err := strconv.ParseUint(parts[2], 10, 32)
	if err != nil {
		return definition{}, fmt.Errorf("%w: key of a definition: %w", errFormat, err)
	}
	return definition{id, parts[0], level, uint32(n)}, nil
}
