package sinks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/feeds/sink"
	"github.com/selat-hub/selat/stix"
)

// Held is one version of an object at one place, as the state has it.
type Held struct {
	ID       string     `json:"id"`
	Type     string     `json:"type"`
	Version  string     `json:"version,omitempty"`
	Origin   string     `json:"origin"`
	Audience string     `json:"audience"`
	Level    stix.Level `json:"tlp"`
	Added    time.Time  `json:"added"`
	// SHA256 is of the object's bytes, in lower-case hex.
	SHA256     string    `json:"sha256"`
	ValidFrom  time.Time `json:"valid_from,omitzero"`
	ValidUntil time.Time `json:"valid_until,omitzero"`
	Revoked    bool      `json:"revoked,omitempty"`
	// Narrowed is true of a version after which a stricter one was stored. It has
	// that one's level, and counts until that one comes or anything is recalled of
	// the object.
	Narrowed bool `json:"narrowed,omitempty"`
	// NarrowedAt is when that was ordered, the first time.
	NarrowedAt time.Time `json:"narrowed_at,omitzero"`
	// Supporting says that it travels with those that refer to it, whatever their
	// levels.
	Supporting bool `json:"supporting,omitempty"`
	// Confidence is the object's own, nil where it has none.
	Confidence *int `json:"confidence,omitempty"`
	// Stripped says that it ended, and its bytes are not kept any more (strip.go).
	Stripped bool `json:"stripped,omitempty"`
	// Forgotten says that it was recalled: nothing is kept but that it was there
	// (forgotten.go).
	Forgotten bool `json:"forgotten,omitempty"`
}

// heldOf reads what matters here off an object. The hub has validated it: what is
// not as STIX says is taken for absent.
func heldOf(d *client.Delivery) Held {
	h := Held{ID: d.ID, Type: d.Type, Version: d.Version, Origin: d.Origin, Audience: d.Audience, Level: d.Level, Added: d.Added, SHA256: d.Hash(), Supporting: d.Supporting}
	var o struct {
		ValidFrom  string `json:"valid_from"`
		ValidUntil string `json:"valid_until"`
		Revoked    bool   `json:"revoked"`
		Confidence *int   `json:"confidence"`
	}
	if err := json.Unmarshal(d.Object, &o); err == nil {
		h.ValidFrom, h.ValidUntil = moment(o.ValidFrom), moment(o.ValidUntil)
		h.Revoked, h.Confidence = o.Revoked, o.Confidence
	}
	return h
}

func moment(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return t
}

// instant spells a version so that spellings are in the order of time.
func (h *Held) instant() string { return strings.TrimSuffix(stix.Instant(h.Version), "Z") }

// key is where the state has it: by origin and id, so that all that is held of an
// object stands together.
func (h *Held) key() []byte {
	version := h.instant()
	if version == "" {
		version = h.SHA256
	}
	return append(objectKey(h.Origin, h.ID), version+"\x00"+h.Audience+"\x00"+h.Level.String()...)
}

// objectKey begins the keys of all that is held of an object.
func objectKey(origin, id string) []byte { return []byte("o\x00" + origin + "\x00" + id + "\x00") }

// encode puts an object's bytes behind what is known of them.
func (h *Held) encode(object []byte) ([]byte, error) {
	b, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("keeping %s: %w", h.ID, err)
	}
	return append(append(b, '\n'), object...), nil
}

func decode(b []byte) (h Held, object []byte, err error) {
	head, object, ok := bytes.Cut(b, []byte{'\n'})
	if !ok {
		return h, nil, errState
	}
	if err := json.Unmarshal(head, &h); err != nil {
		return h, nil, fmt.Errorf("%w: %w", errState, err)
	}
	return h, object, nil
}

func (h *Held) entry(object []byte) sink.Entry {
	return sink.Entry{Object: object, ID: h.ID, Type: h.Type, Version: h.Version, Origin: h.Origin, Audience: h.Audience, Level: h.Level,
		Added: h.Added, ValidFrom: h.ValidFrom, ValidUntil: h.ValidUntil}
}
