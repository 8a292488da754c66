package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/client"
)

// seatFlags gives a command what it needs to act as a seat.
func seatFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.String("creds", "", "credentials file of the seat (default: $SELAT_CREDS)")
	f.String("hub", "", "URL of the hub, such as tls://hub.example:4222 (default: as in the credentials)")
	f.Bool("verbose", false, "tell on standard error what the connection does")
}

// seatCreds is the credentials file of the seat.
func seatCreds(cmd *cobra.Command) (string, error) {
	creds, err := cmd.Flags().GetString("creds")
	if err != nil {
		return "", err
	}
	if creds == "" {
		creds = os.Getenv("SELAT_CREDS")
	}
	if creds == "" {
		return "", usage(cmd, errors.New("name the seat's credentials file with --creds FILE, or in SELAT_CREDS"))
	}
	return creds, nil
}

// asSeat connects as the seat whose credentials the command was given. Trouble
// with the connection is told on standard error.
func asSeat(ctx context.Context, cmd *cobra.Command, wait bool) (*client.Client, error) {
	creds, err := seatCreds(cmd)
	if err != nil {
		return nil, err
	}
	hub, err := cmd.Flags().GetString("hub")
	if err != nil {
		return nil, err
	}
	logger, err := seatLogger(cmd)
	if err != nil {
		return nil, err
	}
	c, err := client.Connect(ctx, client.Options{CredsFile: creds, URL: hub, Name: "selat " + cmd.Name(), Logger: logger, Wait: wait})
	return c, seatError(err)
}

func seatLogger(cmd *cobra.Command) (*slog.Logger, error) {
	verbose, err := cmd.Flags().GetBool("verbose")
	if err != nil {
		return nil, err
	}
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level})), nil
}

// seatError gives an error of the client its exit code and a hint.
func seatError(err error) error {
	switch {
	case errors.Is(err, client.ErrUnreachable):
		return &exitError{exitUnreachable, withHint(err, "is the hub running, and is its address right? --hub URL names another")}
	case errors.Is(err, client.ErrUnauthorized):
		return withHint(err, "ask the hub's team to look with `selat seat list`; `selat seat rotate` makes new credentials")
	case errors.Is(err, client.ErrStateInUse):
		return withHint(err, "end the other `selat subscribe`, or name another folder with --state")
	}
	return err
}

// unreachable is err with the exit code of a hub that does not answer, when
// that is what the end of the patience means.
func unreachable(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", client.ErrUnreachable, err)
	}
	return seatError(err)
}
