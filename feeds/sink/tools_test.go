package sink

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// hostileEntries are the same in every run.
func hostileEntries(n int) []Entry {
	var all []Entry
	for seed := range n {
		for _, e := range entriesOf(8).Example(seed) {
			copied := indicator(len(all), "", "")
			e.ID = copied.ID
			all = append(all, e)
		}
	}
	return append(all,
		indicator(len(all), "a port", "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '203.0.113.10' AND network-traffic:dst_port = 443]"),
		indicator(len(all)+1, "a network", "[ipv6-addr:value ISSUBSET '2001:db8::/32' OR ipv4-addr:value ISSUBSET '203.0.113.0/24']"),
	)
}

func TestSuricataLoadsRulesOfStrangers(t *testing.T) {
	rules, count := render(t, fileOf(t, "suricata", Settings{}), hostileEntries(60)...)
	if count.Written < 20 {
		t.Fatalf("too little to mean anything: %+v", count)
	}
	suricataLoads(t, write(t, "selat.rules", rules))
	exact, _ := render(t, fileOf(t, "suricata", Settings{Options: map[string]string{"subdomains": "no"}}), hostileEntries(20)...)
	suricataLoads(t, write(t, "selat.rules", exact))
}

func TestSuricataLoadsDatasetsOfStrangers(t *testing.T) {
	needTool(t, "suricata")
	f, err := FormatNamed("suricata-datasets")
	if err != nil {
		t.Fatal(err)
	}
	folder, err := f.Folder(Settings{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	count, err := folder.Render(context.Background(), dir, slices.Values(hostileEntries(60)), noon)
	if err != nil || count.Written < 20 {
		t.Fatal(count, err)
	}
	suricataLoads(t, filepath.Join(dir, "selat.rules"))
}

func TestBINDLoadsAZoneOfStrangers(t *testing.T) {
	needTool(t, "named-checkzone")
	zone, count := render(t, fileOf(t, "rpz", Settings{}), hostileEntries(60)...)
	if count.Written < 20 {
		t.Fatalf("too little to mean anything: %+v", count)
	}
	out, err := exec.Command("named-checkzone", "rpz.selat", write(t, "zone", zone)).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("\nOK")) {
		t.Fatalf("named-checkzone: %v\n%s", err, out)
	}
}
