package main

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/stix"
)

func newStixIDCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "id [FILE...]",
		Short: "Compute the identifiers that observables should have",
		Long: `Computes for each cyber-observable the identifier that every producer gives to
it, made of its properties (STIX 2.1 §2.9), and compares it with the one it has.
An observable may lack an id; other objects are passed over. Without FILE the
input is standard input.

AGREES is yes, no, or a hyphen where there is nothing to compare. Where no
property makes an identifier it must be random, a UUIDv4. An identifier that does
not agree is not wrong: but nobody else's tools will know the observable by it.

Exit code: 0 all agree, 3 some do not or cannot be read, 4 none does, 1 a file
cannot be read or there is no observable in it, 2 the command line cannot be
understood.`,
		Example: `  selat stix id observables.json
  echo '{"type":"ipv4-addr","value":"192.0.2.1"}' | selat stix id
  selat stix id --json report.json | jq -r 'select(.agrees==false).declared'`,
		RunE: func(cmd *cobra.Command, files []string) error {
			if len(files) == 0 {
				files = []string{"-"}
			}
			return stixID(cmd, files)
		},
	}
	jsonFlag(cmd)
	return cmd
}

// idJSON is what is told of one observable, as a line of JSON.
type idJSON struct {
	File     string `json:"file"`
	Object   int    `json:"object"` // in its file, from 0
	Type     string `json:"type,omitempty"`
	Declared string `json:"declared,omitempty"`
	// Deterministic is absent where no property makes an identifier.
	Deterministic string `json:"deterministic,omitempty"`
	// Agrees is absent where there is nothing to compare.
	Agrees   *bool          `json:"agrees,omitempty"`
	Findings []stix.Finding `json:"findings,omitempty"`
}

// idTotals counts observables, and what may be one and cannot be read.
type idTotals struct {
	Observables int `json:"observables"`
	Agree       int `json:"agree"`
	Differ      int `json:"differ"`
	Unread      int `json:"unread"`
}

func stixID(cmd *cobra.Command, files []string) error {
	sources, err := onceSources(cmd, files)
	if err != nil {
		return err
	}
	var lines *json.Encoder
	var rows *streamTable
	if wantsJSON(cmd) {
		lines = jsonLines(cmd)
	} else {
		rows = newStreamTable(cmd, "AGREES", "DETERMINISTIC", "DECLARED")
	}
	var totals idTotals
	progress := newStixProgress(cmd, false)
	reading := &stixReading{sources: sources, progress: progress}
	err = reading.each(cmd.Context(), func(it *stixItem) error {
		line, observable := idOf(it)
		if !observable {
			return nil
		}
		totals.count(&line)
		progress.finish()
		if lines != nil {
			return lines.Encode(line)
		}
		if len(line.Findings) > 0 {
			complain(cmd, it, findingText(&line.Findings[0]))
			return nil
		}
		return rows.row(line.cells()...)
	})
	if lines != nil {
		err = errors.Join(err, lines.Encode(struct {
			Summary idTotals `json:"summary"`
		}{totals}))
	} else {
		err = errors.Join(err, rows.flush())
	}
	if err != nil {
		return err
	}
	return totals.exit()
}

// idOf computes the identifier of an item, if it is an observable or may be.
func idOf(it *stixItem) (line idJSON, observable bool) {
	line = idJSON{File: it.file, Object: it.number}
	if f := it.unread(); f != nil {
		line.Findings = []stix.Finding{*f}
		return line, true
	}
	line.Type, line.Declared = it.object.Type, it.object.ID
	id, contributing, err := stix.DeterministicID(it.raw)
	if f := (*stix.Finding)(nil); errors.As(err, &f) {
		if f.Code == "invalid-type" {
			return line, false
		}
		moved := *f
		moved.Path = it.pointer + f.Path
		line.Findings = []stix.Finding{moved}
		return line, true
	}
	line.Deterministic = id
	switch {
	case line.Declared == "":
	case contributing:
		line.agree(line.Declared == id)
	case isRandom(line.Declared):
		line.agree(true)
	}
	return line, true
}

func (l *idJSON) agree(yes bool) { l.Agrees = &yes }

// isRandom tells whether an identifier has a UUIDv4.
func isRandom(id string) bool {
	_, text, _ := strings.Cut(id, "--")
	u, err := uuid.Parse(text)
	return err == nil && u.Version() == 4
}

func (l *idJSON) cells() []string {
	agrees := ""
	if l.Agrees != nil {
		agrees = "no"
		if *l.Agrees {
			agrees = "yes"
		}
	}
	id := l.Deterministic
	if id == "" {
		id = l.Type + "--(random)"
	}
	return []string{agrees, id, l.Declared}
}

func (t *idTotals) count(l *idJSON) {
	switch {
	case len(l.Findings) > 0:
		t.Unread++
		return
	case l.Agrees == nil:
	case *l.Agrees:
		t.Agree++
	default:
		t.Differ++
	}
	t.Observables++
}

func (t *idTotals) exit() error {
	wrong := t.Differ + t.Unread
	switch {
	case t.Observables+t.Unread == 0:
		return errors.New("there is no cyber-observable in the input")
	case wrong == 0:
		return nil
	case wrong == t.Observables+t.Unread:
		return &exitError{code: exitRefused}
	}
	return &exitError{code: exitPartly}
}
