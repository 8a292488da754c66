package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/beevik/ntp"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
)

// HubOptions says which hub to look at.
type HubOptions struct {
	Config broker.Config
	// Ask asks the running hub what it finds out about itself. Its error may wrap
	// ErrNotRunning.
	Ask func(context.Context) (*api.Examination, error)
	// NTP is a time server to hold the clock against; without one the kernel is
	// asked whether somebody sets the clock.
	NTP string
	// SlowSync is the p99 of a write and its fsync that fails; 0 is its default.
	SlowSync time.Duration
}

// ErrNotRunning says that no hub runs on the folder.
var ErrNotRunning = errors.New("no hub is running on this folder")

// hub is one look at a hub.
type hub struct {
	*Report
	o   HubOptions
	cfg *broker.Config
}

// Hub looks at a hub's folder and machine: its configuration, secrets, certificate,
// disk, clock and limits; and where the hub runs, at what it says of itself.
func Hub(ctx context.Context, o HubOptions) *Report {
	h := &hub{Report: &Report{}, o: o, cfg: &o.Config}
	h.configuration()
	if !h.folder() {
		return h.Report
	}
	h.secrets()
	h.operator()
	h.certificate()
	h.freeDisk()
	h.fsync(ctx)
	h.descriptors()
	h.time(ctx)
	h.running(ctx)
	return h.Report
}

func (h *hub) configuration() {
	if err := h.cfg.Check(); err != nil {
		h.fail("configuration", "mend selat.yaml; `selat config show` tells where each value is from", "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
		return
	}
	h.ok("configuration", "a hub would start with it")
}

func (h *hub) folder() bool {
	st, err := os.Stat(filepath.Join(h.cfg.Data, "keys"))
	if err != nil || !st.IsDir() {
		h.fail("folder", "name the hub's folder with --data, or prepare one with `selat init`", "%s holds no hub", h.cfg.Data)
		return false
	}
	h.ok("folder", "%s", h.cfg.Data)
	return true
}

// secrets looks at who may read what nobody but the hub should, and who may write
// where it keeps its data.
func (h *hub) secrets() {
	var open, writable []string
	look := func(path string) {
		if st, err := os.Stat(path); err == nil && st.Mode().Perm()&0o077 != 0 {
			open = append(open, path)
		}
	}
	for _, pattern := range []string{"keys", "keys/*", "tls/*.key"} {
		found, err := filepath.Glob(filepath.Join(h.cfg.Data, pattern))
		if err != nil {
			h.fail("secrets", "", "%v", err)
			return
		}
		for _, f := range found {
			look(f)
		}
	}
	for _, f := range []string{h.cfg.TLS.Key, h.cfg.HTTP.TokenFile} {
		if f != "" {
			look(f)
		}
	}
	for _, dir := range []string{"", "keys", "streams", "accounts", "catalogue", "tls"} {
		if st, err := os.Stat(filepath.Join(h.cfg.Data, dir)); err == nil && st.Mode().Perm()&0o022 != 0 {
			writable = append(writable, filepath.Join(h.cfg.Data, dir))
		}
	}
	slices.Sort(open)
	open = slices.Compact(open)
	switch {
	case len(open) > 0:
		h.fail("secrets", "chmod go-rwx "+strings.Join(open, " ")+"; who could read them could make themselves any seat", "%s may be read by others", strings.Join(open, ", "))
	case len(writable) > 0:
		h.fail("secrets", "chmod go-w "+strings.Join(writable, " "), "others may write in %s", strings.Join(writable, ", "))
	default:
		h.ok("secrets", "nobody else may read keys, or write in the folder")
	}
}

func (h *hub) operator() {
	key := filepath.Join(h.cfg.Data, "keys", "operator.nk")
	if _, err := os.Stat(key); err == nil {
		h.warn("operator", "move it to a safe place off this machine", "%s is still here; the hub never reads it", key)
		return
	}
	h.ok("operator", "the root key is not on this machine")
}

func (h *hub) certificate() {
	if h.cfg.TLS.Cert == "" {
		h.skip("certificate", "none, and none needed while all listeners are on this machine alone")
		return
	}
	const renew = "renew it: `selat tls renew` where the hub has an authority of its own; then restart the hub"
	pair, err := tls.LoadX509KeyPair(h.cfg.TLS.Cert, h.cfg.TLS.Key)
	if err != nil {
		h.fail("certificate", "tls.cert and tls.key must be PEM files that belong together", "%v", err)
		return
	}
	var chain []*x509.Certificate
	for _, der := range pair.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			h.fail("certificate", renew, "%v", err)
			return
		}
		chain = append(chain, c)
	}
	var ca []byte
	if h.cfg.TLS.CA != "" {
		if ca, err = os.ReadFile(h.cfg.TLS.CA); err != nil {
			h.fail("certificate", "name the authority's PEM file in tls.ca", "%v", err)
			return
		}
	}
	now := time.Now()
	h.expiry("certificate", renew, append(slices.Clone(chain), parsePEM(ca)...), now)
	h.certified(chain, ca, now)
}

// certified sees whether members can verify the certificate, by the name that they
// are told.
func (h *hub) certified(chain []*x509.Certificate, ca []byte, now time.Time) {
	host := h.told()
	err := verify(chain, ca, host, now)
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	switch {
	case err == nil:
		h.ok("names", "members can verify it, as %s", host)
	case errors.As(err, &name):
		h.fail("names", "have it certified for that name, or set advertise to one that it has", "members are told to connect to %s, and the certificate is not for that", host)
	case errors.As(err, &unknown) && ca == nil:
		h.fail("names", "set tls.ca to the PEM file of its authority, so that credentials hold it", "this machine does not know the certificate's authority, and tls.ca is not set")
	case errors.As(err, &unknown):
		h.fail("names", "tls.ca must be the authority that signed tls.cert", "the certificate is not signed by tls.ca")
	default:
		h.fail("names", "renew the certificate", "%v", err)
	}
}

// told is the host that credentials name.
func (h *hub) told() string {
	if u, err := url.Parse(h.cfg.Advertise); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	host, _, err := net.SplitHostPort(h.cfg.Listen)
	if err != nil {
		return h.cfg.Listen
	}
	return host
}

func (h *hub) freeDisk() {
	free, err := broker.FreeDisk(h.cfg.Data)
	reserve := uint64(max(0, h.cfg.Store.ReserveBytes))
	told := fmt.Sprintf("%d MiB free, of which %d stay free (store.reserve_bytes)", free>>20, reserve>>20)
	switch {
	case err != nil:
		h.fail("disk", "", "%v", err)
	case free <= reserve:
		h.fail("disk", "make room: submissions are refused as disk-full", "%s", told)
	case free < 4*reserve:
		h.warn("disk", "make room in time", "%s", told)
	default:
		h.ok("disk", "%s", told)
	}
}

func (h *hub) time(ctx context.Context) {
	if h.o.NTP == "" {
		h.kernelClock()
		return
	}
	r, err := ntp.QueryWithOptions(h.o.NTP, ntp.QueryOptions{Timeout: dialWithin})
	if err == nil {
		err = r.Validate()
	}
	if err != nil {
		h.skip("clock", "%s does not tell the time: %v", h.o.NTP, err)
		return
	}
	h.skew("clock", h.o.NTP+"'s", -r.ClockOffset, r.RootDistance)
}

// running asks the hub itself.
func (h *hub) running(ctx context.Context) {
	x, err := h.o.Ask(ctx)
	switch {
	case errors.Is(err, ErrNotRunning):
		h.skip("running", "no hub is running on this folder: its streams are not looked at")
		return
	case err != nil:
		h.fail("running", "see the hub's log", "%v", err)
		return
	}
	h.ok("running", "version %s", x.Version)
	for _, f := range x.Findings {
		switch {
		case len(f.Wrong) > 0:
			h.fail("hub "+f.Name, "see the hub's log", "%s", strings.Join(f.Wrong, "; "))
		case f.Name == "streams":
			h.ok("hub streams", "%d have every setting that is not negotiable", x.Streams)
		default:
			h.ok("hub "+f.Name, "holds")
		}
	}
}
