package feeds_test

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"syscall"
	"time"

	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/feeds/publisher"
	"github.com/selat-hub/selat/feeds/sinks"
	"github.com/selat-hub/selat/stix"
)

// What is to be seen when a history has ended.

// settle lets everything come to its end, and looks at it.
func (h *history) settle() {
	for _, l := range []*link{h.feedLink, h.sinkLink, h.deskLink} {
		l.mend()
	}
	h.now = h.now.Add(time.Hour)
	for role, d := range map[string]**daemon{"feed": &h.feed, "sink": &h.sink} {
		if *d == nil {
			*d = h.start(role)
		} else {
			must(h.t, (*d).tell(h.now))
		}
	}
	h.read()
	h.stop(&h.feed)
	h.publishTheRest()
	h.compareHub()
	h.awaitFiles()
	h.stop(&h.sink)
	h.writeOnce()
	for _, l := range []*link{h.feedLink, h.sinkLink, h.deskLink} {
		figures.cuts.Add(int64(l.cuts))
	}
}

func (h *history) stop(d **daemon) {
	if said := (*d).end(syscall.SIGTERM); said != "" {
		h.t.Fatal("a daemon did not end well: ", said)
	}
	*d = nil
}

// publishTheRest is `selat feed once`, which must find nothing new.
func (h *history) publishTheRest() {
	config, err := publisher.Load(h.config("feed"))
	must(h.t, err)
	link := publisher.NewLink(config, nil)
	defer link.Close()
	p, err := publisher.Open(config, link, publisher.Options{Now: func() time.Time { return h.now }})
	must(h.t, err)
	results, err := p.Once(h.ctx)
	must(h.t, err)
	for _, r := range results {
		if r.New+r.Changed+r.Revoked > 0 {
			h.t.Errorf("read again, %s has %d new, %d changed, %d revoked", r.Feed, r.New, r.Changed, r.Revoked)
		}
	}
	all, err := p.Status()
	must(h.t, err)
	for _, s := range all {
		if s.Waiting > 0 {
			h.t.Errorf("%d objects of %s wait", s.Waiting, s.Feed)
		}
	}
	dead, err := p.DeadLetters()
	must(h.t, err)
	must(h.t, p.Close())
	h.compareDead(dead)
}

// compareDead: what went to no audience, and what was recalled, is set aside.
func (h *history) compareDead(dead []publisher.Dead) {
	figures.dead.Add(int64(len(dead)))
	strays, of := 0, map[*life]int{}
	for _, d := range dead {
		if d.Feed == stray {
			strays++
			continue
		}
		l := h.recalled[d.ID]
		if len(d.Lines) != 1 || len(d.Lines[0].Findings) == 0 || d.Lines[0].Findings[0].Code != "recalled" || l == nil {
			h.t.Errorf("set aside though nobody recalled it: %+v", d)
			continue
		}
		at, err := time.Parse(time.RFC3339, d.Version)
		must(h.t, err)
		if !l.recalled && !slices.ContainsFunc(l.versions, func(v version) bool { return v.recalled && v.modified.Equal(at) }) {
			h.t.Errorf("set aside though this version was not recalled: %s", d.ID)
		}
		of[l]++
	}
	for _, l := range h.recalled {
		if l.recalled && of[l] < len(l.versions)-l.known {
			h.t.Errorf("of %s %d versions are set aside, and %d came after it was recalled", l.name(), of[l], len(l.versions)-l.known)
		}
	}
	want := 0
	for _, r := range h.feeds[len(h.feeds)-1].rows {
		for _, l := range r.lives {
			want += len(l.versions)
		}
	}
	if strays != want {
		h.t.Errorf("%d objects to no audience are set aside, not %d", strays, want)
	}
}

// compareHub holds the streams to the history: each version of each object once.
func (h *history) compareHub() {
	all, err := h.hub.objects(h.ctx)
	must(h.t, err)
	once := map[string]bool{}
	sort.SliceStable(all, func(i, j int) bool { return all[i].Version() < all[j].Version() })
	got := map[string][]string{}
	relations := map[string]int{} // live ones, by what they are about
	latest := map[string]stored{}
	ids := map[string]string{}
	for _, o := range all {
		if once[o.ID+" "+o.Version()] {
			h.t.Errorf("the hub holds %s of %s more than once", o.Version(), o.ID)
		}
		once[o.ID+" "+o.Version()] = true
		latest[o.ID] = o
		if o.Type != "indicator" {
			continue
		}
		i, err := readIndicator(o.Raw)
		must(h.t, err)
		if want := "CTI_ASEAN_" + strings.ToUpper(i.version().level.String()); o.stream != want {
			h.t.Errorf("%s is in %s, not %s", o.ID, o.stream, want)
		}
		got[i.life()] = append(got[i.life()], i.version().String())
		if was, known := ids[i.life()]; known && was != o.ID {
			h.t.Errorf("%s is both %s and %s", i.life(), was, o.ID)
		}
		ids[i.life()] = o.ID
	}
	for _, o := range latest {
		if o.Type == "relationship" && !o.Revoked {
			for _, ref := range o.Refs {
				if strings.HasPrefix(ref, "indicator--") {
					relations[ref]++
				}
			}
		}
	}
	want := map[string][]string{}
	h.eachLife(func(l *life) {
		figures.objects.Add(1)
		figures.versions.Add(int64(len(l.versions)))
		related := 0
		if family(l.key) != "" {
			related = 1
		}
		if l.last().revoked {
			figures.revoked.Add(1)
			related = 0
		}
		for _, v := range l.held(stix.AmberStrict) {
			want[l.name()] = append(want[l.name()], v.String())
		}
		if id := ids[l.name()]; id != "" && relations[id] != related {
			h.t.Errorf("%s has %d live relationships, not %d", l.name(), relations[id], related)
		}
	})
	for name := range want {
		if !slices.Equal(got[name], want[name]) {
			h.t.Errorf("the hub holds of %s\n%q, and the history says\n%q", name, got[name], want[name])
		}
		delete(got, name)
	}
	if len(got) > 0 {
		h.t.Errorf("the hub holds what the history does not know: %v", got)
	}
}

// eachLife visits all objects that were meant for somebody.
func (h *history) eachLife(visit func(*life)) {
	for _, f := range h.feeds[:len(h.feeds)-1] {
		for _, r := range f.rows {
			for _, l := range r.lives {
				visit(l)
			}
		}
	}
}

// awaitFiles waits for a running daemon to have all files as they should be.
func (h *history) awaitFiles() {
	end := time.After(patience)
	for {
		wrong := h.wrong()
		if len(wrong) == 0 {
			return
		}
		select {
		case <-end:
			h.t.Fatalf("the seat holds up to %s at %s\n%s\n%s", h.ceiling, h.now, strings.Join(wrong, "\n"), h.sink.abandon())
		case <-time.After(20 * time.Millisecond):
		}
		h.now = h.now.Add(time.Second)
		must(h.t, h.sink.tell(h.now))
	}
}

// wrong tells which files are not what the history says.
func (h *history) wrong() (all []string) {
	want := map[string][]string{}
	h.eachLife(func(l *life) {
		for name, e := range exposures {
			v, shown := l.shown(h.ceiling, e, h.now)
			if !shown {
				continue
			}
			want[name+".txt"] = append(want[name+".txt"], value(l.key))
			line := l.name() + " " + v.String()
			switch e {
			case policy.ExposeOrganization:
				want["bundle.json"] = append(want["bundle.json"], line)
			case policy.ExposeCommunity:
				want["table.csv"] = append(want["table.csv"], tableLine(value(l.key), v))
			}
		}
	})
	for _, name := range []string{"organization.txt", "clients.txt", "community.txt", "public.txt", "bundle.json", "table.csv"} {
		lines := want[name]
		slices.Sort(lines)
		if strings.HasSuffix(name, ".txt") {
			lines = slices.Compact(lines) // feeds name one value, and a list has it once
		}
		got, err := shownIn(filepath.Join(h.dir, name))
		must(h.t, err)
		if !slices.Equal(got, lines) {
			all = append(all, fmt.Sprintf("%s has\n%q, and the history says\n%q", name, got, lines))
		}
	}
	return all
}

// writeOnce is `selat sink once`, which must leave all as it is.
func (h *history) writeOnce() {
	config, err := sinks.Load(h.config("sink"))
	must(h.t, err)
	hub, err := client.Connect(h.ctx, client.Options{CredsFile: h.creds["my/sensor"]})
	must(h.t, err)
	defer hub.Close()
	d, err := sinks.Open(config, sinks.Options{Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return h.now }})
	must(h.t, err)
	must(h.t, d.Once(h.ctx, hub, 50*time.Millisecond, false))
	must(h.t, d.Close())
	if wrong := h.wrong(); len(wrong) > 0 {
		h.t.Errorf("written once more, %s", strings.Join(wrong, "\n"))
	}
}
