package source_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/feeds/source"
)

func TestOpenIOCSamples(t *testing.T) {
	root := shared(t)
	for _, s := range []struct {
		file, counted string
		want          made
	}{
		{"openioc/apt28-a6c6dbf0.ioc", "a file name with the family EVILTOSS makes 3, the name of a section in memory has no place",
			made{Rows: 2, Objects: 3, Distinct: 3, Refused: count("unsupported-term", 1), Skipped: map[string]int{}}},
		{"openioc/zeus.ioc.xml", "two groups of AND, each with the type of a handle, for which there is no place, and the document of which nothing is left",
			made{Rows: 3, Refused: count("unsupported-term", 3), Skipped: map[string]int{}}},
	} {
		t.Run(filepath.Base(s.file), func(t *testing.T) {
			once := func() (made, map[string]string) {
				m, objects, err := read(t, "openioc", config(), source.Input{Name: s.file, Reader: open(t, root, s.file)})
				if err != nil {
					t.Fatal(err)
				}
				return m, objects
			}
			got, objects := once()
			t.Logf("openioc %s rows %d, objects %d, refused %v", s.file, got.Rows, got.Objects, got.Refused)
			if diff := cmp.Diff(s.want, got); diff != "" {
				t.Errorf("counted otherwise (%s):\n%s", s.counted, diff)
			}
			if _, again := once(); !cmp.Equal(objects, again) {
				t.Error("read again it gives other ids or bytes")
			}
		})
	}
}

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
