package source

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/selat-hub/selat/feeds/build"
)

// shadowserver reads the reports of the Shadowserver Foundation. Nearly all of
// them tell the owner of a network who in it is infected, open or robbed, and are
// for that owner alone. Those that name what attacks are shared:
//
//   - malware_url: URLs that deliver malware
//   - scan_post_exploitation_framework: servers of Cobalt Strike and the like
//   - blocklist: addresses on blocklists
//   - event4_honeypot_*: addresses that attack honeypots
//
// A sinkhole's report is none of these: its source is a victim, and its
// destination the sinkhole, which defends.
type shadowserver struct {
	report string
	maker  build.Maker
}

// shared says how the row of a report that is shared is read.
type shared struct {
	kind        build.Kind
	column      string
	port        string
	types       []string
	phase       string
	description string
}

var scanning = shared{build.IP, "src_ip", "", []string{"anomalous-activity"}, "", "Address that attacks honeypots"}

var sharedReports = map[string]shared{
	"malware_url":                      {build.URL, "url", "", nil, delivery, "URL that delivers malware"},
	"scan_post_exploitation_framework": {build.IP, "ip", "port", nil, control, "Server of a post-exploitation framework"},
	"scan6_post_exploitation_framework": {build.IP, "ip", "port", nil, control,
		"Server of a post-exploitation framework"},
	"blocklist":                   {build.IP, "ip", "", nil, "", "Address on a blocklist"},
	"event4_honeypot_brute_force": scanning,
	"event4_honeypot_darknet":     scanning,
	"event4_honeypot_http_scan":   scanning,
	"event4_honeypot_ics_scan":    scanning,
	"event4_honeypot_rdp_scan":    scanning,
	"event4_honeypot_smb_scan":    scanning,
	"event4_honeypot_adb_scan":    scanning,
}

// withheld says of reports by the beginning of their names why they are not
// shared, the more exact name first.
var withheld = []struct{ prefix, code, message string }{
	{"compromised_account", build.PersonalData, "the report names accounts: tell their owners, and share nothing of it"},
	{"event4_sinkhole", build.Victim, "the report names infected systems, and the sinkhole they called: it is for the owner of the network"},
	{"event6_sinkhole", build.Victim, "the report names infected systems, and the sinkhole they called: it is for the owner of the network"},
	{"event4_microsoft_sinkhole", build.Victim, "the report names infected systems: it is for the owner of the network"},
	{"event4_honeypot_ddos", build.Victim, "the report names who is attacked: it is for the owner of the network"},
	{"event4_ddos_participant", build.Victim, "the report names systems that others abuse: it is for the owner of the network"},
	{"compromised_website", build.Victim, "the report names sites that were broken into: it is for their owner"},
	{"scan", build.Victim, "the report names systems that stand open: it is for the owner of the network"},
	{"population", build.Victim, "the report names systems that stand open: it is for the owner of the network"},
	{"device_id", build.Victim, "the report names devices: it is for the owner of the network"},
	{"ransomware_victim", build.Victim, "the report names victims: it is for them"},
	{"", "unsupported-report", "nothing is known of this type of report that says who attacks: it is not shared"},
}

func newShadowserver(c Config) (Source, error) {
	if err := c.Maker.Check(); err != nil {
		return nil, err
	}
	return &shadowserver{c.Report, c.Maker}, nil
}

// reportName is how Shadowserver names files: date, type, and then whose it is.
var reportName = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}-([a-z0-9_]+)`)

func (s *shadowserver) Read(ctx context.Context, in Input, emit func(Row) error) error {
	report := s.report
	if report == "" {
		if m := reportName.FindStringSubmatch(path.Base(strings.ReplaceAll(in.Name, `\`, "/"))); m != nil {
			report = m[1]
		}
	}
	if report == "" {
		return fmt.Errorf("reading %s: its name does not say which report it is, as in 2026-08-20-malware_url-example.csv: name the report in the configuration", in.Name)
	}
	how, ok := sharedReports[report]
	t := table{comma: ',', folded: true, ended: true, header: []string{"timestamp"}}
	if ok {
		t.header = append(t.header, how.column)
	}
	return t.read(ctx, in, emit, func(r *record) Row {
		if ok {
			return s.row(report, how, r)
		}
		for _, w := range withheld {
			if strings.HasPrefix(report, w.prefix) {
				return refuse(r.position(), w.code, w.message)
			}
		}
		return Row{}
	})
}

// row makes an indicator of a row. The same is reported again each day that it is
// seen, so it is known by its value, and the day says that it was seen again.
func (s *shadowserver) row(report string, how shared, r *record) Row {
	e := entry{
		key:  strings.Join([]string{report, r.get(how.column), r.get(how.port)}, "\x1f"),
		name: "", description: how.description, types: how.types, phase: how.phase,
		labels: append(splitTags(r.get("tag")), "shadowserver:"+report),
	}
	if row := times(e.key, map[string]*time.Time{"timestamp": &e.seen}, r.get); row != nil {
		return *row
	}
	var refused *Refusal
	if port := r.get(how.port); how.port != "" && port != "" {
		e.value, refused = build.Endpoint(r.get(how.column), port)
	} else {
		e.value, refused = build.Read(how.kind, r.get(how.column))
	}
	if refused != nil {
		return Row{Key: e.key, Refused: in(how.column, refused)}
	}
	if family := r.get("family"); family != "" {
		e.family = &build.Malware{Name: family}
	}
	return e.row(&s.maker)
}
