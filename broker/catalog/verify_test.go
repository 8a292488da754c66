package catalog

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/selat-hub/selat/broker/api"
)

// verifiedShelf holds objects of every sort that has a key of its own: versions,
// forms, a definition, values.
func verifiedShelf() shelf {
	at := func(second int) map[string]string {
		return map[string]string{api.HeaderAdded: fmt.Sprintf("2025-11-24T16:00:%02d.000100Z", second)}
	}
	newer := strings.Replace(malware, "2025-02-01", "2025-03-01", 1)
	otherForm := strings.Replace(address, `"value"`, `"x_note":"n","value"`, 1)
	indicator := `{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-000000000001","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","pattern":"[ipv4-addr:value ISSUBSET '198.51.100.0/24' OR domain-name:value = 'example.com']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"}`
	return shelf{
		message(1, at(1), malware, address), message(2, at(2), newer), message(3, at(3), indicator),
		message(4, at(4), otherForm, marking), message(6, at(5), strings.Replace(indicator, "0001", "0002", 1)),
		// What is left of message 5, of which the first object was erased.
		message(7, map[string]string{api.HeaderAdded: "2025-11-24T16:00:04.500100Z", api.HeaderSequence: "5", api.HeaderIndexes: "1,2"},
			strings.Replace(indicator, "0001", "0003", 1), strings.Replace(indicator, "0001", "0004", 1)),
	}
}

func verify(t *testing.T, x *Index, src Source, stream string) *Verification {
	t.Helper()
	v := x.Verify()
	if err := v.Stream(t.Context(), src, stream, func() {}); err != nil {
		t.Fatal(err)
	}
	if err := v.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestACatalogueThatAgreesWithItsStreamsIsFoundToAgree(t *testing.T) {
	x := opened(t, t.TempDir(), Options{})
	s := verifiedShelf()
	if _, err := x.CatchUp(t.Context(), s, green, 7); err != nil {
		t.Fatal(err)
	}
	v := verify(t, x, s, green)
	if v.Wrong != 0 || v.Messages != 6 || v.Objects != 9 || v.Values != 10 {
		t.Errorf("%d messages, %d objects, %d values: %q", v.Messages, v.Objects, v.Values, v.Differences)
	}
}

// Whatever single key is lost or changed, the verification says so.
func TestAKeyThatIsLostOrChangedIsFound(t *testing.T) {
	x := opened(t, t.TempDir(), Options{})
	s := verifiedShelf()
	if _, err := x.CatchUp(t.Context(), s, green, 7); err != nil {
		t.Fatal(err)
	}
	tried := map[byte]int{}
	var keys, values [][]byte
	err := scanRange(x.db, nil, nil, func(key, value []byte) error {
		keys, values = append(keys, bytes.Clone(key)), append(values, bytes.Clone(value))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range keys {
		switch key[0] {
		case kindPosition, kindStream, kindAudience, kindOrigin, kindNetwork, 'n', 'c':
			continue // these are in memory as well, and looked at there
		}
		tried[key[0]]++
		if err := x.db.Delete(key, pebble.NoSync); err != nil {
			t.Fatal(err)
		}
		if v := verify(t, x, s, green); v.Wrong == 0 {
			t.Errorf("the loss of %q was not found", key)
		}
		if err := x.db.Set(key, values[i], pebble.NoSync); err != nil {
			t.Fatal(err)
		}
	}
	// One too many of each sort, as after a message that is in no stream.
	extra := []Record{s.record(t, 8)}
	if err := x.Apply(green, 8, extra); err != nil {
		t.Fatal(err)
	}
	if v := verify(t, x, s, green); v.Wrong < 3 {
		t.Errorf("an object that no stream holds was not found: %q", v.Differences)
	}
	for _, kind := range []byte{kindMessage, kindMark, kindValue, kindCount, kindObject, kindNewest, kindDefinition, kindOf, kindMoved} {
		if tried[kind] == 0 {
			t.Errorf("no key of kind %c was tried", kind)
		}
	}
}

// record is what an indicator of its own makes at a sequence.
func (s shelf) record(t *testing.T, seq uint64) Record {
	t.Helper()
	m := s[2]
	m.Seq, m.Data = seq, bytes.ReplaceAll(m.Data, []byte("0001"), []byte("0009"))
	_, records, err := read(green, m)
	if err != nil {
		t.Fatal(err)
	}
	return records[0]
}
