package source_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/feeds/source"
)

// cveRecords are one of each sort, one after another.
const cveRecords = `{"dataType":"CVE_RECORD","dataVersion":"5.1","cveMetadata":{"cveId":"CVE-2026-0001","state":"PUBLISHED","datePublished":"2026-08-01T10:00:00.000Z","dateUpdated":"2026-08-02T10:00:00"},
"containers":{"cna":{"title":"A title","affected":[{"vendor":"Vendor","product":"Product"},{"vendor":"n/a","product":"n/a"},{"vendor":"Vendor","product":"Product"}],
"descriptions":[{"lang":"es","value":"Un texto"},{"lang":"en-US","value":"A text"}],
"problemTypes":[{"descriptions":[{"lang":"en","cweId":"CWE-79","description":"x"},{"lang":"en","description":"CWE-80: y"},{"lang":"en","description":"n/a"}]}],
"references":[{"url":"https://ref.example/1"},{"url":"no address"},{"url":"https://ref.example/1"}],
"credits":[{"lang":"en","value":"Some Person"}],
"metrics":[{"format":"CVSS","cvssV3_1":{"version":"3.1","vectorString":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H","baseScore":9.8,"baseSeverity":"CRITICAL"}},{"other":{"type":"x"}}]},
"adp":[{"metrics":[{"cvssV2_0":{"vectorString":"AV:N/AC:L/Au:N/C:P/I:P/A:P","baseScore":7.5}},{"cvssV4_0":{"vectorString":"<script>","baseScore":1}}]}]}}
{"dataType":"CVE_RECORD","dataVersion":"5.0","cveMetadata":{"cveId":"CVE-2026-0002","state":"REJECTED"},"containers":{"cna":{"rejectedReasons":[{"lang":"en","value":"x"}]}}}
{"dataType":"CVE_RECORD","dataVersion":"5.0","cveMetadata":{"cveId":"CVE-2026-0003","state":"RESERVED"}}
{"dataType":"CVE_RECORD","dataVersion":"5.1","cveMetadata":{"cveId":"none","state":"PUBLISHED"}}
{"dataType":"CVE_RECORD","dataVersion":"5.1","cveMetadata":{"cveId":"CVE-2026-0004","state":"PUBLISHED","datePublished":"soon"}}
{"dataType":"CVE_RECORD","dataVersion":"5.1","cveMetadata":{"cveId":"CVE-2026-0005","cveId":"CVE-2026-0006","state":"PUBLISHED"}}
{"data_type":"CVE","data_version":"4.0"}`

func TestEachSortOfCVERecordBecomesWhatItIs(t *testing.T) {
	want := made{Rows: 7, Objects: 1, Distinct: 1, Skipped: map[string]int{},
		Refused: map[string]int{"rejected": 1, "not-published": 1, "invalid-value": 1, "invalid-time": 1, "invalid-row": 2}}
	for name, text := range map[string]string{
		"one after another": "\ufeff" + cveRecords,
		"in a list":         "[" + strings.ReplaceAll(cveRecords, "}\n{", "},{") + "]",
	} {
		t.Run(name, func(t *testing.T) {
			got, objects, err := read(t, "cve5", config(), source.Input{Name: "records", Reader: strings.NewReader(text)})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			for _, raw := range objects {
				for _, must := range []string{
					`"name":"CVE-2026-0001"`, `"description":"A title\n\nAffected: Vendor Product\n\nA text"`,
					`{"source_name":"cve","url":"https://www.cve.org/CVERecord?id=CVE-2026-0001","external_id":"CVE-2026-0001"}`,
					`"external_id":"CWE-79"`, `"external_id":"CWE-80"`, `"url":"https://ref.example/1"`,
					`{"source_name":"cvss","description":"CVSS 3.1: 9.8 CRITICAL","external_id":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}`,
					`{"source_name":"cvss","description":"CVSS 2.0: 7.5","external_id":"AV:N/AC:L/Au:N/C:P/I:P/A:P"}`,
				} {
					if !strings.Contains(raw, must) {
						t.Errorf("%s is not in %s", must, raw)
					}
				}
				for _, never := range []string{"Person", "<script>", "no address", "n/a", "texto"} {
					if strings.Contains(raw, never) {
						t.Errorf("%s is in %s", never, raw)
					}
				}
				if n := strings.Count(raw, "ref.example"); n != 1 {
					t.Errorf("a reference stands %d times", n)
				}
			}
		})
	}
}

func TestARecordThatCVERejectsIsTakenBack(t *testing.T) {
	f, err := source.Lookup("cve5")
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.New(config())
	if err != nil {
		t.Fatal(err)
	}
	var withdrawn []string
	if err := s.Read(t.Context(), source.Input{Reader: strings.NewReader(cveRecords)}, func(r source.Row) error {
		if r.Withdrawn {
			withdrawn = append(withdrawn, r.Key+" "+r.Refused.Code)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"CVE-2026-0002 rejected"}, withdrawn); diff != "" {
		t.Error(diff)
	}
}

// endlessText is a string that never ends.
type endlessText struct{ begun bool }

func (e *endlessText) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	if !e.begun {
		e.begun, p[0] = true, '"'
	}
	return len(p), nil
}

func TestARecordWithoutEndIsNotReadForEver(t *testing.T) {
	_, _, err := read(t, "cve5", config(), source.Input{Name: "records", Reader: &endlessText{}})
	if err == nil || !strings.Contains(err.Error(), "more than 8 MiB") {
		t.Error(err)
	}
	_, _, err = read(t, "cve5", config(), source.Input{Name: "records", Reader: io.LimitReader(&endlessText{}, 100)})
	if !errors.Is(err, source.ErrTruncated) {
		t.Error(err)
	}
}
