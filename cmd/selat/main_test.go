package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"selat": main})
}

// TestScripts drives the real program. Besides testscript's own commands:
//
//	hubstart [args]  starts `selat hub` on ./selat-data and free ports, waits
//	                 until it is open, and sets $HUB, $HUB_HTTP and $HUB_TAXII;
//	                 with "again" as its first argument, on the ports of the last
//	hubstop          SIGTERM; the hub must end with exit code 0
//	hubkill          SIGKILL
//	until selat ARGS exec, again and again until it succeeds
//	ports A B ...    sets A, B to free addresses on loopback
//	step selat ARGS  exec, counted as what a person has to type; step hubstart too
//	steps N          tells how many that were, and how long they took; N at most
//	mode 0600 FILE   the file has this mode
//	taxii [WORD...]  see taxiiServer
//	web HOST FILE    see scriptWeb
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			p := &hubProcess{env: env}
			env.Values[hubKey{}] = p
			env.Defer(p.abandon)
			other := new(scriptTaxii)
			env.Values[taxiiKey{}] = other
			env.Values[typedKey{}] = new(typed)
			env.Defer(other.end)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"hubstart": func(ts *testscript.TestScript, neg bool, args []string) { theHub(ts, neg).start(ts, args) },
			"hubstop":  func(ts *testscript.TestScript, neg bool, _ []string) { theHub(ts, neg).stop(ts, syscall.SIGTERM) },
			"hubkill":  func(ts *testscript.TestScript, neg bool, _ []string) { theHub(ts, neg).stop(ts, syscall.SIGKILL) },
			"step":     step,
			"until":    until,
			"ports":    ports,
			"steps":    steps,
			"mode":     checkMode,
			"taxii":    taxiiServer,
			"web":      scriptWeb,
		},
	})
}

// until runs a command again and again until it succeeds.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: until selat ARGS")
	}
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		err := ts.Exec(args[0], args[1:]...)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("it did not come to succeed: %v", err)
		}
	}
}

// ports sets each variable to an address on loopback that is free.
func ports(ts *testscript.TestScript, neg bool, names []string) {
	for _, name := range names {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		ts.Setenv(name, l.Addr().String())
		ts.Check(l.Close())
	}
}

// typed is what a script had people type, and since when.
type typed struct {
	commands int
	began    time.Time
}

type typedKey struct{}

func step(ts *testscript.TestScript, neg bool, args []string) {
	done, _ := ts.Value(typedKey{}).(*typed)
	if neg || len(args) == 0 {
		ts.Fatalf("usage: step selat ARGS")
	}
	if done.commands == 0 {
		done.began = time.Now()
	}
	done.commands++
	if args[0] == "hubstart" {
		theHub(ts, false).start(ts, args[1:])
		return
	}
	ts.Check(ts.Exec(args[0], args[1:]...))
}

func steps(ts *testscript.TestScript, neg bool, args []string) {
	done, _ := ts.Value(typedKey{}).(*typed)
	if neg || len(args) != 1 {
		ts.Fatalf("usage: steps N")
	}
	most, err := strconv.Atoi(args[0])
	ts.Check(err)
	told := fmt.Sprintf("%d commands, %.1f s", done.commands, time.Since(done.began).Seconds())
	ts.Logf("%s", told)
	if done.commands == 0 || done.commands > most {
		ts.Fatalf("%s: want %d commands at most", told, most)
	}
}

type hubKey struct{}

func theHub(ts *testscript.TestScript, neg bool) *hubProcess {
	if neg {
		ts.Fatalf("unsupported: ! with this command")
	}
	p, _ := ts.Value(hubKey{}).(*hubProcess)
	return p
}

// hubProcess is the hub of one script.
type hubProcess struct {
	env    *testscript.Env
	cmd    *exec.Cmd
	stderr *bytes.Buffer
	exited chan struct{} // closed when drained and waited for
	err    error         // of Wait, once exited
}

// patience only ends a test that hangs; nothing is asserted about time.
const patience = 2 * time.Minute

func (p *hubProcess) start(ts *testscript.TestScript, args []string) {
	if p.cmd != nil {
		ts.Fatalf("a hub is running already")
	}
	program, err := lookPath(ts.Getenv("PATH"))
	ts.Check(err)
	if len(args) > 0 && args[0] == "again" {
		args = append(args[1:], "--listen="+hostOf(ts.Getenv("HUB")), "--taxii-listen="+hostOf(ts.Getenv("HUB_TAXII")))
	}
	for _, flag := range []string{"--listen", "--http-listen", "--taxii-listen"} {
		if !strings.Contains(strings.Join(args, " "), flag) {
			args = append(args, flag+"=127.0.0.1:0")
		}
	}
	p.cmd = exec.Command(program, append([]string{"hub"}, args...)...)
	p.cmd.Dir, p.cmd.Env = ts.MkAbs("."), p.env.Vars
	p.stderr, p.exited = new(bytes.Buffer), make(chan struct{})
	p.cmd.Stderr = p.stderr
	stdout, err := p.cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(p.cmd.Start())
	ready := make(chan string, 1)
	go func() {
		defer close(p.exited)
		s := bufio.NewScanner(stdout)
		for s.Scan() {
			if line, ok := strings.CutPrefix(s.Text(), "ready "); ok {
				ready <- line
			}
		}
		p.err = p.cmd.Wait()
	}()
	select {
	case line := <-ready:
		at := strings.Fields(line)
		if len(at) != 3 {
			ts.Fatalf("ready %s: want three words", line)
		}
		for i, name := range []string{"HUB", "HUB_HTTP", "HUB_TAXII"} {
			ts.Setenv(name, strings.TrimPrefix(at[i], "-"))
		}
	case <-p.exited:
		p.cmd = nil
		ts.Fatalf("the hub did not start:\n%s", p.stderr)
	case <-time.After(patience):
		ts.Fatalf("the hub did not become ready")
	}
}

// hostOf is the host and port of a URL.
func hostOf(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

func (p *hubProcess) stop(ts *testscript.TestScript, sig syscall.Signal) {
	if p.cmd == nil {
		ts.Fatalf("no hub is running")
	}
	ts.Check(p.cmd.Process.Signal(sig))
	select {
	case <-p.exited:
	case <-time.After(patience):
		ts.Fatalf("the hub did not end")
	}
	p.cmd = nil
	fmt.Fprintf(ts.Stderr(), "%s", p.stderr)
	if sig == syscall.SIGTERM && p.err != nil {
		ts.Fatalf("the hub ended with %v:\n%s", p.err, p.stderr)
	}
}

// abandon ends what a failed script left running.
func (p *hubProcess) abandon() {
	if p.cmd == nil {
		return
	}
	if err := p.cmd.Process.Kill(); err == nil || errors.Is(err, os.ErrProcessDone) {
		<-p.exited
	}
}

func lookPath(path string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		if file := filepath.Join(dir, "selat"); isFile(file) {
			return file, nil
		}
	}
	return "", errors.New("selat is not on the PATH")
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

func checkMode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode 0600 FILE")
	}
	st, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", st.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has mode %s, not %s", args[1], got, args[0])
	}
}
