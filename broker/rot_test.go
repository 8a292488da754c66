//go:build linux

package broker_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// rotPlaces is how many places a test damages: some in the suite, and as
// SELAT_BIT_ROT says in the long form; SELAT_ROT_ONLY narrows the kinds of files.
func rotPlaces(t *testing.T, inSuite int) int {
	t.Helper()
	if testing.Short() {
		t.Skip("each place needs a start of a hub")
	}
	v := os.Getenv("SELAT_BIT_ROT")
	if v == "" {
		if inSuite == 0 {
			t.Skip("SELAT_BIT_ROT says in how many places a node is damaged")
		}
		return inSuite
	}
	n, err := strconv.Atoi(v)
	must(t, err)
	return n
}

// kindOf says what a file of a data folder is, "" for one that is left alone: the
// lock, and what keeps nothing.
func kindOf(rel string) string {
	parts := strings.Split(filepath.ToSlash(rel), "/")
	base := parts[len(parts)-1]
	ext := filepath.Ext(base)
	switch {
	case parts[0] == "catalogue" && ext != "":
		return "catalogue " + ext
	case parts[0] == "catalogue":
		return "catalogue " + strings.SplitN(base, "-", 2)[0]
	case parts[0] == "keys":
		return "keys of the hub"
	case parts[0] != "streams" || len(parts) < 6:
		return ""
	}
	what := "stream"
	switch {
	case parts[3] == "_js_" && parts[4] == "_meta_":
		what = "log of the cluster"
	case parts[3] == "_js_" && parts[4][0] == 'C':
		what = "log of a durable"
	case parts[3] == "_js_":
		what = "log of a stream"
	case slices.Contains(parts, "obs"):
		what = "durable"
	case strings.HasPrefix(parts[4], "KV_"):
		what = "bucket"
	case !strings.HasPrefix(parts[4], "CTI_"):
		what = "other stream"
	}
	switch {
	case parts[len(parts)-2] == "snapshots":
		base = "snapshot"
	case ext == ".blk" || ext == ".key" && base != "meta.key":
		base = "*" + ext
	}
	return what + " " + base
}

// pickDamage picks a file, of each kind as likely as of another, and a bit of it to
// flip or a place to cut it off at.
func pickDamage(t *testing.T, folder string) (kind, rel, what string, do func()) {
	t.Helper()
	byKind, sizes := map[string][]string{}, map[string]int64{}
	only := regexp.MustCompile(os.Getenv("SELAT_ROT_ONLY"))
	must(t, filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		st, err := e.Info()
		if err != nil || st.Size() == 0 {
			return err
		}
		sizes[rel] = st.Size()
		if k := kindOf(rel); k != "" && only.MatchString(k) {
			byKind[k] = append(byKind[k], rel)
		}
		return nil
	}))
	var kinds []string
	for k := range byKind {
		kinds = append(kinds, k)
	}
	// What holds objects is picked more often.
	kinds = append(kinds, "stream *.blk", "stream *.blk", "stream *.blk", "log of a stream *.blk")
	for kind == "" || len(byKind[kind]) == 0 {
		kind = kinds[rand.IntN(len(kinds))]
	}
	total := int64(0)
	for _, f := range byKind[kind] { // each byte of a kind as likely as any other
		if total += sizes[f]; rand.Int64N(total) < sizes[f] {
			rel = f
		}
	}
	path := filepath.Join(folder, rel)
	b, err := os.ReadFile(path)
	must(t, err)
	st, err := os.Stat(path)
	must(t, err)
	at := rand.IntN(len(b))
	what, bit := "cut off", rand.IntN(8)
	if rand.IntN(3) > 0 {
		what = "bit flipped"
	}
	return kind, fmt.Sprintf("%s at %d of %d", rel, at, len(b)), what, func() {
		if what == "cut off" {
			b = b[:at]
		} else {
			b[at] ^= 1 << bit
		}
		must(t, os.WriteFile(path, b, st.Mode().Perm()))
		must(t, os.Chtimes(path, st.ModTime(), st.ModTime()))
	}
}

// sayings keeps what a hub logged of damage.
type sayings struct {
	mu    sync.Mutex
	lines []string
}

func (s *sayings) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }
func (s *sayings) WithAttrs([]slog.Attr) slog.Handler           { return s }
func (s *sayings) WithGroup(string) slog.Handler                { return s }
func (s *sayings) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, line)
	return nil
}

var (
	ofDamage = regexp.MustCompile(`(?i)corrupt|checksum|lost|bad |invalid|recover|mismatch|damage|missing=[1-9]|gone|truncat|decod|unfinished_blocks=[1-9]|lacks|misaligned|not load|malformed|rebuilt=.?[a-z]|built again|error|reset|decrypt|authentication failed`)
	noDamage = regexp.MustCompile(`(?i)route|Starting restore|restored|the hub is open .* missing=0 unfinished_blocks=0|needs another try|election|stepdown|no quorum|recovering .* consumers|context canceled|connection closed`)
	aName    = regexp.MustCompile(`[A-Z0-9]{20,}|[SC]-R3[FM]-\w+|/[^ ":]*|\d+`)
)

const nobody = "nobody"

// verify is what a comparison of the catalogue with the streams finds.
func verify(t *testing.T, hub *broker.Hub) string {
	t.Helper()
	v := hub.VerifyCatalogue(true)
	awaitTrue(t, time.Minute, "the catalogue is verified", func() bool {
		v = hub.VerifyCatalogue(false)
		return !v.Running
	})
	switch {
	case v.Error != "":
		return "verification: " + short(v.Error)
	case v.Wrong > 0:
		return "verification: " + short(fmt.Sprintf("%d wrong: %q", v.Wrong, v.Differences))
	}
	return nobody
}

// first is the first line that speaks of damage, without names.
func (s *sayings) first() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lines {
		if ofDamage.MatchString(l) && !noDamage.MatchString(l) {
			return short(l)
		}
	}
	return nobody
}

func short(s string) string {
	s = aName.ReplaceAllString(strings.ReplaceAll(s, "\n", " "), "…")
	return s[:min(len(s), 130)]
}

// accepted is what a hub has taken: the messages of its streams, and the objects.
type accepted struct {
	messages map[string]map[uint64]string
	objects  map[string]bool
	account  string
}

// accept fills a hub and remembers what it took.
func accept(t *testing.T, h *testHub) accepted {
	t.Helper()
	feed := h.seat("sg/feed", policy.Both, stix.Red)
	reader := h.seat("th/reader", policy.Subscriber, stix.Red)
	a := accepted{messages: map[string]map[uint64]string{}, objects: map[string]bool{}, account: feed.account}
	for i := range 30 {
		var raws []string
		for j := range 4 {
			n := i*8 + 2*j
			raws = append(raws, crashObject(n, stix.Levels[j%3]))
			a.objects[raws[j]] = true
		}
		if r := feed.submit(bundle(raws...), []string{"region", "asean"}[i%2]); r.Accepted != len(raws) {
			t.Fatalf("receipt %+v", r)
		}
		if i == 20 {
			reader.drain()
		}
	}
	js := h.Stores()
	names := js.StreamNames(t.Context())
	var all []string
	for name := range names.Name() {
		all = append(all, name)
	}
	must(t, names.Err())
	for _, name := range all {
		s, err := js.Stream(t.Context(), name)
		must(t, err)
		last := s.CachedInfo().State.LastSeq
		if !strings.HasPrefix(name, "CTI_") {
			continue
		}
		for seq := uint64(1); seq <= last; seq++ {
			m, err := s.GetMsg(t.Context(), seq)
			must(t, err)
			if strings.HasPrefix(m.Subject, "fence.") {
				continue
			}
			if a.messages[name] == nil {
				a.messages[name] = map[uint64]string{}
			}
			a.messages[name][seq] = string(m.Data)
		}
	}
	return a
}

// verdict is what became of damage.
type verdict struct {
	wrong, lacks []string
}

func (v *verdict) lack(format string, args ...any) {
	v.lacks = append(v.lacks, fmt.Sprintf(format, args...))
}

// check reads everything from a hub: each message by its place and as a durable
// delivers it, and every object as TAXII reads it.
// In a cluster that is the copy of one node, which must lead those streams.
func (a *accepted) check(t *testing.T, h *broker.Hub, node string) (v verdict) {
	t.Helper()
	for name, messages := range a.messages {
		s, err := h.Stores().Stream(t.Context(), name)
		if err != nil {
			v.lack("stream %s: %v", name, err)
			continue
		}
		for seq, want := range messages {
			got, err := h.LeaderGet(t.Context(), name, seq)
			if err != nil {
				v.lack("%s message %d: %v", name, seq, err)
			} else if string(got) != want {
				v.wrong = append(v.wrong, fmt.Sprintf("%s message %d", name, seq))
			}
		}
		a.deliver(t, s, name, node, &v)
	}
	got := map[string]bool{}
	q := catalog.Query{Limit: 1000, Versions: []string{catalog.VersionAll}}
	for {
		r, err := h.Read(t.Context(), a.account, collection("own"), q, true)
		if err != nil {
			v.lack("reading: %v", err)
			return v
		}
		for _, raw := range objectsOf(t, r) {
			got[raw] = true
			if !a.objects[raw] {
				v.wrong = append(v.wrong, "an object that is read")
			}
		}
		if !r.More {
			break
		}
		q.After = r.Next
	}
	if len(got) != len(a.objects) {
		v.lack("of %d objects %d are read", len(a.objects), len(got))
	}
	return v
}

func (a *accepted) deliver(t *testing.T, s jetstream.Stream, name, node string, v *verdict) {
	t.Helper()
	var c jetstream.Consumer
	for try := range 30 { // any node may be given it
		var err error
		c, err = s.CreateConsumer(t.Context(), jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy, InactiveThreshold: time.Minute})
		if err != nil {
			v.lack("a consumer of %s: %v", name, err)
			return
		}
		defer s.DeleteConsumer(t.Context(), c.CachedInfo().Name) //nolint:errcheck // it ends by itself
		if info, err := c.Info(t.Context()); node == "" || err == nil && info.Cluster != nil && info.Cluster.Leader == node {
			break
		}
		if try == 29 {
			v.lack("no consumer of %s is given to node %s", name, node)
			return
		}
	}
	seen := map[uint64]bool{}
	for {
		info, err := c.Info(t.Context())
		if err != nil || info.NumPending == 0 {
			break
		}
		batch, err := c.Fetch(int(info.NumPending), jetstream.FetchMaxWait(2*time.Second))
		if err != nil {
			break
		}
		n := uint64(0)
		for m := range batch.Messages() {
			n++
			meta, err := m.Metadata()
			must(t, err)
			seen[meta.Sequence.Stream] = true
			if strings.HasPrefix(m.Subject(), "fence.") {
				continue
			}
			if was, there := a.messages[name][meta.Sequence.Stream]; !there || was != string(m.Data()) {
				v.wrong = append(v.wrong, fmt.Sprintf("%s message %d as it is delivered", name, meta.Sequence.Stream))
			}
		}
		if n == 0 {
			break
		}
	}
	for seq := range a.messages[name] {
		if !seen[seq] {
			v.lack("%s message %d is not delivered", name, seq)
		}
	}
}

// rotTable counts what became of damage.
type rotTable map[[4]string]int

func (r rotTable) add(t *testing.T, i int, kind, place, what, saw, outcome string) {
	r[[4]string{kind, what, outcome, saw}]++
	t.Logf("%3d  %-28s %-12s %s: %s; %s", i+1, kind, what, place, outcome, saw)
}

func (r rotTable) print(t *testing.T) {
	var rows []string
	for k, n := range r {
		rows = append(rows, fmt.Sprintf("%-28s %-12s %4d  %-36s %s", k[0], k[1], n, k[2], k[3]))
	}
	slices.Sort(rows)
	t.Logf("what was damaged, how, how often, what became of it, what saw it:\n%s", strings.Join(rows, "\n"))
}

func sumUp(v *verdict) string {
	switch {
	case len(v.wrong) > 0:
		return "WRONG BYTES"
	case len(v.lacks) > 0:
		return "messages missing"
	}
	return "everything is right"
}

// A single node has no other to mend it: it refuses to start, or says what it lacks,
// or nothing is missing.
func TestDamageToTheStoreIsRefusedOrTold(t *testing.T) {
	places := rotPlaces(t, 6)
	h := newTestHub(t)
	took := accept(t, h)
	must(t, h.Close())
	base := newDisk(t, h.cfg.Data)
	table := rotTable{}
	for i := range places {
		base.export(t, h.cfg.Data)
		kind, place, what, damage := pickDamage(t, h.cfg.Data)
		damage()
		said := &sayings{}
		hub, err := broker.Start(context.Background(), h.cfg, slog.New(said))
		if err != nil {
			table.add(t, i, kind, place, what, short(err.Error()), "refused")
			continue
		}
		v := took.check(t, hub, "")
		missing := hub.Recovered().Missing
		seen := said.first()
		verified := verify(t, hub)
		must(t, hub.Close())
		outcome, saw := sumUp(&v), seen
		if saw == nobody {
			saw = verified
		}
		switch {
		case len(v.wrong) > 0:
			t.Errorf("%s, %s, %s: served with other bytes: %q", kind, place, what, v.wrong)
		case len(v.lacks) > 0 && missing == 0 && saw == nobody:
			t.Errorf("%s, %s, %s: missing and nobody said so: %.500q", kind, place, what, v.lacks)
			outcome += ", NOT TOLD"
		case len(v.lacks) > 0:
			outcome += map[bool]string{true: ", counted", false: ", said"}[missing > 0]
			t.Logf("    %.300q", v.lacks)
		}
		table.add(t, i, kind, place, what, saw, outcome)
	}
	table.print(t)
}
