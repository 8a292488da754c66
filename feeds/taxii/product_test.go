package taxii

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// held is one object of the product, and where it stands.
type held struct {
	id, raw string
	late    bool // it came after the late member joined
}

// TestTheWholeProductIsToldAsPolicyHasIt asks as every kind, standing and ceiling
// of seat of members that stand in every way towards a community, for every
// collection there is, by every endpoint and method. What policy gives a seat is
// answered with exactly that; anything else is answered, to the letter, as what
// does not exist.
func TestTheWholeProductIsToldAsPolicyHasIt(t *testing.T) {
	if testing.Short() {
		t.Skip("tens of thousands of requests, one after another")
	}
	h := newHub(t)
	must(t, h.AddCommunity(t.Context(), policy.Community{Name: "quiet", Private: true}))
	for _, m := range []string{"sg", "my"} {
		must(t, h.Join(t.Context(), "quiet", m, false))
	}
	all := map[policy.Stream][]held{}
	n := 0
	epoch := func(late bool) {
		for _, s := range h.Region().Streams() {
			if s.Audience != "quiet" && s.Audience != "asean" && s.Audience != policy.Drill && s.Level != stix.Red {
				continue
			}
			n++
			all[s] = append(all[s], held{idOf(n), indicator(n, january), late})
			r, err := h.Submit(t.Context(), broker.Submission{Account: h.Region().Seats["sg/source"].Account, Payload: []byte(all[s][len(all[s])-1].raw), To: []string{s.Audience}, Unmarked: s.Level})
			if err != nil || r.Accepted != 1 {
				t.Fatal(err, r)
			}
		}
	}
	h.seat("sg/source", policy.Publisher, stix.Red)
	epoch(false)
	must(t, h.Join(t.Context(), "quiet", "th", false)) // late
	epoch(true)

	srv := h.serve()
	cases := 0
	for _, member := range []string{"my", "th", "vn"} { // on the roster, late on it, not on it
		for _, kind := range []policy.Kind{policy.Publisher, policy.Subscriber, policy.Both} {
			for _, standing := range []policy.Standing{policy.Organization, policy.Client} {
				for _, ceiling := range stix.Levels {
					seat := policy.Seat{Name: fmt.Sprintf("%s/%s-%s-%s", member, kind[:1], standing[:1], ceiling), Member: member, Kind: kind, Standing: standing, Ceiling: ceiling}
					if policy.CheckSeat(&seat, h.Region().Members[member]) != nil {
						continue
					}
					h.seat(seat.Name, kind, ceiling, func(s *policy.Seat) { s.Standing = standing })
					cases += h.client(srv, seat.Name).product(h, &seat, all)
				}
			}
		}
	}
	t.Logf("%d answers compared, 0 differences", cases)
}

func (c *client) product(h *realHub, seat *policy.Seat, all map[policy.Stream][]held) (cases int) {
	t, region := c.t, h.Region()
	t.Helper()
	const nowhere = "00000000-0000-4000-8000-000000000000"
	var listed []string
	for _, col := range c.get("/selat/collections/").want(http.StatusOK).envelope().Collections {
		listed = append(listed, col.ID)
	}
	everything := map[string]bool{}
	var given []string
	for s, objects := range all {
		one := policy.Collection{Stream: s}
		id := nameOf(region, &one, caller{}).id
		access, write := region.MayRead(seat, s), region.MayWrite(seat, s)
		if access.Allowed || write {
			given = append(given, id)
		}
		var open []string
		for i, o := range objects {
			if access.Allowed && uint64(i) >= access.From-1 {
				open = append(open, o.id)
				if s.Audience != policy.Drill {
					everything[o.id] = true
				}
			}
		}
		for _, o := range objects {
			for _, ask := range []struct{ method, path string }{
				{"GET", ""}, {"GET", "objects/"}, {"HEAD", "objects/"}, {"GET", "manifest/"}, {"GET", "objects/?match[id]=" + o.id}, {"GET", "manifest/?match[id]=" + o.id},
				{"GET", "objects/" + o.id + "/"}, {"GET", "objects/" + o.id + "/versions/"}, {"DELETE", "objects/" + o.id + "/"}, {"PUT", "objects/"},
			} {
				cases++
				got := c.do(ask.method, "/selat/collections/"+id+"/"+ask.path, nil)
				absent := c.do(ask.method, "/selat/collections/"+nowhere+"/"+ask.path, nil)
				switch {
				case !access.Allowed && !write:
					if got.same() != absent.same() {
						t.Errorf("%s: %s %s of %v is told from what is not there: %s", seat.Name, ask.method, ask.path, s, got.same())
					}
				case !access.Allowed && strings.Contains(ask.path, "/") && got.Status < 400:
					t.Errorf("%s: %s %s of %v is answered %d to who may only write", seat.Name, ask.method, ask.path, s, got.Status)
				case access.Allowed && !slices.Contains(open, o.id) && strings.Contains(ask.path, o.id):
					// It came before the member joined: as absent as no object.
					none := c.do(ask.method, strings.Replace("/selat/collections/"+id+"/"+ask.path, o.id, idOf(1<<40), 1), nil)
					if got.same() != none.same() {
						t.Errorf("%s: %s %s of %v before the start is told from none: %s", seat.Name, ask.method, ask.path, s, got.same())
					}
				case access.Allowed && ask.method == "GET" && ask.path != "" && !strings.HasSuffix(ask.path, "versions/"):
					want := open
					if strings.Contains(ask.path, o.id) {
						want = []string{o.id}
					}
					if ids := idsIn(t, got.want(http.StatusOK)); !slices.Equal(ids, want) {
						t.Errorf("%s: %s of %v holds %v, not %v", seat.Name, ask.path, s, ids, want)
					}
				}
			}
		}
	}
	for _, id := range listed {
		alias := c.get("/selat/collections/" + id + "/").want(http.StatusOK)
		if !slices.Contains(given, id) && !strings.Contains(string(alias.Body), `"alias":"own"`) && !strings.Contains(string(alias.Body), `"alias":"everything"`) &&
			!strings.Contains(string(alias.Body), `"alias":"region-`) && !strings.Contains(string(alias.Body), `"alias":"a`) {
			t.Errorf("%s: a collection is listed that is not the seat's: %s", seat.Name, alias.Body)
		}
	}
	for _, id := range given {
		if !slices.Contains(listed, id) {
			t.Errorf("%s: collection %s is not listed", seat.Name, id)
		}
	}
	cases++
	if got := c.get(path("everything", "objects/?limit=1000")); got.Status == http.StatusOK {
		for _, id := range idsIn(t, got) {
			if !everything[id] {
				t.Errorf("%s: everything holds %s, which is not the seat's", seat.Name, id)
			}
			delete(everything, id)
		}
	}
	if len(everything) > 0 {
		t.Errorf("%s: everything lacks %v", seat.Name, everything)
	}
	return cases
}

func idsIn(t testing.TB, r *reply) (ids []string) {
	t.Helper()
	for _, raw := range r.envelope().Objects {
		var o struct{ ID string }
		must(t, json.Unmarshal(raw, &o))
		ids = append(ids, o.ID)
	}
	return ids
}
