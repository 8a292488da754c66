package values

import "github.com/selat-hub/selat/stix/pattern"

// A property is one by which an observable is known.
type property struct {
	name string
	path pattern.Path
	// keyed tells that its values are of a kind that is looked up.
	keyed bool
}

// observables holds the properties by which an observable of each type is known
// (STIX 2.1 §6).
var observables = map[string][]property{
	"artifact":             properties("artifact", "hashes", "url"),
	"autonomous-system":    properties("autonomous-system", "number"),
	"directory":            properties("directory", "path"),
	"domain-name":          properties("domain-name", "value"),
	"email-addr":           properties("email-addr", "value"),
	"email-message":        properties("email-message", "subject"),
	"file":                 properties("file", "hashes", "name"),
	"ipv4-addr":            properties("ipv4-addr", "value"),
	"ipv6-addr":            properties("ipv6-addr", "value"),
	"mac-addr":             properties("mac-addr", "value"),
	"mutex":                properties("mutex", "name"),
	"process":              properties("process", "command_line"),
	"software":             properties("software", "name", "cpe"),
	"url":                  properties("url", "value"),
	"user-account":         properties("user-account", "user_id", "account_login"),
	"windows-registry-key": properties("windows-registry-key", "key"),
	"x509-certificate":     properties("x509-certificate", "hashes", "serial_number"),
}

// Observable reports whether typ is a type of cyber-observable that has values
// of its own, which is all but network-traffic.
func Observable(typ string) bool { return observables[typ] != nil }

func properties(typ string, names ...string) []property {
	var all []property
	for _, name := range names {
		all = append(all, property{
			name:  name,
			path:  pathOf(typ, name),
			keyed: name == "hashes" || name == "value",
		})
	}
	return all
}

func pathOf(typ string, names ...string) pattern.Path {
	path := pattern.Path{Type: typ}
	for _, name := range names {
		path.Steps = append(path.Steps, pattern.Step{Kind: pattern.Property, Name: name})
	}
	return path
}

// Paths at which what a person types is read.
var (
	ipv4Path   = pathOf("ipv4-addr", "value")
	ipv6Path   = pathOf("ipv6-addr", "value")
	domainPath = pathOf("domain-name", "value")
	urlPath    = pathOf("url", "value")
	emailPath  = pathOf("email-addr", "value")
	macPath    = pathOf("mac-addr", "value")
	ssdeepPath = pathOf("file", "hashes", "SSDEEP")
	tlshPath   = pathOf("file", "hashes", "TLSH")
)
