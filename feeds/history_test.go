// Package feeds_test holds what carries objects in and out together: a list that
// changes, a publisher's daemon, a hub, a subscriber's daemon and its files, over
// lines that break and with daemons that are killed.
package feeds_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

func TestMain(m *testing.M) {
	if what := os.Getenv(daemonVar); what != "" {
		if err := runDaemon(what); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// figures are what histories were made of.
var figures struct {
	histories, objects, versions, revoked, recalled, readings, feedKills, sinkKills, cuts, dead atomic.Int64
}

// atOnce is how many histories go on at a time: they wait more than they work.
const atOnce = 4

// Rows come, change, go and come back, end, are recalled; both daemons are killed
// wherever they are, and lines cut on either way: in the end each file is what a
// pure function of the history says, the hub holds each object once, nothing waits,
// and what the hub refused is set aside.
//
// SELAT_HISTORIES says how many there are, and SELAT_HISTORY_ROWS how many rows
// the lists of one more history have.
func TestWhateverHappensFilesSayWhatTheHistorySays(t *testing.T) {
	if testing.Short() {
		t.Skip("what is killed is another process")
	}
	histories, rows := 4, 0
	for name, n := range map[string]*int{"SELAT_HISTORIES": &histories, "SELAT_HISTORY_ROWS": &rows} {
		if v := os.Getenv(name); v != "" {
			var err error
			*n, err = strconv.Atoi(v)
			must(t, err)
		}
	}
	began := time.Now()
	checks := flag.Lookup("rapid.checks")
	was := checks.Value.String()
	if rows > 0 {
		must(t, checks.Value.Set("1"))
		rapid.Check(t, func(rt *rapid.T) { live(rt, t.TempDir(), rows, 30) })
	}
	must(t, checks.Value.Set(strconv.Itoa(histories/atOnce)))
	t.Run("histories", func(t *testing.T) {
		for i := range atOnce {
			t.Run(strconv.Itoa(i+1), func(t *testing.T) {
				t.Parallel()
				base := t.TempDir()
				rapid.Check(t, func(t *rapid.T) {
					live(t, base, rapid.IntRange(1, 40).Draw(t, "rows"), rapid.IntRange(3, 14).Draw(t, "ticks"))
				})
			})
		}
	})
	must(t, checks.Value.Set(was))
	f := &figures
	t.Logf("%d histories in %s: %d readings, %d objects, %d versions, %d revoked, %d recalls, %d and %d kills, %d connections cut, %d set aside",
		f.histories.Load(), time.Since(began).Round(time.Second), f.readings.Load(), f.objects.Load(), f.versions.Load(), f.revoked.Load(),
		f.recalled.Load(), f.feedKills.Load(), f.sinkKills.Load(), f.cuts.Load(), f.dead.Load())
}

// stray is a feed to an audience that there is not.
const stray = "stray"

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// history is one, as it goes on.
type history struct {
	t    *rapid.T
	ctx  context.Context
	dir  string
	size int
	now  time.Time

	hub        *testHub
	desk       *client.Client // of the origin
	deskLink   *link
	feedLink   *link
	sinkLink   *link
	feed, sink *daemon // nil while it does not run
	creds      map[string]string
	ceiling    stix.Level // of the seat with the sinks

	feeds    []*feed
	ordered  []ordered        // since the last tick
	recalled map[string]*life // by id: those of which something was recalled
}

// ordered is a recall that was answered.
type ordered struct {
	id, life string
	version  time.Time // zero is all
}

// live is one history from its beginning to what is to be seen at its end.
func live(t *rapid.T, base string, rows, ticks int) {
	dir, err := os.MkdirTemp(base, "history-*")
	must(t, err)
	h := &history{t: t, ctx: context.Background(), dir: dir, size: rows, now: epoch, creds: map[string]string{}, recalled: map[string]*life{}}
	defer h.close()
	h.begin()
	for range ticks {
		h.tick()
	}
	h.settle()
	figures.histories.Add(1)
}

func (h *history) draw(name string, least, most int) int {
	return rapid.IntRange(least, most).Draw(h.t, name)
}

func (h *history) chance(name string, percent int) bool { return h.draw(name, 1, 100) <= percent }

func (h *history) begin() {
	h.feeds = []*feed{
		{name: "clear", base: stix.Clear, whole: true, grace: time.Duration(h.draw("grace", 0, 12)) * time.Hour},
		{name: "green", base: stix.Green, whole: true, grace: time.Duration(h.draw("grace", 0, 3)) * time.Hour},
		{name: "events", base: stix.Clear},
		{name: stray, base: stix.Clear, whole: true},
	}
	h.ceiling = rapid.SampledFrom([]stix.Level{stix.Green, stix.AmberStrict}).Draw(h.t, "ceiling")
	var err error
	h.hub, err = newHub(h.ctx, h.dir)
	must(h.t, err)
	for _, s := range []struct {
		name    string
		kind    policy.Kind
		ceiling stix.Level
		link    **link
	}{{"sg/feed", policy.Publisher, stix.AmberStrict, &h.feedLink}, {"sg/desk", policy.Both, stix.AmberStrict, &h.deskLink}, {"my/sensor", policy.Subscriber, h.ceiling, &h.sinkLink}} {
		h.creds[s.name], err = h.hub.seat(h.ctx, s.name, s.kind, s.ceiling)
		must(h.t, err)
		*s.link, err = newLink(strings.TrimPrefix(h.hub.URL(), "nats://"))
		must(h.t, err)
	}
	must(h.t, h.hub.hasten(h.ctx, h.creds["my/sensor"]))
	h.desk, err = client.Connect(h.ctx, client.Options{CredsFile: h.creds["sg/desk"], URL: h.deskLink.url()})
	must(h.t, err)
	h.configure()
}

// exposures are those of the sinks that are lists, by name.
var exposures = map[string]policy.Exposure{"organization": policy.ExposeOrganization, "clients": policy.ExposeClients,
	"community": policy.ExposeCommunity, "public": policy.ExposePublic}

func (h *history) configure() {
	var b strings.Builder
	fmt.Fprintf(&b, "credentials: %s\nhub: %s\nnamespace: cert.example\nfeeds:\n", h.creds["sg/feed"], h.feedLink.url())
	for _, f := range h.feeds {
		f.list, f.rows = map[int]entry{}, map[int]*row{}
		must(h.t, f.write(h.dir))
		format, to := "n6", "asean"
		if f.whole {
			format = "csv\n    mapping: {columns: {value: value, key: key, confidence: confidence, tlp: tlp, until: until, malware: malware}}"
		}
		if f.name == stray {
			to = "nowhere"
		}
		fmt.Fprintf(&b, "  %s:\n    file: %s\n    every: 50m\n    to: [%s]\n    tlp: %s\n    grace: %s\n    shrink_percent: 100\n    format: %s\n", f.name, f.name, to, f.base, f.grace, format)
	}
	must(h.t, os.WriteFile(h.config("feed"), []byte(b.String()), 0o600))
	b.Reset()
	fmt.Fprintf(&b, "credentials: %s\nhub: %s\nsinks:\n", h.creds["my/sensor"], h.sinkLink.url())
	for name, e := range exposures {
		fmt.Fprintf(&b, "  %s: {format: list, path: %s.txt, exposure: %s, shrink_percent: 100, interval: 1s}\n", name, name, e)
	}
	b.WriteString("  bundle: {format: stix-bundle, path: bundle.json, exposure: organization, types: [indicator], shrink_percent: 100, interval: 1s}\n")
	b.WriteString("  table: {format: csv, path: table.csv, exposure: community, types: [indicator], shrink_percent: 100, interval: 1s}\n")
	must(h.t, os.WriteFile(h.config("sink"), []byte(b.String()), 0o600))
}

func (h *history) config(role string) string { return filepath.Join(h.dir, role+"s.yaml") }

// tick is some hours of the history: lists change, time goes on, what runs does its
// work, and something happens meanwhile.
func (h *history) tick() {
	for _, f := range h.feeds {
		h.edit(f)
		must(h.t, f.write(h.dir))
	}
	h.now = h.now.Add(time.Duration(h.draw("hours", 1, 6)) * time.Hour)
	if h.feed == nil && h.chance("start feed", 60) {
		h.feed = h.start("feed")
	} else if h.feed != nil {
		must(h.t, h.feed.tell(h.now))
	}
	if h.sink == nil && h.chance("start sink", 60) {
		h.sink = h.start("sink")
	} else if h.sink != nil {
		must(h.t, h.sink.tell(h.now))
	}
	for range h.draw("happenings", 0, 4) {
		h.pause()
		h.happen()
	}
	h.read()
	h.pause()
	if h.chance("feed dies", 20) {
		h.kill(&h.feed)
	}
}

// read is what the readings of this tick and the recalls come to.
func (h *history) read() {
	if h.feed != nil {
		must(h.t, h.feed.rested(len(h.feeds)))
		for _, f := range h.feeds {
			f.read(h.now)
		}
		figures.readings.Add(int64(len(h.feeds)))
	}
	for _, o := range h.ordered {
		l := h.find(o.life)
		if l == nil {
			h.t.Fatalf("the hub held %s, %s, which nobody made", o.life, o.id)
		}
		h.recalled[o.id] = l
		if o.version.IsZero() && !l.recalled {
			l.recalled, l.known = true, len(l.versions)
		}
		for i := range l.versions {
			if l.versions[i].modified.Equal(o.version) {
				l.versions[i].recalled = true
			}
		}
	}
	h.ordered = nil
}

// pause is a while for what goes on to come further: how far is chance.
func (h *history) pause() {
	<-time.After(time.Duration(h.draw("milliseconds", 0, 25)) * time.Millisecond)
}

func (h *history) start(role string) *daemon {
	d, err := startDaemon(role, h.config(role), h.now)
	must(h.t, err)
	return d
}

func (h *history) kill(d **daemon) {
	if *d == nil {
		return
	}
	if said := (*d).end(syscall.SIGKILL); said != "" {
		h.t.Fatal("a daemon had ended before it was killed: ", said)
	}
	if d == &h.feed {
		figures.feedKills.Add(1)
	} else {
		figures.sinkKills.Add(1)
	}
	*d = nil
}

// edit changes a list here and there.
func (h *history) edit(f *feed) {
	if !f.whole {
		clear(f.list) // they are told once
	}
	for range h.draw("edits", 0, h.size/3+2) {
		key := h.draw("row", 0, h.size-1)
		if _, there := f.list[key]; there && h.chance("leaves", 40) {
			delete(f.list, key)
			continue
		}
		e := entry{content: content{confidence: rapid.SampledFrom(words).Draw(h.t, "confidence"), level: rapid.SampledFrom(stix.Levels[:4]).Draw(h.t, "level")}}
		if !f.whole {
			e.delisted = h.chance("delisted", 30)
			e.level = rapid.SampledFrom([]stix.Level{stix.Clear, stix.Amber}).Draw(h.t, "restriction")
		}
		if h.chance("ends", 50) {
			e.until = h.now.Add(time.Duration(h.draw("valid", 1, 40)) * time.Hour)
		}
		f.list[key] = e
	}
}

// happen is what nobody planned.
func (h *history) happen() {
	switch h.draw("happening", 0, 9) {
	case 0: // it starts again at once, and reads what it was reading
		if h.feed != nil {
			h.kill(&h.feed)
			h.feed = h.start("feed")
		}
	case 1:
		h.kill(&h.sink)
	case 2:
		if h.sink == nil {
			h.sink = h.start("sink")
		}
	case 3, 4:
		h.sever(h.feedLink)
	case 5, 6:
		h.sever(h.sinkLink)
	default:
		h.recall()
	}
}

// sever cuts a line: at once, or after what went one way was lost; for a moment, or
// until another time; or mends it.
func (h *history) sever(l *link) {
	way := h.draw("way", 0, 4)
	if way < 2 {
		l.swallow(way)
		h.pause()
	}
	if l.mend(); way < 4 {
		l.cut(h.chance("down", 25))
	}
}

// recall is one by the origin, over a line that may break.
func (h *history) recall() {
	all, err := h.hub.objects(h.ctx)
	must(h.t, err)
	all = slices.DeleteFunc(all, func(o stored) bool { return o.Type != "indicator" })
	if len(all) == 0 {
		return
	}
	sort.Slice(all, func(i, j int) bool { return all[i].ID+all[i].Version() < all[j].ID+all[j].Version() })
	o := all[h.draw("recalled", 0, len(all)-1)]
	i, err := readIndicator(o.Raw)
	must(h.t, err)
	q := api.RecallRequest{ID: o.ID, Reason: "a mistake"}
	done := ordered{id: o.ID, life: i.life()}
	if h.chance("one version", 40) {
		q.Version, done.version = o.Version(), i.Modified
	}
	if h.chance("line breaks", 30) {
		h.deskLink.swallow(h.draw("way", 0, 1))
		broken := make(chan struct{})
		go func() { defer close(broken); <-time.After(5 * time.Millisecond); h.deskLink.cut(false) }()
		defer func() { <-broken }()
	}
	_, err = h.desk.Recall(h.ctx, q)
	var no *api.Error
	if errors.As(err, &no) && no.Code == "not-found" && q.Version != "" {
		return // a later version took it away a moment ago
	}
	must(h.t, err)
	figures.recalled.Add(1)
	h.ordered = append(h.ordered, done)
}

func (h *history) find(name string) *life {
	for _, f := range h.feeds {
		for _, r := range f.rows {
			for _, l := range r.lives {
				if l.name() == name {
					return l
				}
			}
		}
	}
	return nil
}

func (h *history) close() {
	for _, d := range []*daemon{h.feed, h.sink} {
		if d != nil {
			d.end(syscall.SIGKILL)
		}
	}
	if h.desk != nil {
		h.desk.Close()
	}
	for _, l := range []*link{h.feedLink, h.sinkLink, h.deskLink} {
		if l != nil {
			must(h.t, l.close())
		}
	}
	if h.hub != nil {
		must(h.t, h.hub.close())
	}
	must(h.t, os.RemoveAll(h.dir))
}
