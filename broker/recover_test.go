package broker_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// withMessages is a closed hub that holds 20 messages in CTI_ASEAN_GREEN, and
// the folder of that stream's blocks.
func withMessages(t *testing.T) (h *testHub, sg *seat, msgs string) {
	h = newTestHub(t)
	sg = h.seat("sg/feed", policy.Publisher, stix.Green)
	for n := range 20 {
		if r := sg.submit(bundle(indicator(n, stix.Green)), "asean"); r.Accepted != 1 {
			t.Fatalf("receipt: %+v", r)
		}
	}
	must(t, h.Close())
	found, err := filepath.Glob(filepath.Join(h.cfg.Data, "streams", "jetstream", "*", "streams", "CTI_ASEAN_GREEN", "msgs"))
	must(t, err)
	if len(found) != 1 {
		t.Fatalf("the stream's blocks are in %v", found)
	}
	return h, sg, found[0]
}

func TestABlockBegunWhenTheHubWasKilledCostsNothing(t *testing.T) {
	h, sg, msgs := withMessages(t)
	// What a kill leaves between the making of a block and that of its key.
	must(t, os.WriteFile(filepath.Join(msgs, "2.blk"), nil, 0o640))
	must(t, os.WriteFile(filepath.Join(msgs, "2.key.tmp"), []byte("half"), 0o640))
	// The engine's summary of the stream may be older than the kill.
	must(t, os.Remove(filepath.Join(msgs, "index.db")))
	h.start()
	if n := h.Recovered().Unfinished; n != 1 {
		t.Errorf("%d unfinished blocks mended, want 1", n)
	}
	sg.connect(h.URL())
	for n := range 20 {
		expect(t, "an object accepted before", sg.submit(bundle(indicator(n, stix.Green)), "asean"), "duplicate green asean")
	}
	if size, err := h.StreamSize(t.Context(), "CTI_ASEAN_GREEN"); err != nil || size.Messages != 20 {
		t.Errorf("the stream holds %d messages, want 20 (%v)", size.Messages, err)
	}
}

func TestAStreamThatTheEngineCannotOpenIsNeverMadeAnew(t *testing.T) {
	h, _, msgs := withMessages(t)
	key := filepath.Join(msgs, "1.key")
	saved, err := os.ReadFile(key)
	must(t, err)
	must(t, os.Remove(key))
	hub, err := broker.Start(context.Background(), h.cfg, nil)
	if err == nil {
		must(t, hub.Close())
		t.Fatal("the hub started although a stream with messages could not be opened")
	}
	if !strings.Contains(err.Error(), "CTI_ASEAN_GREEN") {
		t.Errorf("the error does not name the stream: %v", err)
	}
	must(t, os.WriteFile(key, saved, 0o640))
	meta := filepath.Join(filepath.Dir(msgs), "meta.sum")
	sum, err := os.ReadFile(meta)
	must(t, err)
	must(t, os.WriteFile(meta, []byte("0000000000000000"), 0o640))
	if hub, err := broker.Start(context.Background(), h.cfg, nil); err == nil || !strings.Contains(err.Error(), "CTI_ASEAN_GREEN") {
		if err == nil {
			must(t, hub.Close())
		}
		t.Fatalf("with its settings damaged: %v", err)
	}
	must(t, os.WriteFile(meta, sum, 0o640))
	h.start()
	if size, err := h.StreamSize(t.Context(), "CTI_ASEAN_GREEN"); err != nil || size.Messages != 20 || h.Recovered().Missing != 0 {
		t.Errorf("with its key back the stream holds %d messages, want 20 (%v)", size.Messages, err)
	}
}

func TestMessagesThatAreGoneAreTold(t *testing.T) {
	h, _, msgs := withMessages(t)
	for _, f := range []string{"1.blk", "1.key", "index.db"} {
		must(t, os.Remove(filepath.Join(msgs, f)))
	}
	h.start()
	if n := h.Recovered().Missing; n != 20 {
		t.Errorf("%d messages told missing, want 20", n)
	}
}

// flip damages one bit of a file, so far from its end.
func flip(t *testing.T, path string, fromEnd int) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	b[len(b)-fromEnd] ^= 4
	must(t, os.WriteFile(path, b, 0o640))
}

func TestAKeyThatDoesNotOpenIsRefusedBeforeItsBlockIsDeleted(t *testing.T) {
	h, _, msgs := withMessages(t)
	key := filepath.Join(msgs, "1.key")
	saved, err := os.ReadFile(key)
	must(t, err)
	for _, damaged := range [][]byte{saved[:20], append(append([]byte{}, saved[:40]...), make([]byte, len(saved)-40)...)} {
		must(t, os.WriteFile(key, damaged, 0o640))
		hub, err := broker.Start(context.Background(), h.cfg, nil)
		if err == nil {
			must(t, hub.Close())
			t.Fatal("the hub started although the key of a block with messages is damaged")
		}
		if !strings.Contains(err.Error(), key) {
			t.Errorf("the error does not name the key: %v", err)
		}
	}
	must(t, os.WriteFile(key, saved, 0o640))
	// A block of a log of a cluster that a kill left without a key.
	log := filepath.Join(h.cfg.Data, "streams", "jetstream", "A", "_js_", "S-R3F-1", "msgs")
	must(t, os.MkdirAll(log, 0o700))
	must(t, os.WriteFile(filepath.Join(log, "7.blk"), nil, 0o640))
	h.start()
	if size, err := h.StreamSize(t.Context(), "CTI_ASEAN_GREEN"); err != nil || size.Messages != 20 || h.Recovered().Unfinished != 1 {
		t.Errorf("with its key back the stream holds %d messages, want 20; %d unfinished blocks mended, want 1 (%v)", size.Messages, h.Recovered().Unfinished, err)
	}
}

func TestAnEarlierDirectoryIsNotTakenForTheLatest(t *testing.T) {
	h, _, _ := withMessages(t)
	blocks, err := filepath.Glob(filepath.Join(h.cfg.Data, "streams", "jetstream", "*", "streams", "KV_DIRECTORY", "msgs", "*.blk"))
	must(t, err)
	if len(blocks) != 1 {
		t.Fatalf("the directory is in %v", blocks)
	}
	flip(t, blocks[0], 100)
	hub, err := broker.Start(context.Background(), h.cfg, nil)
	if err == nil {
		must(t, hub.Close())
		t.Fatal("the hub started with an earlier directory than the latest")
	}
	if !strings.Contains(err.Error(), "directory") {
		t.Errorf("the error does not speak of the directory: %v", err)
	}
}
