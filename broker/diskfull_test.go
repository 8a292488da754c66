package broker_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// smallDisk mounts a tmpfs, or skips.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("no small tmpfs can be mounted here, which needs root: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("unmounting: %v: %s", err, out)
		}
	})
	return dir
}

// bulky is an indicator that neither S2 nor anything else makes smaller.
func bulky(n, size int) string {
	b := make([]byte, size/2)
	if _, err := rand.Read(b); err != nil {
		return err.Error()
	}
	return strings.Replace(indicator(n, stix.Clear), "test", fmt.Sprintf("%x", b), 1)
}

// ballast adds this many bytes to a file, or fills the disk to the last byte.
func ballast(t *testing.T, path string, size int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	must(t, err)
	chunk := make([]byte, 64<<10)
	for written := 0; written < size; written += len(chunk) {
		if _, err := f.Write(chunk); errors.Is(err, syscall.ENOSPC) {
			break
		} else {
			must(t, err)
		}
	}
	must(t, f.Close())
}

func TestAFullDiskRefusesAndReadersGoOn(t *testing.T) {
	if testing.Short() {
		t.Skip("it fills a disk")
	}
	disk := smallDisk(t, "64m")
	h := newTestHub(t, func(c *broker.Config) {
		c.Data, c.Store.ReserveBytes, c.Limits.SubmissionsPerSecond = filepath.Join(disk, "data"), 24<<20, 0
	})
	sg := h.seat("sg/feed", policy.Publisher, stix.Clear)
	my := h.seat("my/desk", policy.Subscriber, stix.Clear)
	ballast(t, filepath.Join(disk, "ballast"), 16<<20)
	want := map[string]bool{}
	var full *api.Receipt
	var ready error
	for n := 0; full == nil && n < 10_000; n++ {
		o := bulky(n, 40<<10)
		r := sg.submit(bundle(o), "region")
		if r.Error != nil {
			// What the store gives back at this moment may open it once more, and
			// room may be left that is only too small for this object: take it.
			if ready = h.Ready(); ready != nil {
				full = r
			} else {
				ballast(t, filepath.Join(disk, "ballast"), 64<<10)
			}
		} else if r.Accepted == 1 {
			want[o] = true
		} else {
			t.Fatalf("receipt: %+v", r)
		}
	}
	if full == nil || full.Error.Code != "disk-full" || !full.Retry {
		t.Fatalf("after %d objects: %+v", len(want), full)
	}
	checkFinding(t, *full.Error)
	t.Logf("%d objects of 40 KiB until the reserve was met; %d MiB left", len(want), diskFree(t, h)>>20)
	if ready == nil || !strings.Contains(ready.Error(), "MiB free") {
		t.Errorf("ready on a full disk: %v", ready)
	}
	if got := my.drain()["CTI_REGION_CLEAR"]; len(got) != len(want) {
		t.Errorf("%d objects delivered from a full disk, %d were accepted", len(got), len(want))
	}
	must(t, os.Remove(filepath.Join(disk, "ballast")))
	last := bulky(1<<30, 40<<10)
	awaitTrue(t, 20*time.Second, "accepting goes on", func() bool {
		return sg.submit(bundle(last), "region").Accepted == 1
	})
	must(t, h.Ready())
	if got := my.drain()["CTI_REGION_CLEAR"]; len(got) != 1 || got[0] != last {
		t.Errorf("after room was made: %d objects delivered", len(got))
	}
}

// The reserve cannot help when something else takes the whole disk at once.
// Nothing acknowledged may be lost then, and nobody be left without an answer.
func TestADiskFilledBeneathTheReserveLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("it fills a disk")
	}
	disk := smallDisk(t, "96m")
	h := newTestHub(t, func(c *broker.Config) {
		c.Data, c.Store.ReserveBytes, c.Limits.SubmissionsPerSecond = filepath.Join(disk, "data"), 8<<20, 0
	})
	my := h.seat("my/desk", policy.Subscriber, stix.Clear)
	var load diskLoad
	for i, m := range []string{"sg", "us", "th", "vn"} {
		load.publish(h.seat(m+"/feed", policy.Publisher, stix.Clear), i)
	}
	awaitTrue(t, 20*time.Second, "the load runs", func() bool { return load.accepted() > 200 })
	ballast(t, filepath.Join(disk, "ballast"), 1<<30)
	awaitTrue(t, time.Minute, "every publisher was refused", func() bool { return load.refusedBy() == 4 })
	why := h.Ready()
	t.Logf("%d objects accepted; ready says: %v; %d publishers were refused", load.accepted(), why, load.refusedBy())
	if why == nil {
		t.Error("the hub says it is ready on a full disk")
	}
	must(t, os.Remove(filepath.Join(disk, "ballast")))
	load.restart(t, h)
	load.finish(t)
	got := map[string]bool{}
	for _, o := range my.drain()["CTI_REGION_CLEAR"] {
		if got[o] {
			t.Error("an object was delivered twice")
		}
		got[o] = true
	}
	for o := range load.objects {
		if !got[o] {
			t.Errorf("an acknowledged object is lost")
		}
	}
	t.Logf("%d objects accepted in all, %d delivered", len(load.objects), len(got))
}

// diskLoad publishes until told to stop and notes what was acknowledged.
type diskLoad struct {
	mu      sync.Mutex
	objects map[string]bool
	codes   map[string]int
	refused map[int]bool
	stop    sync.Once
	stopped chan struct{}
	done    sync.WaitGroup
}

func (l *diskLoad) publish(s *seat, who int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.objects == nil {
		l.objects, l.codes, l.refused, l.stopped = map[string]bool{}, map[string]int{}, map[int]bool{}, make(chan struct{})
		s.t.Cleanup(l.end)
	}
	l.done.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for n := who << 32; ; n++ {
			o := bulky(n, 4<<10)
			for !l.try(s, who, o) {
				<-tick.C
			}
			select {
			case <-l.stopped:
				return
			case <-tick.C:
			}
		}
	})
}

func (l *diskLoad) end() {
	l.stop.Do(func() { close(l.stopped) })
	l.done.Wait()
}

// try submits once and reports whether that is settled, or was given up.
func (l *diskLoad) try(s *seat, who int, o string) bool {
	r, err := s.try(bundle(o), "region", 10*time.Second)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		l.codes["no answer"]++
	case r.Accepted+r.Duplicate == 1:
		l.objects[o] = true
		return true
	case r.Error != nil:
		l.codes[r.Error.Code]++
		l.refused[who] = true
	default:
		l.codes[r.Objects[0].Findings[0].Code]++
		l.refused[who] = true
	}
	select {
	case <-l.stopped:
		return true
	default:
		return false
	}
}

func (l *diskLoad) accepted() int  { l.mu.Lock(); defer l.mu.Unlock(); return len(l.objects) }
func (l *diskLoad) refusedBy() int { l.mu.Lock(); defer l.mu.Unlock(); return len(l.refused) }

// restart starts the hub anew on the same port if its store has failed: the
// engine writes no more to a stream once a write to it failed.
func (l *diskLoad) restart(t *testing.T, h *testHub) {
	t.Helper()
	awaitTrue(t, 20*time.Second, "the disk has room", func() bool { return diskFree(t, h) > 8<<20 })
	if err := h.Ready(); err != nil {
		t.Logf("the hub is started anew: %v", err)
		h.cfg.Listen = strings.TrimPrefix(h.URL(), "nats://")
		must(t, h.Close())
		h.start()
	}
	before := l.accepted()
	awaitTrue(t, time.Minute, "accepting goes on", func() bool { return l.accepted() > before+50 })
}

func (l *diskLoad) finish(t *testing.T) {
	t.Helper()
	l.end()
	t.Logf("refusals, and requests without an answer within ten seconds: %v", l.codes)
}

// diskFree is how much the hub sees free on its disk.
func diskFree(t *testing.T, h *testHub) uint64 {
	t.Helper()
	free, _, err := h.Disk()
	must(t, err)
	return free
}
