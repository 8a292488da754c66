package outbox

import (
	"bytes"
	flags "flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/broker/profile"
	"github.com/selat-hub/selat/stix"
)

// member is one of a hub, with a seat that publishes.
type member struct {
	hub  *broker.Hub
	seat *client.Client
}

// join makes a new member; n makes its name.
func join(t *rapid.T, hub *broker.Hub, dir string, n int) *member {
	name := "z"
	for ; len(name) < 6; n /= 26 {
		name += string(rune('a' + n%26))
	}
	must(t, hub.AddMember(t.Context(), policy.Member{Name: name, Title: name}))
	must(t, hub.Join(t.Context(), "region", name, false))
	creds, err := hub.AddSeat(t.Context(), policy.Seat{Name: name + "/feed", Kind: policy.Both, Standing: policy.Organization, Ceiling: stix.Green})
	must(t, err)
	file := filepath.Join(dir, name)
	must(t, os.WriteFile(file, creds, 0o600))
	seat, err := client.Connect(t.Context(), client.Options{CredsFile: file})
	must(t, err)
	return &member{hub, seat}
}

func must(t interface {
	Helper()
	Fatal(...any)
}, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// submit gives the hub items; it must take each, or have it.
func (m *member) submit(t *rapid.T, items []Item) {
	if m == nil || len(items) == 0 {
		return
	}
	var raws [][]byte
	for i := range items {
		raws = append(raws, items[i].Raw)
	}
	r, err := m.seat.Submit(t.Context(), stix.AppendBundle(nil, "bundle--00000000-0000-4000-8000-000000000000", raws...), client.SubmitOptions{To: []string{"region"}})
	must(t, err)
	for _, l := range r.Objects {
		if l.Outcome == api.Refused {
			t.Fatalf("the hub refuses %s: %+v", l.ID, l.Findings)
		}
	}
}

// held is what the hub has of the member: the bytes of each version of each object.
func (m *member) held(t *rapid.T) map[string]map[string][]byte {
	all := map[string]map[string][]byte{}
	own := func(cs []policy.Collection) *policy.Collection {
		for i := range cs {
			if cs[i].Kind == policy.Own {
				return &cs[i]
			}
		}
		return nil
	}
	r, err := m.hub.Read(t.Context(), m.seat.Account(), own, catalog.Query{Versions: []string{catalog.VersionAll}, Limit: 10_000}, true)
	must(t, err)
	if r.More {
		t.Fatal("there is more than this test reads")
	}
	for _, run := range r.Runs {
		objects, err := stix.Split(fmt.Appendf(nil, `{"objects":[%s]}`, run.Data), stix.DefaultLimits)
		must(t, err)
		for _, o := range objects {
			if all[o.ID] == nil {
				all[o.ID] = map[string][]byte{}
			}
			if all[o.ID][o.Version()] != nil {
				t.Fatalf("the hub has %s of %s twice", o.Version(), o.ID)
			}
			all[o.ID][o.Version()] = bytes.Clone(o.Raw)
		}
	}
	return all
}

// The model of a hub is held to a real one: each history is another member's of one
// hub. SELAT_OUTBOX_HISTORIES says how many there are.
func TestARealHubHoldsWhatTheHistorySaysWhateverCrashes(t *testing.T) {
	histories := 5
	if v := os.Getenv("SELAT_OUTBOX_HISTORIES"); v != "" {
		var err error
		histories, err = strconv.Atoi(v)
		must(t, err)
	}
	dir := t.TempDir()
	cfg := broker.DefaultConfig()
	cfg.Data, cfg.Listen, cfg.HTTP.Listen = filepath.Join(dir, "data"), "127.0.0.1:0", ""
	cfg.Store.ReserveBytes, cfg.Limits.SubmissionsPerSecond = 1<<20, 0
	p, err := profile.Load("asean")
	must(t, err)
	must(t, broker.Init(t.Context(), cfg, p.Region(time.Now().UTC()), nil))
	hub, err := broker.Start(t.Context(), cfg, nil)
	must(t, err)
	defer func() { must(t, hub.Close()) }()
	checks := flags.Lookup("rapid.checks").Value
	was := checks.String()
	must(t, checks.Set(strconv.Itoa(histories)))
	defer func() { must(t, checks.Set(was)) }()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		m := join(t, hub, dir, n)
		defer m.seat.Close()
		history(t, m)
	})
	counts, err := hub.Counts(nil)
	must(t, err)
	t.Logf("%d histories; the hub has %+v", n, counts)
}
