package source

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/html/charset"
)

const (
	maxIOCDepth = 64
	maxIOCNodes = 20_000
)

// iocDocument is what is read of a document.
type iocDocument struct {
	id, modified, written     string
	name, description, family string
	root                      *iocNode
}

// iocNode is a group of an Indicator element, or an item.
type iocNode struct {
	group, or                bool
	children                 []*iocNode
	condition, search, value string
	negated                  bool
}

// iocReader reads a document token by token, so that what is nested too deep or
// declares entities is refused before it costs anything.
type iocReader struct {
	doc    *iocDocument
	groups []*iocNode // that are open, the root first
	item   *iocNode   // that is open, nil without one
	text   *string    // where text goes, nil where it counts for nothing
	nodes  int
	depth  int
}

func readIOC(in io.Reader) (*iocDocument, error) {
	failed := &readError{Reader: limited(in)}
	d := xml.NewDecoder(failed)
	d.CharsetReader = charset.NewReaderLabel
	root := &iocNode{group: true, or: true}
	r := iocReader{doc: &iocDocument{root: root}, groups: []*iocNode{root}}
	for {
		token, err := d.Token()
		switch {
		case d.InputOffset() > maxIOC:
			return nil, fmt.Errorf("it is larger than %d MiB", maxIOC>>20)
		case err == io.EOF && r.doc.id == "":
			return nil, errNotIOC
		case err == io.EOF:
			return r.doc, nil
		case failed.err != nil:
			return nil, failed.err
		case err != nil:
			line, _ := d.InputPos() // the error quotes names that stand there
			return nil, fmt.Errorf("it is no valid XML at line %d", line)
		}
		if err := r.take(token); err != nil {
			return nil, err
		}
		if r.depth == 1 && r.doc.id == "" {
			return nil, errNotIOC
		}
	}
}

func (r *iocReader) take(token xml.Token) error {
	switch t := token.(type) {
	case xml.Directive:
		return errors.New("it declares a document type, which OpenIOC has none of")
	case xml.CharData:
		if r.text != nil {
			*r.text += string(t)
		}
	case xml.StartElement:
		return r.start(t)
	case xml.EndElement:
		r.depth--
		r.text = nil
		switch t.Name.Local {
		case "Indicator":
			r.groups = r.groups[:len(r.groups)-1]
		case "IndicatorItem":
			r.item = nil
		}
	}
	return nil
}

func (r *iocReader) start(t xml.StartElement) error {
	if r.depth++; r.depth > maxIOCDepth {
		return fmt.Errorf("it is nested more than %d deep", maxIOCDepth)
	}
	r.text = nil
	switch t.Name.Local {
	case "ioc", "OpenIOC":
		if r.depth == 1 {
			r.doc.id, r.doc.modified = attribute(t, "id"), attribute(t, "last-modified")+attribute(t, "last-modified-date")
		}
	case "short_description":
		r.text = &r.doc.name
	case "description":
		r.text = &r.doc.description
	case "authored_date":
		r.text = &r.doc.written
	case "link":
		if attribute(t, "rel") == "family" && r.doc.family == "" {
			r.text = &r.doc.family
		}
	case "Indicator", "IndicatorItem":
		return r.node(t)
	case "Context":
		if r.item != nil {
			r.item.search = attribute(t, "search")
		}
	case "Content":
		if r.item != nil {
			r.text = &r.item.value
		}
	}
	return nil
}

// node opens a group or an item.
func (r *iocReader) node(t xml.StartElement) error {
	if r.nodes++; r.nodes > maxIOCNodes {
		return fmt.Errorf("it has more than %d terms", maxIOCNodes)
	}
	n := &iocNode{group: t.Name.Local == "Indicator", or: !strings.EqualFold(attribute(t, "operator"), "AND"),
		condition: attribute(t, "condition"), negated: attribute(t, "negate") == "true"}
	parent := r.groups[len(r.groups)-1]
	parent.children = append(parent.children, n)
	if n.group {
		r.groups = append(r.groups, n)
	} else {
		r.item = n
	}
	return nil
}

func attribute(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
