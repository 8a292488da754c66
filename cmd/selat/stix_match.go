package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/stix"
	"github.com/selat-hub/selat/stix/pattern"
	"github.com/selat-hub/selat/stix/values"
)

// Exit codes of match, which are grep's.
const (
	matchNone  = 1
	matchWrong = 2
)

func newStixMatchCmd() *cobra.Command {
	quiet := false
	cmd := &cobra.Command{
		Use:   "match PATTERN FILE...",
		Short: "Tell which observed-data a STIX pattern matches",
		Long: `Holds the observed-data in files against a STIX pattern (STIX 2.1 §9) and prints
those that match. Each observed-data that meets the pattern by itself is printed;
where none does, the first set of them that meets it together, as [a] AND [b]
may need. Objects that observed-data refer to may stand in any of the files.

Unlike the other verbs it holds observed-data and observables in memory, and its
exit codes are those of grep: 0 something matches, 1 nothing does, 2 anything
else, such as a pattern that is none, or that nothing matches while something
could not be read or decided. That is told, and the rest is looked at.`,
		Example: `  selat stix match "[ipv4-addr:value = '192.0.2.1']" observed.json
  selat stix match "[domain-name:value LIKE '%.example.com'] REPEATS 5 TIMES" *.json
  sensor | selat stix match -q "[file:hashes.'SHA-256' = '...']" - && alarm`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return errors.New("a pattern and a file are needed; - is standard input")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			err := stixMatch(cmd, args[0], args[1:], quiet)
			var exit *exitError
			if err == nil || cmd.Context().Err() != nil || errors.As(err, &exit) {
				return err
			}
			return &exitError{matchWrong, err}
		},
	}
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp // a pattern
		}
		return nil, cobra.ShellCompDirectiveDefault
	}
	jsonFlag(cmd)
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print nothing: the exit code tells")
	return cmd
}

// matchJSON is one observed-data that matches, as a line of JSON.
type matchJSON struct {
	File   string    `json:"file"`
	ID     string    `json:"id"`
	First  time.Time `json:"first_observed"`
	Last   time.Time `json:"last_observed"`
	Number int       `json:"number_observed"`
}

func stixMatch(cmd *cobra.Command, source string, files []string, quiet bool) error {
	p, err := pattern.Parse(source)
	if err != nil {
		return explainPattern(source, err)
	}
	seen, err := readObserved(cmd, files, quiet)
	if err != nil {
		return err
	}
	matched, together, err := seen.matching(cmd, p)
	if err != nil {
		return fmt.Errorf("matching: %w", err)
	}
	if !quiet {
		if err := seen.print(cmd, matched, together); err != nil {
			return err
		}
	}
	if len(matched) > 0 {
		return nil
	}
	switch {
	case seen.unread > 0 && seen.undecided > 0:
		return fmt.Errorf("nothing matches, %s could not be read and %d observed-data not be decided", counted(seen.unread, "object"), seen.undecided)
	case seen.unread > 0:
		return fmt.Errorf("nothing matches, and %s could not be read", counted(seen.unread, "object"))
	case seen.undecided > 0:
		return fmt.Errorf("nothing matches, and of %d observed-data it could not be decided", seen.undecided)
	}
	return &exitError{code: matchNone}
}

// observedRead is what a pattern is held against.
type observedRead struct {
	observed  []pattern.Observed
	files     map[string]string // by id
	unread    int
	undecided int
}

// matching returns which observed-data meet the pattern: by themselves, or if
// none does, the first that do together. One that cannot be decided is told and
// left out, and does not keep the others from being looked at.
func (s *observedRead) matching(cmd *cobra.Command, p *pattern.Pattern) (matched []int, together bool, err error) {
	ctx := cmd.Context()
	ready, err := p.Prepare()
	if err != nil {
		return nil, false, err
	}
	var decided []pattern.Observed
	var places []int // of these
	for i := range s.observed {
		o := &s.observed[i]
		_, ok, err := ready.Match(ctx, s.observed[i:i+1])
		switch {
		case err == nil:
			decided, places = append(decided, *o), append(places, i)
			if ok {
				matched = append(matched, i)
			}
		case ctx.Err() != nil:
			return nil, false, ctx.Err()
		default:
			s.undecided++
			complain(cmd, &stixItem{file: s.files[o.ID], object: &stix.Object{ID: o.ID}}, err.Error())
		}
	}
	if len(matched) > 0 || len(decided) < 2 {
		return matched, false, nil
	}
	binding, _, err := ready.Match(ctx, decided)
	for _, i := range binding {
		matched = append(matched, places[i])
	}
	return matched, len(matched) > 1, err
}

// observedItem is one object that is held for matching.
type observedItem struct {
	stixItem
	from, to int // in the data
}

// readObserved gathers the observed-data of the files with what they may refer
// to. What cannot be read is told, and left out.
func readObserved(cmd *cobra.Command, files []string, quiet bool) (*observedRead, error) {
	sources, err := onceSources(cmd, files)
	if err != nil {
		return nil, err
	}
	seen := &observedRead{files: map[string]string{}}
	var items []observedItem
	var data []byte
	progress := newStixProgress(cmd, quiet)
	reading := &stixReading{sources: sources, progress: progress}
	err = reading.each(cmd.Context(), func(it *stixItem) error {
		if f := it.unread(); f != nil {
			progress.finish()
			seen.unread++
			complain(cmd, it, findingText(f))
			return nil
		}
		o := it.object
		if !mayBeObserved(o.Type) {
			return nil
		}
		from := len(data)
		data = append(append(data, it.raw...), '\n')
		named := stixItem{file: it.file, number: it.number, object: &stix.Object{ID: o.ID, Type: o.Type}}
		items = append(items, observedItem{named, from, len(data)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if seen.observed, err = pattern.Observations(data); err != nil {
		// Which of them it is can be told of each alone.
		items = slices.DeleteFunc(items, func(it observedItem) bool {
			_, err := pattern.Observations(data[it.from:it.to])
			if err != nil {
				seen.unread++
				complain(cmd, &it.stixItem, err.Error())
			}
			return err != nil
		})
		var sound []byte
		for _, it := range items {
			sound = append(sound, data[it.from:it.to]...)
		}
		if seen.observed, err = pattern.Observations(sound); err != nil {
			return nil, err
		}
	}
	for _, it := range items {
		if it.object.Type == "observed-data" {
			seen.files[it.object.ID] = it.file
		}
	}
	return seen, nil
}

// mayBeObserved tells by the type whether observed-data may refer to an object:
// to all but those of which the specification says otherwise.
func mayBeObserved(typ string) bool {
	switch typ {
	case "observed-data", "relationship", "sighting", "network-traffic":
		return true
	}
	return values.Observable(typ) || !stix.KnownType(typ)
}

func (s *observedRead) print(cmd *cobra.Command, matched []int, together bool) error {
	lines := jsonLines(cmd)
	rows := (*streamTable)(nil)
	if !wantsJSON(cmd) && len(matched) > 0 {
		rows = newStreamTable(cmd, "OBSERVED-DATA", "FIRST", "LAST", "NUMBER", "FILE")
	}
	for _, i := range matched {
		o := &s.observed[i]
		line := matchJSON{s.files[o.ID], o.ID, o.First.UTC(), o.Last.UTC(), o.Number}
		var err error
		if rows != nil {
			err = rows.row(line.ID, line.First.Format(time.RFC3339Nano), line.Last.Format(time.RFC3339Nano), fmt.Sprint(line.Number), line.File)
		} else {
			err = lines.Encode(line)
		}
		if err != nil {
			return err
		}
	}
	if wantsJSON(cmd) {
		type summary struct {
			Observed int  `json:"observed"`
			Matched  int  `json:"matched"`
			Together bool `json:"together"` // all that matched are needed
			Unread   int  `json:"unread"`
			// Undecided counts observed-data that were given up.
			Undecided int `json:"undecided"`
		}
		return lines.Encode(struct {
			Summary summary `json:"summary"`
		}{summary{len(s.observed), len(matched), together, s.unread, s.undecided}})
	}
	if rows != nil {
		if err := rows.flush(); err != nil {
			return err
		}
	}
	how := ""
	if together {
		how = " together"
	}
	say(cmd, "%d of %d observed-data match%s", len(matched), len(s.observed), how)
	return nil
}

// patternWidth is how much of a pattern is shown around what is wrong in it.
const patternWidth = 72

// explainPattern shows where a pattern is wrong, with a caret below.
func explainPattern(source string, err error) error {
	var syntax *pattern.SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	from := strings.LastIndexByte(source[:syntax.Pos], '\n') + 1
	line, _, _ := strings.Cut(source[from:], "\n")
	before, after := printable(line[:syntax.Pos-from]), printable(line[syntax.Pos-from:])
	if n := utf8.RuneCountInString(before); n > patternWidth*2/3 {
		before = "..." + string([]rune(before)[n-patternWidth*2/3:])
	}
	if n := utf8.RuneCountInString(after); n > patternWidth/3 {
		after = string([]rune(after)[:patternWidth/3]) + "..."
	}
	caret := strings.Repeat(" ", utf8.RuneCountInString(before)) + "^"
	return fmt.Errorf("this is no STIX pattern: %s\n%s\n%s", printable(syntax.Error()), before+after, caret)
}
