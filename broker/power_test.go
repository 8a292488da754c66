//go:build linux

package broker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker"
)

// powered is a hub, or a node of one, as a process on a disk that forgets what was
// not synced when its power is cut.
type powered struct {
	t      *testing.T
	name   string
	folder string
	config string
	env    []string
	wander bool
	disk   *disk
	mount  *mounted
	run    *process
}

func newPowered(t *testing.T, name string, cfg broker.Config, env ...string) *powered {
	t.Helper()
	p := &powered{t: t, name: name, folder: cfg.Data, config: filepath.Join(t.TempDir(), name+".json"), env: env, disk: newDisk(t, cfg.Data)}
	b, err := json.Marshal(cfg)
	must(t, err)
	must(t, os.WriteFile(p.config, b, 0o600))
	t.Cleanup(func() { cutPower(p) })
	return p
}

// start gives power and starts the process. Every second life the kernel writes of
// its own accord.
func (p *powered) start() {
	p.t.Helper()
	p.mount = p.disk.mount(p.t, p.folder, p.wander)
	p.wander = !p.wander
	p.run = startProcess(p.t, p.config, p.env...)
}

// cutPower cuts the power of some at once.
func cutPower(all ...*powered) {
	for _, p := range all {
		p.disk.cutPower()
	}
	for _, p := range all {
		if p.run != nil {
			must(p.t, p.run.cmd.Process.Kill())
		}
	}
	for _, p := range all {
		if p.mount == nil {
			continue
		}
		p.mount.answerTheDead()
		if p.run != nil {
			p.run.ended()
		}
		p.mount.unmount(p.t)
		p.disk.restorePower()
		p.run, p.mount = nil, nil
	}
}

// refused fails the test when the process ended by itself: its disk is kept.
func (p *powered) refused() {
	p.t.Helper()
	select {
	case <-p.run.ready:
	default:
		return
	}
	if p.run.opened > 0 {
		return
	}
	p.disk.cutPower()
	kept, err := os.MkdirTemp("", "power-")
	must(p.t, err)
	p.disk.export(p.t, filepath.Join(kept, "data"))
	p.t.Fatalf("%s did not start after the power was cut; what was on its disk is in %s", p.name, kept)
}

// powerCuts is how many cuts a test makes: some in the suite, and as
// SELAT_POWER_CUTS says in the long form.
func powerCuts(t *testing.T, inSuite int) int {
	t.Helper()
	if testing.Short() {
		t.Skip("what loses its power are other processes")
	}
	v := os.Getenv("SELAT_POWER_CUTS")
	if v == "" {
		if inSuite == 0 {
			t.Skip("SELAT_POWER_CUTS says how often the power of nodes is cut")
		}
		return inSuite
	}
	n, err := strconv.Atoi(v)
	must(t, err)
	return n
}

func TestNothingAcknowledgedIsLostWhenThePowerIsCut(t *testing.T) {
	cuts := powerCuts(t, 2)
	h := newTestHub(t, func(c *broker.Config) { c.Listen = quietPort(t) })
	c := newCrash(h)
	must(t, h.Close())
	p := newPowered(t, "hub", h.cfg)
	p.start()
	c.publish(t)
	for i := range cuts {
		wait := time.Duration(200+rand.IntN(1000)) * time.Millisecond
		if i%5 == 3 {
			wait = time.Duration(rand.IntN(400)) * time.Millisecond // most likely before it is open
		} else {
			<-p.run.ready
			p.refused()
		}
		<-time.After(wait)
		p.refused()
		c.life(p.run)
		cutPower(p)
		p.start()
	}
	<-p.run.ready
	p.refused()
	c.life(p.run)
	c.stopPublishing(t)
	// What was under way when the power was cut comes again after half a minute.
	if c.hasty = os.Getenv("SELAT_POWER_CUTS") == ""; !c.hasty {
		c.awaitDelivery(t)
	}
	c.stopReading()
	cutPower(p)
	p.disk.export(t, h.cfg.Data)
	h.start()
	t.Logf("started once more after the last cut: %+v", h.Recovered())
	if n := h.Recovered().Missing; n > 0 {
		t.Errorf("%d messages are missing", n)
	}
	found := c.scan(t, h)
	c.compare(t, found)
	c.askIndex(t, found)
	h.agrees()
	c.report(t, cuts)
	t.Logf("%d cuts forgot %d pages and %d changes of names and sizes; %d syncs", cuts+1, p.disk.lostPages, p.disk.lostChanges, p.disk.syncs)
}

// lostOf counts what was acknowledged and is not stored.
func (c *crash) lostOf(t *testing.T, h *testHub) int {
	t.Helper()
	found, lost := c.scan(t, h), 0
	for cp, at := range c.acked {
		if got, there := found[cp]; !there || got.address != at {
			lost++
		}
	}
	return lost
}

// The test above is worth something if it can see a loss.
func TestACutOfThePowerLosesWhatWasNotSynced(t *testing.T) {
	powerCuts(t, 1)
	lost := 0
	for try := 0; lost == 0; try++ {
		if try == 5 {
			t.Fatal("a hub that does not sync lost nothing in 5 cuts of its power")
		}
		h := newTestHub(t, func(c *broker.Config) { c.Listen = quietPort(t) })
		c := newCrash(h)
		must(t, h.Close())
		p := newPowered(t, "hub", h.cfg, hubLazy+"=yes")
		p.start()
		c.publish(t)
		<-p.run.ready
		awaitTrue(t, time.Minute, "500 objects are acknowledged", func() bool { return c.acknowledged() > 500 })
		cutPower(p)
		c.abandon(t)
		p.disk.export(t, h.cfg.Data)
		hub, err := broker.Start(context.Background(), h.cfg, testLogger(t))
		if err != nil {
			t.Logf("a hub that does not sync did not start after a cut: %v", err)
			continue
		}
		h.Hub = hub
		missing := hub.Recovered().Missing
		lost = c.lostOf(t, h)
		must(t, hub.Close())
		t.Logf("of %d objects acknowledged by a hub that does not sync a cut of the power took %d; the next start told of %d missing messages", len(c.acked), lost, missing)
	}
}

// Eight publishers and the readers go on while the power of nodes is cut: of one, of
// two, of all at once.
func TestAClusterLosesNothingWhenThePowerIsCut(t *testing.T) {
	cuts := powerCuts(t, 0)
	c := newTestCluster(t)
	name, h := c.leader()
	load := newCrash(&testHub{Hub: h, t: t, cfg: c.cfgs[name]})
	load.patient = 5 * time.Second
	c.stopAll()
	nodes := map[string]*powered{}
	for _, n := range nodeNames {
		nodes[n] = newPowered(t, n, c.cfgs[n])
		nodes[n].start()
	}
	load.publish(t)
	settle := func() {
		before := load.acknowledged()
		awaitTrue(t, 3*time.Minute, "submissions are accepted", func() bool {
			for _, p := range nodes {
				p.refused()
			}
			return load.acknowledged() > before+50
		})
	}
	began, longest := time.Now(), time.Duration(0)
	settle()
	for i := range cuts {
		order := rand.Perm(len(nodeNames))
		var some []*powered
		names := ""
		for _, k := range order[:1+i%len(nodeNames)] {
			some = append(some, nodes[nodeNames[k]])
			names += nodeNames[k]
		}
		load.pause.took()
		at, dark := time.Since(began), time.Duration(rand.IntN(4000))*time.Millisecond
		cutPower(some...)
		<-time.After(dark)
		for _, p := range some {
			p.start()
		}
		if i%2 == 0 {
			settle()
		} else {
			<-time.After(time.Duration(rand.IntN(5000)) * time.Millisecond) // most likely before they are in step
		}
		took := load.pause.took()
		longest = max(longest, took)
		t.Logf("%7.1f s: cut %d of nodes %s, dark for %.1f s; nothing accepted for %.1f s at the longest; %d objects acknowledged", at.Seconds(), i+1, names, dark.Seconds(), took.Seconds(), load.acknowledged())
	}
	settle()
	load.stopPublishing(t)
	load.awaitDelivery(t)
	load.stopReading()
	cutPower(nodes["a"], nodes["b"], nodes["c"])
	for _, n := range nodeNames {
		nodes[n].disk.export(t, c.cfgs[n].Data)
	}
	c.startAll()
	name, h = c.leader()
	leads := &testHub{Hub: h, t: t, cfg: c.cfgs[name]}
	found := load.scan(t, leads)
	load.compare(t, found)
	load.askIndex(t, found)
	pages, changes := 0, 0
	for _, n := range nodeNames {
		within(t, fmt.Sprintf("node %s is in step", n), func() bool { return c.inStep(leads, n) })
		(&testHub{Hub: c.nodes[n], t: t, cfg: c.cfgs[n]}).agrees()
		pages, changes = pages+nodes[n].disk.lostPages, changes+nodes[n].disk.lostChanges
	}
	t.Logf("%d cuts in %s; %d objects submitted, %d copies acknowledged, %d lost; the cuts forgot %d pages and %d changes of names and sizes; the longest pause in acceptance %s",
		cuts, time.Since(began).Round(time.Second), len(load.sent), len(load.acked), load.lost, pages, changes, longest.Round(100*time.Millisecond))
}
