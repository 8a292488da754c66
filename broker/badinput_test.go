package broker_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// canary stands for content in bad input; no answer may ever quote it.
const canary = "Cormorant"

// checkFinding holds a refusal to what every one owes its reader.
func checkFinding(t testing.TB, f stix.Finding) {
	t.Helper()
	if f.Code == "" || f.Message == "" {
		t.Errorf("a refusal without code or message: %+v", f)
	}
	if len(f.Message) > 1000 || len(f.Path) > 2000 {
		t.Errorf("a refusal of %d bytes at a path of %d bytes", len(f.Message), len(f.Path))
	}
	if strings.Contains(f.Message+f.Path, canary) {
		t.Errorf("a refusal quotes the object: %+v", f)
	}
}

// traffic is a good publisher at work while others misbehave.
type traffic struct {
	count atomic.Int64
	fault atomic.Pointer[string]
	stop  chan struct{}
	done  sync.WaitGroup
}

func (h *testHub) traffic(name string) *traffic {
	h.t.Helper()
	s := h.seat(name, policy.Publisher, stix.Clear)
	tr := &traffic{stop: make(chan struct{})}
	tr.done.Add(1)
	go func() {
		defer tr.done.Done()
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for n := 1 << 40; ; n++ {
			select {
			case <-tr.stop:
				return
			case <-tick.C:
			}
			r, err := s.try(bundle(indicator(n, stix.Clear)), "region", 20*time.Second)
			if err != nil || r.Accepted != 1 {
				why := fmt.Sprintf("receipt %+v, error %v", r, err)
				tr.fault.Store(&why)
				return
			}
			tr.count.Add(1)
		}
	}()
	h.t.Cleanup(func() { close(tr.stop); tr.done.Wait() })
	return tr
}

// goesOn waits until the good publisher was served again.
func (tr *traffic) goesOn(t testing.TB) {
	t.Helper()
	before := tr.count.Load()
	awaitTrue(t, 20*time.Second, "the good publisher is served", func() bool {
		return tr.fault.Load() != nil || tr.count.Load() > before+1
	})
	if why := tr.fault.Load(); why != nil {
		t.Fatalf("the good publisher was not served: %s", *why)
	}
}

// try submits from any goroutine.
func (s *seat) try(payload []byte, to string, atMost time.Duration) (*api.Receipt, error) {
	m := nats.NewMsg(api.SubjectSubmit)
	m.Data = payload
	m.Header.Set(api.HeaderTo, to)
	reply, err := s.nc.RequestMsg(m, atMost)
	if err != nil {
		return nil, err
	}
	var r api.Receipt
	return &r, json.Unmarshal(reply.Data, &r)
}

const badID = "indicator--00000000-0000-4000-8000-0000000000ff"

// badIndicator is an indicator at a level with more members, and without those
// named in drop.
func badIndicator(level stix.Level, more string, drop ...string) string {
	members := []string{`"type":"indicator"`, `"spec_version":"2.1"`, `"id":"` + badID + `"`, `"created":"2026-01-01T00:00:00.000Z"`,
		`"modified":"2026-01-01T00:00:00.000Z"`, `"description":"` + canary + `"`, `"pattern":"[ipv4-addr:value = '192.0.2.9']"`, `"pattern_type":"stix"`, `"valid_from":"2026-01-01T00:00:00Z"`}
	if level != stix.NoLevel {
		members = append(members, fmt.Sprintf(`"object_marking_refs":[%q]`, marks[level]))
	}
	var kept []string
	for _, m := range members {
		keep := true
		for _, d := range drop {
			keep = keep && !strings.HasPrefix(m, `"`+d+`"`)
		}
		if keep {
			kept = append(kept, m)
		}
	}
	if more != "" {
		kept = append(kept, more)
	}
	return "{" + strings.Join(kept, ",") + "}"
}

func definition(id, more string) string {
	return `{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--` + id + `","created":"2026-01-01T00:00:00.000Z",` + more + `}`
}

const (
	ownDefinition   = "00000000-0000-4000-8000-00000000000a"
	knownGreen      = "34098fce-860f-48ae-8e50-ebd3cc5e41da"
	refersToOwn     = `"object_marking_refs":["marking-definition--` + ownDefinition + `"]`
	refersToNowhere = `"object_marking_refs":["marking-definition--00000000-0000-4000-8000-00000000000b"]`
)

var badObjects = []struct {
	name   string
	object string
	to     string
	code   string
	path   string // below /objects/0
}{
	{"a name twice", badIndicator(stix.Clear, `"description":"`+canary+`"`), "region", "duplicate-key", "/description"},
	{"text that is not UTF-8", badIndicator(stix.Clear, "\"name\":\"\xff\xfe"+canary+"\""), "region", "invalid-utf8", "/name"},
	{"half a surrogate pair", badIndicator(stix.Clear, `"name":"\ud800`+canary+`"`), "region", "invalid-utf8", "/name"},
	{"nesting of 10,000", badIndicator(stix.Clear, `"x_deep":`+strings.Repeat("[", 10_000)+`"`+canary+`"`+strings.Repeat("]", 10_000)), "region", "too-deep", "/x_deep*"},
	{"a number beyond what readers hold", badIndicator(stix.Clear, `"x_n":9007199254740993`), "region", "number-range", "/x_n"},
	{"an object over the limit", badIndicator(stix.Clear, `"x_big":"`+strings.Repeat(canary, 1<<17)+`"`), "region", "object-too-large", ""},
	{"text where an object belongs", `"` + canary + `"`, "region", "not-an-object", ""},
	{"null where an object belongs", `null`, "region", "not-an-object", ""},
	{"an empty object", `{}`, "region", "missing-property", "/type"},
	{"no id", badIndicator(stix.Clear, "", "id"), "region", "missing-property", "/id"},
	{"an id that is none", badIndicator(stix.Clear, `"id":"`+canary+`"`, "id"), "region", "invalid-id", "/id"},
	{"an id of another type", badIndicator(stix.Clear, `"id":"malware--00000000-0000-4000-8000-0000000000ff"`, "id"), "region", "invalid-id", "/id"},
	{"no created", badIndicator(stix.Clear, "", "created"), "region", "missing-property", "/created"},
	{"a day that is none", badIndicator(stix.Clear, `"created":"2026-02-30T00:00:00.000Z"`, "created"), "region", "invalid-timestamp", "/created"},
	{"STIX 2.0", badIndicator(stix.Clear, `"spec_version":"2.0"`, "spec_version"), "region", "invalid-spec-version", "/spec_version"},
	{"a list as type", badIndicator(stix.Clear, `"type":["`+canary+`"]`, "type"), "region", "wrong-type", "/type"},
	{"a number as id", badIndicator(stix.Clear, `"id":7`, "id"), "region", "wrong-type", "/id"},
	{"an object as created", badIndicator(stix.Clear, `"created":{"a":"`+canary+`"}`, "created"), "region", "wrong-type", "/created"},
	{"null as created_by_ref", badIndicator(stix.Clear, `"created_by_ref":null`), "region", "null", "/created_by_ref"},
	{"text as revoked", badIndicator(stix.Clear, `"revoked":"`+canary+`"`), "region", "wrong-type", "/revoked"},
	{"a list as extensions", badIndicator(stix.Clear, `"extensions":["`+canary+`"]`), "region", "wrong-type", "/extensions"},
	{"text as markings", badIndicator(stix.NoLevel, `"object_marking_refs":"`+canary+`"`), "region", "wrong-type", "/object_marking_refs"},
	{"text as granular markings", badIndicator(stix.Clear, `"granular_markings":"`+canary+`"`), "region", "wrong-type", "/granular_markings"},
	{"a number as marking", badIndicator(stix.NoLevel, `"object_marking_refs":[1]`), "region", "invalid-marking-ref", "/object_marking_refs/0"},
	{"a bundle in the bundle", `{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000001","objects":[]}`, "region", "invalid-type", "/type"},

	{"no marking", badIndicator(stix.NoLevel, ""), "region", "tlp-missing", ""},
	{"a marking nobody knows", badIndicator(stix.NoLevel, refersToNowhere), "region", "marking-unresolved", "/object_marking_refs/0"},
	{"a marking nobody knows beside a known one", badIndicator(stix.NoLevel, `"object_marking_refs":["`+markClear+`","marking-definition--00000000-0000-4000-8000-00000000000b"]`), "region", "marking-unresolved", "/object_marking_refs/1"},
	{"a granular marking nobody knows", badIndicator(stix.Clear, `"granular_markings":[{"selectors":["pattern"],"marking_ref":"marking-definition--00000000-0000-4000-8000-00000000000b"}]`), "region", "marking-unresolved", "/granular_markings/0/marking_ref"},
	{"a definition that looks like TLP by name", definition(ownDefinition, `"name":"TLP:GREEN","definition_type":"statement","definition":{"statement":"`+canary+`"}`), "region", "tlp-lookalike", ""},
	{"a definition that looks like TLP 1.0", definition(ownDefinition, `"definition_type":"tlp","definition":{"tlp":"white"}`), "region", "tlp-lookalike", ""},
	{"TLP GREEN's id that says white", definition(knownGreen, `"definition_type":"tlp","definition":{"tlp":"white"}`), "region", "tlp-lookalike", ""},

	{"RED to a community", badIndicator(stix.Red, ""), "asean", "audience-red-community", ""},
	{"a granular RED to a community", badIndicator(stix.Clear, `"granular_markings":[{"selectors":["pattern"],"marking_ref":"`+markRed+`"}]`), "asean", "audience-red-community", ""},
	{"AMBER to nobody", badIndicator(stix.Amber, ""), "", "audience-missing", ""},
	{"AMBER+STRICT to nobody", badIndicator(stix.AmberStrict, ""), "", "audience-missing", ""},
	{"RED to nobody", badIndicator(stix.Red, ""), "", "audience-missing", ""},
	{"another member's created_by_ref", badIndicator(stix.Clear, `"created_by_ref":"identity--bd273cd0-e4dd-5591-b64f-e83de2aae08c"`), "region", "foreign-identity", "/created_by_ref"},
	{"another member's identity", `{"type":"identity","spec_version":"2.1","id":"identity--bd273cd0-e4dd-5591-b64f-e83de2aae08c","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"` + canary + `","object_marking_refs":["` + markClear + `"]}`, "region", "foreign-identity", "/id"},
}

func TestABadObjectIsRefusedAndItsNeighboursPass(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Clear)
	reader := h.seat("my/desk", policy.Subscriber, stix.Red)
	others := h.traffic("us/feed")
	for i, c := range badObjects {
		t.Run(c.name, func(t *testing.T) {
			neighbour := indicator(1000+i, stix.Clear)
			r := sg.submit(bundle(c.object, neighbour), c.to)
			if r.Error != nil || len(r.Objects) != 2 || r.Refused != 1 || r.Accepted != 1 {
				t.Fatalf("receipt: %+v", r)
			}
			checkRefusal(t, r.Objects[0].Findings, c.code, "/objects/0"+c.path)
			if r.Objects[1].Outcome != api.Accepted {
				t.Errorf("the neighbour: %+v", r.Objects[1])
			}
			if r.Retry {
				t.Error("the receipt says to send the same bytes again")
			}
			switch lone := sg.submit([]byte(c.object), c.to); {
			case lone.Error != nil: // no object at all
				checkFinding(t, *lone.Error)
			case len(lone.Objects) > 0: // none in an empty bundle
				checkRefusal(t, lone.Objects[0].Findings, c.code, c.path)
			}
			others.goesOn(t)
		})
	}
	for stream, objects := range reader.drain() {
		for _, o := range objects {
			if strings.Contains(o, canary) || stream != "CTI_REGION_CLEAR" && !strings.HasPrefix(stream, "CTI_ASEAN_") {
				t.Errorf("delivered on %s: %s", stream, o)
			}
		}
	}
}

// checkRefusal holds findings to the code and path that one of them must have;
// a path may end in * for whatever follows.
func checkRefusal(t *testing.T, findings []stix.Finding, code, path string) {
	t.Helper()
	found := false
	for _, f := range findings {
		checkFinding(t, f)
		prefix, open := strings.CutSuffix(path, "*")
		found = found || f.Code == code && (f.Path == path || open && strings.HasPrefix(f.Path, prefix))
	}
	if !found {
		t.Errorf("want %s at %q, got %+v", code, path, findings)
	}
}

func TestTheStrictestOfTwoMarkingsDecides(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Clear)
	for i, c := range []struct{ first, second, stream string }{
		{markGreen, markAmber, "CTI_ASEAN_AMBER"},
		{markAmberStrict, markClear, "CTI_ASEAN_AMBER-STRICT"},
		{"marking-definition--" + knownGreen, markClear, "CTI_ASEAN_GREEN"},
	} {
		o := strings.Replace(badIndicator(stix.NoLevel, fmt.Sprintf(`"object_marking_refs":[%q,%q]`, c.first, c.second)), badID, badID[:len(badID)-2]+fmt.Sprintf("%02x", i), 1)
		r := sg.submit(bundle(o), "asean")
		if r.Accepted != 1 || !sameName(r.Objects[0].Stream, c.stream) {
			t.Errorf("%s with %s: %+v", c.first, c.second, r)
		}
	}
}

func sameName(got, want string) bool {
	return strings.ReplaceAll(got, "_", "-") == strings.ReplaceAll(want, "_", "-")
}

var badSubmissions = []struct {
	name    string
	payload []byte
	to      string
	headers []string
	code    string
	path    string
}{
	{"nothing", nil, "region", nil, "malformed-json", ""},
	{"spaces", []byte("  \n "), "region", nil, "malformed-json", ""},
	{"no JSON", []byte(canary), "region", nil, "malformed-json", ""},
	{"a byte order mark", append([]byte("\uFEFF"), bundle(badIndicator(stix.Clear, ""))...), "region", nil, "malformed-json", ""},
	{"two bundles", append(bundle(indicator(1, stix.Clear)), bundle(indicator(2, stix.Clear))...), "region", nil, "malformed-json", ""},
	{"a list", []byte(`["` + canary + `"]`), "region", nil, "not-an-object", ""},
	{"a bundle whose objects are text", []byte(`{"type":"bundle","id":"bundle--1","objects":"` + canary + `"}`), "region", nil, "wrong-type", "/objects"},
	{"a bundle without objects", []byte(`{"type":"bundle","id":"bundle--1"}`), "region", nil, "missing-property", "/objects"},
	{"a bundle with two lists", []byte(`{"type":"bundle","objects":[],"objects":[]}`), "region", nil, "duplicate-key", "/objects"},
	{"a million tiny objects", []byte(`{"type":"bundle","objects":[` + strings.Repeat("{},", 999_999) + `{}]}`), "region", nil, "too-many-objects", "/objects"},
	{"a payload over the limit", append(bundle(indicator(1, stix.Clear)), bytes.Repeat([]byte(" "), 8<<20)...), "region", nil, "payload-too-large", ""},
	{"nesting of 10,000 around everything", []byte(strings.Repeat(`{"objects":[`, 5_000) + strings.Repeat("]}", 5_000)), "region", nil, "*", "*"},
	{"nesting of a million lists", bytes.Repeat([]byte("["), 1_000_000), "region", nil, "malformed-json", ""},
	{"a level that is none for unmarked objects", bundle(indicator(1, stix.NoLevel)), "region", []string{api.HeaderUnmarked, "ultra"}, "tlp-unknown", ""},
	{"a level of a megabyte", bundle(indicator(1, stix.NoLevel)), "region", []string{api.HeaderUnmarked, strings.Repeat(canary, 1<<17)}, "tlp-unknown", ""},
	{"a thousand audiences", bundle(indicator(1, stix.Red)), strings.Repeat("my,", 1000), nil, "audience-many", ""},
	{"an audience nobody knows", bundle(indicator(1, stix.Amber)), "nowhere", nil, "audience-unknown", "/objects/0"},
	{"an audience with a wildcard", bundle(indicator(1, stix.Clear)), "*", nil, "audience-unknown", "/objects/0"},
	{"an audience of a megabyte", bundle(indicator(1, stix.Clear)), strings.Repeat(canary, 1<<17), nil, "audience-unknown", "*"},
	{"AMBER to two communities", bundle(indicator(1, stix.Amber)), "asean,region", nil, "audience-many", "/objects/0"},
	{"AMBER to a member", bundle(indicator(1, stix.Amber)), "my", nil, "audience-member", "/objects/0"},
	{"RED to a member nobody knows", bundle(indicator(1, stix.Red)), "my,xx", nil, "audience-unknown", "/objects/0"},
}

func TestABadSubmissionIsRefusedAndTheNextPasses(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Clear)
	others := h.traffic("us/feed")
	for i, c := range badSubmissions {
		t.Run(c.name, func(t *testing.T) {
			r := sg.submit(c.payload, c.to, c.headers...)
			if r.Accepted+r.Duplicate > 0 || r.Retry {
				t.Fatalf("receipt: %+v", r)
			}
			var findings []stix.Finding
			if r.Error != nil {
				findings = append(findings, *r.Error)
			}
			for _, o := range r.Objects {
				findings = append(findings, o.Findings...)
			}
			if len(findings) == 0 {
				t.Fatal("nothing says why")
			}
			for _, f := range findings {
				checkFinding(t, f)
			}
			f := findings[0]
			if c.code != "*" && f.Code != c.code || c.path != "*" && f.Path != c.path {
				t.Errorf("want %s at %q, got %+v", c.code, c.path, f)
			}
			if r := sg.submit(bundle(indicator(2000+i, stix.Clear)), "region"); r.Accepted != 1 {
				t.Errorf("the next submission: %+v", r)
			}
			others.goesOn(t)
		})
	}
}

func TestABundleCutAnywhereIsMalformed(t *testing.T) {
	h := newTestHub(t, func(c *broker.Config) { c.Limits.SubmissionsPerSecond = 0 })
	sg := h.seat("sg/feed", policy.Publisher, stix.Clear)
	whole := bundle(indicator(1, stix.Clear), indicator(2, stix.Clear))
	for n := range whole {
		r := sg.submit(whole[:n], "region")
		if r.Error == nil || r.Error.Code != "malformed-json" || r.Error.Path != "" {
			t.Fatalf("cut at byte %d of %d: %+v", n, len(whole), r)
		}
	}
	if r := sg.submit(whole, "region"); r.Accepted != 2 {
		t.Errorf("the whole of it: %+v", r)
	}
}
