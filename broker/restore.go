package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// restoringFile says that a folder is being restored and is no hub yet.
const restoringFile = "restoring"

// BeginRestore marks a hub's folder as not whole, which it must be empty for. A
// hub does not start on it before EndRestore.
func BeginRestore(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the hub's folder: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("looking at the hub's folder: %w", err)
	}
	for _, e := range entries {
		if e.Name() != "lost+found" { // of a volume of its own
			return fmt.Errorf("%s is not empty (it holds %s): restore into an empty folder", dir, e.Name())
		}
	}
	return writeSecret((&Config{Data: dir}).path(restoringFile), []byte("This folder is being restored from a backup. If nothing is restoring it, empty it and restore again.\n"))
}

// EndRestore says that a folder is whole.
func EndRestore(dir string) error { return os.Remove((&Config{Data: dir}).path(restoringFile)) }

func (h *Hub) checkRestored() error {
	_, err := os.Stat(h.cfg.path(restoringFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return errors.Join(fmt.Errorf("%s was not restored to its end: empty it and restore again", h.cfg.Data), err)
}

// FillStore runs the engine of a hub whose keys were restored, and no part of
// the hub itself, and hands fill a connection of the account that owns the
// streams. Nobody else can connect. The store is closed when it returns.
func FillStore(ctx context.Context, cfg Config, logger *slog.Logger, fill func(context.Context, *nats.Conn) error) (err error) {
	cfg.Listen, cfg.TLS = "127.0.0.1:0", TLS{} // it does not listen, and the certificate may be elsewhere
	h := &Hub{cfg: cfg, log: newLogger(logger), Metrics: newMetrics(), started: time.Now(), failed: make(chan struct{})}
	h.run, h.cancel = context.WithCancel(context.Background())
	defer func() { err = errors.Join(err, h.Close()) }()
	for _, s := range []struct {
		doing string
		do    func() error
	}{
		{"locking the data folder", h.lockData},
		{"reading the keys", func() (err error) { h.keys, err = loadKeys(ctx, &h.cfg); return }},
		{"starting the engine", h.startEngine},
		{"connecting to the engine", h.connectSelf},
	} {
		if err := s.do(); err != nil {
			return fmt.Errorf("%s: %w", s.doing, err)
		}
	}
	return fill(ctx, h.conn)
}

func isControl(stream string) bool { return strings.HasPrefix(stream, "CTL_") }
