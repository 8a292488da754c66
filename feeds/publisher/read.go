package publisher

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/selat-hub/selat/feeds/fetch"
	"github.com/selat-hub/selat/feeds/outbox"
	"github.com/selat-hub/selat/feeds/source"
)

// read reads a feed once, and remembers why it could not be read.
func (p *Publisher) read(ctx context.Context, f *Feed, sum *Result) error {
	err := p.readInputs(ctx, f, sum)
	if err != nil && ctx.Err() == nil {
		err = errors.Join(err, p.store.Update(f.Name, func(s *outbox.Feed) { s.Failure, s.Reason = p.now().UTC(), err.Error() }))
	}
	return err
}

// readInputs reads what a feed has. Inputs of a folder are readings of their own.
func (p *Publisher) readInputs(ctx context.Context, f *Feed, sum *Result) error {
	src, err := f.source(p.config, func(key string) (int64, bool) { return p.store.Known(f.Name, key, f.made) })
	if err != nil {
		return err
	}
	switch {
	case f.TAXII != nil:
		return p.readTAXII(ctx, f, src, sum)
	case f.Folder != "":
		return p.readFolder(ctx, f, src, sum)
	case f.File != "":
		return p.readFile(ctx, f, src, f.File, sum)
	}
	return p.readURL(ctx, f, src, sum)
}

func (p *Publisher) readURL(ctx context.Context, f *Feed, src source.Source, sum *Result) error {
	o := fetch.Options{URL: f.URL, Proxy: f.Proxy, Bytes: f.MaxBytes, Timeout: time.Duration(f.Timeout), InsecureHTTP: f.InsecureHTTP}
	if f.Auth != nil {
		o.Header, o.Prefix, o.SecretFile = f.Auth.Header, f.Auth.Prefix, f.Auth.File
	}
	web, err := fetch.NewWeb(o)
	if err != nil {
		return err
	}
	defer web.Close()
	known, err := p.store.Feed(f.Name)
	if err != nil {
		return err
	}
	at := fetch.Validators{}
	// While rows wait for their grace the list is read in full, so that it ends.
	if known.From == f.URL && known.Made == f.made && !p.options.AcceptShrink && !known.Waiting {
		at = fetch.Validators{ETag: known.ETag, Modified: known.Modified}
	}
	doc, err := web.Get(ctx, at)
	if errors.Is(err, fetch.ErrUnchanged) {
		sum.NotModified = true
		return p.store.Update(f.Name, func(s *outbox.Feed) { s.Success, s.Failure, s.Reason = p.now().UTC(), time.Time{}, "" })
	}
	if err != nil {
		return err
	}
	err = p.reading(ctx, f, src, doc.Input, sum, func(s *outbox.Feed) {
		s.From, s.ETag, s.Modified = f.URL, doc.Validators.ETag, doc.Validators.Modified
	})
	return errors.Join(err, doc.Close())
}

func (p *Publisher) readFile(ctx context.Context, f *Feed, src source.Source, name string, sum *Result) error {
	doc, err := fetch.File(name, f.MaxBytes)
	if err != nil {
		return err
	}
	return errors.Join(p.reading(ctx, f, src, doc.Input, sum, nil), doc.Close())
}

// reading takes in one input.
func (p *Publisher) reading(ctx context.Context, f *Feed, src source.Source, in source.Input, sum *Result, note func(*outbox.Feed)) error {
	var err error
	if in.Reader, err = noWebPage(in.Reader); err != nil {
		return err
	}
	r, err := p.store.Begin(f.Name, p.rules(f))
	if err != nil {
		return err
	}
	err = src.Read(ctx, in, func(row source.Row) error {
		if r.Rows%1000 == 999 && p.options.Progress != nil {
			p.options.Progress(f.Name, r.Rows+1)
		}
		if f.Folder != "" {
			row.Position = filepath.Base(in.Name) + ", " + row.Position
		}
		return r.Row(row)
	})
	if err != nil {
		err = errors.Join(err, r.Fail(err))
	} else {
		err = r.Complete(note)
	}
	p.counted(f, &r.Count, sum)
	return err
}

func (p *Publisher) rules(f *Feed) outbox.Rules {
	grace := defaultGrace
	if f.Grace != nil {
		grace = time.Duration(*f.Grace)
	}
	return outbox.Rules{Whole: f.whole(), Grace: grace, ShrinkPercent: f.ShrinkPercent, ShrinkRows: f.ShrinkRows, AcceptShrink: p.options.AcceptShrink, Made: f.made}
}

func (p *Publisher) counted(f *Feed, c *outbox.Count, sum *Result) {
	sum.Count.Add(c)
	p.metrics.rows.WithLabelValues(f.Name).Add(float64(c.Rows))
	for code, n := range c.Refused {
		p.metrics.refused.WithLabelValues(f.Name, code).Add(float64(n))
	}
	if c.Shrunk != nil {
		p.log.Error("a list shrank so much, or could be read so little, that nothing of it is revoked", "feed", f.Name,
			"left", c.Shrunk.Left, "of", c.Shrunk.Of, "read", c.Shrunk.Read, "unreadable", c.Shrunk.Unread,
			"do", "look at the list; if it is right, stop the daemon and give `selat feed once "+f.Name+" --accept-shrink`")
	}
}
