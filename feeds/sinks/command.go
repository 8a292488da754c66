package sinks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// commandTimeout bounds a check or reload: a consumer that hangs must not hold up
// what leaves a file.
const commandTimeout = 2 * time.Minute

// runCommand runs a command without a shell, {} standing for a path.
func runCommand(ctx context.Context, command []string, path string) error {
	ctx, done := context.WithTimeout(ctx, commandTimeout)
	defer done()
	args := slices.Clone(command)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "{}", path)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		// What it says may quote the file, which may be above CLEAR: its length
		// and the command's exit are told, and whoever runs it sees the rest.
		return fmt.Errorf("%s: %w (%d bytes of output; run it by hand to see them)", args[0], err, said.Len())
	}
	return nil
}

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
