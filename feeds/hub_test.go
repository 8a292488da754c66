package feeds_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/broker/profile"
	"github.com/selat-hub/selat/stix"
)

// testHub is a hub of two members in a folder of its own.
type testHub struct {
	*broker.Hub
	dir string
	nc  *nats.Conn
	js  jetstream.JetStream // as the hub itself sees it
}

func newHub(ctx context.Context, dir string) (h *testHub, err error) {
	cfg := broker.DefaultConfig()
	cfg.Data, cfg.Listen, cfg.HTTP.Listen = filepath.Join(dir, "hub"), "127.0.0.1:0", ""
	cfg.Store.ReserveBytes, cfg.Limits.SubmissionsPerSecond = 1<<20, 0
	p, err := profile.Load("asean")
	if err != nil {
		return nil, err
	}
	region := p.Region(time.Now().UTC())
	for name, c := range region.Communities {
		if name != "asean" && name != "region" {
			delete(region.Communities, name)
			continue
		}
		for m := range c.Places {
			if m != "sg" && m != "my" {
				delete(c.Places, m)
			}
		}
		c.Known = nil
	}
	for name := range region.Members {
		if name != "sg" && name != "my" {
			delete(region.Members, name)
		}
	}
	if err := broker.Init(ctx, cfg, region, nil); err != nil {
		return nil, err
	}
	h = &testHub{dir: dir}
	if h.Hub, err = broker.Start(ctx, cfg, nil); err != nil {
		return nil, err
	}
	err = h.connect(filepath.Join(cfg.Data, "keys"))
	return h, err
}

func (h *testHub) close() error {
	h.nc.Close()
	return h.Close()
}

// connect connects as the account that owns the streams, with the keys of the hub.
func (h *testHub) connect(keys string) error {
	var pairs []nkeys.KeyPair
	for _, name := range []string{"hub-account.nk", "hub-signing.nk"} {
		seed, err := os.ReadFile(filepath.Join(keys, name))
		if err != nil {
			return err
		}
		kp, err := nkeys.FromSeed(bytes.TrimSpace(seed))
		if err != nil {
			return err
		}
		pairs = append(pairs, kp)
	}
	user, err := nkeys.CreateUser()
	if err != nil {
		return err
	}
	name, err := user.PublicKey()
	if err != nil {
		return err
	}
	c := jwt.NewUserClaims(name)
	if c.IssuerAccount, err = pairs[0].PublicKey(); err != nil {
		return err
	}
	token, err := c.Encode(pairs[1])
	if err != nil {
		return err
	}
	h.nc, err = nats.Connect(h.URL(), nats.UserJWT(func() (string, error) { return token, nil }, user.Sign))
	if err == nil {
		h.js, err = jetstream.New(h.nc)
	}
	return err
}

// seat enrols a seat and writes its credentials into a file.
func (h *testHub) seat(ctx context.Context, name string, kind policy.Kind, ceiling stix.Level) (creds string, err error) {
	b, err := h.AddSeat(ctx, policy.Seat{Name: name, Kind: kind, Standing: policy.Organization, Ceiling: ceiling})
	if err != nil {
		return "", err
	}
	creds = filepath.Join(h.dir, strings.ReplaceAll(name, "/", "-")+".creds")
	return creds, os.WriteFile(creds, b, 0o600)
}

// hasten has the hub send again what a seat did not acknowledge within a second
// instead of half a minute: what a daemon had in hand that was killed.
func (h *testHub) hasten(ctx context.Context, creds string) error {
	c, err := client.Connect(ctx, client.Options{CredsFile: creds})
	if err != nil {
		return err
	}
	defer c.Close()
	all, err := c.Streams(ctx) // which makes its durables
	if err != nil {
		return err
	}
	names := []string{all.Control.Name}
	for _, s := range all.Streams {
		names = append(names, s.Name)
	}
	for _, name := range names {
		d, err := h.js.Consumer(ctx, name, c.Account())
		if err != nil {
			return err
		}
		config := d.CachedInfo().Config
		config.AckWait = time.Second
		if _, err := h.js.UpdateConsumer(ctx, name, config); err != nil {
			return err
		}
	}
	return nil
}

// stored is an object in a stream, read there without the hub's own code.
type stored struct {
	stix.Object
	stream string
}

// objects reads all streams of objects to their ends.
func (h *testHub) objects(ctx context.Context) (all []stored, err error) {
	names := h.js.StreamNames(ctx, jetstream.WithStreamListSubject("cti.>"))
	for name := range names.Name() {
		if all, err = h.read(ctx, name, all); err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
	}
	return all, names.Err()
}

func (h *testHub) read(ctx context.Context, name string, all []stored) ([]stored, error) {
	limits := stix.Limits{PayloadBytes: 1 << 30, ObjectBytes: 1 << 30, Objects: 1 << 30, Depth: 10_000}
	s, err := h.js.Stream(ctx, name)
	if err != nil {
		return nil, err
	}
	next, left := uint64(1), s.CachedInfo().State.Msgs
	for left > 0 {
		msgs, err := jetstreamext.GetBatch(ctx, h.js, name, 500, jetstreamext.GetBatchSeq(next))
		if err != nil {
			return nil, err
		}
		got := 0
		for m, err := range msgs {
			if err != nil {
				break // one that was erased meanwhile, or the end
			}
			got++
			next = m.Sequence + 1
			objects, err := stix.SplitValidated(m.Data, limits)
			if err != nil {
				return nil, err
			}
			for _, o := range objects {
				all = append(all, stored{o, name})
			}
		}
		if got == 0 || uint64(got) >= left {
			break
		}
		left -= uint64(got)
	}
	return all, nil
}

// must is for what is no part of what is tested.
func must(t interface {
	Helper()
	Fatal(...any)
}, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
