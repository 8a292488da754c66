package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker"
)

func newTLSCmd() *cobra.Command {
	return newGroup("tls", "Make and renew a certificate of the hub's own authority",
		`A hub that has no certificate can make itself an authority that signs for it
alone. Members install nothing: an invitation pins the authority, and credentials
hold its certificate. "selat init --tls-self-signed NAME" does it in one step.`,
		newTLSInitCmd(), newTLSRenewCmd())
}

func newTLSInitCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "init NAME...", Short: "Make an authority and a certificate for a hub that has none", Args: cobra.MinimumNArgs(1),
		Long: `Makes, in the folder tls of the hub's, an authority and a certificate for these
names and addresses, and tells which settings to make. The hub need not be
running, and takes the certificate at its next start.`,
		Example: "  selat tls init hub.example --data /var/lib/selat",
		RunE: func(cmd *cobra.Command, names []string) error {
			cfg, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			a, err := selfSigned(cfg.Data, names)
			if err != nil {
				return err
			}
			say(cmd, "%s is certified for %s by an authority of its own. In %s:\n", a.path(fileHubCert), strings.Join(names, ", "), filepath.Join(cfg.Data, configFileName))
			say(cmd, "tls:\n  cert: %s/%s\n  key: %[1]s/%[3]s\n  ca: %[1]s/%[4]s", tlsFolder, fileHubCert, fileHubKey, fileAuthCert)
			if cfg.TLS.Cert != "" && cfg.TLS.Cert != a.path(fileHubCert) {
				say(cmd, "\nNow it has %s.", cfg.TLS.Cert)
			}
			return nil
		},
	}
	configFlags(cmd, false)
	return cmd
}

func newTLSRenewCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "renew", Short: "Make a new certificate of the same authority", Args: arguments(),
		Long: `Makes the hub a new key and certificate for the names of the old one, signed by the
authority that "selat tls init" or "selat init --tls-self-signed" made. Members
notice nothing. The hub takes it at its next start.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			a, err := openAuthority(cfg.Data)
			if err != nil {
				return err
			}
			old, err := readCertificates(a.path(fileHubCert))
			if err != nil {
				return err
			}
			names := old[0].DNSNames
			for _, ip := range old[0].IPAddresses {
				names = append(names, ip.String())
			}
			if err := a.sign(names, time.Now()); err != nil {
				return err
			}
			fresh, err := readCertificates(a.path(fileHubCert))
			if err != nil {
				return err
			}
			say(cmd, "%s is good until %s. The hub takes it at its next start.", a.path(fileHubCert), day(fresh[0].NotAfter))
			return nil
		},
	}
	configFlags(cmd, false)
	return cmd
}

var hostName = regexp.MustCompile(`\A[A-Za-z0-9]([A-Za-z0-9-]{0,62}\.?)*\z`)

// selfSigned makes an authority and a certificate for these names.
func selfSigned(data string, names []string) (*authority, error) {
	if err := checkNames(names); err != nil {
		return nil, err
	}
	now := time.Now()
	a, err := newAuthority(data, now)
	if err != nil {
		return nil, err
	}
	return a, a.sign(names, now)
}

func checkNames(names []string) error {
	if len(names) == 0 {
		return errors.New("a certificate needs a name: that by which members reach the hub")
	}
	for _, n := range names {
		if net.ParseIP(n) == nil && (!hostName.MatchString(n) || len(n) > 253) {
			return fmt.Errorf("%q is neither the name nor the address of a machine", n)
		}
	}
	return nil
}

// fromSelfSigned is where settings come from that useSelfSigned made.
const fromSelfSigned = "flag --tls-self-signed"

// useSelfSigned makes the certificate part of a configuration that is about to be
// written, and the first of its names the one that members are told.
func useSelfSigned(l *layered, a *authority, names []string) error {
	made := map[string]string{"tls.cert": a.path(fileHubCert), "tls.key": a.path(fileHubKey), "tls.ca": a.path(fileAuthCert)}
	if _, port, err := net.SplitHostPort(l.config.Listen); err == nil && port != "0" && l.config.Advertise == "" && !broker.Loopback(names[0]) {
		made["advertise"] = (&url.URL{Scheme: "tls", Host: net.JoinHostPort(names[0], port)}).String()
	}
	for key, value := range made {
		if err := l.set(key, value, fromSelfSigned); err != nil {
			return err
		}
	}
	return l.values.Unmarshal("", &l.config)
}
