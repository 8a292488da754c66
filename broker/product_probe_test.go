package broker_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
)

// What a seat asks for on the streams of the product, and what it tries.

// replay asks for a replay on every stream that exists: where policy allows
// the stream it must be set back, elsewhere refused as unknown.
func (r *reader) replay(region *policy.Region, way replayWay) error {
	if whole := way.ask(r.p, ""); len(whole.Streams) == 0 {
		var answer api.Replay
		if err := r.ask(api.SubjectReplay, whole, &answer); err != nil {
			return err
		}
		if got, want := len(answer.Next), len(region.Readable(r.seat())); got != want {
			return fmt.Errorf("%d streams were replayed, it may read %d", got, want)
		}
		for s, objects := range r.p.log {
			if err := r.setBack(region, s, objects, answer.Next, way); err != nil {
				return err
			}
		}
		return nil
	}
	for s, objects := range r.p.log {
		var answer api.Replay
		err := r.ask(api.SubjectReplay, way.ask(r.p, region.Name(s)), &answer)
		var known *api.Error
		if !region.MayRead(r.seat(), s).Allowed && errors.As(err, &known) && known.Code == "not-found" {
			continue
		}
		if err != nil {
			return err
		}
		if err := r.setBack(region, s, objects, answer.Next, way); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) setBack(region *policy.Region, s policy.Stream, objects []stored, next map[string]uint64, way replayWay) error {
	a := region.MayRead(r.seat(), s)
	at, replayed := next[region.Name(s)]
	if replayed != a.Allowed {
		return fmt.Errorf("%v was replayed: %v, allowed: %v", s, replayed, a.Allowed)
	}
	if !a.Allowed {
		return nil
	}
	want := max(a.From, way.from(r.p, objects))
	if at != want {
		return fmt.Errorf("%v was set back to %d, not %d", s, at, want)
	}
	r.next[s] = want
	return nil
}

// probe pulls from and looks at every stream with raw requests, under the
// seat's own key and under others. It returns how many it tried. Nothing may
// come but the engine's word that there is nothing, and the state of the
// seat's own durables.
func (r *reader) probe(region *policy.Region, others []string) (int, error) {
	inbox := nats.NewInbox()
	sub, err := r.nc.SubscribeSync(inbox + ".*")
	if err != nil {
		return 0, err
	}
	defer sub.Unsubscribe() //nolint:errcheck // the connection may have been closed by then
	names := map[string]bool{"KV_DIRECTORY": false}
	for s := range r.p.log {
		names[region.Name(s)] = region.MayRead(r.seat(), s).Allowed
	}
	tried, due := 0, 0
	for name := range names {
		for _, key := range append([]string{r.account}, others...) {
			for _, verb := range []string{"CONSUMER.INFO", "CONSUMER.MSG.NEXT"} {
				body := ""
				if verb == "CONSUMER.MSG.NEXT" {
					body = `{"batch":100,"no_wait":true}`
				}
				subject := api.APIPrefix + "." + verb + "." + name + "." + key
				if err := r.nc.PublishRequest(subject, inbox+"."+name, []byte(body)); err != nil {
					return tried, err
				}
				tried++
				if key == r.account && r.seat().Reads() {
					due++
				}
			}
		}
	}
	for range due {
		m, err := sub.NextMsg(patience)
		if errors.Is(err, nats.ErrNoResponders) {
			continue // how the client tells of the engine's 503: there is no such durable
		}
		if err != nil {
			return tried, fmt.Errorf("a raw request was not answered: %w", err)
		}
		stream := strings.TrimPrefix(m.Subject, inbox+".")
		if err := r.harmless(m, stream, names[stream]); err != nil {
			return tried, err
		}
	}
	if err := r.nc.Flush(); err != nil {
		return tried, err
	}
	if n, _, err := sub.Pending(); err != nil || n > 0 {
		m, _ := sub.NextMsg(patience)
		return tried, fmt.Errorf("%d answers to requests under other keys, such as %q %q (%w)", n, m.Header, m.Data, err)
	}
	return tried, nil
}

// harmless checks the answer to a raw request under the seat's own key.
func (r *reader) harmless(m *nats.Msg, stream string, allowed bool) error {
	if status := m.Header.Get("Status"); status != "" {
		if len(m.Data) > 0 || !slices.Contains([]string{"404", "408"}, status) {
			return fmt.Errorf("a raw request on %s was answered with %v %q", stream, m.Header, m.Data)
		}
		return nil
	}
	var info struct {
		Error  *jetstream.APIError `json:"error"`
		Stream string              `json:"stream_name"`
		Name   string              `json:"name"`
	}
	if err := json.Unmarshal(m.Data, &info); err != nil {
		return fmt.Errorf("a raw request on %s was answered with %q: %w", stream, m.Data, err)
	}
	if bytes.Contains(m.Data, []byte(`quiet`)) {
		return fmt.Errorf("an answer about %s names the private community", stream)
	}
	if own := info.Error == nil && info.Stream == stream && info.Name == r.account; own != allowed || info.Error == nil && !own {
		return fmt.Errorf("a raw look at %s, which it may read: %v, was answered with %s", stream, allowed, m.Data)
	}
	return nil
}
