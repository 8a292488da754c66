package backup

import (
	"encoding/json"
	"time"
)

// Manifest says what a backup holds. It is encrypted as the pieces are.
type Manifest struct {
	Format int    `json:"format"`
	ID     string `json:"id"`
	// Began is when everything in it was acknowledged; Ended when it was whole.
	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended"`
	Program string    `json:"program"`
	// Account is the public key of the hub's account, which signed it.
	Account string   `json:"account"`
	Files   []File   `json:"files"`
	Streams []Stream `json:"streams"`
}

const manifestFormat = 1

// File is one file of the hub's folder.
type File struct {
	// Path is relative, with slashes.
	Path  string `json:"path"`
	Mode  uint32 `json:"mode"`
	Chunk Chunk  `json:"chunk"`
}

// Stream is one stream as it was.
type Stream struct {
	Name    string          `json:"name"`
	Config  json.RawMessage `json:"config"`
	Created time.Time       `json:"created"`
	// First and Last are the bounds of its sequences; Messages and Bytes what is
	// between them.
	First    uint64 `json:"first"`
	Last     uint64 `json:"last"`
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
	// Durables are the positions; what else a durable is made of is in Consumers.
	Durables  []Durable `json:"durables"`
	Consumers *Chunk    `json:"consumers,omitempty"`
	Chunks    []Chunk   `json:"chunks"`
}

// Durable is how far a seat has come on a stream.
type Durable struct {
	Name      string `json:"name"`
	Delivered uint64 `json:"delivered"`
	AckFloor  uint64 `json:"ack_floor"`
	// Pending were delivered beyond AckFloor and not acknowledged.
	Pending int `json:"pending"`
}

// Chunk is one piece.
type Chunk struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	// Sum is the SHA-256 of what it holds.
	Sum []byte `json:"sum"`
	// Of messages: the sequences of the first and the last, and how many.
	First    uint64 `json:"first,omitempty"`
	Last     uint64 `json:"last,omitempty"`
	Messages uint64 `json:"messages,omitempty"`
}

// chunks are all pieces of a backup, in the order in which a restore reads them.
func (m *Manifest) chunks() []Chunk {
	var out []Chunk
	for i := range m.Files {
		out = append(out, m.Files[i].Chunk)
	}
	for i := range m.Streams {
		if c := m.Streams[i].Consumers; c != nil {
			out = append(out, *c)
		}
		out = append(out, m.Streams[i].Chunks...)
	}
	return out
}

func (m *Manifest) stream(name string) *Stream {
	for i := range m.Streams {
		if m.Streams[i].Name == name {
			return &m.Streams[i]
		}
	}
	return nil
}

// Totals are sums over a backup's streams.
type Totals struct {
	Streams  int    `json:"streams"`
	Messages uint64 `json:"messages"`
	Durables int    `json:"durables"`
	Bytes    uint64 `json:"bytes"`
}

// Totals sums up.
func (m *Manifest) Totals() Totals {
	t := Totals{Streams: len(m.Streams)}
	for i := range m.Streams {
		s := &m.Streams[i]
		t.Messages += s.Messages
		t.Bytes += s.Bytes
		t.Durables += len(s.Durables)
	}
	return t
}
