package source_test

import (
	"context"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/selat-hub/selat/feeds/source"
)

// canary stands for what may be above CLEAR.
const canary = "c4n4ry"

// whole are documents of each format, of which every word is made a canary in turn.
var whole = map[string][]string{
	"urlhaus": {"# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter\n\"1\",\"2026-08-20 09:54:23\",\"http://a.example/\",\"online\",\"2026-08-20 09:54:23\",\"malware_download\",\"elf\",\"https://l.example/1\",\"someone\"\n# END 1 entries\n"},
	"threatfox": {"# first_seen_utc,ioc_id,ioc_value,ioc_type,threat_type,fk_malware,malware_printable,malware_alias,confidence_level,reference,tags\n" +
		"2026-08-20 09:54:23, 1, 192.0.2.1:443, ip:port, botnet_cc, win.x, X, \"a,b\", 50, https://ref.example/, \"a,b\"\n"},
	"feodo":      {"\"first_seen_utc\",\"dst_ip\",\"dst_port\",\"c2_status\",\"last_online\",\"malware\"\n\"2026-06-04 21:24:53\",\"203.0.113.1\",\"8080\",\"online\",\"2026-06-04\",\"Bot\"\n# END 1 entries\n"},
	"sslbl-ip":   {"# Firstseen,DstIP,DstPort\n2026-07-01 10:00:00,203.0.113.222,443\n"},
	"sslbl-sha1": {"# Listingdate,SHA1,Listingreason\n2026-07-02 10:00:00,0123456789abcdef0123456789abcdef01234567,InventedLoader C&C\n"},
	"csv": {"value,kind,port,first,last,until,confidence,text,tags,malware,link,tlp\n" +
		"192.0.2.1,ip,443,2026-08-20,2026-08-21,2026-08-22,50,\"two\nlines\",a;b,Bot,https://x.example/,amber\n\"open,ip\nbad.example,domain,,,,,,,,,,\n"},
	"list":         {"# remark\nbad.example # word\n0.0.0.0 a.example b.example\n192.0.2.0/24\n[2001:db8::1]:443\nhttp://c.example/\nA@b.example\n"},
	"shadowserver": {"\"timestamp\",\"ip\",\"port\",\"tag\",\"family\"\n\"2026-08-20 00:00:01\",\"203.0.113.1\",\"443\",\"cs\",\"Cobalt\"\n"},
	"kev": {`{"title":"x","count":1,"vulnerabilities":[{"cveID":"CVE-2026-0001","vulnerabilityName":"N","dateAdded":"2026-01-01","notes":"https://a.example","cwes":["CWE-1"],"knownRansomwareCampaignUse":"Known"}]}`,
		"cveID,vulnerabilityName,dateAdded,cwes\nCVE-2026-0001,\"N\",2026-01-01,\"CWE-1\"\n"},
	"cve5":    {cveRecords},
	"intelmq": {`{"classification.type":"c2-server","source.ip":"203.0.113.10","source.port":443,"malware.name":"bot","feed.accuracy":80.5,"time.source":"2026-08-20T09:00:00+00:00","tlp":"GREEN","event_description.text":"x"}`},
	"n6":      {`{"id":"b","replaces":"a","type":"bl-change","restriction":"need-to-know","confidence":"low","category":"cnc","time":"2026-08-20T10:00:00Z","expires":"2026-08-22T00:00:00Z","address":[{"ip":"192.0.2.1"},{"ip":"192.0.2.2"}],"sport":80,"name":"bot"}`},
	"misp":    {mispEvent},
	"openioc": {ioc},
	"stix": {`{"type":"bundle","id":"bundle--44af6c39-c09b-49c5-9de2-394224b04982","objects":[
		{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-000000000001","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z",
		"name":"x","pattern":"[domain-name:value = 'a.example' AND file:hashes.'MD5' = 'x']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z","labels":["a"],
		"external_references":[{"source_name":"s","url":"https://a.example/","hashes":{"MD5":"0123456789abcdef0123456789abcdef"}}],
		"extensions":{"extension-definition--00000000-0000-4000-8000-000000000002":{"extension_type":"property-extension","n":1}}},
		{"type":"file","spec_version":"2.1","id":"file--00000000-0000-5000-8000-000000000003","hashes":{"MD5":"0123456789abcdef0123456789abcdef"},"name":"a"}]}`},
	"misp-feed": {`{"0b9ef4ec-6d25-4f1d-9c43-2b7e1b6b6a11":{"timestamp":"1787220000","info":"x","Orgc":{"name":"a"}}}`},
}

var words = regexp.MustCompile(`[A-Za-z0-9_.:/-]+`)

// spoiled are the documents with a canary in place of each word, beside it, and cut
// or broken there.
func spoiled(text string) (all []string) {
	for _, at := range words.FindAllStringIndex(text, -1) {
		before, word, after := text[:at[0]], text[at[0]:at[1]], text[at[1]:]
		for _, bad := range []string{canary, word + canary, canary + word, canary + `"<` + canary + `>,` + canary + `\x`, "\x00" + canary, "<" + canary + ">&" + canary + ";", `{"` + canary + `":` + canary + `}`, `":{"` + canary + `":1},"x":"`} {
			all = append(all, before+bad+after)
		}
		all = append(all, before+canary, before+`{"`+canary+`":["`+canary)
	}
	return all
}

func TestNothingThatIsSaidOfABrokenRowQuotesIt(t *testing.T) {
	c := config()
	c.Mapping = source.Mapping{Columns: map[string]string{"value": "value", "kind": "kind", "port": "port", "first_seen": "first", "last_seen": "last",
		"until": "until", "confidence": "confidence", "description": "text", "tags": "tags", "malware": "malware", "reference": "link", "tlp": "tlp"}}
	c.Report = "scan_post_exploitation_framework"
	for _, f := range source.Formats {
		t.Run(f.Name, func(t *testing.T) {
			if len(whole[f.Name]) == 0 {
				t.Fatal("the format has no document here")
			}
			s, err := f.New(c)
			if err != nil {
				t.Fatal(err)
			}
			documents, refused, failed := 0, 0, 0
			leaks := map[string]string{}
			for _, text := range whole[f.Name] {
				for _, doc := range spoiled(text) {
					documents++
					said := func(what string) {
						if strings.Contains(strings.ToLower(what), canary) && leaks[what] == "" && len(leaks) < 20 {
							leaks[what] = doc
						}
					}
					event := func(context.Context, string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(doc)), nil }
					err := s.Read(t.Context(), source.Input{Name: "name", Reader: strings.NewReader(doc), Open: event}, func(r source.Row) error {
						said(r.Position)
						said(r.Skipped)
						if r.Refused != nil {
							refused++
							said(r.Refused.Error())
						}
						for _, d := range r.Objects {
							if _, err := d.Build(version); err != nil {
								refused++
								said(err.Error())
							}
						}
						return nil
					})
					if err != nil {
						failed++
						said(err.Error())
						if !strings.HasPrefix(err.Error(), "reading name") {
							t.Errorf("an error does not say what is read: %v", err)
						}
					}
				}
			}
			for what, doc := range leaks {
				t.Errorf("it says %q of\n%.300q", what, doc)
			}
			t.Logf("%d documents, %d refusals, %d failed readings", documents, refused, failed)
			if refused+failed == 0 {
				t.Error("nothing was refused")
			}
		})
	}
}
