package sinks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/selat-hub/selat/feeds/sink"
)

// aside is a stream that sets an event aside that its receiver refused often enough,
// and goes on with the next: else the one would keep all others for ever.
//
// What is kept of such an event is a file of mode 0600 that names it and what the
// receiver answered. The object is not in it: that is in the state as long as the
// seat may hold it, and must be nowhere else when it is recalled.
type aside struct {
	sink.Stream
	name  string
	dir   string // of mode 0700
	tries int
	now   func() time.Time
	log   *slog.Logger
	count func() // one more was set aside
}

// refusals is how often the event that is refused now was, over restarts.
type refusals struct {
	Event string `json:"event"`
	Tries int    `json:"tries"`
}

// refusalsFile is in the folder, beside the files of events.
const refusalsFile = ".refused"

func (a *aside) Tell(ctx context.Context, events []sink.Event) error {
	done := 0
	for done < len(events) {
		err := a.Stream.Tell(ctx, events[done:])
		var refused *sink.Refusal
		if !errors.As(err, &refused) || refused.Index < 0 || refused.Index >= len(events)-done {
			return err
		}
		done += refused.Index
		enough, noted := a.refuse(&events[done], refused)
		if noted != nil || !enough {
			refused.Index = done
			return errors.Join(err, noted)
		}
		done++
	}
	return nil
}

// refuse counts a refusal, and sets the event aside if it is the last.
func (a *aside) refuse(e *sink.Event, why *sink.Refusal) (enough bool, err error) {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return false, fmt.Errorf("setting an event aside: %w", err)
	}
	var r refusals
	if b, err := os.ReadFile(filepath.Join(a.dir, refusalsFile)); err != nil || json.Unmarshal(b, &r) != nil || r.Event != e.Key {
		r = refusals{Event: e.Key}
	}
	r.Tries++
	if err := a.write(refusalsFile, r); err != nil || r.Tries < a.tries {
		return false, err
	}
	err = a.write(e.Key+".json", Aside{Sink: a.name, Status: why.Status, Tries: r.Tries, At: a.now().UTC(), Event: e.Key, Kind: e.Kind, Happened: e.At,
		Origin: e.Entry.Origin, ID: e.Entry.ID, Version: e.Entry.Version})
	if err != nil {
		return false, err
	}
	a.count()
	a.log.Warn("the receiver refuses an event, which is set aside", "sink", a.name, "status", why.Status, "tries", r.Tries, "id", e.Entry.ID, "file", filepath.Join(a.dir, e.Key+".json"))
	return true, nil
}

// Aside is what is kept of an event that was set aside.
type Aside struct {
	Sink     string         `json:"sink"`
	Status   string         `json:"status"` // the receiver's last answer
	Tries    int            `json:"tries"`
	At       time.Time      `json:"at"`
	Event    string         `json:"event"` // its key
	Kind     sink.EventKind `json:"kind"`
	Happened time.Time      `json:"happened"`
	Origin   string         `json:"origin"`
	ID       string         `json:"id"`
	Version  string         `json:"version,omitempty"`
}

// write makes a file of mode 0600 hold v, all of it on disk.
func (a *aside) write(name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(a.dir, ".new-*")
	if err != nil {
		return fmt.Errorf("setting an event aside: %w", err)
	}
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(a.dir, name))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("setting an event aside: %w", err), os.Remove(f.Name()))
	}
	return nil
}

// asideDir is where a stream's events are set aside.
func (c *Config) asideDir(name string) string { return filepath.Join(c.State, "dead", name) }

// setAside counts the events of a stream that were.
func (c *Config) setAside(name string) (n int, err error) {
	entries, err := os.ReadDir(c.asideDir(name))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			n++
		}
	}
	return n, err
}
