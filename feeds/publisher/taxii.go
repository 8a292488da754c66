package publisher

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/feeds/source"
	taxii "github.com/selat-hub/selat/feeds/taxii/client"
)

// query is what the configuration selects of a collection.
func (t *TAXII) query() (q taxii.Query, err error) {
	q = taxii.Query{IDs: t.IDs, Types: t.Types, Versions: []string{"all"}, SpecVersions: t.SpecVersions, Limit: t.Limit}
	if t.AddedAfter != "" {
		if q.AddedAfter, err = time.Parse(time.RFC3339Nano, t.AddedAfter); err != nil {
			return q, fmt.Errorf("taxii.added_after: %q is no time such as 2026-01-31T00:00:00Z", t.AddedAfter)
		}
	}
	if t.Limit < 0 {
		return q, errors.New("taxii.limit is how many objects are asked for at once")
	}
	return q, nil
}

// readTAXII goes on where it stopped. A page is in the outbox before the state
// moves behind it.
func (p *Publisher) readTAXII(ctx context.Context, f *Feed, src source.Source, sum *Result) error {
	t := f.TAXII
	q, err := t.query()
	if err != nil {
		return err
	}
	c, err := taxii.New(taxii.Options{URL: t.URL, Username: t.User, PasswordFile: t.PasswordFile, TokenFile: t.TokenFile, CAFile: t.CA, Proxy: f.Proxy,
		InsecureHTTP: f.InsecureHTTP, Timeout: time.Duration(f.Timeout), UserAgent: "selat/" + broker.Version(), Wait: p.wait,
		Notice: func(s string) { p.log.Info(s, "feed", f.Name) }})
	if err != nil {
		return err
	}
	defer c.Close()
	col, err := c.Find(ctx, t.Collection)
	if err != nil {
		return err
	}
	r, err := p.store.Begin(f.Name, p.rules(f))
	if err != nil {
		return err
	}
	err = p.poll(ctx, f, c, col, q, func(ctx context.Context, page *taxii.Page) error {
		raws := make([][]byte, len(page.Objects))
		for i := range page.Objects {
			raws[i] = page.Objects[i].Raw
		}
		in := source.Input{Name: f.Name, Reader: bytes.NewReader(bytes.Join(raws, []byte("\n")))}
		if err := src.Read(ctx, in, r.Row); err != nil {
			return err
		}
		return r.Flush()
	})
	if err != nil {
		err = errors.Join(err, r.Fail(err))
	} else {
		err = r.Complete(nil)
	}
	p.counted(f, &r.Count, sum)
	return err
}

// poll asks onward. When the configuration selects something else than before, it
// asks from the beginning: what was published already makes nothing new.
func (p *Publisher) poll(ctx context.Context, f *Feed, c *taxii.Client, col *taxii.Collection, q taxii.Query, visit func(context.Context, *taxii.Page) error) error {
	file := filepath.Join(p.config.State, "taxii-"+f.Name+".json")
	for {
		state, err := taxii.OpenState(file)
		if err != nil {
			return err
		}
		_, err = c.Poll(ctx, col, q, state, visit)
		if !errors.Is(err, taxii.ErrOtherState) {
			return err
		}
		p.log.Info("the feed selects something else than before; it is read from the beginning", "feed", f.Name)
		if err := os.Remove(file); err != nil {
			return fmt.Errorf("beginning to read %s anew: %w", f.Name, err)
		}
	}
}
