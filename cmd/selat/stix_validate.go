package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/stix"
)

// validateOptions is what the command line of validate says.
type validateOptions struct {
	format string
	strict bool
	quiet  bool
}

const (
	formatText  = "text"
	formatJSON  = "json"
	formatSARIF = "sarif"
)

func newStixValidateCmd() *cobra.Command {
	var o validateOptions
	cmd := &cobra.Command{
		Use:   "validate FILE...",
		Short: "Tell what is wrong with STIX objects",
		Long: `Holds every object to the rules of STIX 2.1 that the hub holds it to, and tells
what is wrong, where, and by which section of the standard. An error is a broken
MUST: the hub would refuse the object. A warning is a broken SHOULD: it would
pass. The bundle around objects is told of as well, after them; the hub itself
passes over it. Versions of one object are held against each other, at the end,
where there are no more than 10,000 objects that have versions; the hub holds
them against what was published too. TLP and audience are not looked at: see selat stix tlp and selat
route. Files of any size are read in little memory.

With --json there is a line for each finding and one with the totals; byte and
object count from 0, line and column from 1. --format sarif writes SARIF 2.1.0, which
editors and code review show beside the file.

Exit code: 0 no errors, 3 some objects or a bundle have errors, 4 all objects have, 1 a file cannot
be read or nothing is in it, 2 the command line cannot be understood. Warnings
count as errors with --strict.`,
		Example: `  selat stix validate report.json
  selat stix validate --strict --quiet feed/*.json
  selat stix validate --format sarif report.json >report.sarif
  producer | selat stix validate --json - | jq -r .code | sort | uniq -c`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error { return validate(cmd, &o, files) },
	}
	jsonFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&o.format, "format", formatText, "how to print: text, json or sarif")
	f.BoolVar(&o.strict, "strict", false, "take warnings for errors")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print errors only: no warnings, no totals, no progress")
	completeFlag(cmd, "format", formatText, formatJSON, formatSARIF)
	return cmd
}

// told is a finding as it is told, with its place in the input.
type told struct {
	stix.Finding
	place
	length int // in bytes, of what it is about; 0 where that is not known
}

// validateOutput prints what is found. Each item has at least one finding.
type validateOutput interface {
	item(it *stixItem, findings []told) error
	// end is called once, with the totals and why a file was not read to its
	// end.
	end(t *validateTotals, unread error) error
}

// validateTotals counts what was read and found, quiet or not.
type validateTotals struct {
	Objects  int            `json:"objects"`
	Invalid  int            `json:"invalid"` // objects with errors
	Bundles  int            `json:"bundles"` // bundles with errors of their own
	Errors   int            `json:"errors"`
	Warnings int            `json:"warnings"`
	Codes    map[string]int `json:"codes"`
}

func validate(cmd *cobra.Command, o *validateOptions, files []string) error {
	if wantsJSON(cmd) {
		if cmd.Flags().Changed("format") && o.format != formatJSON {
			return usage(cmd, errors.New("--json and --format are two answers to one question: give one of them"))
		}
		o.format = formatJSON
	}
	sources, err := onceSources(cmd, files)
	if err != nil {
		return err
	}
	out, err := newValidateOutput(cmd, o)
	if err != nil {
		return err
	}
	progress := newStixProgress(cmd, o.quiet)
	reading := &stixReading{sources: sources, progress: progress, bundles: true}
	totals := &validateTotals{Codes: map[string]int{}}
	versions := &versionsRead{most: versionsMost}
	unread := reading.each(cmd.Context(), func(it *stixItem) error {
		versions.add(it)
		findings := totals.count(it, o.strict)
		if o.quiet {
			findings = slices.DeleteFunc(findings, func(f stix.Finding) bool { return f.Severity != stix.Error })
		}
		if len(findings) == 0 {
			return nil
		}
		progress.finish()
		return out.item(it, placed(it, findings))
	})
	told := tellVersions(versions, totals, out, o.strict)
	if err := errors.Join(unread, told, out.end(totals, unread)); err != nil {
		return err
	}
	if versions.over && !o.quiet {
		fmt.Fprintf(cmd.ErrOrStderr(), "selat: there are more than %d objects: their versions were not held against each other\n", versionsMost)
	}
	return totals.exit()
}

// tellVersions tells of versions that contradict others, at their objects.
func tellVersions(versions *versionsRead, totals *validateTotals, out validateOutput, strict bool) error {
	for _, v := range versions.contradictions() {
		findings := v.findings()
		if totals.tally(findings, strict) && !(strict && v.warned) {
			totals.Invalid++ // it was not counted before
		}
		if err := out.item(v.stixItem, placed(v.stixItem, findings)); err != nil {
			return err
		}
	}
	return nil
}

func newValidateOutput(cmd *cobra.Command, o *validateOptions) (validateOutput, error) {
	switch o.format {
	case formatText:
		return &validateText{out: cmd.OutOrStdout(), ink: inkFor(cmd.OutOrStdout()), quiet: o.quiet}, nil
	case formatJSON:
		return &validateJSON{jsonLines(cmd)}, nil
	case formatSARIF:
		return newSARIF(cmd.OutOrStdout(), broker.Version()), nil
	}
	return nil, usage(cmd, errors.New("--format is one of text, json and sarif"))
}

// count adds an item to the totals and returns its findings, warnings made
// errors if strict.
func (t *validateTotals) count(it *stixItem, strict bool) []stix.Finding {
	if it.number >= 0 {
		t.Objects++
	}
	findings := it.findings()
	switch broken := t.tally(findings, strict); {
	case broken && it.number >= 0:
		t.Invalid++
	case broken:
		t.Bundles++
	}
	return findings
}

// tally counts findings, warnings made errors if strict, and tells whether
// there is an error among them.
func (t *validateTotals) tally(findings []stix.Finding, strict bool) (broken bool) {
	for i := range findings {
		f := &findings[i]
		if strict {
			f.Severity = stix.Error
		}
		t.Codes[f.Code]++
		if f.Severity == stix.Error {
			t.Errors++
			broken = true
		} else {
			t.Warnings++
		}
	}
	return broken
}

func (t *validateTotals) exit() error {
	switch {
	case t.Objects == 0:
		return errNoObject
	case t.Invalid == t.Objects:
		return &exitError{code: exitRefused}
	case t.Invalid+t.Bundles > 0:
		return &exitError{code: exitPartly}
	}
	return nil
}

// placed finds where in the input each finding is.
func placed(it *stixItem, findings []stix.Finding) []told {
	out := make([]told, len(findings))
	pointers := make([]string, len(findings))
	for i, f := range findings {
		pointers[i] = strings.TrimPrefix(f.Path, it.pointer)
	}
	var spans map[string]span
	if it.object != nil {
		spans = locate(it.raw, pointers)
	}
	for i, f := range findings {
		out[i] = told{Finding: f, place: it.place}
		s, found := spans[pointers[i]]
		if !found {
			continue
		}
		out[i].length = s.to - s.from
		out[i].Byte += int64(s.from)
		if it.place.Line > 0 {
			out[i].place = it.place.after(it.raw[:s.from])
		}
	}
	return out
}
