package backup_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/ops/backup"
	"github.com/selat-hub/selat/stix"
)

var members = []string{"bn", "kh", "id", "la", "my", "mm", "ph", "sg", "th", "vn", "tl", "us"}

func TestARestoredHubIsTheHubThatWasBackedUp(t *testing.T) {
	s := newSite(t, members...)
	seats := make([]*seat, len(members))
	for i, m := range members {
		seats[i] = s.seat(m+"/feed", stix.Red)
	}
	sg := seats[7]
	next := atomic.Int64{}
	publish := func(to, level string, n int) { sg.publish(to, level, int(next.Add(int64(n)))-n, n) }
	for range 20 {
		publish("region", "clear", 50)
		publish("asean", "amber", 5)
	}
	publish("my,th", "red", 20)
	for i, p := range seats {
		p.read(3 + i)
	}
	region, err := json.Marshal(s.hub.Region())
	must(t, err)
	before := s.stored()

	// It goes on publishing and recalling while it is backed up.
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	load.Go(func() {
		for ctx.Err() == nil {
			publish("region", "clear", 7)
			ids := sg.publish("region", "green", int(next.Add(3))-3, 3)
			sg.recall(ids[1])
		}
	})
	sum := s.take()
	stop()
	load.Wait()
	after := s.stored()
	verified := s.verify(sum.ID)
	if len(verified.Wrong) > 0 {
		t.Fatalf("wrong: %v", verified.Wrong)
	}
	s.stop()
	must(t, os.RemoveAll(s.cfg.Data))

	r := s.restore("")
	got := r.stored()
	for stream, messages := range before.messages {
		for seq, m := range messages {
			if got.messages[stream][seq] != m {
				t.Errorf("message %d of %s was acknowledged before the backup began, and is not what it was:\n%s\n%s", seq, stream, m, got.messages[stream][seq])
			}
		}
	}
	for durable, at := range before.durables {
		stream, _, _ := strings.Cut(durable, " ")
		if len(before.messages[stream]) > 0 && got.durables[durable] != at {
			t.Errorf("durable %s: %s; it was: %s", durable, got.durables[durable], at)
		}
	}
	if len(got.durables) != len(before.durables) {
		t.Errorf("%d durables, not %d", len(got.durables), len(before.durables))
	}
	for _, held := range verified.Held {
		for seq, m := range got.messages[held.Name] {
			// What a recall erased meanwhile may stand in the backup's middle.
			if was, known := after.messages[held.Name][seq]; seq <= held.Last && known && was != m {
				t.Errorf("message %d of %s is another: %s", seq, held.Name, m)
			}
		}
		for seq := held.First; seq <= held.Last && seq > 0; seq++ {
			if was := after.messages[held.Name][seq]; was != "" && got.messages[held.Name][seq] != was {
				t.Errorf("message %d of %s lies within the backup and is not there", seq, held.Name)
			}
		}
	}
	restored, err := json.Marshal(r.hub.Region())
	must(t, err)
	if d := cmp.Diff(string(region), string(restored)); d != "" {
		t.Errorf("the directory: %s", d)
	}
	if v := r.verifyCatalogue(); v != "" {
		t.Errorf("the catalogue of the restored hub: %s", v)
	}
	rec := r.hub.Recovered()
	t.Logf("backup of %d messages, %d durables in %d streams: %d bytes in %s; the restored hub recovered %+v", sum.Messages, sum.Durables, sum.Streams, sum.Size, sum.Took, rec)
	if rec.Removed > 0 {
		t.Errorf("durables were taken away: %+v", rec)
	}
	// It is a hub that goes on.
	p := r.seat("sg/more", stix.Green)
	p.publish("region", "clear", 900_000, 3)
}

// verifyCatalogue says how the catalogue differs from the streams.
func (s *site) verifyCatalogue() string {
	s.t.Helper()
	for begin := true; ; begin = false {
		v := s.hub.VerifyCatalogue(begin)
		if v.Running {
			continue
		}
		if v.Error != "" || v.Wrong > 0 {
			return fmt.Sprint(v.Error, v.Differences)
		}
		return ""
	}
}

func TestASecondBackupStoresOnlyWhatIsNew(t *testing.T) {
	s := newSite(t, "sg", "my", "th")
	sg := s.seat("sg/feed", stix.Red)
	for i := range 60 {
		sg.publish("region", "clear", i*500, 500)
	}
	first := s.take()
	second := s.take()
	if second.New*5 > first.New {
		t.Errorf("nothing was new, and %d bytes were stored again after %d", second.New, first.New)
	}
	sg.publish("region", "clear", 100_000, 10)
	third := s.take()
	if third.New >= first.New {
		t.Errorf("ten objects were new, and %d bytes were stored again after %d", third.New, first.New)
	}
	sg.recall("domain-name--00000000-0000-4000-8000-000000000001")
	fourth := s.take()
	if fourth.New >= first.New {
		t.Errorf("one object was recalled, and %d bytes were stored again after %d", fourth.New, first.New)
	}
	t.Logf("%d bytes of messages: first %d, then nothing new %d, ten objects %d, a recall %d", first.Bytes, first.New, second.New, third.New, fourth.New)
	all, err := backup.List(s.dir, s.ids)
	must(t, err)
	if len(all) != 4 || all[3].Totals.Messages != fourth.Messages || all[0].Wrong != "" || all[0].ID != first.ID {
		t.Errorf("listed: %+v", all)
	}
	other, err := age.GenerateX25519Identity()
	must(t, err)
	if s.to, err = backup.ParseRecipients(other.Recipient().String()); err != nil {
		t.Fatal(err)
	}
	if fifth := s.take(); fifth.New != fifth.Size {
		t.Errorf("another recipient shares pieces with those before: %d of %d bytes are new", fifth.New, fifth.Size)
	}
	if _, err := backup.Verify(t.Context(), s.dir, "", s.ids, nil); err == nil {
		t.Error("who is no recipient reads the backup")
	}

	// Only the newest and the second of the first recipient's stay.
	p, err := backup.Prune(s.dir, backup.Keep{Last: 2}, false)
	must(t, err)
	if len(p.Removed) != 3 || p.Freed == 0 {
		t.Errorf("pruned: %+v", p)
	}
	if v := s.verify(fourth.ID); len(v.Wrong) > 0 {
		t.Errorf("after the prune: %v", v.Wrong)
	}
	if _, err := backup.Verify(t.Context(), s.dir, first.ID, s.ids, nil); !errors.Is(err, backup.ErrNoBackup) {
		t.Errorf("a pruned backup: %v", err)
	}
}

func TestWhatWasRecalledDoesNotComeBackAndNoRecallIsLost(t *testing.T) {
	s := newSite(t, "sg", "my", "th")
	sg, my := s.seat("sg/feed", stix.Red), s.seat("my/feed", stix.Red)
	ids := sg.publish("region", "green", 0, 30)
	my.read(10)
	sg.recall(ids[3])
	older := s.take()
	sg.recall(ids[7])
	s.take()
	s.stop()

	for _, id := range []string{"", older.ID} {
		r := s.restore(id)
		got := r.stored()
		for _, gone := range []string{ids[3], ids[7]} {
			if at := got.contains(gone); len(at) > 0 {
				t.Errorf("%s was recalled, and backup %q brings it back: %v", gone, id, at)
			}
			st, err := r.hub.RecallStatusAs(t.Context(), "sg", gone)
			must(t, err)
			if len(st.Recalls) != 1 || !st.Recalls[0].Erased {
				t.Errorf("the recall of %s in backup %q: %+v", gone, id, st)
			}
		}
		for i, kept := range ids {
			if i != 3 && i != 7 && len(got.contains(kept)) == 0 {
				t.Errorf("backup %q has lost %s, which stood beside what was recalled", id, kept)
			}
		}
		if v := r.verifyCatalogue(); v != "" {
			t.Errorf("the catalogue of the hub restored from backup %q: %s", id, v)
		}
		r.stop()
	}
}

func TestNeighboursOfWhatIsRecalledDuringABackupAreInIt(t *testing.T) {
	s := newSite(t, "sg", "my", "th")
	sg := s.seat("sg/feed", stix.Red)
	// More than the engine sends ahead, so that the end is read after the recall.
	noise := rand.New(rand.NewPCG(1, 2))
	sg.note = func() string {
		b := make([]byte, 15<<10)
		for i := range b {
			b[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[noise.IntN(64)]
		}
		return string(b)
	}
	var ids []string
	for i := range 40 {
		ids = sg.publish("region", "clear", i*30, 30)
	}
	was := s.stored().last["CTI_REGION_CLEAR"]
	o := s.options()
	recalled := false
	o.Progress = func(p backup.Progress) {
		if p.Stream == "CTI_REGION_CLEAR" && !recalled {
			recalled = true
			sg.recall(ids[29])
		}
	}
	sum, err := backup.Take(t.Context(), o)
	must(t, err)
	for _, held := range s.verify(sum.ID).Held {
		if held.Name == "CTI_REGION_CLEAR" && held.Last <= was {
			t.Errorf("the backup ends at message %d of %d: nothing was erased while it was made", held.Last, was)
		}
	}
	got := s.restore("").stored()
	if at := got.contains(ids[29]); len(at) > 0 {
		t.Errorf("it was recalled and is in %v", at)
	}
	for _, id := range ids[:29] {
		if len(got.contains(id)) == 0 {
			t.Errorf("%s stood beside it and is lost", id)
		}
	}
}

func TestOneBackupAtATime(t *testing.T) {
	s := newSite(t, "sg", "my", "th")
	o := s.options()
	var second error
	tried := false
	o.Progress = func(backup.Progress) {
		if !tried {
			tried = true
			_, second = backup.Take(t.Context(), s.options())
			if _, err := backup.Prune(s.dir, backup.Keep{Last: 1}, false); !errors.Is(err, backup.ErrBusy) {
				t.Errorf("a prune beside a backup: %v", err)
			}
		}
	}
	_, err := backup.Take(t.Context(), o)
	must(t, err)
	if !errors.Is(second, backup.ErrBusy) {
		t.Errorf("a second backup at the same time: %v", second)
	}
}

func TestABackupsCredentialsAreOfUseForNothingElse(t *testing.T) {
	s := newSite(t, "sg", "my", "th")
	s.seat("sg/feed", stix.Red).publish("region", "clear", 0, 3)
	o := s.options()
	before := s.stored()
	for _, subject := range []string{
		"cti.region.clear.sg.domain-name", "admin.member.list", "$JS.API.STREAM.DELETE.CTI_REGION_CLEAR", "$JS.API.STREAM.PURGE.CTI_REGION_CLEAR",
		"$JS.API.STREAM.MSG.DELETE.CTI_REGION_CLEAR", "$JS.API.STREAM.UPDATE.CTI_REGION_CLEAR", "$JS.API.STREAM.RESTORE.OTHER", "$JS.API.STREAM.CREATE.OTHER",
		"$JS.API.CONSUMER.CREATE.CTI_REGION_CLEAR", "$JS.API.CONSUMER.DELETE.CTI_REGION_CLEAR.X", "$KV.DIRECTORY.region", "recall.ordered", "seat.X.submit",
	} {
		if m, err := o.Conn.Request(subject, []byte(`{"seq":1,"name":"OTHER"}`), 50*time.Millisecond); err == nil {
			t.Errorf("%s is answered: %s", subject, m.Data)
		}
	}
	if _, err := o.Conn.SubscribeSync("cti.>"); err == nil {
		must(t, o.Conn.Flush())
		if !errors.Is(o.Conn.LastError(), nats.ErrPermissionViolation) {
			t.Errorf("it may listen in: %v", o.Conn.LastError())
		}
	}
	if d := cmp.Diff(before.messages, s.stored().messages); d != "" {
		t.Errorf("it changed what is stored: %s", d)
	}
}

func TestDamageIsFoundAndNotRestored(t *testing.T) {
	s := newSite(t, "sg", "my", "th")
	s.seat("sg/feed", stix.Red).publish("my", "red", 0, 3)
	sum := s.take()
	s.stop()
	var pieces []string
	must(t, filepath.Walk(filepath.Join(s.dir, "chunks"), func(path string, st os.FileInfo, err error) error {
		if err == nil && st.Mode().IsRegular() {
			pieces = append(pieces, path)
		}
		return err
	}))
	pieces = append(pieces, filepath.Join(s.dir, "backups", sum.ID+".backup"))
	damage := map[string]func([]byte) []byte{
		"a byte of it changed": func(b []byte) []byte { b[len(b)-5] ^= 1; return b },
		"it was cut short":     func(b []byte) []byte { return b[:len(b)/2] },
		"it is empty":          func([]byte) []byte { return nil },
	}
	for how, spoil := range damage {
		for _, path := range pieces {
			b, err := os.ReadFile(path)
			must(t, err)
			must(t, os.WriteFile(path, spoil(append([]byte{}, b...)), 0o600))
			v, err := backup.Verify(t.Context(), s.dir, "", s.ids, nil)
			if err == nil && len(v.Wrong) == 0 {
				t.Errorf("%s: %s, and nothing is wrong", path, how)
			}
			must(t, os.WriteFile(path, b, 0o600))
		}
	}
	// One piece in the place of another, which both are good.
	a, err := os.ReadFile(pieces[0])
	must(t, err)
	b, err := os.ReadFile(pieces[1])
	must(t, err)
	must(t, os.WriteFile(pieces[0], b, 0o600))
	if v := s.verify(""); len(v.Wrong) == 0 {
		t.Error("a piece stands in the place of another, and nothing is wrong")
	}
	data := filepath.Join(t.TempDir(), "restored")
	if _, err := backup.Restore(t.Context(), s.restoreTo(data, "")); err == nil {
		t.Error("a damaged backup was restored")
	}
	if _, err := broker.Start(t.Context(), func() broker.Config { c := s.cfg; c.Data = data; return c }(), nil); err == nil {
		t.Error("a hub starts on what was not restored to its end")
	}
	must(t, os.WriteFile(pieces[0], a, 0o600))
	if v := s.verify(""); len(v.Wrong) > 0 {
		t.Errorf("it is whole again: %v", v.Wrong)
	}
	o := s.restoreTo(filepath.Join(t.TempDir(), "restored"), "")
	o.Account = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	if _, err := backup.Restore(t.Context(), o); err == nil {
		t.Error("a backup of another hub than the one asked for was restored")
	}
	o.Account, o.Data = "", s.cfg.Data
	if _, err := backup.Restore(t.Context(), o); err == nil {
		t.Error("a backup was restored over a hub")
	}
}

func TestAKilledBackupLeavesTheOlderOnesAsTheyWere(t *testing.T) {
	s := newSite(t, "sg", "my", "th")
	sg := s.seat("sg/feed", stix.Red)
	sg.publish("region", "clear", 0, 500)
	first := s.take()
	must(t, os.MkdirAll(filepath.Join(s.dir, "backups"), 0o700))
	for kill := 1; kill <= 5; kill++ {
		sg.publish("region", "clear", kill*1000, 500)
		sg.publish("my", "red", kill*1000+500, 3)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), fmt.Sprintf("SELAT_BACKUP_KILLED=%d", kill*4-3), "SELAT_BACKUP_DATA="+s.cfg.Data, "SELAT_BACKUP_DIR="+s.dir,
			"SELAT_BACKUP_URL="+s.hub.URL(), "SELAT_BACKUP_TO="+s.key.Recipient().String())
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("it was not killed: %v %s", err, out)
		}
		all, err := backup.List(s.dir, s.ids)
		must(t, err)
		if len(all) != 1 || all[0].ID != first.ID || all[0].Wrong != "" {
			t.Fatalf("after the kill there are %+v", all)
		}
		if v := s.verify(""); len(v.Wrong) > 0 {
			t.Fatalf("after the kill: %v", v.Wrong)
		}
	}
	second := s.take()
	if v := s.verify(second.ID); len(v.Wrong) > 0 {
		t.Errorf("the backup after the kills: %v", v.Wrong)
	}
	left, err := filepath.Glob(filepath.Join(s.dir, "*", ".tmp-*"))
	must(t, err)
	deep, err := filepath.Glob(filepath.Join(s.dir, "*", "*", ".tmp-*"))
	must(t, err)
	if left = append(left, deep...); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	_, err = backup.Prune(s.dir, backup.Keep{Last: 1}, false)
	must(t, err)
	if v := s.verify(""); len(v.Wrong) > 0 || v.ID != second.ID {
		t.Errorf("after the prune: %v", v)
	}
}

// takeAndBeKilled is a process that is killed in the middle of a backup.
func takeAndBeKilled() {
	cfg := broker.DefaultConfig()
	cfg.Data = os.Getenv("SELAT_BACKUP_DATA")
	after := 0
	fmt.Sscan(os.Getenv("SELAT_BACKUP_KILLED"), &after) //nolint:errcheck // then it is killed at once
	access, err := broker.OpenBackupAccess(&cfg)
	if err != nil {
		panic(err)
	}
	to, err := backup.ParseRecipients(os.Getenv("SELAT_BACKUP_TO"))
	if err != nil {
		panic(err)
	}
	nc, err := nats.Connect(os.Getenv("SELAT_BACKUP_URL"), nats.UserCredentialBytes(access.Creds), nats.CustomInboxPrefix(broker.BackupInbox))
	if err != nil {
		panic(err)
	}
	o := &backup.Options{Dir: os.Getenv("SELAT_BACKUP_DIR"), To: to, Data: cfg.Data, Access: access, Conn: nc}
	o.Progress = func(backup.Progress) {
		if after--; after <= 0 {
			syscall.Kill(os.Getpid(), syscall.SIGKILL) //nolint:errcheck // it cannot fail
		}
	}
	_, err = backup.Take(context.Background(), o)
	panic(fmt.Sprint("it went to its end: ", err))
}
