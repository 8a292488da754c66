package source_test

import (
	"strings"
	"testing"

	"github.com/selat-hub/selat/feeds/source"
)

const ioc = `<OpenIOC id="x" last-modified="2026-08-20T00:00:00"><metadata><short_description>N</short_description></metadata><criteria>
<Indicator operator="OR"><Indicator operator="AND">
<IndicatorItem condition="contains"><Context search="FileItem/FileName"/><Content>a_'b</Content></IndicatorItem>
<IndicatorItem condition="is" negate="true"><Context search="FileItem/Md5sum"/><Content>0123456789ABCDEF0123456789abcdef</Content></IndicatorItem></Indicator>
<IndicatorItem condition="ends-with"><Context search="DnsEntryItem/Host"/><Content>.bad.example</Content></IndicatorItem></Indicator></criteria></OpenIOC>`

func TestATreeOfOpenIOCIsOnePattern(t *testing.T) {
	_, objects, err := read(t, "openioc", config(), source.Input{Reader: strings.NewReader(ioc)})
	if err != nil || len(objects) != 1 {
		t.Fatal(len(objects), err)
	}
	for _, raw := range objects {
		if want := `([(file:name MATCHES 'a_\\'b' AND file:hashes.'MD5' NOT = '0123456789abcdef0123456789abcdef')] OR [domain-name:value LIKE '%.bad.example'])`; !strings.Contains(raw, want) {
			t.Errorf("it is %s", raw)
		}
	}
}

func TestADocumentTypeIsRefused(t *testing.T) {
	_, _, err := read(t, "openioc", config(), source.Input{Reader: strings.NewReader(`<!DOCTYPE x [<!ENTITY a "b">]>` + ioc)})
	if err == nil {
		t.Error("it is read")
	}
}

func FuzzOpenIOC(f *testing.F) { fuzz(f, "openioc", "", ioc, "<ioc id='1'/>") }
