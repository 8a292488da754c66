package source

import (
	"fmt"
	"time"

	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/stix"
)

// Config is what a source is told. What a format has no use for is not looked at.
type Config struct {
	build.Maker
	// Mapping is how a CSV file is read, of the format csv.
	Mapping Mapping
	// Kind is what a plain list has, of the format list; empty is build.Auto.
	Kind build.Kind
	// Report is the type of a Shadowserver report, such as malware_url. Empty takes
	// it from the name of what is read.
	Report string
	// Known is the Revision that the last row of a key had when it was read before,
	// ok false if it never was. Documents of that revision are not read again, of
	// the format misp-feed. nil reads all.
	Known func(key string) (revision int64, ok bool)
}

// Format is a format that can be read.
type Format struct {
	Name  string
	About string
	// Whole tells that an input of this format is all of its list, so that what is
	// no longer in it was taken off; otherwise its rows are events. It is a
	// default: only the one who configures a feed knows what is behind its address.
	Whole bool
	// URL is where the publisher of the format has it, "" where that differs.
	URL string
	// Level, ValidFor and Confidence are what fits the format, for a configuration
	// to begin with.
	Level      stix.Level
	ValidFor   time.Duration
	Confidence int
	// New makes a source. The error says what is wrong with the configuration.
	New func(Config) (Source, error)
}

const day = 24 * time.Hour

// Formats lists the formats that have rows, by name.
var Formats = []Format{
	{"csv", "CSV with a mapping of columns in the configuration", true, "", stix.Green, 90 * day, 50, newCSV},
	{"cve5", "CVE records in JSON format 5, one or many in a file", false, "", stix.Clear, 0, 0, newCVE5},
	{"feodo", "abuse.ch Feodo Tracker, botnet servers (CSV)", true, "https://feodotracker.abuse.ch/downloads/ipblocklist.csv", stix.Clear, 90 * day, 85, newFeodo},
	{"intelmq", "IntelMQ events, one JSON object a line", false, "", stix.Green, 30 * day, 50, newIntelMQ},
	{"kev", "CISA Known Exploited Vulnerabilities (JSON or CSV)", true, "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json", stix.Clear, 0, 95, newKEV},
	{"list", "a value on each line: addresses, domains, URLs, hashes; hosts files", true, "", stix.Green, 90 * day, 50, newList},
	{"misp", "MISP event files (JSON): one event, a list, or a response of its API", false, "", stix.Green, 90 * day, 50, newMISPEvent},
	{"misp-feed", "MISP feed: a manifest and the events that it lists", true, "", stix.Green, 90 * day, 50, newMISPFeed},
	{"n6", "n6 stream, one JSON object a line", false, "", stix.Amber, 30 * day, 50, newN6},
	{"openioc", "OpenIOC 1.0 and 1.1 (XML)", false, "", stix.Green, 365 * day, 50, newOpenIOC},
	{"shadowserver", "Shadowserver reports that name infrastructure (CSV)", false, "", stix.Amber, 30 * day, 80, newShadowserver},
	{"sslbl-ip", "abuse.ch SSLBL, botnet servers by address (CSV)", true, "https://sslbl.abuse.ch/blacklist/sslipblacklist.csv", stix.Clear, 90 * day, 80, newSSLBLAddresses},
	{"sslbl-sha1", "abuse.ch SSLBL, certificates of botnet servers (CSV)", true, "https://sslbl.abuse.ch/blacklist/sslblacklist.csv", stix.Clear, 365 * day, 80, newSSLBLCertificates},
	{"stix", "STIX 2.1 bundles and objects, one or many in a file, passed on as they are", false, "", stix.NoLevel, 0, 0, newSTIX},
	{"threatfox", "abuse.ch ThreatFox, indicators with malware families (CSV)", false, "https://threatfox.abuse.ch/export/csv/recent/", stix.Clear, 90 * day, 75, newThreatFox},
	{"urlhaus", "abuse.ch URLhaus, URLs that deliver malware (CSV)", false, "https://urlhaus.abuse.ch/downloads/csv_recent/", stix.Clear, 30 * day, 75, newURLhaus},
}

// Lookup returns the format of a name.
func Lookup(name string) (Format, error) {
	for _, f := range Formats {
		if f.Name == name {
			return f, nil
		}
	}
	return Format{}, fmt.Errorf("no format is called %q", name)
}
