package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/broker/profile"
)

// noProfile begins with an empty directory.
const noProfile = "none"

func newInitCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Prepare a hub's data folder",
		Long: `Prepares a data folder: keys, an administrator's credentials, and the
directory of members and communities that the hub begins with. A profile fills
it with a ready-made region; read one with --print-profile, save it, change it,
and give its path instead of its name.`,
		Example: `  selat init --profile asean
  selat init --print-profile asean > mine.yaml
  selat init --data /var/lib/selat --profile mine.yaml
  selat init --profile asean --cluster --node a=hub-a:6222 --node b=hub-b:6222 --node c=hub-c:6222
  selat init --profile asean --tls-self-signed hub.example --listen 0.0.0.0:4222 --taxii-listen 0.0.0.0:7423`,
		Args: arguments(),
		RunE: runInit,
	}
	configFlags(cmd, true)
	cmd.Flags().String("profile", noProfile, "region to begin with: "+strings.Join(profile.Names(), ", ")+", the path of a YAML file, or none")
	cmd.Flags().StringSlice("tls-self-signed", nil, "names of the hub: make it an authority of its own and a certificate for them")
	cmd.MarkFlagsMutuallyExclusive("tls-self-signed", "tls-cert")
	cmd.Flags().String("print-profile", "", "print a ready-made profile and do nothing else")
	cmd.Flags().Bool("cluster", false, "prepare the first of the nodes that --node names, and what the others join with")
	cmd.Flags().StringArray("node", nil, "with --cluster, three or five times: NAME=HOST:PORT where the others reach a node; the first is this one")
	cmd.Flags().String("code-file", "", "with --cluster: keep the code that opens the join files in this file, instead of printing it")
	completeFlag(cmd, "profile", append(profile.Names(), noProfile)...)
	completeFlag(cmd, "print-profile", profile.Names()...)
	return cmd
}

func runInit(cmd *cobra.Command, _ []string) error {
	if cmd.Flags().Changed("print-profile") {
		return printProfile(cmd)
	}
	l, err := loadLayers(cmd.Flags())
	if err != nil {
		return err
	}
	first, source, err := chosenProfile(cmd)
	if err != nil {
		return err
	}
	names, err := cmd.Flags().GetStringSlice("tls-self-signed")
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("tls-self-signed") {
		if err := checkNames(names); err != nil {
			return usage(cmd, err)
		}
	}
	logger, err := newLogger(cmd, broker.Logging{Level: "warn", Format: l.config.Log.Format})
	if err != nil {
		return err
	}
	cfg := l.config
	cfg.TLS = broker.TLS{} // nothing listens yet, and the certificate may come later
	nodes, err := cmd.Flags().GetStringArray("node")
	if err != nil {
		return err
	}
	if many, err := cmd.Flags().GetBool("cluster"); err != nil {
		return err
	} else if many {
		return initCluster(cmd, l, cfg, first, source, nodes)
	}
	if err := broker.Init(cmd.Context(), cfg, first, logger); err != nil {
		return fmt.Errorf("preparing %s: %w", cfg.Data, err)
	}
	if len(names) > 0 {
		a, err := selfSigned(cfg.Data, names)
		if err != nil {
			return err
		}
		if err := useSelfSigned(l, a, names); err != nil {
			return err
		}
		if l.file != "" {
			say(cmd, "Set tls.cert, tls.key and tls.ca in %s, which wins here, to %s, %s and %s.", l.file, a.path(fileHubCert), a.path(fileHubKey), a.path(fileAuthCert))
		}
	}
	if err := keepForTheRecord(l, source); err != nil {
		return err
	}
	return nextSteps(cmd, l, first)
}

func printProfile(cmd *cobra.Command) error {
	name, err := cmd.Flags().GetString("print-profile")
	if err != nil {
		return err
	}
	b, err := profile.Source(name)
	if err != nil {
		return err
	}
	_, err = cmd.OutOrStdout().Write(b)
	return err
}

// chosenProfile returns the region to begin with, nil for an empty one, and
// the text it was read from.
func chosenProfile(cmd *cobra.Command) (*policy.Region, []byte, error) {
	name, err := cmd.Flags().GetString("profile")
	if err != nil || name == noProfile {
		return nil, nil, err
	}
	p, err := profile.Load(name)
	if err != nil {
		return nil, nil, err
	}
	source, err := profile.Source(name)
	if err != nil {
		if source, err = os.ReadFile(name); err != nil {
			return nil, nil, fmt.Errorf("reading a profile: %w", err)
		}
	}
	return p.Region(time.Now().UTC()), source, nil
}

// keepForTheRecord leaves in the folder the profile it began with, and a
// configuration to edit where there is none.
func keepForTheRecord(l *layered, source []byte) error {
	if source != nil {
		if err := os.WriteFile(filepath.Join(l.config.Data, "profile.yaml"), source, 0o644); err != nil {
			return fmt.Errorf("keeping the profile: %w", err)
		}
	}
	f, err := os.OpenFile(filepath.Join(l.config.Data, configFileName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	_, err = f.Write(commentedConfig(l))
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	return nil
}

func operatorKey(cfg *broker.Config) string {
	return filepath.Join(cfg.Data, "keys", "operator.nk")
}

func nextSteps(cmd *cobra.Command, l *layered, first *policy.Region) error {
	data := ""
	if l.from["data"] != "default" {
		data = " --data " + l.config.Data
	}
	say(cmd, "%s is prepared. Settings are in %s.", l.config.Data, filepath.Join(l.config.Data, configFileName))
	if first == nil {
		say(cmd, "It has no members yet.")
	} else {
		say(cmd, "It begins with %s and %s; nobody has a seat yet.", counted(len(first.Members), "member"), counted(len(first.Communities), "community"))
	}
	say(cmd, "\nTake %s offline now, to a safe place:", operatorKey(&l.config))
	say(cmd, "it is the root of every key here, and the hub never reads it.\n\nThen:")
	t := newTable(cmd)
	t.row("  selat hub"+data, "# run the hub")
	if l.from["tls.cert"] == fromSelfSigned && first != nil {
		m := exampleMember(first)
		t.row("  selat member invite "+m+data, "# prints a code for the member's side")
		t.row("  selat enrol CODE", "# there: writes "+m+"-feed.creds, all a daemon needs")
		t.row("  selat subscribe --creds "+m+"-feed.creds", "# receive")
		return t.flush()
	}
	if first == nil {
		t.row("  selat community add region"+data, "# where CLEAR and GREEN go by default")
		t.row("  selat member add sg --title SingCERT"+data, "# then: selat community join region sg")
		t.row("  selat seat add sg/feed"+data, "# writes sg-feed.creds, all a daemon needs")
		return t.flush()
	}
	m := exampleMember(first)
	t.row("  selat seat add "+m+"/feed"+data, "# writes "+m+"-feed.creds, all a daemon needs")
	t.row("  selat subscribe --creds "+m+"-feed.creds", "# receive")
	return t.flush()
}

// exampleMember is one that may publish.
func exampleMember(r *policy.Region) string {
	var names []string
	for name, m := range r.Members {
		if !m.ReceiveOnly {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "sg"
	}
	if slices.Contains(names, "sg") {
		return "sg"
	}
	return slices.Min(names)
}
