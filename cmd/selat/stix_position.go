package main

import (
	"bytes"
	"io"
)

// place is where something stands in an input.
type place struct {
	Byte int64 // from 0
	// Line and Column are from 1, the column in Unicode characters; both are 0
	// where they are not known.
	Line, Column int
}

// after returns the place that comes after the bytes of text.
func (p place) after(text []byte) place {
	p.Byte += int64(len(text))
	if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
		p.Line += bytes.Count(text, []byte{'\n'})
		p.Column = 1
		text = text[i+1:]
	}
	for _, c := range text {
		if c&0xC0 != 0x80 { // not inside a character
			p.Column++
		}
	}
	return p
}

// tracker passes an input on and knows the places in it. It holds the bytes
// that were read and not yet passed, at most trackMost of them and one read.
type tracker struct {
	in   io.Reader
	buf  []byte // what is held begins at from
	from int
	at   place // of the first byte held
	last place // told last

	// before is the last byte before at that is no space, 0 for none.
	before byte

	// gap is what lies between left, an offset, and at. It is no more than its
	// beginning where that is longer than gapMost.
	gap   []byte
	gapAt place
	left  int64
}

// gapMost is more than a bundle has to say of itself, objects aside.
const gapMost = 64 << 10

// trackMost is twice what a stix.Reader may have read ahead.
const trackMost = 4 << 20

func newTracker(in io.Reader) *tracker {
	return &tracker{in: in, at: place{Line: 1, Column: 1}}
}

func (t *tracker) Read(p []byte) (int, error) {
	n, err := t.in.Read(p)
	if held := len(t.buf) - t.from; held+n > trackMost {
		t.pass(held / 2)
	}
	if t.from > 0 && len(t.buf)+n > cap(t.buf) {
		t.buf = t.buf[:copy(t.buf, t.buf[t.from:])]
		t.from = 0
	}
	t.buf = append(t.buf, p[:n]...)
	return n, err
}

// leave begins the gap anew, at the offset where an object ends.
func (t *tracker) leave(offset int64) {
	t.left, t.gap, t.gapAt = offset, t.gap[:0], place{Byte: offset}
}

// pass lets go of the first n bytes held.
func (t *tracker) pass(n int) {
	if before := t.left - t.at.Byte; before > 0 {
		t.drop(int(min(before, int64(n))))
		n -= int(min(before, int64(n)))
	}
	if n == 0 {
		return
	}
	if len(t.gap) == 0 {
		t.gapAt = t.at
	}
	t.gap = append(t.gap, t.buf[t.from:t.from+min(n, gapMost+1-len(t.gap))]...)
	t.drop(n)
}

func (t *tracker) drop(n int) {
	passed := t.buf[t.from : t.from+n]
	t.at = t.at.after(passed)
	if rest := bytes.TrimRight(passed, " \t\r\n"); len(rest) > 0 {
		t.before = rest[len(rest)-1]
	}
	t.from += n
}

// end lets go of all that is held.
func (t *tracker) end() { t.pass(len(t.buf) - t.from) }

// to returns the place of an offset, and lets go of what is before it. The line
// of an offset that was let go of is known only if it was asked for last.
func (t *tracker) to(offset int64) place {
	if offset == t.last.Byte && t.last.Line > 0 {
		return t.last
	}
	ahead := offset - t.at.Byte
	if ahead < 0 || ahead > int64(len(t.buf)-t.from) {
		return place{Byte: offset}
	}
	t.pass(int(ahead))
	t.last = t.at
	return t.at
}
