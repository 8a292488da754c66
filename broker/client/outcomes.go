package client

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// Line is what became of one object of the input: the hub's receipt, with
// Object counting the objects of the whole input from 0, in place of those of
// one submission. For RED there is a line for each object and recipient.
type Line struct {
	// File is the name of the Source.
	File string `json:"file,omitempty"`
	api.ObjectReceipt
}

// position is where in the input an object stands.
type position struct {
	number int    // over all sources, from 0
	file   string // the source
	index  int    // in the source, from 0
}

// line tells a receipt in the input's own numbers: a finding at
// /objects/17/... of a submission is at /objects/<index>/... of the source.
func (p position) line(r api.ObjectReceipt) Line {
	from, to := "/objects/"+strconv.Itoa(r.Object), "/objects/"+strconv.Itoa(p.index)
	r.Findings, r.Warnings = slices.Clone(r.Findings), slices.Clone(r.Warnings)
	for i := range r.Findings {
		r.Findings[i].Path = movePath(r.Findings[i].Path, from, to)
	}
	for i := range r.Warnings {
		r.Warnings[i].Path = movePath(r.Warnings[i].Path, from, to)
	}
	r.Object = p.number
	return Line{File: p.file, ObjectReceipt: r}
}

func movePath(path, from, to string) string {
	if rest, ok := strings.CutPrefix(path, from); ok && (rest == "" || rest[0] == '/') {
		return to + rest
	}
	return path
}

// refusal is a line for an object refused before it reached the hub.
func (p position) refusal(id string, f stix.Finding) Line {
	f.Path = "/objects/" + strconv.Itoa(p.index) + f.Path
	return Line{File: p.file, ObjectReceipt: api.ObjectReceipt{
		Object: p.number, ID: id, Outcome: api.Refused, Findings: []stix.Finding{f},
	}}
}

// outcomes gathers what the submissions say of an object that travels in
// several: accepted once any accepted it, refused only if all refused it. For
// RED it is so for each recipient.
type outcomes struct {
	lines []api.ObjectReceipt
}

func (o *outcomes) add(r api.ObjectReceipt) {
	for i := range o.lines {
		was := &o.lines[i]
		if was.Level == stix.Red && r.Level == stix.Red && was.Audience != r.Audience {
			continue
		}
		if rank(r.Outcome) > rank(was.Outcome) {
			*was = r
		}
		return
	}
	o.lines = append(o.lines, r)
}

func rank(o api.Outcome) int {
	switch o {
	case api.Accepted:
		return 2
	case api.Duplicate:
		return 1
	}
	return 0
}

// PlaceCount counts lines for one audience at one level. Refused lines that
// name no place, and all that came as counts, are under the empty audience.
type PlaceCount struct {
	Audience  string     `json:"audience,omitempty"`
	Level     stix.Level `json:"tlp,omitempty"`
	Accepted  int        `json:"accepted"`
	Duplicate int        `json:"duplicate"`
	Refused   int        `json:"refused"`
}

// Summary is the result of Publish. Accepted, Duplicate and Refused count
// lines: one for each object, and for RED one for each object and recipient.
type Summary struct {
	Objects     int   `json:"objects"`
	Bytes       int64 `json:"bytes"`
	Submissions int   `json:"submissions"`
	Accepted    int   `json:"accepted"`
	Duplicate   int   `json:"duplicate"`
	Refused     int   `json:"refused"`
	// Unanswered objects have no line: publishing ended before the hub told of
	// them. They may or may not be stored; publishing them again is safe.
	Unanswered int `json:"unanswered,omitempty"`
	// Untold objects were answered but have no line: the receipt was too large
	// for one message and came as counts. Accepted, Duplicate and Refused count
	// them, and once more each supporting object that travelled with them.
	Untold int            `json:"untold,omitempty"`
	Places []PlaceCount   `json:"places,omitempty"`
	Codes  map[string]int `json:"codes,omitempty"`
}

func (s *Summary) count(l *Line) {
	place := s.place(l.Audience, l.Level)
	switch l.Outcome {
	case api.Accepted:
		s.Accepted++
		place.Accepted++
	case api.Duplicate:
		s.Duplicate++
		place.Duplicate++
	default:
		s.Refused++
		place.Refused++
		code := "unknown"
		if len(l.Findings) > 0 {
			code = l.Findings[0].Code
		}
		s.code(code, 1)
	}
}

// countAlone adds the counts of a receipt without lines.
func (s *Summary) countAlone(r *api.Receipt) {
	place := s.place("", stix.NoLevel)
	s.Accepted, place.Accepted = s.Accepted+r.Accepted, place.Accepted+r.Accepted
	s.Duplicate, place.Duplicate = s.Duplicate+r.Duplicate, place.Duplicate+r.Duplicate
	s.Refused, place.Refused = s.Refused+r.Refused, place.Refused+r.Refused
	if r.Refused > 0 {
		s.code("unknown", r.Refused)
	}
}

func (s *Summary) code(code string, n int) {
	if s.Codes == nil {
		s.Codes = map[string]int{}
	}
	s.Codes[code] += n
}

func (s *Summary) place(audience string, level stix.Level) *PlaceCount {
	for i := range s.Places {
		if p := &s.Places[i]; p.Audience == audience && p.Level == level {
			return p
		}
	}
	s.Places = append(s.Places, PlaceCount{Audience: audience, Level: level})
	return &s.Places[len(s.Places)-1]
}

// String is the summary in one line, for logs.
func (s *Summary) String() string {
	return fmt.Sprintf("%d objects: %d accepted, %d duplicate, %d refused, %d unanswered", s.Objects, s.Accepted, s.Duplicate, s.Refused, s.Unanswered)
}
