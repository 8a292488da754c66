package taxii

import (
	"bytes"
	"cmp"
	"encoding/json"
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

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// shared is where third-party data lies, without which the test is skipped.
func shared(t testing.TB, elem ...string) string {
	t.Helper()
	dir := os.Getenv("SELAT_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	file := filepath.Join(append([]string{dir}, elem...)...)
	if _, err := os.Stat(file); err != nil {
		t.Skipf("no third-party data: %s is absent; set SELAT_SHARED to the folder that has it", file)
	}
	return file
}

// fixture is medallion's default data, as far as the dialogues need it.
type fixture struct {
	Root struct {
		Information struct {
			Title, Description string
		}
		Collections []struct {
			ID, Title string
			CanRead   bool `json:"can_read"`
			CanWrite  bool `json:"can_write"`
			Objects   []json.RawMessage
			Manifest  []struct {
				ID, Version string
				Added       string `json:"date_added"`
			}
		}
	} `json:"trustgroup1"`
}

// stands says which stream holds each of the fixture's collections. The others
// are not asked for, and have no counterpart: a collection that may neither be
// read nor written to is none of the caller's.
var stands = map[string]policy.Stream{
	"91a7b528-80eb-42ed-a74d-c6fbd5a26116": {Audience: "asean", Level: stix.Amber},
	"365fed99-08fa-fdcd-a1b3-fb247eb41d01": {Audience: "asean", Level: stix.Green},
}

// fixtureHub is a hub that holds the fixture, and a server that names its
// collections as the fixture does.
func fixtureHub(t *testing.T) (*realHub, *Server) {
	t.Helper()
	b, err := os.ReadFile(shared(t, "cases", "taxii21_default_data.json"))
	must(t, err)
	var f fixture
	must(t, json.Unmarshal(b, &f))
	h := newHub(t)
	h.seat("sg/desk", policy.Both, stix.Amber)
	h.users["admin"] = [2]string{"sg/desk", "Password0"}
	js := hubUser(h)
	for _, c := range f.Root.Collections {
		stream, ok := stands[c.ID]
		if !ok {
			continue
		}
		var last int64
		slices.SortStableFunc(c.Manifest, func(a, b struct {
			ID, Version string
			Added       string `json:"date_added"`
		}) int {
			return cmp.Compare(a.Added, b.Added)
		})
		for _, m := range c.Manifest {
			raw := find(t, c.Objects, m.ID, m.Version)
			at, err := time.Parse(timestampLayout, m.Added)
			must(t, err)
			// No two objects of the hub were added in one microsecond.
			last = max(at.UnixMicro(), last+1)
			typ, _, _ := strings.Cut(m.ID, "--")
			msg := nats.NewMsg(h.Region().Subject(stream, "sg", typ))
			msg.Data = stix.AppendBundle(nil, "bundle--00000000-0000-4000-8000-000000000000", raw)
			for name, value := range map[string]string{
				api.HeaderAdded: time.UnixMicro(last).UTC().Format(timestampLayout), api.HeaderOrigin: "sg",
				api.HeaderAudience: stream.Audience, api.HeaderLevel: stream.Level.String(), api.HeaderUnmarkedLevel: stream.Level.String(),
			} {
				msg.Header.Set(name, value)
			}
			_, err = js.PublishMsg(t.Context(), msg)
			must(t, err)
		}
	}
	js.Conn().Close()
	// The hub learns of what it did not write itself when it starts.
	must(t, h.Close())
	h.start()
	s := h.serve(func(s *Server) {
		info := f.Root.Information
		s.roots = []root{{path: "/trustgroup1/", title: info.Title, description: info.Description, name: func(_ *policy.Region, c *policy.Collection, _ caller) name {
			for id, stream := range stands {
				if c.Kind == policy.OneStream && c.Stream == stream {
					return name{id: id, title: id}
				}
			}
			return name{}
		}}}
		none := func(*policy.Region, *policy.Collection, caller) name { return name{} }
		s.roots = append(s.roots, root{path: "/api1/", title: "General STIX 2.1 Collections", name: none}, root{path: "/api2/", title: "STIX 2.1 Indicator Collections", name: none})
	})
	return h, s
}

func find(t *testing.T, objects []json.RawMessage, id, version string) []byte {
	t.Helper()
	for _, raw := range objects {
		if i, v := idVersion(t, raw); i == id && v == version {
			var b bytes.Buffer
			must(t, json.Compact(&b, raw))
			return b.Bytes()
		}
	}
	t.Fatalf("the fixture lacks %s of %s", id, version)
	return nil
}

func idVersion(t testing.TB, raw []byte) (id, version string) {
	t.Helper()
	var o struct{ ID, Modified, Created, Version string }
	must(t, json.Unmarshal(raw, &o))
	return o.ID, cmp.Or(o.Version, o.Modified, o.Created)
}

// hubUser is a connection to the account that owns the streams, made from the
// keys in the hub's folder: only so can what is stored have dates of the past.
func hubUser(h *realHub) jetstream.JetStream {
	h.t.Helper()
	key := func(file string) nkeys.KeyPair {
		seed, err := os.ReadFile(filepath.Join(h.cfg.Data, "keys", file))
		must(h.t, err)
		kp, err := nkeys.FromSeed(bytes.TrimSpace(seed))
		must(h.t, err)
		return kp
	}
	account, err := key("hub-account.nk").PublicKey()
	must(h.t, err)
	user, err := nkeys.CreateUser()
	must(h.t, err)
	public, err := user.PublicKey()
	must(h.t, err)
	claims := jwt.NewUserClaims(public)
	claims.Name, claims.IssuerAccount = "fixture", account
	token, err := claims.Encode(key("hub-signing.nk"))
	must(h.t, err)
	nc, err := nats.Connect(h.URL(), nats.UserJWT(func() (string, error) { return token, nil }, user.Sign))
	must(h.t, err)
	h.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	must(h.t, err)
	return js
}
