package sink

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/selat-hub/selat/stix/pattern"
)

// datasets are lists that a few rules look values up in. What no dataset can
// hold has rules of its own: networks, addresses with a port, and URLs, which
// Suricata keeps as a host and a path in two buffers.
type datasets struct{ rules }

// hashKeywords holds how a rule asks for files by a list of hashes.
var hashKeywords = map[string]string{"MD5": "filemd5", "SHA-1": "filesha1", "SHA-256": "filesha256"}

// fileProtocols are those that Suricata takes files out of.
var fileProtocols = []string{"http", "smtp", "ftp-data", "smb", "nfs"}

// Render writes selat.rules and beside it the lists.
func (d *datasets) Render(ctx context.Context, dir string, entries iter.Seq[Entry], _ time.Time) (Count, error) {
	file, err := os.Create(filepath.Join(dir, "selat.rules"))
	if err != nil {
		return Count{}, fmt.Errorf("writing rules: %w", err)
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	numbers := newSids(d.from, d.size)
	lists := map[string]map[string]bool{}
	add := func(list, line string) {
		if lists[list] == nil {
			lists[list] = map[string]bool{}
		}
		lists[list][line] = true
	}
	count, err := judgeAll(ctx, entries, d.allow, datasetsTake, func(v *verdict) (int, error) {
		lines := 0
		for _, one := range v.values {
			switch {
			case one.kind == pattern.DomainName:
				add("domains", base64.StdEncoding.EncodeToString([]byte(one.text)))
			case one.kind == pattern.FileHash:
				add(hashKeywords[one.algorithm], one.text)
			case one.port == 0 && one.protocol == "" && (one.kind == pattern.IPv4Address || one.kind == pattern.IPv6Address):
				add("addresses", one.text)
			default:
				n, err := d.write(out, numbers, v, one)
				if err != nil {
					return lines, err
				}
				lines += n
			}
		}
		return lines, nil
	})
	if err != nil {
		return count, err
	}
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		if err := writeLines(filepath.Join(dir, name+".lst"), slices.Sorted(maps.Keys(lists[name]))); err != nil {
			return count, err
		}
		count.Lines += len(lists[name])
		if err := d.writeLookup(out, numbers, name); err != nil {
			return count, err
		}
	}
	if err := out.Flush(); err != nil {
		return count, fmt.Errorf("writing rules: %w", err)
	}
	return count, file.Close()
}

func datasetsTake(v value) string {
	if v.kind == pattern.FileHash && hashKeywords[v.algorithm] != "" {
		return ""
	}
	return suricataTakes(v)
}

// writeLookup writes the rules that look up in a list.
func (d *datasets) writeLookup(w io.Writer, numbers *sids, name string) error {
	var heads, tests []string
	switch name {
	case "domains":
		for _, at := range [][2]string{{"dns", "dns.query"}, {"tls", "tls.sni"}, {"http", "http.host"}} {
			heads = append(heads, at[0]+" $HOME_NET any -> any any")
			tests = append(tests, at[1]+"; to_lowercase; dataset:isset,selat-domains,type string,load domains.lst;")
		}
	case "addresses":
		heads = []string{"ip $HOME_NET any -> any any"}
		tests = []string{"ip.dst; dataset:isset,selat-addresses,type ip,load addresses.lst; threshold:type limit, track by_src, count 1, seconds 3600;"}
	default:
		for _, protocol := range fileProtocols {
			heads = append(heads, protocol+" any any -> any any")
			tests = append(tests, fmt.Sprintf("%s:%s.lst;", name, name))
		}
	}
	for i, head := range heads {
		sid, err := numbers.of("dataset\x00" + name + "\x00" + head)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "alert %s (msg:\"SELAT listed in %s\"; %s classtype:%s; sid:%d; rev:1;)\n", head, name, tests[i], d.classtype, sid)
	}
	return nil
}

func writeLines(path string, lines []string) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("writing a list: %w", err)
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	for _, line := range lines {
		out.WriteString(line)
		out.WriteByte('\n')
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing a list: %w", err)
	}
	return file.Close()
}
