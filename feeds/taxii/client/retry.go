package client

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"
)

const (
	retryBase = time.Second
	retryMost = time.Minute
	// patienceMost is the longest that a server's Retry-After is heeded; one
	// that asks for more is told as it is, for someone else to come back.
	patienceMost = 10 * time.Minute
)

// passing tells whether a status speaks of this moment only.
func passing(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// retryIn says whether a request that ended with err is worth making again, and
// when. All requests of TAXII may be made again: to add what is there already
// is a success.
func (c *Client) retryIn(err error, failures int) (time.Duration, bool) {
	if failures > c.opts.Retries {
		return 0, false
	}
	pause := min(retryBase<<min(failures-1, 10), retryMost)
	pause = pause*3/4 + rand.N(pause/2+1) // so that many clients do not come back at once
	var refused *Error
	var op *net.OpError
	var cert *tls.CertificateVerificationError
	var dns *net.DNSError
	switch {
	case errors.As(err, &refused):
		if !passing(refused.Status) || refused.RetryAfter > patienceMost {
			return 0, false
		}
		return max(pause, refused.RetryAfter), true
	case errors.As(err, &cert), errors.Is(err, errRedirect):
		return 0, false
	case errors.As(err, &dns), errors.As(err, &op) && op.Op == "dial":
		return pause, c.answered.Load() // a server never seen is more likely named wrongly
	}
	return pause, errors.Is(err, ErrUnreachable) || errors.Is(err, io.ErrUnexpectedEOF)
}

// wait returns early only with the error of ctx.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
