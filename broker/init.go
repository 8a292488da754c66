package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/nats-io/jwt/v2"

	"github.com/selat-hub/selat/broker/policy"
)

// Init prepares a data folder: keys, an administrator's credentials, and the
// directory a hub begins with (nil for an empty one). It refuses a folder that
// already holds a hub. No listener is opened.
func Init(ctx context.Context, cfg Config, first *policy.Region, logger *slog.Logger) error {
	if err := vacant(&cfg); err != nil {
		return err
	}
	err := initialise(ctx, cfg, first, logger)
	if err != nil {
		// A half-made hub would refuse the next try.
		for _, dir := range folders(&cfg) {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}
	return err
}

// folders are what makes a data folder a hub's.
func folders(cfg *Config) []string {
	return []string{cfg.path(keysFolder), cfg.path(streamsFolder), cfg.path(catalogFolder), cfg.path(joinFolder), cfg.path(firstDirectory)}
}

// vacant refuses a folder that holds a hub.
func vacant(cfg *Config) error {
	for _, dir := range folders(cfg) {
		if _, err := os.Stat(dir); err == nil {
			return fmt.Errorf("%s already holds a hub, or part of one (%s); choose another folder", cfg.Data, filepath.Base(dir))
		}
	}
	return nil
}

func initialise(ctx context.Context, cfg Config, first *policy.Region, logger *slog.Logger) error {
	if err := makeKeys(&cfg); err != nil {
		return err
	}
	ctx, done := context.WithTimeout(ctx, startTimeout)
	defer done()
	h, err := start(ctx, cfg, logger)
	if err != nil {
		return err
	}
	if first != nil {
		err = h.change(ctx, func(d draft) error {
			for name, m := range first.Members {
				d.Members[name] = m
			}
			for name, c := range first.Communities {
				d.Communities[name] = c
			}
			return nil
		})
	}
	if err == nil {
		err = writeAdminCreds(h.keys, &h.cfg)
	}
	return errors.Join(err, h.Close())
}

// writeAdminCreds makes the credentials the hub's own team administers with:
// a user of the HUB account that may ask admin.> and nothing else.
func writeAdminCreds(k *keyring, cfg *Config) error {
	var p jwt.Permissions
	p.Pub.Allow.Add("admin.>")
	p.Sub.Allow.Add("_INBOX.admin.>")
	token, kp, err := ownUser(k, k.hub, "administrator", p)
	if err != nil {
		return err
	}
	seed, err := kp.Seed()
	if err != nil {
		return err
	}
	b, err := jwt.FormatUserConfig(token, seed)
	if err != nil {
		return fmt.Errorf("writing the administrator's credentials: %w", err)
	}
	return writeSecret(AdminCreds(cfg), b)
}

// AdminCreds is the path of the administrator's credentials file.
func AdminCreds(cfg *Config) string {
	return filepath.Join(cfg.Data, keysFolder, fileAdminCreds)
}
