package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
)

// admin is a connection to a running hub with the administrator's credentials.
type admin struct {
	nc  *nats.Conn
	url string
	cfg broker.Config
}

const (
	adminDial = 5 * time.Second
	// adminWait is longer than the hub gives any act.
	adminWait = 130 * time.Second
)

// adminFlags gives a command what it needs to find the hub.
func adminFlags(cmd *cobra.Command) {
	configFlags(cmd, false)
	cmd.Flags().String("hub", "", "URL of the hub (default: that of the hub running on the folder)")
	cmd.Flags().String("admin-creds", "", "administrator's credentials (default: keys/admin.creds in the hub's folder)")
}

// withAdmin runs f with a connection that is closed when it returns.
func withAdmin(cmd *cobra.Command, f func(ctx context.Context, a *admin) error) error {
	a, err := openAdmin(cmd, adminDial)
	if err != nil {
		return err
	}
	defer a.nc.Close()
	return f(cmd.Context(), a)
}

func openAdmin(cmd *cobra.Command, patience time.Duration) (*admin, error) {
	cfg, err := loadConfig(cmd)
	if err != nil {
		return nil, err
	}
	creds, err := readAdminCreds(cmd, &cfg)
	if err != nil {
		return nil, err
	}
	at, err := hubURL(cmd, &cfg)
	if err != nil {
		return nil, err
	}
	options := []nats.Option{
		nats.Name("selat administrator"), nats.Timeout(patience), nats.NoReconnect(),
		nats.UserCredentialBytes(creds), nats.CustomInboxPrefix(api.AdminInbox),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // a request that fails says so itself
	}
	secure, err := adminTLS(at, &cfg)
	if err != nil {
		return nil, err
	}
	if secure != nil {
		options = append(options, nats.Secure(secure))
	}
	nc, err := nats.Connect(at, options...)
	if err != nil {
		return nil, connectError(at, &cfg, err)
	}
	return &admin{nc: nc, url: at, cfg: cfg}, nil
}

func readAdminCreds(cmd *cobra.Command, cfg *broker.Config) ([]byte, error) {
	file, err := cmd.Flags().GetString("admin-creds")
	if err != nil {
		return nil, err
	}
	if file == "" {
		file = broker.AdminCreds(cfg)
	}
	b, err := broker.ReadSecret(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, withHint(fmt.Errorf("there are no administrator's credentials at %s", file),
			"name the hub's folder with --data or the file with --admin-creds; `selat init` prepares a folder")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the administrator's credentials: %w", err)
	}
	return b, nil
}

// hubURL is --hub, or what the running hub has noted, or what the
// configuration says.
func hubURL(cmd *cobra.Command, cfg *broker.Config) (string, error) {
	if at, err := cmd.Flags().GetString("hub"); err != nil || at != "" {
		return at, err
	}
	b, err := os.ReadFile(filepath.Join(cfg.Data, hubURLFile))
	switch {
	case err == nil:
		return string(bytes.TrimSpace(b)), nil
	case !errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("reading where the hub is: %w", err)
	case cfg.Advertise != "":
		return cfg.Advertise, nil
	case strings.HasSuffix(cfg.Listen, ":0"):
		return "", notRunning(cfg.Data, cfg, nil)
	case cfg.TLS.Cert != "":
		return "tls://" + cfg.Listen, nil
	}
	return "nats://" + cfg.Listen, nil
}

// adminTLS is nil only where nobody can listen in.
func adminTLS(at string, cfg *broker.Config) (*tls.Config, error) {
	first, _, _ := strings.Cut(at, ",")
	u, err := url.Parse(first)
	if err != nil || u.Hostname() == "" {
		return nil, fmt.Errorf("%q is no address of a hub: it looks like tls://hub.example:4222", at)
	}
	if u.Scheme != "tls" && broker.Loopback(u.Hostname()) {
		return nil, nil
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.TLS.CA == "" {
		return conf, nil
	}
	pem, err := os.ReadFile(cfg.TLS.CA)
	if err != nil {
		return nil, fmt.Errorf("reading tls.ca: %w", err)
	}
	conf.RootCAs = x509.NewCertPool()
	if !conf.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading tls.ca: %s holds no certificate", cfg.TLS.CA)
	}
	return conf, nil
}

func connectError(at string, cfg *broker.Config, err error) error {
	var unknownCA x509.UnknownAuthorityError
	var wrongName x509.HostnameError
	var network net.Error
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked):
		return withHint(fmt.Errorf("the hub at %s does not accept these administrator's credentials", at),
			"they belong to another hub, or the folder was prepared anew")
	case errors.As(err, &unknownCA):
		return withHint(fmt.Errorf("connecting to %s: %w", at, err), "name the authority's PEM file in tls.ca")
	case errors.As(err, &wrongName):
		return withHint(fmt.Errorf("connecting to %s: %w", at, err), "name the hub as its certificate does: --hub tls://NAME:PORT, or advertise in the configuration")
	case errors.Is(err, nats.ErrNoServers), errors.As(err, &network):
		return notRunning(at, cfg, err)
	}
	return fmt.Errorf("connecting to %s: %w", at, err)
}

func notRunning(at string, cfg *broker.Config, err error) error {
	said := fmt.Errorf("no hub answers at %s", at)
	if err != nil && !errors.Is(err, nats.ErrNoServers) {
		said = fmt.Errorf("%w: %w", said, err)
	}
	start := "selat hub"
	if cfg.Data != broker.DefaultConfig().Data {
		start += " --data " + cfg.Data
	}
	return &exitError{exitUnreachable, withHint(said, "start it with `%s`", start)}
}

// ask asks the hub for an act, such as member.add, and reads its answer.
func (a *admin) ask(ctx context.Context, act string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return fmt.Errorf("asking for %s: %w", act, err)
	}
	ctx, cancel := context.WithTimeout(ctx, adminWait)
	defer cancel()
	reply, err := a.nc.RequestWithContext(ctx, api.AdminPrefix+act, body)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return &exitError{exitUnreachable, fmt.Errorf("the hub at %s is starting or stopping; ask again shortly", a.url)}
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrDisconnected):
		return &exitError{exitUnreachable, fmt.Errorf("the hub at %s went away before it answered; see with a list or show whether %s was done", a.url, act)}
	case err != nil:
		return fmt.Errorf("asking for %s: %w", act, err)
	}
	var failed struct {
		Error *api.Error `json:"error"`
	}
	if err := json.Unmarshal(reply.Data, &failed); err != nil {
		return fmt.Errorf("reading the hub's answer to %s: %w", act, err)
	}
	if failed.Error != nil {
		return failed.Error
	}
	if err := json.Unmarshal(reply.Data, answer); err != nil {
		return fmt.Errorf("reading the hub's answer to %s: %w", act, err)
	}
	return nil
}

// directory asks for a list: member.list, seat.list or community.list, of the
// one named or of all.
func (a *admin) directory(ctx context.Context, list, name string) (*api.Directory, error) {
	d := &api.Directory{}
	return d, a.ask(ctx, list, api.Named{Name: name}, d)
}

// act asks for an act and tells that it is done: as the hub's answer with
// --json, else in a sentence.
func (a *admin) act(cmd *cobra.Command, ctx context.Context, act string, question any, done string, args ...any) error {
	var answer api.Done
	if err := a.ask(ctx, act, question, &answer); err != nil {
		return err
	}
	if wantsJSON(cmd) {
		return printJSON(cmd, answer)
	}
	say(cmd, done, args...)
	return nil
}
