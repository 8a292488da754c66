package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker"
)

func newHealthCmd() *cobra.Command {
	var at string
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask the hub on this machine whether it takes submissions",
		Long: `Asks /readyz of the hub that runs with this configuration on this machine, as a
container's health check or a script does. It needs no credentials.

Exit code: 0 the hub takes submissions, 1 it does not and says why, 5 it does not
answer.`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			if at != "" {
				cfg.HTTP.Listen = at
			}
			ctx, done := context.WithTimeout(cmd.Context(), wait)
			defer done()
			return askHealth(ctx, cmd, &cfg)
		},
	}
	configFlags(cmd, false)
	cmd.Flags().StringVar(&at, "http-listen", "", "host:port of the hub's HTTP listener (default: http.listen of the configuration)")
	cmd.Flags().DurationVar(&wait, "timeout", 5*time.Second, "how long the answer may take")
	return cmd
}

func askHealth(ctx context.Context, cmd *cobra.Command, cfg *broker.Config) error {
	client, url, err := healthClient(cfg)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return &exitError{exitUnreachable, fmt.Errorf("no hub answers at %s: %w", url, err)}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return &exitError{exitUnreachable, fmt.Errorf("reading the hub's answer: %w", err)}
	}
	said := strings.TrimSpace(string(body))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the hub does not take submissions: %s", said)
	}
	say(cmd, "%s", said)
	return nil
}

// healthClient reaches the hub's HTTP listener on this machine.
func healthClient(cfg *broker.Config) (*http.Client, string, error) {
	if cfg.HTTP.Listen == "" {
		return nil, "", errors.New("http.listen is off, so the hub cannot be asked")
	}
	host, port, err := net.SplitHostPort(cfg.HTTP.Listen)
	if err != nil {
		return nil, "", fmt.Errorf("http.listen: %q is not host:port", cfg.HTTP.Listen)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	tr := &http.Transport{DisableKeepAlives: true}
	if cfg.TLS.Cert == "" {
		return &http.Client{Transport: tr}, "http://" + net.JoinHostPort(host, port) + "/readyz", nil
	}
	b, err := os.ReadFile(cfg.TLS.Cert)
	if err != nil {
		return nil, "", fmt.Errorf("reading tls.cert: %w", err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, "", fmt.Errorf("reading tls.cert: %s holds no certificate", cfg.TLS.Cert)
	}
	// The certificate names the hub as its members reach it, not this address: it
	// must be the very one that is configured here.
	tr.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
		if len(raw) == 0 || !bytes.Equal(raw[0], block.Bytes) {
			return errors.New("who answers has another certificate than tls.cert")
		}
		return nil
	}}
	return &http.Client{Transport: tr}, "https://" + net.JoinHostPort(host, port) + "/readyz", nil
}
