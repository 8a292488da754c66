package taxii

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// walker goes through one query page by page, in its own time.
type walker struct {
	alias, filter string
	start         string // where the query began
	next          string
	last          string // X-TAXII-Date-Added-Last of the page before
	byDate        bool   // follows added_after instead of next
	got           []string
	done          bool
}

// turn reads one page. A query that came to its end is begun anew after the last
// object there was.
func (w *walker) turn(c *client, limit int) {
	if w.last != "" && (w.byDate || w.next == "") {
		w.start, w.next = "&added_after="+url.QueryEscape(w.last), ""
	}
	query := fmt.Sprint("?limit=", limit, w.filter, w.start)
	if w.next != "" {
		query += "&next=" + w.next
	}
	r := c.get(path(w.alias, "objects/"+query)).want(200)
	e := r.envelope()
	for _, o := range e.Objects {
		w.got = append(w.got, string(o))
	}
	w.next, w.done = e.Next, !e.More
	if last := r.Header.Get(headerLast); last != "" {
		w.last = last
	}
}

// writing submits versions of objects from several members to several audiences
// and levels, as fast as the hub takes them, until it is told to stop.
type writing struct {
	h    *realHub
	mu   sync.Mutex
	all  []written
	stop context.CancelFunc
	done sync.WaitGroup
}

type written struct {
	raw, id, member string
	level           stix.Level
	audience        string
	number          int // of the version
}

func (h *realHub) write(t *rapid.T, before []written, members ...string) *writing {
	ctx, stop := context.WithCancel(context.Background())
	w := &writing{h: h, all: before, stop: stop}
	size := rapid.IntRange(1, 40).Draw(t, "objects a submission")
	for i, member := range members {
		account := h.Region().Seats[member+"/feed"].Account
		w.done.Go(func() {
			for n := 0; ctx.Err() == nil && n < 60; n++ {
				level := stix.Levels[(n+i)%8%3]
				audience := []string{"asean", "region"}[n%2]
				var raws [][]byte
				var batch []written
				for j := range size {
					// Every third submission has new versions of the objects of the one
					// three before, of which the level is the same.
					first, version := n, 0
					if n%24 >= 8 {
						first, version = n-n%24+n%8, n%24/8
					}
					k := i*1_000_000 + first*100 + j
					raw := indicator(k, fmt.Sprintf("2026-01-%02dT00:00:00.000Z", 1+version))
					raws = append(raws, []byte(raw))
					batch = append(batch, written{raw, idOf(k), member, level, audience, version})
				}
				receipt, err := h.Submit(ctx, broker.Submission{Account: account, Payload: bundleOf(raws), To: []string{audience}, Unmarked: level})
				if errors.Is(err, context.Canceled) {
					return
				}
				if err != nil || receipt.Accepted+receipt.Duplicate != size {
					h.t.Errorf("a submission of %d: %+v, %v", size, receipt, err)
					return
				}
				w.mu.Lock()
				w.all = append(w.all, batch...)
				w.mu.Unlock()
			}
		})
	}
	return w
}

// TestPagingLosesNothingAndRepeatsNothing walks collections with next and with
// added_after while members write, with limits and filters at random, and with
// the hub started anew, and its catalogue built anew, between pages.
func TestPagingLosesNothingAndRepeatsNothing(t *testing.T) {
	rounds := 0
	rapid.Check(t, func(rt *rapid.T) {
		if rounds++; rounds > mostRounds || testing.Short() && rounds > 2 {
			return
		}
		h := newHub(t)
		for _, m := range []string{"sg", "my", "th"} {
			h.seat(m+"/feed", policy.Both, stix.Amber)
		}
		h.seat("vn/desk", policy.Subscriber, stix.Amber)
		walks(t, rt, h)
		must(t, h.Hub.Close())
	})
}

// mostRounds bounds the property: each round takes a hub through two lives.
const mostRounds = 8

func walks(t *testing.T, rt *rapid.T, h *realHub) {
	s := h.serve()
	c := h.client(s, "vn/desk")
	w := h.write(rt, nil, "sg", "my", "th")
	var walkers []*walker
	for _, alias := range []string{"everything", "asean-amber", "region-clear"} {
		for _, byDate := range []bool{false, true} {
			// Every version: what is the latest changes while one reads.
			walkers = append(walkers, &walker{alias: alias, byDate: byDate, filter: "&match[version]=all"})
		}
	}
	walkers = append(walkers, &walker{alias: "everything", filter: "&match[version]=all&match[type]=indicator,malware&match[spec_version]=2.1"})
	for turn := 0; turn < 25; turn++ {
		wk := walkers[rapid.IntRange(0, len(walkers)-1).Draw(rt, "walker")]
		wk.turn(c, rapid.IntRange(1, 200).Draw(rt, "limit"))
		if turn != 12 {
			continue
		}
		// Between two pages the writers stop, and the hub is started anew.
		w.stop()
		w.done.Wait()
		must(t, s.Close())
		must(t, h.Hub.Close())
		if rapid.Bool().Draw(rt, "rebuild") {
			must(t, os.RemoveAll(filepath.Join(h.cfg.Data, "catalogue")))
		}
		h.start()
		s = h.serve()
		c = h.client(s, "vn/desk")
		w = h.write(rt, w.all, "sg", "my", "th") // they begin again, and go on
	}
	w.stop()
	w.done.Wait()
	// What was given up by its writer may still be on its way, and hold back what
	// came after it.
	for _, wk := range walkers {
		for end := time.Now().Add(time.Minute); ; {
			for wk.done = false; !wk.done; {
				wk.turn(c, 1000)
			}
			if missing := w.missing(wk); missing == 0 {
				break
			} else if time.Now().After(end) {
				t.Fatalf("%s %s by date %v: %d objects did not come", wk.alias, wk.filter, wk.byDate, missing)
			}
		}
		wk.onceEach(t)
	}
	must(t, s.Close())
}

// missing counts what was stored and has not come to a walker.
func (w *writing) missing(wk *walker) int {
	got := map[string]bool{}
	for _, raw := range wk.got {
		got[raw] = true
	}
	missing := map[string]bool{}
	for _, o := range w.all {
		if (wk.alias == "everything" || wk.alias == o.audience+"-"+o.level.String()) && !got[o.raw] {
			missing[o.raw] = true
		}
	}
	return len(missing)
}

func (wk *walker) onceEach(t *testing.T) {
	t.Helper()
	seen := map[string]bool{}
	for _, raw := range wk.got {
		if seen[raw] {
			t.Fatalf("%s %s by date %v: an object came twice: %s", wk.alias, wk.filter, wk.byDate, raw)
		}
		seen[raw] = true
	}
}
