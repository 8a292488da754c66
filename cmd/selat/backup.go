package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/dustin/go-humanize"
	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/ops/backup"
)

func newBackupCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup DIR",
		Short: "Back up a running hub, encrypted and incremental",
		Long: `Copies a running hub into the folder DIR: every stream with its exact sequences,
the position of every durable, the directory, recalls and the orders they gave,
and the files of the hub's folder, keys included. Run it on the hub's machine, as
the hub's user: it reads the keys.

Everything is encrypted to the age recipients named, and cannot be read back by
this machine: make a key elsewhere with age-keygen and keep it apart from the
backups. What an earlier backup in DIR to the same recipients holds is not stored
again. A backup is there whole or not at all; one that is killed leaves the older
ones as they were, and the next goes on from its pieces.

Exit code: 0 the backup is made, 1 it is not, 5 the hub does not answer.`,
		Args: arguments("DIR"),
		RunE: runBackup,
	}
	configFlags(cmd, false)
	jsonFlag(cmd)
	cmd.Flags().String("hub", "", "URL of the hub (default: that of the hub running on the folder)")
	cmd.Flags().StringArray("recipient", nil, "age recipient (age1...) that can read the backup; may be repeated")
	cmd.Flags().StringArray("recipients-file", nil, "file of age recipients, one a line; may be repeated")
	cmd.AddCommand(newBackupListCmd(), newBackupVerifyCmd(), newBackupPruneCmd())
	return cmd
}

func runBackup(cmd *cobra.Command, args []string) error {
	to, err := backupRecipients(cmd)
	if err != nil {
		return err
	}
	cfg, err := loadConfig(cmd)
	if err != nil {
		return err
	}
	access, err := broker.OpenBackupAccess(&cfg)
	if errors.Is(err, fs.ErrNotExist) {
		return withHint(err, "name the hub's folder with --data")
	}
	if err != nil {
		return err
	}
	nc, err := connectBackup(cmd, &cfg, access)
	if err != nil {
		return err
	}
	defer nc.Close()
	show := newBackupProgress(cmd, "backing up")
	sum, err := backup.Take(cmd.Context(), &backup.Options{Dir: args[0], To: to, Data: cfg.Data, Access: access, Conn: nc, Program: cmd.Root().Version, Progress: show.tell})
	show.end()
	if err != nil {
		return fmt.Errorf("no backup was made: %w", err)
	}
	if wantsJSON(cmd) {
		return printJSON(cmd, sum)
	}
	say(cmd, "Backup %s is made: %s and %s in %s, %s on disk, %s of it new.", sum.ID, counted(int(sum.Messages), "message"),
		counted(sum.Durables, "durable"), counted(sum.Streams, "stream"), size(sum.Size), size(sum.New))
	if len(cfg.Store.KeyCommand) > 0 {
		say(cmd, "The key that store.key_command prints is not in it, and a restore does not need the same one.")
	}
	return nil
}

func backupRecipients(cmd *cobra.Command) (*backup.Recipients, error) {
	lines, err := cmd.Flags().GetStringArray("recipient")
	if err != nil {
		return nil, err
	}
	files, err := cmd.Flags().GetStringArray("recipients-file")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading the recipients: %w", err)
		}
		lines = append(lines, string(b))
	}
	if len(lines) == 0 {
		return nil, usage(cmd, errors.New("who can read the backup must be named: --recipient or --recipients-file"))
	}
	return backup.ParseRecipients(strings.Join(lines, "\n"))
}

func connectBackup(cmd *cobra.Command, cfg *broker.Config, access *broker.BackupAccess) (*nats.Conn, error) {
	at, err := hubURL(cmd, cfg)
	if err != nil {
		return nil, err
	}
	options := []nats.Option{
		nats.Name("selat backup"), nats.Timeout(adminDial), nats.NoReconnect(),
		nats.UserCredentialBytes(access.Creds), nats.CustomInboxPrefix(broker.BackupInbox),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // what fails says so itself
	}
	secure, err := adminTLS(at, cfg)
	if err != nil {
		return nil, err
	}
	if secure != nil {
		options = append(options, nats.Secure(secure))
	}
	nc, err := nats.Connect(at, options...)
	if err != nil {
		return nil, connectError(at, cfg, err)
	}
	return nc, nil
}

// identityFlag names who can read backups.
func identityFlag(cmd *cobra.Command) {
	cmd.Flags().String("identity", "", "file of the age identity that can read the backup, of mode 0600; - is standard input")
}

// backupIdentities is nil where none is named.
func backupIdentities(cmd *cobra.Command, required bool) ([]age.Identity, error) {
	file, err := cmd.Flags().GetString("identity")
	if err != nil {
		return nil, err
	}
	var b []byte
	switch {
	case file == "" && required:
		return nil, usage(cmd, errors.New("who reads the backup must be named: --identity"))
	case file == "":
		return nil, nil
	case file == "-":
		var in bytes.Buffer
		_, err = in.ReadFrom(cmd.InOrStdin())
		b = in.Bytes()
	default:
		b, err = broker.ReadSecret(file)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the identity: %w", err)
	}
	return backup.ParseIdentities(b)
}

// backupProgress tells a person who waits how far it is.
type backupProgress struct {
	cmd   *cobra.Command
	doing string
	live  bool
	last  time.Time
}

func newBackupProgress(cmd *cobra.Command, doing string) *backupProgress {
	return &backupProgress{cmd: cmd, doing: doing, live: isTerminal(cmd.ErrOrStderr()) && !wantsJSON(cmd)}
}

func (p *backupProgress) tell(at backup.Progress) {
	if !p.live || time.Since(p.last) < verifyEvery {
		return
	}
	p.last = time.Now()
	fmt.Fprintf(p.cmd.ErrOrStderr(), "\r\x1b[K%s: %d of %s, %s, %s, %s ", p.doing, at.Streams, counted(at.Of, "stream"), at.Stream, counted(int(at.Messages), "message"), size(at.Bytes))
}

func (p *backupProgress) end() {
	if p.live {
		fmt.Fprint(p.cmd.ErrOrStderr(), "\r\x1b[K")
	}
}

func size(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

func newBackupListCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list DIR",
		Short: "List the backups in a folder",
		Long: `Lists the backups in DIR, the oldest first: SIZE is what each takes on the disk,
OWN what only it holds and removing it would free. With an identity also what is
in each.

Exit code: 0, or 1 if one cannot be read.`,
		Args: arguments("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := backupIdentities(cmd, false)
			if err != nil {
				return err
			}
			all, err := backup.List(args[0], ids)
			if err != nil {
				return err
			}
			return printBackups(cmd, all)
		},
	}
	identityFlag(cmd)
	jsonFlag(cmd)
	return cmd
}

func printBackups(cmd *cobra.Command, all []backup.Listed) error {
	bad := 0
	t := newTable(cmd, "BACKUP", "BEGAN", "SIZE", "OWN", "STREAMS", "MESSAGES", "DURABLES", "WRONG")
	if wantsJSON(cmd) {
		if err := printJSON(cmd, all); err != nil {
			return err
		}
	}
	for i := range all {
		b := &all[i]
		if b.Wrong != "" {
			bad++
		}
		of := [3]string{}
		if b.Totals != nil {
			of = [3]string{fmt.Sprint(b.Totals.Streams), fmt.Sprint(b.Totals.Messages), fmt.Sprint(b.Totals.Durables)}
		}
		if !wantsJSON(cmd) {
			t.row(b.ID, b.Began.UTC().Format(time.RFC3339), size(b.Size), size(b.Own), of[0], of[1], of[2], b.Wrong)
		}
	}
	if !wantsJSON(cmd) {
		if err := t.flush(); err != nil {
			return err
		}
	}
	if bad > 0 {
		return fmt.Errorf("%s cannot be read", counted(bad, "backup"))
	}
	return nil
}

func newBackupVerifyCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify DIR [ID]",
		Short: "Read a whole backup and say what is wrong with it",
		Long: `Reads every piece of a backup, the newest unless ID names another, as a restore
would: decrypts it, holds it against what was stored and the manifest, which is
signed by the hub, and the manifest against itself.

A damaged piece may be removed: the next backup stores it again, if the hub still
has what it held.

Exit code: 0 nothing is wrong, 1 something is, or it could not be read.`,
		Args: cobra.MatchAll(cobra.MinimumNArgs(1), cobra.MaximumNArgs(2)),
		RunE: runBackupVerify,
	}
	identityFlag(cmd)
	jsonFlag(cmd)
	return cmd
}

func runBackupVerify(cmd *cobra.Command, args []string) error {
	ids, err := backupIdentities(cmd, true)
	if err != nil {
		return err
	}
	id := ""
	if len(args) > 1 {
		id = args[1]
	}
	show := newBackupProgress(cmd, "verifying")
	v, err := backup.Verify(cmd.Context(), args[0], id, ids, show.tell)
	show.end()
	if err != nil {
		return err
	}
	if wantsJSON(cmd) {
		if err := printJSON(cmd, v); err != nil {
			return err
		}
	} else {
		for _, w := range v.Wrong {
			say(cmd, "%s", w)
		}
		say(cmd, "Backup %s of hub %s: %s, %s and %s in %s were read.", v.ID, v.Account, counted(v.Pieces, "piece"),
			counted(int(v.Messages), "message"), counted(v.Durables, "durable"), counted(v.Streams, "stream"))
	}
	if len(v.Wrong) > 0 {
		return fmt.Errorf("backup %s is damaged: %s", v.ID, counted(len(v.Wrong), "fault"))
	}
	if !wantsJSON(cmd) {
		say(cmd, "Nothing is wrong with it.")
	}
	return nil
}

func newBackupPruneCmd() *cobra.Command {
	var keep backup.Keep
	var dry bool
	cmd := &cobra.Command{
		Use:   "prune DIR",
		Short: "Remove older backups, and what only they hold",
		Long: `Removes the backups that none of the rules keeps, and every piece that no backup
needs. Days and weeks are those of UTC; the newest backup always stays. What was
recalled stays readable in backups made before, until they are pruned.

Exit code: 0, or 1 if something could not be removed.`,
		Args: arguments("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if keep == (backup.Keep{}) {
				return usage(cmd, errors.New("what to keep must be said: --keep-last, --keep-daily or --keep-weekly"))
			}
			if keep.Last < 0 || keep.Daily < 0 || keep.Weekly < 0 {
				return usage(cmd, errors.New("no fewer than 0 can be kept"))
			}
			p, err := backup.Prune(args[0], keep, dry)
			if err != nil {
				return err
			}
			return printPruned(cmd, p, dry)
		},
	}
	cmd.Flags().IntVar(&keep.Last, "keep-last", 0, "how many of the newest backups stay")
	cmd.Flags().IntVar(&keep.Daily, "keep-daily", 0, "for how many days the newest backup of the day stays")
	cmd.Flags().IntVar(&keep.Weekly, "keep-weekly", 0, "for how many weeks the newest backup of the week stays")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be removed, and remove nothing")
	jsonFlag(cmd)
	return cmd
}

func printPruned(cmd *cobra.Command, p *backup.Pruned, dry bool) error {
	if wantsJSON(cmd) {
		return printJSON(cmd, p)
	}
	for _, id := range p.Removed {
		say(cmd, "%s", id)
	}
	done := "removed"
	if dry {
		done = "would be removed"
	}
	say(cmd, "%s %s, %s kept; %s free.", counted(len(p.Removed), "backup"), done, counted(len(p.Kept), "backup"), size(p.Freed))
	return nil
}
