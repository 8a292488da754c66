//go:build linux

package broker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker"
)

// leadsStream has a node's engine lead a stream, so that what is read is its own copy.
func (c *testCluster) leadsStream(h *broker.Hub, node, stream string) error {
	body, err := json.Marshal(map[string]any{"placement": map[string]any{"preferred": node}})
	if err != nil {
		return err
	}
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		s, err := h.Stores().Stream(c.t.Context(), stream)
		if err == nil && s.CachedInfo().Cluster != nil && s.CachedInfo().Cluster.Leader == node {
			return nil
		}
		if err == nil {
			_, err = h.Stores().Conn().Request("$JS.API.STREAM.LEADER.STEPDOWN."+stream, body, 2*time.Second)
		}
		if err != nil {
			select {
			case <-c.t.Context().Done():
				return err
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return fmt.Errorf("node %s does not come to lead %s", node, stream)
}

// sameCopies waits until a node's copies hold as much as another's, and says what
// differs if they do not come to.
func (c *testCluster) sameCopies(node, other string) (diff string) {
	deadline := time.Now().Add(15 * time.Second)
	for {
		diff = ""
		own, err := c.nodes[node].OwnCopies()
		theirs, err2 := c.nodes[other].OwnCopies()
		if err := errors.Join(err, err2); err != nil {
			diff = err.Error()
		}
		for name, want := range theirs {
			if own[name] != want && name != "KV_LEAD" {
				diff += fmt.Sprintf("%s: %s, not %s; ", name, own[name], want)
			}
		}
		if diff == "" || time.Now().After(deadline) {
			return diff
		}
		<-time.After(100 * time.Millisecond)
	}
}

var errHangs = errors.New("it neither started nor refused within a minute")

// startDamaged starts a node and keeps what it says; it hangs when it does neither
// start nor refuse.
func (c *testCluster) startDamaged(n string, said *sayings) error {
	ctx, done := context.WithTimeout(context.Background(), time.Minute)
	defer done()
	h, err := broker.Start(ctx, c.cfgs[n], slog.New(said))
	if errors.Is(err, context.DeadlineExceeded) {
		return errHangs
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[n] = h
	return nil
}

// A node of a cluster whose store was damaged while it was down is mended from the
// others, or refuses to start.
func TestDamageToOneNodeIsMendedOrRefused(t *testing.T) {
	places := rotPlaces(t, 0)
	c := newTestCluster(t)
	name, h := c.leader()
	took := accept(t, &testHub{Hub: h, t: t, cfg: c.cfgs[name]})
	for _, n := range c.others(name) {
		if diff := c.sameCopies(n, name); diff != "" {
			t.Fatalf("before anything is damaged node %s differs: %s", n, diff)
		}
	}
	c.stopAll()
	base := map[string]*disk{}
	for _, n := range nodeNames {
		base[n] = newDisk(t, c.cfgs[n].Data)
	}
	c.startAll()
	table := rotTable{}
	for i := range places {
		c.leader()
		n := nodeNames[rand.IntN(len(nodeNames))]
		c.stop(n)
		kind, place, what, damage := pickDamage(t, c.cfgs[n].Data)
		damage()
		said := &sayings{}
		err := c.startDamaged(n, said)
		outcome, saw := "", said.first()
		switch {
		case errors.Is(err, errHangs):
			outcome = "HANGS"
		case err != nil:
			outcome, saw = "refused", short(err.Error())
		default:
			outcome = c.judge(n, &took, place)
			saw = said.first()
		}
		table.add(t, i, kind, "node "+n+" "+place, what, saw, outcome)
		if outcome == "everything is right" {
			continue
		}
		c.stopAll()
		for _, n := range nodeNames {
			base[n].export(t, c.cfgs[n].Data)
		}
		c.startAll()
	}
	table.print(t)
}

// judge says what became of a damaged node that started.
func (c *testCluster) judge(n string, took *accepted, place string) string {
	_, leads := c.leader()
	h := c.nodes[n]
	diff := c.sameCopies(n, c.others(n)[0])
	for stream := range took.messages {
		if err := c.leadsStream(leads, n, stream); err != nil {
			return "its copy is not ready: " + short(err.Error())
		}
	}
	v := took.check(c.t.(*testing.T), h, n)
	outcome := sumUp(&v)
	if len(v.wrong) > 0 {
		c.t.Errorf("%s: served with other bytes: %q", place, v.wrong)
	}
	if len(v.lacks) > 0 {
		c.t.Errorf("%s: missing: %.500q", place, v.lacks)
	}
	if diff != "" {
		c.t.Logf("    %s", diff)
		if outcome == "everything is right" {
			outcome = "right, but its copy differs"
		}
	}
	return outcome
}
