package broker_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
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
				if policy.CheckSeat(&s, p.members[member]) != nil {
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
// for each seat, each object that exists, whether it arrived on this path.
func (p *product) arrives(path string) {
	p.t.Helper()
	region := p.model()
	p.agree(region)
	failed := p.each(func(rd *reader) error { return rd.settle(region) })
	for _, f := range failed {
		p.t.Errorf("%s: %v", path, f)
	}
	n := 0
	for _, objects := range p.log {
		n += len(objects)
	}
	p.cases += n * len(p.readers)
	if p.t.Failed() {
		p.t.FailNow()
	}
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
	slots := make(chan struct{}, 24)
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
	p.replays("at first", replayWays...)
	p.rosterChanges()
	p.replays("after the rosters changed", replayWays...)
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

// replayWay is one way to ask for a replay: the request (for one stream where
// it has to name one), and the sequence it means.
type replayWay struct {
	name string
	ask  func(p *product, stream string) api.ReplayRequest
	from func(p *product, objects []stored) uint64
}

var replayWays = []replayWay{
	{"all",
		func(*product, string) api.ReplayRequest { return api.ReplayRequest{All: true} },
		func(*product, []stored) uint64 { return 1 }},
	{"since a time",
		func(p *product, _ string) api.ReplayRequest { return api.ReplayRequest{Since: p.began[p.recent()]} },
		func(p *product, objects []stored) uint64 {
			for _, o := range objects {
				if o.epoch >= p.recent() {
					return o.seq
				}
			}
			return objects[len(objects)-1].seq + 1
		}},
	{"from the second sequence",
		func(_ *product, stream string) api.ReplayRequest {
			return api.ReplayRequest{Streams: []string{stream}, Sequence: 2}
		},
		func(*product, []stored) uint64 { return 2 }},
	{"from the first sequence",
		func(_ *product, stream string) api.ReplayRequest {
			return api.ReplayRequest{Streams: []string{stream}, Sequence: 1}
		},
		func(*product, []stored) uint64 { return 1 }},
}

// recent is the last epoch but one.
func (p *product) recent() int { return len(p.began) - 2 }

func (p *product) replays(when string, ways ...replayWay) {
	p.t.Helper()
	for _, way := range ways {
		path, region := "replay "+way.name+" "+when, p.model()
		p.all(path, func(rd *reader) error { return rd.replay(region, way) })
		p.arrives(path)
	}
}

// rosterChanges lets members leave, be removed, join and join again, with
// pulls open and messages not acknowledged.
func (p *product) rosterChanges() {
	p.t.Helper()
	t := p.t
	leaving := p.of("left", "back", "back-history", "reborn")
	for _, rd := range leaving {
		rd.hold(true)
	}
	p.publish()
	p.arrives("before leaving")
	for _, m := range []string{"left", "back", "back-history"} {
		p.leave(m)
	}
	must(t, p.h.RemoveMember(t.Context(), "reborn"))
	gone := p.dropMember("reborn")
	p.join("late", false)
	p.join("late-history", true)
	p.publish()
	p.open("after leaving and joining")
	p.arrives("after leaving and joining")
	p.probe("after leaving and joining")
	p.silent(gone)

	for _, rd := range leaving {
		rd.hold(false)
	}
	p.enrol("reborn")
	p.join("reborn", false)
	p.join("back", false)
	p.join("back-history", true)
	p.addSeats("reborn")
	p.connectAll()
	p.publish()
	p.open("after joining again")
	p.arrives("after joining again")
	p.probe("after joining again")
}

// dropMember takes a removed member out of the model and returns its readers.
func (p *product) dropMember(member string) []*reader {
	gone := p.of(member)
	for _, c := range p.communities {
		delete(c.Places, member)
	}
	delete(p.members, member)
	for _, rd := range gone {
		delete(p.seats, rd.name)
	}
	p.readers = slices.DeleteFunc(p.readers, func(rd *reader) bool { return slices.Contains(gone, rd) })
	return gone
}

// silent checks seats that are shut out: nothing arrived since they were, and
// nobody gets in with their credentials.
func (p *product) silent(gone []*reader) {
	p.t.Helper()
	n := 0
	for _, objects := range p.log {
		n += len(objects)
	}
	for _, rd := range gone {
		if err := rd.shutOut(); err != nil {
			p.t.Errorf("seat %s: %v", rd.name, err)
		}
	}
	p.cases += n * len(gone)
}

func (p *product) rotation() {
	p.t.Helper()
	for _, rd := range p.readers {
		creds, err := p.h.RotateSeat(p.t.Context(), rd.name)
		must(p.t, err)
		old, err := os.ReadFile(rd.creds)
		must(p.t, err)
		must(p.t, os.WriteFile(rd.creds+".old", old, 0o600))
		rd.save(creds)
	}
	p.publish()
	p.all("after rotation", func(rd *reader) error {
		if err := rd.refusedWith(rd.creds + ".old"); err != nil {
			return err
		}
		return rd.dial()
	})
	p.open("after rotation")
	p.arrives("after rotation")
}

func (p *product) suspension() {
	p.t.Helper()
	for _, rd := range p.readers {
		rd.hold(true)
	}
	p.publish()
	p.arrives("before suspension")
	for _, m := range productMembers[1:] {
		must(p.t, p.h.SuspendMember(p.t.Context(), m))
		p.members[m].Suspended = true
	}
	p.publish()
	p.agree(p.model())
	out := p.of(productMembers[1:]...)
	for _, rd := range out {
		rd.unacked() // what was not acknowledged comes again after resuming
	}
	p.silent(out)
	p.inSource("while suspended")
	for _, m := range productMembers[1:] {
		must(p.t, p.h.ResumeMember(p.t.Context(), m))
		p.members[m].Suspended = false
	}
	p.all("after resuming", func(rd *reader) error {
		rd.hold(false)
		return rd.dial()
	})
	p.open("after resuming")
	p.arrives("after resuming")
	p.probe("after resuming")
}

// inSource waits for the seats of source, whom no act concerns, as the sign
// that what was published is being delivered.
func (p *product) inSource(path string) {
	p.t.Helper()
	region := p.model()
	for _, rd := range p.of("source") {
		if err := rd.settle(region); err != nil {
			p.t.Fatalf("%s: seat %s: %v", path, rd.name, err)
		}
	}
}

func (p *product) ceilings() {
	p.t.Helper()
	t := p.t
	for _, rd := range p.readers {
		rd.hold(true)
	}
	p.publish()
	p.arrives("before lowering ceilings")
	p.shiftCeilings(-1)
	p.publish()
	p.open("after lowering ceilings")
	p.arrives("after lowering ceilings")
	p.probe("after lowering ceilings")
	for _, rd := range p.readers {
		rd.hold(false)
	}
	p.arrives("after acknowledging late")
	p.replays("after lowering ceilings", replayWays[0])
	before := p.model()
	held := map[string][]policy.Stream{}
	for _, rd := range p.readers {
		held[rd.name] = before.Readable(p.seats[rd.name])
	}
	p.shiftCeilings(+1)
	after := p.model()
	for _, rd := range p.readers {
		for _, s := range after.Readable(p.seats[rd.name]) {
			if !slices.Contains(held[rd.name], s) {
				rd.next[s] = p.last(s) + 1 // raising does not backfill
			}
		}
	}
	p.publish()
	p.open("after raising ceilings")
	p.arrives("after raising ceilings")
	if t.Failed() {
		t.FailNow()
	}
}

// shiftCeilings moves the ceiling of every seat but the source's by one level
// and, where no level or no valid seat is there, leaves it.
func (p *product) shiftCeilings(by int) {
	p.t.Helper()
	for _, rd := range p.of(productMembers[1:]...) {
		s := p.seats[rd.name]
		next := *s
		if by < 0 {
			next.Ceiling--
		} else {
			next.Ceiling = rd.ceiling
		}
		if policy.CheckSeat(&next, p.members[s.Member]) != nil || next.Ceiling == s.Ceiling {
			continue
		}
		must(p.t, p.h.SetCeiling(p.t.Context(), rd.name, next.Ceiling))
		p.seats[rd.name] = &next
	}
	p.forgetLost()
}

func (p *product) revocation() {
	p.t.Helper()
	out := p.of(productMembers[1:]...)
	for _, rd := range out {
		rd.hold(true)
	}
	p.publish()
	p.arrives("before revocation")
	for _, rd := range out {
		must(p.t, p.h.RevokeSeat(p.t.Context(), rd.name))
		p.seats[rd.name].Revoked = true
		rd.forget()
	}
	p.forgetLost()
	p.publish()
	p.agree(p.model())
	p.inSource("after revocation")
	p.silent(out)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
