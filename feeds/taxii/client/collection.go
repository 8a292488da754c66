package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// Collection is a set of objects of an API root (TAXII 2.1 §5.1), as this user
// sees it.
type Collection struct {
	ID          string   `json:"id"`
	Title       string   `json:"title,omitempty"`
	Description string   `json:"description,omitempty"`
	Alias       string   `json:"alias,omitempty"`
	CanRead     bool     `json:"can_read"`
	CanWrite    bool     `json:"can_write"`
	MediaTypes  []string `json:"media_types,omitempty"`
	// Root is the API root it belongs to.
	Root *Root `json:"-"`
}

// at is the URL of something in the collection. Names of others are escaped: a
// path must not lead out of it.
func (col *Collection) at(parts ...string) *url.URL {
	path := "collections/" + url.PathEscape(col.ID) + "/"
	for _, p := range parts {
		path += url.PathEscape(strings.TrimSuffix(p, "/")) + "/"
	}
	return below(col.Root.url, path)
}

// below is a URL further down, from a path that is escaped already.
func below(root *url.URL, path string) *url.URL {
	u := *root
	u.RawPath = root.EscapedPath() + path
	u.Path, _ = url.PathUnescape(u.RawPath) //nolint:errcheck // it was escaped just now
	return &u
}

// Collections lists the collections of an API root.
func (c *Client) Collections(ctx context.Context, root *Root) ([]Collection, error) {
	var answer struct {
		Collections []Collection `json:"collections"`
	}
	if err := c.get(ctx, below(root.url, "collections/"), &answer); err != nil {
		return nil, fmt.Errorf("listing the collections: %w", err)
	}
	for i := range answer.Collections {
		col := &answer.Collections[i]
		if !sound(col.ID) {
			return nil, &ServerError{URL: root.URL, What: fmt.Sprintf("a collection has the id %q", short(col.ID))}
		}
		col.Root = root
	}
	return answer.Collections, nil
}

// sound tells whether a name can stand in a path.
func sound(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= valueMost
}

// ErrNoCollection is in the error of a search that found none, or several. It is
// not in that of a search that could not look everywhere.
var ErrNoCollection = errors.New("there is no such collection")

// Find returns the collection of that id, alias or title, among all API roots
// of the server that this client may ask. An id wins over an alias, and that
// over a title; letter case does not count.
func (c *Client) Find(ctx context.Context, name string) (*Collection, error) {
	server, err := c.Discover(ctx)
	if err != nil {
		return nil, err
	}
	var all []Collection
	var m missing
	for _, root := range server.Roots {
		if root.Err != nil {
			m.add(root.Err)
			continue
		}
		cols, err := c.Collections(ctx, root)
		if err != nil {
			m.add(err)
			// A server may show a collection that it does not list.
			if id, unreadable := uuid.Parse(name); unreadable == nil {
				if col, err := c.Collection(ctx, root, id.String()); err == nil {
					cols = []Collection{*col}
				}
			}
		}
		all = append(all, cols...)
	}
	col, err := pick(all, name)
	if errors.Is(err, errNotAmong) {
		return nil, m.explain(err, all, name)
	}
	return col, err
}

// missing is why some API roots of a server could not be searched.
type missing struct {
	gone   error // there is nothing at their URLs, so no collection either
	failed error // what is there is not known
}

func (m *missing) add(err error) {
	var refused *Error
	if errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		m.gone = errors.Join(m.gone, err)
	} else {
		m.failed = errors.Join(m.failed, err)
	}
}

// explain gives the error of a search without a result its cause. A collection
// may well be where nobody could look, so that a failure comes before all else.
func (m *missing) explain(err error, all []Collection, name string) error {
	switch {
	case m.failed == nil && m.gone == nil:
		return err
	case m.failed == nil && len(all) > 0:
		return fmt.Errorf("%w; and not all collections are known: %w", err, m.gone)
	case len(all) > 0:
		return fmt.Errorf("looking for the collection %q, which is not among %s: not all collections are known: %w", name, titles(all), errors.Join(m.failed, m.gone))
	}
	return fmt.Errorf("looking for the collection %q: no collections are known: %w", name, errors.Join(m.failed, m.gone))
}

// Collection returns the collection of that id or alias in an API root.
func (c *Client) Collection(ctx context.Context, root *Root, id string) (*Collection, error) {
	if !sound(id) {
		return nil, fmt.Errorf("%w: %q", ErrNoCollection, id)
	}
	var col Collection
	if err := c.get(ctx, below(root.url, "collections/"+url.PathEscape(id)+"/"), &col); err != nil {
		return nil, fmt.Errorf("looking at a collection: %w", err)
	}
	if !sound(col.ID) {
		return nil, &ServerError{URL: root.URL, What: "the collection has no id"}
	}
	col.Root = root
	return &col, nil
}

func pick(all []Collection, name string) (*Collection, error) {
	for _, of := range []func(*Collection) string{
		func(c *Collection) string { return c.ID },
		func(c *Collection) string { return c.Alias },
		func(c *Collection) string { return c.Title },
	} {
		var found []*Collection
		for i := range all {
			if strings.EqualFold(of(&all[i]), name) {
				found = append(found, &all[i])
			}
		}
		switch len(found) {
		case 0:
			continue
		case 1:
			return found[0], nil
		}
		var ids []string
		for _, col := range found {
			ids = append(ids, col.ID+" in "+col.Root.URL)
		}
		return nil, fmt.Errorf("%w: %q is the name of %d, name one by its id and its API root's URL: %s", ErrNoCollection, name, len(found), strings.Join(ids, ", "))
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: the server shows no collection to this user", errNotAmong)
	}
	return nil, fmt.Errorf("%w: %q; there are %s", errNotAmong, name, titles(all))
}

// errNotAmong is the ErrNoCollection of a name that no collection has.
var errNotAmong = fmt.Errorf("%w", ErrNoCollection)

// titles names the first of many collections.
func titles(all []Collection) string {
	var names []string
	for i := range all[:min(len(all), 10)] {
		names = append(names, all[i].Title)
	}
	return strings.Join(names, ", ")
}
