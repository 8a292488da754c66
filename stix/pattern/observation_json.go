package pattern

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// number is a JSON number as it was written: none is rounded.
type number string

const (
	maxDepth    = 64
	maxExponent = 9999 // far beyond what a double holds
	maxExcerpt  = 80
)

// decodeAll reads all JSON values of data. They are nil, bool, string, number,
// []any and map[string]any.
func decodeAll(data []byte) ([]any, error) {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	var values []any
	for {
		v, err := decodeValue(d)
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return nil, malformed(d, err)
		}
		values = append(values, v)
	}
}

var (
	errDepth  = fmt.Errorf("nested deeper than %d levels", maxDepth)
	errNumber = fmt.Errorf("a number with an exponent beyond %d", maxExponent)
)

// malformed words an error of the decoder, whose own may quote the input at
// any length.
func malformed(d *jsontext.Decoder, err error) error {
	at := d.InputOffset()
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		at = syntactic.ByteOffset
	}
	switch {
	case errors.Is(err, errDepth), errors.Is(err, errNumber):
		return fmt.Errorf("byte %d: %w", at, err)
	case errors.Is(err, jsontext.ErrDuplicateName):
		return fmt.Errorf("byte %d: an object has the same name twice", at)
	}
	return fmt.Errorf("byte %d: this is not JSON in UTF-8", at)
}

func decodeValue(d *jsontext.Decoder) (any, error) {
	token, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case 't', 'f':
		return token.Bool(), nil
	case '"':
		return token.String(), nil
	case '0':
		n := number(token.String())
		if _, ok := parseDecimal(string(n)); !ok {
			return nil, errNumber
		}
		return n, nil
	case '[':
		return decodeList(d)
	case '{':
		return decodeObject(d)
	}
	return nil, nil
}

func decodeList(d *jsontext.Decoder) (any, error) {
	if d.StackDepth() > maxDepth {
		return nil, errDepth
	}
	list := []any{}
	for d.PeekKind() != ']' {
		v, err := decodeValue(d)
		if err != nil {
			return nil, unfinished(err)
		}
		list = append(list, v)
	}
	_, err := d.ReadToken()
	return list, unfinished(err)
}

func decodeObject(d *jsontext.Decoder) (any, error) {
	if d.StackDepth() > maxDepth {
		return nil, errDepth
	}
	object := map[string]any{}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, unfinished(err)
		}
		key := name.String()
		if object[key], err = decodeValue(d); err != nil {
			return nil, unfinished(err)
		}
	}
	_, err := d.ReadToken()
	return object, unfinished(err)
}

// unfinished keeps an end within a value apart from the end of the input.
func unfinished(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// between returns n if it is an integer from low to high.
func (n number) between(low, high int) (int, bool) {
	d, ok := parseDecimal(string(n))
	if !ok || d.negative || len(d.digits) > d.exponent || d.exponent > 18 {
		return 0, false
	}
	v := 0
	for i := range d.exponent {
		v *= 10
		if i < len(d.digits) {
			v += int(d.digits[i] - '0')
		}
	}
	return v, low <= v && v <= high
}

// excerpt cuts what an error quotes.
func excerpt(s string) string {
	if len(s) <= maxExcerpt {
		return s
	}
	cut := maxExcerpt
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "..."
}
