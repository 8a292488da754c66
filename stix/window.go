package stix

import (
	"fmt"
	"io"
)

// window is the part of an input that is held in memory. What is before at and
// not kept may be dropped whenever more is read.
type window struct {
	in   io.Reader
	buf  []byte
	base int64 // offset of buf[0] in the input
	at   int   // next byte
	kept int   // first byte that must stay, -1 for none
	err  error // io.EOF, or why reading failed
}

const readSize = 64 << 10

func (w *window) offset(i int) int64 { return w.base + int64(i) }

// more reads on and reports whether it got anything. Indexes into buf change
// with it; at and kept follow.
func (w *window) more() bool {
	if w.err != nil {
		return false
	}
	drop := w.at
	if w.kept >= 0 {
		drop = min(drop, w.kept)
	}
	if cap(w.buf)-len(w.buf) < readSize/2 && drop > 0 {
		w.buf = w.buf[:copy(w.buf, w.buf[drop:])]
		w.base += int64(drop)
		w.at -= drop
		if w.kept >= 0 {
			w.kept -= drop
		}
	}
	if cap(w.buf)-len(w.buf) < readSize/2 {
		grown := make([]byte, len(w.buf), 2*cap(w.buf)+readSize)
		copy(grown, w.buf)
		w.buf = grown
	}
	for range 100 {
		n, err := w.in.Read(w.buf[len(w.buf):cap(w.buf)])
		w.buf = w.buf[:len(w.buf)+n]
		if err != nil && err != io.EOF {
			err = fmt.Errorf("reading after byte %d: %w", w.offset(len(w.buf)), err)
		}
		w.err = err
		if n > 0 {
			return true
		}
		if err != nil {
			return false
		}
	}
	w.err = fmt.Errorf("reading after byte %d: %w", w.offset(len(w.buf)), io.ErrNoProgress)
	return false
}

// peek returns the next byte that is no space, without taking it.
func (w *window) peek() (byte, bool) {
	for {
		w.at = skipSpace(w.buf, w.at)
		if w.at < len(w.buf) {
			return w.buf[w.at], true
		}
		if !w.more() {
			return 0, false
		}
	}
}

// framing follows a value by its quotes and brackets alone, so that it can stop
// at any byte and go on with what is read next.
type framing struct {
	depth                      int // containers open
	inString, escape, inScalar bool
}

// frame moves past the value that f is in. It is not done where the input ends
// inside it, or once more than most bytes are kept.
func (w *window) frame(f *framing, most int) (done bool) {
	for {
		if f.step(w) {
			return true
		}
		if w.kept >= 0 && w.at-w.kept > most {
			return false
		}
		if !w.more() {
			return f.inScalar && w.err == io.EOF
		}
	}
}

// step moves through what is in the window and reports whether it came to the
// end of the value.
func (f *framing) step(w *window) bool {
	for ; w.at < len(w.buf); w.at++ {
		c := w.buf[w.at]
		switch {
		case f.escape:
			f.escape = false
		case f.inString:
			switch c {
			case '\\':
				f.escape = true
			case '"':
				f.inString = false
				if f.depth == 0 {
					w.at++
					return true
				}
			}
		case c == '{' || c == '[':
			f.depth++
		case c == '}' || c == ']':
			if f.inScalar || f.depth == 0 {
				return true
			}
			if f.depth--; f.depth == 0 {
				w.at++
				return true
			}
		case c == '"':
			f.inString = true
		case f.depth == 0:
			if f.inScalar && (c == ',' || c == ' ' || c == '\n' || c == '\r' || c == '\t') {
				return true
			}
			f.inScalar = true
		}
	}
	return false
}
