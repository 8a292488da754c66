package main

import (
	"errors"
	"testing"

	"github.com/selat-hub/selat/broker/client"
)

func TestOnlyWhatTheHubSaidItHasIsASuccess(t *testing.T) {
	for name, c := range map[string]struct {
		sum  client.Summary
		code int
	}{
		"accepted":                     {client.Summary{Objects: 2, Accepted: 1, Duplicate: 1}, 0},
		"accepted, told in counts":     {client.Summary{Objects: 2, Accepted: 2, Untold: 2}, 0},
		"some refused":                 {client.Summary{Objects: 2, Accepted: 1, Refused: 1}, exitPartly},
		"some without an answer":       {client.Summary{Objects: 2, Accepted: 1, Unanswered: 1}, exitPartly},
		"all refused":                  {client.Summary{Objects: 2, Refused: 2}, exitRefused},
		"none accepted, none answered": {client.Summary{Objects: 2, Unanswered: 2}, exitRefused},
	} {
		err := publishEnd(&c.sum)
		var e *exitError
		if code := 0; errors.As(err, &e) {
			if code = e.code; code != c.code {
				t.Errorf("%s: ends with %d", name, code)
			}
		} else if c.code != 0 || err != nil {
			t.Errorf("%s: ends with %v", name, err)
		}
	}
	if publishEnd(&client.Summary{}) == nil {
		t.Error("an empty input is a success")
	}
}
