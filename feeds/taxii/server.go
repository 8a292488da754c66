package taxii

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/web"
)

// How long a client may take, and how much it may ask at a time.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = time.Minute
	writeTimeout  = 3 * time.Minute
	idleTimeout   = 2 * time.Minute
	closeTimeout  = 3 * time.Second
	// refuseWithin bounds the answer to who was not let in.
	refuseWithin = 5 * time.Second

	maxHeaderBytes = 16 << 10
	maxConnections = 512
	maxStreams     = 32 // of one HTTP/2 connection
	maxEntering    = 128
	maxInHand      = 64
	maxGuests      = 16 // requests in hand of callers without a seat
	// maxPosts bounds the bodies in memory: each is there as it came and as the
	// bundle that is made of it.
	maxPosts = 16
)

// Server is a TAXII server on one hub. Its methods are safe for concurrent use.
type Server struct {
	hub     Hub
	log     *slog.Logger
	metrics *metrics

	title, description, contact string
	roots                       []root
	anonymous                   bool
	maxPage, maxContent         int
	maxConnections              int
	answerWithin, refuseWithin  time.Duration
	searchWithin                time.Duration

	entering chan struct{} // requests of which it is not known who asks
	inHand   *room         // requests being answered
	beside   *room         // those of the services beside
	posts    *places       // submissions without an answer of the hub
	rates    *rates

	http     *http.Server
	listener *web.Listener
	scheme   string
	run      context.Context // of what outlives a request; ends with Close
	cancel   context.CancelFunc
	tasks    sync.WaitGroup // goroutines that outlive a request
	entry    sync.Mutex
	besides  []beside
	closed   bool           // no handler begins any more
	handlers sync.WaitGroup // those that have begun
	served   chan struct{}  // closed when no connection is accepted any more
	conns    sync.WaitGroup
	once     sync.Once
	err      error
}

// Serve opens the listener that cfg.TAXII describes and answers until Close,
// which must come before the hub's own. With TAXII.Listen empty it returns a
// Server that does nothing. The configuration must hold (broker.Config.Check).
// ctx bounds only the opening. The services are answered on the same listener.
func Serve(ctx context.Context, h Hub, cfg *broker.Config, logger *slog.Logger, services ...Beside) (*Server, error) {
	s := newServer(h, cfg, logger)
	s.put(services)
	if cfg.TAXII.Listen == "" {
		return s, nil
	}
	return s, s.open(ctx, cfg)
}

func newServer(h Hub, cfg *broker.Config, logger *slog.Logger) *Server {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	t := &cfg.TAXII
	return &Server{
		hub: h, log: logger, metrics: newMetrics(),
		title: t.Title, description: t.Description, contact: t.Contact, anonymous: t.Anonymous,
		roots:          []root{{path: "/selat/", title: t.Title, description: t.Description, name: nameOf}},
		maxConnections: maxConnections, maxPage: t.MaxPage, maxContent: maxContentOf(cfg.Limits.PayloadBytes), answerWithin: answerWithin, refuseWithin: refuseWithin, searchWithin: searchWithin,
		entering: make(chan struct{}, maxEntering), inHand: newRoom(maxInHand, maxGuests), beside: newRoom(maxBeside, maxBesideGuests),
		posts: newPlaces(maxPosts), rates: newRates(),
	}
}

func (s *Server) open(ctx context.Context, cfg *broker.Config) error {
	tlsConfig, err := web.TLS(cfg, "taxii.client_ca", cfg.TAXII.ClientCA, "h2", "http/1.1")
	if err != nil {
		return err
	}
	inner, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.TAXII.Listen)
	if err != nil {
		return fmt.Errorf("listening for TAXII on %s: %w", cfg.TAXII.Listen, err)
	}
	if a, ok := inner.Addr().(*net.TCPAddr); tlsConfig == nil && (!ok || !a.IP.IsLoopback()) {
		return errors.Join(fmt.Errorf("taxii.listen: %s is not an address of this machine alone, and without TLS it must be: use 127.0.0.1", cfg.TAXII.Listen), inner.Close())
	}
	s.run, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.scheme, s.served = "http", make(chan struct{})
	s.listener = web.Limit(inner, s.maxConnections, func() { s.metrics.deny(reasonConnections) })
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.serveHTTP),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		// "OPTIONS *" is a request like any other: who asks comes first.
		DisableGeneralOptionsHandler: true,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		TLSConfig:                    tlsConfig,
		BaseContext:                  func(net.Listener) context.Context { return s.run },
		ConnContext:                  web.WithConn,
		ConnState:                    s.follow,
		ErrorLog:                     log.New(httpErrors{s.log}, "", 0),
	}
	serve := s.http.Serve
	if tlsConfig != nil {
		s.scheme = "https"
		serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
	}
	go func() {
		defer close(s.served)
		if err := serve(s.listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("TAXII is no longer served", "error", err)
		}
	}()
	return nil
}

// serveHTTP counts the handlers: those of HTTP/2 are goroutines of their own,
// and may begin when their connection has ended.
func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	s.entry.Lock()
	closed := s.closed
	if !closed {
		s.handlers.Add(1)
	}
	s.entry.Unlock()
	if closed {
		return // nobody is there to be answered
	}
	defer s.handlers.Done()
	s.handle(w, r)
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

// URL is where clients begin: the discovery resource. It is empty when the
// server does not listen.
func (s *Server) URL() string {
	if s.listener == nil {
		return ""
	}
	return s.scheme + "://" + s.Addr().String() + "/taxii2/"
}

// Close lets requests under way end, for three seconds at most, and returns when
// every goroutine has ended. A submission that the hub has not answered by then
// stays pending in its status; its objects are stored all the same.
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
		<-s.served
		defer s.cancel()
		defer context.AfterFunc(ctx, s.cancel)()
		s.conns.Wait()
		s.entry.Lock()
		s.closed = true
		s.entry.Unlock()
		s.handlers.Wait()
		s.tasks.Wait()
	})
	return s.err
}

// httpErrors takes what net/http has to say about connections, of which a
// stranger can cause any number.
type httpErrors struct{ log *slog.Logger }

var _ io.Writer = httpErrors{}

func (e httpErrors) Write(line []byte) (int, error) {
	e.log.Debug("taxii", "error", string(line))
	return len(line), nil
}
