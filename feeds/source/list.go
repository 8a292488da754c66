package source

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"github.com/selat-hub/selat/feeds/build"
)

// list reads a value on each line. What comes after # or ; and space is a remark,
// as is a line that begins with them or with //. A line of a hosts file, an
// address of nowhere and names, is the names.
type list struct {
	kind  build.Kind
	maker build.Maker
}

func newList(c Config) (Source, error) {
	if err := c.Maker.Check(); err != nil {
		return nil, err
	}
	if c.Kind == "" {
		c.Kind = build.Auto
	}
	if !c.Kind.Known() {
		return nil, fmt.Errorf("%q is no kind of value", c.Kind)
	}
	return &list{c.Kind, c.Maker}, nil
}

func (s *list) Read(ctx context.Context, in Input, emit func(Row) error) error {
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
		if long {
			err = emit(Row{Key: position, Position: position, Refused: tooLong()})
		} else {
			for _, value := range entries(string(text)) {
				if err = emit(s.row(value).at(position)); err != nil {
					break
				}
			}
		}
		if err != nil {
			return err
		}
	}
}

// entries returns the values of a line.
func entries(line string) []string {
	line = strings.TrimSpace(line)
	if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") || strings.HasPrefix(line, "//") {
		return nil
	}
	for _, mark := range []string{" #", "\t#", " ;", "\t;", " //"} {
		line, _, _ = strings.Cut(line, mark)
	}
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return fields
	}
	if a, err := netip.ParseAddr(fields[0]); err != nil || !a.IsUnspecified() && !a.IsLoopback() {
		return []string{strings.TrimSpace(line)}
	}
	var names []string
	for _, name := range fields[1:] {
		// Every hosts file begins with the names of the machine itself.
		if strings.Contains(name, ".") && name != "localhost.localdomain" && name != "0.0.0.0" {
			names = append(names, name)
		}
	}
	return names
}

func (s *list) row(text string) Row {
	v, refused := build.Read(s.kind, text)
	if refused != nil {
		return Row{Key: text, Refused: refused}
	}
	return entry{key: string(v.Kind) + " " + v.String(), value: v}.row(&s.maker)
}
