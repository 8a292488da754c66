package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/selat-hub/selat/feeds/build"
)

// ErrTruncated means that the input ended before its end: rows are missing.
var ErrTruncated = errors.New("the input is not complete")

// table is how a file of rows and columns is written.
type table struct {
	comma   byte
	comment string // what a comment begins with; "" is none
	// header are the columns that make a line the one that names them, also in a
	// comment; nil where columns have no names but numbers, from "1".
	header []string
	// folded tells that a field in quotes may go on on the next line.
	folded bool
	// ended tells that a file ends with a line end, and trailed that it ends with
	// a comment that counts its rows: else it is truncated.
	ended, trailed bool
}

// record is one row of a table.
type record struct {
	line    int
	columns map[string]int
	fields  []string
	refused *Refusal
}

// get returns a field by its column's name, "" where the row has none. "None" is
// how abuse.ch writes that.
func (r *record) get(column string) string {
	at, ok := r.columns[column]
	if !ok {
		return ""
	}
	if at >= len(r.fields) || r.fields[at] == "None" {
		return ""
	}
	return r.fields[at]
}

func (r *record) position() string { return "line " + strconv.Itoa(r.line) }

// trailer is the comment with which a list says how many rows it has.
var trailer = regexp.MustCompile(`(?i)^#\s*(?:END\s+\(?(\d+)\)?(?:\s+entries)?|Number of entries:?\s*(\d+))\s*$`)

// read reads a table to its end and has each row made something of.
func (t table) read(ctx context.Context, in Input, emit func(Row) error, row func(*record) Row) error {
	r := tableReader{table: t, lines: newLines(in), trailer: -1}
	if t.header == nil {
		r.columns = map[string]int{}
	}
	for {
		rec, err := r.next()
		if err == io.EOF {
			return r.complete(in.Name)
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", in.Name, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		out := Row{Key: rec.position(), Refused: rec.refused}
		if rec.refused == nil {
			out = row(rec)
		}
		if err := emit(out.at(rec.position())); err != nil {
			return err
		}
	}
}

type tableReader struct {
	table
	lines   *lines
	columns map[string]int
	record  record
	rows    int
	trailer int // what the last line counts, -1 without one
	waiting []waiting
}

// waiting is a line that was read ahead, for fields that never ended.
type waiting struct {
	text   string
	number int
	long   bool
}

// complete says whether the input ended where it should.
func (r *tableReader) complete(name string) error {
	switch {
	case r.columns == nil:
		return fmt.Errorf("reading %s: no line names the columns %s: this is another format", name, strings.Join(r.header, ", "))
	case r.trailer >= 0 && r.trailer != r.rows:
		return fmt.Errorf("reading %s: it has %d rows and says it has %d: %w", name, r.rows, r.trailer, ErrTruncated)
	case r.trailer < 0 && r.trailed:
		return fmt.Errorf("reading %s: the line that counts its rows is missing after line %d: %w", name, r.lines.number, ErrTruncated)
	case r.trailer < 0 && r.ended && r.lines.open:
		return fmt.Errorf("reading %s: line %d, the last, has no end: %w", name, r.lines.number, ErrTruncated)
	}
	return nil
}

// line returns the next line, first those that were read ahead.
func (r *tableReader) line() (waiting, error) {
	if len(r.waiting) > 0 {
		w := r.waiting[0]
		r.waiting = r.waiting[1:]
		return w, nil
	}
	text, long, err := r.lines.next()
	return waiting{string(text), r.lines.number, long}, err
}

func (r *tableReader) next() (*record, error) {
	for {
		w, err := r.line()
		if err != nil {
			return nil, err
		}
		text := strings.TrimSpace(w.text)
		switch {
		case text == "":
			continue
		case r.comment != "" && strings.HasPrefix(text, r.comment):
			r.readComment(text)
			continue
		}
		r.record = record{line: w.number, columns: r.columns, fields: r.record.fields[:0]}
		rec := &r.record
		if w.long {
			rec.refused = tooLong()
		} else {
			rec.fields, rec.refused = r.fields(w, rec.fields)
		}
		if rec.refused == nil && r.isHeader(rec.fields) {
			continue
		}
		if r.columns == nil {
			return nil, fmt.Errorf("line %d: a row before any line that names the columns %s: this is another format", w.number, strings.Join(r.header, ", "))
		}
		if r.header == nil {
			for i := len(r.columns); i < len(rec.fields); i++ {
				r.columns[strconv.Itoa(i+1)] = i
			}
		}
		r.rows++
		return rec, nil
	}
}

// maxFolds bounds the lines of a row whose fields go on on further ones.
const maxFolds = 100

// fields splits a row. Where quotes never end, the row is its first line alone,
// so that the lines after it are rows of their own.
func (r *tableReader) fields(w waiting, into []string) ([]string, *Refusal) {
	fields, open, err := splitFields(w.text, r.comma, into)
	if open && r.folded {
		ahead, closed := r.ahead(len(w.text))
		if closed {
			var text strings.Builder
			text.WriteString(w.text)
			for _, a := range ahead {
				text.WriteString("\n" + a.text)
			}
			fields, open, err = splitFields(text.String(), r.comma, into)
		}
		if open || err != nil {
			r.waiting = append(ahead, r.waiting...)
		}
	}
	switch {
	case err != nil:
		return into, &Refusal{Code: build.InvalidRow, Message: err.Error()}
	case open:
		return into, &Refusal{Code: build.InvalidRow, Message: "the quotes of a field do not end"}
	}
	return fields, nil
}

// ahead reads lines until one closes the quotes that are open: one with an odd
// number of quotes, since in a field they come in pairs. So a row is split once
// or twice, however many lines it has.
func (r *tableReader) ahead(size int) (ahead []waiting, closed bool) {
	for !closed && len(ahead) < maxFolds && size < maxLine {
		next, err := r.line()
		if err != nil {
			break // which the reader says again
		}
		ahead = append(ahead, next)
		size += len(next.text)
		closed = strings.Count(next.text, `"`)%2 == 1
	}
	return ahead, closed
}

func (r *tableReader) readComment(text string) {
	if m := trailer.FindStringSubmatch(text); m != nil {
		r.trailer, _ = strconv.Atoi(m[1] + m[2])
		return
	}
	if r.columns == nil {
		fields, open, err := splitFields(strings.TrimSpace(strings.TrimLeft(text, r.comment)), r.comma, nil)
		if !open && err == nil {
			r.isHeader(fields)
		}
	}
}

// isHeader takes a line that names the columns.
func (r *tableReader) isHeader(fields []string) bool {
	if r.header == nil {
		return false
	}
	columns := make(map[string]int, len(fields))
	for i, f := range fields {
		if i > maxColumns {
			return false
		}
		name := strings.ToLower(strings.TrimSpace(f))
		if _, twice := columns[name]; !twice {
			columns[name] = i
		}
	}
	for _, name := range r.header {
		if _, ok := columns[name]; !ok {
			return false
		}
	}
	if r.columns == nil {
		r.columns = columns
	}
	return true
}

const maxColumns = 1000
