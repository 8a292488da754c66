package feeds_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/feeds/publisher"
	"github.com/selat-hub/selat/feeds/sinks"
)

// daemonVar, when set, makes the test program a daemon that can be killed: its
// value is feed or sink, and the configuration.
const daemonVar = "SELAT_TEST_DAEMON"

// resting is what a publishing daemon says on standard output when it has read a
// feed and waits for the next time.
const resting = "resting"

// longWait tells the pause between two readings from that before trying again.
const longWait = 30 * time.Minute

// runDaemon is what `selat feed run` and `selat sink run` are, but that the time is
// what comes on standard input, in milliseconds since 1970.
func runDaemon(what string) error {
	role, file, _ := strings.Cut(what, " ")
	in := bufio.NewScanner(os.Stdin)
	if !in.Scan() {
		return errors.New("nobody tells the time")
	}
	c := &clock{moved: make(chan struct{})}
	if err := c.set(in.Text()); err != nil {
		return err
	}
	go func() {
		for in.Scan() {
			if err := c.set(in.Text()); err != nil {
				break
			}
		}
		os.Exit(3) // its parent is gone
	}()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	fmt.Fprintln(os.Stderr, begun)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if role == "feed" {
		return runFeed(ctx, file, c, log)
	}
	return runSink(ctx, file, c, log)
}

func runFeed(ctx context.Context, file string, c *clock, log *slog.Logger) (err error) {
	config, err := publisher.Load(file)
	if err != nil {
		return err
	}
	link := publisher.NewLink(config, log)
	defer link.Close()
	wait := func(ctx context.Context, d time.Duration) error {
		until := c.now().Add(d)
		if d >= longWait {
			fmt.Println(resting) // by now the time may move
		}
		return c.wait(ctx, until)
	}
	p, err := publisher.Open(config, link, publisher.Options{Logger: log, Now: c.now, Wait: wait})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	return p.Run(ctx)
}

func runSink(ctx context.Context, file string, c *clock, log *slog.Logger) (err error) {
	config, err := sinks.Load(file)
	if err != nil {
		return err
	}
	d, err := sinks.Open(config, sinks.Options{Logger: log, Now: c.now,
		Wait: func(ctx context.Context, d time.Duration) error { return c.wait(ctx, c.now().Add(d)) }})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.Run(ctx, func(ctx context.Context) (*client.Client, error) {
		return client.Connect(ctx, client.Options{CredsFile: config.Credentials, URL: config.Hub, Logger: log, Wait: true})
	})
}

// clock stands still until it is set.
type clock struct {
	mu    sync.Mutex
	at    time.Time
	moved chan struct{}
}

func (c *clock) set(text string) error {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = time.UnixMilli(ms).UTC()
	close(c.moved)
	c.moved = make(chan struct{})
	return nil
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) wait(ctx context.Context, until time.Time) error {
	for {
		c.mu.Lock()
		at, moved := c.at, c.moved
		c.mu.Unlock()
		if !at.Before(until) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-moved:
		}
	}
}

// daemon is a process of one of them, from one start to its end.
type daemon struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr bytes.Buffer
	rests  chan struct{}
	read   chan struct{} // closed when it says no more
}

func startDaemon(role, config string, now time.Time) (*daemon, error) {
	d := &daemon{cmd: exec.Command(os.Args[0]), rests: make(chan struct{}, 1<<12), read: make(chan struct{})}
	d.cmd.Env = append(os.Environ(), daemonVar+"="+role+" "+config)
	d.cmd.Stderr = &d.stderr
	var err error
	if d.stdin, err = d.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(d.read)
		for s := bufio.NewScanner(out); s.Scan(); {
			if s.Text() == resting {
				d.rests <- struct{}{}
			}
		}
	}()
	return d, d.tell(now)
}

// tell sets its clock.
func (d *daemon) tell(now time.Time) error {
	_, err := fmt.Fprintln(d.stdin, now.UnixMilli())
	return err
}

// rested returns when n feeds were read.
func (d *daemon) rested(n int) error {
	for range n {
		select {
		case <-d.rests:
		case <-d.read:
			return fmt.Errorf("the daemon ended:\n%s", d.abandon())
		case <-time.After(patience):
			return fmt.Errorf("the daemon reads no feed:\n%s", d.abandon())
		}
	}
	return nil
}

// begun is what a daemon says first: before, a signal ends it like any process.
const begun = "this daemon hears signals"

// end ends it by a signal and returns what it said, with how it ended.
func (d *daemon) end(by syscall.Signal) string {
	killed := d.cmd.Process.Signal(by)
	<-d.read
	ended := d.cmd.Wait()
	d.stdin.Close() //nolint:errcheck // nobody reads it any more
	if killed == nil && (ended == nil || by == syscall.SIGKILL || !bytes.Contains(d.stderr.Bytes(), []byte(begun))) {
		return ""
	}
	return fmt.Sprintf("%s\n%v, %v", d.stderr.Bytes(), killed, ended)
}

// abandon ends it and returns all that it said.
func (d *daemon) abandon() string {
	d.end(syscall.SIGKILL)
	return d.stderr.String()
}

// patience only ends a test that hangs.
const patience = 2 * time.Minute
