package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/ops/backup"
)

// restoreConfig is the configuration of a folder that was just restored.
func restoreConfig(cmd *cobra.Command) func() (broker.Config, error) {
	return func() (broker.Config, error) { return loadConfig(cmd) }
}

func newRestoreCmd() *cobra.Command {
	var replicas int
	var account, at string
	cmd := &cobra.Command{
		Use:   "restore DIR",
		Short: "Make a hub of a backup",
		Long: `Restores a backup, the newest unless --backup names another, into an empty folder
(--data), and holds what was restored against the backup. "selat hub" starts on
it: the hub builds its catalogue, takes durables from whoever has no right to them,
and erases whatever a recall covers. Recalls come from the newest backup of the
same hub in DIR, so that what was recalled after the backup does not come back.

What happened at the hub after the backup began is lost: publish again what was
acknowledged since, revoke again what was revoked since, and restore no hub beside
one that still runs.

Exit code: 0 the hub is restored, 1 it is not; then the folder is no hub.`,
		Args: arguments("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := backupIdentities(cmd, true)
			if err != nil {
				return err
			}
			data, err := cmd.Flags().GetString("data")
			if err != nil {
				return err
			}
			if data == "" {
				return usage(cmd, errors.New("the folder to restore into must be named: --data"))
			}
			show := newBackupProgress(cmd, "restoring")
			r, err := backup.Restore(cmd.Context(), &backup.RestoreOptions{Dir: args[0], ID: at, Identities: ids, Account: account, Data: data,
				Config: restoreConfig(cmd), Replicas: replicas, Progress: show.tell})
			show.end()
			if err != nil {
				return fmt.Errorf("the hub was not restored: %w", err)
			}
			return printRestored(cmd, r, data)
		},
	}
	configFlags(cmd, false)
	identityFlag(cmd)
	jsonFlag(cmd)
	cmd.Flags().StringVar(&at, "backup", "", "name of the backup (default: the newest)")
	cmd.Flags().StringVar(&account, "account", "", "public key of the hub that must have made it, as \"selat backup verify\" tells it")
	cmd.Flags().IntVar(&replicas, "replicas", 0, "how many nodes of a cluster hold each stream (default: as it was)")
	return cmd
}

func printRestored(cmd *cobra.Command, r *backup.Restored, data string) error {
	if wantsJSON(cmd) {
		return printJSON(cmd, r)
	}
	say(cmd, "Hub %s is restored as it was at %s: %s and %s in %s.", r.Account, r.Began.Format(time.RFC3339),
		counted(int(r.Messages), "message"), counted(r.Durables, "durable"), counted(r.Streams, "stream"))
	if r.Recalls != r.ID {
		say(cmd, "Recalls are those that backup %s knows.", r.Recalls)
	}
	say(cmd, "Start it with `selat hub --data %s`.", data)
	return nil
}
