package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// shelf is a source made of a slice; the stream's name does not matter.
type shelf []Message

func (s shelf) Messages(ctx context.Context, _ string, from, through uint64, fn func(Message) error) error {
	for _, m := range s {
		if m.Seq < from || m.Seq > through {
			continue
		}
		if err := fn(m); err != nil {
			return err
		}
	}
	return ctx.Err()
}

const madeAdded = "2025-11-24T16:00:00.000100Z"

// message is a stored message with the given objects and headers changed.
func message(seq uint64, change map[string]string, objects ...string) Message {
	h := map[string]string{
		api.HeaderOrigin: "sg", api.HeaderAudience: "region", api.HeaderLevel: "green", api.HeaderAdded: madeAdded,
	}
	for k, v := range change {
		h[k] = v
	}
	return Message{
		Seq: seq, Subject: "cti.x7.green.th.indicator", Header: func(k string) string { return h[k] },
		Data: []byte(`{"type":"bundle","id":"bundle--2f9bb7cd-52cc-4a6c-8d33-6a0c3e9d2a10","objects":[` + strings.Join(objects, ",") + `]}`),
	}
}

const (
	address = `{"type":"ipv4-addr","spec_version":"2.1","id":"ipv4-addr--5d8f2b86-1c55-5e51-93a1-74b7ed7c4f61","value":"192.0.2.1"}`
	malware = `{"type":"malware","spec_version":"2.1","id":"malware--0c7b5b88-8ff7-4a4d-aa9d-feb398cd0061","created":"2025-01-01T00:00:00.000Z","modified":"2025-02-01T00:00:00.000Z","name":"m","is_family":false}`
	marking = `{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da","created":"2025-01-01T00:00:00.000Z","definition_type":"statement","definition":{"statement":"s"}}`
)

func TestCatchUpReadsWhatTheStreamHolds(t *testing.T) {
	x := opened(t, t.TempDir(), Options{})
	s := shelf{
		message(2, nil, malware, address),
		message(5, map[string]string{api.HeaderOrigin: "", api.HeaderSupporting: "true", api.HeaderLevel: "clear"}, marking),
	}
	n, err := x.CatchUp(t.Context(), s, green, 9)
	if n != 3 || err != nil {
		t.Fatal(n, err)
	}
	added, err := time.Parse(time.RFC3339, madeAdded)
	if err != nil {
		t.Fatal(err)
	}
	first := Place{Stream: green, Seq: 2, Audience: "region", Level: stix.Green, Added: added.UnixMicro()}
	second, third := first, first
	second.Index, second.Added = 1, first.Added+1
	third.Seq, third.Level, third.Supporting = 5, stix.Clear, true
	hash := sha256.Sum256([]byte(address))
	for _, c := range []struct {
		key   Key
		bytes string
		place Place
	}{
		{Key{"sg", "malware--0c7b5b88-8ff7-4a4d-aa9d-feb398cd0061", "2025-02-01T00:00:00.000Z"}, malware, first},
		{Key{"sg", "ipv4-addr--5d8f2b86-1c55-5e51-93a1-74b7ed7c4f61", hex.EncodeToString(hash[:])}, address, second},
		{Key{"th", "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da", "2025-01-01T00:00:00.000Z"}, marking, third},
	} {
		e, _, err := x.Get(c.key)
		if d := cmp.Diff(Entry{sha256.Sum256([]byte(c.bytes)), []Place{c.place}}, e); d != "" || err != nil {
			t.Error(c.key, d, err)
		}
	}
	if has, err := x.HasDefinition("my", "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"); !has || err != nil {
		t.Error(has, err)
	}
	if seq, last, err := x.Position(green); seq != 9 || last != second.Added || err != nil {
		t.Error(seq, last, err)
	}
	if n, err := x.CatchUp(t.Context(), s, green, 9); n != 0 || err != nil {
		t.Error(n, err)
	}
}

func TestCatchUpGoesInBatchesAndGoesOn(t *testing.T) {
	var s shelf
	for seq := uint64(1); seq <= 3000; seq++ {
		id := func(n int) string {
			return fmt.Sprintf(`{"type":"malware","spec_version":"2.1","id":"malware--%08x-8ff7-4a4d-aa9d-feb398cd%04x","created":"2025-01-01T00:00:00.000Z","modified":"2025-02-01T00:00:00.000Z","is_family":false}`, seq, n)
		}
		s = append(s, message(seq, nil, id(1), id(2)))
	}
	x := opened(t, t.TempDir(), Options{})
	broken := append(shelf{}, s...)
	broken[2500].Data = []byte(`{"type":"bundle"`)
	n, err := x.CatchUp(t.Context(), broken, green, 3000)
	if n != 5000 || err == nil || !strings.Contains(err.Error(), green) || !strings.Contains(err.Error(), "2501") {
		t.Fatal(n, err)
	}
	if seq, _, err := x.Position(green); seq != 2500 || err != nil {
		t.Fatal(seq, err)
	}
	if n, err = x.CatchUp(t.Context(), s, green, 3000); n != 1000 || err != nil {
		t.Fatal(n, err)
	}
	if m := x.Metrics(); m.Entries != 6000 {
		t.Errorf("%+v", m)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.CatchUp(ctx, append(s, message(3001, nil, malware)), green, 3001); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestCatchUpSaysWhichMessageItCannotRead(t *testing.T) {
	for name, m := range map[string]Message{
		"a message that is no bundle":   {Seq: 8, Subject: "cti.x.green.sg.malware", Header: message(1, nil).Header, Data: []byte("hello")},
		"an object without an id":       message(8, nil, `{"type":"malware"}`),
		"no audience":                   message(8, map[string]string{api.HeaderAudience: ""}, malware),
		"no level":                      message(8, map[string]string{api.HeaderLevel: ""}, malware),
		"a level that does not exist":   message(8, map[string]string{api.HeaderLevel: "blue"}, malware),
		"no time":                       message(8, map[string]string{api.HeaderAdded: ""}, malware),
		"no origin":                     {Seq: 8, Subject: "x", Header: message(1, map[string]string{api.HeaderOrigin: ""}).Header, Data: message(1, nil).Data},
		"a sequence that was not asked": message(3, nil, malware),
	} {
		t.Run(name, func(t *testing.T) {
			x := opened(t, t.TempDir(), Options{})
			s := shelf{message(4, nil, address), m}
			_, err := x.CatchUp(t.Context(), s, green, 8)
			if err == nil || !strings.Contains(err.Error(), green) || !strings.Contains(err.Error(), fmt.Sprintf("message %d", m.Seq)) {
				t.Fatal(err)
			}
			if strings.Contains(err.Error(), "192.0.2") {
				t.Error("the error quotes an object:", err)
			}
			if seq, _, err := x.Position(green); seq != 4 || err != nil {
				t.Error(seq, err)
			}
		})
	}
}
