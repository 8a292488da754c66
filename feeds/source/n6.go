package source

import (
	"fmt"
	"strings"
	"time"

	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/stix"
)

// n6Event is what is taken of an event. The address of the victim, also in its
// anonymised form (adip), who is to be told of it and the name of the source,
// which n6 hides, are not read, so that they go nowhere.
type n6Event struct {
	ID          string `json:"id"`
	Replaces    string `json:"replaces"`
	Type        string `json:"type"`
	Restriction string `json:"restriction"`
	Confidence  string `json:"confidence"`
	Category    string `json:"category"`
	Time        string `json:"time"`
	Modified    string `json:"modified"`
	Expires     string `json:"expires"`
	Until       string `json:"until"`
	Name        string `json:"name"`
	URL         string `json:"url"`
	Domain      string `json:"fqdn"`
	MD5         string `json:"md5"`
	SHA1        string `json:"sha1"`
	SHA256      string `json:"sha256"`
	Port        int    `json:"sport"`
	Address     []struct {
		IP string `json:"ip"`
	} `json:"address"`
}

// newN6 reads n6's stream. bl-delist takes an entry back, bl-change puts another
// in the place of one. The restriction public is CLEAR; need-to-know is AMBER,
// whose definition has these very words; internal is for nobody else, and any
// other word is not guessed.
func newN6(c Config) (Source, error) { return newJSONLines(c, n6Rows) }

// n6Types are the categories of which the address, domain or URL is what
// attacks.
var n6Types = map[string][]string{
	"cnc": {"malicious-activity"}, "malurl": {"malicious-activity"}, "phish": {"malicious-activity"},
	"malware-action": {"malicious-activity"}, "webinject": {"malicious-activity"}, "server-exploit": {"malicious-activity"},
	"dos-attacker": {"malicious-activity"}, "spam": {"malicious-activity"}, "spam-url": {"malicious-activity"},
	"fraud": {"malicious-activity"}, "scam": {"malicious-activity"}, "scanning": {"anomalous-activity"},
	"proxy": {"anonymization"}, "tor": {"anonymization"}, "dns-query": {"anomalous-activity"},
}

// n6Victims are those of which it is who was attacked, or what stands open.
var n6Victims = map[string]bool{
	"bots": true, "amplifier": true, "backdoor": true, "deface": true, "dos-victim": true,
	"vulnerable": true, "exposed": true,
}

func n6Rows(m *build.Maker, o *n6Event) []Row {
	switch o.Type {
	case "bl-delist":
		if o.ID == "" {
			return []Row{n6Row(m, o)}
		}
		return []Row{{Key: o.ID, Withdrawn: true}}
	case "bl-change":
		if o.Replaces != "" && o.Replaces != o.ID {
			return []Row{{Key: o.Replaces, Withdrawn: true}, n6Row(m, o)}
		}
	}
	return []Row{n6Row(m, o)}
}

func n6Row(m *build.Maker, o *n6Event) Row {
	types, attacks := n6Types[o.Category]
	e := entry{key: o.ID, types: types, labels: []string{o.Category}, confidence: build.LowMedHigh(o.Confidence)}
	switch {
	case o.ID == "":
		return refuse("", build.InvalidRow, "the event has no id")
	case o.Category == "leak":
		return refuse(e.key, build.PersonalData, "the event is about an account")
	case n6Victims[o.Category]:
		return refuse(e.key, build.Victim, "the event names who was attacked: it is for the owner")
	case !attacks:
		return refuse(e.key, build.UnknownKind, "the category says nothing of who attacks")
	}
	switch o.Restriction {
	case "public":
		e.level = stix.Clear
	case "need-to-know":
		e.level = stix.Amber
	case "internal":
		return refuse(e.key, build.NotForSharing, "its restriction is internal: it is not for others")
	default:
		return refuse(e.key, build.UnknownTLP, "the restriction is none that is known: it is not guessed")
	}
	row := times(e.key, map[string]*time.Time{"time": &e.first, "modified": &e.modified, "until": &e.seen, "expires": &e.until},
		func(name string) string {
			return map[string]string{"time": o.Time, "modified": o.Modified, "until": o.Until, "expires": o.Expires}[name]
		})
	if row != nil {
		return *row
	}
	if e.modified.Before(e.first) {
		e.modified = time.Time{}
	}
	if o.Category == "cnc" {
		e.phase = control
	}
	return n6Values(m, e, o)
}

// maxN6Addresses bounds the addresses of one event.
const maxN6Addresses = 100

// n6Values makes the indicator of the most exact value, and where that is
// addresses of any of them.
func n6Values(m *build.Maker, e entry, o *n6Event) Row {
	if len(o.Address) > maxN6Addresses {
		return refuse(e.key, build.InvalidRow, fmt.Sprintf("the event has more than %d addresses", maxN6Addresses))
	}
	var refused *Refusal
	exact := []func() (build.Value, *Refusal, bool){
		candidate("url", build.URL, o.URL), candidate("sha256", build.SHA256, o.SHA256), candidate("sha1", build.SHA1, o.SHA1),
		candidate("md5", build.MD5, o.MD5), candidate("fqdn", build.Domain, o.Domain),
	}
	if len(o.Address) > 0 {
		exact = append(exact, endpoint("address", o.Address[0].IP, o.Port))
	}
	if e.value, refused = firstValue(exact...); refused != nil {
		return Row{Key: e.key, Refused: refused}
	}
	if o.Name != "" {
		e.family = &build.Malware{Name: o.Name}
	}
	e.name = strings.TrimSpace(o.Category + " " + e.value.String())
	if e.value.Kind == build.IP || e.value.Kind == build.IPPort {
		for _, a := range o.Address[1:] {
			v, refused, _ := endpoint("address", a.IP, o.Port)()
			if refused != nil {
				return Row{Key: e.key, Refused: refused}
			}
			e.or = append(e.or, v)
		}
	}
	return e.row(m)
}
