package client

import (
	"testing"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

func TestANarrowingLeavesNothingOnceALaterRecallOfItsObjectIsKnown(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	narrowing := api.RecallOrder{Recall: "n", Origin: "sg", ID: "indicator--1", Before: "2026-01-02T00:00:00.000Z", Level: stix.Green, Unless: stix.Amber, At: at}
	other := func(edit func(*api.RecallOrder)) api.RecallOrder {
		o := api.RecallOrder{Recall: "o", Origin: "sg", ID: "indicator--1", Level: stix.Amber, At: at.Add(time.Second)}
		edit(&o)
		return o
	}
	for name, c := range map[string]struct {
		other  api.RecallOrder
		kept   bool
		leaves bool
	}{
		"a recall of all":                     {other(func(*api.RecallOrder) {}), true, false},
		"a recall of one version":             {other(func(o *api.RecallOrder) { o.Version = "2026-01-02T00:00:00.000Z" }), true, false},
		"a recall from another audience":      {other(func(o *api.RecallOrder) { o.Audience = "drill" }), true, false},
		"a recall before it":                  {other(func(o *api.RecallOrder) { o.At = at.Add(-time.Second) }), true, true},
		"a recall of another object":          {other(func(o *api.RecallOrder) { o.ID = "indicator--2" }), true, true},
		"a recall of another origin's":        {other(func(o *api.RecallOrder) { o.Origin = "my" }), true, true},
		"another narrowing":                   {other(func(o *api.RecallOrder) { o.Before, o.Unless = "2026-01-03T00:00:00.000Z", stix.AmberStrict }), true, true},
		"whatever, where it is not for keeps": {other(func(o *api.RecallOrder) { o.ID = "indicator--2" }), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, first := range []bool{true, false} {
				os, err := openOrders(newMemorySeen())
				if err != nil {
					t.Fatal(err)
				}
				arrive := func(o *api.RecallOrder, kept bool) (k *known) {
					if k, err = os.arrive(o, func() (bool, error) { return kept, nil }); err != nil {
						t.Fatal(err)
					}
					return k
				}
				if !first {
					arrive(&c.other, false)
				}
				k := arrive(&narrowing, c.kept)
				if first {
					arrive(&c.other, false)
				}
				if os.leaves(k) != c.leaves {
					t.Errorf("it leaves what the seat has: %t (it came first: %t)", !c.leaves, first)
				}
			}
		})
	}
}
