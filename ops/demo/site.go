package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/profile"
	"github.com/selat-hub/selat/ops"
)

// site is a hub in a temporary folder, beginning with the ASEAN profile.
type site struct {
	dir  string
	cfg  broker.Config
	hub  *broker.Hub
	web  *ops.Server // nil unless the site is kept
	keep bool
	took time.Duration // until the hub was open
}

func openSite(ctx context.Context, keep bool) (s *site, err error) {
	began := time.Now()
	dir, err := os.MkdirTemp("", "selat-demo-")
	if err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	s = &site{dir: dir, cfg: broker.DefaultConfig()}
	s.cfg.Data, s.cfg.Name = filepath.Join(dir, "data"), "selat-demo"
	s.cfg.Listen, s.cfg.HTTP.Listen = "127.0.0.1:0", "127.0.0.1:0"
	// A temporary folder may be small, and so is what goes into it.
	s.cfg.Store.ReserveBytes = 16 << 20
	if err := s.open(ctx, keep); err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.keep = keep // only what opened is kept
	s.took = time.Since(began)
	return s, nil
}

func (s *site) open(ctx context.Context, keep bool) error {
	// On a machine with much else to do the disk may be slow.
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	region, err := profile.Load("asean")
	if err != nil {
		return err
	}
	if err := broker.Init(ctx, s.cfg, region.Region(time.Now().UTC()), nil); err != nil {
		return fmt.Errorf("preparing a hub in %s: %w", s.dir, err)
	}
	if s.hub, err = broker.Start(ctx, s.cfg, nil); err != nil {
		return fmt.Errorf("starting a hub in %s: %w", s.dir, err)
	}
	if !keep {
		return nil
	}
	if s.web, err = ops.Serve(ctx, s.hub, &s.cfg, nil); err != nil {
		return fmt.Errorf("serving health and metrics: %w", err)
	}
	return nil
}

func (s *site) close() error {
	var errs []error
	if s.web != nil {
		errs = append(errs, s.web.Close())
	}
	if s.hub != nil {
		errs = append(errs, s.hub.Close())
	}
	if !s.keep {
		if err := os.RemoveAll(s.dir); err != nil {
			errs = append(errs, fmt.Errorf("removing the folder: %w", err))
		}
	}
	return errors.Join(errs...)
}
