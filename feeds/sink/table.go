package sink

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"iter"
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

func (csvTable) Render(ctx context.Context, w io.Writer, entries iter.Seq[Entry], _ time.Time) (Count, error) {
	out := csv.NewWriter(w)
	if err := out.Write(columns); err != nil {
		return Count{}, fmt.Errorf("writing the head of the table: %w", err)
	}
	count, err := eachRow(ctx, entries, func(row []string) error {
		for i := range row {
			row[i] = cell(row[i])
		}
		return out.Write(row)
	})
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	return count, err
}

// cell keeps a spreadsheet from taking a text for a formula.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
