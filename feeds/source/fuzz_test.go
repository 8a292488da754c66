package source_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/feeds/source"
)

// fuzz holds a format to what every source promises, whatever it is given: each
// row says what became of it, each object is valid or says with a code why not,
// and reading again gives the same.
func fuzz(f *testing.F, format, name string, seeds ...string) {
	for _, s := range seeds {
		f.Add(s)
	}
	c := config()
	c.Mapping = source.Mapping{Columns: map[string]string{"value": "value", "kind": "kind", "port": "port", "first_seen": "first", "last_seen": "last",
		"until": "until", "confidence": "confidence", "description": "text", "tags": "tags", "malware": "malware", "reference": "link", "tlp": "tlp"}}
	how, err := source.Lookup(format)
	if err != nil {
		f.Fatal(err)
	}
	s, err := how.New(c)
	if err != nil {
		f.Fatal(err)
	}
	once := func(t *testing.T, in string) (out []string) {
		s.Read(t.Context(), source.Input{Name: name, Reader: strings.NewReader(in), Open: further}, func(r source.Row) error {
			if r.Position == "" || len(r.Key) > 256 {
				t.Fatalf("position %q, a key of %d bytes", r.Position, len(r.Key))
			}
			became := len(r.Objects) > 0 || r.Skipped != ""
			if r.Refused != nil && became || r.Refused == nil && !became && !r.Withdrawn {
				t.Fatalf("%s says both that it is refused and what it became, or neither", r.Position)
			}
			out = append(out, r.Key)
			for _, d := range r.Objects {
				raw, err := d.Build(version)
				var refused *build.Refusal
				switch {
				case errors.As(err, &refused):
					raw = []byte(refused.Code)
				case err != nil:
					t.Fatal(err)
				default:
					if err := build.Valid(raw); err != nil {
						t.Fatalf("%s: %v", raw, err)
					}
				}
				out = append(out, d.ID, string(raw))
			}
			return nil
		})
		return out
	}
	f.Fuzz(func(t *testing.T, in string) {
		first := once(t, in)
		if diff := cmp.Diff(first, once(t, in)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// further opens no document, of the formats that have some.
func further(context.Context, string) (io.ReadCloser, error) { return nil, source.ErrGone }

func FuzzURLhaus(f *testing.F) {
	fuzz(f, "urlhaus", "", urlhausHead+"\"1\",\"2026-08-20 09:54:23\",\"http://a.example/\"\"x\"\",y\", \"online\"\n# END 1 entries\n")
}

func FuzzThreatFox(f *testing.F) {
	fuzz(f, "threatfox", "", "# first_seen_utc,ioc_id,ioc_value,ioc_type,fk_malware,malware_printable,malware_alias,confidence_level,reference,tags\n"+
		"2026-08-20 09:54:23, 1, 192.0.2.1:443, ip:port, win.x, X, \"a,b\", 0, https://ref.example/, \"a,b\"\n")
}

func FuzzFeodo(f *testing.F) {
	fuzz(f, "feodo", "", "\"first_seen_utc\",\"dst_ip\",\"dst_port\",\"malware\"\n\"2026-06-04 21:24:53\",\"203.0.113.1\",\"8080\",\"Bot\"\n# END 1 entries\n")
}

func FuzzSSLBLAddresses(f *testing.F) {
	fuzz(f, "sslbl-ip", "", "# Firstseen,DstIP,DstPort\n2026-07-01 10:00:00,203.0.113.222,443\n")
}

func FuzzSSLBLCertificates(f *testing.F) {
	fuzz(f, "sslbl-sha1", "", "# Listingdate,SHA1,Listingreason\n2026-07-02 10:00:00,0123456789abcdef0123456789abcdef01234567,InventedLoader C&C\n")
}

func FuzzCSV(f *testing.F) {
	fuzz(f, "csv", "", "value,kind,port,first,last,until,confidence,text,tags,malware,link,tlp\n"+
		"192.0.2.1,ip,443,2026-08-20,1787220000,,B2,\"two\nlines\",a;b|c,Bot,https://x.example/,TLP:AMBER+STRICT\n\"open\nbad.example,auto,,,,,,,,,,\n")
}

func FuzzList(f *testing.F) {
	fuzz(f, "list", "", "# x\nbad[.]example # y\n0.0.0.0 a.example b.example\n192.0.2.0/24\r\n[2001:db8::1]:443\nhxxp://c.example/'\\\nA@b.example\n")
}

func FuzzShadowserver(f *testing.F) {
	fuzz(f, "shadowserver", "2026-08-20-scan_post_exploitation_framework-x.csv", "\"timestamp\",\"ip\",\"port\",\"tag\",\"family\"\n\"2026-08-20 00:00:01\",\"203.0.113.1\",\"443\",\"cs\",\"Cobalt\"\n")
}

func FuzzKEV(f *testing.F) {
	fuzz(f, "kev", "", `{"count":1,"vulnerabilities":[{"cveID":"CVE-2026-0001","vulnerabilityName":"N","dateAdded":"2026-01-01","notes":"https://a.example ; x","cwes":["CWE-1"],"knownRansomwareCampaignUse":"Known"}]}`,
		"cveID,vulnerabilityName,dateAdded,cwes\nCVE-2026-0001,\"N \"\"x\"\"\",2026-01-01,\"CWE-1, CWE-2\"\n")
}

func FuzzCVE5(f *testing.F) {
	fuzz(f, "cve5", "", cveRecords, `[{"dataType":"CVE_RECORD","dataVersion":"5.1","cveMetadata":{"cveId":"CVE-2026-0001","state":"REJECTED"}},7,{]`, `[[]]`)
}

func FuzzIntelMQ(f *testing.F) {
	fuzz(f, "intelmq", "", `{"classification.type":"c2-server","source.ip":"203.0.113.10","source.port":443,"malware.name":"bot","feed.accuracy":80.5,"time.source":"2026-08-20T09:00:00+00:00","tlp":"GREEN","event_description.text":"x"}`)
}

func FuzzN6(f *testing.F) {
	fuzz(f, "n6", "", `{"id":"b","replaces":"a","type":"bl-change","restriction":"need-to-know","confidence":"low","category":"cnc","time":"2026-08-20T10:00:00Z","expires":"2026-08-22T00:00:00Z","address":[{"ip":"192.0.2.1"},{"ip":"192.0.2.2"}],"sport":80,"name":"bot"}`,
		`{"id":"b","type":"bl-delist"}`)
}

func FuzzSTIX(f *testing.F) {
	fuzz(f, "stix", "", `{"type":"bundle","id":"bundle--44af6c39-c09b-49c5-9de2-394224b04982","objects":[{"type":"ipv4-addr","spec_version":"2.1","id":"ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd","value":"198.51.100.3"}]}`,
		`[{"type":"x"},7]`, "\ufeff{\"type\":\"identity\",\"spec_version\":\"2.1\",\"id\":\"identity--8c6af861-7b20-41ef-9b59-6344fd872a8f\",\"created\":\"2016-08-08T15:50:10.983Z\",\"modified\":\"2016-08-08T15:50:10.983Z\",\"name\":\"F\"}\n{")
}
