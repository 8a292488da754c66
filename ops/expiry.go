package ops

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/selat-hub/selat/broker"
)

// newTokens tells when the first token of each member ends.
func newTokens(h *broker.Hub) prometheus.Collector {
	type expiry = broker.MemberExpiry
	return newTable(func() ([]expiry, bool) { return h.TokenExpiries(time.Now()), true },
		[]string{"member"}, func(e expiry) []string { return []string{e.Member} },
		moment("selat_member_token_expiry_timestamp_seconds", "When the first of the member's tokens ends that are good now; absent when none ends by itself.", func(e expiry) time.Time { return e.At }),
	)
}

// certificate is one that a listener of the hub uses.
type certificate struct {
	name     string
	notAfter time.Time
}

// newCertificates tells when certificates end: those the listeners were opened
// with, whatever was put into the files since.
func newCertificates(cfg *broker.Config) (prometheus.Collector, error) {
	var all []certificate
	for _, c := range []struct {
		name, setting, file string
		whole               bool // every certificate of the file counts, not the first alone
	}{
		{"hub", "tls.cert", cfg.TLS.Cert, false},
		{"route", "keys/route.crt", cfg.RouteCertificate(), false},
		{"hub-ca", "tls.ca", cfg.TLS.CA, true},
		{"http-client-ca", "http.client_ca", cfg.HTTP.ClientCA, true},
		{"taxii-client-ca", "taxii.client_ca", cfg.TAXII.ClientCA, true},
	} {
		if c.file == "" {
			continue
		}
		end, err := firstEnd(c.file, c.whole)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.setting, err)
		}
		all = append(all, certificate{c.name, end})
	}
	return newTable(func() ([]certificate, bool) { return all, true },
		[]string{"certificate"}, func(c certificate) []string { return []string{c.name} },
		moment("selat_certificate_not_after_timestamp_seconds", "When the certificate in use ends: hub, route (between nodes), or the first to end of the authorities hub-ca, http-client-ca, taxii-client-ca.", func(c certificate) time.Time { return c.notAfter }),
	), nil
}

// firstEnd is when the first certificate of a PEM file ends, or of the whole file
// the one that ends first.
func firstEnd(file string, whole bool) (time.Time, error) {
	rest, err := os.ReadFile(file)
	if err != nil {
		return time.Time{}, err
	}
	var first time.Time
	for len(bytes.TrimSpace(rest)) > 0 {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		if b.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return time.Time{}, fmt.Errorf("reading %s: %w", file, err)
		}
		if first.IsZero() || c.NotAfter.Before(first) {
			first = c.NotAfter
		}
		if !whole {
			break
		}
	}
	if first.IsZero() {
		return first, fmt.Errorf("%s holds no PEM certificate", file)
	}
	return first, nil
}
