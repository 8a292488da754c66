package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// mediaType is that of every body (TAXII 2.1 §1.6.8).
const mediaType = "application/taxii+json;version=2.1"

// redirectsMost is how many redirects are followed.
const redirectsMost = 5

var errRedirect = errors.New("the server redirects")

// request is one question. read takes the body of the answer, which is bounded;
// it is called again when the request is made again.
type request struct {
	method string
	url    *url.URL
	body   []byte
	read   func(header http.Header, body io.Reader) error
}

// do makes a request until it is answered, or not worth making again.
func (c *Client) do(ctx context.Context, r *request) error {
	if !c.ours(r.url) {
		return fmt.Errorf("%s is not on %s://%s: credentials go nowhere else; to use it, give it as the URL", r.url.Redacted(), c.base.Scheme, c.base.Host)
	}
	for failures := 1; ; failures++ {
		err := c.attempt(ctx, r)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s %s: %w", r.method, r.url, ctx.Err())
		}
		pause, again := c.retryIn(err, failures)
		if !again {
			return err
		}
		c.notice("%v; trying again in %v", err, pause.Round(time.Second/10))
		if err := c.opts.Wait(ctx, pause); err != nil {
			return fmt.Errorf("%s %s: %w", r.method, r.url, err)
		}
	}
}

func (c *Client) attempt(ctx context.Context, r *request) (err error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.url.String(), body)
	if err != nil {
		return fmt.Errorf("asking %s: %w", r.url, err)
	}
	req.Header.Set("Accept", mediaType)
	req.Header.Set("User-Agent", c.opts.UserAgent)
	if r.body != nil {
		req.Header.Set("Content-Type", mediaType)
	}
	if c.auth != "" {
		req.Header.Set("Authorization", c.auth)
	}
	res, err := c.http.Do(req)
	switch {
	case errors.Is(err, errRedirect):
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer res.Body.Close() //nolint:errcheck // what was read is judged by itself
	c.answered.Store(true)
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return c.refusal(res, time.Now())
	}
	if what := unlikeTAXII(res.Header.Get("Content-Type")); what != "" {
		return &ServerError{URL: r.url.String(), What: what}
	}
	in := &bounded{in: res.Body, left: c.opts.PageBytes}
	err = r.read(res.Header, in)
	switch {
	case err == nil:
		return nil
	case in.over:
		return &ServerError{URL: r.url.String(), What: fmt.Sprintf("the answer is larger than %d bytes; ask for fewer objects at once with a limit", c.opts.PageBytes)}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &ServerError{URL: r.url.String(), What: "the answer ends in the middle", err: fmt.Errorf("%w: %w", ErrUnreachable, err)}
	case in.err != nil:
		return fmt.Errorf("%s: %w: %w", r.url, ErrUnreachable, in.err)
	}
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) { // whose text quotes names that stand in the answer
		err = fmt.Errorf("it is no valid JSON at byte %d", syntax.ByteOffset)
	}
	return &ServerError{URL: r.url.String(), What: "the answer is not TAXII 2.1", err: err}
}

// unlikeTAXII says why a body of this type is not even tried. Servers that call
// their JSON by another name are understood.
func unlikeTAXII(contentType string) string {
	switch kind, _, _ := mime.ParseMediaType(contentType); {
	case strings.Contains(kind, "html"):
		return "this is a web page, not TAXII"
	case kind == "application/vnd.oasis.taxii+json", kind == "application/vnd.oasis.stix+json":
		return "the server speaks TAXII 2.0, not 2.1"
	case strings.Contains(kind, "xml"):
		return "the server answers XML, as TAXII 1 does, not TAXII 2.1"
	}
	return ""
}

// ours tells whether a URL is of the scheme, host and port that may have the
// credentials.
func (c *Client) ours(u *url.URL) bool {
	return u.Scheme == c.base.Scheme && strings.EqualFold(u.Hostname(), c.base.Hostname()) && port(u) == port(c.base)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

// redirect follows within the server only: elsewhere neither credentials nor
// what is asked for is anyone's business.
func (c *Client) redirect(req *http.Request, via []*http.Request) error {
	switch {
	case len(via) > redirectsMost:
		return fmt.Errorf("%w more than %d times", errRedirect, redirectsMost)
	case !c.ours(req.URL):
		return fmt.Errorf("%w to %s://%s, which is not followed: if that is the right server, give its URL", errRedirect, req.URL.Scheme, req.URL.Host)
	case req.Method != via[0].Method:
		return fmt.Errorf("%w what was to be added: give the URL that it points to, %s", errRedirect, req.URL.Redacted())
	}
	return nil
}

// bounded ends a body that is too large.
type bounded struct {
	in   io.Reader
	left int64
	over bool
	err  error // of in, unless io.EOF
}

var errTooLarge = errors.New("too large")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		// One byte more tells a body of just this size from a larger one.
		n, err := b.in.Read(make([]byte, 1))
		if n > 0 {
			b.over = true
			return 0, errTooLarge
		}
		return 0, err
	}
	n, err := b.in.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}
