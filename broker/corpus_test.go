package broker_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// sharedData returns a path in the folder of third-party data, or skips.
func sharedData(t testing.TB, elem ...string) string {
	t.Helper()
	root := os.Getenv("SELAT_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "shared")
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("third-party data is absent: set SELAT_SHARED to its folder (%v)", err)
	}
	return path
}

// corpusPublisher says which of the three publishing members brings a source.
var corpusPublisher = map[string]string{
	"amnesty": "sg", "oasis-spec-2.1": "sg",
	"attack": "us", "capec": "us", "oasis-examples": "us",
	"misp-stix": "my", "mvt-spyware": "my", "opencti-datasets": "my", "disarm": "my",
}

var wholeFile = stix.Limits{PayloadBytes: 64 << 20, ObjectBytes: 64 << 20, Objects: 1 << 20}

// corpusFiles reads the objects of every file of the corpus, by path.
func corpusFiles(t *testing.T) map[string][]stix.Object {
	t.Helper()
	root := sharedData(t, "corpus")
	out := map[string][]stix.Object{}
	paths, err := filepath.Glob(filepath.Join(root, "*", "*.json"))
	must(t, err)
	for _, path := range paths {
		payload, err := os.ReadFile(path)
		must(t, err)
		rel, err := filepath.Rel(root, path)
		must(t, err)
		out[rel], err = stix.Split(payload, wholeFile)
		must(t, err)
	}
	f, err := os.Open(filepath.Join(root, "oasis-spec-2.1", "examples.jsonl"))
	must(t, err)
	defer f.Close() //nolint:errcheck // only read
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	var examples []stix.Object
	for lines.Scan() {
		var line struct{ Object json.RawMessage }
		must(t, json.Unmarshal(lines.Bytes(), &line))
		objects, err := stix.Split(line.Object, wholeFile)
		must(t, err)
		examples = append(examples, objects...)
	}
	must(t, lines.Err())
	out["oasis-spec-2.1/examples.jsonl"] = examples
	return out
}

// chunk is a submission cut from a file.
type chunk struct {
	file string
	raws [][]byte
}

// cutChunks cuts a file's objects into submissions of up to 1,000 objects or
// 4 MiB. A supporting object is in every submission that has an object
// referring to it; one that nothing refers to goes by itself.
func cutChunks(file string, objects []stix.Object) []chunk {
	byID, referred := map[string][]int{}, map[string]bool{}
	for i := range objects {
		if objects[i].Supporting() {
			byID[objects[i].ID] = append(byID[objects[i].ID], i)
		}
	}
	for i := range objects {
		for _, id := range objects[i].Refs {
			referred[id] = referred[id] || id != objects[i].ID
		}
	}
	var out []chunk
	in, cur, size := map[int]bool{}, chunk{file: file}, 0
	flush := func() {
		if len(cur.raws) > 0 {
			out = append(out, cur)
		}
		in, cur, size = map[int]bool{}, chunk{file: file}, 0
	}
	var add func(i int)
	add = func(i int) {
		if in[i] {
			return
		}
		in[i] = true
		for _, id := range objects[i].Refs {
			for _, j := range byID[id] {
				add(j)
			}
		}
		cur.raws = append(cur.raws, objects[i].Raw)
		size += len(objects[i].Raw)
	}
	for i := range objects {
		if objects[i].Supporting() && referred[objects[i].ID] {
			continue
		}
		if len(cur.raws) >= 900 || size+len(objects[i].Raw) > 4<<20 {
			flush()
		}
		add(i)
	}
	flush()
	return out
}

// collector gathers what the durables of one seat deliver, and acknowledges.
type collector struct {
	mu     sync.Mutex
	copies map[arrived]int
	faults []string
	stop   []jetstream.ConsumeContext
}

// arrived is one object as a seat sees it: where, whose, and which bytes.
type arrived struct {
	stream, origin string
	hash           [32]byte
}

func (s *seat) collect(wanted func(api.StreamAccess) bool) *collector {
	s.t.Helper()
	c := &collector{copies: map[arrived]int{}}
	streams := ask[api.Streams](s, api.SubjectStreams, nil)
	for _, st := range streams.Streams {
		if !wanted(st) {
			continue
		}
		durable, err := s.js.Consumer(s.t.Context(), st.Name, streams.Consumer)
		must(s.t, err)
		cc, err := durable.Consume(func(m jetstream.Msg) { c.take(st.Name, m) }, jetstream.PullExpiry(30*time.Second), jetstream.PullHeartbeat(5*time.Second))
		must(s.t, err)
		c.stop = append(c.stop, cc)
	}
	s.t.Cleanup(c.close)
	return c
}

func (c *collector) take(stream string, m jetstream.Msg) {
	objects, err := stix.Split(m.Data(), wholeFile)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.faults = append(c.faults, fmt.Sprintf("a message on %s is no bundle: %v", stream, err))
		return
	}
	for i := range objects {
		c.copies[arrived{stream, m.Headers().Get(api.HeaderOrigin), objects[i].Hash()}]++
	}
	if err := m.Ack(); err != nil {
		c.faults = append(c.faults, fmt.Sprintf("acknowledging on %s: %v", stream, err))
	}
}

func (c *collector) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.copies)
}

func (c *collector) close() {
	for _, cc := range c.stop {
		cc.Stop()
		<-cc.Closed()
	}
}

// awaitTrue waits until cond holds.
func awaitTrue(t testing.TB, atMost time.Duration, what string, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), atMost)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s", what, atMost)
		case <-tick.C:
		}
	}
}

func TestTheCorpusReachesTwelveSeatsByteForByte(t *testing.T) {
	if testing.Short() {
		t.Skip("a quarter of a million copies")
	}
	files := corpusFiles(t)
	h := newTestHub(t)
	publishers := map[string]*seat{}
	for _, m := range []string{"sg", "us", "my"} {
		publishers[m] = h.seat(m+"/feed", policy.Publisher, stix.Clear)
	}
	readers := map[string]*collector{}
	for _, m := range slices.Sorted(maps.Keys(h.Region().Members)) {
		readers[m] = h.seat(m+"/desk", policy.Subscriber, stix.Red).collect(func(st api.StreamAccess) bool { return st.Audience == "region" || st.Level == stix.Red })
	}
	if len(readers) != 12 {
		t.Fatalf("the region has %d members", len(readers))
	}
	accepted := map[arrived]bool{}
	tallies := map[string]*corpusTally{}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		source := strings.Split(filepath.ToSlash(file), "/")[0]
		if tallies[source] == nil {
			tallies[source] = &corpusTally{codes: map[string]int{}}
		}
		member := corpusPublisher[source]
		if member == "" {
			t.Fatalf("nobody publishes source %s: name a member in corpusPublisher", source)
		}
		tallies[source].objects += len(files[file])
		for _, c := range cutChunks(file, files[file]) {
			r := publishers[member].submit(stix.AppendBundle(nil, "bundle--00000000-0000-4000-8000-000000000000", c.raws...), "region", api.HeaderUnmarked, "clear")
			tallies[source].add(t, c, r, accepted)
		}
	}
	for _, source := range slices.Sorted(maps.Keys(tallies)) {
		c := tallies[source]
		t.Logf("%-17s %5d objects by %s: %5d accepted, %3d duplicate, %3d refused %v", source, c.objects, corpusPublisher[source], c.accepted, c.duplicate, c.refused, c.codes)
	}
	levels := map[string]int{}
	for a := range accepted {
		levels[a.stream]++
	}
	t.Logf("%d stored objects %v", len(accepted), levels)
	for _, member := range slices.Sorted(maps.Keys(readers)) {
		c := readers[member]
		awaitTrue(t, time.Minute, member+" has received everything", func() bool { return c.count() >= len(accepted) })
		c.compare(t, member, accepted)
	}
	if len(accepted) < 20_000 {
		t.Errorf("only %d objects of the corpus were accepted", len(accepted))
	}
}

// compare holds what arrived to what was accepted, both ways.
func (c *collector) compare(t *testing.T, member string, want map[arrived]bool) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.faults {
		t.Errorf("%s: %s", member, f)
	}
	for a, n := range c.copies {
		if !want[a] {
			t.Errorf("%s received on %s from %s an object that nobody was told is accepted there", member, a.stream, a.origin)
		}
		if n != 1 {
			t.Errorf("%s received an object on %s %d times", member, a.stream, n)
		}
	}
	for a := range want {
		if c.copies[a] == 0 {
			t.Errorf("%s did not receive an object that %s published on %s", member, a.origin, a.stream)
		}
	}
}

type corpusTally struct {
	objects, accepted, duplicate, refused int
	codes                                 map[string]int
}

// add counts a receipt, and notes what it says was stored.
func (c *corpusTally) add(t *testing.T, sent chunk, r *api.Receipt, accepted map[arrived]bool) {
	t.Helper()
	if r.Error != nil || len(r.Objects) != len(sent.raws) {
		t.Fatalf("%s: %d objects sent, %d answered, error %v", sent.file, len(sent.raws), len(r.Objects), r.Error)
	}
	for i := range r.Objects {
		o := &r.Objects[i]
		switch o.Outcome {
		case api.Accepted:
			c.accepted++
		case api.Duplicate:
			c.duplicate++
		default:
			c.refused++
			for _, f := range o.Findings {
				c.codes[f.Code]++
				t.Logf("refused: %s %s: %s at %q", sent.file, o.ID, f.Code, f.Path)
				checkFinding(t, f)
			}
			continue
		}
		accepted[arrived{o.Stream, r.Origin, sha256.Sum256(sent.raws[o.Object])}] = true
	}
}
