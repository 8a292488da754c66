package sink

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/selat-hub/selat/stix"
)

var webhookFormat = Format{
	Name: "webhook", About: "a signed HTTP request for each event",
	Options: []Option{
		{Name: "url", Required: true, About: "where to post events: https, or http on this machine"},
		{Name: "secret-file", Required: true, About: "a file of mode 0600 with 16 characters or more, by which requests are signed"},
		{Name: "ca", About: "a file with the authority of the receiver's certificate; else those of the system"},
		{Name: "certificate", About: "a file with a certificate of our own, if the receiver asks for one"},
		{Name: "key", About: "the file with its key"},
		{Name: "timeout", Default: "10", About: "seconds for each request"},
		{Name: "tries", Default: "5", About: "how often a request is sent before the sink gives up until later"},
	},
	Stream: newWebhook,
}

// Headers of a webhook's request.
const (
	// SignatureHeader is t=SECONDS,v1=HEX: HMAC-SHA256 by the secret over the
	// seconds since 1970, a dot and the body. Receivers refuse old ones.
	SignatureHeader = "Selat-Signature"
	// IdempotencyHeader is the event's key: a receiver ignores one it knows.
	IdempotencyHeader = "Idempotency-Key"
)

type webhook struct {
	url    string
	secret []byte
	tries  int
	client *http.Client
	now    func() time.Time
	wait   func(context.Context, time.Duration) error
}

func newWebhook(s Settings) (Stream, error) {
	h := &webhook{url: s.text("url", ""), now: time.Now, wait: waitFor}
	u, err := url.Parse(h.url)
	if err != nil || u.Host == "" {
		return nil, errors.New("url: this is no absolute URL")
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost" && !ip.IsLoopback()) {
		return nil, errors.New("url: it must be https, or http on this machine")
	}
	if h.secret, err = readSecret(s.text("secret-file", "")); err != nil {
		return nil, err
	}
	tries, err := s.number("tries", 5, 1, 20)
	if err != nil {
		return nil, err
	}
	h.tries = int(tries)
	seconds, err := s.number("timeout", 10, 1, 600)
	if err != nil {
		return nil, err
	}
	config, err := tlsOf(s)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = config
	h.client = &http.Client{Transport: transport, Timeout: time.Duration(seconds) * time.Second, CheckRedirect: stay}
	return h, nil
}

// stay follows redirects on the same host only, and none that lose the body.
func stay(next *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case len(via) > 3:
		return errors.New("it redirects more than three times")
	case next.URL.Scheme != first.URL.Scheme || next.URL.Host != first.URL.Host:
		return errors.New("it redirects to another host, which is not followed: set url to where it is now")
	case next.Method != first.Method:
		return errors.New("it redirects in a way that loses the request: set url to where it is now")
	}
	return nil
}

func readSecret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("secret-file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("secret-file: others may read %s: chmod 600 it", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("secret-file: %w", err)
	}
	if b = bytes.TrimSpace(b); len(b) < 16 {
		return nil, fmt.Errorf("secret-file: %s has fewer than 16 characters", path)
	}
	return b, nil
}

// Tell posts the events one after another.
func (h *webhook) Tell(ctx context.Context, events []Event) error {
	for i, e := range events {
		err := h.deliver(ctx, e)
		var refused *Refusal
		if errors.As(err, &refused) {
			refused.Index = i
		}
		if err != nil {
			return fmt.Errorf("telling the webhook of %s: %w", e.Entry.ID, err)
		}
	}
	return nil
}

// deliver tries until the receiver takes the event, refuses it (a *Refusal), or
// tries are used up.
func (h *webhook) deliver(ctx context.Context, e Event) error {
	body, err := webhookBody(e)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		again, after, err := h.post(ctx, e, body)
		if err == nil || !again || try == h.tries || ctx.Err() != nil {
			return err
		}
		if after == 0 {
			after = time.Second << min(try-1, 6)
			after += rand.N(after / 2)
		}
		if err := h.wait(ctx, after); err != nil {
			return err
		}
	}
}

// webhookBody has the object's bytes in it as they were published, and leaves out
// what is not known of one that was recalled.
func webhookBody(e Event) ([]byte, error) {
	level := ""
	if e.Entry.Level != stix.NoLevel {
		level = e.Entry.Level.String()
	}
	head, err := json.Marshal(struct {
		Key      string    `json:"key"`
		Kind     EventKind `json:"kind"`
		At       time.Time `json:"at"`
		Origin   string    `json:"origin"`
		ID       string    `json:"id"`
		Type     string    `json:"type"`
		Version  string    `json:"version,omitempty"`
		Audience string    `json:"audience,omitempty"`
		TLP      string    `json:"tlp,omitempty"`
	}{e.Key, e.Kind, e.At.UTC(), e.Entry.Origin, e.Entry.ID, e.objectType(), e.Entry.Version, e.Entry.Audience, level})
	if err != nil {
		return nil, fmt.Errorf("writing the event: %w", err)
	}
	if len(e.Entry.Object) > 0 {
		head = append(head[:len(head)-1], `,"object":`...)
		head = append(append(head, e.Entry.Object...), '}')
	}
	return head, nil
}

// longestRetry is how long a receiver may have us wait at once.
const longestRetry = 5 * time.Minute

// post sends the event once. again says that another try may help, after says
// when the receiver wants it, 0 if it does not say.
func (h *webhook) post(ctx context.Context, e Event, body []byte) (again bool, after time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return false, 0, withoutURL(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "selat")
	request.Header.Set(IdempotencyHeader, headerText(e.Key))
	request.Header.Set(SignatureHeader, sign(h.secret, h.now(), body))
	response, err := h.client.Do(request)
	if err != nil {
		return response == nil, 0, withoutURL(err) // a redirect that was refused has one
	}
	defer response.Body.Close()
	// A connection is used again only when its answer was read.
	io.CopyN(io.Discard, response.Body, 64<<10)
	code := response.StatusCode
	switch {
	case code >= 200 && code < 300:
		return false, 0, nil
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code >= 500:
		return true, retryAfter(response.Header.Get("Retry-After"), h.now()), fmt.Errorf("it answers %s", statusText(code))
	}
	if slices.Contains(aboutTheEvent, code) {
		return false, 0, &Refusal{Status: statusText(code)}
	}
	return false, 0, fmt.Errorf("it answers %s", statusText(code))
}

// aboutTheEvent are answers that may be about this event alone. Any other says of the
// receiver, its address or its credentials that somebody has to put something right,
// and events wait for that.
var aboutTheEvent = []int{http.StatusBadRequest, http.StatusNotAcceptable, http.StatusConflict, http.StatusRequestEntityTooLarge,
	http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity}

// statusText is the status in the words of the registry: those of the receiver could
// be anything.
func statusText(code int) string {
	return strings.TrimSpace(strconv.Itoa(code) + " " + http.StatusText(code))
}

// withoutURL leaves out the URL, which may bear a token of the receiver's.
func withoutURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

func headerText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

func sign(secret []byte, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// retryAfter reads both forms of the header (RFC 9110 §10.2.3).
func retryAfter(s string, now time.Time) time.Duration {
	var after time.Duration
	if seconds, err := strconv.ParseUint(s, 10, 31); err == nil {
		after = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(s); err == nil {
		after = at.Sub(now)
	}
	return min(max(after, 0), longestRetry)
}

func waitFor(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Close closes idle connections.
func (h *webhook) Close() error {
	h.client.CloseIdleConnections()
	return nil
}
