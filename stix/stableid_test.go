package stix

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// These identifiers are in use wherever objects of feeds are held. If one of
// them changes, StableID is wrong and not the test.
func TestStableIdentifiersNeverChange(t *testing.T) {
	for _, c := range []struct {
		want, feed, typ string
		parts           []string
	}{
		{"indicator--33985e49-7810-5cd1-a384-59ed29c78910", "cert.example/urlhaus", "indicator", []string{"3421907"}},
		{"indicator--581f0f2b-6f08-5cbb-9a23-fd3c1bf3d8e1", "cert.example/urlhaus", "indicator", []string{"http://192.0.2.7/bin.sh", "2025-01-31"}},
		{"relationship--e9709700-2162-5706-8418-b705a0303910", "cert.example/urlhaus", "relationship", []string{"indicates", "indicator--1f9a2b34-5c6d-4e7f-8a9b-0c1d2e3f4a5b", "malware--0c1d2e3f-5c6d-4e7f-8a9b-1f9a2b344a5b"}},
		{"identity--aeef590e-f9e8-5d3e-9cd0-77eeaff6421e", "cert.example/shadowserver", "identity", []string{"Băile Herculane"}},
		{"marking-definition--cd37f613-dfde-5f70-81cc-887625961b8c", "cert.example/misp", "marking-definition", []string{"PAP:GREEN"}},
		{"report--3d3ad26b-ee52-5414-9e48-aeb55ba2245a", "", "report", nil},
	} {
		if got := StableID(c.feed, c.typ, c.parts...); got != c.want {
			t.Errorf("%s %s %q: got %s, want %s", c.feed, c.typ, c.parts, got, c.want)
		}
	}
}

func TestAStableIdentifierIsWhatItsDocumentationSays(t *testing.T) {
	namespace := uuid.NewSHA1(uuid.MustParse("e02cc992-3129-4090-aad6-ad6d33803ea8"), []byte("cert.example/urlhaus"))
	want := "indicator--" + uuid.NewSHA1(namespace, []byte("9:indicator,7:3421907,0:,")).String()
	if got := StableID("cert.example/urlhaus", "indicator", "3421907", ""); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDifferentPartsGiveDifferentStableIdentifiers(t *testing.T) {
	text := rapid.OneOf(rapid.StringOf(rapid.SampledFrom([]rune("ab:,01"))), rapid.String(), rapid.SampledFrom([]string{"\xff", "\xfe", "\uFFFD"}))
	feed := rapid.SampledFrom([]string{"", "a", "a/b", "b"})
	typ := rapid.SampledFrom([]string{"indicator", "identity", "report"})
	parts := rapid.SliceOfN(text, 0, 4)
	rapid.Check(t, func(t *rapid.T) {
		feed1, typ1, parts1 := feed.Draw(t, "feed"), typ.Draw(t, "type"), parts.Draw(t, "parts")
		feed2, typ2, parts2 := feed.Draw(t, "other feed"), typ.Draw(t, "other type"), parts.Draw(t, "other parts")
		if rapid.Bool().Draw(t, "parts cut elsewhere") {
			feed2, typ2 = feed1, typ1
			parts2 = strings.SplitAfter(strings.Join(parts1, ""), rapid.SampledFrom([]string{"a", ":", ","}).Draw(t, "cut after"))
		}
		id1, id2 := StableID(feed1, typ1, parts1...), StableID(feed2, typ2, parts2...)
		same := feed1 == feed2 && typ1 == typ2 && slices.Equal(parts1, parts2)
		_, uuid1, _ := strings.Cut(id1, "--")
		_, uuid2, _ := strings.Cut(id2, "--")
		if (uuid1 == uuid2) != same {
			t.Fatalf("%q %q %q is %s and %q %q %q is %s", feed1, typ1, parts1, id1, feed2, typ2, parts2, id2)
		}
		if !validIDOf(typ1, []byte(id1)) || id1[len(typ1)+len("--")+14] != '5' {
			t.Fatalf("%s is no identifier with a UUIDv5", id1)
		}
	})
}
