package broker_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// lasts is the newest sequence of every stream.
func (a *attack) lasts() map[string]uint64 {
	a.t.Helper()
	out := map[string]uint64{}
	list := a.h.Stores().ListStreams(a.t.Context())
	for info := range list.Info() {
		out[info.Config.Name] = info.State.LastSeq
	}
	must(a.t, list.Err())
	return out
}

// hubHeaders are all that a stored message may bear: the hub's own, and the
// engine's by which the hub writes.
var hubHeaders = []string{
	api.HeaderAdded, api.HeaderOrigin, api.HeaderAudience, api.HeaderLevel, api.HeaderUnmarkedLevel, api.HeaderSupporting,
	"Nats-Expected-Last-Sequence", "Nats-Expected-Stream", "Nats-Batch-Id", "Nats-Batch-Sequence", "Nats-Batch-Commit",
}

// readingHeaders are what the engine puts on a message read directly.
var readingHeaders = []string{"Nats-Stream", "Nats-Subject", "Nats-Sequence", "Nats-Time-Stamp", "Nats-Num-Pending", "Nats-Last-Sequence", "Nats-UpTo-Sequence"}

// added checks what came to be stored since: all of it in mallory's name, with
// no header but the hub's.
func (a *attack) added(since map[string]uint64) int {
	a.t.Helper()
	n := 0
	for stream, last := range a.lasts() {
		if last == since[stream] {
			continue
		}
		msgs, err := jetstreamext.GetBatch(a.t.Context(), a.h.Stores(), stream, 4096, jetstreamext.GetBatchSeq(since[stream]+1))
		must(a.t, err)
		for m, err := range msgs {
			if errors.Is(err, jetstreamext.ErrNoMessages) {
				break
			}
			must(a.t, err)
			n++
			if tokens := strings.Split(m.Subject, "."); len(tokens) != 5 || tokens[3] != "us" || m.Header.Get(api.HeaderOrigin) != "us" {
				a.t.Errorf("%s %d was stored under %s in the name of %q", stream, m.Sequence, m.Subject, m.Header.Get(api.HeaderOrigin))
			}
			for h := range m.Header {
				if !slices.Contains(hubHeaders, h) && !slices.Contains(readingHeaders, h) {
					a.t.Errorf("%s %d bears header %s: %q", stream, m.Sequence, h, m.Header[h])
				}
			}
			if m.Header.Get(api.HeaderSupporting) != "" || m.Header.Get(api.HeaderUnmarkedLevel) != "" || strings.HasPrefix(m.Header.Get(api.HeaderAdded), "1999") {
				a.t.Errorf("%s %d believed the submitter's headers: %v", stream, m.Sequence, m.Header)
			}
		}
	}
	return n
}

// hostileHeaders would change, delay, expire, hide or redirect messages if
// they reached a stream.
var hostileHeaders = [][2]string{
	{"Nats-Rollup", "all"}, {"Nats-Rollup", "sub"}, {"Nats-TTL", "1s"}, {"Nats-Schedule", "@at 2099-01-01T00:00:00Z"}, {"Nats-Schedule-Target", "cti.my.red.sg.indicator"},
	{"Nats-Schedule-TTL", "1s"}, {"Nats-Schedule-Source", "cti.asean.amber.sg.indicator"}, {"Nats-Expected-Last-Sequence", "0"}, {"Nats-Expected-Last-Subject-Sequence", "0"}, {"Nats-Expected-Last-Msg-Id", "x"},
	{"Nats-Expected-Stream", "CTI_ASEAN_AMBER"}, {"Nats-Msg-Id", "1"}, {"Nats-Batch-Id", "b"}, {"Nats-Batch-Sequence", "1"}, {"Nats-Batch-Commit", "1"}, {"Nats-Required-Api-Level", "99"},
	{"Nats-Marker-Reason", "Purge"}, {"KV-Operation", "PURGE"}, {"Nats-Incr", "1"}, {"Nats-Pin-Id", "x"}, {"Nats-Stream-Source", "CTI_ASEAN_AMBER 1 > >"}, {"Status", "100"}, {"Nats-Consumer-Stalled", "$JS.FC.x"},
	{api.HeaderOrigin, "sg"}, {api.HeaderLevel, "clear"}, {api.HeaderAudience, "asean"}, {api.HeaderAdded, "1999-01-01T00:00:00.000000Z"}, {api.HeaderSupporting, "true"},
	{"Nats-Trace-Dest", "_INBOX.traces"}, {"Nats-Trace-Hop", "1"}, {"traceparent", "00-80e1afed08e019fc1110464cfa66635c-7a085853722dc6d2-01"}, {"Nats-Service-Error", "x"}, {"Nats-Request-Info", `{"acc":"sg"}`},
}

func TestHeadersOfASubmissionGoNowhere(t *testing.T) {
	a := newAttack(t)
	scoped, widened := a.connections()
	since, before := a.lasts(), a.state(a.lasts())
	sent := 0
	for _, c := range []*hostile{scoped, widened} {
		_, err := c.nc.Subscribe("_INBOX.traces", func(m *nats.Msg) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.leaked("a trace", m)
			c.traces++
			defer c.signal()
			for _, key := range append(a.foreign, []byte("CTI_"), []byte("cti.")) {
				if strings.Contains(string(m.Data), string(key)) {
					c.leaks = append(c.leaks, fmt.Sprintf("a trace tells of %s: %s", key, m.Data))
				}
			}
		})
		must(t, err)
		c.traceOnly()
		for _, h := range hostileHeaders {
			if h[0] == "Nats-Trace-Dest" && c == scoped {
				continue // denied, see traceOnly
			}
			m := nats.NewMsg(api.SubjectSubmit)
			sent++
			m.Data = bundle(indicator(50_000+sent, stix.Green))
			m.Header[h[0]] = []string{h[1]}
			reply, err := c.nc.RequestMsg(m, patience)
			if err != nil {
				t.Errorf("%s: %s: no answer: %v", c.name, h[0], err)
				continue
			}
			var r api.Receipt
			must(t, json.Unmarshal(reply.Data, &r))
			if r.Origin != "us" || r.Accepted != 1 {
				t.Errorf("%s: %s: %s", c.name, h[0], reply.Data)
			}
		}
		c.verdict()
	}
	if n := a.added(since); n != sent {
		t.Errorf("%d messages were stored for %d submissions", n, sent)
	}
	a.unchanged("a header", before, a.state(since))
	a.stillServed()
	t.Logf("%d submissions with hostile headers", sent)
}

// traceOnly asks the engine to tell mallory the way of a submission without
// delivering it. Without the right to publish where the trace should go, the
// engine denies the whole message.
func (c *hostile) traceOnly() {
	c.a.t.Helper()
	m := nats.NewMsg(api.SubjectSubmit)
	m.Data = bundle(indicator(59_999, stix.Green))
	m.Header.Set("Nats-Trace-Dest", "_INBOX.traces")
	m.Header.Set("Nats-Trace-Only", "true")
	must(c.a.t, c.nc.PublishMsg(m))
	must(c.a.t, c.nc.Flush())
	if c.name == "scoped" {
		c.await("waiting for the trace to be denied", func() bool { return c.denials == 1 })
		return
	}
	c.await("waiting for the trace", func() bool { return c.traces > 0 })
}

func TestAReplySubjectReachesNobodyElse(t *testing.T) {
	a := newAttack(t)
	acks := a.unacknowledged()
	scoped, widened := a.connections()
	heard := make(chan *nats.Msg, 1024)
	for _, s := range []*seat{a.victim, a.source} {
		_, err := s.nc.ChanSubscribe("_INBOX.spied.>", heard)
		must(t, err)
		must(t, s.nc.Flush())
	}
	since, before := a.lasts(), a.state(a.lasts())
	tried := 0
	for _, c := range []*hostile{scoped, widened} {
		for _, reply := range append([]string{
			"cti.asean.amber.sg.indicator", "cti.region.green.us.indicator", "cti.my.red.us.indicator", "_INBOX.spied.x", "seat." + a.victim.account + ".submit",
			"submit", "hub.whoami", "hub.route", "hub.lookup", "hub.manifest", "$JS.ACK.CTI_REGION_GREEN." + a.victim.account + ".1.1.1.1.0", "$JS.ACK.CTI_REGION_GREEN." + a.mallory.account + ".1.1.1.1.0",
			"$JS.API.STREAM.PURGE.CTI_MY_RED", "$JS.API.STREAM.DELETE.CTI_MY_RED", "CTI.API.CONSUMER.MSG.NEXT.CTI_MY_RED." + a.victim.account, "CTI.API.CONSUMER.MSG.NEXT.CTI_REGION_GREEN." + a.mallory.account,
			"$SYS.REQ.CLAIMS.UPDATE", "admin.member.suspend", "$KV.DIRECTORY.region", "_R_.abc.x", "_GR_.abc.x", "$JS.R.x",
		}, acks...) {
			next := func(stream string) string {
				return api.APIPrefix + ".CONSUMER.MSG.NEXT." + stream + "." + a.mallory.account
			}
			for subject, body := range map[string]string{
				api.SubjectWhoami: "", api.SubjectStreams: "", api.SubjectRoute: string(bundle(indicator(1, stix.Clear))), api.SubjectSubmit: "{}",
				api.SubjectReplay: `{"all":true}`, api.SubjectReceipts: `{"objects":[]}`, api.SubjectLookup: `{"values":["192.0.2.1"]}`,
				api.SubjectManifest:      `{"audience":"asean","tlp":"amber"}`,
				next("CTI_REGION_GREEN"): `{"batch":10,"no_wait":true}`, next("CTI_MY_RED"): `{"batch":10,"no_wait":true}`,
				api.APIPrefix + ".CONSUMER.INFO.CTI_REGION_GREEN." + a.mallory.account: "",
			} {
				must(t, c.nc.PublishRequest(subject, reply, []byte(body)))
				tried++
			}
		}
		must(t, c.nc.Flush())
	}
	// What the hub was asked before this, it has answered when this is.
	a.mallory.drain()
	a.victim.connect(a.h.URL())
	ask[api.Whoami](a.victim, api.SubjectWhoami, nil)
	a.added(since)
	a.unchanged("a reply subject", before, a.state(since))
	if len(heard) > 0 {
		m := <-heard
		t.Errorf("another seat received %s %q", m.Subject, m.Data)
	}
	scoped.verdict()
	widened.verdict()
	a.stillServed()
	t.Logf("%d requests with hostile reply subjects", tried)
}

func TestNoOriginSupersedesOrHidesAnothers(t *testing.T) {
	a := newAttack(t)
	region := a.h.Region()
	sg := region.Members["sg"].Identities[0]
	theirs := indicator(70_001, stix.Green)
	if r := a.source.submit(bundle(theirs), "region"); r.Accepted != 1 {
		t.Fatalf("sg/feed: %+v", r)
	}
	with := func(old, new string) string { return strings.Replace(theirs, old, new, 1) }
	newer := with(`"modified":"2026-01-01`, `"modified":"2026-02-01`)
	revoked := strings.Replace(newer, `"modified":"2026-02-01`, `"revoked":true,"modified":"2026-03-01`, 1)
	otherBytes := with("test", "altered")
	for what, raw := range map[string]string{"a newer version": newer, "a revoked version": revoked, "other bytes of the same version": otherBytes} {
		if r := a.mallory.submit(bundle(raw), "region"); r.Accepted != 1 || r.Origin != "us" {
			t.Errorf("%s, as mallory's own: %+v", what, r)
		}
	}
	for what, raw := range map[string]string{
		"an object in another's name":  with(`"created":`, `"created_by_ref":"`+sg+`","created":`),
		"a revocation in their name":   strings.Replace(revoked, `"created":`, `"created_by_ref":"`+sg+`","created":`, 1),
		"the identity of another":      `{"type":"identity","spec_version":"2.1","id":"` + sg + `","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"x","object_marking_refs":["` + markClear + `"]}`,
		"RED to a community":           indicator(70_010, stix.Red),
		"AMBER to where us has no say": indicator(70_011, stix.Amber),
	} {
		to := map[string]string{"AMBER to where us has no say": "asean"}[what]
		if to == "" {
			to = "region"
		}
		was := a.counter("selat_tlp_denials_total", "origin", "us")
		if r := a.mallory.submit(bundle(raw), to); r.Refused != 1 || r.Accepted != 0 {
			t.Errorf("%s: %+v", what, r)
		}
		// It is counted right after the receipt has left.
		for began := time.Now(); a.counter("selat_tlp_denials_total", "origin", "us") != was+1; {
			if time.Since(began) > patience {
				t.Fatalf("%s: the denial was not counted", what)
			}
			ask[api.Whoami](a.mallory, api.SubjectWhoami, nil)
		}
	}
	a.learnsNoName()
	// To sg nothing happened: its object is what it has, and stays its own.
	if r := a.source.submit(bundle(theirs), "region"); r.Duplicate != 1 {
		t.Errorf("sg/feed, again: %+v", r)
	}
	id := "indicator--00000000-0000-4000-8000-000000011171"
	mine := ask[api.Receipts](a.source, api.SubjectReceipts, api.ReceiptsRequest{Objects: []api.ObjectVersion{{ID: id}}})
	if len(mine.Objects) != 1 {
		t.Errorf("sg/feed has %d versions of its object: %+v", len(mine.Objects), mine)
	}
	// Every reader gets all of it, sg's own among it, each under its origin.
	got := a.victim.drain()["CTI_REGION_GREEN"]
	for what, raw := range map[string]string{"sg's object": theirs, "the newer": newer, "the revoked": revoked, "the altered": otherBytes} {
		if !slices.Contains(got, raw) {
			t.Errorf("my/analyst did not receive %s", what)
		}
	}
	a.ownReceiptsOnly()
	a.strangersStayOut()
}

// learnsNoName asks about a community by its name and by one that does not
// exist: the answers must not differ.
func (a *attack) learnsNoName() {
	a.t.Helper()
	for _, level := range stix.Levels {
		answers := map[string]bool{}
		for _, name := range []string{privateName, "emptyroom"} {
			r := a.mallory.submit(bundle(indicator(70_020, level)), name)
			f := r.Objects[0].Findings[0]
			answers[f.Code+strings.ReplaceAll(f.Message, name, "it")] = true
		}
		if len(answers) != 1 {
			a.t.Errorf("TLP:%s: a private community is told from none: %v", level, slices.Collect(maps.Keys(answers)))
		}
	}
}

// ownReceiptsOnly asks for the receipts of every object of another.
func (a *attack) ownReceiptsOnly() {
	a.t.Helper()
	var q api.ReceiptsRequest
	for n := 1; n <= a.objects; n++ {
		q.Objects = append(q.Objects, api.ObjectVersion{ID: fmt.Sprintf("indicator--00000000-0000-4000-8000-%012x", n)})
	}
	if r := ask[api.Receipts](a.mallory, api.SubjectReceipts, q); len(r.Objects) != 0 {
		a.t.Errorf("mallory has receipts for others' objects: %+v", r)
	}
}

// strangersStayOut tries users of the victim's account that its key did not
// sign.
func (a *attack) strangersStayOut() {
	a.t.Helper()
	was := a.counter("selat_engine_denials_total", "kind", "login")
	forger, err := nkeys.CreateAccount()
	must(a.t, err)
	user, err := nkeys.CreateUser()
	must(a.t, err)
	key, err := user.PublicKey()
	must(a.t, err)
	c := jwt.NewUserClaims(key)
	c.IssuerAccount = a.victim.account
	token, err := c.Encode(forger)
	must(a.t, err)
	nc, err := nats.Connect(a.h.URL(), nats.NoReconnect(), nats.Timeout(patience), nats.UserJWT(func() (string, error) { return token, nil }, user.Sign))
	if err == nil {
		nc.Close()
		a.t.Error("a user that mallory signed for another's account got in")
	}
	if nc, err = nats.Connect(a.h.URL(), nats.NoReconnect()); err == nil {
		nc.Close()
		a.t.Error("a stranger without credentials got in")
	}
	if a.counter("selat_engine_denials_total", "kind", "login") < was+2 {
		a.t.Error("refused logins were not counted")
	}
}
