package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/policy"
)

// initCluster prepares the first node of several, and what the others join with.
func initCluster(cmd *cobra.Command, l *layered, cfg broker.Config, first *policy.Region, source []byte, nodes []string) error {
	if len(nodes) == 0 {
		return usage(cmd, errors.New("name three or five nodes with --node NAME=HOST:PORT, this one first"))
	}
	var err error
	if cfg.Cluster, err = broker.ClusterOf(nodes); err != nil {
		return usage(cmd, fmt.Errorf("--node: %w", err))
	}
	file, err := cmd.Flags().GetString("code-file")
	if err != nil {
		return err
	}
	if err := setCluster(l, &cfg); err != nil {
		return err
	}
	code, err := broker.InitCluster(cfg, first, "")
	if err != nil {
		return fmt.Errorf("preparing %s: %w", cfg.Data, err)
	}
	if file != "" {
		if err := os.WriteFile(file, []byte(code+"\n"), 0o600); err != nil {
			return fmt.Errorf("keeping the code of the join files: %w", err)
		}
	}
	if err := keepForTheRecord(l, source); err != nil {
		return err
	}
	say(cmd, "%s is prepared as node %s. Settings are in %s.", cfg.Data, cfg.Cluster.Node, filepath.Join(cfg.Data, configFileName))
	say(cmd, "\nTake %s offline now, to a safe place:\nit is the root of every key here, and no node ever reads it.", operatorKey(&cfg))
	say(cmd, "\nBring each of these to its own machine, and remove it here:\n")
	t := newTable(cmd)
	all, err := cfg.AllNodes()
	if err != nil {
		return err
	}
	for _, n := range all {
		if n.Name != cfg.Cluster.Node {
			t.row("  "+filepath.Join(cfg.Data, "join", n.Name+".join"), "# there: selat hub join "+n.Name+".join --data FOLDER")
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	if file == "" {
		say(cmd, "\nThis code opens them, and is told nowhere else:\n\n  %s", code)
	} else {
		say(cmd, "\nThe code that opens them is in %s.", file)
	}
	say(cmd, "\nThen run `selat hub` on each; two of %d are a hub.", len(all))
	return nil
}

// setCluster puts the settings of a cluster into what the configuration file will say.
func setCluster(l *layered, cfg *broker.Config) error {
	const from = "this node"
	nodes := make([]any, len(cfg.Cluster.Nodes))
	for i, n := range cfg.Cluster.Nodes {
		nodes[i] = n
	}
	for key, v := range map[string]any{
		"cluster.node": cfg.Cluster.Node, "cluster.listen": cfg.Cluster.Listen, "cluster.nodes": nodes,
		"name": cfg.Name, "advertise": cfg.Advertise, "store.encrypt": fmt.Sprint(cfg.Store.Encrypt),
	} {
		if s, ok := v.(string); ok && s == l.values.String(key) {
			continue
		}
		if key == "store.encrypt" && cfg.Store.Encrypt == l.config.Store.Encrypt {
			continue
		}
		if err := l.set(key, v, from); err != nil {
			return err
		}
	}
	return nil
}

func newHubJoinCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "join FILE",
		Short: "Prepare a further node of a cluster",
		Long: `Prepares a data folder as a further node, with the join file that "selat init
--cluster" made for it and the code that opens it. The code is read from
--code-file, or from standard input.`,
		Example: `  selat hub join b.join --data /var/lib/selat`,
		Args:    arguments("FILE"),
		RunE:    runHubJoin,
	}
	configFlags(cmd, true)
	cmd.Flags().String("code-file", "", "file of mode 0600 with the code (default: standard input)")
	return cmd
}

func runHubJoin(cmd *cobra.Command, args []string) error {
	l, err := loadLayers(cmd.Flags())
	if err != nil {
		return err
	}
	code, err := readJoinCode(cmd)
	if err != nil {
		return err
	}
	f, err := os.Open(args[0])
	if err != nil {
		return fmt.Errorf("opening the join file: %w", err)
	}
	defer f.Close() //nolint:errcheck // it is only read
	cfg, err := broker.Join(l.config, f, code)
	if err != nil {
		return fmt.Errorf("preparing %s: %w", l.config.Data, err)
	}
	if err := setCluster(l, &cfg); err != nil {
		return err
	}
	if err := keepForTheRecord(l, nil); err != nil {
		return err
	}
	say(cmd, "%s is prepared as node %s. Settings are in %s.", cfg.Data, cfg.Cluster.Node, filepath.Join(cfg.Data, configFileName))
	say(cmd, "Remove %s; then: selat hub --data %s", args[0], cfg.Data)
	return nil
}

func readJoinCode(cmd *cobra.Command) (string, error) {
	file, err := cmd.Flags().GetString("code-file")
	if err != nil {
		return "", err
	}
	if file != "" {
		b, err := broker.ReadSecret(file)
		if err != nil {
			return "", fmt.Errorf("reading the code: %w", err)
		}
		return strings.TrimSpace(string(b)), nil
	}
	if isTerminal(cmd.ErrOrStderr()) {
		fmt.Fprint(cmd.ErrOrStderr(), "code of the join file: ")
	}
	var code string
	if _, err := fmt.Fscan(cmd.InOrStdin(), &code); err != nil {
		return "", usage(cmd, errors.New("give the code that opens the join file on standard input, or name its file with --code-file"))
	}
	return code, nil
}
