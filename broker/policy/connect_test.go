package policy_test

import (
	"testing"

	"github.com/selat-hub/selat/broker/policy"
)

func TestOnlyASeatInForceOfAMemberInForceMayConnect(t *testing.T) {
	r := policy.NewRegion(map[string]*policy.Member{"sg": {Name: "sg"}, "my": {Name: "my", Suspended: true}}, nil, nil)
	for name, c := range map[string]struct {
		seat policy.Seat
		want bool
	}{
		"a seat in force":              {policy.Seat{Member: "sg"}, true},
		"a revoked seat":               {policy.Seat{Member: "sg", Revoked: true}, false},
		"a seat of a suspended member": {policy.Seat{Member: "my"}, false},
		"a seat of no member":          {policy.Seat{Member: "xx"}, false},
	} {
		if got := r.MayConnect(&c.seat); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
