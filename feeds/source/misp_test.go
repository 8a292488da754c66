package source_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/feeds/source"
)

// folder is an input whose further documents are files.
func folder(t testing.TB, files fs.FS, manifest string) source.Input {
	t.Helper()
	f, err := files.Open(manifest)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return source.Input{Name: manifest, Reader: f, Open: func(_ context.Context, path string) (io.ReadCloser, error) {
		f, err := files.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			err = source.ErrGone
		}
		return f, err
	}}
}

// mispEvent is an event with an entry of each sort.
const mispEvent = `{"response":[{"Event":{"uuid":"0B9EF4EC-6d25-4f1d-9c43-2b7e1b6b6a11","info":"An invented campaign","date":"2026-08-20","timestamp":1787220000,
"distribution":"3","Orgc":{"name":"CERT Example","uuid":"5c3bb7f5-1ec5-4c5a-8d1c-3a3c3c6f4b0e"},
"Tag":[{"name":"tlp:amber"},{"name":"PAP:GREEN"},{"name":"misp-galaxy:threat-actor=\"Invented Bear\""},{"name":"campaign"}],
"Attribute":[
{"uuid":"00000000-0000-4000-8000-000000000001","type":"domain","category":"Network activity","to_ids":"1","value":"a.example","timestamp":"1787220001","first_seen":"2026-08-01T00:00:00.5+00:00",
 "Tag":[{"name":"admiralty-scale:information-credibility=\"2\""},{"name":"misp-galaxy:mitre-malware=\"InventedBot - S9999\""},{"name":"tlp:green"}]},
{"uuid":"00000000-0000-4000-8000-000000000002","type":"filename|sha256","to_ids":true,"value":"a.exe|0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","Tag":[{"name":"tlp:red"}]},
{"uuid":"00000000-0000-4000-8000-000000000003","type":"ip-dst|port","to_ids":true,"value":"192.0.2.1|443","deleted":true},
{"uuid":"00000000-0000-4000-8000-000000000004","type":"target-user","to_ids":true,"value":"someone"},
{"uuid":"00000000-0000-4000-8000-000000000005","type":"url","to_ids":true,"value":"https://b.example/","Tag":[{"name":"tlp:ex:chr"}]},
{"uuid":"00000000-0000-4000-8000-000000000006","type":"yara","to_ids":true,"value":"rule x {}"},
{"uuid":"00000000-0000-4000-8000-000000000007","type":"ip-dst","to_ids":false,"value":"192.0.2.7"},
{"uuid":"00000000-0000-4000-8000-000000000008","type":"ip-dst","to_ids":true,"value":"10.0.0.1"},
{"uuid":"00000000-0000-4000-8000-000000000009","type":"ip-dst","to_ids":true,"value":"192.0.2.9","distribution":"0"},
{"uuid":"00000000-0000-4000-8000-000000000001","type":"ip-dst","to_ids":true,"value":"192.0.2.10"},
{"uuid":"00000000-0000-4000-8000-00000000000b","type":"ip-dst","to_ids":{},"value":"192.0.2.11"},
{"uuid":"00000000-0000-4000-8000-00000000000c","type":"vulnerability","to_ids":false,"value":"cve-2026-0001"},
{"uuid":"none","type":"ip-dst","to_ids":true,"value":"192.0.2.13"},
{"uuid":"00000000-0000-4000-8000-00000000000e","type":"email-dst","to_ids":true,"value":"someone@victim.example"}],
"Object":[
{"uuid":"00000000-0000-4000-8000-000000000021","name":"file","Attribute":[
 {"uuid":"00000000-0000-4000-8000-000000000022","type":"filename","object_relation":"filename","to_ids":true,"value":"svchost.exe"},
 {"uuid":"00000000-0000-4000-8000-000000000023","type":"md5","object_relation":"md5","to_ids":true,"value":"0123456789abcdef0123456789abcdef"},
 {"uuid":"00000000-0000-4000-8000-000000000024","type":"sha1","object_relation":"sha1","to_ids":true,"value":"0123456789abcdef0123456789abcdef01234567"},
 {"uuid":"00000000-0000-4000-8000-000000000025","type":"size-in-bytes","object_relation":"size-in-bytes","to_ids":false,"value":"7"}]},
{"uuid":"00000000-0000-4000-8000-000000000031","name":"ip-port","Attribute":[
 {"uuid":"00000000-0000-4000-8000-000000000032","type":"ip-dst","object_relation":"ip","to_ids":true,"value":"192.0.2.32"},
 {"uuid":"00000000-0000-4000-8000-000000000033","type":"port","object_relation":"dst-port","to_ids":false,"value":"8443"}]},
{"uuid":"00000000-0000-4000-8000-000000000041","name":"credential","Attribute":[
 {"uuid":"00000000-0000-4000-8000-000000000042","type":"text","object_relation":"password","to_ids":false,"value":"secret"}]}]}}]}`

func TestEachSortOfEntryOfAMISPEventBecomesWhatItIs(t *testing.T) {
	c := config()
	got, objects, err := read(t, "misp", c, source.Input{Name: "event", Reader: strings.NewReader(mispEvent)})
	if err != nil {
		t.Fatal(err)
	}
	want := made{
		// 14 attributes, 3 objects, 2 attributes of objects that became nothing, and
		// the event: a domain with a family, a file under RED, a vulnerability, two
		// objects, and a report with a threat actor.
		Rows: 20, Objects: 9, Distinct: 9, Withdrawn: 1,
		Refused: map[string]int{"personal-data": 3, "unknown-tlp": 1, "unsupported-type": 1, "reserved-address": 1, "duplicate-row": 1, "invalid-row": 2},
		Skipped: map[string]int{"to-ids-false": 3, "distribution": 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	all := ""
	for _, raw := range objects {
		all += raw + "\n"
	}
	for _, must := range []string{
		`[domain-name:value = 'a.example']`,
		`"valid_from":"2026-08-01T00:00:00.500Z"`,
		`"confidence":70`,
		`[file:name = 'a.exe' AND file:hashes.'SHA-256' = '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef']`,
		`[file:hashes.'MD5' = '0123456789abcdef0123456789abcdef'] OR [file:hashes.'SHA-1' = '0123456789abcdef0123456789abcdef01234567']`,
		`[network-traffic:dst_ref.value = '192.0.2.32' AND network-traffic:dst_port = 8443]`,
		`"name":"InventedBot"`, `"external_id":"S9999"`, `"name":"Invented Bear"`, `"PAP:GREEN"`, `"type":"vulnerability"`,
		`"object_marking_refs":["marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"]`, // RED
	} {
		if !strings.Contains(all, must) {
			t.Errorf("no object has %s in\n%s", must, all)
		}
	}
	for _, never := range []string{"someone", "secret", "svchost"} {
		if strings.Contains(all, never) {
			t.Errorf("an object has %s", never)
		}
	}
}

func TestAMISPEventThatDidNotChangeIsNotReadAndStands(t *testing.T) {
	files := fstest.MapFS{
		"manifest.json": {Data: []byte(`{"0b9ef4ec-6d25-4f1d-9c43-2b7e1b6b6a11":{"timestamp":"1787220000"},
			"0b9ef4ec-6d25-4f1d-9c43-2b7e1b6b6a12":{"timestamp":7},"../etc/passwd":{"timestamp":1},"0b9ef4ec-6d25-4f1d-9c43-2b7e1b6b6a13":[]}`)},
		"0b9ef4ec-6d25-4f1d-9c43-2b7e1b6b6a11.json": {Data: []byte(mispEvent)},
	}
	revisions := map[string]int64{}
	once := func() (rows []source.Row) {
		f, _ := source.Lookup("misp-feed")
		c := config()
		c.Known = func(key string) (int64, bool) { r, ok := revisions[key]; return r, ok }
		s, err := f.New(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Read(t.Context(), folder(t, files, "manifest.json"), func(r source.Row) error {
			rows = append(rows, r)
			if r.Revision != 0 {
				revisions[r.Key] = r.Revision
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return rows
	}
	if n := len(once()); n != 20+3 {
		t.Errorf("the first reading has %d rows", n)
	}
	var got []string
	for _, r := range once() {
		code := ""
		if r.Refused != nil {
			code = r.Refused.Code
		}
		got = append(got, r.Key+" "+code+map[bool]string{true: " stands"}[r.Unchanged])
	}
	want := []string{"0b9ef4ec-6d25-4f1d-9c43-2b7e1b6b6a13/ invalid-row stands", "entry 1 invalid-row",
		"0b9ef4ec-6d25-4f1d-9c43-2b7e1b6b6a12/ gone stands", "0b9ef4ec-6d25-4f1d-9c43-2b7e1b6b6a11/  stands"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzMISPEvent(f *testing.F) {
	fuzz(f, "misp", "", mispEvent, `[{"Event":{"uuid":"0b9ef4ec-6d25-4f1d-9c43-2b7e1b6b6a11"}}]`, `{"uuid":"0b9ef4ec-6d25-4f1d-9c43-2b7e1b6b6a11","Attribute":[7]}`)
}

func FuzzMISPManifest(f *testing.F) {
	fuzz(f, "misp-feed", "", `{"0b9ef4ec-6d25-4f1d-9c43-2b7e1b6b6a11":{"timestamp":"1787220000"},"x":{}}`, `[]`, `{"0B9ef4ec-6d25-4f1d-9c43-2b7e1b6b6a11":7}`)
}
