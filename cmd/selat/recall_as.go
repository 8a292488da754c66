package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
)

// recallWait is how long a recall may take: the hub erases before it answers.
const recallWait = 10 * time.Minute

// seatClient is what recalling needs of a seat's connection.
type seatClient interface {
	Recall(ctx context.Context, r api.RecallRequest) (*api.Recalled, error)
	RecallStatus(ctx context.Context, id string) (*api.RecallStatuses, error)
}

// asRecaller does one of two things: as the hub's administrator for an origin, or
// without one as a seat.
func asRecaller(cmd *cobra.Command, origin string, asAdmin func(context.Context, *admin) error, seat func(context.Context, seatClient) error) error {
	if origin != "" {
		return withAdmin(cmd, asAdmin)
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), recallWait)
	defer cancel()
	within, done := context.WithTimeout(ctx, askWait)
	defer done()
	c, err := asSeat(within, cmd, false)
	if err != nil {
		return err
	}
	defer c.Close()
	return unreachable(seat(ctx, c))
}

// notEnd is an error of reading, but for the end of the input.
func notEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
