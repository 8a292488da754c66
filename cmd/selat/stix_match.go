package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/stix/pattern"
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
else, such as a pattern that is none.`,
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
	matched, together, err := matching(cmd.Context(), p, seen.observed)
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
	if seen.unread > 0 {
		return fmt.Errorf("nothing matches, and %s could not be read", counted(seen.unread, "object"))
	}
	return &exitError{code: matchNone}
}

// matching returns which observed-data meet the pattern: by themselves, or if
// none does, the first that do together.
func matching(ctx context.Context, p *pattern.Pattern, observed []pattern.Observed) (matched []int, together bool, err error) {
	for i := range observed {
		_, ok, err := p.Match(ctx, observed[i:i+1])
		if err != nil {
			return nil, false, err
		}
		if ok {
			matched = append(matched, i)
		}
	}
	if len(matched) > 0 || len(observed) < 2 {
		return matched, false, nil
	}
	binding, _, err := p.Match(ctx, observed)
	return binding, len(binding) > 1, err
}

// observedRead is what a pattern is held against.
type observedRead struct {
	observed []pattern.Observed
	files    map[string]string // by id
	unread   int
}

// readObserved gathers the observed-data of the files with what they may refer
// to. What cannot be read is told, and left out.
func readObserved(cmd *cobra.Command, files []string, quiet bool) (*observedRead, error) {
	sources, err := onceSources(cmd, files)
	if err != nil {
		return nil, err
	}
	seen := &observedRead{files: map[string]string{}}
	var data bytes.Buffer
	progress := newStixProgress(cmd, quiet)
	reading := &stixReading{sources: sources, progress: progress}
	err = reading.each(cmd.Context(), func(it *stixItem) error {
		if it.fault != nil {
			progress.finish()
			seen.unread++
			complain(cmd, it, findingText(it.fault))
			return nil
		}
		switch o := it.object; o.Type {
		case "observed-data":
			seen.files[o.ID] = it.file
		case "relationship", "sighting":
		default:
			if o.Created != "" {
				return nil // nothing observed
			}
		}
		if _, err := pattern.Observations(it.raw); err != nil {
			progress.finish()
			seen.unread++
			complain(cmd, it, err.Error())
			return nil
		}
		data.Write(it.raw)
		data.WriteByte('\n')
		return nil
	})
	if err != nil {
		return nil, err
	}
	seen.observed, err = pattern.Observations(data.Bytes())
	return seen, err
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
		}
		return lines.Encode(struct {
			Summary summary `json:"summary"`
		}{summary{len(s.observed), len(matched), together, s.unread}})
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
