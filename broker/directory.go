package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
)

// The directory is one value in the hub's own key-value bucket: a change to
// several members, seats and rosters is one atomic, revisioned write, and
// every reader sees one state of it.
const (
	directoryBucket = "DIRECTORY"
	directoryKey    = "region"
	directoryStream = "KV_" + directoryBucket
)

type directoryRecord struct {
	Format      int                          `json:"format"`
	Changed     time.Time                    `json:"changed"`
	Members     map[string]*policy.Member    `json:"members"`
	Seats       map[string]*policy.Seat      `json:"seats"`
	Communities map[string]*policy.Community `json:"communities"`
}

const directoryFormat = 1

func (h *Hub) openDirectory(ctx context.Context) error {
	// It is made once and not updated: that would rewrite its settings on disk
	// at every start (storemeta.go).
	kv, err := h.js.KeyValue(ctx, directoryBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = h.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: directoryBucket, Description: "members, seats, communities", Replicas: h.cfg.replicas(),
			History: 64, Storage: jetstream.FileStorage, Compression: !h.cfg.Clustered(),
		})
	}
	if err != nil {
		return fmt.Errorf("opening its bucket: %w", err)
	}
	h.kv = kv
	size, err := h.StreamSize(ctx, directoryStream)
	if err != nil {
		return err
	}
	entry, err := kv.Get(ctx, directoryKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) && size.LastSeq == 0 {
		h.region.Store(policy.NewRegion(nil, nil, nil))
		return nil
	}
	if err != nil && !errors.Is(err, jetstream.ErrKeyNotFound) {
		return fmt.Errorf("reading it: %w", err)
	}
	if err != nil || entry.Revision() < size.LastSeq {
		// An earlier one lets in who was shut out since.
		return fmt.Errorf("revision %d of the directory, which is the latest, cannot be read: the store is damaged; restore it, then start again", size.LastSeq)
	}
	r, err := readDirectory(entry.Value(), entry.Revision())
	if err != nil {
		return err
	}
	h.region.Store(r)
	return nil
}

func readDirectory(b []byte, revision uint64) (*policy.Region, error) {
	var rec directoryRecord
	if err := json.Unmarshal(b, &rec); err != nil {
		return nil, fmt.Errorf("revision %d of the directory is unreadable: %w", revision, err)
	}
	if rec.Format != directoryFormat {
		return nil, fmt.Errorf("the directory has format %d, this program reads %d: use the program that wrote it", rec.Format, directoryFormat)
	}
	return policy.NewRegion(rec.Members, rec.Seats, rec.Communities), nil
}

// saveDirectory writes the region durably. The caller holds h.admin.
func (h *Hub) saveDirectory(ctx context.Context, r *policy.Region) error {
	b, err := json.Marshal(directoryRecord{Format: directoryFormat, Changed: time.Now().UTC(), Members: r.Members, Seats: r.Seats, Communities: r.Communities})
	if err != nil {
		return fmt.Errorf("writing the directory: %w", err)
	}
	if h.lead != nil {
		return h.saveAfter(ctx, b)
	}
	if _, err := h.kv.Put(ctx, directoryKey, b); err != nil {
		return fmt.Errorf("writing the directory: %w", err)
	}
	return nil
}

// draft is a copy of the region that a change may edit: the maps are its own,
// and the records in it are replaced, never written through.
type draft struct{ *policy.Region }

func newDraft(r *policy.Region) draft {
	return draft{policy.NewRegion(maps.Clone(orEmpty(r.Members)), maps.Clone(orEmpty(r.Seats)), maps.Clone(orEmpty(r.Communities)))}
}

func orEmpty[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}

// member returns an editable copy of a member, already placed in the draft.
func (d draft) member(name string) (*policy.Member, error) {
	m := d.Members[name]
	if m == nil {
		return nil, notFound("member", name, "selat member list")
	}
	c := *m
	d.Members[name] = &c
	return &c, nil
}

func (d draft) seat(name string) (*policy.Seat, error) {
	s := d.Seats[name]
	if s == nil {
		return nil, notFound("seat", name, "selat seat list")
	}
	c := *s
	d.Seats[name] = &c
	return &c, nil
}

func (d draft) community(name string) (*policy.Community, error) {
	c := d.Communities[name]
	if c == nil {
		return nil, notFound("community", name, "selat community list")
	}
	n := *c
	n.Places, n.Former = maps.Clone(orEmpty(c.Places)), maps.Clone(orEmpty(c.Former))
	d.Communities[name] = &n
	return &n, nil
}

func (d draft) seatsOf(member string) []string {
	var out []string
	for name, s := range d.Seats {
		if s.Member == member {
			out = append(out, name)
		}
	}
	return out
}

// change applies one act to the directory: edit a draft, write it, make it the
// region in force, then bring durables and accounts in line. When it returns
// nil, nobody holds what the act took away. When the last step fails the act
// stands, the hub is not ready, and it goes on trying until everything is in
// line.
func (h *Hub) change(ctx context.Context, edit func(d draft) error) error {
	if h.lead != nil && h.writers == nil && !h.lead.holds() {
		return errNobodyLeads // another node decides
	}
	h.admin.Lock()
	defer h.admin.Unlock()
	old := h.region.Load()
	d := newDraft(old)
	if err := edit(d); err != nil {
		return err
	}
	next := policy.NewRegion(d.Members, d.Seats, d.Communities)
	if err := h.ensureStreamsOf(ctx, next); err != nil {
		return err
	}
	err := h.putInForce(ctx, old, next)
	if err == nil {
		err = h.applied(context.WithoutCancel(ctx), func(n *needs) { n.Directory = h.revision })
	}
	return err
}

// putInForce writes a state of the directory and brings everything on this node in
// line with it.
func (h *Hub) putInForce(ctx context.Context, old, next *policy.Region) error {
	// From here until the durables are gone, no seat is handed a new one.
	h.gate.Lock()
	defer h.gate.Unlock()
	if err := h.saveDirectory(ctx, next); err != nil {
		return err
	}
	h.region.Store(next)
	// What was decided is carried out even if whoever asked has gone.
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), enforceTimeout)
	defer done()
	if err := h.enforce(ctx, old, next); err != nil {
		h.log.Error("a change of the directory is written but not in force everywhere; trying again until it is", "error", err)
		if h.unjust.CompareAndSwap(false, true) {
			h.go_(func() { h.enforceLater(h.run) })
		}
		return &api.Error{Code: "unfinished", Message: "the change is written but not yet in force everywhere; the hub goes on trying, and /readyz says when it is: " + err.Error()}
	}
	return nil
}

const (
	enforceTimeout = time.Minute
	enforceEvery   = time.Second
)

// enforceLater holds everything against the directory, as a start does, until
// it succeeds.
func (h *Hub) enforceLater(ctx context.Context) {
	tick := time.NewTicker(enforceEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		h.gate.Lock()
		try, done := context.WithTimeout(ctx, enforceTimeout)
		_, err := h.reconcile(try)
		done()
		h.gate.Unlock()
		if err == nil {
			h.unjust.Store(false)
			h.log.Info("the directory is in force everywhere again")
			return
		}
		h.log.Error("the directory is still not in force everywhere", "error", err)
	}
}
