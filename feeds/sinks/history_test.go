package sinks_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/feeds/sink"
	"github.com/selat-hub/selat/feeds/sinks"
	"github.com/selat-hub/selat/stix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t failer, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// thing is one version of one indicator at one place, as this test knows it.
type thing struct {
	id, version int
	from, until time.Duration // after epoch; until 0 is none
	revoked     bool
	audience    string
	level       stix.Level
	narrowed    bool // a stricter version follows it, whose level it has
}

func (x thing) domain() string { return fmt.Sprintf("o%dv%d.example", x.id, x.version) }

func (x thing) stix() string { return fmt.Sprintf("indicator--00000000-0000-4000-8000-%012x", x.id) }

func (x thing) modified() string {
	return epoch.Add(time.Duration(x.version) * time.Millisecond).Format("2006-01-02T15:04:05.000Z")
}

func (x thing) delivery() *client.Delivery {
	until := ""
	if x.until > 0 {
		until = fmt.Sprintf(`,"valid_until":%q`, epoch.Add(x.until).Format(time.RFC3339))
	}
	object := fmt.Sprintf(`{"type":"indicator","spec_version":"2.1","id":%q,"created":"2026-01-01T00:00:00.000Z","modified":%q,"pattern":"[domain-name:value = '%s']","pattern_type":"stix","valid_from":%q%s,"revoked":%t}`,
		x.stix(), x.modified(), x.domain(), epoch.Add(x.from).Format(time.RFC3339), until, x.revoked)
	return &client.Delivery{Object: []byte(object), ID: x.stix(), Type: "indicator", Version: x.modified(), Origin: "sg",
		Audience: x.audience, Level: x.level, Added: epoch, SHA256: sha256.Sum256([]byte(object))}
}

// Of the objects of a history those with the first numbers have many versions, and
// the others one each that ends at the same time as all of theirs.
const (
	lively   = 8
	objects  = 40
	endOfAll = 100 * time.Hour
)

// shown is the reference, as naive as can be: the lines that a file of domains has.
// gone are versions that were recalled alone.
func shown(held, gone []thing, o policy.Outlet, now time.Duration) []string {
	var out []string
	for id := range objects {
		newest := -1
		for _, x := range held {
			if x.id == id && (x.audience == "drill") == o.Drill {
				newest = max(newest, x.version)
			}
		}
		may := false
		var it thing
		for _, x := range held {
			if x.id != id || x.version != newest || (x.audience == "drill") != o.Drill {
				continue
			}
			it = x
			limits := map[stix.Level][]policy.Exposure{
				stix.Clear: policy.Exposures, stix.Green: policy.Exposures[:3], stix.Amber: policy.Exposures[:2], stix.AmberStrict: policy.Exposures[:1],
			}
			may = may || slices.Contains(limits[x.level], o.Exposure)
		}
		for _, x := range gone {
			if x.id == id && (x.audience == "drill") == o.Drill && x.version > newest && x.level > it.level {
				may = false
			}
		}
		if newest >= 0 && may && !it.revoked && it.from <= now && (it.until == 0 || it.until > now) {
			out = append(out, it.domain())
		}
	}
	slices.Sort(out)
	return out
}

type failer interface {
	Helper()
	Fatal(...any)
}

func linesIn(t failer, path string) []string {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	must(t, err)
	var out []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}

// Whatever is added, changed, revoked, over, narrowed or recalled, in whatever
// sequence, in whatever other sequence the orders come here, wherever the daemon is killed and whatever comes again after its
// connection was cut: each file is what a pure function of the history says.
func TestAFileIsWhatTheHistorySays(t *testing.T) {
	base := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		dir := filepath.Join(base, fmt.Sprint(n))
		must(t, os.Mkdir(dir, 0o700))
		defer os.RemoveAll(dir) //nolint:errcheck // a folder of the test
		h := &history{t: t, fs: vfs.NewCrashableMem(), things: map[string]thing{}, newest: map[int]int{}, wrote: map[string]wrote{}}
		for i, e := range policy.Exposures {
			h.outputs = append(h.outputs, output(t, dir, string(e), policy.Outlet{Exposure: e}, rapid.SampledFrom([]int{50, 100}).Draw(t, "shrink")))
			if i == 0 {
				h.outputs = append(h.outputs, output(t, dir, "drill", policy.Outlet{Exposure: e, Drill: true}, 100))
			}
		}
		h.open()
		for id := lively; id < objects; id++ {
			h.deliver(thing{id: id, version: 1, audience: "region", level: stix.Clear, until: endOfAll})
		}
		h.run(rapid.IntRange(5, 40).Draw(t, "steps"))
	})
}

func output(t *rapid.T, dir, name string, o policy.Outlet, shrink int) *sinks.Output {
	f, err := sink.FormatNamed("list")
	must(t, err)
	list, err := f.File(sink.Settings{})
	must(t, err)
	return &sinks.Output{Name: name, Path: filepath.Join(dir, name+".txt"), View: sinks.View{Outlet: o}, File: list, Mode: 0o600, Shrink: shrink}
}

// wrote is what was in a file, and when that had changed as it said.
type wrote struct {
	lines   []string
	changed time.Time
}

type history struct {
	t       *rapid.T
	fs      *vfs.MemFS
	state   *sinks.State
	now     time.Duration
	latest  time.Duration // that the clock ever said
	outputs []*sinks.Output
	wrote   map[string]wrote // by output

	things map[string]thing // by place: one version has one form
	held   []thing
	gone   []thing
	orders []api.RecallOrder // as they were given
	late   []api.RecallOrder // given, and not here yet
	came   []api.RecallOrder
	newest map[int]int // version, by id
	// Handled, and the hub may not know: they come again after a kill or a cut.
	unsure  []thing
	ordered []api.RecallOrder
}

func (h *history) open() {
	s, err := sinks.OpenState("state", h.fs, nil)
	must(h.t, err)
	h.state = s
}

func (h *history) clock() time.Time { return epoch.Add(h.now) }

func (h *history) run(steps int) {
	for range steps {
		switch rapid.IntRange(0, 14).Draw(h.t, "step") {
		case 0, 1, 2, 3:
			h.comeAll()
			h.deliver(h.draw())
		case 4:
			h.recall()
		case 5:
			h.narrow()
		case 6:
			h.now += time.Duration(rapid.IntRange(0, 50).Draw(h.t, "hours")) * time.Hour
			if h.latest = max(h.latest, h.now); rapid.IntRange(0, 3).Draw(h.t, "set back") == 0 {
				h.now = max(h.latest-23*time.Hour, 0) // less than the bytes of what ended are kept
			}
		case 7:
			h.kill()
		case 8:
			h.cut()
		case 9:
			h.acknowledge()
		case 10:
			h.flush()
		case 11:
			_, err := h.state.Strip(h.clock())
			must(h.t, err)
		case 12:
			h.comeAll()
		default:
			h.flush()
			h.write(false)
		}
	}
	h.comeAll()
	h.flush()
	h.write(false)
	h.write(true)
	for _, o := range h.outputs {
		if got, want := linesIn(h.t, o.Path), shown(h.held, h.gone, o.View.Outlet, h.now); !slices.Equal(got, want) {
			h.t.Fatalf("%s has %v, and the history says %v; held: %+v", o.Name, got, want, h.held)
		}
	}
	must(h.t, h.state.Close())
}

// draw makes a version of an object. One version is the same everywhere.
func (h *history) draw() thing {
	id, version := rapid.IntRange(0, lively-1).Draw(h.t, "id"), rapid.IntRange(1, 4).Draw(h.t, "version")
	name := fmt.Sprint(id, version)
	x, known := h.things[name]
	if !known {
		x = thing{id: id, version: version,
			from:    time.Duration(rapid.IntRange(0, 60).Draw(h.t, "from")) * time.Hour,
			revoked: rapid.IntRange(0, 5).Draw(h.t, "revoked") == 0,
			level:   rapid.SampledFrom(stix.Levels[:4]).Draw(h.t, "level")}
		if rapid.Bool().Draw(h.t, "ends") {
			x.until = x.from + time.Duration(rapid.IntRange(1, 60).Draw(h.t, "hours valid"))*time.Hour
		}
		h.things[name] = x
	}
	x.audience = rapid.SampledFrom([]string{"region", "asean", "drill"}).Draw(h.t, "audience")
	return x
}

// deliver hands an object over, unless an order covers it: then the client does
// not.
func (h *history) deliver(x thing) {
	d := x.delivery()
	for i := range h.orders {
		if client.Covers(&h.orders[i], d) {
			return
		}
	}
	must(h.t, h.state.Put(d, h.clock()))
	h.newest[x.id] = max(h.newest[x.id], x.version)
	h.held = slices.DeleteFunc(h.held, func(y thing) bool { return y.narrowed && y.id == x.id && y.version < x.version })
	if !slices.Contains(h.held, x) {
		h.held = append(h.held, x)
	}
	h.unsure = append(h.unsure, x)
}

func (h *history) flush() { must(h.t, h.state.Flush()) }

// acknowledge reaches the hub: what was handled does not come again.
func (h *history) acknowledge() {
	h.flush()
	h.unsure, h.ordered = nil, nil
}

// cut loses acknowledgements, so that what was handled and written comes again, in
// any order.
func (h *history) cut() {
	for _, o := range h.ordered {
		h.carryOut(o)
	}
	if len(h.unsure) == 0 {
		return
	}
	again := rapid.Permutation(h.unsure).Draw(h.t, "again")
	h.unsure = nil
	for _, x := range again {
		h.deliver(x)
	}
}

// pick is something held, mostly of what an order is about that is late.
func (h *history) pick(what string) thing {
	var waits []thing
	for _, x := range h.held {
		if slices.ContainsFunc(h.late, func(o api.RecallOrder) bool { return o.ID == x.stix() }) {
			waits = append(waits, x)
		}
	}
	if len(waits) == 0 || rapid.IntRange(0, 3).Draw(h.t, "another") == 0 {
		waits = h.held
	}
	return rapid.SampledFrom(waits).Draw(h.t, what)
}

func (h *history) recall() {
	if len(h.held) == 0 {
		return
	}
	x := h.pick("recalled")
	o := api.RecallOrder{Recall: fmt.Sprint(len(h.orders)), Origin: "sg", ID: x.stix(), Level: x.level}
	switch rapid.IntRange(0, 3).Draw(h.t, "kind") {
	case 0:
		o.Version = x.modified()
	case 1:
		o.Before = x.modified()
	case 2:
		o.Audience = x.audience
	}
	h.give(o)
}

// narrow has a stricter version stored after all others, which may come here or not:
// what is less strict keeps to its level then.
func (h *history) narrow() {
	if len(h.held) == 0 {
		return
	}
	x := h.pick("narrowed")
	y := x
	y.version, y.level, y.narrowed = max(h.newest[x.id], 4)+1, rapid.SampledFrom(stix.Levels[:4]).Draw(h.t, "level"), false
	h.newest[x.id] = y.version
	y.audience = rapid.SampledFrom([]string{x.audience, "drill"}).Draw(h.t, "audience")
	for _, level := range stix.Levels[:4] {
		if level < y.level {
			h.give(api.RecallOrder{Recall: fmt.Sprint(len(h.orders)), Origin: "sg", ID: x.stix(), Before: y.modified(), Level: level, Unless: y.level})
		}
	}
	if rapid.Bool().Draw(h.t, "comes") {
		h.deliver(y)
	}
}

// give is an order of the hub's. It comes here now or after others that are given
// later, when what it was given after is on disk.
func (h *history) give(o api.RecallOrder) {
	o.At = epoch.Add(time.Duration(len(h.orders)) * time.Second)
	h.orders, h.late = append(h.orders, o), append(h.late, o)
	h.order(o)
	h.flush()
	if rapid.Bool().Draw(h.t, "at once") {
		h.come(len(h.late) - 1)
	}
}

// come has one of the orders come that are late.
func (h *history) come(i int) {
	o := h.late[i]
	h.late = slices.Delete(h.late, i, i+1)
	h.came, h.ordered = append(h.came, o), append(h.ordered, o)
	h.carryOut(o)
}

func (h *history) comeAll() {
	for len(h.late) > 0 {
		h.come(rapid.IntRange(0, len(h.late)-1).Draw(h.t, "comes"))
	}
}

// carryOut does what a client has done about an order, as often as it comes.
func (h *history) carryOut(o api.RecallOrder) {
	overtaken := slices.ContainsFunc(h.came, func(r api.RecallOrder) bool {
		return r.ID == o.ID && r.Unless == stix.NoLevel && r.At.After(o.At)
	})
	if o.Unless != stix.NoLevel && !overtaken {
		must(h.t, h.state.Narrow(&o, h.clock()))
		return
	}
	_, err := h.state.Recall(&o, h.clock())
	must(h.t, err)
}

// order is what an order means for what is held.
func (h *history) order(o api.RecallOrder) {
	covered := func(x thing) bool { return client.Covers(&o, x.delivery()) }
	if o.Unless == stix.NoLevel {
		h.held = slices.DeleteFunc(h.held, func(x thing) bool {
			if covered(x) && o.Before == "" && (o.Version != "" || o.Audience != "") {
				h.gone = append(h.gone, x)
			}
			return x.narrowed && x.stix() == o.ID || covered(x)
		})
		return
	}
	for i, x := range h.held {
		if covered(x) {
			h.held[i].narrowed, h.held[i].level = true, max(x.level, o.Unless)
		}
	}
}

// kill loses what was not synced, and what was not acknowledged comes again.
func (h *history) kill() {
	after := h.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rapid.IntRange(0, 100).Draw(h.t, "survives"), RNG: rand.New(rand.NewPCG(uint64(rapid.IntRange(0, 1<<20).Draw(h.t, "seed")), 1))})
	must(h.t, h.state.Close())
	h.fs = after
	h.open()
	for i, o := range h.outputs {
		h.outputs[i] = output(h.t, filepath.Dir(o.Path), o.Name, o.View.Outlet, o.Shrink)
	}
	h.cut()
}

// write writes every file. What was recalled is in none, whatever its guard holds
// back; what its guard lets through is what the history says, once every order came.
func (h *history) write(accept bool) {
	_, err := h.state.Due(h.clock())
	must(h.t, err)
	for _, o := range h.outputs {
		w, err := h.state.Write(h.t.Context(), o, h.clock(), accept)
		if err != nil && !(errors.Is(err, sinks.ErrShrink) && !accept) {
			h.t.Fatal(err)
		}
		got := linesIn(h.t, o.Path)
		if was := h.wrote[o.Name]; w.Changed.Before(was.changed) || !slices.Equal(got, was.lines) && !was.changed.IsZero() && w.Changed.Sub(was.changed) < time.Second {
			h.t.Fatalf("%s changed at %v, after %v", o.Name, w.Changed, was.changed)
		}
		h.wrote[o.Name] = wrote{got, w.Changed}
		if len(h.late) > 0 {
			continue
		}
		if !w.Guarded {
			if want := shown(h.held, h.gone, o.View.Outlet, h.now); !slices.Equal(got, want) {
				h.t.Fatalf("%s has %v, and the history says %v", o.Name, got, want)
			}
		}
		for _, line := range got {
			if !slices.ContainsFunc(h.held, func(x thing) bool { return x.domain() == line }) {
				h.t.Fatalf("%s shows %s, which was recalled", o.Name, line)
			}
		}
	}
}
