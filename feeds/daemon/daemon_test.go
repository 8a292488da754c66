package daemon_test

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/selat-hub/selat/feeds/daemon"
)

// Settings is a configuration of this test.
type Settings struct {
	Every daemon.Duration `yaml:"every"`
}

func TestAConfigurationSaysWhatItDoesNotKnowAndWhere(t *testing.T) {
	for text, want := range map[string]string{
		"every: 90s": "", "every: 30d": "", "": "",
		"every: soon":        "line 1: \"soon\" is no duration",
		"every: -5m":         "no duration",
		"every: 1h\nevry: 2": "line 2: field evry not found in settings",
	} {
		file := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := daemon.Read(file, &Settings{})
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file)) {
			t.Errorf("%q: %v", text, err)
		}
	}
	var c Settings
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("every: 30d"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := daemon.Read(file, &c); err != nil || time.Duration(c.Every) != 720*time.Hour {
		t.Errorf("30d is %v, %v", c.Every, err)
	}
}

func TestMetricsAreServedOnThisMachineOnly(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	for _, address := range []string{"0.0.0.0:0", "192.0.2.1:9420", ":9420", "here"} {
		if _, _, err := daemon.ServeMetrics(address, log); err == nil {
			t.Errorf("%s is served", address)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r, stop, err := daemon.ServeMetrics(address, log)
	if err != nil {
		t.Fatal(err)
	}
	r.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "selat_test_total"}))
	resp, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(b), "selat_test_total 0") {
		t.Errorf("%q, %v", b, err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}
