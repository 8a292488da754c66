package sinks

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/stix"
)

// A damaged record is an error and never a panic: what is read of one is written as
// it was read.
func FuzzRecord(f *testing.F) {
	h := Held{ID: "indicator--1", Type: "indicator", Version: "2026-01-01T00:00:00.000Z", Origin: "sg", Audience: "region", Level: stix.Amber,
		Added: time.Unix(1787220000, 5).UTC(), SHA256: "00", ValidUntil: time.Unix(1787220000, 0).UTC(), Confidence: new(7)}
	b, err := h.encode([]byte("{\n}"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"tlp":"pink"}` + "\n{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, object, err := decode(b)
		if err != nil {
			return
		}
		if !bytes.HasSuffix(b, object) || bytes.IndexByte(h.key(), 0) < 0 {
			t.Fatalf("%+v of %q", h, b)
		}
		written, err := h.encode(object)
		if err != nil {
			return // a time of a year that JSON has not
		}
		again, same, err := decode(written)
		if diff := cmp.Diff(h, again); err != nil || diff != "" || !bytes.Equal(object, same) {
			t.Fatal(err, diff)
		}
	})
}

func FuzzHeldOf(f *testing.F) {
	f.Add([]byte(`{"valid_from":"2026-01-01T00:00:00Z","valid_until":"x","revoked":true,"confidence":7}`))
	f.Add([]byte(`{"confidence":"7"}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, object []byte) {
		d := &client.Delivery{Object: object, ID: "x--1", Type: "x", Origin: "sg", Audience: "region", Level: stix.Green}
		h := heldOf(d)
		if h.ID != d.ID || h.Level != d.Level {
			t.Fatalf("%+v", h)
		}
		if !h.ValidUntil.IsZero() {
			if at := timeOf(timerKey(h.ValidUntil, h.Origin, h.ID)[2:]); at.Before(h.ValidUntil.Truncate(time.Microsecond)) {
				t.Fatalf("%s is looked at again at %s", h.ValidUntil, at)
			}
		}
	})
}
