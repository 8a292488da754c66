package broker

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// startEngine starts the embedded NATS server with its listener still closed:
// nobody gets in before entitlements have been checked against the directory.
func (h *Hub) startEngine() error {
	opts, err := engineOptions(&h.cfg, h.keys)
	if err != nil {
		return err
	}
	h.accounts = newAccounts()
	for _, c := range []*jwt.AccountClaims{hubClaims(h.keys), sysClaims(h.keys)} {
		token, err := c.Encode(h.keys.signing)
		if err != nil {
			return fmt.Errorf("signing account %s: %w", c.Name, err)
		}
		if err := h.accounts.Store(c.Subject, token); err != nil {
			return fmt.Errorf("storing account %s: %w", c.Name, err)
		}
	}
	opts.AccountResolver = h.accounts
	if h.engine, err = server.NewServer(opts); err != nil {
		return fmt.Errorf("making the engine: %w", err)
	}
	h.engine.SetLoggerV2(engineLog{h.log, h.Metrics, h.storeFailed}, false, false, false)
	go h.engine.Start() // ends with WaitForShutdown in close
	if !h.engine.ReadyForConnections(2 * time.Minute) {
		return errors.New("the engine did not become ready within two minutes; its log says why")
	}
	if !h.engine.JetStreamEnabled() {
		return errors.New("the engine could not open its store; its log says why")
	}
	return nil
}

func engineOptions(cfg *Config, k *keyring) (*server.Options, error) {
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	p, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("listen: %q is no port", port)
	}
	if p == 0 {
		p = server.RANDOM_PORT
	}
	oc, err := jwt.DecodeOperatorClaims(k.operatorJWT)
	if err != nil {
		return nil, fmt.Errorf("reading the operator: %w", err)
	}
	opts := &server.Options{
		ServerName: cfg.Name,
		Host:       host, Port: p,
		DontListen: true,
		NoSigs:     true,
		MaxPayload: int32(cfg.Limits.PayloadBytes + 1<<20), // room for headers and for a receipt of every object
		MaxPending: 256 << 20,
		// A client that opens a connection and says nothing, or reads nothing.
		AuthTimeout:      5,
		WriteDeadline:    10 * time.Second,
		PingInterval:     20 * time.Second,
		MaxPingsOut:      2,
		MaxControlLine:   4096,
		TrustedOperators: []*jwt.OperatorClaims{oc},
		SystemAccount:    public(k.sys),
	}
	StoreSettings(opts, cfg.path(streamsFolder), k.store)
	if cfg.TLS.Cert != "" {
		if _, err := ReadSecret(cfg.TLS.Key); err != nil {
			return nil, fmt.Errorf("tls.key: %w", err)
		}
		cert, err := tls.LoadX509KeyPair(cfg.TLS.Cert, cfg.TLS.Key)
		if err != nil {
			return nil, fmt.Errorf("reading tls.cert and tls.key: %w", err)
		}
		opts.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
		opts.TLSTimeout = 5
	}
	if cfg.Clustered() {
		return opts, clusterOptions(opts, cfg)
	}
	return opts, nil
}

func (h *Hub) storeFailed() {
	if h.broken.CompareAndSwap(false, true) {
		close(h.failed)
	}
}

// syncAlways is a variable so that a test of power cuts can show that it would see
// a loss; nothing else changes it.
var syncAlways = true

// StoreSettings sets what makes an acknowledgement durable: a file store, every
// write synced, encrypted with key unless it is empty. None of it is
// configurable; benchmarks of the bare engine call it too, to measure the same.
func StoreSettings(o *server.Options, dir, key string) {
	o.JetStream, o.StoreDir = true, dir
	o.SyncAlways = syncAlways
	o.JetStreamMaxMemory = 64 << 20
	o.JetStreamMaxStore = 1 << 50 // the disk guard refuses long before
	if o.JetStreamKey = key; key != "" {
		o.JetStreamCipher = server.AES // in hardware; the engine's ChaCha is not
	}
}

// openListener lets clients in and notes the address they reach.
func (h *Hub) openListener() error {
	if !h.cfg.Clustered() { // else it has listened from the start
		ready := make(chan struct{})
		h.engine.AcceptLoop(ready)
		<-ready
	}
	addr, ok := h.engine.Addr().(*net.TCPAddr)
	if !ok || addr == nil {
		return fmt.Errorf("could not listen on %s; is another program using it?", h.cfg.Listen)
	}
	h.addr = addr
	return nil
}

// connect makes an in-process connection of the hub itself, as a user of the
// HUB or the system account.
func (h *Hub) connect(name string, account nkeys.KeyPair) (*nats.Conn, error) {
	token, kp, err := ownUser(h.keys, account, name, jwt.Permissions{})
	if err != nil {
		return nil, err
	}
	nc, err := nats.Connect("", nats.InProcessServer(h.engine), userOption(token, kp), nats.Name(name),
		nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			h.log.Error("a connection of the hub to its engine failed", "connection", name, "subject", subject, "error", err)
		}))
	if err != nil {
		return nil, fmt.Errorf("connecting %s to the engine: %w", name, err)
	}
	return nc, nil
}

// URL is where clients reach the hub: Config.Advertise, or the listener.
func (h *Hub) URL() string {
	if h.cfg.Advertise != "" {
		return h.cfg.Advertise
	}
	scheme := "nats://"
	if h.cfg.TLS.Cert != "" {
		scheme = "tls://"
	}
	return scheme + h.addr.String()
}

func newLogger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}
