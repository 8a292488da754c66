package ops_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// Sizes of the directory that the number of series is measured with.
const (
	manyMembers     = 100
	manySeats       = 1000
	manyCommunities = 10
)

func manyName(prefix string, n int) string {
	return prefix + string([]byte{'a' + byte(n/26), 'a' + byte(n%26)})
}

// large is a region of a hundred members, each in one of ten communities.
func large() *policy.Region {
	members, communities := map[string]*policy.Member{}, map[string]*policy.Community{}
	for i := range manyMembers {
		name, com := manyName("m", i), manyName("group-", i%manyCommunities)
		members[name] = &policy.Member{Name: name, Title: name}
		c := communities[com]
		if c == nil {
			c = &policy.Community{Name: com, Title: com, Token: com, Places: map[string]policy.Place{}}
			communities[com] = c
		}
		c.Places[name] = policy.NewPlace(time.Now(), nil, true)
	}
	return policy.NewRegion(members, nil, communities)
}

// asHub connects as the hub's own account, which owns directory and streams.
func asHub(t *testing.T, cfg *broker.Config, h *broker.Hub) *nats.Conn {
	t.Helper()
	seed, err := os.ReadFile(filepath.Join(cfg.Data, "keys", "hub-signing.nk"))
	must(t, err)
	signing, err := nkeys.FromSeed([]byte(strings.TrimSpace(string(seed))))
	must(t, err)
	seed, err = os.ReadFile(filepath.Join(cfg.Data, "keys", "hub-account.nk"))
	must(t, err)
	account, err := nkeys.FromSeed([]byte(strings.TrimSpace(string(seed))))
	must(t, err)
	issuer, err := account.PublicKey()
	must(t, err)
	user, err := nkeys.CreateUser()
	must(t, err)
	public, err := user.PublicKey()
	must(t, err)
	claims := jwt.NewUserClaims(public)
	claims.IssuerAccount = issuer
	signed, err := claims.Encode(signing)
	must(t, err)
	nc, err := nats.Connect(h.URL(), nats.UserJWT(func() (string, error) { return signed, nil }, user.Sign))
	must(t, err)
	t.Cleanup(nc.Close)
	return nc
}

// writeSeats puts a thousand seats into the directory of a hub, in one write, and
// gives each a durable. The hub must be started anew to know them.
func writeSeats(t *testing.T, cfg *broker.Config) {
	t.Helper()
	h, err := broker.Start(t.Context(), *cfg, nil)
	must(t, err)
	defer func() { must(t, h.Close()) }()
	nc := asHub(t, cfg, h)
	defer nc.Close()
	js, err := jetstream.New(nc)
	must(t, err)
	kv, err := js.KeyValue(t.Context(), "DIRECTORY")
	must(t, err)
	entry, err := kv.Get(t.Context(), "region")
	must(t, err)
	var directory map[string]json.RawMessage
	must(t, json.Unmarshal(entry.Value(), &directory))
	seats := map[string]*policy.Seat{}
	for i := range manySeats {
		member := manyName("m", i%manyMembers)
		pair, err := nkeys.CreateAccount()
		must(t, err)
		account, err := pair.PublicKey()
		must(t, err)
		name := fmt.Sprintf("%s/seat-%d", member, i/manyMembers)
		seats[name] = &policy.Seat{Name: name, Member: member, Account: account, Kind: policy.Both, Standing: policy.Organization, Ceiling: stix.Red, Created: time.Now(),
			Tokens: []policy.Token{{ID: fmt.Sprintf("token%09d", i), Hash: "none", Expires: time.Now().Add(time.Hour)}}}
	}
	directory["seats"], err = json.Marshal(seats)
	must(t, err)
	b, err := json.Marshal(directory)
	must(t, err)
	_, err = kv.Put(t.Context(), "region", b)
	must(t, err)
}

func TestTheNumberOfSeriesIsBounded(t *testing.T) {
	t.Parallel() // it waits for the disk, mostly
	if testing.Short() {
		t.Skip("it takes long, and races no more than smaller ones")
	}
	cfg := broker.DefaultConfig()
	cfg.Data, cfg.Listen, cfg.HTTP.Listen = filepath.Join(t.TempDir(), "data"), "127.0.0.1:0", "127.0.0.1:0"
	cfg.Store.ReserveBytes = 1 << 20
	must(t, broker.Init(t.Context(), cfg, large(), nil))
	writeSeats(t, &cfg)
	w := watch(t, &cfg)
	js, err := jetstream.New(asHub(t, &cfg, w.Hub))
	must(t, err)
	// A durable of each seat is enough: its lag is one line over all it reads.
	for _, s := range w.Region().Seats {
		i := slices.Index(slices.Sorted(maps.Keys(w.Region().Members)), s.Member)
		_, err := js.CreateConsumer(t.Context(), "CTI_"+strings.ToUpper(manyName("group-", i%manyCommunities))+"_CLEAR", jetstream.ConsumerConfig{
			Durable: s.Account, AckPolicy: jetstream.AckExplicitPolicy, MemoryStorage: true,
		})
		must(t, err)
	}
	s := w.await(fmt.Sprintf(`selat_seat_pending_messages{member=%q,seat=%q}`, manyName("m", manyMembers-1), fmt.Sprintf("%s/seat-9", manyName("m", manyMembers-1))), 0)
	of := map[string]int{}
	for name := range s {
		name, _, _ = strings.Cut(name, "{")
		of[name]++
	}
	// What there is for each seat, member and stream, and everything else.
	bounds := map[string]int{"selat_seat_": manySeats, "selat_member_": manyMembers, "selat_stream_": 4*manyCommunities + 2}
	rest := 0
	for name, n := range of {
		bound := 0
		for prefix, most := range bounds {
			if strings.HasPrefix(name, prefix) {
				bound = most
			}
		}
		switch {
		case bound == 0:
			rest += n
		case n > bound:
			t.Errorf("%s has %d series, more than %d", name, n, bound)
		}
	}
	if rest > 400 {
		t.Errorf("%d series are of no seat, member or stream", rest)
	}
	// Six numbers of a seat are told once it acknowledged, five before.
	if most := 7*manySeats + 2*manyMembers + 9*bounds["selat_stream_"] + 400; len(s) > most {
		t.Errorf("%d series, more than %d", len(s), most)
	}
	t.Logf("%d members, %d seats, %d communities: %d series, of which %d of no seat, member or stream", manyMembers, manySeats, manyCommunities, len(s), rest)
}
