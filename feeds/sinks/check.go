package sinks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/feeds/sink"
	"github.com/selat-hub/selat/stix"
)

// Trial is what trying one sink came to. Nothing of its own was written.
type Trial struct {
	Sink     string          `json:"sink"`
	Format   string          `json:"format"`
	Path     string          `json:"path,omitempty"`
	Exposure policy.Exposure `json:"exposure"`
	// Levels are those whose objects its exposure lets it show, and Streams what
	// becomes of each that the seat may read.
	Levels  []stix.Level `json:"levels"`
	Streams []Reach      `json:"streams,omitempty"`
	// Checked says what looks at it before it takes its place.
	Checked string `json:"checked,omitempty"`
	// Count is what a rendering of what is in the state came to, Shown the objects
	// of it by level, and Withheld those that the view does not show, by reason.
	Count    sink.Count         `json:"count"`
	Shown    map[stix.Level]int `json:"shown,omitempty"`
	Withheld map[string]int     `json:"withheld,omitempty"`
	// Trouble is what would keep it from being as it should, a sentence each.
	Trouble []string `json:"trouble,omitempty"`
}

// Reach says whether a stream reaches a sink, and why.
type Reach struct {
	Stream  string `json:"stream"`
	Reaches bool   `json:"reaches"`
	Why     string `json:"why"`
}

// Tried is what trying a configuration came to.
type Tried struct {
	Sinks []Trial `json:"sinks"`
	// State says what was there to render: "read", "none yet", or that a
	// daemon has it.
	State string `json:"state"`
}

// Try looks at all that a daemon would need of this machine, and renders each sink
// into a folder that it removes. streams are what the seat may read, nil if nobody
// was asked.
func (c *Config) Try(ctx context.Context, streams []api.StreamAccess, now time.Time) (*Tried, error) {
	allow, err := c.readAllow()
	if err != nil {
		return nil, err
	}
	out := &Tried{State: "none yet"}
	var state *State
	if dir := filepath.Join(c.State, "objects"); exists(dir) {
		out.State = "in use by a daemon, or not readable"
		if there, err := readState(dir); err == nil {
			out.State, state = "read", there
			defer there.db.Close() //nolint:errcheck // it was only read
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Sinks)) {
		t := c.Sinks[name].try(ctx, allow, state, now)
		t.reaches(c.Sinks[name].View(), streams)
		out.Sinks = append(out.Sinks, *t)
	}
	return out, nil
}

func (s *Sink) try(ctx context.Context, allow *sink.Allow, state *State, now time.Time) *Trial {
	t := &Trial{Sink: s.Name, Format: s.Format, Exposure: s.Exposure, Shown: map[stix.Level]int{}, Withheld: map[string]int{}}
	if s.format.Stream != nil {
		stream, err := s.format.Stream(sink.Settings{Options: s.Options, Allow: allow})
		if err == nil {
			err = stream.Close()
		}
		t.trouble(err)
		t.count(state, s.View(), now)
		return t
	}
	t.Path = s.Path
	o, err := s.output(allow)
	if err != nil {
		t.trouble(err)
		return t
	}
	t.trouble(writable(filepath.Dir(s.Path)))
	t.Checked = s.tried(o)
	for _, command := range []Command{o.Check, o.Reload} {
		if len(command) > 0 {
			_, err := exec.LookPath(command[0])
			t.trouble(err)
		}
	}
	t.count(state, o.View, now)
	t.trouble(t.render(ctx, o, state, now))
	return t
}

// tried says in words what looks at a file before it takes its place.
func (s *Sink) tried(o *Output) string {
	switch {
	case len(o.Check) > 0:
		return strings.Join(o.Check, " ")
	case s.Check != nil:
		return "nothing, by the configuration"
	case s.format.Check != "":
		return "nothing: " + strings.Fields(s.format.Check)[0] + " is not installed here"
	}
	return ""
}

func (t *Trial) trouble(err error) {
	if err != nil {
		t.Trouble = append(t.Trouble, err.Error())
	}
}

// count tells what of the state a view shows.
func (t *Trial) count(state *State, v View, now time.Time) {
	if state == nil {
		return
	}
	var failed error
	for c := range state.Current(state.db, &v, now, t.Withheld, &failed) {
		t.Shown[c.Level]++
	}
	t.trouble(failed)
}

// render makes the file or folder beside nothing of its own, and has it checked.
func (t *Trial) render(ctx context.Context, o *Output, state *State, now time.Time) (err error) {
	dir, err := os.MkdirTemp("", "selat-check-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	elsewhere := *o
	elsewhere.Path = filepath.Join(dir, filepath.Base(o.Path))
	current := func(func(Counted) bool) {}
	var failed error
	if state != nil {
		current = state.Current(state.db, &o.View, now, nil, &failed)
	}
	made, err := elsewhere.render(ctx, ".try", current, now)
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("rendering it: %w", err)
	}
	t.Count = made.count
	if len(o.Check) == 0 {
		return nil
	}
	if err := runCommand(ctx, o.Check, made.path); err != nil {
		return fmt.Errorf("its check: %w", err)
	}
	return nil
}

// writable tries whether files can be made in a folder, by making one.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".selat-check-")
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no folder %s", dir)
	}
	if err != nil {
		return fmt.Errorf("nothing can be written in %s: %w", dir, err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// reaches tells which levels and streams reach a sink, by the rule of policy.
func (t *Trial) reaches(v View, streams []api.StreamAccess) {
	audience := "region" // any: what matters is whether it is an exercise
	if v.Outlet.Drill {
		audience = policy.Drill
	}
	for _, level := range stix.Levels {
		if policy.MayWriteOut(policy.Stream{Audience: audience, Level: level}, v.Outlet).Allowed {
			t.Levels = append(t.Levels, level)
		}
	}
	for i := range streams {
		a := policy.MayWriteOut(policy.Stream{Audience: streams[i].Audience, Level: streams[i].Level}, v.Outlet)
		t.Streams = append(t.Streams, Reach{streams[i].Name, a.Allowed, a.Reason})
	}
}
