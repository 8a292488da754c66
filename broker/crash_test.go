package broker_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// hubProcess, when set, makes the test binary a hub: it names a file with the
// configuration.
const hubProcess = "SELAT_HUB_PROCESS"

// hubLazy, when set too, takes from it that what it acknowledges is on disk.
const hubLazy = "SELAT_HUB_LAZY"

// runHubProcess is a hub that says on standard output what it recovered once
// it is open, and lives until it is killed or its parent is gone.
func runHubProcess(path string) {
	if os.Getenv(hubLazy) != "" {
		broker.SyncLazily()
	}
	var cfg broker.Config
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &cfg)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "the hub process:", err)
		os.Exit(1)
	}
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		fmt.Fprintln(os.Stderr, "the hub process was left alone:", err)
		os.Exit(1)
	}()
	for {
		if err := runHubOnce(cfg); err != nil {
			fmt.Fprintln(os.Stderr, "the hub process:", err)
			os.Exit(1)
		}
	}
}

// runHubOnce runs a hub until another node leads in its place, or it is told to end.
func runHubOnce(cfg broker.Config) error {
	hub, err := broker.Start(context.Background(), cfg, processLogger(cfg))
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(hub.Recovered()); err != nil {
		return err
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	select {
	case <-hub.Deposed():
		return hub.Close()
	case <-term:
		if err := hub.Close(); err != nil {
			return err
		}
		os.Exit(0)
	}
	return nil
}

// processLogger writes what a node logs beside its folder, where that is asked for.
func processLogger(cfg broker.Config) *slog.Logger {
	if os.Getenv("SELAT_TEST_LOG") == "" {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(os.Getenv("SELAT_TEST_LOG"), cfg.Cluster.Node+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil
	}
	return slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// process is one life of a hub in a process of its own.
type process struct {
	cmd     *exec.Cmd
	stdin   io.Closer
	started time.Time
	ready   chan struct{} // closed when it is open, or has ended
	found   broker.Recovery
	opened  time.Duration // from its start; 0 if it never was open
	read    chan struct{}
}

func startProcess(t *testing.T, config string, env ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0]), started: time.Now(), ready: make(chan struct{}), read: make(chan struct{})}
	p.cmd.Env = append(append(os.Environ(), hubProcess+"="+config), env...)
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	must(t, err)
	out, err := p.cmd.StdoutPipe()
	must(t, err)
	p.stdin = in
	must(t, p.cmd.Start())
	go func() {
		defer close(p.read)
		r := bufio.NewReader(out)
		line, err := r.ReadBytes('\n')
		if err == nil && json.Unmarshal(line, &p.found) == nil {
			p.opened = time.Since(p.started)
		}
		close(p.ready)
		io.Copy(io.Discard, r) //nolint:errcheck // it says it again when it begins anew
	}()
	return p
}

// kill ends it with SIGKILL.
func (p *process) kill(t *testing.T) {
	t.Helper()
	must(t, p.cmd.Process.Kill())
	<-p.read
	if err := p.cmd.Wait(); err == nil {
		t.Error("a killed process ended well")
	}
	p.stdin.Close() //nolint:errcheck // nobody reads it any more
}

// quietPort finds a port below those that the system gives to outgoing
// connections: a client that tries again and again to reach a free one of
// those would in the end connect to itself and hold it.
func quietPort(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(20_000+rand.IntN(10_000)))
		if l, err := net.Listen("tcp", address); err == nil {
			must(t, l.Close())
			return address
		}
	}
	t.Fatal("no free port")
	return ""
}

// crashCycles is how often the hub is killed: 5 times in the suite, and as
// SELAT_CRASH_CYCLES says in the long form.
func crashCycles(t *testing.T) int {
	t.Helper()
	if testing.Short() {
		t.Skip("what is killed is another process")
	}
	v := os.Getenv("SELAT_CRASH_CYCLES")
	if v == "" {
		return 5
	}
	n, err := strconv.Atoi(v)
	must(t, err)
	return n
}

// Eight publishers and four subscribers work on, with nobody helping them,
// while the hub is killed again and again, at work and in recovery.
func TestNothingAcknowledgedIsLostWhenTheHubIsKilled(t *testing.T) {
	cycles := crashCycles(t)
	h := newTestHub(t, func(c *broker.Config) { c.Listen = quietPort(t) })
	c := newCrash(h)
	must(t, h.Close())
	config := filepath.Join(t.TempDir(), "hub.json")
	b, err := json.Marshal(h.cfg)
	must(t, err)
	must(t, os.WriteFile(config, b, 0o600))
	hub := startProcess(t, config)
	c.publish(t)
	for i := range cycles {
		wait := time.Duration(300+rand.IntN(1200)) * time.Millisecond
		if i%5 == 3 {
			wait = time.Duration(rand.IntN(250)) * time.Millisecond // most likely before it is open
		} else {
			<-hub.ready
		}
		<-time.After(wait)
		hub.kill(t)
		c.life(hub)
		hub = startProcess(t, config)
	}
	<-hub.ready
	c.life(hub)
	c.stopPublishing(t)
	c.awaitDelivery(t)
	c.stopReading()
	hub.kill(t)

	h.start()
	t.Logf("started once more after the last kill: %+v", h.Recovered())
	found := c.scan(t, h)
	c.compare(t, found)
	c.askIndex(t, found)
	h.agrees()
	must(t, h.Close())
	must(t, os.RemoveAll(filepath.Join(h.cfg.Data, "catalogue")))
	h.start()
	t.Logf("started without an index: %+v", h.Recovered())
	c.askIndex(t, found)
	h.agrees()
	c.report(t, cycles)
}

// load says what one publisher sends.
type load struct {
	seat string
	ways []way
}

// way is one audience, and the levels that objects sent to it may have.
type way struct {
	to     string
	levels []stix.Level
}

var (
	toRegion   = way{"region", []stix.Level{stix.Clear, stix.Green, stix.Amber}}
	toAsean    = way{"asean", []stix.Level{stix.Green, stix.Amber, stix.AmberStrict}}
	toBoth     = way{"asean-us", []stix.Level{stix.Clear, stix.AmberStrict}}
	toOne      = way{"my", []stix.Level{stix.Red}}
	toTwo      = way{"my,th", []stix.Level{stix.Red}}
	crashLoads = []load{
		{"sg/feed", []way{toRegion, toAsean, toTwo}}, {"sg/analyst", []way{toAsean, toOne}},
		{"us/feed", []way{toRegion, toBoth, toTwo}}, {"my/feed", []way{toRegion, toAsean}},
		{"th/feed", []way{toAsean, toBoth, toOne}}, {"vn/feed", []way{toRegion}},
		{"id/feed", []way{toAsean}}, {"ph/feed", []way{toBoth, toRegion}},
	}
	crashReaders = []policy.Seat{
		{Name: "my/desk", Standing: policy.Organization, Ceiling: stix.Red},
		{Name: "th/desk", Standing: policy.Organization, Ceiling: stix.Red},
		{Name: "us/desk", Standing: policy.Organization, Ceiling: stix.AmberStrict},
		{Name: "vn/client", Standing: policy.Client, Ceiling: stix.Amber},
	}
)
