package broker_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// pause is the longest time in which nothing was accepted.
type pause struct {
	mu      sync.Mutex
	last    time.Time
	longest time.Duration
}

func (p *pause) accepted(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.last.IsZero() {
		p.longest = max(p.longest, at.Sub(p.last))
	}
	p.last = at
}

// took returns the longest pause since it was last asked, the one that goes on too.
func (p *pause) took() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := max(p.longest, time.Since(p.last))
	p.longest = 0
	return d
}

// faultsInARow is how many faults the test makes, as SELAT_FAULTS says (`make faults`).
// The suite makes none: it has a node end in TestAClusterGoesOnWhenTheNodeThatLeadsEnds.
func faultsInARow(t *testing.T) int {
	t.Helper()
	if testing.Short() {
		t.Skip("what is killed are other processes")
	}
	v := os.Getenv("SELAT_FAULTS")
	if v == "" {
		t.Skip("takes minutes: set SELAT_FAULTS, or run `make faults`")
	}
	n, err := strconv.Atoi(v)
	must(t, err)
	return n
}

// nodeProcesses are the nodes of a cluster as processes.
type nodeProcesses struct {
	t       *testing.T
	c       *testCluster
	configs map[string]string
	running map[string]*process
}

func (p *nodeProcesses) start(n string) { p.running[n] = startProcess(p.t, p.configs[n]) }

func (p *nodeProcesses) kill(names ...string) {
	for _, n := range names {
		must(p.t, p.running[n].cmd.Process.Kill())
	}
	for _, n := range names {
		p.running[n].ended()
		delete(p.running, n)
	}
}

func (p *process) ended() {
	<-p.read
	p.cmd.Wait()    //nolint:errcheck // however it ended
	p.stdin.Close() //nolint:errcheck // nobody reads it any more
}

func (p *nodeProcesses) signal(n string, s syscall.Signal) {
	must(p.t, p.running[n].cmd.Process.Signal(s))
}

// others are the nodes beside one.
func othersThan(n string) []string {
	var out []string
	for _, m := range nodeNames {
		if m != n {
			out = append(out, m)
		}
	}
	return out
}

// cut cuts the lines between two nodes: what a sends to b, what b sends to a.
func (c *testCluster) cut(a, b string, ab, ba bool) {
	c.links[a][b].cut(ab, ba)
	c.links[b][a].cut(ba, ab)
}

// A fault happens to a node while everybody goes on, and is over when it returns.
var faults = []struct {
	name string
	do   func(p *nodeProcesses, n string, last time.Duration)
}{
	{"kill -9", func(p *nodeProcesses, n string, last time.Duration) {
		p.kill(n)
		<-time.After(last)
		p.start(n)
	}},
	{"kill -9 of two", func(p *nodeProcesses, n string, last time.Duration) {
		other := othersThan(n)[rand.IntN(2)]
		p.kill(n, other)
		<-time.After(last)
		p.start(other)
		p.start(n)
	}},
	{"kill -9 of all", func(p *nodeProcesses, _ string, _ time.Duration) {
		p.kill(nodeNames...)
		for _, n := range nodeNames {
			p.start(n)
		}
	}},
	{"cut off", func(p *nodeProcesses, n string, last time.Duration) {
		for _, m := range othersThan(n) {
			p.c.cut(n, m, true, true)
		}
		<-time.After(last)
		for _, m := range othersThan(n) {
			p.c.cut(n, m, false, false)
		}
	}},
	{"not heard", func(p *nodeProcesses, n string, last time.Duration) {
		for _, m := range othersThan(n) {
			p.c.cut(n, m, true, false)
		}
		<-time.After(last)
		for _, m := range othersThan(n) {
			p.c.cut(n, m, false, false)
		}
	}},
	{"does not hear", func(p *nodeProcesses, n string, last time.Duration) {
		for _, m := range othersThan(n) {
			p.c.cut(n, m, false, true)
		}
		<-time.After(last)
		for _, m := range othersThan(n) {
			p.c.cut(n, m, false, false)
		}
	}},
	{"one line cut", func(p *nodeProcesses, n string, last time.Duration) {
		m := othersThan(n)[rand.IntN(2)]
		p.c.cut(n, m, true, true)
		<-time.After(last)
		p.c.cut(n, m, false, false)
	}},
	{"stands still", func(p *nodeProcesses, n string, last time.Duration) {
		p.signal(n, syscall.SIGSTOP)
		<-time.After(last)
		p.signal(n, syscall.SIGCONT)
	}},
	{"restarted", func(p *nodeProcesses, n string, _ time.Duration) {
		p.signal(n, syscall.SIGTERM)
		p.running[n].ended()
		p.start(n)
	}},
}

// Eight publishers and the readers go on, with nobody helping them, while nodes are
// killed, cut off and stand still.
func TestAClusterLosesNothingWhateverHappensToItsNodes(t *testing.T) {
	count := faultsInARow(t)
	c := newTestCluster(t)
	name, h := c.leader()
	load := newCrash(&testHub{Hub: h, t: t, cfg: c.cfgs[name]})
	load.patient = 5 * time.Second
	c.stopAll()
	p := &nodeProcesses{t: t, c: c, configs: map[string]string{}, running: map[string]*process{}}
	for _, n := range nodeNames {
		p.configs[n] = filepath.Join(t.TempDir(), n+".json")
		b, err := json.Marshal(c.cfgs[n])
		must(t, err)
		must(t, os.WriteFile(p.configs[n], b, 0o600))
		p.start(n)
	}
	t.Cleanup(func() {
		for n := range p.running {
			p.kill(n)
		}
	})
	load.publish(t)
	began := time.Now()
	p.settle(load)
	longest := time.Duration(0)
	for i := range count {
		f := faults[rand.IntN(len(faults))]
		n := nodeNames[rand.IntN(len(nodeNames))]
		last := time.Duration(500+rand.IntN(12_000)) * time.Millisecond
		load.pause.took()
		at := time.Since(began)
		f.do(p, n, last)
		p.settle(load)
		took := load.pause.took()
		longest = max(longest, took)
		t.Logf("%s, %7.1f s: fault %d, %s, node %s, for %.1f s; nothing accepted for %.1f s at the longest; %d objects acknowledged", began.Add(at).Format("15:04:05.0"), at.Seconds(), i+1, f.name, n, last.Seconds(), took.Seconds(), load.acknowledged())
	}
	load.stopPublishing(t)
	load.awaitDelivery(t)
	load.stopReading()
	p.kill(nodeNames...)
	c.startAll()
	name, h = c.leader()
	leads := &testHub{Hub: h, t: t, cfg: c.cfgs[name]}
	found := load.scan(t, leads)
	load.compare(t, found)
	load.askIndex(t, found)
	for _, n := range nodeNames {
		within(t, fmt.Sprintf("node %s is in step", n), func() bool { return c.inStep(leads, n) })
		(&testHub{Hub: c.nodes[n], t: t, cfg: c.cfgs[n]}).agrees()
	}
	load.report(t, count)
	t.Logf("%d faults in %s, the longest pause in acceptance %s", count, time.Since(began).Round(time.Second), longest.Round(100*time.Millisecond))
}

// settle waits until submissions are accepted again.
func (p *nodeProcesses) settle(load *crash) {
	p.t.Helper()
	before := load.acknowledged()
	awaitTrue(p.t, 3*time.Minute, "submissions are accepted", func() bool { return load.acknowledged() > before+50 })
}

func (c *crash) acknowledged() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.acked)
}

// inStep reports whether a node's catalogue has all that the one which leads has.
func (c *testCluster) inStep(leads *testHub, node string) bool {
	s, err := leads.ClusterStatus(c.t.Context())
	if err != nil {
		return false
	}
	for _, n := range s.Nodes {
		if n.Node == node {
			return n.Answers && n.Behind == 0 && n.NotReady == ""
		}
	}
	return false
}
