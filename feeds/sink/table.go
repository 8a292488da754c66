package sink

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"strconv"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/selat-hub/selat/stix/values"
)

var tableFormats = []Format{
	{
		Name: "csv", About: "a table for analysts, one row for each value of each object", Default: "selat.csv",
		File: func(Settings) (File, error) { return csvTable{}, nil },
	},
	sqliteFormat,
}

// columns are those of both tables, in order.
var columns = []string{
	"origin", "id", "type", "version", "audience", "tlp", "name", "confidence", "valid_from", "valid_until", "added",
	"kind", "value", "role",
}

// rows are an object's, one for each value that it names, and one without if it
// names none. Everything is in the table, also what settles nothing: the role
// says decisive, asked, excluded or observed. So no allow-list applies.
func rows(e Entry) [][]string {
	var object struct {
		Name       string   `json:"name"`
		Confidence *float64 `json:"confidence"`
	}
	// What is wrong there leaves two cells empty.
	_ = jsonv2.Unmarshal(e.Object, &object)
	confidence := ""
	if object.Confidence != nil {
		confidence = strconv.FormatFloat(*object.Confidence, 'f', -1, 64)
	}
	head := []string{
		e.Origin, e.ID, e.Type, e.Version, e.Audience, e.Level.String(), oneLine(object.Name, 300), confidence,
		moment(e.ValidFrom), moment(e.ValidUntil), moment(e.Added),
	}
	named, err := values.Of(e.Type, e.Object)
	if err != nil || len(named) == 0 {
		return [][]string{append(head, "", "", "")}
	}
	var all [][]string
	for _, v := range named {
		role := "asked"
		switch {
		case e.Type != "indicator":
			role = values.Observed.String()
		case v.Negated:
			role = values.Excluded.String()
		case v.Decisive:
			role = values.Decisive.String()
		}
		row := append(make([]string, 0, len(columns)), head...)
		all = append(all, append(row, v.Kind.String(), oneLine(v.Canonical, 8192), role))
	}
	return all
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// eachRow hands on the rows of all entries.
func eachRow(ctx context.Context, entries iter.Seq[Entry], write func([]string) error) (Count, error) {
	count := Count{Skipped: map[string]int{}}
	for e := range entries {
		if err := ctx.Err(); err != nil {
			return count, err
		}
		count.Entries++
		for _, row := range rows(e) {
			if err := write(row); err != nil {
				return count, fmt.Errorf("writing %s of %s: %w", e.ID, e.Origin, err)
			}
			count.Lines++
		}
		count.Written++
	}
	return count, nil
}

type csvTable struct{}

// Render quotes every cell (RFC 4180).
func (csvTable) Render(ctx context.Context, w io.Writer, entries iter.Seq[Entry], _ time.Time) (Count, error) {
	out := bufio.NewWriter(w)
	write := func(row []string) error {
		for i, text := range row {
			if i > 0 {
				out.WriteByte(',')
			}
			out.WriteString(`"` + strings.ReplaceAll(cell(text), `"`, `""`) + `"`)
		}
		_, err := out.WriteString("\n")
		return err
	}
	if err := write(columns); err != nil {
		return Count{}, fmt.Errorf("writing the head of the table: %w", err)
	}
	count, err := eachRow(ctx, entries, write)
	return count, errors.Join(err, out.Flush())
}

// formula is what a spreadsheet may take for the beginning of one: at the start of
// a cell, and after what separates cells where it is set to another language than
// ours, whatever quotes are around.
var formula = regexp.MustCompile(`(^|[;\t\r\n])([\s"]*)([=+\-@\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}])`)

// cell keeps a spreadsheet from taking a text, or what is in it, for a formula.
func cell(s string) string {
	return formula.ReplaceAllString(s, "$1$2'$3")
}
