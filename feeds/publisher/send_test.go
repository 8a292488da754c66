package publisher

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/fsnotify/fsnotify"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/feeds/outbox"
	"github.com/selat-hub/selat/stix"
)

// answering is a hub with an answer of its own.
type answering func(payload []byte) *api.Receipt

func (a answering) Submit(_ context.Context, payload []byte, _ client.SubmitOptions) (*api.Receipt, error) {
	return a(payload), nil
}

// sender has a feed with so many items that wait.
func sender(t *testing.T, hub Submitter, items ...outbox.Item) *Publisher {
	t.Helper()
	p, err := Open(load(t, "namespace: cert.example\nfeeds:\n  f:\n    format: list\n    file: none\n"), hub, Options{})
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
	for _, it := range items {
		must(t, p.store.Put("f", it.ID, it.Version, it.Raw))
	}
	return p
}

func item(n int) outbox.Item {
	id := fmt.Sprintf("malware--00000000-0000-4000-8000-%012d", n)
	return outbox.Item{ID: id, Version: "2026-01-01T00:00:00.000Z", Raw: []byte(published("malware", n, 0))}
}

func TestWhatIsWrongWithASeatOrItsAudienceSetsNothingAside(t *testing.T) {
	for _, code := range []string{"audience-unknown", "seat-kind", "suspended", "no-seat", "a-code-that-is-new"} {
		for n := 1; n <= 2; n++ {
			p := sender(t, answering(func([]byte) *api.Receipt { return &api.Receipt{Error: &stix.Finding{Code: code, Message: "no"}} }),
				[]outbox.Item{item(1), item(2)}[:n]...)
			var sent Sent
			if err := p.drain(t.Context(), p.config.Feeds["f"], &sent); err == nil || !strings.Contains(err.Error(), "whole submission") {
				t.Errorf("%s, %d items: %v", code, n, err)
			}
			if left, _, err := p.store.Depth("f"); left != n || sent.Refused != 0 || err != nil {
				t.Errorf("%s, %d items: %d wait, %+v, %v", code, n, left, sent, err)
			}
		}
	}
}

func TestAnObjectThatNoSubmissionCanHaveIsSetAsideAlone(t *testing.T) {
	bad := item(2)
	hub := newAcceptor()
	p := sender(t, answering(func(payload []byte) *api.Receipt {
		if strings.Contains(string(payload), bad.ID) {
			return &api.Receipt{Error: &stix.Finding{Code: "too-deep", Message: "no"}}
		}
		r, err := hub.Submit(t.Context(), payload, client.SubmitOptions{})
		if err != nil {
			t.Error(err)
		}
		return r
	}), item(1), bad, item(3))
	var sent Sent
	must(t, p.drain(t.Context(), p.config.Feeds["f"], &sent))
	if sent.Accepted != 2 || sent.Refused != 1 || sent.Codes["too-deep"] != 1 {
		t.Errorf("%+v", sent)
	}
}

func TestAnObjectThatTheLineDoesNotTakeIsSetAsideAlone(t *testing.T) {
	h := newTAXIIHub(t)
	large := item(2)
	large.Raw = []byte(strings.Replace(string(large.Raw), `"name":"x"`, `"name":"`+strings.Repeat("x", 10<<20)+`"`, 1))
	p := sender(t, h.seat, item(1), large, item(3))
	f := p.config.Feeds["f"]
	f.To = []string{"region"}
	var sent Sent
	must(t, p.drain(t.Context(), f, &sent))
	if sent.Accepted != 2 || sent.Refused != 1 || sent.Codes["payload-too-large"] != 1 {
		t.Errorf("%+v", sent)
	}
}

func TestEachObjectThatIsSetAsideHasAFileOfItsOwn(t *testing.T) {
	id := "ipv4-addr--00000000-0000-4000-8000-000000000001"
	long := strings.Repeat("x", 242) + "--00000000-0000-4000-8000-000000000001"
	items := []outbox.Item{
		{ID: id, Raw: []byte(`{"type":"ipv4-addr","spec_version":"2.1","id":"` + id + `","value":"192.0.2.1"}`)},
		{ID: id, Raw: []byte(`{"type":"ipv4-addr","spec_version":"2.1","id":"` + id + `","value":"192.0.2.2"}`)},
		{ID: long, Version: "2026-01-01T00:00:00.000Z", Raw: []byte(`{"id":"` + long + `"}`)},
		{ID: long, Version: "2026-01-02T00:00:00.000Z", Raw: []byte(`{"id":"` + long + `","x":1}`)},
		item(1),
	}
	p := sender(t, answering(func([]byte) *api.Receipt {
		return &api.Receipt{Objects: []api.ObjectReceipt{{Object: 0, Outcome: api.Refused, Findings: []stix.Finding{{Code: "no"}}}}}
	}), items...)
	for range 2 { // what is refused again takes the same files
		for {
			var sent Sent
			next, err := p.store.Next("f", 1, sendBytes)
			must(t, err)
			if len(next) == 0 {
				break
			}
			must(t, p.send(t.Context(), p.config.Feeds["f"], next, &sent))
		}
		dead, err := p.DeadLetters()
		must(t, err)
		if len(dead) != len(items) {
			t.Fatalf("%d of %d were set aside", len(dead), len(items))
		}
		raws := map[string]bool{}
		for _, d := range dead {
			raw, err := os.ReadFile(d.File)
			must(t, err)
			raws[string(raw)] = true
		}
		for _, it := range items {
			if !raws[string(it.Raw)] {
				t.Errorf("%s is lost", it.Raw)
			}
		}
		if n, err := p.Retry(""); n != len(items) || err != nil {
			t.Errorf("%d come back, %v", n, err)
		}
	}
}

func TestAWatcherIsHeardWhateverItSays(t *testing.T) {
	p := sender(t, nil)
	events, errs, wake := make(chan fsnotify.Event), make(chan error), make(chan struct{}, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.forward("f", events, errs, wake)
	}()
	errs <- fsnotify.ErrEventOverflow
	<-wake // what was missed is looked for
	for range 10 {
		events <- fsnotify.Event{} // while nobody waits to be woken
		errs <- errors.New("another")
	}
	close(events)
	<-done
	<-wake
}
