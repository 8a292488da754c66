package source

import (
	"strings"

	"github.com/selat-hub/selat/feeds/build"
)

// intelMQEvent is what is taken of an event. Accounts, contacts, free text, the
// raw data and the names of who reported are not read, so that they go nowhere.
type intelMQEvent struct {
	Feed       string   `json:"feed.name"`
	Provider   string   `json:"feed.provider"`
	Accuracy   *float64 `json:"feed.accuracy"`
	Observed   string   `json:"time.observation"`
	Time       string   `json:"time.source"`
	Type       string   `json:"classification.type"`
	Identifier string   `json:"classification.identifier"`
	Address    string   `json:"source.ip"`
	Network    string   `json:"source.network"`
	Port       int      `json:"source.port"`
	Domain     string   `json:"source.fqdn"`
	URL        string   `json:"source.url"`
	Malware    string   `json:"malware.name"`
	MD5        string   `json:"malware.hash.md5"`
	SHA1       string   `json:"malware.hash.sha1"`
	SHA256     string   `json:"malware.hash.sha256"`
	Reference  string   `json:"event_description.url"`
	TLP        string   `json:"tlp"`
	EventTLP   string   `json:"event_description.tlp"`
	ExtraTLP   string   `json:"extra.tlp"`
}

// newIntelMQ reads IntelMQ's events. The source of an event is what attacks where
// its type says so. Of an infected, vulnerable or broken system it is the victim,
// and is for its owner and not for a community.
//
// Events come again as long as something goes on. So an indicator is that of a
// value, a feed and a type, and each event says that it was seen again.
func newIntelMQ(c Config) (Source, error) { return newJSONLines(c, intelMQRows) }

// intelMQTypes are the types of the reference taxonomy (RSIT) of which the source
// is what attacks, with the types of indicator they are.
var intelMQTypes = map[string][]string{
	"c2-server": {"malicious-activity"}, "malware-distribution": {"malicious-activity"},
	"malware-configuration": {"malicious-activity"}, "phishing": {"malicious-activity"},
	"blacklist": {"malicious-activity"}, "blocklist": {"malicious-activity"},
	"brute-force": {"malicious-activity"}, "exploit": {"malicious-activity"},
	"ids-alert": {"malicious-activity"}, "scanner": {"anomalous-activity"},
	"dga-domain": {"malicious-activity"}, "spam": {"malicious-activity"},
	"masquerade": {"malicious-activity"}, "social-engineering": {"malicious-activity"},
	"proxy": {"anonymization"}, "tor": {"anonymization"},
}

// intelMQVictims are those of which it is who was attacked, or what stands open.
var intelMQVictims = map[string]bool{
	"infected-system": true, "system-compromise": true, "application-compromise": true,
	"vulnerable-system": true, "potentially-unwanted-accessible": true, "ddos-amplifier": true,
	"weak-crypto": true, "information-disclosure": true, "ddos": true, "dos": true, "outage": true,
	"burglary": true, "sabotage": true, "misconfiguration": true,
}

// intelMQPersonal are those that are about accounts.
var intelMQPersonal = map[string]bool{
	"privileged-account-compromise": true, "unprivileged-account-compromise": true,
	"data-leak": true, "data-loss": true, "unauthorised-information-access": true, "leak": true, "account": true,
}

func intelMQRows(m *build.Maker, o *intelMQEvent) []Row {
	return []Row{intelMQRow(m, o)}
}

func intelMQRow(m *build.Maker, o *intelMQEvent) Row {
	v, refused := firstValue(
		candidate("source.url", build.URL, o.URL), candidate("malware.hash.sha256", build.SHA256, o.SHA256),
		candidate("malware.hash.sha1", build.SHA1, o.SHA1), candidate("malware.hash.md5", build.MD5, o.MD5),
		candidate("source.fqdn", build.Domain, o.Domain), endpoint("source.ip", o.Address, o.Port), candidate("source.network", build.IP, o.Network))
	e := entry{
		key:   strings.Join([]string{o.Provider, o.Feed, o.Type, v.Title()}, "\x1f"),
		value: v, references: []build.Reference{{Source: o.Provider, URL: o.Reference}},
		labels: []string{o.Type, o.Identifier},
	}
	types, attacks := intelMQTypes[o.Type]
	switch {
	case intelMQPersonal[o.Type]:
		return refuse(e.key, build.PersonalData, "the event is about an account")
	case intelMQVictims[o.Type]:
		return refuse(e.key, build.Victim, "the event names who was attacked: it is for the owner")
	case !attacks:
		return refuse(e.key, build.UnknownKind, "classification.type says nothing of who attacks")
	case refused != nil:
		return Row{Key: e.key, Refused: refused}
	}
	e.types = types
	if o.Type == "c2-server" {
		e.phase = control
	}
	for _, said := range []string{o.TLP, o.EventTLP, o.ExtraTLP} {
		level, ok := readTLP(said)
		if !ok {
			return unknownTLP(e.key)
		}
		e.level = max(e.level, level)
	}
	seen := o.Time
	if seen == "" {
		seen = o.Observed
	}
	var ok bool
	if e.seen, ok = readTime(seen); !ok {
		return refuse(e.key, build.InvalidTime, "time.source is no time")
	}
	if o.Accuracy != nil {
		e.confidence = build.Confidence(int(*o.Accuracy + 0.5))
	}
	if o.Malware != "" {
		e.family = &build.Malware{Name: o.Malware}
	}
	return e.row(m)
}
