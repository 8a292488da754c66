package misp

import "strings"

// galaxies are those whose clusters are of one sort without doubt, and the type
// of STIX object that is. Tools are none: they are as often harmless.
var galaxies = map[string]string{
	"mitre-malware": "malware", "mitre-enterprise-attack-malware": "malware", "mitre-mobile-attack-malware": "malware",
	"malpedia": "malware", "ransomware": "malware", "rat": "malware", "banker": "malware", "botnet": "malware",
	"backdoor": "malware", "stealer": "malware", "cryptominers": "malware", "android": "malware", "exploit-kit": "malware",
	"threat-actor": "threat-actor", "microsoft-activity-group": "threat-actor", "360net-threat-actor": "threat-actor",
	"mitre-intrusion-set": "intrusion-set", "mitre-enterprise-attack-intrusion-set": "intrusion-set",
	"mitre-attack-pattern": "attack-pattern", "mitre-enterprise-attack-attack-pattern": "attack-pattern",
}

// STIX is the object that the cluster is: its type, its name, and its id in
// ATT&CK, which MISP writes after the name. ok is false where that is in doubt.
func (c NamedCluster) STIX() (typ, name, attack string, ok bool) {
	typ, ok = galaxies[strings.ToLower(c.Galaxy)]
	name = strings.TrimSpace(c.Name)
	if strings.HasPrefix(c.Galaxy, "mitre-") {
		if i := strings.LastIndex(name, " - "); i > 0 {
			name, attack = name[:i], name[i+3:]
		}
	}
	return typ, name, attack, ok && name != "" && len(name) <= 250
}

// Named lists the clusters of galaxies by name.
func Named(list []Galaxy) []NamedCluster {
	var out []NamedCluster
	for _, g := range list {
		for _, c := range g.Clusters {
			out = append(out, NamedCluster{string(g.Type), string(c.Value)})
		}
	}
	return out
}
