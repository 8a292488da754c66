package broker_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/selat-hub/selat/broker"
)

func TestTheConfigurationRefusesWhatIsUnsafeAndSaysHowToMendIt(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*broker.Config)
		want string // in the error; "" for none
	}{
		"the default stands":                                   {func(*broker.Config) {}, ""},
		"loopback by name needs no TLS":                        {func(c *broker.Config) { c.Listen = "localhost:4222" }, ""},
		"IPv6 loopback needs no TLS":                           {func(c *broker.Config) { c.Listen = "[::1]:4222" }, ""},
		"off loopback without TLS":                             {func(c *broker.Config) { c.Listen = "0.0.0.0:4222" }, "tls.cert"},
		"every interface by empty host":                        {func(c *broker.Config) { c.Listen = ":4222" }, "tls.cert"},
		"every interface without saying which one members use": {func(c *broker.Config) { c.Listen, c.TLS = ":4222", broker.TLS{Cert: "a", Key: "b"} }, "advertise"},
		"a certificate without a key":                          {func(c *broker.Config) { c.TLS.Cert = "hub.pem" }, "set both"},
		"metrics off loopback without TLS":                     {func(c *broker.Config) { c.HTTP.Listen = "192.0.2.1:7422" }, "tls.cert"},
		"metrics off loopback without a token":                 {func(c *broker.Config) { c.HTTP.Listen, c.TLS = ":7422", broker.TLS{Cert: "a", Key: "b"} }, "http.token_file"},
		"TAXII off loopback without TLS":                       {func(c *broker.Config) { c.TAXII.Listen = ":7423" }, "taxii.listen"},
		"TAXII on an address that is none":                     {func(c *broker.Config) { c.TAXII.Listen = "7423" }, "host:port"},
		"certificates of TAXII clients without TLS":            {func(c *broker.Config) { c.TAXII.ClientCA = "ca.pem" }, "taxii.client_ca"},
		"TAXII pages larger than memory should hold":           {func(c *broker.Config) { c.TAXII.MaxPage = 10_001 }, "taxii.max_page"},
		"TAXII without a title":                                {func(c *broker.Config) { c.TAXII.Title = "" }, "taxii.title"},
		"nothing about TAXII matters when it is off":           {func(c *broker.Config) { c.TAXII = broker.TAXII{MaxPage: -1} }, ""},
		"a window shorter than an hour":                        {func(c *broker.Config) { c.Store.DedupeWindow = 60e9 }, "store.dedupe_window"},
		"objects larger than a submission":                     {func(c *broker.Config) { c.Limits.ObjectBytes = c.Limits.PayloadBytes + 1 }, "limits.object_bytes"},
		"a listener that is no address":                        {func(c *broker.Config) { c.Listen = "4222" }, "host:port"},
		"messages beyond what the engine may carry":            {func(c *broker.Config) { c.Store.MessageBytes = 5 << 20 }, "store.message_bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := broker.DefaultConfig()
			c.edit(&cfg)
			err := cfg.Check()
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want it to name %q", err, c.want)
			}
		})
	}
}

func TestASecretThatOthersMayReadIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(path, []byte("x"), 0o640))
	if _, err := broker.ReadSecret(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("mode 0640: %v", err)
	}
	must(t, os.Chmod(path, 0o600))
	if b, err := broker.ReadSecret(path); err != nil || string(b) != "x" {
		t.Errorf("mode 0600: %q, %v", b, err)
	}
}
