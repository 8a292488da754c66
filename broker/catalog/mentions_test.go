package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/selat-hub/selat/stix/values"
)

// thing is a value as the model knows it: a network, or a text of a kind.
type thing struct {
	kind values.Kind
	net  netip.Prefix
	text string // of a domain as people write it
}

func network(s string) thing {
	if !strings.Contains(s, "/") {
		a := netip.MustParseAddr(s)
		return thing{kind: values.Address, net: netip.PrefixFrom(a, a.BitLen())}
	}
	return thing{kind: values.Address, net: netip.MustParsePrefix(s)}
}

func (th thing) key() values.Key {
	switch th.kind {
	case values.Address:
		bits := th.net.Bits()
		if th.net.Addr().Is4() {
			bits += 96
		}
		a := th.net.Addr().As16()
		return values.Key{Kind: th.kind, Bytes: append(a[:], byte(bits))}
	case values.Domain:
		labels := strings.Split(th.text, ".")
		slices.Reverse(labels)
		return values.Key{Kind: th.kind, Bytes: []byte(strings.Join(labels, "."))}
	}
	return values.Key{Kind: th.kind, Bytes: []byte(th.text)}
}

// asks tells whether who asks for th is told of other.
func (th thing) asks(other thing, below bool) bool {
	switch {
	case th.kind != other.kind:
		return false
	case th.kind == values.Domain && below && strings.HasSuffix(other.text, "."+th.text):
		return true
	case th.kind != values.Address:
		return th == other
	}
	a, b := th.net, other.net
	if a.Addr().Is4() == b.Addr().Is4() {
		return a.Overlaps(b)
	}
	// Of the two families, IPv4 is inside IPv6 and IPv6 around nothing.
	return !a.Addr().Is4() && a.Contains(netip.AddrFrom16(b.Addr().As16())) && a.Bits() <= 96
}

var things = []thing{
	network("192.0.2.1"), network("192.0.2.2"), network("192.0.2.0/24"), network("192.0.2.0/31"), network("192.0.0.0/8"), network("0.0.0.0/0"),
	network("2001:db8::1"), network("2001:db8::ffff"), network("2001:db8::/32"), network("2001:db8::/127"), network("::/0"), network("::/90"),
	{kind: values.Domain, text: "com"}, {kind: values.Domain, text: "example.com"}, {kind: values.Domain, text: "www.example.com"},
	{kind: values.Domain, text: "example-shop.com"}, {kind: values.Domain, text: "a.www.example.com"},
	{kind: values.URL, text: "http://a/"}, {kind: values.URL, text: "http://a/\x00"}, {kind: values.URL, text: "http://a/\x00\x01"}, {kind: values.URL, text: "http://a/\x00\xff"},
	{kind: values.URL, text: "\x00" + strings.Repeat("h", 32)}, {kind: values.URL, text: "http://a/" + strings.Repeat("x", 500)},
	{kind: values.Email, text: "http://a/"}, {kind: values.Hash, text: strings.Repeat("ab", 32)}, {kind: values.MAC, text: "\x00\x01\x00\xff\x00\x01"},
}

// saying is what one version of an object says, whoever publishes it.
type saying struct {
	things      []thing
	roles       []values.Role
	from, until int64
	revoked     bool
}

// sayings draws what the objects of a world say.
func drawSayings(t *rapid.T, world []placed) map[string]saying {
	out := map[string]saying{}
	for _, p := range world {
		if _, drawn := out[p.id+p.key]; drawn {
			continue
		}
		s := saying{things: rapid.SliceOfNDistinct(rapid.SampledFrom(things), 0, 3, rapid.ID[thing]).Draw(t, "things")}
		for range s.things {
			s.roles = append(s.roles, values.Role(rapid.IntRange(1, 4).Draw(t, "role")))
		}
		if strings.HasPrefix(p.id, "indicator") {
			s.from, s.until = rapid.Int64().Draw(t, "from"), rapid.Int64().Draw(t, "until")
		}
		s.revoked = p.version != "" && rapid.Bool().Draw(t, "revoked")
		out[p.id+p.key] = s
	}
	return out
}

func (s *saying) reading() (r values.Reading) {
	for i, th := range s.things {
		k := th.key()
		k.Role = s.roles[i]
		r.Keys = append(r.Keys, k)
	}
	r.ValidFrom, r.ValidUntil, r.Revoked = s.from, s.until, s.revoked
	return r
}

func sayingRecord(p placed, said map[string]saying) Record {
	r, s := p.record(), said[p.id+p.key]
	r.Values = s.reading()
	if s.revoked {
		r.Lineage.Revoked = p.key
	}
	return r
}

func applySayings(t testing.TB, x *Index, world []placed, said map[string]saying) {
	var message []Record
	for i, p := range world {
		message = append(message, sayingRecord(p, said))
		if i+1 == len(world) || world[i+1].stream != p.stream || world[i+1].seq != p.seq {
			apply(t, x, p.stream, p.seq, message...)
			message = nil
		}
	}
}

func mentionText(m *Mention) string {
	return fmt.Sprintf("%s %d %q %d valid %d %d latest %v revoked %v", itemText(m.Item), m.Key.Kind, m.Key.Bytes, m.Key.Role, m.ValidFrom, m.ValidUntil, m.Latest, m.Revoked)
}

// expectedMentions is what an index should say, by looking at everything.
func expectedMentions(world []placed, said map[string]saying, v View, asked thing, below bool) (out []string) {
	type object struct{ origin, id string }
	versions := map[object][]placed{}
	var order []object
	for _, p := range world {
		if !slices.ContainsFunc(v.Parts, func(part Part) bool { return part.Stream == p.stream && p.seq >= part.From }) {
			continue
		}
		o := object{p.origin, p.id}
		if versions[o] == nil {
			order = append(order, o)
		}
		if !slices.ContainsFunc(versions[o], func(q placed) bool { return q.key == p.key }) {
			versions[o] = append(versions[o], p) // the world is in the order of date_added
		}
	}
	type told struct {
		added int64
		key   values.Key
		text  string
	}
	var all []told
	for _, o := range order {
		typ, _, _ := strings.Cut(o.id, "--")
		if v.Origin != "" && v.Origin != o.origin || v.Type != "" && v.Type != typ {
			continue
		}
		vs := versions[o]
		if vs[0].version != "" {
			slices.SortFunc(vs, func(a, b placed) int { return cmp.Compare(a.key, b.key) })
		}
		for i, p := range vs {
			s := said[p.id+p.key]
			revoked := slices.ContainsFunc(vs[i:], func(p placed) bool { return said[p.id+p.key].revoked })
			for j, th := range s.things {
				if asked.asks(th, below) {
					text := fmt.Sprintf("%s %d %q %d valid %d %d latest %v revoked %v", p.text(), th.kind, th.key().Bytes, s.roles[j], s.from, s.until, i == len(vs)-1, revoked)
					all = append(all, told{p.added, th.key(), text})
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b told) int {
		return cmp.Or(cmp.Compare(b.added, a.added), compareKeys(&a.key, &b.key))
	})
	for _, t := range all {
		out = append(out, t.text)
	}
	return out
}

func TestMentionsAreThoseAModelFindsByLookingAtEverything(t *testing.T) {
	some := 0
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		x, err := Open(dir, small())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { closed(t, x) }()
		world := drawWorld(rt)
		said := drawSayings(rt, world)
		applySayings(t, x, world, said)
		if lost := rapid.SampledFrom([]string{"", "", "CTI_A_CLEAR"}).Draw(rt, "forgotten"); lost != "" {
			if err := x.Forget(lost); err != nil {
				t.Fatal(err)
			}
			again := rapid.Bool().Draw(rt, "again")
			var kept, back []placed
			for _, p := range world {
				if p.stream != lost || again {
					kept = append(kept, p)
				}
				if p.stream == lost && again {
					back = append(back, p)
				}
			}
			world = kept
			applySayings(t, x, back, said)
		}
		if rapid.Bool().Draw(rt, "erase") {
			world = eraseSome(rt, x, world, func(p placed) Record { return sayingRecord(p, said) })
		}
		for range 4 {
			v, _ := drawQuery(rt, 0)
			if rapid.Bool().Draw(rt, "all") {
				v = View{Parts: []Part{{"CTI_A_CLEAR", 1}, {"CTI_A_GREEN", 1}, {"CTI_B_CLEAR", 1}}}
			}
			asked := rapid.SampledFrom(things).Draw(rt, "asked")
			below := rapid.Bool().Draw(rt, "below")
			limit := rapid.SampledFrom([]int{1, 2, 100}).Draw(rt, "limit")
			want := expectedMentions(world, said, v, asked, below)
			some += len(want)
			wantMore := len(want) > limit
			want = want[:min(len(want), limit)]
			found, more, err := x.Mentions(t.Context(), v, Question{Key: asked.key(), Below: below, Limit: limit})
			if err != nil {
				rt.Fatal(err)
			}
			var got []string
			for i := range found {
				got = append(got, mentionText(&found[i]))
			}
			if diff := gocmp.Diff(want, got); diff != "" || more != wantMore {
				rt.Fatalf("%q below %v limit %d in %+v, more %v: %s", asked.key(), below, limit, v, more, diff)
			}
			if rapid.Bool().Draw(rt, "reopen") {
				closed(t, x)
				if x, err = Open(dir, small()); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
	if some == 0 {
		t.Error("nothing was ever mentioned")
	}
}

// manyMentions is an index in which a thousand objects name one domain.
func manyMentions(t *testing.T) (*Index, View, thing) {
	x := opened(t, t.TempDir(), Options{})
	asked := thing{kind: values.Domain, text: "example.com"}
	said := map[string]saying{}
	var world []placed
	for i := range 1000 {
		p := placed{stream: "CTI_A_CLEAR", seq: uint64(1 + i/100), index: i % 100, added: int64(1 + i), origin: "sg", id: fmt.Sprintf("indicator--%d", i), version: day1, key: day1, spec: "2.1"}
		world = append(world, p)
		said[p.id+p.key] = saying{things: []thing{asked}, roles: []values.Role{values.Decisive}}
	}
	applySayings(t, x, world, said)
	return x, View{Parts: []Part{{"CTI_A_CLEAR", 1}}}, asked
}

func TestAQuestionReadsNoMoreThanItTells(t *testing.T) {
	x, v, asked := manyMentions(t)
	work := WorkPerQuestion
	found, more, err := x.Mentions(t.Context(), v, Question{Key: asked.key(), Limit: 10, Work: &work})
	if err != nil || len(found) != 10 || !more || found[0].ID != "indicator--999" {
		t.Errorf("%d found, more %v, %v", len(found), more, err)
	}
	if did := WorkPerQuestion - work; did > 1000+11*3*workPerReading {
		t.Errorf("of 10 mentions the work was %d", did)
	}
}

func TestQuestionsShareTheirWorkAndSayWhenItIsDone(t *testing.T) {
	x, v, asked := manyMentions(t)
	for _, left := range []int{0, 500, 1000, 1000 + 20*workPerReading} {
		work := left
		found, more, err := x.Mentions(t.Context(), v, Question{Key: asked.key(), Limit: 1000, Work: &work})
		if err != nil || !more || work > 0 || len(found) > 20 {
			t.Errorf("with %d: %d found, more %v, %d left, %v", left, len(found), more, work, err)
		}
	}
}

// What a view does not show makes no difference to it, not even by its number.
func TestWhatIsOutOfSightCostsAQuestionNothing(t *testing.T) {
	x := opened(t, t.TempDir(), Options{})
	asked := network("192.0.2.1")
	said := map[string]saying{}
	var v View
	var world []placed
	added := int64(0)
	for _, stream := range []string{"CTI_A_RED", "CTI_B_CLEAR", "CTI_C_RED", "CTI_D_CLEAR", "CTI_E_RED"} {
		for i := range 2000 {
			added++
			p := placed{stream: stream, seq: uint64(1 + i/100), index: i % 100, added: added, origin: "sg", id: fmt.Sprintf("indicator--%d", added), version: day1, key: day1, spec: "2.1"}
			world = append(world, p)
			said[p.id+p.key] = saying{things: []thing{asked}, roles: []values.Role{values.Decisive}}
		}
		if strings.HasSuffix(stream, "CLEAR") {
			v.Parts = append(v.Parts, Part{stream, 20})
		}
	}
	applySayings(t, x, world, said)
	for _, asked := range []thing{asked, network("192.0.2.0/24"), network("0.0.0.0/0")} {
		work := 300 * 3 * workPerReading
		found, more, err := x.Mentions(t.Context(), v, Question{Key: asked.key(), Limit: 1000, Work: &work})
		if err != nil || more || len(found) != 200 {
			t.Errorf("%d found, more %v, %v", len(found), more, err)
		}
	}
	m := mentions{selection: newSelection(x, v, Query{}), ctx: t.Context(), left: WorkPerQuestion}
	if err := m.look(asked.key(), false); err != nil || m.hidden > 10*worthSeeking || m.left != WorkPerQuestion-200 {
		t.Errorf("%d keys out of sight were looked at, and %d in sight: %v", m.hidden, WorkPerQuestion-m.left, err)
	}
}

func TestNobodyIsAnsweredWhoHasGone(t *testing.T) {
	x, v, asked := manyMentions(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if found, _, err := x.Mentions(ctx, v, Question{Key: asked.key(), Limit: 1000}); !errors.Is(err, context.Canceled) {
		t.Errorf("%d found, %v", len(found), err)
	}
	if found, _, err := x.Mentions(t.Context(), v, Question{Key: asked.key(), Limit: 1000}); err != nil || len(found) != 1000 {
		t.Errorf("the index fails after that: %d found, %v", len(found), err)
	}
}

func TestOnlyVisibleVersionsSupersedeAndRevoke(t *testing.T) {
	x := opened(t, t.TempDir(), Options{})
	asked := network("192.0.2.1")
	says := saying{things: []thing{asked}, roles: []values.Role{values.Decisive}}
	revoking := says
	revoking.revoked = true
	world := []placed{
		{"CTI_A_CLEAR", 1, 0, 3, "sg", "indicator--1", day1, day1, "2.1"},
		{"CTI_A_RED", 1, 0, 9, "sg", "indicator--1", day2, day2, "2.1"},
	}
	applySayings(t, x, world, map[string]saying{"indicator--1" + day1: says, "indicator--1" + day2: revoking})
	for _, c := range []struct {
		parts           []Part
		latest, revoked bool
	}{
		{[]Part{{"CTI_A_CLEAR", 1}}, true, false},
		{[]Part{{"CTI_A_CLEAR", 1}, {"CTI_A_RED", 2}}, true, false},
		{[]Part{{"CTI_A_CLEAR", 1}, {"CTI_A_RED", 1}}, false, true},
	} {
		found, _, err := x.Mentions(t.Context(), View{Parts: c.parts}, Question{Key: asked.key(), Limit: 9})
		if err != nil || len(found) == 0 {
			t.Fatal(found, err)
		}
		if m := found[len(found)-1]; m.Version != day1 || m.Latest != c.latest || m.Revoked != c.revoked {
			t.Errorf("%v: %s", c.parts, mentionText(&m))
		}
	}
}

// What was applied is told at once, and what is being written disturbs nobody.
func TestMentionsAreToldWhileOthersWrite(t *testing.T) {
	x := opened(t, t.TempDir(), small())
	v := View{Parts: []Part{{"CTI_A_CLEAR", 1}}}
	asked := network("192.0.2.0/24")
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for before := 0; ; {
				found, more, err := x.Mentions(t.Context(), v, Question{Key: asked.key(), Limit: 1000})
				if err != nil || more || len(found) < before {
					t.Errorf("%d found after %d, more %v, %v", len(found), before, more, err)
				}
				before = len(found)
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for i := range 200 {
		one := network(fmt.Sprintf("192.0.2.%d", i))
		// Every other message has a newer version of the object before it.
		p := placed{stream: "CTI_A_CLEAR", seq: uint64(1 + i), added: int64(1 + i), origin: "sg", id: fmt.Sprintf("indicator--%d", i/2), version: day1, key: day1, spec: "2.1"}
		if i%2 == 1 {
			p.version, p.key = day2, day2
		}
		applySayings(t, x, []placed{p}, map[string]saying{p.id + p.key: {things: []thing{one}, roles: []values.Role{values.Decisive}}})
		found, _, err := x.Mentions(t.Context(), v, Question{Key: one.key(), Limit: 10})
		if err != nil || len(found) != 1 || !found[0].Latest {
			t.Fatalf("what was just applied: %+v, %v", found, err)
		}
	}
	close(stop)
	readers.Wait()
	found, _, err := x.Mentions(t.Context(), v, Question{Key: asked.key(), Limit: 1000})
	superseded := 0
	for i := range found {
		if !found[i].Latest {
			superseded++
		}
	}
	if err != nil || len(found) != 200 || superseded != 100 {
		t.Errorf("%d found, %d of them superseded, %v", len(found), superseded, err)
	}
}
