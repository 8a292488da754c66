package sinks_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/feeds/sinks"
	"github.com/selat-hub/selat/stix"
)

func TestAVersionThatWasTakenBackDoesNotReturnWithTheRecallOfALaterOne(t *testing.T) {
	v := func(version int, level stix.Level) thing {
		x := thing{id: 1, version: version, audience: "region", level: level}
		if level >= stix.Amber {
			x.audience = "asean"
		}
		return x
	}
	revoked := v(2, stix.Clear)
	revoked.revoked = true
	drill := v(2, stix.Amber)
	drill.audience = policy.Drill
	of := func(x thing) step { return order(api.RecallOrder{ID: x.stix(), Version: x.modified()}) }
	for name, c := range map[string]struct {
		exposure policy.Exposure
		steps    []step
		want     []string
	}{
		"of one that was stricter":            {policy.ExposePublic, []step{receive(v(1, stix.Clear)), receive(v(2, stix.Amber)), of(v(2, stix.Amber))}, nil},
		"nor for those who saw the stricter":  {policy.ExposeOrganization, []step{receive(v(1, stix.Clear)), receive(v(2, stix.Amber)), of(v(2, stix.Amber))}, nil},
		"nor when it comes after the recall":  {policy.ExposePublic, []step{receive(v(2, stix.Amber)), of(v(2, stix.Amber)), receive(v(1, stix.Clear))}, nil},
		"nor when that comes again":           {policy.ExposePublic, []step{receive(v(1, stix.Clear)), receive(v(2, stix.Amber)), of(v(2, stix.Amber)), of(v(2, stix.Amber))}, nil},
		"but with one that revoked it":        {policy.ExposePublic, []step{receive(v(1, stix.Clear)), receive(revoked), of(revoked)}, []string{"o1v1.example"}},
		"but with one that was no stricter":   {policy.ExposePublic, []step{receive(v(1, stix.Clear)), receive(v(2, stix.Clear)), of(v(2, stix.Clear))}, []string{"o1v1.example"}},
		"and a later one still counts":        {policy.ExposePublic, []step{receive(v(1, stix.Clear)), receive(v(2, stix.Amber)), of(v(2, stix.Amber)), receive(v(3, stix.Clear))}, []string{"o1v3.example"}},
		"and is not kept back by an exercise": {policy.ExposePublic, []step{receive(v(1, stix.Clear)), receive(drill), of(drill)}, []string{"o1v1.example"}},
		"nor by an order for all of another level": {policy.ExposePublic, []step{receive(v(1, stix.Clear)), receive(v(2, stix.Amber)), of(v(2, stix.Amber)),
			order(api.RecallOrder{ID: revoked.stix(), Level: stix.Green})}, nil},
		"and nothing is left of an order for all": {policy.ExposePublic, []step{receive(v(1, stix.Clear)), receive(v(2, stix.Amber)), of(v(2, stix.Amber)),
			order(api.RecallOrder{ID: revoked.stix()}), receive(v(1, stix.Clear))}, []string{"o1v1.example"}},
	} {
		t.Run(name, func(t *testing.T) {
			now := epoch
			s, err := sinks.OpenState("state", vfs.NewMem(), nil)
			must(t, err)
			defer func() { must(t, s.Close()) }()
			for _, do := range c.steps {
				do(t, s, nil, &now)
			}
			o := domains(t, filepath.Join(t.TempDir(), "list.txt"), nil)
			o.View.Outlet.Exposure = c.exposure
			_, err = s.Write(t.Context(), o, now, false)
			must(t, err)
			if got := linesIn(t, o.Path); !slices.Equal(got, c.want) {
				t.Errorf("the file has %q, not %q", got, c.want)
			}
		})
	}
}
