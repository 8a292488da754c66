package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/api"
)

// Examine looks at what makes a running hub keep its promises: the things that
// must hold for it to be ready, the store's syncing, and on every stream the
// settings that are not negotiable. It changes nothing.
func (h *Hub) Examine(ctx context.Context) (api.Examination, error) {
	out := api.Examination{Version: Version(), At: time.Now().UTC()}
	for _, c := range h.Checks() {
		f := api.Finding{Name: c.Name}
		if c.Err != nil {
			f.Wrong = []string{c.Err.Error()}
		}
		out.Findings = append(out.Findings, f)
	}
	out.Findings = append(out.Findings, h.examineStore())
	streams, n, err := h.examineStreams(ctx)
	out.Streams = n
	out.Findings = append(out.Findings, streams)
	return out, err
}

func (h *Hub) examineStore() api.Finding {
	f := api.Finding{Name: "sync"}
	c := h.engine.JetStreamConfig()
	switch {
	case c == nil:
		f.Wrong = []string{"the store is closed: see the log, then restart the hub"}
	case !c.SyncAlways:
		f.Wrong = []string{"the engine does not sync every write, and what it acknowledges may be lost: restart the hub"}
	}
	return f
}

// examineStreams compares the streams with what they must be. A start puts back
// what differs.
func (h *Hub) examineStreams(ctx context.Context) (f api.Finding, n int, err error) {
	f.Name = "streams"
	r := h.Region()
	for _, s := range r.Streams() {
		name := r.Name(s)
		stream, err := h.js.Stream(ctx, name)
		if missing(err) {
			f.Wrong = append(f.Wrong, name+" is not there: restart the hub, which makes it")
			continue
		}
		if err != nil {
			return f, n, fmt.Errorf("looking at stream %s: %w", name, err)
		}
		n++
		have, want := stream.CachedInfo().Config, h.streamConfig(r, s)
		if !sameSettings(have, want) {
			f.Wrong = append(f.Wrong, name+": "+differences(have, want)+": restart the hub, which puts it back")
		}
	}
	return f, n, nil
}

// differences words how settings differ, by the engine's own names of them.
func differences(have, want jetstream.StreamConfig) string {
	is, must := settingsOf(have), settingsOf(want)
	var out []string
	for key, value := range is {
		if key == "metadata" || isNone(value) && isNone(must[key]) || string(value) == string(must[key]) {
			continue
		}
		shown := string(must[key])
		if shown == "" {
			shown = "nothing"
		}
		out = append(out, fmt.Sprintf("%s is %s and must be %s", key, value, shown))
	}
	for key, value := range must {
		if _, set := is[key]; !set && !isNone(value) {
			out = append(out, fmt.Sprintf("%s is not set and must be %s", key, value))
		}
	}
	slices.Sort(out)
	if len(out) == 0 {
		return "its metadata is not the hub's"
	}
	return strings.Join(out, ", ")
}

// isNone reports whether a setting is the engine's way of saying none.
func isNone(v json.RawMessage) bool {
	s := string(v)
	return s == "" || s == "0" || s == "-1" || s == "false" || s == "null" || s == "{}"
}

func settingsOf(c jetstream.StreamConfig) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	b, err := json.Marshal(c)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		return nil // plain data always passes
	}
	return out
}

// FreeDisk is the bytes that may still be written beside path.
func FreeDisk(path string) (uint64, error) { return freeBytes(path) }
