package client

import (
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// envelope is a page as it came (TAXII 2.1 §3.7, and §5.3 and §5.9 for
// manifests and versions, which have the same form).
type envelope struct {
	more    bool
	hasMore bool // the server said whether there is more
	next    string
	items   []jsontext.Value // the bytes received
}

// itemsMost bounds the items of one page, whose bytes PageBytes bounds: empty
// ones would take far more memory than that.
const itemsMost = 1_000_000

// lenient lets through what is the business of whoever reads the objects: a
// name twice, or broken UTF-8, in one object must not keep the rest back.
var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// readEnvelope reads a page whose items are in a member of this name. It holds
// the items and no more.
func readEnvelope(r io.Reader, member string) (*envelope, error) {
	d := jsontext.NewDecoder(r, lenient...)
	e := new(envelope)
	if err := begin(d, '{', "the page"); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String()
		if key == "more" || key == "next" || key == member {
			if seen[key] {
				return nil, fmt.Errorf("the page has %q twice", key)
			}
			seen[key] = true
		}
		switch key {
		case "more":
			err = e.readMore(d)
		case "next":
			err = e.readNext(d)
		case member:
			err = e.readItems(d, member)
		default:
			err = d.SkipValue()
		}
		if err != nil {
			return nil, err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	switch _, err := d.ReadToken(); {
	case err == nil:
		return nil, errors.New("something follows the page")
	case !errors.Is(err, io.EOF):
		return nil, err
	}
	return e, nil
}

// begin takes the bracket that opens a value.
func begin(d *jsontext.Decoder, bracket jsontext.Kind, what string) error {
	if k := d.PeekKind(); k != bracket && k != 0 {
		return fmt.Errorf("%s is %s in JSON", what, k)
	}
	_, err := d.ReadToken()
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (e *envelope) readMore(d *jsontext.Decoder) error {
	t, err := d.ReadToken()
	if err != nil {
		return err
	}
	switch t.Kind() {
	case 't', 'f':
		e.more, e.hasMore = t.Bool(), true
	case 'n':
	default:
		return fmt.Errorf(`"more" is %s in JSON, not true or false`, t.Kind())
	}
	return nil
}

// readNext takes a number too: some servers count their pages.
func (e *envelope) readNext(d *jsontext.Decoder) error {
	if k := d.PeekKind(); k == '{' || k == '[' || k == 't' || k == 'f' {
		return fmt.Errorf(`"next" is %s in JSON, not a string`, k)
	}
	t, err := d.ReadToken()
	if err == nil && t.Kind() != 'n' {
		e.next = t.String()
	}
	return err
}

func (e *envelope) readItems(d *jsontext.Decoder, member string) error {
	if d.PeekKind() == 'n' {
		_, err := d.ReadToken()
		return err
	}
	if err := begin(d, '[', fmt.Sprintf("%q", member)); err != nil {
		return err
	}
	for d.PeekKind() != ']' {
		v, err := d.ReadValue()
		if err != nil {
			return err
		}
		if len(e.items) == itemsMost {
			return fmt.Errorf("the page has more than %d items: ask for fewer with a limit", itemsMost)
		}
		e.items = append(e.items, v.Clone())
	}
	_, err := d.ReadToken()
	return err
}
