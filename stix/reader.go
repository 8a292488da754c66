package stix

import (
	"bytes"
	"errors"
	"io"
	"strconv"
)

// Reader finds the objects in an input of any size, holding no more than one
// of them in memory. The input is any number of JSON values one after another,
// each a STIX bundle, a TAXII envelope or an object; so a bundle, an object and
// a file with an object on each line are all read as they are.
//
// It tells objects apart and no more: each is one JSON value of at most
// Limits.ObjectBytes, and is for Split to check. Other limits do not apply.
type Reader struct {
	w     window
	s     scanner
	lim   Limits
	state readState
	start int64
}

type readState uint8

const (
	betweenValues readState = iota
	beforeElement           // of the list of objects, the first or after a comma
	afterElement
	afterList // in a bundle, after its list of objects
	lost      // after broken JSON
	atEnd
)

// NewReader returns a Reader of r.
func NewReader(r io.Reader, lim Limits) *Reader {
	return &Reader{w: window{in: r, kept: -1}, lim: lim.orDefault(), start: -1}
}

// Offset returns where in the input the item began that Next returned last or
// that its error is about: a number of bytes from the start of the input.
func (r *Reader) Offset() int64 { return max(r.start, 0) }

// Next returns the bytes of the next object, which are the caller's to keep,
// or io.EOF after the last.
//
// A *Finding error is about one item and names its byte offset; Next can be
// called again. An object too large or a value that is no object is passed
// over. Where the JSON itself is broken, reading goes on at the next line that
// begins with '{', if there is one. After any other error, which is one of the
// underlying reader, comes io.EOF.
func (r *Reader) Next() ([]byte, error) {
	for {
		r.w.kept = -1
		var raw []byte
		var err error
		switch r.state {
		case betweenValues:
			raw, err = r.value()
		case beforeElement, afterElement:
			raw, err = r.element()
		case afterList:
			err = r.rest()
		case lost:
			err = r.resume()
		default:
			return nil, io.EOF
		}
		if err != nil || raw != nil {
			return raw, err
		}
	}
}

// value reads a value of the top level, up to the list of objects in it if it
// is a bundle. Like its kin it returns nothing where there is no object yet.
func (r *Reader) value() ([]byte, error) {
	w := &r.w
	if w.offset(w.at) == 0 {
		for len(w.buf) < 3 && w.more() {
		}
		if bytes.HasPrefix(w.buf, []byte("\uFEFF")) {
			w.at = 3 // a byte order mark says nothing in UTF-8
		}
	}
	c, ok := w.peek()
	if !ok {
		return nil, r.end()
	}
	r.start = w.offset(w.at)
	if c == '{' {
		w.kept = w.at
		w.at++
		return r.members()
	}
	if !w.frame(new(framing), 0) {
		return nil, r.short()
	}
	if w.offset(w.at) == r.start || !startsValue(c) {
		return nil, r.broken(r.start)
	}
	return nil, r.complain(codeNotAnObject, "this is %s: only bundles and objects can stand here", kindName(kindOf(c)))
}

// members reads an object of the top level from its first member on: to its
// end if it is an object of its own, or to the list of objects of a bundle.
func (r *Reader) members() ([]byte, error) {
	w := &r.w
	isBundle := false
	for first := true; ; first = false {
		name, end, err := r.member(first)
		switch {
		case err != nil:
			return nil, err
		case end && isBundle:
			return nil, nil // it holds no objects
		case end:
			return r.item()
		case name == "objects" && w.buf[w.at] == '[':
			w.at++
			r.state = beforeElement
			return nil, nil
		}
		from := w.at - w.kept
		if f := (framing{}); !w.frame(&f, r.lim.ObjectBytes) {
			return nil, r.unfinished(&f, &framing{depth: 1})
		}
		if name != "type" {
			continue
		}
		if isBundle = decoded(w.buf[w.kept+from:w.at]) == "bundle"; !isBundle {
			if f := (framing{depth: 1}); !w.frame(&f, r.lim.ObjectBytes) {
				return nil, r.unfinished(&f)
			}
			return r.item()
		}
	}
}

// member moves to the value of the next member of the object that r is in and
// returns its name, or takes the brace at the object's end.
func (r *Reader) member(first bool) (name string, end bool, err error) {
	w := &r.w
	c, ok := w.peek()
	if ok && c == '}' {
		w.at++
		return "", true, nil
	}
	if ok && !first {
		if c != ',' {
			return "", false, r.broken(w.offset(w.at))
		}
		w.at++
		c, ok = w.peek()
	}
	if !ok {
		return "", false, r.short()
	}
	if c != '"' {
		return "", false, r.broken(w.offset(w.at))
	}
	if w.kept < 0 {
		w.kept = w.at
		defer func() { w.kept = -1 }()
	}
	from, f := w.at-w.kept, framing{}
	if !w.frame(&f, r.lim.ObjectBytes) {
		r.state = betweenValues
		return "", false, r.unfinished(&f, &framing{depth: 1})
	}
	raw := w.buf[w.kept+from : w.at]
	if bad, _ := lexString(raw, 0); bad < 0 {
		return "", false, r.broken(w.offset(w.kept + from + ^bad))
	}
	name = decoded(raw)
	if c, ok = w.peek(); ok && c != ':' {
		return "", false, r.broken(w.offset(w.at))
	} else if ok {
		w.at++
		_, ok = w.peek()
	}
	if !ok {
		return "", false, r.short()
	}
	return name, false, nil
}

// element reads one of the list of objects of a bundle.
func (r *Reader) element() ([]byte, error) {
	w := &r.w
	c, ok := w.peek()
	if ok && c == ']' {
		w.at++
		r.state = afterList
		return nil, nil
	}
	if ok && r.state == afterElement {
		if c != ',' {
			return nil, r.broken(w.offset(w.at))
		}
		w.at++
		_, ok = w.peek()
	}
	if !ok {
		return nil, r.short()
	}
	r.state = afterElement
	r.start, w.kept = w.offset(w.at), w.at
	if f := (framing{}); !w.frame(&f, r.lim.ObjectBytes) {
		return nil, r.unfinished(&f)
	}
	return r.item()
}

// rest reads what follows the list of objects in a bundle.
func (r *Reader) rest() error {
	w := &r.w
	r.start = w.offset(w.at)
	name, end, err := r.member(false)
	if err != nil {
		return err
	}
	if end {
		r.state = betweenValues
		return nil
	}
	r.start = w.offset(w.at)
	if name == "type" {
		w.kept = w.at
	}
	if f := (framing{}); !w.frame(&f, r.lim.ObjectBytes) {
		return r.unfinished(&f)
	}
	switch {
	case name == "objects":
		return r.complain(codeDuplicateKey, "a bundle has a second list of objects: it was not read")
	case name == "type" && decoded(w.buf[w.kept:w.at]) != "bundle":
		return r.complain(codeWrongType, "this has a list of objects and is no bundle: its list was read as objects")
	}
	return nil
}

// item returns the value that was kept, if it is JSON through and through.
func (r *Reader) item() ([]byte, error) {
	w := &r.w
	raw := w.buf[w.kept:w.at]
	if len(raw) > r.lim.ObjectBytes {
		return nil, r.tooLarge()
	}
	if bad, ok := r.firstBad(raw); !ok {
		return nil, r.broken(w.offset(w.kept + bad))
	}
	return bytes.Clone(raw), nil
}

// firstBad returns where raw, a value, stops being JSON; ok means nowhere.
func (r *Reader) firstBad(raw []byte) (at int, ok bool) {
	r.s.b, r.s.lim = raw, r.lim
	switch end := r.s.skip(0); {
	case end == len(raw):
		return 0, true
	case end == cut:
		return len(raw), false
	case end < 0:
		return ^end, false
	default:
		return end, false
	}
}

// unfinished answers for a value whose frame was not done, and is passed the
// frame, and those of the values around it that have to be passed over too.
func (r *Reader) unfinished(frames ...*framing) error {
	w := &r.w
	if w.err != nil {
		return r.short()
	}
	if bad, _ := r.firstBad(w.buf[w.kept:w.at]); bad < w.at-w.kept {
		return r.broken(w.offset(w.kept + bad))
	}
	w.kept = -1
	for _, f := range frames {
		if !w.frame(f, 0) {
			return r.short()
		}
	}
	return r.tooLarge()
}

func (r *Reader) tooLarge() error {
	return r.complain(codeObjectTooLarge, "the object is larger than %d bytes: leave out embedded payloads or refer to them by url", r.lim.ObjectBytes)
}

// short answers for an input that ends where it should go on.
func (r *Reader) short() error {
	w := &r.w
	if w.err != nil && !errors.Is(w.err, io.EOF) {
		return r.end()
	}
	if w.kept >= 0 {
		// A bracket missing earlier makes all that follows look like one value.
		if bad, _ := r.firstBad(w.buf[w.kept:w.at]); bad < w.at-w.kept {
			return r.broken(w.offset(w.kept + bad))
		}
	}
	r.state = atEnd
	return r.complain(codeMalformedJSON, "the JSON breaks off at the end of the input, at byte %d: it was cut short", w.offset(len(w.buf)))
}

// broken answers for a byte that is not JSON.
func (r *Reader) broken(offset int64) error {
	w := &r.w
	r.state = lost
	// The byte before may be the line's end that Next looks for.
	w.at = int(max(offset, w.base) - w.base)
	if offset > max(r.start, w.base) {
		w.at--
	}
	return r.complain(codeMalformedJSON, "byte %d is not JSON", offset)
}

// resume goes to the next line that begins with an object.
func (r *Reader) resume() error {
	w := &r.w
	for {
		i := bytes.IndexByte(w.buf[w.at:], '\n')
		if i < 0 {
			w.at = len(w.buf)
			if !w.more() {
				return r.end()
			}
			continue
		}
		w.at += i + 1
		if w.at == len(w.buf) && !w.more() {
			return r.end()
		}
		if w.buf[w.at] == '{' {
			r.state = betweenValues
			return nil
		}
	}
}

// end answers for the end of the input in good order.
func (r *Reader) end() error {
	r.state = atEnd
	return r.w.err
}

func (r *Reader) complain(code, format string, args ...any) error {
	f := whole(code, format, args...)
	f.Message = "item at byte " + strconv.FormatInt(r.start, 10) + ": " + f.Message
	return f
}

// decoded returns the value of a string as it was written, "" for what is none.
func decoded(raw []byte) string {
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	end, flags := lexString(raw, 0)
	if end != len(raw) {
		return ""
	}
	if flags&hasEscape == 0 {
		return string(raw[1 : end-1])
	}
	return string(unescape(nil, raw[1:end-1]))
}
