package backup

import (
	"bytes"
	"fmt"
	"io"
	"math/bits"

	"github.com/nats-io/nats-server/v2/server/archive"
)

// A stream's messages are cut into pieces where the sequence of a message says so,
// whatever stands before it. So a message that was erased changes the piece that it
// was in, and those that came since change the last piece; all others keep their
// content, and with it their name.

const (
	chunkMean = 1 << 20
	chunkMax  = 8 << 20
)

// cutsAfter reports whether a piece ends after a message of n bytes: on average
// once in chunkMean bytes.
func cutsAfter(seq uint64, n int) bool {
	hi, _ := bits.Mul64(mix(seq), chunkMean)
	return hi < uint64(n)
}

// mix spreads sequences evenly over 64 bits (the finaliser of SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// message is one stored message, as the engine's own archive has it.
type message struct {
	archive.Header
	body []byte // headers, then payload
}

// cutter gathers messages and hands over whole pieces.
type cutter struct {
	put   func(plain []byte) (Chunk, error)
	buf   bytes.Buffer
	w     *archive.Writer
	now   Chunk // of the piece being gathered
	out   []Chunk
	last  uint64
	count uint64
	bytes uint64
}

func (c *cutter) add(m *message) error {
	if m.Sequence <= c.last {
		return fmt.Errorf("message %d came after message %d", m.Sequence, c.last)
	}
	if c.w == nil {
		c.buf.Reset()
		c.w, c.now = archive.NewWriter(&c.buf), Chunk{First: m.Sequence}
	}
	if err := writeMessage(c.w, m); err != nil {
		return err
	}
	size := len(m.Name) + len(m.body)
	c.now.Last, c.last = m.Sequence, m.Sequence
	c.now.Messages++
	c.count++
	c.bytes += uint64(size)
	if cutsAfter(m.Sequence, size) || c.buf.Len() >= chunkMax {
		return c.flush()
	}
	return nil
}

func (c *cutter) flush() error {
	if c.w == nil {
		return nil
	}
	stored, err := c.put(c.buf.Bytes())
	if err != nil {
		return err
	}
	stored.First, stored.Last, stored.Messages = c.now.First, c.now.Last, c.now.Messages
	c.out, c.w = append(c.out, stored), nil
	return nil
}

func writeMessage(w *archive.Writer, m *message) error {
	if err := w.WriteHeader(&m.Header); err != nil {
		return err
	}
	_, err := w.Write(m.body)
	return err
}

// eachMessage reads a piece.
func eachMessage(plain []byte, f func(*message) error) error {
	r := archive.NewReader(bytes.NewReader(plain))
	for {
		m, err := nextMessage(r)
		if err == io.EOF { //nolint:errorlint // the archive's own end
			return nil
		}
		if err != nil {
			return err
		}
		if err := f(m); err != nil {
			return err
		}
	}
}

// maxMessage bounds one entry of an archive, far beyond what a hub stores.
const maxMessage = 256 << 20

func nextMessage(r *archive.Reader) (*message, error) {
	h, err := r.Next()
	if err != nil {
		return nil, err
	}
	if h.HeaderSize < 0 || h.PayloadSize < 0 || h.HeaderSize > maxMessage || h.PayloadSize > maxMessage {
		return nil, fmt.Errorf("message %d has an impossible size", h.Sequence)
	}
	m := &message{Header: *h, body: make([]byte, h.HeaderSize+h.PayloadSize)}
	if _, err := io.ReadFull(r, m.body); err != nil {
		return nil, fmt.Errorf("message %d is cut short: %w", h.Sequence, io.ErrUnexpectedEOF)
	}
	return m, nil
}
