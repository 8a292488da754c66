package sink

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/selat-hub/selat/stix/pattern"
)

// suricataCheck logs where nobody else reads: its log quotes a rule that it refuses.
const suricataCheck = "suricata -T -l {tmp} -S {}"

var sidOptions = []Option{
	{Name: "sid-from", Default: "1000000000", About: "the first number for rules, of a range that nothing else uses"},
	{Name: "sid-count", Default: "1000000000", About: "how many numbers the range has; the more, the steadier they are"},
	{Name: "classtype", Default: "trojan-activity", About: "a class of Suricata's classification.config"},
}

var suricataFormats = []Format{
	{
		Name: "suricata", About: "Suricata rules, one or two for each value", Default: "selat.rules",
		Check: suricataCheck, Reload: "suricatasc -c ruleset-reload-nonblocking",
		Options: append(slices.Clip(sidOptions),
			Option{Name: "subdomains", Default: "true", About: "whether what is below a domain is meant with it"}),
		File: func(s Settings) (File, error) {
			r, err := newRules(s)
			return &suricata{rules: *r}, err
		},
	},
	{
		Name: "suricata-datasets", About: "Suricata datasets with the few rules that use them, for many values", Default: "selat-suricata",
		Check: suricataCheck + "/selat.rules", Reload: "suricatasc -c ruleset-reload-nonblocking",
		Options: sidOptions,
		Folder: func(s Settings) (Folder, error) {
			r, err := newRules(s)
			return &datasets{rules: *r}, err
		},
	},
}

// rules is what both forms have in common.
type rules struct {
	allow      *Allow
	from, size uint64
	classtype  string
	subdomains bool
}

func newRules(s Settings) (*rules, error) {
	r := &rules{allow: s.Allow}
	var err error
	if r.from, err = s.number("sid-from", 1e9, 1, 1<<32-2); err != nil {
		return r, err
	}
	if r.size, err = s.number("sid-count", 1e9, 1, 1<<32-1-r.from); err != nil {
		return r, err
	}
	if r.classtype, err = s.word("classtype", "trojan-activity"); err != nil {
		return r, err
	}
	r.subdomains, err = s.yes("subdomains", true)
	return r, err
}

type suricata struct{ rules }

func (s *suricata) Render(ctx context.Context, w io.Writer, entries iter.Seq[Entry], _ time.Time) (Count, error) {
	out := bufio.NewWriter(w)
	numbers := newSids(s.from, s.size)
	count, err := judgeAll(ctx, entries, s.allow, suricataTakes, func(v *verdict) (int, error) {
		lines := 0
		for _, one := range v.values {
			n, err := s.write(out, numbers, v, one)
			if err != nil {
				return lines, err
			}
			lines += n
		}
		return lines, nil
	})
	if err != nil {
		return count, err
	}
	return count, out.Flush()
}

// suricataTakes takes what one rule can ask for by itself: hashes of files need
// lists beside it, which datasets have.
func suricataTakes(v value) string {
	switch v.kind {
	case pattern.IPv4Address, pattern.IPv6Address, pattern.IPv4Network, pattern.IPv6Network:
		return ""
	case pattern.DomainName:
		// As a domain in traffic, with its protocol, no rule can ask for it.
		if v.port == 0 && v.protocol == "" {
			return ""
		}
	case pattern.URL:
		if _, _, ok := web(v.text); ok {
			return ""
		}
	}
	return NoValue
}

// write writes the rules of a value.
func (r *rules) write(w io.Writer, numbers *sids, v *verdict, one value) (int, error) {
	var heads, tests []string
	switch one.kind {
	case pattern.DomainName:
		match := r.domainMatch(one.text)
		heads = []string{"dns $HOME_NET any -> any any", "tls $HOME_NET any -> any any"}
		tests = []string{"dns.query; " + match, "tls.sni; " + match}
	case pattern.URL:
		host, uri, _ := web(one.text)
		heads = []string{"http $HOME_NET any -> any any"}
		tests = []string{fmt.Sprintf("http.host; %s http.uri.raw; %s", content(host, true), content(uri, true))}
	default:
		heads, tests = address(one)
	}
	for i, head := range heads {
		sid, err := numbers.of(strings.Join([]string{v.Origin, v.ID, one.kind.String(), one.text, head}, "\x00"))
		if err != nil {
			return i, err
		}
		fmt.Fprintf(w, "alert %s (msg:\"%s\"; %s %sclasstype:%s; %ssid:%d; rev:%d;)\n", head,
			suricataText(fmt.Sprintf("SELAT %s %s %s", v.Origin, tlp(v.Level), v.title())), tests[i],
			referenceOf(v), r.classtype, metadata(v), sid, revision(v.Version))
	}
	return len(heads), nil
}

func (r *rules) domainMatch(name string) string {
	if r.subdomains {
		return "dotprefix; " + strings.Replace(content("."+name, false), ";", "; nocase; endswith; fast_pattern;", 1)
	}
	return strings.Replace(content(name, true), ";", "; nocase; fast_pattern;", 1)
}

// content asks for these bytes, and for no others if they are all.
func content(s string, all bool) string {
	var b strings.Builder
	b.WriteString(`content:"`)
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-', c == '_', c == '/':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "|%02X|", c)
		}
	}
	b.WriteString(`";`)
	if all {
		b.WriteString(" startswith; endswith;")
	}
	return b.String()
}

// address asks for traffic from within to an address, once an hour and host.
func address(v value) (heads, tests []string) {
	protocols := []string{"ip"}
	port := "any"
	if v.port != 0 {
		protocols, port = []string{"tcp", "udp"}, fmt.Sprint(v.port)
	}
	if v.protocol != "" {
		protocols = []string{v.protocol}
	}
	for _, protocol := range protocols {
		heads = append(heads, fmt.Sprintf("%s $HOME_NET any -> [%s] %s", protocol, v.text, port))
		tests = append(tests, "threshold:type limit, track by_src, count 1, seconds 3600;")
	}
	return heads, tests
}

// longestContent is that of one content of a rule.
const longestContent = 255

// web returns the host of a URL and what a client asks that for. Of https it is
// what a proxy sees that ends TLS: the name in TLS alone would be that of all
// other pages there.
func web(s string) (host, uri string, ok bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return "", "", false
	}
	host = u.Hostname()
	if strings.Contains(host, ":") {
		host = net.JoinHostPort(host, "")
		host = strings.TrimSuffix(host, ":")
	}
	_, rest, _ := strings.Cut(s, "://")
	rest, _, _ = strings.Cut(rest, "#")
	at := strings.IndexAny(rest, "/?")
	switch {
	case at < 0:
		uri = "/"
	case rest[at] == '?':
		uri = "/" + rest[at:]
	default:
		uri = rest[at:]
	}
	return host, uri, len(host) <= longestContent && len(uri) <= longestContent
}

// suricataText makes a text fit to stand between quotation marks in a rule: signs
// that end a text or an option there, or escape one, become others like them.
func suricataText(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '"', '`':
			return '\''
		case ';':
			return ','
		case '\\', '|':
			return '/'
		}
		return r
	}, s)
}

// referenceOf leaves out what a reference has no escape for.
func referenceOf(v *verdict) string {
	for _, scheme := range []string{"https://", "http://"} {
		rest, ok := strings.CutPrefix(v.reference, scheme)
		if ok && rest != "" && len(rest) <= 200 && plainWord(rest, "/.-_~?=&%+:") {
			return "reference:url," + rest + "; "
		}
	}
	return ""
}

func metadata(v *verdict) string {
	var pairs []string
	if plainWord(v.ID, "-") {
		pairs = append(pairs, "stix_id "+v.ID)
	}
	pairs = append(pairs, "tlp "+v.Level.String())
	if plainWord(v.Origin, "-") {
		pairs = append(pairs, "origin "+v.Origin)
	}
	if v.confidence >= 0 {
		pairs = append(pairs, fmt.Sprintf("confidence %d", v.confidence))
	}
	return "metadata:" + strings.Join(pairs, ", ") + "; "
}

// plainWord reports whether s is of ASCII letters, digits and these signs.
func plainWord(s, signs string) bool {
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && strings.IndexByte(signs, c) < 0 {
			return false
		}
	}
	return s != ""
}
