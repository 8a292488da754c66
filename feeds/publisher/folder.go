package publisher

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/selat-hub/selat/feeds/fetch"
	"github.com/selat-hub/selat/feeds/source"
)

// settleWait is between the two looks that a file must pass.
const settleWait = 2 * time.Second

func (p *Publisher) readFolder(ctx context.Context, f *Feed, src source.Source, sum *Result) error {
	folder := fetch.NewFolder(f.Folder)
	if _, _, err := folder.Look(); err != nil {
		return err
	}
	if err := p.wait(ctx, settleWait); err != nil {
		return err
	}
	ready, _, err := folder.Look()
	if err != nil {
		return err
	}
	var all error
	for i, name := range ready {
		if err := p.readOne(ctx, f, src, name, i == len(ready)-1, sum); err != nil {
			all = errors.Join(all, fmt.Errorf("%s: %w", filepath.Base(name), err))
		}
	}
	return all
}

// readOne reads a file of a folder, unless its content was read before and made the
// same. Of lists that are whole only the last counts: one before it is not read again
// however it was made, since its rows would come back; and the last is the one of
// which it is accepted that it shrank.
func (p *Publisher) readOne(ctx context.Context, f *Feed, src source.Source, name string, last bool, sum *Result) error {
	content, err := fetch.Hash(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	made := append(slices.Clone(content), f.made...)
	known, again := made, p.options.AcceptShrink && f.whole() && last
	if f.whole() && !last {
		known = content
	}
	if read, _, err := p.store.HasRead(f.Name, known); read && !again || err != nil {
		return err
	}
	if err := p.readFile(ctx, f, src, name, sum); err != nil {
		return err
	}
	return errors.Join(p.store.NoteRead(f.Name, content), p.store.NoteRead(f.Name, made))
}

// putAway moves the files of a folder that were read to their end, and of which
// the hub answered for every object, into the folder for what is done. It looks at
// what is on disk alone, so that after a crash the next call does what is left.
func (p *Publisher) putAway(f *Feed) error {
	if f.Done == "" {
		return nil
	}
	entries, err := os.ReadDir(f.Folder)
	if err != nil {
		return fmt.Errorf("looking for what is done: %w", err)
	}
	var all error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || !e.Type().IsRegular() {
			continue
		}
		if err := p.putOneAway(f, e.Name()); err != nil && !errors.Is(err, os.ErrNotExist) {
			all = errors.Join(all, fmt.Errorf("putting %s into %s: %w", e.Name(), f.Done, err))
		}
	}
	return all
}

func (p *Publisher) putOneAway(f *Feed, name string) error {
	from := filepath.Join(f.Folder, name)
	hash, err := fetch.Hash(from)
	if err != nil {
		return err
	}
	known := hash
	if !f.whole() {
		known = append(slices.Clone(hash), f.made...)
	}
	read, settled, err := p.store.HasRead(f.Name, known)
	if err != nil || !read || !settled {
		return err
	}
	if err := os.MkdirAll(f.Done, 0o700); err != nil {
		return err
	}
	// Another file of the same name may have been put away before, and the content
	// may become another until the file is moved: nobody would read that.
	to := filepath.Join(f.Done, name)
	if _, err := os.Lstat(to); err == nil {
		to += fmt.Sprintf(".%x", hash[:4])
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	moved, err := fetch.Hash(to)
	if err == nil && !bytes.Equal(moved, hash) {
		if err := os.Link(to, from); err != nil {
			return fmt.Errorf("it changed meanwhile and must be put back by hand: %w", err)
		}
		return os.Remove(to)
	}
	return err
}
