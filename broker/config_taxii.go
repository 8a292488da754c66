package broker

import (
	"net"
	"net/url"
)

// TAXII is the TAXII 2.1 server. It has the hub's own certificate.
type TAXII struct {
	// Listen is host:port; empty turns it off.
	Listen string `koanf:"listen" json:"listen"`
	// Advertise is the URL of this listener that invitations name, such as
	// https://hub.example:7423. Empty: the host of Config.Advertise with the
	// listener's port.
	Advertise string `koanf:"advertise" json:"advertise"`
	// Title, Description and Contact are told in the discovery resource.
	Title       string `koanf:"title" json:"title"`
	Description string `koanf:"description" json:"description"`
	Contact     string `koanf:"contact" json:"contact"`
	// Anonymous lets callers without a seat read what is CLEAR in communities
	// that are not private.
	Anonymous bool `koanf:"anonymous" json:"anonymous"`
	// ClientCA is a PEM file. A client whose certificate it signs, and names a
	// seat as its common name, needs no token.
	ClientCA string `koanf:"client_ca" json:"client_ca"`
	// MaxPage is the most objects in a page.
	MaxPage int `koanf:"max_page" json:"max_page"`
}

// maxTAXIIPage bounds taxii.max_page: a page is held in memory while it is
// answered.
const maxTAXIIPage = 10_000

func (c *Config) checkTAXII(bad func(string, ...any)) {
	t := c.TAXII
	if t.Listen == "" {
		return
	}
	host, _, err := net.SplitHostPort(t.Listen)
	switch {
	case err != nil:
		bad("taxii.listen: %q is not host:port", t.Listen)
	case !Loopback(host) && c.TLS.Cert == "":
		bad("taxii.listen: %s is reachable from other machines, and TLS is required there: set tls.cert and tls.key, or listen on 127.0.0.1", t.Listen)
	}
	if u, err := url.Parse(t.Advertise); t.Advertise != "" && (err != nil || u.Hostname() == "" || u.Scheme != "https" && (u.Scheme != "http" || !Loopback(u.Hostname()))) {
		bad("taxii.advertise: %q is no address to be reached at: it looks like https://hub.example:7423", t.Advertise)
	}
	if t.ClientCA != "" && c.TLS.Cert == "" {
		bad("taxii.client_ca: certificates of clients need TLS: set tls.cert and tls.key")
	}
	if t.Title == "" {
		bad("taxii.title: TAXII requires one: set it to the hub's name for people")
	}
	if t.MaxPage < 1 || t.MaxPage > maxTAXIIPage {
		bad("taxii.max_page: %d is outside 1 to 10,000", t.MaxPage)
	}
}
