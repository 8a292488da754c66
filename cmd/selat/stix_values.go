package main

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/stix/values"
)

func newStixValuesCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "values FILE...",
		Short: "List the addresses, domains, hashes and the like in STIX objects",
		Long: `Lists the values that indicators' STIX patterns name and that cyber-observables
have: addresses, domains, URLs, hashes, names. A value is written in the one
spelling of its kind: an address as in RFC 5952, a hash in lower case.

OPERATOR is by which a pattern compares. DECISIVE is yes where an observation of
the value is all that the pattern asks for, so that it is fit for a list of what
to look for or to block; no where the pattern excludes the value or asks for more,
where the indicator is revoked, and where its valid_until is past.
Both are a hyphen for observables, which say of themselves nothing good or bad.
Patterns in other languages than STIX are counted, not read.

Exit code: 0 everything was read, 3 some objects could not be, 4 none could, 1 a
file cannot be read or nothing is in it, 2 the command line cannot be understood.`,
		Example: `  selat stix values report.json
  selat stix values --json report.json | jq -r 'select(.decisive and .kind=="domain-name").value'`,
		Args: cobra.MinimumNArgs(1),
		RunE: stixValues,
	}
	jsonFlag(cmd)
	return cmd
}

// valueJSON is one value, as a line of JSON.
type valueJSON struct {
	File      string `json:"file"`
	Object    int    `json:"object"` // in its file, from 0
	ID        string `json:"id,omitempty"`
	Type      string `json:"type"`
	Kind      string `json:"kind"`
	Algorithm string `json:"algorithm,omitempty"` // of hashes
	Value     string `json:"value"`
	// Path is the object path, as in a pattern.
	Path     string `json:"path"`
	Operator string `json:"operator,omitempty"` // of patterns only
	Decisive *bool  `json:"decisive,omitempty"` // of patterns only
	// Of the indicator.
	Revoked bool   `json:"revoked,omitempty"`
	Until   string `json:"valid_until,omitempty"`
}

// valuesTotals counts what was read.
type valuesTotals struct {
	Objects  int `json:"objects"`
	Values   int `json:"values"`
	Unread   int `json:"unread"`
	Patterns int `json:"other_patterns"` // indicators in other languages
}

func stixValues(cmd *cobra.Command, files []string) error {
	sources, err := onceSources(cmd, files)
	if err != nil {
		return err
	}
	var lines *json.Encoder
	var rows *streamTable
	if wantsJSON(cmd) {
		lines = jsonLines(cmd)
	} else {
		rows = newStreamTable(cmd, "KIND", "OPERATOR", "DECISIVE", "OBJECT", "VALUE", "REVOKED", "VALID-UNTIL")
	}
	var totals valuesTotals
	now := time.Now()
	progress := newStixProgress(cmd, false)
	reading := &stixReading{sources: sources, progress: progress}
	err = reading.each(cmd.Context(), func(it *stixItem) error {
		totals.Objects++
		found, err := valuesOf(it, now)
		switch {
		case errors.Is(err, values.ErrOtherLanguage):
			totals.Patterns++
			return nil
		case err != nil:
			totals.Unread++
			progress.finish()
			complain(cmd, it, err.Error())
			return nil
		}
		totals.Values += len(found)
		progress.finish()
		for i := range found {
			v := &found[i]
			if lines != nil {
				err = lines.Encode(v)
			} else {
				err = rows.row(v.cells(it)...)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if lines != nil {
		err = errors.Join(err, lines.Encode(struct {
			Summary valuesTotals `json:"summary"`
		}{totals}))
	} else {
		err = errors.Join(err, rows.flush())
		if totals.Patterns > 0 {
			say(cmd, "%s not read: the language is not STIX", counted(totals.Patterns, "pattern"))
		}
	}
	if err != nil {
		return err
	}
	return totals.exit()
}

// valuesOf lists the values of an item as of now, none for objects of other
// types.
func valuesOf(it *stixItem, now time.Time) ([]valueJSON, error) {
	if f := it.unread(); f != nil {
		return nil, errors.New(findingText(f))
	}
	var found []valueJSON
	var err error
	switch it.object.Type {
	case "indicator":
		found, err = indicatorValues(it.raw, now)
	case "observed-data": // the objects of STIX 2.0 inside of it are no objects of the file
	default:
		found, err = observableValues(it.object.Type, it.raw)
	}
	for i := range found {
		v := &found[i]
		v.File, v.Object, v.ID, v.Type = it.file, it.number, it.object.ID, it.object.Type
	}
	return found, err
}

func (v *valueJSON) cells(it *stixItem) []string {
	kind := v.Kind
	switch {
	case v.Algorithm != "":
		kind += " " + v.Algorithm
	case kind == kindOther:
		kind = v.Path
	}
	decisive := ""
	if v.Decisive != nil {
		decisive = "no"
		if *v.Decisive {
			decisive = "yes"
		}
	}
	return []string{kind, v.Operator, decisive, it.name(), v.Value, yes(v.Revoked), v.Until}
}

func (t *valuesTotals) exit() error {
	switch t.Unread {
	case 0:
		if t.Objects == 0 {
			return errNoObject
		}
		return nil
	case t.Objects:
		return &exitError{code: exitRefused}
	}
	return &exitError{code: exitPartly}
}
