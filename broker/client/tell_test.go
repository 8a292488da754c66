package client

import (
	"errors"
	"testing"

	"github.com/selat-hub/selat/broker/api"
)

// twoMembers is a submission of a supporting object and two others.
func twoMembers(r *api.Receipt) (*publishing, *sent) {
	sp := &support{id: "identity--00000000-0000-4000-8000-000000000001", travels: true, carried: true, at: []position{{number: 2}}}
	d := &draft{carried: []*support{sp}, members: []member{{position: position{number: 0}}, {position: position{number: 1}}}}
	p := &publishing{supports: &supports{all: []*support{sp}}}
	p.sum.Objects = 3
	return p, &sent{draft: d, receipt: r}
}

func TestAReceiptOfCountsAloneIsCounted(t *testing.T) {
	for name, c := range map[string]struct {
		receipt                       api.Receipt
		refused, untold, answered, ok int
	}{
		"all refused":                   {api.Receipt{Refused: 3}, 3, 3, 3, 0},
		"some refused":                  {api.Receipt{Accepted: 1, Duplicate: 1, Refused: 1}, 1, 3, 3, 2},
		"all accepted":                  {api.Receipt{Accepted: 3}, 0, 3, 3, 3},
		"counts of a part tell nothing": {api.Receipt{Accepted: 1}, 0, 0, 0, 1},
		"no counts at all":              {api.Receipt{}, 0, 0, 0, 0},
	} {
		p, s := twoMembers(&c.receipt)
		if err := errors.Join(p.tell(s), p.tellSupports()); err != nil {
			t.Fatal(err)
		}
		if p.sum.Refused != c.refused || p.sum.Untold != c.untold || p.answered != c.answered || p.sum.Accepted+p.sum.Duplicate != c.ok || p.sum.Codes["unknown"] != c.refused {
			t.Errorf("%s: %d answered, %+v", name, p.answered, p.sum)
		}
	}
}

func TestAMemberWithoutALineIsNotAnswered(t *testing.T) {
	p, s := twoMembers(&api.Receipt{Accepted: 2, Objects: []api.ObjectReceipt{{Object: 0, Outcome: api.Accepted}, {Object: 1, Outcome: api.Accepted}}})
	if err := errors.Join(p.tell(s), p.tellSupports()); err != nil || p.answered != 2 || p.sum.Accepted != 2 {
		t.Errorf("%v, %d answered, %+v", err, p.answered, p.sum)
	}
}

func TestWhatIsKnownIsToldBesideAnError(t *testing.T) {
	p, s := twoMembers(&api.Receipt{Retry: true, Objects: []api.ObjectReceipt{{Object: 1, Outcome: api.Accepted}, {Object: 2, Outcome: api.Refused}}})
	s.err = ErrUnreachable
	if err := p.tell(s); !errors.Is(err, ErrUnreachable) || p.sum.Accepted != 1 || p.sum.Refused != 1 {
		t.Errorf("%v, %+v", err, p.sum)
	}
}

func TestASubmissionToManyKeepsWhatTheHubTakesInCopies(t *testing.T) {
	for _, c := range []struct{ to, limit, want int }{
		{0, 10000, 10000}, {1, 10000, 10000}, {2, 10000, 2000}, {40, 10000, 100}, {200, 10000, 100},
		{250, 10000, 80}, {2, 50, 50}, {10, 50, 10}, {256, 50, 1},
	} {
		if got := objectsTo(c.to, c.limit); got != c.want {
			t.Errorf("to %d with a limit of %d: %d, want %d", c.to, c.limit, got, c.want)
		}
	}
}
