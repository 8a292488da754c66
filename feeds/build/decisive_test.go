package build_test

import (
	"strings"
	"testing"

	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/stix/values"
)

func TestWhatIsListedIsFoundAndDecidesWhereItStandsAlone(t *testing.T) {
	for _, tt := range []struct {
		kind    build.Kind
		text    string
		decides bool
	}{
		{build.IP, "192.0.2.1", true},
		{build.IP, "2001:db8::1", true},
		{build.IP, "198.51.100.0/24", true},
		{build.Domain, "bad.example", true},
		{build.URL, "http://bad.example/x", true},
		{build.Email, "a@bad.example", true},
		{build.SHA256, strings.Repeat("ab", 32), true},
		{build.CertSHA1, strings.Repeat("ab", 20), true},
		{build.MAC, "00:00:5e:00:53:01", true},
		// The address alone may be harmless: a tool that blocks whole addresses
		// has to decide so itself.
		{build.IPPort, "192.0.2.1:443", false},
	} {
		v, refused := build.Read(tt.kind, tt.text)
		if refused != nil {
			t.Fatal(refused)
		}
		raw, err := maker.Indicator(build.Indicator{Common: build.Common{Key: tt.text}, Pattern: v.Pattern(), ValidFrom: at}).Build(version)
		if err != nil {
			t.Fatal(err)
		}
		keys := values.AppendKeys(nil, "indicator", raw)
		if len(keys) == 0 {
			t.Errorf("%s %s is not found", tt.kind, tt.text)
		}
		for _, k := range keys {
			if (k.Role == values.Decisive) != tt.decides {
				t.Errorf("%s %s is %s", tt.kind, k, k.Role)
			}
		}
	}
}
