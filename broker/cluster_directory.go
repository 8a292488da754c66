package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/policy"
)

// firstDirectory is the directory that a cluster begins with: written by the init of
// its first node, taken by whichever node leads first and finds it.
const firstDirectory = "first-directory.json"

// takeDirectory reads the directory, and writes it again as it is: from then on the
// engine refuses what another node may still want to change.
func (h *Hub) takeDirectory(ctx context.Context) error {
	if err := h.openDirectory(ctx); err != nil {
		return err
	}
	e, err := h.kv.Get(ctx, directoryKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return h.beginDirectory(ctx)
	}
	if err != nil {
		return fmt.Errorf("reading the directory: %w", err)
	}
	r, err := readDirectory(e.Value(), e.Revision())
	if err != nil {
		return err
	}
	// Of a copy that is behind this fails, and is tried again.
	h.revision = e.Revision()
	if err := h.saveAfter(ctx, e.Value()); err != nil {
		return err
	}
	h.region.Store(r)
	h.grants.require(func(n *needs) { n.Directory = h.revision })
	return nil
}

func (h *Hub) beginDirectory(ctx context.Context) error {
	r := policy.NewRegion(nil, nil, nil)
	b, err := os.ReadFile(h.cfg.path(firstDirectory))
	if err == nil {
		r, err = readDirectory(b, 0)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the directory that the hub begins with: %w", err)
	}
	b, err = json.Marshal(directoryRecord{Format: directoryFormat, Changed: time.Now().UTC(), Members: r.Members, Seats: r.Seats, Communities: r.Communities})
	if err != nil {
		return err
	}
	h.revision = 0
	if err := h.saveAfter(ctx, b); err != nil {
		return err
	}
	h.region.Store(r)
	h.grants.require(func(n *needs) { n.Directory = h.revision })
	return nil
}

// saveAfter writes the directory if it is still as this node knows it.
func (h *Hub) saveAfter(ctx context.Context, b []byte) (err error) {
	var revision uint64
	if h.revision == 0 {
		revision, err = h.kv.Create(ctx, directoryKey, b)
	} else {
		revision, err = h.kv.Update(ctx, directoryKey, b, h.revision)
	}
	if h.leading() && wrongSequence(err) {
		// By another node; or here, and the answer was lost.
		h.depose("the directory is not as this node knows it")
	}
	if err != nil {
		return fmt.Errorf("writing the directory: %w", err)
	}
	h.revision = revision
	return nil
}
