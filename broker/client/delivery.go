package client

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// Delivery is one object as it arrived.
type Delivery struct {
	// Object holds the bytes that were published, unchanged. They may be kept,
	// but not written to.
	Object []byte
	// ID, Type and Version are the object's own; Version is its modified, else
	// its created, else empty, when only SHA256 tells its forms apart.
	ID, Type, Version string
	// Origin is the member that submitted it, as the hub knows it.
	Origin string
	// Audience and Level say among whom it may be known.
	Audience string
	Level    stix.Level
	// Unmarked says that the object carries no TLP marking and travels under
	// Level because its submission or its member said so.
	Unmarked bool
	// Supporting says that the object carries no intelligence of its own and travels
	// with those that refer to it.
	Supporting bool
	// Stream, Sequence and Index are its address: the message that it was stored
	// in, and the position in it from 0. They stay when neighbours are erased.
	Stream   string
	Sequence uint64
	Index    int
	// Added is when the hub stored it, in steps of a microsecond.
	Added time.Time
	// SHA256 is of Object.
	SHA256 [sha256.Size]byte
	// Redelivered says that the hub has sent this object to this seat before
	// without an acknowledgement, and that this state has no record of the
	// handler having finished with it: it may have been handled by a process
	// that died before it could record that.
	Redelivered bool
}

// Hash is SHA256 in lower-case hex.
func (d *Delivery) Hash() string { return hex.EncodeToString(d.SHA256[:]) }

// unlimited bounds nothing: what the hub stored is not refused by a reader.
var unlimited = stix.Limits{PayloadBytes: 1 << 30, ObjectBytes: 1 << 30, Objects: 1 << 30, Depth: 10_000}

// open reads the objects of a message.
func open(access *api.StreamAccess, msg jetstream.Msg) ([]Delivery, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return nil, fmt.Errorf("a message of stream %s: %w", access.Name, err)
	}
	objects, err := stix.SplitValidated(msg.Data(), unlimited)
	if err != nil {
		return nil, fmt.Errorf("message %d of stream %s is no STIX bundle: %w", meta.Sequence.Stream, access.Name, err)
	}
	h := msg.Headers()
	added, err := time.Parse(time.RFC3339Nano, h.Get(api.HeaderAdded))
	if err != nil {
		added = meta.Timestamp.UTC()
	}
	first, indexes, err := stored(h, meta.Sequence.Stream, len(objects))
	if err != nil {
		return nil, fmt.Errorf("message %d of stream %s: %w", meta.Sequence.Stream, access.Name, err)
	}
	out := make([]Delivery, len(objects))
	for i := range objects {
		o := &objects[i]
		out[i] = Delivery{
			Object: o.Raw, ID: o.ID, Type: o.Type, Version: o.Version(), SHA256: o.Hash(),
			Origin: origin(h, msg.Subject()), Audience: access.Audience, Level: access.Level,
			Unmarked:   h.Get(api.HeaderUnmarkedLevel) != "",
			Supporting: h.Get(api.HeaderSupporting) != "",
			Stream:     access.Name, Sequence: first, Index: indexes[i],
			Added:       added.Add(time.Duration(indexes[i]) * time.Microsecond),
			Redelivered: meta.NumDelivered > 1,
		}
	}
	return out, nil
}

// stored is the address that the objects of a message had when they were stored:
// what is left of a message after some were erased stands elsewhere, and says so.
func stored(h nats.Header, sequence uint64, objects int) (uint64, []int, error) {
	indexes := make([]int, 0, objects)
	text := h.Get(api.HeaderSequence)
	if text == "" {
		for i := range objects {
			indexes = append(indexes, i)
		}
		return sequence, indexes, nil
	}
	first, err := strconv.ParseUint(text, 10, 64)
	if err != nil || first == 0 {
		return 0, nil, fmt.Errorf("%s is no sequence", api.HeaderSequence)
	}
	for text := range strings.SplitSeq(h.Get(api.HeaderIndexes), ",") {
		i, err := strconv.ParseUint(text, 10, 31)
		if err != nil || len(indexes) > 0 && int(i) <= indexes[len(indexes)-1] {
			return 0, nil, fmt.Errorf("%s is no list of positions", api.HeaderIndexes)
		}
		indexes = append(indexes, int(i))
	}
	if len(indexes) != objects {
		return 0, nil, fmt.Errorf("it holds %d objects and %s names %d", objects, api.HeaderIndexes, len(indexes))
	}
	return first, indexes, nil
}

// origin is the fourth token of cti.<audience>.<tlp>.<origin>.<type>.
func origin(h nats.Header, subject string) string {
	if o := h.Get(api.HeaderOrigin); o != "" {
		return o
	}
	if tokens := strings.Split(subject, "."); len(tokens) == 5 {
		return tokens[3]
	}
	return ""
}

// key identifies an object among what was seen: a digest of its origin, id,
// version and hash, and of its stream when each place counts.
type key [16]byte

func (d *Delivery) key(everyPlace bool) key {
	h := sha256.New()
	parts := []string{d.Origin, d.ID, d.Version, string(d.SHA256[:])}
	if everyPlace {
		parts = append(parts, d.Stream)
	}
	for _, s := range parts {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	var k key
	copy(k[:], h.Sum(nil))
	return k
}
