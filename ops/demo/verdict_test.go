package demo

import (
	"bytes"
	"crypto/sha256"
	"io/fs"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/broker/profile"
	"github.com/selat-hub/selat/stix"
)

// quietShow is a show without a hub: two seats that read, and one object.
func quietShow(t *testing.T) (*show, *row, place) {
	t.Helper()
	p, err := profile.Load("asean")
	if err != nil {
		t.Fatal(err)
	}
	x := &show{opts: &Options{}, site: &site{}, region: p.Region(time.Now()), tally: newTally()}
	for _, name := range []string{"my/soc", "us/soc"} {
		s := &seat{Seat: &policy.Seat{Name: name, Member: name[:2], Kind: policy.Subscriber, Standing: policy.Organization, Ceiling: stix.Amber}}
		x.seats, x.readers = append(x.seats, s), append(x.readers, s)
	}
	r := x.newRow("sg", policy.Stream{Audience: "asean", Level: stix.Amber}, "indicator")
	at := place{r.stream, "sg", "indicator--00000000-0000-4000-8000-000000000001", "2026-01-01T00:00:00.000Z", sha256.Sum256([]byte("one"))}
	r.add(at)
	x.rows = append(x.rows, r)
	return x, r, at
}

func TestAResultIsRightOnlyIfExactlyTheExpectedArrived(t *testing.T) {
	cases := map[string]struct {
		arrive func(note func(seat string, p place), p place)
		want   []string
	}{
		"what was expected arrived": {
			func(note func(string, place), p place) { note("my/soc", p) }, nil},
		"nothing arrived": {
			func(func(string, place), place) {}, []string{"missing my/soc"}},
		"it arrived twice": {
			func(note func(string, place), p place) { note("my/soc", p); note("my/soc", p) }, []string{"repeated my/soc"}},
		"it arrived with other bytes": {
			func(note func(string, place), p place) { p.hash[0]++; note("my/soc", p) }, []string{"leak my/soc", "missing my/soc"}},
		"it arrived from another origin": {
			func(note func(string, place), p place) { p.origin = "th"; note("my/soc", p) }, []string{"leak my/soc", "missing my/soc"}},
		"it arrived in another stream as well": {
			func(note func(string, place), p place) {
				note("my/soc", p)
				p.stream = "CTI_REGION_AMBER"
				note("my/soc", p)
			}, []string{"leak my/soc"}},
		"it arrived at a seat that must not have it": {
			func(note func(string, place), p place) { note("my/soc", p); note("us/soc", p) }, []string{"leak us/soc"}},
		"what was refused arrived": {
			func(note func(string, place), p place) {
				note("my/soc", p)
				p.id = "indicator--00000000-0000-4000-8000-000000000002"
				note("us/soc", p)
			}, []string{"leak us/soc"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			x, _, at := quietShow(t)
			c.arrive(func(seat string, p place) { x.tally.note(seat, p, time.Now()) }, at)
			r := x.judge()
			var got []string
			for _, f := range r.Faults {
				got = append(got, f.Kind+" "+f.Seat)
			}
			slices.Sort(got)
			if !slices.Equal(got, c.want) || r.Right != (len(c.want) == 0) {
				t.Errorf("right %v, faults %v, want %v", r.Right, got, c.want)
			}
		})
	}
}

// addresses and names that documentation may use, RFC 5737, 3849 and 2606.
var (
	documentation = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"),
		netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	observable = regexp.MustCompile(`(ipv4-addr|ipv6-addr|domain-name|email-addr):value = '([^']*)'|"value": "([^"]*)"`)
)

func TestEveryFileOfTheFeedIsPlayedAndNamesNobodyReal(t *testing.T) {
	files, err := fs.Glob(feed, "feed/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(f, "feed/"), ".json")
		if !slices.ContainsFunc(script, func(st step) bool { return st.file == name }) {
			t.Errorf("%s is in no step of the script", f)
		}
		b, err := fs.ReadFile(feed, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range observable.FindAllStringSubmatch(string(b), -1) {
			value := m[2] + m[3]
			address, err := netip.ParseAddr(value)
			ours := err == nil && slices.ContainsFunc(documentation, func(p netip.Prefix) bool { return p.Contains(address) })
			if !ours && !strings.HasSuffix(value, ".example") {
				t.Errorf("%s: %s is not reserved for documentation", f, value)
			}
		}
	}
}

func TestTheFeedSaysTheLevelsThatTheScriptStates(t *testing.T) {
	steps, err := readScript()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[stix.Level]bool{}
	for _, st := range steps {
		for i := range st.objects {
			o := &st.objects[i]
			level := strictest(o)
			if st.want != "refused" && level != st.level && !(level == stix.NoLevel && o.Type == "identity") {
				t.Errorf("%s: %s says %s, the script %s", st.file, o.ID, level, st.level)
			}
			if st.want == "accepted" {
				seen[st.level] = true
			}
		}
	}
	if len(seen) != len(stix.Levels) {
		t.Errorf("the feed has levels %v", seen)
	}
}

func TestWhatCameToARowAfterItWasWrittenIsShown(t *testing.T) {
	for _, live := range []bool{false, true} {
		x, _, at := quietShow(t)
		var out bytes.Buffer
		x.board = newBoard(&Options{Out: &out, Live: live}, x)
		x.tally.note("my/soc", at, time.Now())
		x.board.draw()
		x.tally.note("us/soc", at, time.Now())
		x.board.finish()
		const row = " sg   AMBER        asean    indicator         "
		want := row + "✓ ·\n Wrong since they were written:\n" + row + "✓ !\n"
		if got := strings.ReplaceAll(out.String(), "\x1b[K", ""); got != want {
			t.Errorf("live %v: written\n%s, want\n%s", live, got, want)
		}
	}
}
