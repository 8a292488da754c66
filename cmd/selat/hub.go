package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/feeds/enrol"
	"github.com/selat-hub/selat/feeds/lookup"
	"github.com/selat-hub/selat/feeds/taxii"
	"github.com/selat-hub/selat/ops"
)

func newHubCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hub",
		Short: "Run the hub",
		Long: `Runs the hub on a folder that "selat init" prepared, until SIGINT or SIGTERM.
It recovers by itself what a crash left, and says what it recovered. When it is
open it prints one line on standard output, for scripts:

  ready URL HTTP-URL TAXII-URL

A listener that is off has - in place of its URL. Everything else goes to standard error.`,
		Args: arguments(),
		RunE: runHub,
	}
	configFlags(cmd, true)
	cmd.AddCommand(newHubJoinCmd(), newHubDrainCmd())
	return cmd
}

func runHub(cmd *cobra.Command, _ []string) error {
	l, err := loadLayers(cmd.Flags())
	if err != nil {
		return err
	}
	logger, err := newLogger(cmd, l.config.Log)
	if err != nil {
		return err
	}
	for {
		err := runOnce(cmd, l, logger)
		if !errors.Is(err, errDeposed) {
			return err
		}
		// Another node leads: this one begins anew, and follows.
	}
}

// errDeposed ends a node that led and leads no more.
var errDeposed = errors.New("another node leads")

// runOnce runs the hub until ctx ends, or another node leads in its place.
func runOnce(cmd *cobra.Command, l *layered, logger *slog.Logger) error {
	ctx := cmd.Context()
	h, err := broker.Start(ctx, l.config, logger)
	if err != nil {
		return fmt.Errorf("the hub does not start: %w", err)
	}
	err = serve(ctx, cmd, h, l, logger)
	if closeErr := h.Close(); closeErr != nil {
		err = errors.Join(err, fmt.Errorf("closing the hub: %w", closeErr))
	}
	if err == nil && l.config.Clustered() {
		fmt.Fprintln(cmd.ErrOrStderr(), "This node is closed; the others go on.")
		return nil
	}
	if err == nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "The hub is closed.")
	}
	return err
}

// serve keeps an open hub open until ctx ends.
func serve(ctx context.Context, cmd *cobra.Command, h *broker.Hub, l *layered, logger *slog.Logger) (err error) {
	feed, err := taxii.Serve(ctx, h, &l.config, logger, taxii.Beside{
		Label: "lookup", Prefix: "/api/",
		New: func(authenticate func(*http.Request) (string, error)) http.Handler {
			return lookup.NewHandler(h, authenticate, logger)
		},
	}, taxii.Beside{
		Label: "enrol", Prefix: api.EnrolPath, Open: true,
		New: func(authenticate func(*http.Request) (string, error)) http.Handler {
			return enrol.NewHandler(h, authenticate, logger)
		},
	})
	if err != nil {
		return fmt.Errorf("the hub does not start: opening its TAXII server: %w", err)
	}
	defer func() { err = errors.Join(err, feed.Close()) }()
	if feed.URL() != "" {
		if err := h.OpenEnrolment(feed.URL()); err != nil {
			logger.Error("there are no invitations until this is mended and the hub started anew", "error", err)
		}
	}
	web, err := ops.Serve(ctx, h, &l.config, logger, feed)
	if err != nil {
		return fmt.Errorf("the hub does not start: opening its HTTP listener: %w", err)
	}
	defer func() { err = errors.Join(err, web.Close()) }()
	note := filepath.Join(l.config.Data, hubURLFile)
	if err := writeHubURL(note, h.URL()); err != nil {
		return err
	}
	defer func() {
		if gone := os.Remove(note); gone != nil && !errors.Is(gone, os.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("taking back the note of where the hub is: %w", gone))
		}
	}()
	announce(cmd, h, l, web.URL(), feed.URL())
	select {
	case <-ctx.Done():
		fmt.Fprintln(cmd.ErrOrStderr(), "Closing the hub: submissions under way are answered first.")
		return nil
	case <-h.Drained():
		fmt.Fprintln(cmd.ErrOrStderr(), "This node is drained: what it has in hand is answered, then it ends.")
		return nil
	case <-h.Deposed():
		return errDeposed
	case <-h.Failed():
		return withHint(errors.New("the store failed to write, and the hub ends"), "the log says what failed; mend the disk and start the hub again: nothing accepted is lost")
	}
}

// announce tells people what was recovered and where the hub is, and scripts
// that it is open.
func announce(cmd *cobra.Command, h *broker.Hub, l *layered, httpURL, taxiiURL string) {
	out := cmd.ErrOrStderr()
	r := h.Recovered()
	fmt.Fprintf(out, "Opened %s in %s: %s in %s.\n", l.config.Data, r.Took.Round(time.Millisecond),
		counted(int(r.Messages), "message"), counted(r.Streams, "stream"))
	if r.Rebuilt != "" {
		fmt.Fprintf(out, "The index was made anew: %s.\n", r.Rebuilt)
	}
	if r.CaughtUp > 0 {
		fmt.Fprintf(out, "%s stored before the last stop entered the index now.\n", counted(r.CaughtUp, "object"))
	}
	if r.Missing > 0 {
		fmt.Fprintf(out, "%s that had been stored are gone: the store was damaged, or is an older copy. The log names the streams.\n", counted(int(r.Missing), "message"))
	}
	if r.Removed > 0 {
		fmt.Fprintf(out, "%s without entitlement removed.\n", counted(r.Removed, "durable"))
	}
	fmt.Fprintf(out, "Members connect to %s\n", h.URL())
	if httpURL != "" {
		fmt.Fprintf(out, "Health and metrics on %s\n", httpURL)
	}
	if taxiiURL != "" {
		fmt.Fprintf(out, "TAXII 2.1 on %s\n", taxiiURL)
	}
	if _, err := os.Stat(operatorKey(&l.config)); err == nil {
		fmt.Fprintf(out, "Still to do: take %s offline; the hub never reads it.\n", operatorKey(&l.config))
	}
	say(cmd, "ready %s %s %s", h.URL(), cmp.Or(httpURL, "-"), cmp.Or(taxiiURL, "-"))
}

// hubURLFile is where a running hub notes its address for the commands that
// administer it on the same machine.
const hubURLFile = "hub.url"

func writeHubURL(path, url string) error {
	f, err := os.CreateTemp(filepath.Dir(path), hubURLFile+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("noting where the hub is: %w", err)
	}
	_, err = f.WriteString(url + "\n")
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("noting where the hub is: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

func newLogger(cmd *cobra.Command, c broker.Logging) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return nil, fmt.Errorf("log.level: %q is none of debug, info, warn, error", c.Level)
	}
	o := &slog.HandlerOptions{Level: level}
	switch c.Format {
	case "text":
		return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), o)), nil
	}
	return nil, fmt.Errorf("log.format: %q is neither text nor json", c.Format)
}

// counted writes 1 object, 2 objects.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if s, ok := plurals[what]; ok {
		what = s
	} else {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

var plurals = map[string]string{"community": "communities", "identity": "identities"}
