package taxii

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// gathered is the value of each counter, by its name and labels.
func gathered(t testing.TB, s *Server) map[string]float64 {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	must(t, r.Register(s))
	families, err := r.Gather()
	must(t, err)
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			name := f.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			out[name] = m.GetCounter().GetValue()
		}
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	must(t, err)
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	return out
}

func TestMetricsTellWhatWasAskedAndNotByWhom(t *testing.T) {
	h, s := served(t)
	c := h.client(s, "sg/desk")
	c.get(path("asean-amber", "objects/")).want(http.StatusOK)
	c.do("FOO", "/taxii2/", nil).want(http.StatusMethodNotAllowed)
	c.get("/nothing/").want(http.StatusNotFound)
	h.client(s, "").get("/taxii2/").want(http.StatusUnauthorized)
	got := gathered(t, s)
	for name, want := range map[string]float64{
		`selat_taxii_requests_total{endpoint="discovery",method="other",status="405"}`: 1,
		`selat_taxii_requests_total{endpoint="none",method="GET",status="401"}`:        1,
		`selat_taxii_requests_total{endpoint="none",method="GET",status="404"}`:        1,
		`selat_taxii_requests_total{endpoint="objects",method="GET",status="200"}`:     1,
		`selat_taxii_requests_total{endpoint="objects",method="POST",status="202"}`:    2,
		`selat_taxii_denials_total{reason="no-credentials"}`:                           1,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	for name := range got {
		if strings.Contains(name, "asean") || strings.Contains(name, "sg") {
			t.Errorf("%s tells who or what", name)
		}
	}
}
