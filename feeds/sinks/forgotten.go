package sinks

import (
	"bytes"

	"github.com/cockroachdb/pebble/v2"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// When a later version alone is recalled, the one before it counts again, a revoked
// one too: the hub has it as the latest, and shows it to whoever comes now. But not if
// the later one had made it stricter: the hub took the earlier one back by that, and
// does not give it again because the later one was wrong. So that such a version was
// there is kept, without its bytes. The hub takes nothing back by what has no versions,
// nor by what only travels with others: there every form stands by itself.

// everything reports whether an order takes all versions of a level, known or to
// come.
func everything(o *api.RecallOrder, level stix.Level) bool {
	return o.Version == "" && o.Before == "" && o.Audience == "" && (o.Level == stix.NoLevel || o.Level == level)
}

// forget has a version go that an order takes, and leaves that it was there if that
// keeps others from counting.
func (h *Held) forget(b *pebble.Batch, key []byte, o *api.RecallOrder) error {
	if everything(o, h.Level) || o.Before != "" || h.Level <= stix.Clear || h.Version == "" || h.Supporting {
		return b.Delete(key, nil)
	}
	left := Held{ID: h.ID, Type: h.Type, Version: h.Version, Origin: h.Origin, Audience: h.Audience, Level: h.Level, Added: h.Added, Forgotten: true}
	value, err := left.encode(nil)
	if err != nil {
		return err
	}
	return b.Set(key, value, nil)
}

// keepsBack reports whether a version that was recalled keeps an earlier one from
// counting.
func (h *Held) keepsBack(earlier *Held) bool {
	return h.Forgotten && later(h, earlier) && h.Level > earlier.Level
}

// isForgotten reports whether a value of the state is what is left of a recalled
// version. Only what is kept without its bytes is looked into.
func isForgotten(value []byte) (bool, error) {
	if !bytes.HasSuffix(value, []byte{'\n'}) {
		return false, nil
	}
	h, _, err := decode(value)
	return h.Forgotten, err
}
