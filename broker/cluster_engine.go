package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// clusterName is the same on all nodes of every hub: what tells hubs apart is who
// signed the certificates of their routes.
const clusterName = "selat"

// clusterOptions joins the engine to those of the other nodes. Each side of a route
// shows a certificate of the hub's own authority, and takes no other.
func clusterOptions(opts *server.Options, cfg *Config) error {
	nodes, err := cfg.AllNodes()
	if err != nil {
		return fmt.Errorf("cluster.nodes: %w", err)
	}
	host, port, err := net.SplitHostPort(cfg.Cluster.Listen)
	if err != nil {
		return fmt.Errorf("cluster.listen: %w", err)
	}
	p, err := strconv.Atoi(port)
	if err != nil {
		return fmt.Errorf("cluster.listen: %q is no port", port)
	}
	conf, err := routeTLS(cfg)
	if err != nil {
		return err
	}
	opts.ServerName = cfg.Cluster.Node
	opts.Cluster = server.ClusterOpts{Name: clusterName, Host: host, Port: p, TLSConfig: conf, TLSTimeout: 5, NoAdvertise: true,
		// A node that is cut off or stands still is given up after some seconds.
		PingInterval: 2 * time.Second, MaxPingsOut: 2}
	for _, n := range nodes {
		if n.Name == cfg.Cluster.Node {
			opts.Cluster.Advertise = n.Route
			continue
		}
		opts.Routes = append(opts.Routes, &url.URL{Scheme: "nats-route", Host: n.Route})
	}
	// The engine opens routes only behind a listener for clients. Whoever connects
	// before the directory is in force waits (accounts.Fetch).
	opts.DontListen = false
	return nil
}

func routeTLS(cfg *Config) (*tls.Config, error) {
	if _, err := ReadSecret(cfg.path(keysFolder, fileRouteKey)); err != nil {
		return nil, fmt.Errorf("reading the key of this node's routes: %w", err)
	}
	cert, err := tls.LoadX509KeyPair(cfg.path(keysFolder, fileRouteCert), cfg.path(keysFolder, fileRouteKey))
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of this node's routes: %w", err)
	}
	ca, err := os.ReadFile(cfg.path(keysFolder, fileRouteCA))
	if err != nil {
		return nil, fmt.Errorf("reading the authority of routes: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("reading the authority of routes: %s holds no certificate", fileRouteCA)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{cert}, RootCAs: pool, ClientCAs: pool,
		ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13,
	}, nil
}

// quorumEvery is how often a node that starts looks for the others.
const quorumEvery = 100 * time.Millisecond

// awaitQuorum returns once the nodes that are there can decide something.
func (h *Hub) awaitQuorum(ctx context.Context) error {
	told := time.Now()
	tick := time.NewTicker(quorumEvery)
	defer tick.Stop()
	for !h.engine.JetStreamIsCurrent() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if !h.engine.Running() {
			return errors.New("the engine ended; its log says why")
		}
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			h.log.Info("waiting for other nodes of the cluster", "node", h.cfg.Cluster.Node, "routes", h.engine.NumRoutes())
		}
	}
	return nil
}
