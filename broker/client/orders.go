package client

import (
	"fmt"
	"slices"
	"sync"

	"github.com/go-json-experiment/json"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// ordersMost is how many orders are remembered, the newest. An order matters for
// as long as its object may still be on its way here: the hub has erased it
// before, so that is what waits in this process, or comes again to it.
const ordersMost = 1 << 16

// orders remembers what is to be forgotten, from the moment it arrives.
type orders struct {
	seen seen

	mu     sync.Mutex
	first  uint64             // number of the oldest
	next   uint64             // number of the next
	known  map[uint64]*known  // by number
	about  map[about][]*known // by what they are about
	byName map[orderName]*known
}

// known is an order that has arrived.
type known struct {
	Order api.RecallOrder `json:"order"`
	// Done is true once it was handled, and Kept if it leaves the seat what it has.
	Done bool `json:"done,omitempty"`
	Kept bool `json:"kept,omitempty"`

	number uint64
}

// about is an object by its origin and id.
type about struct{ origin, id string }

// orderName tells orders apart: the same comes once for each level, and one may come
// for each of several versions.
type orderName struct {
	recall, version string
	level           stix.Level
}

func openOrders(s seen) (*orders, error) {
	os := &orders{seen: s, known: map[uint64]*known{}, about: map[about][]*known{}, byName: map[orderName]*known{}}
	err := s.keptOrders(func(n uint64, b []byte) error {
		k := &known{number: n}
		if err := json.Unmarshal(b, k); err != nil {
			return fmt.Errorf("reading order %d of the state: %w", n, err)
		}
		if len(os.known) == 0 {
			os.first = n
		}
		os.next = n + 1
		os.put(k)
		return nil
	})
	return os, err
}

func (os *orders) put(k *known) {
	os.known[k.number] = k
	a := about{k.Order.Origin, k.Order.ID}
	os.about[a] = append(os.about[a], k)
	os.byName[orderName{k.Order.Recall, k.Order.Version, k.Order.Level}] = k
}

// arrive makes an order known and returns what is known of it: from here on the
// objects that it covers are not handed over. kept tells whether it leaves the
// seat what it has, and is asked of a new order only.
func (os *orders) arrive(o *api.RecallOrder, kept func() (bool, error)) (k *known, err error) {
	os.mu.Lock()
	k = os.byName[orderName{o.Recall, o.Version, o.Level}]
	os.mu.Unlock()
	if k != nil {
		return k, nil
	}
	k = &known{Order: *o}
	k.Order.Reason = "" // it is told, and covers nothing
	if k.Kept, err = kept(); err != nil {
		return nil, err
	}
	os.mu.Lock()
	defer os.mu.Unlock()
	k.number = os.next
	if err := os.write(k); err != nil {
		return nil, err
	}
	os.next++
	os.put(k)
	for len(os.known) > ordersMost {
		if err := os.drop(); err != nil {
			return nil, err
		}
	}
	return k, nil
}

func (os *orders) write(k *known) error {
	b, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("writing an order to the state: %w", err)
	}
	return os.seen.keepOrder(k.number, b)
}

// drop lets go of the oldest.
func (os *orders) drop() error {
	k := os.known[os.first]
	os.first++
	if k == nil {
		return nil
	}
	delete(os.known, k.number)
	delete(os.byName, orderName{k.Order.Recall, k.Order.Version, k.Order.Level})
	a := about{k.Order.Origin, k.Order.ID}
	if os.about[a] = os.about[a][1:]; len(os.about[a]) == 0 { // the oldest of them too
		delete(os.about, a)
	}
	return os.seen.dropOrder(k.number)
}

// done notes that an order was handled.
func (os *orders) done(k *known) error {
	os.mu.Lock()
	defer os.mu.Unlock()
	k.Done = true
	if os.known[k.number] != k {
		return nil
	}
	return os.write(k)
}

// isDone reports whether an order was handled.
func (os *orders) isDone(k *known) bool {
	os.mu.Lock()
	defer os.mu.Unlock()
	return k.Done
}

// leaves reports whether an order leaves the seat what it has: it is kept, and
// nothing was recalled of the object after it was given, as far as is known by now. A
// recall takes with it what an earlier narrowing had left, and so that narrowing
// leaves nothing when it comes after the recall. Later narrowings take nothing from
// it: what both cover has the stricter of their levels, in whatever sequence they come.
func (os *orders) leaves(k *known) bool {
	os.mu.Lock()
	defer os.mu.Unlock()
	return k.Kept && !slices.ContainsFunc(os.about[about{k.Order.Origin, k.Order.ID}], func(other *known) bool {
		return !narrows(&other.Order) && other.Order.At.After(k.Order.At)
	})
}

// covers reports whether an order that has arrived takes an object away. What the
// seat may keep and has not got yet is taken too: whether it still comes would be
// chance, since the hub has it no more.
func (os *orders) covers(d *Delivery) bool {
	os.mu.Lock()
	defer os.mu.Unlock()
	for _, k := range os.about[about{d.Origin, d.ID}] {
		if Covers(&k.Order, d) {
			return true
		}
	}
	return false
}
