package broker_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// The product of everything a decision about reading depends on, tried over
// real connections: every member below holds a seat of every ceiling, standing
// and kind that may exist, and every seat walks every path. What arrives is
// compared with policy.MayRead over a directory that this test keeps itself,
// with start positions counted from receipts.

// productMembers are the ways a member can stand towards two communities, one
// of them private.
var productMembers = []string{
	"source",       // publishes; on both rosters all along
	"steady",       // on both rosters all along
	"outside",      // never on a roster
	"late",         // joined after objects were there
	"late-history", // likewise, with history
	"left",         // left, for good
	"back",         // left and joined again
	"back-history", // likewise, with history
	"reborn",       // removed, enrolled again, joined again
}

var productCommunities = []string{"circle", "quiet"}

var productLevels = stix.Levels[:4]

// stored is one object as its receipt places it.
type stored struct {
	seq   uint64
	epoch int
	raw   string
}

type product struct {
	t *testing.T
	h *testHub

	members     map[string]*policy.Member
	seats       map[string]*policy.Seat
	communities map[string]*policy.Community

	source  *seat
	readers []*reader
	log     map[policy.Stream][]stored
	began   []time.Time // of each epoch
	objects int
	cases   int // (seat, object, path) compared
	probes  int // raw requests tried
}

// model is the directory as this test knows it.
func (p *product) model() *policy.Region {
	return policy.NewRegion(p.members, p.seats, p.communities)
}

func newProduct(t *testing.T) *product {
	p := &product{t: t, log: map[policy.Stream][]stored{}, members: map[string]*policy.Member{}, seats: map[string]*policy.Seat{}, communities: map[string]*policy.Community{}}
	cfg := broker.DefaultConfig()
	cfg.Data, cfg.Listen, cfg.HTTP.Listen = filepath.Join(t.TempDir(), "data"), "127.0.0.1:0", ""
	cfg.Store.ReserveBytes = 1 << 20
	must(t, broker.Init(t.Context(), cfg, nil, testLogger(t)))
	p.h = &testHub{t: t, cfg: cfg}
	p.h.start()
	for _, c := range productCommunities {
		must(t, p.h.AddCommunity(t.Context(), policy.Community{Name: c, Private: c == "quiet"}))
		made := p.h.Region().Communities[c]
		if made.Private && (strings.Contains(made.Token, c) || len(made.Token) < 16) {
			t.Fatalf("the private community's token is %q", made.Token)
		}
		p.communities[c] = &policy.Community{Name: c, Token: made.Token, Private: made.Private, Places: map[string]policy.Place{}}
	}
	for _, m := range productMembers {
		p.enrol(m)
		if !slices.Contains([]string{"outside", "late", "late-history"}, m) {
			p.join(m, false)
		}
	}
	p.source = p.h.seat("source/feed", policy.Publisher, stix.Clear)
	return p
}

func (p *product) last(s policy.Stream) uint64 {
	if l := p.log[s]; len(l) > 0 {
		return l[len(l)-1].seq
	}
	return 0
}

func (p *product) enrol(member string) {
	must(p.t, p.h.AddMember(p.t.Context(), policy.Member{Name: member}))
	p.members[member] = &policy.Member{Name: member, RedStart: p.last(policy.Stream{Audience: member, Level: stix.Red}) + 1}
}

func (p *product) join(member string, history bool) {
	for _, c := range productCommunities {
		must(p.t, p.h.Join(p.t.Context(), c, member, history))
		last := map[stix.Level]uint64{}
		for _, l := range productLevels {
			last[l] = p.last(policy.Stream{Audience: c, Level: l})
		}
		p.communities[c].Places[member] = policy.NewPlace(time.Time{}, last, history)
	}
}

func (p *product) leave(member string) {
	for _, c := range productCommunities {
		must(p.t, p.h.Leave(p.t.Context(), c, member))
		delete(p.communities[c].Places, member)
	}
	p.forgetLost()
}

// forgetLost drops the position of every durable that an act took away.
func (p *product) forgetLost() {
	r := p.model()
	for _, rd := range p.readers {
		for s := range rd.next {
			if seat := p.seats[rd.name]; seat == nil || !r.MayRead(seat, s).Allowed {
				delete(rd.next, s)
			}
		}
	}
}

// addSeats gives a member a seat of every ceiling, standing and kind that
// policy lets exist.
func (p *product) addSeats(member string) {
	for _, kind := range []policy.Kind{policy.Publisher, policy.Subscriber, policy.Both} {
		for _, standing := range []policy.Standing{policy.Organization, policy.Client} {
			for _, ceiling := range stix.Levels {
				s := policy.Seat{Name: fmt.Sprintf("%s/%s-%s-%s", member, kind[:1], standing[:1], ceiling), Member: member, Kind: kind, Standing: standing, Ceiling: ceiling}
				if policy.CheckSeat(&s, p.members[member]) != nil || testing.Short() && !raced(&s) {
					continue
				}
				creds, err := p.h.AddSeat(p.t.Context(), s)
				must(p.t, err)
				s.Account = p.h.Region().Seats[s.Name].Account
				p.seats[s.Name] = &s
				rd := newReader(p, &s)
				rd.save(creds)
				p.readers = append(p.readers, rd)
			}
		}
	}
}

// raced are the seats that -short keeps: a third of them, at which every goroutine
// of the hub runs that runs at the others. The race detector looks at those.
func raced(s *policy.Seat) bool {
	return s.Kind == policy.Both || s.Kind == policy.Subscriber && s.Standing == policy.Organization && s.Ceiling == stix.Red
}

// publish stores one new object on every stream of the region: an epoch.
func (p *product) publish() {
	p.t.Helper()
	epoch := len(p.began)
	p.began = append(p.began, time.Now())
	r := p.model()
	submit := func(level stix.Level, to string, want int) {
		p.objects++
		raw := indicator(p.objects, level)
		receipt := p.source.submit(bundle(raw), to)
		if receipt.Accepted != want {
			p.t.Fatalf("%s to %s: %+v", level, to, receipt)
		}
		for _, o := range receipt.Objects {
			s := policy.Stream{Audience: o.Audience, Level: level}
			if o.Stream != r.Name(s) || o.Sequence != p.last(s)+1 || o.Index != 0 {
				p.t.Fatalf("%s to %s was stored at %+v, after %d", level, to, o, p.last(s))
			}
			p.log[s] = append(p.log[s], stored{o.Sequence, epoch, raw})
		}
	}
	for _, c := range productCommunities {
		for _, l := range productLevels {
			submit(l, c, 1)
		}
	}
	submit(stix.Red, strings.Join(sortedKeys(p.members), ","), len(p.members))
}

// arrives waits until every seat has what it should have by now, and compares:
// for each seat, each object that exists, whether it arrived on this path, and
// whether it is read as a caller that is no NATS client reads it.
func (p *product) arrives(path string) {
	p.t.Helper()
	p.delivered(path)
	if testing.Short() {
		p.t.Log(path + ": not read as a collection too (-short)")
		return
	}
	region := p.model()
	p.all(path+": reading", func(rd *reader) error { return p.reads(rd, region) })
	// In its collection, by its identifier, among everything, by a value, and
	// among the member's own.
	p.cases += 5 * p.copies() * len(p.readers)
}

func (p *product) delivered(path string) {
	p.t.Helper()
	region := p.model()
	p.agree(region)
	p.all(path, func(rd *reader) error { return rd.settle(region) })
	p.cases += p.copies() * len(p.readers)
}

// copies is how many objects there are, each once for each stream.
func (p *product) copies() (n int) {
	for _, objects := range p.log {
		n += len(objects)
	}
	return n
}

// agree compares the hub's directory with this test's, decision by decision.
func (p *product) agree(region *policy.Region) {
	p.t.Helper()
	hub := p.h.Region()
	for name, s := range p.seats {
		for stream := range p.log {
			want, got := region.MayRead(s, stream), policy.Access{}
			if theirs := hub.Seats[name]; theirs != nil {
				got = hub.MayRead(theirs, stream)
			}
			if want.Allowed != got.Allowed || want.From != got.From {
				p.t.Errorf("seat %s on %v: the directory says %+v, it should say %+v", name, stream, got, want)
			}
		}
	}
}

// each calls f for every reader, several at a time.
func (p *product) each(f func(*reader) error) []error {
	errs := make(chan error)
	slots := make(chan struct{}, 8)
	for _, rd := range p.readers {
		go func() {
			slots <- struct{}{}
			err := f(rd)
			<-slots
			if err != nil {
				err = fmt.Errorf("seat %s: %w", rd.name, err)
			}
			errs <- err
		}()
	}
	var failed []error
	for range p.readers {
		if err := <-errs; err != nil {
			failed = append(failed, err)
		}
	}
	return failed
}

func (p *product) all(what string, f func(*reader) error) {
	p.t.Helper()
	for _, err := range p.each(f) {
		p.t.Errorf("%s: %v", what, err)
	}
	if p.t.Failed() {
		p.t.FailNow()
	}
}

func (p *product) open(path string) {
	p.t.Helper()
	region := p.model()
	p.all(path+": asking for streams", func(rd *reader) error { return rd.open(region) })
}

// probe tries, at every seat, to read and to look at every stream, under the
// seat's own key and under others'.
func (p *product) probe(path string) {
	p.t.Helper()
	region := p.model()
	others := []string{p.seats["source/b-o-red"].Account, p.seats["steady/s-o-red"].Account}
	counts := make(chan int, len(p.readers))
	p.all(path+": probing", func(rd *reader) error {
		n, err := rd.probe(region, others)
		counts <- n
		return err
	})
	for range p.readers {
		p.probes += <-counts
	}
}

func (p *product) of(members ...string) []*reader {
	var out []*reader
	for _, rd := range p.readers {
		if m, _, _ := strings.Cut(rd.name, "/"); slices.Contains(members, m) {
			out = append(out, rd)
		}
	}
	return out
}

func TestWhatArrivesIsExactlyWhatPolicyAllowsOverTheWholeProduct(t *testing.T) {
	p := newProduct(t)
	p.publish() // before anybody asks
	for _, m := range productMembers {
		p.addSeats(m)
	}
	p.connectAll()
	p.open("first asking")
	p.arrives("first asking")
	p.publish()
	p.arrives("live")
	p.probe("live")
	ways := replayWays
	if testing.Short() {
		ways = ways[:2]
	}
	p.replays("at first", ways...)
	p.rosterChanges()
	p.replays("after the rosters changed", ways...)
	p.rotation()
	p.suspension()
	p.ceilings()
	p.replays("after raising ceilings", replayWays[0])
	p.revocation()
	t.Logf("%d cases of (seat, object, path) compared, %d seats, %d streams, %d epochs; %d raw requests tried; 0 differences",
		p.cases, len(p.readers), len(p.log), len(p.began), p.probes)
}

func (p *product) connectAll() {
	p.t.Helper()
	p.all("connecting", (*reader).dial)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
