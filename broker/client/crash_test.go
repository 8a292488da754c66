package client_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// childVar makes the test program a subscriber instead: its value is the
// credentials, the state folder, the file to note objects in, and whether to gather
// notes and write them when told to.
const childVar = "SELAT_TEST_SUBSCRIBER"

// subscribeAndDie receives objects, notes each in a file, and kills its own
// process after a random number of them, in the handler or right behind it.
func subscribeAndDie(args string) error {
	part := strings.Split(args, "\n")
	out, err := os.OpenFile(part[2], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	c, err := client.Connect(context.Background(), client.Options{CredsFile: part[0], Logger: log})
	if err != nil {
		return err
	}
	defer c.Close()
	o := client.SubscribeOptions{StateDir: part[1], Idle: 500 * time.Millisecond}
	notes := io.Writer(out)
	var mu sync.Mutex
	if part[3] == "gather" {
		gathered := bufio.NewWriterSize(out, 1<<20)
		notes, o.Flush = gathered, func() error { mu.Lock(); defer mu.Unlock(); return gathered.Flush() }
	}
	left := 1 + rand.IntN(400)
	return c.Subscribe(context.Background(), func(_ context.Context, d client.Delivery) error {
		mu.Lock()
		defer mu.Unlock()
		if _, err := fmt.Fprintf(notes, "%s %v\n", d.ID, d.Redelivered); err != nil {
			return err
		}
		if left--; left == 0 {
			return kill()
		}
		return nil
	}, o)
}

// kill ends this process as kill -9 does.
func kill() error {
	p, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	if err := p.Kill(); err != nil {
		return err
	}
	select {}
}

func TestASubscriberKilledAgainAndAgainMissesNothingAndRepeatsNothingSilently(t *testing.T) {
	for _, how := range []string{"write", "gather"} {
		t.Run(how, func(t *testing.T) { killAgainAndAgain(t, how) })
	}
}

func killAgainAndAgain(t *testing.T, how string) {
	h := newHub(t)
	sg := connect(t, h.creds("sg/feed", policy.Publisher, stix.Green))
	creds := h.creds("my/feed", policy.Subscriber, stix.Green)
	my := connect(t, creds)
	const n = 2000
	var in bytes.Buffer
	for i := range n {
		fmt.Fprintln(&in, indicator(i, stix.Green))
	}
	o := client.PublishOptions{SubmitOptions: client.SubmitOptions{To: []string{"asean"}}, Objects: 50}
	if _, sum := run(t, sg, o, client.Bytes("in", in.Bytes())); sum.Accepted != n {
		t.Fatalf("%+v", sum)
	}
	dir := t.TempDir()
	notes := filepath.Join(dir, "notes")
	deaths := 0
	for {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childVar+"="+strings.Join([]string{creds, filepath.Join(dir, "state"), notes, how}, "\n"))
		out, err := cmd.CombinedOutput()
		if err == nil {
			break
		}
		if !strings.Contains(err.Error(), "killed") {
			t.Fatalf("the subscriber ended with %v:\n%s", err, out)
		}
		if deaths++; deaths > n {
			t.Fatal("no end")
		}
		// The hub would send again what the dead had in hand after half a
		// minute. Have it send everything, at once: what was handled must not
		// be handled again.
		_, err = my.Replay(t.Context(), api.ReplayRequest{All: true})
		must(t, err)
	}
	b, err := os.ReadFile(notes)
	must(t, err)
	times, repeats := map[string]int{}, 0
	for line := range strings.Lines(string(b)) {
		id, flagged, _ := strings.Cut(strings.TrimSpace(line), " ")
		if times[id]++; times[id] > 1 {
			repeats++
			if flagged != "true" {
				t.Errorf("%s came again silently", id)
			}
		}
	}
	if len(times) != n {
		t.Errorf("%d of %d objects came", len(times), n)
	}
	// One that gathers repeats all that it wrote and could not record.
	if how == "write" && repeats > deaths {
		t.Errorf("%d objects came again, more than the one in hand at each of %d deaths", repeats, deaths)
	}
	t.Logf("%d deaths, %d objects, %d came again and said so", deaths, len(times), repeats)
}
