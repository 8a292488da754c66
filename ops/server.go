package ops

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/web"
)

// How long a client may take, and how much it may say.
const (
	headerTimeout  = 5 * time.Second
	readTimeout    = 10 * time.Second
	writeTimeout   = 30 * time.Second
	idleTimeout    = time.Minute
	closeTimeout   = 3 * time.Second
	maxHeaderBytes = 16 << 10
	maxConnections = 256
)

// Server answers about one hub. Its methods are safe for concurrent use.
type Server struct {
	http     *http.Server
	listener *web.Listener
	scheme   string
	cancel   context.CancelFunc // of what handlers read
	served   chan struct{}      // closed when no connection is accepted any more
	conns    sync.WaitGroup     // a goroutine for each connection
	once     sync.Once
	err      error
}

// Serve opens the listener that cfg.HTTP describes and answers until Close,
// which must come before the hub's own. With HTTP.Listen empty it returns a
// Server that does nothing. It refuses what would show metrics to strangers:
// off loopback TLS is required, and a token or an authority of clients. /metrics
// also tells what the other collectors do. ctx bounds only the opening.
func Serve(ctx context.Context, h *broker.Hub, cfg *broker.Config, logger *slog.Logger, others ...prometheus.Collector) (*Server, error) {
	if cfg.HTTP.Listen == "" {
		return &Server{}, nil
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	access, err := newAccess(cfg)
	if err != nil {
		return nil, err
	}
	// No HTTP/2: its streams would escape the bound on scrapes.
	tlsConfig, err := web.TLS(cfg, "http.client_ca", cfg.HTTP.ClientCA, "http/1.1")
	if err != nil {
		return nil, err
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	denials := newDenials()
	registry, err := newRegistry(run, h, cfg, denials, logger, others)
	if err != nil {
		cancel()
		return nil, err
	}
	inner, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.HTTP.Listen)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("listening for HTTP on %s: %w", cfg.HTTP.Listen, err)
	}
	if a, ok := inner.Addr().(*net.TCPAddr); access.open && (!ok || !a.IP.IsLoopback()) {
		cancel()
		return nil, errors.Join(fmt.Errorf("http.listen: %s is not an address of this machine alone; use 127.0.0.1", cfg.HTTP.Listen), inner.Close())
	}
	s := &Server{scheme: "http", cancel: cancel, served: make(chan struct{})}
	s.listener = web.Limit(inner, maxConnections, func() { denials.count(pathNone, reasonConnections) })
	var listener net.Listener = s.listener
	if tlsConfig != nil {
		s.scheme, listener = "https", tls.NewListener(listener, tlsConfig)
	}
	s.http = &http.Server{
		Handler:           answering(newHandler(h, registry, access, denials, logger)),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		BaseContext:    func(net.Listener) context.Context { return run },
		ConnContext:    web.WithConn,
		ConnState:      s.follow,
		ErrorLog:       log.New(&httpErrors{logger, denials}, "", 0),
	}
	go s.serve(listener, logger)
	return s, nil
}

// answering keeps a request's connection from giving way while it is answered.
func answering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer web.Answering(r)()
		next.ServeHTTP(w, r)
	})
}

func (s *Server) serve(l net.Listener, logger *slog.Logger) {
	defer close(s.served)
	if err := s.http.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
		logger.Error("health and metrics are no longer served", "error", err)
	}
}

// follow counts the goroutines that serve connections: each begins with
// StateNew, set by the one that accepts, and ends with StateClosed.
func (s *Server) follow(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.conns.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.conns.Done()
	}
}

// Addr is where the server listens, nil when it does not.
func (s *Server) Addr() net.Addr {
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// URL is the server's address for people and scripts, empty when it does not
// listen.
func (s *Server) URL() string {
	if s.listener == nil {
		return ""
	}
	return s.scheme + "://" + s.Addr().String()
}

// Close lets requests under way end, for three seconds at most, and returns
// when every goroutine has ended.
func (s *Server) Close() error {
	if s.http == nil {
		return nil
	}
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		if err := s.http.Shutdown(ctx); err != nil {
			// Who has not read its answer by now is cut off.
			s.err = s.http.Close()
		}
		s.cancel()
		<-s.served
		s.conns.Wait()
	})
	return s.err
}

// httpErrors takes what net/http has to say about connections. Handshakes that
// failed are counted, a refused client certificate among them.
type httpErrors struct {
	log     *slog.Logger
	denials *denials
}

var _ io.Writer = (*httpErrors)(nil)

func (e *httpErrors) Write(line []byte) (int, error) {
	if isHandshake(line) {
		e.denials.count(pathNone, reasonHandshake)
	}
	// A stranger can cause any number of these lines.
	e.log.Debug("http", "error", string(line))
	return len(line), nil
}
