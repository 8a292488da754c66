package misp

import (
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Text is a string that some tools write as a number, true, false or null.
type Text string

func (t *Text) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	s, err := scalar(d, "text")
	*t = Text(s)
	return err
}

// Number is an integer that most tools write as a string. null and "" are 0.
type Number int64

func (n *Number) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*n = 0
	s, err := scalar(d, "an integer")
	if err != nil || s == "" {
		return err
	}
	i, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return &json.SemanticError{Err: errNotInteger}
	}
	*n = Number(i)
	return nil
}

func (n Number) MarshalJSONTo(e *jsontext.Encoder) error {
	return e.WriteToken(jsontext.String(strconv.FormatInt(int64(n), 10)))
}

// Flag is true or false, which some tools write as 1, 0, "1" or "0".
type Flag bool

func (f *Flag) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	s, err := scalar(d, "true or false")
	if err != nil {
		return err
	}
	switch strings.ToLower(s) {
	case "true", "1":
		*f = true
	case "false", "0", "":
		*f = false
	default:
		return &json.SemanticError{Err: errNotFlag}
	}
	return nil
}

// Time is a moment: first_seen and last_seen, which are in ISO 8601 or, from
// older tools, in microseconds or seconds since 1970. null and "" are the zero
// time.
type Time struct{ time.Time }

func (t *Time) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	*t = Time{}
	s, err := scalar(d, "a time")
	if err != nil || s == "" {
		return err
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 0 {
		if n > 1e12 {
			t.Time = time.UnixMicro(n).UTC()
		} else {
			t.Time = time.Unix(n, 0).UTC()
		}
	} else {
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02"} {
			if t.Time, err = time.Parse(layout, s); err == nil {
				break
			}
		}
	}
	t.Time = t.UTC().Truncate(time.Millisecond)
	if t.Year() < 1970 || t.Year() > 2199 {
		return &json.SemanticError{Err: errNotTime}
	}
	return nil
}

func (t Time) MarshalJSONTo(e *jsontext.Encoder) error {
	return e.WriteToken(jsontext.String(t.UTC().Format("2006-01-02T15:04:05.000000+00:00")))
}

// scalar reads one value that is no list and no object, as text.
func scalar(d *jsontext.Decoder, want string) (string, error) {
	switch d.PeekKind() {
	case '[', '{':
		return "", &json.SemanticError{Err: notScalar(want)}
	}
	t, err := d.ReadToken()
	if err != nil || t.Kind() == 'n' {
		return "", err
	}
	return t.String(), nil
}
