package publisher

import (
	"context"
	"errors"
	"os"

	"github.com/selat-hub/selat/stix"
)

// trialObjects are kept of a trial.
const trialObjects = 20

// Trial is what reading a feed without keeping anything found.
type Trial struct {
	Feed        string         `json:"feed"`
	Rows        int            `json:"rows"`
	RefusedRows int            `json:"refused_rows"`
	Refused     map[string]int `json:"refused,omitempty"`
	Error       string         `json:"error,omitempty"`
	// Objects are the first that would be published.
	Objects [][]byte `json:"-"`
}

// UnmarkedLevel is under which TLP unmarked objects travel.
func (f *Feed) UnmarkedLevel() stix.Level { return f.unmarked }

// Try reads feeds and keeps nothing.
func Try(ctx context.Context, c *Config, names ...string) ([]Trial, error) {
	return try(ctx, c, Options{}, names...)
}

func try(ctx context.Context, c *Config, o Options, names ...string) (trials []Trial, err error) {
	dir, err := os.MkdirTemp("", "selat-feed-check-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	scratch := *c
	scratch.State = dir
	p, err := Open(&scratch, nil, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	feeds, err := p.named(names)
	if err != nil {
		return nil, err
	}
	for _, f := range feeds {
		var r Result
		readErr := p.read(ctx, f, &r)
		t := Trial{Feed: f.Name, Rows: r.Rows, Refused: r.Refused}
		for _, n := range r.Refused {
			t.RefusedRows += n
		}
		if readErr != nil {
			t.Error = readErr.Error()
		}
		items, err := p.store.Next(f.Name, trialObjects, sendBytes)
		if err != nil {
			return nil, err
		}
		for i := range items {
			t.Objects = append(t.Objects, items[i].Raw)
		}
		trials = append(trials, t)
	}
	return trials, nil
}
