package sinks_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/feeds/sink"
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
		t.Run(name, func(t *testing.T) { listShows(t, c.exposure, c.want, c.steps...) })
	}
}

// listShows does steps, and holds a list of that exposure to what it must have then.
func listShows(t *testing.T, e policy.Exposure, want []string, steps ...step) {
	t.Helper()
	now := epoch
	s, err := sinks.OpenState("state", vfs.NewMem(), nil)
	must(t, err)
	defer func() { must(t, s.Close()) }()
	for _, do := range steps {
		do(t, s, nil, &now)
	}
	o := domains(t, filepath.Join(t.TempDir(), "list.txt"), nil)
	o.View.Outlet.Exposure = e
	_, err = s.Write(t.Context(), o, now, false)
	must(t, err)
	if got := linesIn(t, o.Path); !slices.Equal(got, want) {
		t.Errorf("the file has %q, not %q", got, want)
	}
}

// The hub narrows neither: it keeps the less strict form.
func TestTheRecallOfAStricterFormTakesNoOtherFormWithIt(t *testing.T) {
	form := func(kind string, n int, level stix.Level, audience string) *client.Delivery {
		d := &client.Delivery{ID: kind + "--00000000-0000-4000-8000-000000000001", Type: kind, Origin: "sg", Audience: audience, Level: level, Added: epoch.Add(time.Duration(n) * time.Second)}
		modified := ""
		if kind == "identity" {
			d.Version, d.Supporting = epoch.Add(time.Duration(n)*time.Second).Format("2006-01-02T15:04:05.000Z"), true
			modified = fmt.Sprintf(`,"created":%q,"modified":%q`, d.Version, d.Version)
		}
		d.Object = fmt.Appendf(nil, `{"type":%q,"spec_version":"2.1","id":%q,"value":"form%d.example","name":"form%d.example"%s}`, d.Type, d.ID, n, n, modified)
		d.SHA256 = sha256.Sum256(d.Object)
		return d
	}
	for name, kind := range map[string]string{
		"of what has no versions":     "domain-name",
		"of what travels with others": "identity",
	} {
		t.Run(name, func(t *testing.T) {
			s, err := sinks.OpenState("state", vfs.NewMem(), nil)
			must(t, err)
			defer func() { must(t, s.Close()) }()
			green, amber := form(kind, 1, stix.Green, "region"), form(kind, 2, stix.Amber, "asean")
			must(t, s.Put(green, epoch))
			must(t, s.Put(amber, epoch))
			version := amber.Version
			if version == "" {
				version = amber.Hash()
			}
			n, err := s.Recall(&api.RecallOrder{Origin: "sg", ID: green.ID, Version: version, Level: stix.Amber}, epoch)
			must(t, err)
			if n != 1 {
				t.Errorf("%d are forgotten, not 1", n)
			}
			f, err := sink.FormatNamed("stix-bundle")
			must(t, err)
			file, err := f.File(sink.Settings{})
			must(t, err)
			o := &sinks.Output{Name: "all", Path: filepath.Join(t.TempDir(), "all.json"), View: sinks.View{Outlet: policy.Outlet{Exposure: policy.ExposeOrganization}}, File: file, Mode: 0o600, Shrink: 50}
			_, err = s.Write(t.Context(), o, epoch, false)
			must(t, err)
			b, err := os.ReadFile(o.Path)
			must(t, err)
			if !strings.Contains(string(b), "form1.example") || strings.Contains(string(b), "form2.example") {
				t.Errorf("the file has %s", b)
			}
		})
	}
}
