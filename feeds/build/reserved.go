package build

import (
	"net/netip"
	"strings"
)

// reservedNetworks are those that are not reached on the internet (RFC 6890 and
// its registries). The documentation networks are not among them: exercises and
// examples are written with them.
var reservedNetworks = func() []netip.Prefix {
	var out []netip.Prefix
	for _, s := range strings.Fields(`
		0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12
		192.0.0.0/24 192.168.0.0/16 198.18.0.0/15 224.0.0.0/4 240.0.0.0/4
		::/96 fc00::/7 fe80::/10 fec0::/10 ff00::/8`) {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}()

// reserved refuses an address or network that is reserved or has such in it.
func reserved(p netip.Prefix) *Refusal {
	for _, r := range reservedNetworks {
		if r.Overlaps(p) {
			return &Refusal{ReservedAddress, "it is not an address of the internet but in " + r.String() + " (RFC 6890)"}
		}
	}
	return nil
}
