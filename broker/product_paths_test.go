package broker_test

import (
	"os"
	"slices"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
)

// The paths by which objects reach seats, or must not.

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
		p.delivered(path)
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
	for _, rd := range gone {
		if err := rd.shutOut(); err != nil {
			p.t.Errorf("seat %s: %v", rd.name, err)
		}
	}
	p.cases += p.copies() * len(gone)
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
	for _, rd := range p.of(productMembers[1:]...) {
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
	for _, rd := range p.of(productMembers[1:]...) {
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
