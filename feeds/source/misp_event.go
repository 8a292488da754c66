package source

import (
	"context"
	"fmt"
	"strconv"

	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/feeds/misp"
)

// mispFile reads a document of MISP events.
type mispFile struct{ maker build.Maker }

func newMISPEvent(c Config) (Source, error) {
	if err := c.Maker.Check(); err != nil {
		return nil, err
	}
	c.Listed = false // as of a feed
	return &mispFile{c.Maker}, nil
}

// Read reads events: one row for each attribute and object, and at the end one of
// the event itself, a report on what was made of it. An attribute of an object has
// a row of its own only where it became nothing. The rows of an event have the
// event's uuid and a slash in front of their keys, and the event's own row nothing
// else.
func (s *mispFile) Read(ctx context.Context, in Input, emit func(Row) error) error {
	events, err := misp.ReadEvents(in)
	if err != nil {
		return fmt.Errorf("reading %s: %w", in.Name, err)
	}
	for i := range events {
		if err := ctx.Err(); err != nil {
			return err
		}
		position := "Event/" + strconv.Itoa(i)
		e := &events[i]
		_, ok := misp.UUID(e.Value.UUID)
		switch {
		case e.Err != nil:
			err = emit(refuse(position, build.InvalidRow, e.Err.Error()).at(position))
		case !ok:
			err = emit(refuse(position, build.InvalidRow, "the event's uuid is none").at(position))
		default:
			err = readMISPEvent(&s.maker, &e.Value, position, emit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
