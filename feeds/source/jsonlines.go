package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/selat-hub/selat/feeds/build"
)

// jsonLines reads one JSON object on each line. A line that is none is a row that
// is refused.
type jsonLines[T any] struct {
	maker build.Maker
	// rows makes of an object its rows, mostly one.
	rows func(m *build.Maker, o *T) []Row
}

func newJSONLines[T any](c Config, rows func(*build.Maker, *T) []Row) (Source, error) {
	if err := c.Maker.Check(); err != nil {
		return nil, err
	}
	return &jsonLines[T]{c.Maker, rows}, nil
}

func (s *jsonLines[T]) Read(ctx context.Context, in Input, emit func(Row) error) error {
	l := newLines(in)
	for {
		text, long, err := l.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading %s: line %d: %w", in.Name, l.number, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		position := "line " + strconv.Itoa(l.number)
		var rows []Row
		var o T
		switch {
		case long:
			rows = []Row{{Key: position, Refused: tooLong()}}
		case len(text) == 0:
		case json.Unmarshal(text, &o) != nil:
			rows = []Row{refuse(position, build.InvalidRow, "the line is no JSON object of this format")}
		default:
			rows = s.rows(&s.maker, &o)
		}
		for _, row := range rows {
			if err := emit(row.at(position)); err != nil {
				return err
			}
		}
	}
}

// firstValue reads the first of several candidates that is there. That one alone
// counts: where it is refused the row is.
func firstValue(candidates ...func() (build.Value, *Refusal, bool)) (build.Value, *Refusal) {
	for _, c := range candidates {
		if v, refused, there := c(); there {
			return v, refused
		}
	}
	return build.Value{}, &Refusal{Code: "no-value", Message: "the event names no address, domain, URL or hash"}
}

func candidate(field string, kind build.Kind, text string) func() (build.Value, *Refusal, bool) {
	return func() (build.Value, *Refusal, bool) {
		if text == "" {
			return build.Value{}, nil, false
		}
		v, refused := build.Read(kind, text)
		if refused != nil {
			refused = in(field, refused)
		}
		return v, refused, true
	}
}

func endpoint(field, host string, port int) func() (build.Value, *Refusal, bool) {
	if port == 0 {
		return candidate(field, build.IP, host)
	}
	return func() (build.Value, *Refusal, bool) {
		if host == "" {
			return build.Value{}, nil, false
		}
		v, refused := build.Endpoint(host, strconv.Itoa(port))
		if refused != nil {
			refused = in(field, refused)
		}
		return v, refused, true
	}
}

// brokenJSON says where a document can be read no further, and nothing of what
// stands there.
func brokenJSON(name string, d *jsontext.Decoder, err error) error {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		err = ErrTruncated
	case errors.As(err, &syntax):
		return fmt.Errorf("reading %s at byte %d: it is no valid JSON", name, syntax.ByteOffset)
	}
	return fmt.Errorf("reading %s at byte %d: %w", name, d.InputOffset(), err)
}
