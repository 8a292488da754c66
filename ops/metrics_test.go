package ops_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

func TestMetricsFollowTheConventions(t *testing.T) {
	w := watch(t, prepare(t))
	sg, my := w.seat("sg/feed", policy.Publisher, stix.Red), w.seat("my/desk", policy.Subscriber, stix.Red)
	sg.publish(1, stix.Clear, "")
	sg.publish(2, stix.Red, "my")
	my.streams()
	my.receive("CTI_REGION_CLEAR")
	w.await(`selat_seat_ack_pending_messages{member="my",seat="my/desk"}`, 0)
	_, body := w.scrape()
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	must(t, err)
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestMetricsTellWhatTheHubHolds(t *testing.T) {
	w := watch(t, prepare(t))
	sg, my := w.seat("sg/feed", policy.Publisher, stix.Red), w.seat("my/desk", policy.Subscriber, stix.Red)
	my.streams()
	sg.publish(1, stix.Clear, "")
	sg.publish(2, stix.Clear, "")
	s := w.await(`selat_seat_pending_messages{member="my",seat="my/desk"}`, 2)
	for name, want := range map[string]float64{
		`selat_stream_messages{audience="region",stream="CTI_REGION_CLEAR",tlp="clear"}`:       2,
		`selat_stream_last_sequence{audience="region",stream="CTI_REGION_CLEAR",tlp="clear"}`:  2,
		`selat_stream_first_sequence{audience="region",stream="CTI_REGION_CLEAR",tlp="clear"}`: 1,
		`selat_stream_consumers{audience="region",stream="CTI_REGION_CLEAR",tlp="clear"}`:      1,
		`selat_stream_messages{audience="red",stream="CTI_red",tlp="red"}`:                     0,
		`selat_seat_connected{member="my",seat="my/desk"}`:                                     1,
		`selat_seat_redelivered_messages{member="my",seat="my/desk"}`:                          0,
		`selat_red_pending_messages`:      0,
		`selat_ready`:                     1,
		`selat_index_damaged`:             0,
		`selat_recovery_removed_durables`: 0,
		`selat_disk_reserve_bytes`:        1 << 20,
	} {
		if got, ok := s[name]; !ok || got != want {
			t.Errorf("%s is %v (told: %v), want %v", name, got, ok, want)
		}
	}
	for _, name := range []string{"selat_store_used_bytes", "selat_disk_free_bytes", "selat_engine_connections", "selat_engine_subscriptions", "selat_recovery_seconds", "selat_index_disk_bytes", "go_goroutines", "process_start_time_seconds"} {
		if s[name] <= 0 {
			t.Errorf("%s is %v", name, s[name])
		}
	}
	const delivered, acked = `selat_seat_last_delivery_timestamp_seconds{member="my",seat="my/desk"}`, `selat_seat_last_ack_timestamp_seconds{member="my",seat="my/desk"}`
	for _, name := range []string{delivered, acked} {
		if at, told := s[name]; told {
			t.Errorf("%s is %v before anything was delivered", name, at)
		}
	}
	my.receive("CTI_REGION_CLEAR")
	w.await(`selat_seat_pending_messages{member="my",seat="my/desk"}`, 1)
	s = w.await(`selat_seat_ack_pending_messages{member="my",seat="my/desk"}`, 0)
	for _, name := range []string{delivered, acked} {
		if ago := time.Since(time.UnixMilli(int64(s[name] * 1000))); ago < -time.Minute || ago > time.Hour {
			t.Errorf("%s is %v, %s ago", name, s[name], ago)
		}
	}
	my.nc.Close()
	w.await(`selat_seat_connected{member="my",seat="my/desk"}`, 0)
}

func TestFeedbackIsCountedByWhoGivesItAndNotByWhatItSays(t *testing.T) {
	w := watch(t, prepare(t))
	sg, my := w.seat("sg/feed", policy.Publisher, stix.Red), w.seat("my/desk", policy.Both, stix.Red)
	const about = "indicator--00000000-0000-4000-8000-000000000001"
	sg.publish(1, stix.Clear, "")
	sighting := func(n int, level stix.Level) []byte {
		return fmt.Appendf(nil, `{"type":"sighting","spec_version":"2.1","id":"sighting--00000000-0000-4000-8000-%012x","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","sighting_of_ref":%q,"count":7,"object_marking_refs":[%q]}`, n, about, marks[level])
	}
	opinion := fmt.Appendf(nil, `{"type":"opinion","spec_version":"2.1","id":"opinion--00000000-0000-4000-8000-000000000003","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","opinion":"strongly-disagree","object_refs":[%q],"object_marking_refs":[%q]}`, about, marks[stix.Amber])
	my.submit(sighting(1, stix.Red), "sg,th", api.Accepted) // two places, one sighting
	my.submit(sighting(2, stix.Amber), "asean", api.Accepted)
	my.submit(sighting(2, stix.Amber), "asean", api.Duplicate)
	my.submit(sighting(3, stix.Amber), "nowhere", api.Refused)
	my.submit(opinion, "asean", api.Accepted)
	w.await(`selat_feedback_total{origin="my",type="opinion"}`, 1)
	s := w.await(`selat_feedback_total{origin="my",type="sighting"}`, 2)
	for name := range s {
		if strings.HasPrefix(name, "selat_feedback_total") && !strings.Contains(name, `origin="my",type=`) {
			t.Errorf("%s is told too", name)
		}
	}
	_, body := w.scrape()
	for _, content := range []string{about, "strongly-disagree"} {
		if strings.Contains(body, content) {
			t.Errorf("the metrics tell %s", content)
		}
	}
}

func TestRedTellsNobodyWhoReceivedIt(t *testing.T) {
	w := watch(t, prepare(t))
	sg := w.seat("sg/feed", policy.Publisher, stix.Red)
	readers := []*seat{w.seat("my/desk", policy.Both, stix.Red), w.seat("th/desk", policy.Both, stix.Red)}
	for _, r := range readers {
		r.streams()
	}
	sg.publish(1, stix.Red, "ph") // so that what RED of this origin adds is there before
	w.await(`selat_red_pending_messages`, 0)
	before := w.await(`selat_stream_messages{audience="red",stream="CTI_red",tlp="red"}`, 1)
	sg.publish(2, stix.Red, "my")
	w.await(`selat_red_pending_messages`, 1)
	readers[0].receive("CTI_MY_RED")
	w.await(`selat_red_pending_messages`, 0)
	after := w.await(`selat_red_ack_pending_messages`, 0)

	ofReaders := func(s series) series {
		out := maps.Clone(s)
		maps.DeleteFunc(out, func(name string, _ float64) bool {
			return !strings.Contains(name, `"my`) && !strings.Contains(name, `"th`)
		})
		return out
	}
	if diff := cmp.Diff(ofReaders(before), ofReaders(after)); diff != "" {
		t.Errorf("what is told of the members changed with RED:\n%s", diff)
	}
	if len(ofReaders(before)) == 0 {
		t.Error("nothing is told of the members at all")
	}
	ours := func(s series) []string {
		var out []string
		for name := range s {
			if strings.HasPrefix(name, "selat_") {
				out = append(out, name)
			}
		}
		return out
	}
	if a, b := len(ours(before)), len(ours(after)); a != b {
		t.Errorf("%d series before, %d after", a, b)
	}
	for _, name := range ours(after) {
		if strings.Contains(strings.ToLower(name), "_red\"") && !strings.Contains(name, `stream="CTI_red"`) {
			t.Errorf("%s names a RED inbox", name)
		}
	}
}

func TestAMemberThatLeavesDoesNotTellHowMuchRedItReceived(t *testing.T) {
	w := watch(t, prepare(t))
	sg := w.seat("sg/feed", policy.Publisher, stix.Red)
	sg.publish(1, stix.Red, "my")
	must(t, w.RemoveMember(t.Context(), "my"))
	sg.publish(2, stix.Red, "th")
	w.await(`selat_stream_messages{audience="red",stream="CTI_red",tlp="red"}`, 2)
}

func TestAPrivateCommunityBearsItsTokenOnly(t *testing.T) {
	w := watch(t, prepare(t))
	const name = "quietcircle"
	must(t, w.AddCommunity(t.Context(), policy.Community{Name: name, Title: "Quietcircle", Private: true}))
	must(t, w.Join(t.Context(), name, "sg", false))
	must(t, w.Join(t.Context(), name, "my", false))
	sg, my := w.seat("sg/feed", policy.Publisher, stix.Red), w.seat("my/desk", policy.Subscriber, stix.Red)
	my.streams()
	sg.publish(1, stix.Amber, name)
	token := w.Region().Communities[name].Token
	w.await(`selat_stream_messages{audience="`+token+`",stream="CTI_`+strings.ToUpper(token)+`_AMBER",tlp="amber"}`, 1)
	_, body := w.scrape()
	if strings.Contains(strings.ToLower(body), name) {
		t.Error("/metrics names the private community")
	}
}

func TestLastPublicationSurvivesARestart(t *testing.T) {
	cfg := prepare(t)
	w := watch(t, cfg)
	sg, my := w.seat("sg/feed", policy.Publisher, stix.Red), w.seat("my/feed", policy.Publisher, stix.Red)
	sg.publish(1, stix.Clear, "")
	my.publish(2, stix.Red, "th")
	before, _ := w.scrape()
	w.close()

	w = watch(t, cfg)
	after, _ := w.scrape()
	for _, name := range []string{`selat_member_last_publication_timestamp_seconds{origin="sg"}`, `selat_member_last_publication_timestamp_seconds{origin="my"}`} {
		if off := after[name] - before[name]; before[name] == 0 || off < -10 || off > 0.01 {
			t.Errorf("%s was %f, is %f", name, before[name], after[name])
		}
	}
	if _, told := after[`selat_member_last_publication_timestamp_seconds{origin="th"}`]; told {
		t.Error("th never published")
	}
	// Looking for them left no reader behind.
	if n := after[`selat_stream_consumers{audience="region",stream="CTI_REGION_CLEAR",tlp="clear"}`]; n != 0 {
		t.Errorf("%v durables on a stream that nobody reads", n)
	}
}

func TestUnknownIsAbsentNotZero(t *testing.T) {
	w := watch(t, prepare(t))
	must(t, w.Hub.Close())
	s, _ := w.scrape()
	for name := range s {
		for _, unknown := range []string{"selat_stream_", "selat_seat_pending", "selat_red_", "selat_store_", "selat_index_", "selat_engine_connections"} {
			if strings.HasPrefix(name, unknown) {
				t.Errorf("%s is told by a closed hub", name)
			}
		}
	}
	s, _ = w.scrape() // failures are counted by the next scrape at the latest
	for _, what := range []string{"streams", "lags", "engine", "index"} {
		if s[`selat_observation_failures_total{metrics="`+what+`"}`] == 0 {
			t.Errorf("the failure to read %s is not counted", what)
		}
	}
	if ready, told := s["selat_ready"]; !told || ready != 0 {
		t.Errorf("selat_ready is %v", ready)
	}
}

func TestServeDoesNothingWithoutAListener(t *testing.T) {
	w := watch(t, prepare(t, func(c *broker.Config) { c.HTTP.Listen = "" }))
	if w.Server.Addr() != nil || w.Server.URL() != "" {
		t.Error("it listens")
	}
}
