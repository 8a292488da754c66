package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Server is what a server says of itself (TAXII 2.1 §4.1).
type Server struct {
	// URL is that of the discovery resource; empty if the client was given the
	// URL of an API root, and so did not ask for more.
	URL         string  `json:"url,omitempty"`
	Title       string  `json:"title,omitempty"`
	Description string  `json:"description,omitempty"`
	Contact     string  `json:"contact,omitempty"`
	Default     string  `json:"default,omitempty"`
	Roots       []*Root `json:"api_roots"`
}

// Root is an API root (TAXII 2.1 §4.2).
type Root struct {
	URL         string   `json:"url"`
	Title       string   `json:"title,omitempty"`
	Description string   `json:"description,omitempty"`
	Versions    []string `json:"versions,omitempty"`
	// MaxContentLength is the largest body that may be sent there, in bytes; 0
	// if the server does not say.
	MaxContentLength int64 `json:"max_content_length,omitempty"`
	// Err is why nothing else is known of it.
	Err error `json:"-"`

	url *url.URL
}

// rootsMost bounds the API roots of one server.
const rootsMost = 1000

// Discover asks what there is at the URL: a discovery resource, an API root, or
// a server whose discovery resource is where it belongs, at taxii2/. Each API
// root is looked at; one that cannot be has an Err.
func (c *Client) Discover(ctx context.Context) (*Server, error) {
	var first error
	for _, u := range c.candidates() {
		s, err := c.discoverAt(ctx, u)
		if err == nil {
			return s, nil
		}
		// That something is there says more than that elsewhere is nothing.
		if first == nil || elsewhere(first) && !elsewhere(err) {
			first = err
		}
		if !elsewhere(err) && !(c.pathless() && denied(err)) {
			break
		}
	}
	return nil, fmt.Errorf("looking for TAXII 2.1 at %s: %w", c.base, first)
}

// pathless tells whether the client was given the URL of a whole server, which
// names no resource of TAXII.
func (c *Client) pathless() bool { return c.base.Path == "/" || c.base.Path == "" }

// candidates are where to look, in order, each once. What is at / of a whole
// server may be a site for people, so it comes last.
func (c *Client) candidates() []*url.URL {
	if c.pathless() {
		return []*url.URL{below(c.base, "taxii2/"), c.base}
	}
	host := *c.base
	host.Path, host.RawPath = "/", ""
	all := []*url.URL{c.base, below(c.base, "taxii2/"), below(&host, "taxii2/")}
	if c.base.Path == all[2].Path {
		all = all[:2]
	}
	return all
}

// denied tells whether a server wants to know who asks, or does not like who
// does. At a whole server that may be meant for another part of it.
func denied(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && (refused.Status == http.StatusUnauthorized || refused.Status == http.StatusForbidden)
}

// elsewhere tells whether an answer leaves hope to find TAXII at another path.
func elsewhere(err error) bool {
	var refused *Error
	var wrong *ServerError
	switch {
	case errors.As(err, &refused):
		return refused.Status == http.StatusNotFound || refused.Status == http.StatusMethodNotAllowed || refused.Status == http.StatusNotAcceptable
	case errors.As(err, &wrong):
		return !errors.Is(err, ErrUnreachable)
	}
	return errors.Is(err, errRedirect)
}

// discovered is a discovery resource or an API root: which one shows by its
// members.
type discovered struct {
	Title            string          `json:"title"`
	Description      string          `json:"description"`
	Contact          string          `json:"contact"`
	Default          string          `json:"default"`
	APIRoots         []string        `json:"api_roots"`
	Versions         []string        `json:"versions"`
	MaxContentLength json.RawMessage `json:"max_content_length"`
}

func (d *discovered) isRoot() bool { return len(d.Versions) > 0 || len(d.MaxContentLength) > 0 }

func (c *Client) discoverAt(ctx context.Context, u *url.URL) (*Server, error) {
	var d discovered
	if err := c.get(ctx, u, &d); err != nil {
		return nil, err
	}
	switch {
	case d.isRoot():
		r := &Root{URL: u.String(), url: u}
		r.fill(&d)
		return &Server{Roots: []*Root{r}}, nil
	case d.Title == "" && len(d.APIRoots) == 0:
		return nil, &ServerError{URL: u.String(), What: "this is neither a discovery resource nor an API root"}
	case len(d.APIRoots) > rootsMost:
		return nil, &ServerError{URL: u.String(), What: fmt.Sprintf("the server has more than %d API roots", rootsMost)}
	}
	s := &Server{URL: u.String(), Title: d.Title, Description: d.Description, Contact: d.Contact, Default: d.Default, Roots: []*Root{}}
	seen := map[string]bool{}
	for _, text := range d.APIRoots {
		if seen[text] {
			continue
		}
		seen[text] = true
		r := c.root(ctx, u, text)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s.Roots = append(s.Roots, r)
	}
	return s, nil
}

// root looks at an API root, named by an absolute URL or one relative to the
// server.
func (c *Client) root(ctx context.Context, from *url.URL, text string) *Root {
	u, err := from.Parse(text)
	if err != nil || u.Host == "" {
		return &Root{URL: text, Err: &ServerError{URL: from.String(), What: fmt.Sprintf("%q is no URL of an API root", short(text))}}
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	r := &Root{url: folder(u)}
	r.URL = r.url.String()
	var d discovered
	if err := c.get(ctx, r.url, &d); err != nil {
		r.Err = err
		return r
	}
	r.fill(&d)
	return r
}

func (r *Root) fill(d *discovered) {
	r.Title, r.Description, r.Versions = d.Title, d.Description, d.Versions
	if json.Unmarshal(d.MaxContentLength, &r.MaxContentLength) != nil || r.MaxContentLength < 0 {
		r.MaxContentLength = 0 // it is a hint
	}
}

// resourceBytes bounds what is read of anything but pages.
const resourceBytes = 16 << 20

// get reads a resource that is not paged.
func (c *Client) get(ctx context.Context, u *url.URL, v any) error {
	return c.do(ctx, &request{method: http.MethodGet, url: u, read: func(_ http.Header, body io.Reader) error { return readResource(body, v) }})
}

func readResource(body io.Reader, v any) error {
	b, err := io.ReadAll(io.LimitReader(body, resourceBytes+1))
	switch {
	case err != nil:
		return err
	case len(b) > resourceBytes:
		return fmt.Errorf("it is larger than %d bytes", resourceBytes)
	}
	err = json.Unmarshal(b, v)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && syntax.Offset >= int64(len(b)) {
		return fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
	}
	return err
}
