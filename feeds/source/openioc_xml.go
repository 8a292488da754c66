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

// readIOC reads a document token by token, so that what is nested too deep or
// declares entities is refused before it costs anything.
func readIOC(in io.Reader) (*iocDocument, error) {
	d := xml.NewDecoder(limited(in))
	d.CharsetReader = charset.NewReaderLabel
	doc := &iocDocument{root: &iocNode{group: true, or: true}}
	groups, nodes, depth := []*iocNode{doc.root}, 0, 0
	var item *iocNode
	var text *string
	rel := ""
	for {
		token, err := d.Token()
		if d.InputOffset() > maxIOC {
			return nil, fmt.Errorf("it is larger than %d MiB", maxIOC>>20)
		}
		if err == io.EOF && doc.id == "" {
			return nil, errNotIOC
		}
		if err == io.EOF {
			return doc, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.Directive:
			return nil, errors.New("it declares a document type, which OpenIOC has none of")
		case xml.CharData:
			if text != nil {
				*text += string(t)
			}
		case xml.StartElement:
			if depth++; depth > maxIOCDepth {
				return nil, fmt.Errorf("it is nested more than %d deep", maxIOCDepth)
			}
			text = nil
			switch t.Name.Local {
			case "ioc", "OpenIOC":
				if depth == 1 {
					doc.id, doc.modified = attribute(t, "id"), attribute(t, "last-modified")+attribute(t, "last-modified-date")
				}
			case "short_description":
				text = &doc.name
			case "description":
				text = &doc.description
			case "authored_date":
				text = &doc.written
			case "link":
				if rel = attribute(t, "rel"); rel == "family" && doc.family == "" {
					text = &doc.family
				}
			case "Indicator", "IndicatorItem":
				if nodes++; nodes > maxIOCNodes {
					return nil, fmt.Errorf("it has more than %d terms", maxIOCNodes)
				}
				n := &iocNode{group: t.Name.Local == "Indicator", or: !strings.EqualFold(attribute(t, "operator"), "AND"),
					condition: attribute(t, "condition"), negated: attribute(t, "negate") == "true"}
				parent := groups[len(groups)-1]
				parent.children = append(parent.children, n)
				if n.group {
					groups = append(groups, n)
				} else {
					item = n
				}
			case "Context":
				if item != nil {
					item.search = attribute(t, "search")
				}
			case "Content":
				if item != nil {
					text = &item.value
				}
			}
		case xml.EndElement:
			depth--
			text = nil
			switch t.Name.Local {
			case "Indicator":
				groups = groups[:len(groups)-1]
			case "IndicatorItem":
				item = nil
			}
		}
		if depth == 1 && doc.id == "" {
			return nil, errNotIOC
		}
	}
}

func attribute(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
