package broker_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

func (a *attack) connections() (scoped, widened *hostile) {
	a.t.Helper()
	wide, err := a.h.WidenedUser("us/mallory")
	must(a.t, err)
	return a.hostile("scoped", nats.UserCredentials(a.mallory.creds)), a.hostile("widened", wide)
}

func TestAHostileSeatLearnsAndChangesNothing(t *testing.T) {
	a := newAttack(t)
	acks := a.unacknowledged()
	scoped, widened := a.connections()
	before := a.state(nil)
	denied := a.counter("selat_engine_denials_total", "kind", "publish")

	var storm sync.WaitGroup
	for _, c := range []*hostile{scoped, widened} {
		storm.Add(1)
		go func() {
			defer storm.Done()
			c.engineStorm()
			c.systemStorm()
			c.forge(acks)
			c.askHub()
		}()
	}
	storm.Wait()
	// Over the scoped connection a request is answered or denied; over the
	// widened one every request is answered, if only by the engine.
	scoped.await("waiting until all is answered or denied", func() bool { return len(scoped.answered)+scoped.denials >= len(scoped.fired) })
	widened.every()
	scoped.verdict()
	widened.verdict()
	a.unchanged("the storm", before, a.state(nil))
	if more := a.counter("selat_engine_denials_total", "kind", "publish") - denied; int(more) != scoped.denials+widened.denials || scoped.denials == 0 {
		t.Errorf("the engine denied %d requests, the metric counted %.0f", scoped.denials+widened.denials, more)
	}
	a.stillServed()
	scoped.mu.Lock()
	defer scoped.mu.Unlock()
	widened.mu.Lock()
	defer widened.mu.Unlock()
	t.Logf("%d requests tried over the scoped connection (%d denied and counted, %d answered), %d over the widened one (%d answered); nothing leaked, nothing changed",
		len(scoped.fired), scoped.denials, len(scoped.answered), len(widened.fired), len(widened.answered))
}

// unacknowledged lets the victim receive without acknowledging, and returns
// the subjects that would acknowledge for it.
func (a *attack) unacknowledged() []string {
	a.t.Helper()
	var out []string
	for _, stream := range []string{"CTI_REGION_GREEN", "CTI_REGION_AMBER", "CTI_MY_RED"} {
		c, err := a.victim.js.Consumer(a.t.Context(), stream, a.victim.account)
		must(a.t, err)
		batch, err := c.Fetch(10, jetstream.FetchMaxWait(time.Second))
		must(a.t, err)
		for m := range batch.Messages() {
			out = append(out, m.Reply())
		}
		must(a.t, batch.Error())
	}
	if len(out) == 0 {
		a.t.Fatal("the victim received nothing")
	}
	return out
}

// engineStorm asks everything the engine answers to, on every stream, under
// every prefix, in the name of its own durable and of others'.
func (c *hostile) engineStorm() {
	a := c.a
	keys := []string{a.mallory.account, a.victim.account, a.source.account}
	seen := map[string]bool{}
	for template, body := range engineRequests {
		for _, stream := range append([]string{"*", "CTI_ASEAN_AMBER.>"}, a.streams...) {
			for _, key := range keys {
				subject := fill(template, stream, key, "cti.>")
				for _, prefix := range []string{"$JS.API", api.APIPrefix, "$JS.selat.API", "$JS.hub.API"} {
					s := strings.Replace(subject, "$JS.API", prefix, 1)
					if seen[s] {
						continue
					}
					seen[s] = true
					own := strings.HasPrefix(s, api.APIPrefix+".CONSUMER.INFO.") || strings.HasPrefix(s, api.APIPrefix+".CONSUMER.MSG.NEXT.")
					c.fire(own && strings.HasSuffix(s, "."+a.mallory.account), s, fill(body, stream, key))
					// A pull without a body waits until there is something.
					if body != "" && template != server.JSApiRequestNextT {
						c.fire(own && strings.HasSuffix(s, "."+a.mallory.account), s, "")
					}
				}
			}
		}
	}
}

func (c *hostile) systemStorm() {
	a := c.a
	claims := selfMadeClaims(a.t, a.mallory.account, a.h.HubAccount())
	for _, s := range systemRequests(c.nc.ConnectedServerId(), a.mallory.account, a.victim.account, a.h.HubAccount(), a.h.SystemAccount()) {
		for _, body := range []string{"", `{"cid":1,"auth":true,"subscriptions":true,"accounts":true,"streams":true,"config":true}`, claims, a.victim.account} {
			c.fire(false, s, body)
		}
	}
	for _, s := range []string{"member.suspend", "member.list", "seat.add", "seat.list", "community.list", "community.join", "status", "route"} {
		c.fire(false, "admin."+s, `{"name":"my","community":"asean","member":"us"}`)
		c.fire(false, "$SYS.REQ."+s, ``)
	}
}

// forge acknowledges for others, speaks as others, and writes where only the
// hub writes.
func (c *hostile) forge(acks []string) {
	a := c.a
	words := []string{"+ACK", "-NAK", "+TERM", "+WPI", "+NXT", "", `-NAK {"delay":1}`, "+NXT {\"batch\":10,\"no_wait\":true}"}
	for _, ack := range acks {
		for _, w := range words {
			c.fire(false, ack, w)
		}
	}
	for _, stream := range a.streams {
		for _, key := range []string{a.victim.account, a.source.account} {
			for _, s := range []string{
				"$JS.ACK." + stream + "." + key + ".1.1.1.1700000000000000000.0",
				"$JS.ACK._.x." + stream + "." + key + ".1.1.1.1700000000000000000.0",
				"$JS.ACK._.x." + stream + "." + key + ".1.1.1.1700000000000000000.0.x",
				// Its own key where the other form of an acknowledgement has it.
				"$JS.ACK." + stream + "." + key + ".1." + a.mallory.account + ".1.1.0.0.0",
				"$JS.ACK." + stream + "." + key + "." + a.mallory.account + ".1.1.0.0",
				"$JS.ACK.x." + a.mallory.account + "." + stream + "." + key + ".1.1.1.0.0",
			} {
				for _, w := range words[:3] {
					c.fire(false, s, w)
				}
			}
		}
	}
	payload := string(bundle(strings.Replace(indicator(90_001, stix.Clear), "test", "forged", 1)))
	for _, s := range []string{
		"seat." + a.victim.account + ".submit", "seat." + a.source.account + ".submit", "seat." + a.mallory.account + ".submit",
		"seat." + a.victim.account + ".streams", "seat." + a.victim.account + ".replay", "ingest." + a.source.account + ".submit",
		"cti.region.clear.sg.indicator", "cti.region.clear.us.indicator", "cti.asean.amber.sg.indicator", "cti.my.red.us.indicator", "cti.us.red.us.indicator",
		"$KV.DIRECTORY.region", "_R_.abcdef", "_GR_.abcdef", "_INBOX." + a.victim.account,
	} {
		c.fire(false, s, payload)
	}
}

// askHub asks what a seat may ask, about what it may not know.
func (c *hostile) askHub() {
	a := c.a
	region := a.h.Region()
	id := func(n int) string { return fmt.Sprintf("indicator--00000000-0000-4000-8000-%012x", n) }
	for _, s := range region.Streams() {
		name := region.Name(s)
		for _, q := range []string{`{"streams":[%q],"all":true}`, `{"streams":[%q],"sequence":1}`, `{"streams":[%q],"since":"2020-01-01T00:00:00Z"}`} {
			c.fire(true, api.SubjectReplay, fmt.Sprintf(q, name))
		}
	}
	for n := 1; n <= a.objects; n++ {
		c.fire(true, api.SubjectReceipts, fmt.Sprintf(`{"objects":[{"id":%q},{"id":%q,"version":"2026-01-01T00:00:00.000Z"}]}`, id(n), id(n)))
	}
	c.fire(true, api.SubjectLookup, `{"values":["192.0.2.0/24","0.0.0.0/0","::/0","com."],"subdomains":true,"limit":1000}`)
	c.fire(true, api.SubjectLookup, `{"values":["0.0.0.0/0"],"drill":true,"limit":1000}`)
	for _, s := range region.Streams() {
		c.fire(true, api.SubjectManifest, fmt.Sprintf(`{"audience":%q,"tlp":%q}`, s.Audience, s.Level))
	}
	for _, subject := range []string{api.SubjectWhoami, api.SubjectStreams, api.SubjectReplay, api.SubjectReceipts, api.SubjectRoute, api.SubjectLookup, api.SubjectManifest} {
		for _, body := range []string{"", "{", "null", "[]", `"x"`, `{"all":"yes"}`, `{"streams":["KV_DIRECTORY"],"all":true}`, `{"streams":["CTI_*_AMBER"],"all":true}`, `{"streams":[">"],"sequence":18446744073709551615}`, strings.Repeat("[", 100_000), "\xff\xfe"} {
			c.fire(true, subject, body)
		}
	}
	c.fire(true, api.SubjectRoute, string(bundle(indicator(1, stix.Amber), indicator(2, stix.Red), indicator(3, stix.Clear))))
	c.fire(true, api.SubjectSubmit, "not STIX")
}

// stillServed sees that those who behave are served as before.
func (a *attack) stillServed() {
	a.t.Helper()
	a.objects++
	o := indicator(a.objects, stix.Green)
	if r := a.source.submit(bundle(o), "region"); r.Accepted != 1 {
		a.t.Errorf("sg/feed: %+v", r)
	}
	for name, s := range map[string]*seat{"my/analyst": a.victim, "us/mallory": a.mallory} {
		got := s.drain()["CTI_REGION_GREEN"]
		if len(got) == 0 || got[len(got)-1] != o {
			a.t.Errorf("%s received %d objects, and not the last", name, len(got))
		}
	}
}

func TestAHostileSeatHearsNothingOfOthersTraffic(t *testing.T) {
	a := newAttack(t)
	scoped, widened := a.connections()
	for _, c := range []*hostile{scoped, widened} {
		for _, subject := range []string{">", "*", "_INBOX.>", "_R_.>", "_GR_.>", "cti.>", "cti.my.red.sg.indicator", "seat.>", "seat.*.submit", "ingest.>", "admin.>", "$JS.>", "$JS.ACK.>", "$JS.API.>", "$JS.EVENT.>",
			"$SYS.>", "$SYS.ACCOUNT.>", "$KV.>", "$SRV.>", "CTI.>", "submit", "hub.>", "_INBOX." + a.victim.account + ".>"} {
			_, err := c.nc.Subscribe(subject, func(m *nats.Msg) {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.leaked("listening on "+subject, m)
				for _, key := range a.foreign {
					if strings.Contains(m.Subject+fmt.Sprint(m.Header), string(key)) {
						c.leaks = append(c.leaks, fmt.Sprintf("listening on %s: %s", subject, m.Subject))
					}
				}
			})
			must(t, err)
		}
		must(t, c.nc.Flush())
	}
	// One of them is allowed, "_INBOX.>" and what is under it.
	scoped.await("waiting for the refused subscriptions", func() bool { return scoped.denials >= 21 })
	if n := a.counter("selat_engine_denials_total", "kind", "subscribe"); int(n) != scoped.denials {
		t.Errorf("%d subscriptions were denied, the metric counted %.0f", scoped.denials, n)
	}
	for range 5 {
		a.publish()
		a.victim.drain()
		a.source.drain()
		ask[api.Whoami](a.victim, api.SubjectWhoami, nil)
	}
	a.stillServed()
	scoped.verdict()
	widened.verdict()
	t.Logf("%d hidden objects passed by unheard", a.sent)
}

// selfMadeClaims is an account token that gives mallory everything, signed by
// an operator of mallory's own making.
func selfMadeClaims(t *testing.T, account, hub string) string {
	t.Helper()
	operator, err := nkeys.CreateOperator()
	must(t, err)
	c := jwt.NewAccountClaims(account)
	c.Imports.Add(&jwt.Import{Name: "all", Account: hub, Subject: "$JS.API.>", LocalSubject: "all.>", Type: jwt.Service})
	token, err := c.Encode(operator)
	must(t, err)
	return token
}
