package main

import (
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"
	"strings"
)

// sarifLog writes findings as they come, as one run of a SARIF 2.1.0 log. The
// results stand before the tool, whose rules are known only at the end, so
// that nothing but the rules is held in memory.
type sarifLog struct {
	out     io.Writer
	version string // of this program
	begun   bool
	rules   []sarifRule
	index   map[string]int // of rules, by code
}

const sarifHead = `{
  "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
  "version": "2.1.0",
  "runs": [
    {
      "columnKind": "unicodeCodePoints",
      "results": [`

type (
	sarifMessage struct {
		Text string `json:"text"`
	}
	// sarifRule is a reportingDescriptor (SARIF 2.1.0 §3.49).
	sarifRule struct {
		ID               string       `json:"id"`
		ShortDescription sarifMessage `json:"shortDescription"`
	}
	// sarifResult is a result (§3.27).
	sarifResult struct {
		RuleID     string          `json:"ruleId"`
		RuleIndex  int             `json:"ruleIndex"`
		Level      string          `json:"level"`
		Message    sarifMessage    `json:"message"`
		Locations  []sarifLocation `json:"locations"`
		Properties sarifProperties `json:"properties"`
	}
	// sarifLocation is a location (§3.28).
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	// sarifRegion is a region (§3.30), told in text and in bytes.
	sarifRegion struct {
		StartLine   int   `json:"startLine,omitempty"`
		StartColumn int   `json:"startColumn,omitempty"`
		ByteOffset  int64 `json:"byteOffset"`
		ByteLength  int   `json:"byteLength,omitempty"`
	}
	// sarifLogical is a logicalLocation (§3.33): of JSON, a pointer.
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
	}
	sarifProperties struct {
		ObjectID string `json:"objectId,omitempty"`
		Object   *int   `json:"object,omitempty"` // in its file, from 0
		Section  string `json:"section,omitempty"`
	}
)

func newSARIF(out io.Writer, version string) *sarifLog {
	return &sarifLog{out: out, version: version, index: map[string]int{}}
}

func (s *sarifLog) item(it *stixItem, findings []told) error {
	for _, f := range findings {
		message := f.Message
		if f.Section != "" {
			message += " (" + f.Section + ")"
		}
		var logical []sarifLogical
		if f.Path != "" {
			logical = []sarifLogical{{f.Path}}
		}
		err := s.write(sarifResult{
			RuleID: f.Code, RuleIndex: s.rule(f.Code), Level: severityName(f.Severity),
			Message: sarifMessage{message},
			Locations: []sarifLocation{{
				Physical: sarifPhysical{
					Artifact: sarifArtifact{fileURI(it.file)},
					Region:   sarifRegion{f.Line, f.Column, f.Byte, f.length},
				},
				Logical: logical,
			}},
			Properties: sarifProperties{it.id(), it.position(), f.Section},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// rule returns the index of a code among the rules.
func (s *sarifLog) rule(code string) int {
	i, known := s.index[code]
	if !known {
		i = len(s.rules)
		s.index[code] = i
		s.rules = append(s.rules, sarifRule{code, sarifMessage{strings.ReplaceAll(code, "-", " ")}})
	}
	return i
}

func (s *sarifLog) write(r sarifResult) error {
	lead := ",\n        "
	if !s.begun {
		s.begun, lead = true, sarifHead+"\n        "
	}
	return s.print(lead, r, "        ")
}

// print writes v after lead, its further lines indented.
func (s *sarifLog) print(lead string, v any, indent string) error {
	var b strings.Builder
	b.WriteString(lead)
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent(indent, "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := s.out.Write(plainText([]byte(strings.TrimSuffix(b.String(), "\n"))))
	return err
}

type sarifNotification struct {
	Level   string       `json:"level"`
	Message sarifMessage `json:"message"`
}

// end closes the log, which is whole even where a file could not be read.
func (s *sarifLog) end(_ *validateTotals, unread error) error {
	if !s.begun {
		if _, err := io.WriteString(s.out, sarifHead); err != nil {
			return err
		}
	}
	type invocation struct {
		Successful    bool                `json:"executionSuccessful"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	inv := invocation{Successful: unread == nil}
	if unread != nil {
		inv.Notifications = []sarifNotification{{"error", sarifMessage{unread.Error()}}}
	}
	if err := s.print("\n      ],\n      \"invocations\": ", []invocation{inv}, "      "); err != nil {
		return err
	}
	type driver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		URI     string      `json:"informationUri"`
		Rules   []sarifRule `json:"rules"`
	}
	rules := append([]sarifRule{}, s.rules...)
	tool := map[string]driver{"driver": {"selat", s.version, "https://github.com/selat-hub/selat", rules}}
	if err := s.print(",\n      \"tool\": ", tool, "      "); err != nil {
		return err
	}
	_, err := io.WriteString(s.out, "\n    }\n  ]\n}\n")
	return err
}

// fileURI is how SARIF names a file: a relative one by a relative reference.
func fileURI(name string) string {
	if name == "-" {
		return "stdin"
	}
	slashed := filepath.ToSlash(name)
	if !filepath.IsAbs(name) {
		return (&url.URL{Path: slashed}).String()
	}
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a drive's letter
	}
	return (&url.URL{Scheme: "file", Path: slashed}).String()
}
