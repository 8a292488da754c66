package backup_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
	"go.uber.org/goleak"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/broker/profile"
	"github.com/selat-hub/selat/ops/backup"
	"github.com/selat-hub/selat/stix"
)

func TestMain(m *testing.M) {
	if os.Getenv("SELAT_BACKUP_KILLED") != "" {
		takeAndBeKilled()
		return
	}
	goleak.VerifyTestMain(m)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// site is a hub, what backs it up, and who reads the backups.
type site struct {
	t   testing.TB
	cfg broker.Config
	hub *broker.Hub
	dir string
	to  *backup.Recipients
	ids []age.Identity
	key *age.X25519Identity
	nc  *nats.Conn // may everything in the hub's account
}

// newSite is a hub with these members, in two communities.
func newSite(t testing.TB, members ...string) *site {
	t.Helper()
	s := &site{t: t, cfg: broker.DefaultConfig(), dir: filepath.Join(t.TempDir(), "backups")}
	s.cfg.Data, s.cfg.Listen = filepath.Join(t.TempDir(), "data"), "127.0.0.1:0"
	s.cfg.Store.ReserveBytes = 1 << 20
	p, err := profile.Load("asean")
	must(t, err)
	region := p.Region(time.Now().UTC())
	maps.DeleteFunc(region.Members, func(name string, _ *policy.Member) bool { return !slices.Contains(members, name) })
	maps.DeleteFunc(region.Communities, func(name string, c *policy.Community) bool {
		maps.DeleteFunc(c.Places, func(name string, _ policy.Place) bool { return !slices.Contains(members, name) })
		return name != "region" && name != "asean"
	})
	must(t, broker.Init(t.Context(), s.cfg, region, nil))
	s.key, err = age.GenerateX25519Identity()
	must(t, err)
	s.ids = []age.Identity{s.key}
	s.to, err = backup.ParseRecipients(s.key.Recipient().String())
	must(t, err)
	s.start()
	return s
}

func (s *site) start() {
	s.t.Helper()
	h, err := broker.Start(context.Background(), s.cfg, nil)
	must(s.t, err)
	s.hub = h
	s.nc = s.connect(s.ownCreds())
	s.t.Cleanup(s.stop)
}

func (s *site) stop() {
	s.t.Helper()
	s.nc.Close()
	must(s.t, s.hub.Close())
}

// at is the same site on another folder, whose hub runs.
func (s *site) at(data string) *site {
	s.t.Helper()
	c := *s
	c.cfg.Data = data
	c.start()
	return &c
}

func (s *site) connect(creds []byte, o ...nats.Option) *nats.Conn {
	s.t.Helper()
	nc, err := nats.Connect(s.hub.URL(), append(o, nats.UserCredentialBytes(creds))...)
	must(s.t, err)
	s.t.Cleanup(nc.Close)
	return nc
}

// ownCreds are of a user that may do everything in the hub's account.
func (s *site) ownCreds() []byte {
	s.t.Helper()
	key := func(name string) nkeys.KeyPair {
		seed, err := broker.ReadSecret(filepath.Join(s.cfg.Data, "keys", name))
		must(s.t, err)
		kp, err := nkeys.FromSeed([]byte(strings.TrimSpace(string(seed))))
		must(s.t, err)
		return kp
	}
	account, err := key("hub-account.nk").PublicKey()
	must(s.t, err)
	user, err := nkeys.CreateUser()
	must(s.t, err)
	name, err := user.PublicKey()
	must(s.t, err)
	uc := jwt.NewUserClaims(name)
	uc.IssuerAccount = account
	token, err := uc.Encode(key("hub-signing.nk"))
	must(s.t, err)
	seed, err := user.Seed()
	must(s.t, err)
	creds, err := jwt.FormatUserConfig(token, seed)
	must(s.t, err)
	return creds
}

func (s *site) options() *backup.Options {
	s.t.Helper()
	access, err := broker.OpenBackupAccess(&s.cfg)
	must(s.t, err)
	nc := s.connect(access.Creds, nats.CustomInboxPrefix(broker.BackupInbox))
	return &backup.Options{Dir: s.dir, To: s.to, Data: s.cfg.Data, Access: access, Conn: nc, Program: "test"}
}

func (s *site) take() *backup.Summary {
	s.t.Helper()
	sum, err := backup.Take(s.t.Context(), s.options())
	must(s.t, err)
	return sum
}

func (s *site) verify(id string) *backup.Verified {
	s.t.Helper()
	v, err := backup.Verify(s.t.Context(), s.dir, id, s.ids, nil)
	must(s.t, err)
	return v
}

// restore restores a backup, the newest if id is empty, and starts a hub on it.
func (s *site) restore(id string) *site {
	s.t.Helper()
	data := filepath.Join(s.t.TempDir(), "restored")
	_, err := backup.Restore(s.t.Context(), s.restoreTo(data, id))
	must(s.t, err)
	return s.at(data)
}

func (s *site) restoreTo(data, id string) *backup.RestoreOptions {
	return &backup.RestoreOptions{Dir: s.dir, ID: id, Identities: s.ids, Data: data,
		Config: func() (broker.Config, error) { c := s.cfg; c.Data = data; return c, nil }}
}

// seat is a seat as its daemon has it.
type seat struct {
	s    *site
	name string
	nc   *nats.Conn
	note func() string // what each object says beside its value; may be nil
}

func (s *site) seat(name string, ceiling stix.Level) *seat {
	s.t.Helper()
	creds, err := s.hub.AddSeat(s.t.Context(), policy.Seat{Name: name, Kind: policy.Both, Standing: policy.Organization, Ceiling: ceiling})
	must(s.t, err)
	return &seat{s: s, name: name, nc: s.connect(creds)}
}

func (p *seat) ask(subject string, header nats.Header, body []byte, answer any) {
	p.s.t.Helper()
	m, err := p.nc.RequestMsg(&nats.Msg{Subject: subject, Header: header, Data: body}, 30*time.Second)
	must(p.s.t, err)
	var failed struct {
		Error *api.Error `json:"error"`
	}
	must(p.s.t, json.Unmarshal(m.Data, &failed))
	if failed.Error != nil {
		p.s.t.Fatalf("%s asks %s: %v", p.name, subject, failed.Error)
	}
	must(p.s.t, json.Unmarshal(m.Data, answer))
}

// publish publishes values under a level and returns the ids.
func (p *seat) publish(to, level string, from, n int) (ids []string) {
	p.s.t.Helper()
	var objects []string
	for i := from; i < from+n; i++ {
		id := fmt.Sprintf("domain-name--00000000-0000-4000-8000-%012d", i)
		ids = append(ids, id)
		note := ""
		if p.note != nil {
			note = p.note()
		}
		objects = append(objects, fmt.Sprintf(`{"type":"domain-name","spec_version":"2.1","id":%q,"value":"host%d.example.com","x_note":%q}`, id, i, note))
	}
	body := fmt.Sprintf(`{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000001","objects":[%s]}`, strings.Join(objects, ","))
	var r api.Receipt
	p.ask(api.SubjectSubmit, nats.Header{api.HeaderTo: {to}, api.HeaderUnmarked: {level}}, []byte(body), &r)
	for i := range r.Objects {
		if r.Objects[i].Outcome != api.Accepted {
			p.s.t.Fatalf("object %d: %+v", i, r.Objects[i])
		}
	}
	if want := n * (1 + strings.Count(to, ",")); len(r.Objects) != want { // RED: one for each recipient
		p.s.t.Fatalf("%d receipts, not %d", len(r.Objects), want)
	}
	return ids
}

func (p *seat) recall(id string) {
	p.s.t.Helper()
	body, err := json.Marshal(api.RecallRequest{ID: id, Reason: "it names a victim"})
	must(p.s.t, err)
	p.ask(api.SubjectRecall, nil, body, &api.Recalled{})
}

// read takes n messages from each stream open to the seat that has any, and
// acknowledges every other one.
func (p *seat) read(n int) {
	p.s.t.Helper()
	var open api.Streams
	p.ask(api.SubjectStreams, nil, nil, &open)
	js, err := jetstream.NewWithAPIPrefix(p.nc, api.APIPrefix)
	must(p.s.t, err)
	for _, st := range open.Streams {
		if st.Last == 0 {
			continue
		}
		c, err := js.Consumer(p.s.t.Context(), st.Name, open.Consumer)
		must(p.s.t, err)
		got, err := c.FetchNoWait(n)
		must(p.s.t, err)
		i := 0
		for m := range got.Messages() {
			if i++; i%2 == 1 {
				must(p.s.t, m.DoubleAck(p.s.t.Context()))
			}
		}
		must(p.s.t, got.Error())
	}
}

// stored is everything that a hub holds: each message of each stream, and each
// durable's position.
type stored struct {
	messages map[string]map[uint64]string
	durables map[string]string
	last     map[string]uint64
}

func (s *site) stored() *stored {
	s.t.Helper()
	js, err := jetstream.New(s.nc)
	must(s.t, err)
	out := &stored{map[string]map[uint64]string{}, map[string]string{}, map[string]uint64{}}
	names := js.StreamNames(s.t.Context())
	for name := range names.Name() {
		if name == "STATUS" {
			continue
		}
		st, err := js.Stream(s.t.Context(), name)
		must(s.t, err)
		info := st.CachedInfo().State
		out.messages[name], out.last[name] = map[uint64]string{}, info.LastSeq
		for seq := info.FirstSeq; seq <= info.LastSeq && seq > 0; seq++ {
			m, err := st.GetMsg(s.t.Context(), seq)
			if err != nil {
				continue // a gap; what is missing shows in the comparison
			}
			h, err := json.Marshal(m.Header)
			must(s.t, err)
			out.messages[name][seq] = fmt.Sprintf("%s %s %s %s", m.Subject, m.Time.Format(time.RFC3339Nano), h, m.Data)
		}
		list := st.ListConsumers(s.t.Context())
		for c := range list.Info() {
			if c.Config.Durable != "" {
				out.durables[name+" "+c.Name] = fmt.Sprintf("acknowledged %d, delivered %d, waiting for %d acknowledgements", c.AckFloor.Stream, c.Delivered.Stream, c.NumAckPending)
			}
		}
		must(s.t, list.Err())
	}
	must(s.t, names.Err())
	return out
}

func (s *stored) contains(text string) (where []string) {
	for stream, messages := range s.messages {
		for seq, m := range messages {
			if strings.HasPrefix(stream, "CTI_") && strings.Contains(m, text) {
				where = append(where, fmt.Sprintf("%s %d", stream, seq))
			}
		}
	}
	return where
}
