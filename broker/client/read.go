package client

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/selat-hub/selat/stix"
)

// readAll reads every object of the sources in order. What cannot be read as
// an object is an item with a fault, and reading goes on behind it.
func readAll(ctx context.Context, sources []Source, lim stix.Limits, each func(*item) error) error {
	number := 0
	for _, src := range sources {
		if err := readOne(ctx, src, lim, &number, each); err != nil {
			return err
		}
	}
	return nil
}

func readOne(ctx context.Context, src Source, lim stix.Limits, number *int, each func(*item) error) (err error) {
	in, err := src.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	reader := stix.NewReader(in, lim)
	for index := 0; ; index++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		it := item{position: position{number: *number, file: src.Name, index: index}}
		raw, err := reader.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &it.fault):
		case err != nil:
			return fmt.Errorf("reading %s: %w", src.Name, err)
		default:
			it.raw = raw
			it.examine(lim)
		}
		*number++
		if err := each(&it); err != nil {
			return err
		}
	}
}

// examine reads the object's identifiers and references. Whether it is good
// STIX is for the hub to say; here only what cannot be part of a bundle is a
// fault.
func (it *item) examine(lim stix.Limits) {
	lim.PayloadBytes = max(lim.PayloadBytes, len(it.raw))
	objects, err := stix.Split(it.raw, lim)
	switch {
	case errors.As(err, &it.fault):
	case err != nil:
		it.fault = &stix.Finding{Code: "malformed-json", Message: err.Error()}
	case len(objects) == 1 && objects[0].Pointer == "":
		it.object = objects[0]
	default:
		it.fault = &stix.Finding{Code: "malformed-json", Message: "this is a bundle inside a bundle: take its objects out of it"}
	}
}
