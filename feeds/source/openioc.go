package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/selat-hub/selat/feeds/build"
)

// unsupportedTerm: nothing in STIX asks for what a term of OpenIOC does.
const unsupportedTerm = "unsupported-term"

// openIOC reads OpenIOC.
type openIOC struct{ maker build.Maker }

func newOpenIOC(c Config) (Source, error) {
	if err := c.Maker.Check(); err != nil {
		return nil, err
	}
	return &openIOC{c.Maker}, nil
}

// Read makes one indicator of a document. Of alternatives (OR) that STIX cannot
// express each is a row of its own that is refused, and the others stand; where
// one of several that belong together (AND) cannot be expressed, neither can
// they. Values are compared as they are written, with their case.
func (s *openIOC) Read(ctx context.Context, in Input, emit func(Row) error) error {
	doc, err := readIOC(in)
	if err != nil {
		return fmt.Errorf("reading %s: %w", in.Name, err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	id := strings.ToLower(strings.TrimSpace(doc.id))
	if id == "" || len(id) > 100 {
		return emit(refuse("document", build.InvalidRow, "the document has no id").at("ioc"))
	}
	var dropped []Row
	root := doc.root
	if len(root.children) == 1 {
		root = root.children[0]
	}
	term, refused := root.term("ioc", &dropped)
	for _, row := range dropped {
		row.Key = id + "/" + row.Position
		if err := emit(row.at(row.Position)); err != nil {
			return err
		}
	}
	if refused != nil {
		return emit(Row{Key: id, Refused: refused}.at("ioc"))
	}
	modified, ok := readTime(doc.modified)
	if !ok {
		return emit(refuse(id, build.InvalidTime, "last-modified is no time").at("ioc"))
	}
	written, _ := readTime(doc.written)
	if written.After(modified) && !modified.IsZero() {
		written = modified
	}
	name, description := doc.name, doc.description
	if build.Text(name) == "" {
		name = "OpenIOC " + id
	}
	if build.Text(description) == "" {
		description = "Listed by " + s.maker.Feed
	}
	indicator := s.maker.Indicator(build.Indicator{
		Common: build.Common{Key: id, Created: written, Modified: modified,
			References: []build.Reference{{Source: "openioc", ID: id}}},
		Pattern: term.pattern(), Name: name, Description: description, Types: []string{"malicious-activity"}, ValidFrom: written,
	})
	row := Row{Key: id, Objects: []Draft{indicator}}
	if build.Text(doc.family) != "" {
		family := s.maker.Malware(build.Malware{Name: doc.family})
		row.Objects = []Draft{family, indicator, s.maker.Indicates(indicator, family, 0)}
	}
	return emit(row.at("ioc"))
}

// iocTerm is what a part of the tree asks for: a comparison on one type of object
// or, where condition is empty, an observation expression.
type iocTerm struct{ object, condition, observation string }

func (t iocTerm) pattern() string {
	if t.condition != "" {
		return "[" + t.condition + "]"
	}
	return t.observation
}

// term makes a node's term. Alternatives that cannot be expressed are dropped and
// told.
func (n *iocNode) term(position string, dropped *[]Row) (iocTerm, *Refusal) {
	if !n.group {
		return n.item()
	}
	var terms []iocTerm
	for i, child := range n.children {
		at := fmt.Sprintf("%s/%d", position, i)
		if n.or {
			t, refused := child.term(at, dropped)
			if refused != nil {
				*dropped = append(*dropped, Row{Position: at, Refused: refused})
				continue
			}
			terms = append(terms, t)
			continue
		}
		t, refused := child.term(at, dropped)
		if refused != nil {
			return iocTerm{}, refused
		}
		terms = append(terms, t)
	}
	if len(terms) == 0 {
		return iocTerm{}, &Refusal{Code: unsupportedTerm, Message: "nothing is left of it that STIX can express"}
	}
	return join(terms, n.or), nil
}

// join joins terms: in one pair of brackets where all are about one type of
// object, else as observations of their own.
func join(terms []iocTerm, or bool) iocTerm {
	if len(terms) == 1 {
		return terms[0]
	}
	op := " AND "
	if or {
		op = " OR "
	}
	one := true
	var conditions, observations []string
	for _, t := range terms {
		one = one && t.condition != "" && t.object == terms[0].object
		conditions, observations = append(conditions, t.condition), append(observations, t.pattern())
	}
	if one {
		return iocTerm{object: terms[0].object, condition: "(" + strings.Join(conditions, op) + ")"}
	}
	return iocTerm{observation: "(" + strings.Join(observations, op) + ")"}
}

var errNotIOC = errors.New("it is no OpenIOC document, whose root is ioc or OpenIOC")

// maxIOC bounds a document, in bytes.
const maxIOC = 8 << 20

func limited(r io.Reader) io.Reader { return io.LimitReader(r, maxIOC+1) }
