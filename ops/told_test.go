package ops_test

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/common/expfmt"

	dto "github.com/prometheus/client_model/go"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

func TestWhatGoesThroughAHubIsTold(t *testing.T) {
	t.Parallel() // it waits for the disk, mostly
	notRaced(t)
	w := watch(t, prepare(t))
	t.Run("a hub alone is a cluster of one", func(t *testing.T) { aloneIsOne(t, w) })
	t.Run("flow is told by origin, audience and level", func(t *testing.T) { flowIsTold(t, w) })
	t.Run("histograms are told in both forms", func(t *testing.T) { bothForms(t, w) })
}

func TestWhatFallsBehindIsTold(t *testing.T) {
	t.Parallel() // it waits for the disk, mostly
	notRaced(t)
	cfg := prepare(t)
	w := watch(t, cfg)
	js, err := jetstream.New(asHub(t, cfg, w.Hub))
	must(t, err)
	t.Run("a seat that retention overtakes, where there is retention", func(t *testing.T) { retentionOvertakes(t, w, js) })
	t.Run("the catalogue", func(t *testing.T) { catalogueBehind(t, w, js) })
}

// notRaced leaves out of short runs what reads a hub and has no goroutine of its own.
func notRaced(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it races no more than other readings of a hub")
	}
}

func aloneIsOne(t *testing.T, w *watched) {
	s, _ := w.scrape()
	for name, want := range map[string]float64{
		"selat_cluster_nodes": 1, "selat_cluster_quorum_nodes": 1, "selat_cluster_nodes_in_step": 1,
		"selat_cluster_leader_known": 1, "selat_cluster_leads": 1, "selat_cluster_pending_requests": 0, "selat_engine_healthy": 1,
		"selat_index_lag_messages": 0, "selat_index_lag_seconds": 0,
	} {
		if got, ok := s[name]; !ok || got != want {
			t.Errorf("%s is %v (told: %v), want %v", name, got, ok, want)
		}
	}
	for _, stream := range []string{
		`{audience="region",stream="CTI_REGION_CLEAR",tlp="clear"}`, `{audience="red",stream="CTI_red",tlp="red"}`, `{audience="hub",stream="hub",tlp="none"}`,
	} {
		for name, want := range map[string]float64{
			"selat_stream_replicas": 1, "selat_stream_replicas_in_step": 1, "selat_stream_leader_known": 1, "selat_stream_replica_lag_operations": 0,
		} {
			if got, ok := s[name+stream]; !ok || got != want {
				t.Errorf("%s is %v (told: %v), want %v", name+stream, got, ok, want)
			}
		}
	}
	if total, free := s["selat_disk_total_bytes"], s["selat_disk_free_bytes"]; total < free || free <= 0 {
		t.Errorf("%v of %v bytes are free", free, total)
	}
	for name := range s {
		if strings.Contains(name, "_RED\"") {
			t.Errorf("%s names a RED inbox", name)
		}
	}
}

func flowIsTold(t *testing.T, w *watched) {
	const private = "quietcircle"
	must(t, w.AddCommunity(t.Context(), policy.Community{Name: private, Title: "Quietcircle", Private: true}))
	must(t, w.Join(t.Context(), private, "sg", false))
	must(t, w.Join(t.Context(), private, "my", false))
	sg := w.seat("sg/feed", policy.Publisher, stix.Red)
	sg.publish(1, stix.Clear, "")
	sg.publish(2, stix.Amber, "asean")
	sg.publish(3, stix.Amber, private)
	sg.publish(4, stix.Red, "my,th,vn") // three inboxes, one object
	sg.publish(5, stix.Red, "my")
	sg.submit([]byte(`{"type":"indicator"}`), "", api.Refused)
	token := w.Region().Communities[private].Token
	s, body := w.scrape()
	want := map[string]float64{
		`{audience="region",origin="sg",tlp="clear"}`:        1,
		`{audience="asean",origin="sg",tlp="amber"}`:         1,
		`{audience="` + token + `",origin="sg",tlp="amber"}`: 1,
		`{audience="red",origin="sg",tlp="red"}`:             2,
	}
	for labels, n := range want {
		if got := s["selat_flow_objects_total"+labels]; got != n {
			t.Errorf("%s has %v objects, want %v", labels, got, n)
		}
		// An indicator of these tests has some 300 bytes.
		if got := s["selat_flow_bytes_total"+labels]; got < 250*n || got > 400*n {
			t.Errorf("%s has %v bytes", labels, got)
		}
	}
	for name := range s {
		if labels, is := strings.CutPrefix(name, "selat_flow_objects_total"); is && want[labels] == 0 {
			t.Errorf("%s is told too", name)
		}
	}
	if strings.Contains(strings.ToLower(body), private) {
		t.Error("/metrics names the private community")
	}
}

func catalogueBehind(t *testing.T, w *watched, js jetstream.JetStream) {
	w.await("selat_index_lag_messages", 0)
	for range 2 { // stored past the hub
		_, err := js.Publish(t.Context(), "cti.region.clear.sg.indicator", []byte("{}"))
		must(t, err)
	}
	w.await("selat_index_lag_messages", 2)
	if s, _ := w.scrape(); s["selat_index_lag_seconds"] <= 0 {
		t.Errorf("it is %v seconds behind", s["selat_index_lag_seconds"])
	}
}

func retentionOvertakes(t *testing.T, w *watched, js jetstream.JetStream) {
	sg, my := w.seat("sg/feed", policy.Publisher, stix.Red), w.seat("my/desk", policy.Subscriber, stix.Red)
	my.streams()
	sg.publish(1, stix.Clear, "")
	sg.publish(2, stix.Red, "my")
	const overtaken = `selat_seat_retention_overtake_timestamp_seconds{member="my",seat="my/desk"}`
	if s := w.await(`selat_seat_pending_messages{member="my",seat="my/desk"}`, 1); s[overtaken] != 0 {
		t.Errorf("a hub that keeps everything says %v", s[overtaken])
	}
	limit := func(stream string, age time.Duration) {
		s, err := js.Stream(t.Context(), stream)
		must(t, err)
		c := s.CachedInfo().Config
		c.MaxAge = age
		_, err = js.UpdateStream(t.Context(), c)
		must(t, err)
	}
	limit("CTI_MY_RED", 2*time.Hour) // sooner, and told to nobody
	limit("CTI_REGION_CLEAR", 24*time.Hour)
	at := 0.0
	deadline := time.Now().Add(30 * time.Second)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for at == 0 && time.Now().Before(deadline) {
		<-again.C
		s, _ := w.scrape()
		at = s[overtaken]
	}
	if in := time.Until(time.UnixMilli(int64(at * 1000))); in < 23*time.Hour || in > 24*time.Hour {
		t.Errorf("overtaken in %s", in)
	}
	my.receive("CTI_REGION_CLEAR")
	s := w.await(`selat_seat_pending_messages{member="my",seat="my/desk"}`, 0)
	if at, is := s[overtaken]; is {
		t.Errorf("who has everything is overtaken at %v", at)
	}
}

func TestWhatEndsIsToldBeforeItDoes(t *testing.T) {
	t.Parallel() // it waits for the disk, mostly
	notRaced(t)
	ca := newAuthority(t)
	cert, key := ca.leaf(2)
	w := watch(t, prepare(t, func(c *broker.Config) {
		c.TLS.Cert, c.TLS.Key, c.TLS.CA = cert, key, writePEM(t, "CERTIFICATE", ca.cert.Raw)
	}))
	w.client = httpClient(t, ca.clientTLS())
	for _, name := range []string{"my/desk", "my/other", "my/gone", "th/desk"} {
		_, err := w.AddSeat(t.Context(), policy.Seat{Name: name, Kind: policy.Both, Standing: policy.Organization, Ceiling: stix.Clear})
		must(t, err)
	}
	first := time.Now().Add(48 * time.Hour).Truncate(time.Second)
	for seat, at := range map[string]time.Time{"my/desk": first, "my/other": first.Add(time.Hour), "my/gone": first.Add(-time.Hour), "th/desk": {}} {
		_, err := w.AddToken(t.Context(), seat, "", at)
		must(t, err)
	}
	must(t, w.RevokeSeat(t.Context(), "my/gone"))
	b, err := os.ReadFile(cert)
	must(t, err)
	block, _ := pem.Decode(b)
	leaf, err := x509.ParseCertificate(block.Bytes)
	must(t, err)
	s, _ := w.scrape()
	for name, want := range map[string]time.Time{
		`selat_member_token_expiry_timestamp_seconds{member="my"}`:            first,
		`selat_certificate_not_after_timestamp_seconds{certificate="hub"}`:    leaf.NotAfter,
		`selat_certificate_not_after_timestamp_seconds{certificate="hub-ca"}`: ca.cert.NotAfter,
	} {
		if got := time.UnixMilli(int64(s[name] * 1000)); !got.Equal(want) {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	for _, name := range []string{`selat_member_token_expiry_timestamp_seconds{member="th"}`, `selat_certificate_not_after_timestamp_seconds{certificate="taxii-client-ca"}`} {
		if at, is := s[name]; is {
			t.Errorf("%s is %v, and nothing ends", name, at)
		}
	}
}

func bothForms(t *testing.T, w *watched) {
	req := newRequest(t, w.Server.URL()+"/metrics", "")
	req.Header.Set("Accept", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")
	resp, err := w.client.Do(req)
	must(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("/metrics answers %d", resp.StatusCode)
	}
	d, seen := expfmt.NewDecoder(resp.Body, expfmt.ResponseFormat(resp.Header)), 0
	for {
		var f dto.MetricFamily
		if err := d.Decode(&f); err != nil {
			break
		}
		if f.GetType() != dto.MetricType_HISTOGRAM || !strings.HasPrefix(f.GetName(), "selat_") {
			continue
		}
		seen++
		for _, m := range f.GetMetric() {
			if h := m.GetHistogram(); len(h.GetBucket()) == 0 || h.Schema == nil || h.GetSampleCount() > 0 && len(h.GetPositiveSpan()) == 0 {
				t.Errorf("%s has %d classic buckets and %d native spans", f.GetName(), len(h.GetBucket()), len(h.GetPositiveSpan()))
			}
		}
	}
	if seen < 5 {
		t.Errorf("%d histograms are told", seen)
	}
}
