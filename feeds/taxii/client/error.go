package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrUnreachable is in errors of a server that does not answer, or answers only
// that it cannot now.
var ErrUnreachable = errors.New("the server does not answer")

// Error is a server's refusal of a request, with what it says about it
// (TAXII 2.1 §3.6.1).
type Error struct {
	Method, URL string
	Status      int // of HTTP
	// What the server said, as far as it did; each is cut to a few hundred bytes.
	Title, Description, ErrorID, ErrorCode string
	// RetryAfter is how long the server asks to be left alone; 0 if it does not.
	RetryAfter time.Duration
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s %s: the server answers %d", e.Method, e.URL, e.Status)
	if text := http.StatusText(e.Status); text != "" {
		s += " " + text
	}
	if e.Title != "" && e.Title != http.StatusText(e.Status) {
		s += ": " + e.Title
	}
	if e.Description != "" {
		s += ": " + e.Description
	}
	if e.ErrorCode != "" {
		s += " (code " + e.ErrorCode + ")"
	}
	if e.ErrorID != "" {
		s += " (error " + e.ErrorID + ")"
	}
	return s
}

// Is makes a server that cannot answer now an unreachable one.
func (e *Error) Is(target error) bool { return target == ErrUnreachable && passing(e.Status) }

// ServerError is an answer that is not what TAXII 2.1 asks for.
type ServerError struct {
	URL  string
	What string // in words that can be sent to whoever runs the server
	err  error
}

func (e *ServerError) Error() string {
	s := fmt.Sprintf("%s: %s", e.URL, e.What)
	if e.err != nil {
		s += ": " + e.err.Error()
	}
	return s
}

func (e *ServerError) Unwrap() error { return e.err }

const (
	errorBytes = 64 << 10 // read of the body of an error
	saidBytes  = 400      // kept of each of its texts
)

// refusal reads the answer to a request that was not granted.
func (c *Client) refusal(res *http.Response, now time.Time) *Error {
	e := &Error{Method: res.Request.Method, URL: res.Request.URL.String(), Status: res.StatusCode,
		RetryAfter: retryAfter(res.Header.Get("Retry-After"), now)}
	body, err := io.ReadAll(io.LimitReader(res.Body, errorBytes))
	if kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil || strings.Contains(kind, "html") {
		return e // a page for people says nothing that fits into a line
	}
	// Servers differ in the types of these, so none is insisted on.
	var said map[string]json.RawMessage
	if json.Unmarshal(bytes.TrimSpace(body), &said) != nil {
		return e
	}
	e.Title, e.Description = c.said(said["title"]), c.said(said["description"])
	e.ErrorID, e.ErrorCode = c.said(said["error_id"]), c.said(said["error_code"])
	return e
}

// said is a text of the server: on one line, short, without secrets.
func (c *Client) said(raw json.RawMessage) string {
	var s string
	var n json.Number
	switch {
	case json.Unmarshal(raw, &s) == nil:
	case json.Unmarshal(raw, &n) == nil:
		s = n.String()
	}
	return short(c.hide(strings.Join(strings.Fields(s), " ")))
}

func short(s string) string {
	if len(s) <= saidBytes {
		return s
	}
	s = s[:saidBytes]
	for !utf8.ValidString(s) && len(s) > saidBytes-utf8.UTFMax {
		s = s[:len(s)-1]
	}
	return s + "..."
}

// retryAfter reads the header of that name: seconds, or a date (RFC 9110 §10.2.3).
func retryAfter(header string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(strings.TrimSpace(header)); err == nil {
		return time.Duration(min(max(n, 0), 1<<30)) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
