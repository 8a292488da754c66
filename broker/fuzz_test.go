package broker_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// Each target runs over one hub for the whole process, asked as a seat or an
// administrator would ask it.

// answered asks and holds the answer to what every answer owes: it comes, it
// is JSON, it is no internal error, and the hub stays ready.
func answered(t *testing.T, h *testHub, nc *nats.Conn, m *nats.Msg) []byte {
	t.Helper()
	reply, err := nc.RequestMsg(m, 20*time.Second)
	if err != nil {
		t.Fatalf("%s: no answer: %v", m.Subject, err)
	}
	var a struct {
		Error *struct{ Code, Message string } `json:"error"`
	}
	if err := json.Unmarshal(reply.Data, &a); err != nil {
		t.Fatalf("%s: the answer is no JSON object: %v", m.Subject, err)
	}
	if a.Error != nil && (a.Error.Code == "" || a.Error.Message == "" || a.Error.Code == "internal") {
		t.Fatalf("%s: an error that helps nobody: %+v", m.Subject, *a.Error)
	}
	if err := h.Ready(); err != nil {
		t.Fatalf("%s: the hub is not ready any more: %v", m.Subject, err)
	}
	return reply.Data
}

func FuzzSubmit(f *testing.F) {
	h := newTestHub(f, func(c *broker.Config) { c.Limits.SubmissionsPerSecond, c.Limits.ObjectsPerSecond = 0, 0 })
	sg := h.seat("sg/feed", policy.Both, stix.Red)
	for _, level := range stix.Levels {
		f.Add(bundle(indicator(1, level), indicator(2, stix.NoLevel)), "asean", "clear")
		f.Add([]byte(indicator(3, level)), "my,th", "")
	}
	f.Add([]byte(`{"type":"bundle","id":"bundle--1","objects":[{},1,"",null,[]]}`), "region", "white")
	f.Add([]byte(`{"objects":[`), "", "amber+strict")
	f.Add([]byte{}, "asean,region", "red")
	f.Add([]byte(`{"type":"ipv4-addr","spec_version":"2.1","id":"ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd","value":"198.51.100.3"}`), "", "GREEN")
	f.Fuzz(func(t *testing.T, payload []byte, to, unmarked string) {
		if len(payload) > 1<<20 || len(to)+len(unmarked) > 1<<20 {
			t.Skip("beyond what a fuzzer should carry")
		}
		for _, subject := range []string{api.SubjectSubmit, api.SubjectRoute} {
			m := nats.NewMsg(subject)
			m.Data = payload
			m.Header.Set(api.HeaderTo, oneLine(to))
			m.Header.Set(api.HeaderUnmarked, oneLine(unmarked))
			b := answered(t, h, sg.nc, m)
			if subject == api.SubjectSubmit {
				checkReceipt(t, b)
			}
		}
	})
}

// oneLine keeps a header on one line; a header that is not whole is tried by
// TestMalformedRequestsAreAnsweredOrDropped.
func oneLine(s string) string { return strings.NewReplacer("\r", "", "\n", "").Replace(s) }

// checkReceipt holds a receipt to its own arithmetic.
func checkReceipt(t *testing.T, b []byte) {
	t.Helper()
	var r api.Receipt
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatalf("no receipt: %v", err)
	}
	if r.Error != nil {
		checkFinding(t, *r.Error)
		if len(r.Objects) > 0 {
			t.Error("a submission refused as a whole has lines")
		}
		return
	}
	if r.Accepted+r.Duplicate+r.Refused != len(r.Objects) {
		t.Errorf("%d lines do not add up: %d accepted, %d duplicate, %d refused", len(r.Objects), r.Accepted, r.Duplicate, r.Refused)
	}
	for i := range r.Objects {
		o := &r.Objects[i]
		if o.Outcome != api.Refused {
			if o.Stream == "" || o.Sequence == 0 || o.Added == "" || o.Audience == "" || o.Level == stix.NoLevel {
				t.Errorf("a stored object without an address: %+v", *o)
			}
			continue
		}
		if len(o.Findings) == 0 {
			t.Errorf("object %d is refused and nothing says why", o.Object)
		}
		for _, f := range o.Findings {
			checkFinding(t, f)
		}
	}
}

func FuzzReplay(f *testing.F) {
	h := newTestHub(f)
	sg := h.seat("sg/feed", policy.Both, stix.Red)
	sg.submit(bundle(indicator(1, stix.Clear), indicator(2, stix.Amber)), "asean")
	for _, seed := range []string{
		`{"all":true}`, `{"since":"2026-01-01T00:00:00Z"}`, `{"since":"9999-12-31T23:59:59.999999999Z"}`, `{"since":"0001-01-01T00:00:01Z"}`,
		`{"streams":["CTI_ASEAN_AMBER"],"sequence":1}`, `{"streams":["CTI_ASEAN_AMBER"],"sequence":18446744073709551615}`,
		`{"streams":["CTI_ASEAN_AMBER"],"sequence":2}`, `{"streams":["CTI_ASEAN_AMBER"],"sequence":9}`,
		`{"streams":["CTI_REGION_CLEAR","CTI_REGION_CLEAR"],"all":true}`, `{"streams":["*"],"all":true}`, `{"streams":["KV_DIRECTORY"],"all":true}`,
		`{"streams":["CTI_MY_RED"],"all":true}`, `{"sequence":-1}`, `{"all":1}`, `[]`, `null`, ``, `{`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, subject := range []string{api.SubjectReplay, api.SubjectWhoami, api.SubjectStreams} {
			answered(t, h, sg.nc, &nats.Msg{Subject: subject, Data: body})
		}
	})
}

func FuzzReceipts(f *testing.F) {
	h := newTestHub(f)
	sg := h.seat("sg/feed", policy.Publisher, stix.Red)
	sg.submit(bundle(indicator(1, stix.Clear), indicator(2, stix.Amber)), "asean")
	for _, seed := range []string{
		`{"objects":[{"id":"indicator--00000000-0000-4000-8000-000000000001"}]}`,
		`{"objects":[{"id":"indicator--00000000-0000-4000-8000-000000000001","version":"2026-01-01T00:00:00.000Z"}]}`,
		`{"objects":[{"id":"","version":""},{"id":"\u0000"},{"id":"a\u0000b","version":"\u0000"}]}`,
		`{"objects":[{"id":"` + strings.Repeat("x", 70_000) + `","version":"` + strings.Repeat("9", 70_000) + `"}]}`,
		`{"objects":[null,{}]}`, `{"objects":{}}`, `{"objects":null}`, `[]`, `null`, ``, `{`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		answered(t, h, sg.nc, &nats.Msg{Subject: api.SubjectReceipts, Data: body})
	})
}

func FuzzLookup(f *testing.F) {
	h := newTestHub(f)
	sg := h.seat("sg/feed", policy.Both, stix.Red)
	sg.submit(bundle(indicator(1, stix.Clear), indicator(2, stix.Amber)), "asean")
	for _, seed := range []string{
		`{"values":["192.0.2.1","192.0.2.0/24","2001:db8::/32","example.com","com."],"subdomains":true,"drill":true,"limit":1}`,
		`{"values":["hxxps[://]example[.]com/\u0000","http://a/\u0000\u0001","user@example.com","` + strings.Repeat("ab", 32) + `"]}`,
		`{"values":["","\ud800","` + strings.Repeat("x", 70_000) + `"]}`, `{"values":[],"limit":-1}`, `{"values":["a.b"],"limit":1001}`,
		`{"values":[null,{}]}`, `{"values":{}}`, `{"values":null}`, `[]`, `null`, ``, `{`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		answered(t, h, sg.nc, &nats.Msg{Subject: api.SubjectLookup, Data: body})
	})
}

func FuzzManifest(f *testing.F) {
	h := newTestHub(f)
	sg := h.seat("sg/feed", policy.Both, stix.Red)
	sg.submit(bundle(indicator(1, stix.Clear), indicator(2, stix.Amber)), "asean")
	for _, seed := range []string{
		`{"audience":"asean","tlp":"amber"}`, `{"audience":"region","tlp":"clear","after":"2026-01-01T00:00:00.000000Z","limit":1}`,
		`{"audience":"sg","tlp":"red"}`, `{"audience":"my","tlp":"red"}`, `{"audience":"asean\u0000","tlp":"ultra"}`,
		`{"audience":"asean","tlp":"amber","after":"9999-12-31T23:59:59Z"}`, `{"audience":"asean","tlp":"amber","after":"-1","limit":-1}`,
		`{"audience":"asean","tlp":"amber","limit":1001}`, `{"audience":{}}`, `[]`, `null`, ``, `{`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		answered(t, h, sg.nc, &nats.Msg{Subject: api.SubjectManifest, Data: body})
	})
}

// adminNames are the acts an administrator can ask, and one that is none.
var adminNames = []string{
	"member.add", "member.edit", "member.suspend", "member.resume", "member.remove", "member.list",
	"seat.add", "seat.revoke", "seat.rotate", "seat.ceiling", "seat.list",
	"community.add", "community.join", "community.leave", "community.list", "route", "status", "no.such.act",
	"seat.token.add", "seat.token.list", "seat.token.revoke",
}

// admin connects with the administrator's credentials.
func (h *testHub) admin() *nats.Conn {
	h.t.Helper()
	nc, err := nats.Connect(h.URL(), nats.UserCredentials(broker.AdminCreds(&h.cfg)), nats.CustomInboxPrefix(api.AdminInbox))
	must(h.t, err)
	h.t.Cleanup(nc.Close)
	return nc
}

func FuzzAdmin(f *testing.F) {
	h := newTestHub(f)
	nc := h.admin()
	seeds := map[string][]string{
		"member.add":        {`{"name":"jp","title":"JPCERT/CC","identities":["identity--00000000-0000-4000-8000-000000000001"],"unmarked":"clear","amber_to":"asean"}`, `{"name":"SG"}`, `{"name":"hub"}`, `{"name":""}`, `{"name":"a.b"}`},
		"member.edit":       {`{"name":"sg","title":"x","unmarked":"red"}`, `{"name":"sg","amber_to":"nowhere"}`, `{"name":"sg","identities":["x"]}`},
		"member.suspend":    {`{"name":"th"}`, `{"name":""}`},
		"member.resume":     {`{"name":"th"}`},
		"member.remove":     {`{"name":"vn"}`},
		"member.list":       {``, `{"name":"sg"}`, `{"name":"zz"}`},
		"seat.add":          {`{"name":"my/desk","kind":"both","standing":"organization","ceiling":"red"}`, `{"name":"my/x","kind":"subscriber","standing":"client","ceiling":"red"}`, `{"name":"my/..","kind":"both"}`, `{"name":"my/f","kind":"subscriber","standing":"organization","ceiling":"green","filter_type":">","filter_origin":"*"}`},
		"seat.ceiling":      {`{"name":"my/desk","ceiling":"amber"}`, `{"name":"my/desk","ceiling":"ultra"}`, `{"name":"my/desk"}`},
		"seat.rotate":       {`{"name":"my/desk"}`},
		"seat.revoke":       {`{"name":"my/desk"}`},
		"seat.token.add":    {`{"name":"my/desk","label":"x"}`, `{"name":"my/desk","expires":"2020-01-01T00:00:00Z"}`, `{"name":"my/desk","label":"a\nb"}`, `{"name":"my/desk","expires":"9999-12-31T23:00:00-02:00"}`},
		"seat.token.list":   {`{"name":"my/desk"}`, `{"name":"my"}`, ``},
		"seat.token.revoke": {`{"name":"my/desk","id":"aaaaaaaaaaaaaaaa"}`},
		"community.add":     {`{"name":"trust","private":true}`, `{"name":"bank","title":"x","known":["au","sg"]}`, `{"name":"sg"}`},
		"community.join":    {`{"community":"admm-plus","member":"sg"}`, `{"community":"asean","member":"us","history":true}`, `{"community":"nowhere","member":"sg"}`},
		"community.leave":   {`{"community":"asean","member":"us"}`},
		"route":             {`{"from":"sg","to":["asean"],"payload":"e30="}`, `{"from":"zz"}`, `{"from":"sg","payload":"!"}`},
		"status":            {``, `{"x":1}`},
		"no.such.act":       {`{}`},
	}
	for _, name := range slices.Sorted(maps.Keys(seeds)) {
		for _, body := range seeds[name] {
			f.Add(uint8(slices.Index(adminNames, name)), []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, act uint8, body []byte) {
		name := adminNames[int(act)%len(adminNames)]
		b := answered(t, h, nc, &nats.Msg{Subject: api.AdminPrefix + name, Data: body})
		if strings.HasSuffix(name, ".list") && len(b) > 8<<20 {
			t.Skip("the directory has grown beyond what one process should try")
		}
	})
}
