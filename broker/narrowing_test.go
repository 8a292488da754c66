package broker_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

func TestAReplayThatRacesALoweredCeilingLeavesNothingBehind(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Green)
	my := h.seat("my/soc", policy.Subscriber, stix.Amber)
	expect(t, "AMBER", sg.submit(bundle(indicator(1, stix.Amber)), "asean"), "accepted amber asean")
	for range 10 {
		must(t, h.SetCeiling(t.Context(), "my/soc", stix.Amber))
		ask[api.Streams](my, api.SubjectStreams, nil)
		var askers sync.WaitGroup
		for range 8 {
			askers.Go(func() {
				// Either answer will do; an error is how a denial is told.
				_, err := my.nc.Request(api.SubjectReplay, []byte(`{"all":true}`), 20*time.Second)
				if err != nil {
					t.Error(err)
				}
			})
		}
		must(t, h.SetCeiling(t.Context(), "my/soc", stix.Green))
		askers.Wait()
		if _, err := my.js.Consumer(t.Context(), "CTI_ASEAN_AMBER", my.account); !errors.Is(err, jetstream.ErrConsumerNotFound) {
			t.Fatalf("the seat's durable above its ceiling is there: %v", err)
		}
	}
}

func TestAClientsNameInTheEnginesLogShutsNobodyOut(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Green)
	const forged = "JetStream stream 'x > y' critical write error: Filestore [x] Critical write error"
	if nc, err := nats.Connect(h.URL(), nats.UserInfo(forged, "x")); err == nil {
		nc.Close()
		t.Fatal("a stranger connected")
	}
	named, err := nats.Connect(h.URL(), nats.UserCredentials(sg.creds), nats.Name(forged), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	must(t, err)
	defer named.Close()
	must(t, named.Publish("denied."+strings.ReplaceAll(forged, " ", ""), nil))
	must(t, named.Flush())
	expect(t, "after a forged line", sg.submit(bundle(indicator(1, stix.Green)), "asean"), "accepted green asean")
	must(t, h.Ready())
}

func TestAReplayBeyondTheEndSkipsNothing(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Green)
	my := h.seat("my/soc", policy.Subscriber, stix.Green)
	expect(t, "the first", sg.submit(bundle(indicator(1, stix.Green)), "asean"), "accepted green asean")
	r := ask[api.Replay](my, api.SubjectReplay, api.ReplayRequest{Streams: []string{"CTI_ASEAN_GREEN"}, Sequence: 1_000_000})
	if r.Next["CTI_ASEAN_GREEN"] != 2 {
		t.Errorf("next is %d, want 2", r.Next["CTI_ASEAN_GREEN"])
	}
	expect(t, "the second", sg.submit(bundle(indicator(2, stix.Green)), "asean"), "accepted green asean")
	if got := my.drain()["CTI_ASEAN_GREEN"]; len(got) != 1 || got[0] != indicator(2, stix.Green) {
		t.Errorf("received %q", got)
	}
}

func TestAClientsSeatIsNotToldWhoReceivedRed(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Green)
	isp := h.seat("sg/isp", policy.Both, stix.Clear, func(s *policy.Seat) { s.Standing = policy.Client })
	granted := h.seat("sg/head", policy.Both, stix.Red)
	expect(t, "RED", sg.submit(bundle(indicator(1, stix.Red)), "my"), "accepted red my")
	q := api.ReceiptsRequest{Objects: []api.ObjectVersion{{ID: "indicator--00000000-0000-4000-8000-000000000001"}}}
	for name, c := range map[string]struct {
		seat *seat
		want int
	}{"a client": {isp, 0}, "a feed not granted RED": {sg, 0}, "a seat granted RED": {granted, 1}} {
		if got := ask[api.Receipts](c.seat, api.SubjectReceipts, q); len(got.Objects) != c.want {
			t.Errorf("%s is told %+v", name, got)
		}
	}
}

func TestARefusedObjectLendsItsLevelToNothing(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Green)
	const mark = "marking-definition--00000000-0000-4000-8000-0000000000aa"
	foreign := h.Region().Members["my"].Identities[0]
	clear := strings.Replace(marked(indicator(1, stix.Clear), mark), `"name"`, `"created_by_ref":"`+foreign+`","name"`, 1)
	amber := marked(indicator(2, stix.Amber), mark)
	expect(t, "a definition that a refused CLEAR and an accepted AMBER object refer to", sg.submit(bundle(statement, clear, amber), "asean"),
		"accepted amber asean", "refused foreign-identity", "accepted amber asean")
	red := marked(indicator(3, stix.Red), mark)
	expect(t, "with RED to a member, where CLEAR cannot go", sg.submit(bundle(statement, marked(indicator(4, stix.Clear), mark), red), "my"),
		"accepted red my", "refused audience-member", "accepted red my")
	other := strings.Replace(statement, "Copyright", "Licence", 1)
	expect(t, "two definitions under one id", sg.submit(bundle(statement, other, marked(indicator(5, stix.Amber), mark)), "asean"),
		"refused tlp-missing", "refused tlp-missing", "refused marking-unresolved")
}

func TestTheHubAnswersAnAdministratorNowhereElse(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Green)
	nc, err := nats.Connect(h.URL(), nats.UserCredentials(broker.AdminCreds(&h.cfg)), nats.CustomInboxPrefix(api.AdminInbox))
	must(t, err)
	defer nc.Close()
	must(t, nc.PublishRequest("admin.status", "cti.region.clear.my.indicator", nil))
	reply, err := nc.Request("admin.status", nil, 10*time.Second)
	must(t, err)
	if !json.Valid(reply.Data) {
		t.Errorf("answered %q", reply.Data)
	}
	if size, err := h.StreamSize(t.Context(), "CTI_REGION_CLEAR"); err != nil || size.Messages != 0 {
		t.Errorf("an answer went into a stream: %+v, %v", size, err)
	}
	expect(t, "afterwards", sg.submit(bundle(indicator(1, stix.Clear)), "region"), "accepted clear region")
}
