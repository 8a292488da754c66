package source

import (
	"strings"
	"time"

	"github.com/selat-hub/selat/feeds/build"
)

func sslblCertificateRow(m *build.Maker, r *record) Row {
	e := entry{key: strings.ToLower(r.get("sha1")), phase: control, description: "Certificate of a server that commands a botnet"}
	if row := times(e.key, map[string]*time.Time{"listingdate": &e.first}, r.get); row != nil {
		return *row
	}
	return withValue(m, e, r, build.CertSHA1, "sha1", func(e *entry) {
		reason := r.get("listingreason")
		switch name, isServer := strings.CutSuffix(reason, " C&C"); {
		case isServer && name != "":
			e.family = &build.Malware{Name: name}
			e.name = name + " certificate"
		case reason != "":
			e.description += ": " + reason
		}
	})
}
