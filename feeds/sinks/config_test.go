package sinks_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/selat-hub/selat/feeds/sinks"
)

func TestPathsInAConfigurationCountFromItsFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "sinks.yaml")
	must(t, os.WriteFile(file, []byte(`sinks:
  one: {format: cef, exposure: public, options: {path: one.log}}
  two: {format: cef, exposure: clients, options: {path: /var/log/two.log}}
  hook: {format: webhook, exposure: public, options: {url: "https://hook.example", secret-file: secret, ca: ca.pem, certificate: own.pem, key: own.key}}
  list: {format: list, exposure: public}
`), 0o600))
	c, err := sinks.Load(file)
	must(t, err)
	hook := c.Sinks["hook"].Options
	for got, want := range map[string]string{
		c.Sinks["one"].Options["path"]:     filepath.Join(dir, "one.log"),
		c.Sinks["two"].Options["path"]:     "/var/log/two.log",
		hook["url"]:                        "https://hook.example",
		hook["secret-file"]:                filepath.Join(dir, "secret"),
		hook["ca"]:                         filepath.Join(dir, "ca.pem"),
		hook["certificate"]:                filepath.Join(dir, "own.pem"),
		hook["key"]:                        filepath.Join(dir, "own.key"),
		filepath.Dir(c.Sinks["list"].Path): dir,
	} {
		if got != want {
			t.Errorf("%s is not %s", got, want)
		}
	}
}
