package marking

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/selat-hub/selat/stix"
)

// walker goes once through one JSON object and notes where its members are, and
// which of the paths in a tree it has.
type walker struct {
	raw     []byte
	dec     *jsontext.Decoder
	members []member
}

// member is a member of the object: its name, and the offsets in the object of
// the name with its quotes and of the value.
type member struct {
	name               string
	nameFrom, nameTo   int
	valueFrom, valueTo int
}

var errTooDeep = errors.New("too deep")

// walk reads the object, and marks in the tree what is there; the tree may be
// nil. Its error is ErrInvalidObject.
func walk(object []byte, wanted *tree) ([]member, error) {
	w := walker{raw: object, dec: jsontext.NewDecoder(bytes.NewBuffer(object))}
	if w.dec.PeekKind() != '{' {
		return nil, fmt.Errorf("%w: give one STIX object, as JSON", ErrInvalidObject)
	}
	if err := w.object(wanted); err != nil {
		return nil, w.explain(err)
	}
	if _, err := w.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: give one STIX object, something follows it at byte %d", ErrInvalidObject, w.dec.InputOffset())
	}
	return w.members, nil
}

// explain says what is wrong without repeating what is there, as the decoder's
// own errors may.
func (w *walker) explain(err error) error {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, errTooDeep):
		return fmt.Errorf("%w: it nests deeper than %d levels at byte %d", ErrInvalidObject, stix.DefaultLimits.Depth, w.dec.InputOffset())
	case errors.Is(err, jsontext.ErrDuplicateName):
		return fmt.Errorf("%w: a name is used twice in one object before byte %d, leave one of the two", ErrInvalidObject, w.dec.InputOffset())
	case errors.As(err, &syntax):
		return fmt.Errorf("%w: it is no JSON in UTF-8 from byte %d on", ErrInvalidObject, syntax.ByteOffset)
	}
	return fmt.Errorf("%w: it ends too early, at byte %d", ErrInvalidObject, len(w.raw))
}

func (w *walker) value(at *tree) error {
	if at != nil {
		at.present = true
	}
	switch w.dec.PeekKind() {
	case '{':
		return w.object(at)
	case '[':
		return w.list(at)
	}
	v, err := w.dec.ReadValue()
	if err == nil && at != nil && at.ends {
		at.text, err = text(v)
	}
	return err
}

func (w *walker) object(at *tree) error {
	if err := w.open(); err != nil {
		return err
	}
	top := w.dec.StackDepth() == 1
	for w.dec.PeekKind() == '"' {
		quoted, err := w.dec.ReadValue()
		if err != nil {
			return err
		}
		m := member{nameTo: int(w.dec.InputOffset())}
		m.nameFrom = m.nameTo - len(quoted)
		var below *tree
		if top || at != nil && at.below != nil {
			if m.name, err = text(quoted); err != nil {
				return err
			}
			// A name that looks like a position is out of reach of selectors.
			if isName(m.name) {
				below = at.step(m.name)
			}
		}
		if err := w.value(below); err != nil {
			return err
		}
		if top {
			m.valueFrom = skipSpace(w.raw, skipSpace(w.raw, m.nameTo)+1)
			m.valueTo = int(w.dec.InputOffset())
			w.members = append(w.members, m)
		}
	}
	_, err := w.dec.ReadToken()
	return err
}

func (w *walker) list(at *tree) error {
	if err := w.open(); err != nil {
		return err
	}
	for i := 0; ; i++ {
		if k := w.dec.PeekKind(); k == ']' || k == 0 {
			break
		}
		var item *tree
		if at != nil && at.below != nil {
			item = at.step("[" + strconv.Itoa(i) + "]")
		}
		if err := w.value(item); err != nil {
			return err
		}
	}
	_, err := w.dec.ReadToken()
	return err
}

func (w *walker) open() error {
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	if w.dec.StackDepth() > stix.DefaultLimits.Depth {
		return errTooDeep
	}
	return nil
}

// step goes one component down; there is nothing below nil.
func (t *tree) step(component string) *tree {
	if t == nil {
		return nil
	}
	return t.below[component]
}

// text decodes a string that the decoder took; another scalar stays as it is.
func text(v jsontext.Value) (string, error) {
	if v[0] != '"' {
		return string(v), nil
	}
	if bytes.IndexByte(v, '\\') < 0 {
		return string(v[1 : len(v)-1]), nil
	}
	s, err := jsontext.AppendUnquote(nil, v)
	return string(s), err
}

func skipSpace(b []byte, p int) int {
	for p < len(b) && (b[p] == ' ' || b[p] == '\n' || b[p] == '\r' || b[p] == '\t') {
		p++
	}
	return p
}
