package broker_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/broker/profile"
	"github.com/selat-hub/selat/stix"
)

// testCluster is three nodes in this process, with the ASEAN profile. A node that is
// deposed is started again, as the program does.
type testCluster struct {
	t    testing.TB
	cfgs map[string]broker.Config

	// links are between the nodes: links[a][b] is how a reaches b.
	links map[string]map[string]*link

	over     chan struct{} // the test is
	watching sync.WaitGroup

	mu    sync.Mutex
	nodes map[string]*broker.Hub
}

var nodeNames = []string{"a", "b", "c"}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close() //nolint:errcheck // it was only to find a port
	return l.Addr().String()
}

func newTestCluster(t testing.TB) *testCluster {
	t.Helper()
	c := &testCluster{t: t, cfgs: map[string]broker.Config{}, nodes: map[string]*broker.Hub{}, links: map[string]map[string]*link{}, over: make(chan struct{})}
	folder := t.TempDir()
	var nodes, urls []string
	listen := map[string]string{}
	for _, n := range nodeNames {
		nodes = append(nodes, n+"="+freeAddress(t))
		listen[n] = freeAddress(t)
		urls = append(urls, "nats://"+listen[n])
	}
	p, err := profile.Load("asean")
	must(t, err)
	cluster, err := broker.ClusterOf(nodes)
	must(t, err)
	base := func(n string) broker.Config {
		cfg := broker.DefaultConfig()
		cfg.Data, cfg.Listen, cfg.HTTP.Listen = filepath.Join(folder, n), listen[n], ""
		cfg.Store.ReserveBytes, cfg.Advertise = 1<<20, strings.Join(urls, ",")
		return cfg
	}
	first := base("a")
	first.Cluster = cluster
	code, err := broker.InitCluster(first, p.Region(time.Now().UTC()), "")
	must(t, err)
	c.cfgs["a"] = first
	for _, n := range nodeNames[1:] {
		f, err := os.Open(filepath.Join(first.Data, "join", n+".join"))
		must(t, err)
		c.cfgs[n], err = broker.Join(base(n), f, code)
		must(t, err)
		must(t, f.Close())
	}
	c.lay(nodes)
	c.startAll()
	t.Cleanup(func() {
		close(c.over)
		c.watching.Wait()
		c.stopAll()
	})
	return c
}

// lay lays the links: each node reaches each other one by a line of its own.
func (c *testCluster) lay(nodes []string) {
	for _, from := range nodeNames {
		cfg, reach := c.cfgs[from], []string{}
		c.links[from] = map[string]*link{}
		for i, to := range nodeNames {
			if to == from {
				reach = append(reach, nodes[i])
				continue
			}
			l := newLink(c.t, strings.TrimPrefix(nodes[i], to+"="))
			c.links[from][to] = l
			reach = append(reach, to+"="+l.address)
		}
		cfg.Cluster.Nodes = reach
		c.cfgs[from] = cfg
	}
}

func (c *testCluster) startAll() {
	var starting sync.WaitGroup
	for _, n := range nodeNames {
		starting.Go(func() { c.start(n) })
	}
	starting.Wait()
}

func (c *testCluster) stopAll() {
	var stopping sync.WaitGroup
	for _, n := range nodeNames {
		stopping.Go(func() { c.stop(n) })
	}
	stopping.Wait()
}

func (c *testCluster) start(n string) {
	logger := testLogger(c.t)
	if logger != nil {
		logger = logger.With("node", n)
	}
	h, err := broker.Start(context.Background(), c.cfgs[n], logger)
	if err != nil {
		c.t.Errorf("node %s: %v", n, err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[n] = h
	c.watching.Go(func() { c.watch(n, h) })
}

// watch starts a node again that is deposed.
func (c *testCluster) watch(n string, h *broker.Hub) {
	select {
	case <-c.over:
		return
	case <-h.Deposed():
	}
	c.mu.Lock()
	mine := c.nodes[n] == h
	if mine {
		delete(c.nodes, n)
	}
	c.mu.Unlock()
	if !mine {
		return // it was stopped
	}
	if err := h.Close(); err != nil {
		c.t.Errorf("node %s: %v", n, err)
	}
	c.start(n)
}

func (c *testCluster) stop(n string) {
	c.mu.Lock()
	h := c.nodes[n]
	delete(c.nodes, n)
	c.mu.Unlock()
	if h != nil {
		must(c.t, h.Close())
	}
}

// leader is the node that leads, once one does.
func (c *testCluster) leader() (string, *broker.Hub) {
	c.t.Helper()
	var name string
	var hub *broker.Hub
	within(c.t, "a node leads", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for n, h := range c.nodes {
			if h.Leads() && h.Ready() == nil {
				name, hub = n, h
				return true
			}
		}
		return false
	})
	return name, hub
}

func (c *testCluster) others(than string) (out []string) {
	for _, n := range nodeNames {
		if n != than {
			out = append(out, n)
		}
	}
	return out
}

func within(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(4 * time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("it did not come to it that %s", what)
		}
		<-tick.C
	}
}

func TestAClusterGoesOnWhenTheNodeThatLeadsEnds(t *testing.T) {
	c := newTestCluster(t)
	name, h := c.leader()
	t.Logf("node %s leads", name)
	hub := &testHub{Hub: h, t: t, cfg: c.cfgs[name]}
	feed := hub.seat("sg/feed", policy.Both, stix.Red)
	reader := hub.seat("th/reader", policy.Subscriber, stix.Red)
	for i := range 5 {
		r := feed.submit(bundle(indicator(i, stix.Green)), "region")
		if r.Accepted != 1 {
			t.Fatalf("receipt %+v", r)
		}
	}
	for _, n := range c.others(name) {
		other := c.nodes[n]
		within(t, "node "+n+" has what is accepted in its catalogue", func() bool {
			return len((&testHub{Hub: other, t: t}).read(feed.account, "own", 100)) == 5
		})
	}
	began := time.Now()
	c.stop(name)
	next, h2 := c.leader()
	t.Logf("node %s leads after %s", next, time.Since(began).Round(time.Millisecond))
	if next == name {
		t.Fatal("the node that ended leads")
	}
	for i := range 10 {
		r := feed.submit(bundle(indicator(i, stix.Green)), "region")
		want := fmt.Sprint(min(1, max(0, i-4)))
		if fmt.Sprint(r.Accepted) != want {
			t.Fatalf("object %d: receipt %+v", i, r)
		}
	}
	got := reader.drain()
	total := 0
	for _, ids := range got {
		total += len(ids)
	}
	if total != 10 {
		t.Fatalf("the reader received %d objects: %v", total, got)
	}
	_ = h2
}
