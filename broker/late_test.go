package broker_test

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// A write that was given up may still get through, unknown to the writer. What
// comes next must be held against it: neither stored twice nor contradicted.
func TestAWriteThatGotThroughLateIsNeitherRepeatedNorContradicted(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Green)
	expect(t, "the writer is under way", sg.submit(bundle(indicator(1, stix.Green)), "asean"), "accepted green asean")
	for n, c := range map[int]struct {
		send string
		want string
	}{
		2: {indicator(2, stix.Green), "accepted green asean"},
		3: {marked(indicator(3, stix.Green), markGreen), "refused conflict"},
	} {
		late := nats.NewMsg("cti.asean.green.sg.indicator")
		late.Data = bundle(indicator(n, stix.Green))
		for k, v := range map[string]string{api.HeaderOrigin: "sg", api.HeaderAudience: "asean", api.HeaderLevel: "green", api.HeaderAdded: "2026-01-01T00:00:00.000000Z"} {
			late.Header.Set(k, v)
		}
		before, err := h.StreamSize(t.Context(), "CTI_ASEAN_GREEN")
		must(t, err)
		_, err = h.Stores().PublishMsg(t.Context(), late)
		must(t, err)
		expect(t, "after a late write", sg.submit(bundle(c.send), "asean"), c.want)
		expect(t, "the same as the late one", sg.submit(bundle(indicator(n, stix.Green)), "asean"), "duplicate green asean")
		after, err := h.StreamSize(t.Context(), "CTI_ASEAN_GREEN")
		must(t, err)
		if after.Messages != before.Messages+1 {
			t.Errorf("the stream holds %d messages more, want the late one only", after.Messages-before.Messages)
		}
	}
}
