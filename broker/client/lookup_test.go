package client_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

func TestAnyNumberOfValuesIsLookedUpInTheirOrder(t *testing.T) {
	// Answers of a few mentions each: most values have to be asked for again.
	h := newHub(t, func(c *broker.Config) { c.Limits.PayloadBytes, c.Limits.ObjectBytes = 400<<10, 16<<10 })
	c := connect(t, h.creds("sg/feed", policy.Both, stix.Green))
	var objects []string
	for n := range 250 {
		objects = append(objects, indicator(n, stix.Green))
	}
	if _, sum := run(t, c, to("asean"), client.Bytes("all", bundle(objects...))); sum.Accepted != 250 {
		t.Fatal(sum)
	}
	values := []string{"\xff\xfe.example", strings.Repeat("a", api.LookupValueBytes+1), "nonsense"}
	refused := len(values)
	for n := range 2200 {
		values = append(values, fmt.Sprintf("192.0.%d.%d", 2+n/250, n%250))
	}
	got, err := c.Lookup(t.Context(), api.LookupRequest{Values: values})
	must(t, err)
	if len(got.Values) != len(values) {
		t.Fatalf("%d answers to %d values", len(got.Values), len(values))
	}
	for i, v := range got.Values {
		switch {
		case v.Value != values[i] || v.Mentions == nil:
			t.Fatalf("line %d: %+v", i, v)
		case i < refused:
			if v.Error == nil || v.Error.Code != api.CodeLookupInvalid {
				t.Errorf("%.20q: %+v", v.Value, v)
			}
		case v.Error != nil:
			t.Fatalf("%s: %v", v.Value, v.Error)
		default:
			n := i - refused
			if want := n < 250; want != (len(v.Mentions) == 1) || want && v.Mentions[0].ID != indicatorID(n) {
				t.Fatalf("%s: %+v", v.Value, v.Mentions)
			}
		}
	}
}
