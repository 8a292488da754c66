package sink

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/selat-hub/selat/stix/pattern"
)

var zeekFormat = Format{
	Name: "zeek", About: "a file for Zeek's intelligence framework", Default: "selat.intel",
	Options: []Option{{Name: "notice", Default: "true", About: "whether a hit makes a notice, which needs policy/frameworks/intel/do_notice"}},
	File: func(s Settings) (File, error) {
		notice, err := s.yes("notice", true)
		return &zeek{allow: s.Allow, notice: notice}, err
	},
}

type zeek struct {
	allow  *Allow
	notice bool
}

var zeekTypes = map[pattern.ObservableKind]string{
	pattern.IPv4Address:  "ADDR",
	pattern.IPv6Address:  "ADDR",
	pattern.IPv4Network:  "SUBNET",
	pattern.IPv6Network:  "SUBNET",
	pattern.DomainName:   "DOMAIN",
	pattern.URL:          "URL",
	pattern.EmailAddress: "EMAIL",
	pattern.FileHash:     "FILE_HASH",
	// Zeek knows certificates by SHA-1 only.
	pattern.CertificateHash: "CERT_HASH",
	pattern.FileName:        "FILE_NAME",
}

func (z *zeek) Render(ctx context.Context, w io.Writer, entries iter.Seq[Entry], _ time.Time) (Count, error) {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\tmeta.do_notice\n")
	notice := "F"
	if z.notice {
		notice = "T"
	}
	// Of one source a value counts once: the last line would win, whichever it is.
	seen := map[[3]string]bool{}
	count, err := judgeAll(ctx, entries, z.allow, zeekTakes, func(v *verdict) (int, error) {
		lines := 0
		for _, one := range v.values {
			line := [3]string{zeekText(zeekValue(one)), zeekTypes[one.kind], v.Origin}
			if seen[line] {
				continue
			}
			seen[line] = true
			lines++
			fmt.Fprintf(out, "%s\tIntel::%s\t%s\t%s\t%s\n", line[0], line[1], zeekText(v.Origin),
				zeekText(v.title()+" "+tlp(v.Level)), notice)
		}
		return lines, nil
	})
	if err != nil {
		return count, err
	}
	return count, out.Flush()
}

func zeekTakes(v value) string {
	switch {
	case zeekTypes[v.kind] == "", v.port != 0, v.protocol != "":
		return NoValue
	case v.kind == pattern.FileHash && v.algorithm != "MD5" && v.algorithm != "SHA-1" && v.algorithm != "SHA-256",
		v.kind == pattern.CertificateHash && v.algorithm != "SHA-1":
		return NoValue
	}
	return ""
}

// zeekValue leaves out what Zeek does not see of a URL: the scheme and what
// stands after #.
func zeekValue(v value) string {
	if v.kind != pattern.URL {
		return v.text
	}
	_, rest, _ := strings.Cut(v.text, "://")
	rest, _, _ = strings.Cut(rest, "#")
	if !strings.Contains(rest, "/") {
		rest += "/"
	}
	return rest
}

// zeekText escapes as Zeek's reader of tab-separated files unescapes: a
// backslash would begin an escape, and - alone means that there is no value, as
// (empty) does that it is empty. A # begins a comment only at the start of a
// line.
func zeekText(s string) string {
	switch {
	case s == "-":
		return `\x2d`
	case s == "(empty)":
		return `\x28empty)`
	}
	s = strings.NewReplacer(`\`, `\x5c`, "\t", `\x09`, "\n", `\x0a`, "\r", `\x0d`).Replace(s)
	if rest, ok := strings.CutPrefix(s, "#"); ok {
		return `\x23` + rest
	}
	return s
}
