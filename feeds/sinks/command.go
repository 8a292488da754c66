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

	"github.com/mattn/go-shellwords"
	"go.yaml.in/yaml/v3"
)

// commandTimeout bounds a check or reload: a consumer that hangs must not hold up
// what leaves a file.
const commandTimeout = 2 * time.Minute

// Command is a program with its arguments, in which {} stands for a path and {tmp}
// for a folder of mode 0700 that is there while it runs. In the configuration it is
// a list, or a text in which quotes and backslashes keep together what belongs
// together.
type Command []string

// UnmarshalYAML reads it.
func (c *Command) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		for _, arg := range n.Content {
			if arg.Kind != yaml.ScalarNode {
				return fmt.Errorf("line %d: each part of a command is a text: write {} in quotes", arg.Line)
			}
		}
		return n.Decode((*[]string)(c))
	}
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: a command is a text or a list: write {} in quotes", n.Line)
	}
	words, err := split(n.Value)
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	*c = words
	return nil
}

// split is as a shell splits, and refuses what only a shell would carry out.
func split(command string) (Command, error) {
	p := shellwords.NewParser()
	words, err := p.Parse(command)
	if err != nil {
		return nil, fmt.Errorf("the command %q has a quote or bracket that is not closed", command)
	}
	if p.Position >= 0 {
		return nil, fmt.Errorf("the command %q has one of ; & | < > outside quotes, and no shell runs it: quote that, or write sh -c '...'", command)
	}
	return words, nil
}

// runCommand runs a command without a shell, path standing where it has {}.
func runCommand(ctx context.Context, command Command, path string) (err error) {
	ctx, done := context.WithTimeout(ctx, commandTimeout)
	defer done()
	args := slices.Clone(command)
	dir := ""
	if slices.ContainsFunc(args, func(arg string) bool { return strings.Contains(arg, "{tmp}") }) {
		// What a program leaves there may quote what it looked at.
		if dir, err = os.MkdirTemp("", "selat-command-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	for i := range args {
		args[i] = strings.NewReplacer("{}", path, "{tmp}", dir).Replace(args[i])
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
