package source

import (
	"strconv"
	"strings"
	"time"

	"github.com/selat-hub/selat/feeds/build"
)

// newThreatFox reads ThreatFox, with or without the column is_compromised that
// came later: columns are found by name. Who reported an entry is a person and
// does not go on.
func newThreatFox(c Config) (Source, error) {
	return newAbuseCH(c, threatfoxRow, false, "first_seen_utc", "ioc_id", "ioc_value", "ioc_type")
}

// threatfoxKinds are the values of ioc_type.
var threatfoxKinds = map[string]build.Kind{
	"ip:port": build.IPPort, "domain": build.Domain, "url": build.URL,
	"md5_hash": build.MD5, "sha1_hash": build.SHA1, "sha256_hash": build.SHA256,
	"envelope_from": build.Email, "body_from": build.Email,
}

// threatfoxThreats describe those of threat_type.
var threatfoxThreats = map[string]string{
	"botnet_cc": "Server that commands a botnet", "payload_delivery": "What delivers malware", "payload": "Malware",
	"cc_skimming": "What steals payment cards",
}

var threatfoxPhases = map[string]string{"botnet_cc": control, "payload_delivery": delivery}

func threatfoxRow(m *build.Maker, r *record) Row {
	threat := r.get("threat_type")
	e := entry{key: r.get("ioc_id"), description: threatfoxThreats[threat], phase: threatfoxPhases[threat], labels: splitTags(r.get("tags"))}
	if row := times(e.key, map[string]*time.Time{"first_seen_utc": &e.first, "last_seen_utc": &e.seen}, r.get); row != nil {
		return *row
	}
	kind, ok := threatfoxKinds[r.get("ioc_type")]
	if !ok {
		return refuse(e.key, build.UnknownKind, "ioc_type is none that is known")
	}
	if n, err := strconv.Atoi(r.get("confidence_level")); err == nil {
		e.confidence = build.Confidence(n)
	}
	if strings.EqualFold(r.get("is_compromised"), "true") {
		// The owner of the system is a victim too: whoever blocks it should know.
		e.types = []string{"malicious-activity", "compromised"}
	}
	return withValue(m, e, r, kind, "ioc_value", func(e *entry) {
		e.references = []build.Reference{
			{Source: "ThreatFox", ID: r.get("ioc_id"), URL: "https://threatfox.abuse.ch/ioc/" + r.get("ioc_id") + "/"},
			{Source: "reference", URL: r.get("reference")},
		}
		if threat != "" {
			e.labels = append(e.labels, threat)
		}
		if id, name := r.get("fk_malware"), r.get("malware_printable"); name != "" && id != "" && !strings.HasPrefix(id, "unknown") {
			e.family = &build.Malware{Name: name, Aliases: splitTags(r.get("malware_alias"))}
			e.family.Key = id
			e.family.References = []build.Reference{{Source: "Malpedia", ID: id, URL: "https://malpedia.caad.fkie.fraunhofer.de/details/" + id}}
			e.name = name + " " + e.value.Title()
		}
	})
}
