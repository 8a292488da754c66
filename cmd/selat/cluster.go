package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
)

func newClusterCmd() *cobra.Command {
	return newGroup("cluster", "Look after a hub of several nodes",
		`Three or five nodes are one hub: every object is on each of them, one leads, and
another takes over when that one is lost. Two of three go on by themselves.`,
		newClusterStatusCmd())
}

func newClusterStatusCmd() *cobra.Command {
	cmd := verb("status", "Show nodes, who leads, and which copies are in step", arguments(), func(ctx context.Context, cmd *cobra.Command, a *admin, _ []string) error {
		var s api.ClusterStatus
		if err := a.ask(ctx, "cluster.status", struct{}{}, &s); err != nil {
			return err
		}
		if wantsJSON(cmd) {
			if err := printJSON(cmd, s); err != nil {
				return err
			}
		} else if err := printCluster(cmd, &s); err != nil {
			return err
		}
		if why := outOfStep(&s); why != "" {
			return &exitError{exitPartly, errors.New(why)}
		}
		return nil
	})
	cmd.Long = `Shows each node, whether it leads, and how many messages its catalogue is behind;
and of each stream which node's copy leads, how many copies are in step, and by how
many operations the last one lags. The inboxes of RED are one line.

Exit code: 0 every node and copy is in step, 3 some are not, 5 no node that leads
answers.`
	return cmd
}

func printCluster(cmd *cobra.Command, s *api.ClusterStatus) error {
	t := newTable(cmd, "NODE", "PART", "VERSION", "BEHIND", "READY")
	for i := range s.Nodes {
		n := &s.Nodes[i]
		part, ready := "follows", "yes"
		if n.Leads {
			part = "leads"
		}
		if n.NotReady != "" {
			ready = n.NotReady
		}
		if !n.Answers {
			part, ready = "-", "does not answer"
		}
		t.row(n.Node, part, cmp.Or(n.Version, "-"), fmt.Sprint(n.Behind), ready)
	}
	if err := t.flush(); err != nil {
		return err
	}
	say(cmd, "")
	t = newTable(cmd, "STREAM", "LEADER", "IN STEP", "LAG")
	for _, r := range s.Streams {
		t.row(r.Stream, cmp.Or(r.Leader, "-"), fmt.Sprintf("%d of %d", r.InStep, r.Replicas), fmt.Sprint(r.Lag))
	}
	return t.flush()
}

// outOfStep says what is not as it should be, "" if nothing.
func outOfStep(s *api.ClusterStatus) string {
	var nodes, streams []string
	for i := range s.Nodes {
		if n := &s.Nodes[i]; !n.Answers || n.NotReady != "" {
			nodes = append(nodes, n.Node)
		}
	}
	for i := range s.Streams {
		if r := &s.Streams[i]; r.InStep < r.Replicas {
			streams = append(streams, r.Stream)
		}
	}
	switch {
	case len(nodes) > 0:
		return "not ready: " + strings.Join(nodes, ", ")
	case len(streams) > 0:
		return "copies are out of step: " + strings.Join(streams, ", ")
	}
	return ""
}

func newHubDrainCmd() *cobra.Command {
	cmd := verb("drain NODE", "Have a node of a cluster end, for maintenance", arguments("NODE"), func(ctx context.Context, cmd *cobra.Command, a *admin, args []string) error {
		var done api.Done
		if err := a.ask(ctx, "hub.drain", api.NodeNamed{Node: args[0]}, &done); err != nil {
			return err
		}
		if !wantsJSON(cmd) {
			say(cmd, "Node %s answers what it has in hand, hands over, and ends.", args[0])
		}
		return nil
	})
	cmd.Long = `Has a node answer what it has in hand, hand over what it leads, and end. Seats
that are connected to it go on at another. Start it again, with a newer program if
you like, and wait until "selat cluster status" shows it in step before you drain
the next one.`
	return cmd
}
