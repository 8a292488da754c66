package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
)

// Hub is a running hub. Its methods are safe for concurrent use.
type Hub struct {
	cfg     Config
	log     *slog.Logger
	Metrics *Metrics

	keys     *keyring
	engine   *server.Server
	accounts *accounts
	addr     *net.TCPAddr
	sysConn  *nats.Conn
	conn     *nats.Conn // HUB account: services and administration
	js       jetstream.JetStream

	// Of a hub that is a single node lead and follow are nil.
	lead       *lead
	grants     *grants
	follow     *follower
	deposed    chan struct{}
	deposeOnce sync.Once
	isOpen     chan struct{} // the node leads or follows
	opened     sync.Once
	drained    chan struct{} // the hub's team asked for this node to end
	drainOnce  sync.Once

	kv       jetstream.KeyValue
	admin    sync.Mutex // one change to the directory at a time
	revision uint64     // of the directory in force, of the node that leads
	region   atomic.Pointer[policy.Region]
	auth     *authenticator
	// gate is held for reading while a seat is handed a durable, and for
	// writing while a change takes durables away. Readers that are handed objects
	// pass it when they have them (inForce).
	gate        sync.RWMutex
	streamsMade sync.Map // stream name -> policy.Stream
	making      sync.Map // account -> *sync.Mutex, of who makes its durables
	fenced      sync.Map // stream name -> the sequence of the last fence put here

	index     *catalog.Index
	messages  *messages
	recalls   *recalls
	erasures  erasures
	verifying verifying
	lastAdded int64 // newest date_added found at start
	disk      diskGuard
	writers   *writers
	intake    *intake
	lags      *deliveries
	statuses  *statuses

	enrolment enrolment

	opening   sync.Mutex // guards what openStream adds to recovery and lastAdded
	recovery  Recovery   // in the making
	recovered atomic.Pointer[Recovery]
	started   time.Time
	ready     atomic.Bool
	broken    atomic.Bool // the store failed to write, and takes nothing more
	failed    chan struct{}
	unjust    atomic.Bool // durables or accounts are not yet what the directory says

	lock   *os.File
	run    context.Context // ends with Close
	cancel context.CancelFunc
	tasks  sync.WaitGroup // every goroutine of the hub
	once   sync.Once
	err    error
}

// Recovery says what a start found and mended.
type Recovery struct {
	// Streams and Objects are what the store holds; CaughtUp objects were
	// stored but not yet in the index.
	Streams  int    `json:"streams"`
	Messages uint64 `json:"messages"`
	CaughtUp int    `json:"caught_up"`
	// Rebuilt says why the index was made anew, empty if it was not.
	Rebuilt string `json:"rebuilt,omitempty"`
	// Unfinished blocks are those a kill left without a key; they were empty.
	Unfinished int `json:"unfinished_blocks"`
	// Missing messages were stored and are not there any more: the store was
	// damaged, or is an older copy. Those that a recall erased are not counted.
	Missing uint64 `json:"missing_messages"`
	// Removed durables had lost their entitlement, or their seat.
	Removed int           `json:"removed_durables"`
	Took    time.Duration `json:"took"`
}

// Start starts a hub on a folder that Init prepared, recovers what a crash
// left, and returns when it accepts connections. Close ends it.
func Start(ctx context.Context, cfg Config, logger *slog.Logger) (*Hub, error) {
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("the configuration does not hold:\n%w", err)
	}
	h, err := start(ctx, cfg, logger)
	if err != nil {
		return nil, err
	}
	if err := h.openListener(); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	if h.lead == nil {
		h.ready.Store(true)
	}
	r := h.Recovered()
	h.log.Info("the hub is open", "url", h.URL(), "streams", r.Streams, "messages", r.Messages,
		"caught_up", r.CaughtUp, "rebuilt", r.Rebuilt, "removed_durables", r.Removed, "missing", r.Missing, "unfinished_blocks", r.Unfinished, "took", r.Took)
	return h, nil
}

// startTimeout bounds a start. Building the index anew takes most of it: about
// a minute for ten million objects.
const startTimeout = time.Hour

// start does everything but listen.
func start(ctx context.Context, cfg Config, logger *slog.Logger) (*Hub, error) {
	h := &Hub{cfg: cfg, log: newLogger(logger), Metrics: newMetrics(), messages: newMessages(messagesKept), started: time.Now(), failed: make(chan struct{}),
		grants: newGrants(), deposed: make(chan struct{}), isOpen: make(chan struct{}), drained: make(chan struct{})}
	h.region.Store(policy.NewRegion(nil, nil, nil))
	h.auth = newAuthenticator(h.Region, h.log, h.Metrics.AuthDenials)
	h.enrolment.peers = newLockouts(addressFailures, addressesKept)
	h.run, h.cancel = context.WithCancel(context.Background())
	// Without a deadline each step has the client library's few seconds.
	ctx, done := context.WithTimeout(ctx, startTimeout)
	defer done()
	steps := []startStep{
		{"locking the data folder", h.lockData},
		{"checking that the folder is whole", h.checkRestored},
		{"reading the keys", func() (err error) { h.keys, err = loadKeys(ctx, &h.cfg); return }},
		{"mending the store", h.mendBlocks},
		{"mending the store", h.mendChecksums},
		{"starting the engine", h.startEngine},
		{"connecting to the engine", h.connectSelf},
	}
	if cfg.Clustered() {
		steps = append(steps, h.nodeSteps(ctx)...)
	} else {
		steps = append(steps, h.singleSteps(ctx)...)
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", s.doing, err), h.Close())
		}
	}
	if h.lead == nil {
		h.recovery.Took = time.Since(h.started).Round(time.Millisecond)
		h.sayRecovered()
	}
	return h, nil
}

// startStep is one thing that a start does.
type startStep struct {
	doing string
	do    func() error
}

// nodeSteps are those of a node of a cluster, up to where it leads or follows.
func (h *Hub) nodeSteps(ctx context.Context) []startStep {
	// Without a deadline each question to the engine has the client library's few
	// seconds: while its groups choose who leads them, some are never answered.
	asks, stop := context.WithCancel(h.run)
	context.AfterFunc(ctx, stop)
	return []startStep{
		{"waiting for the other nodes", func() error { return h.awaitQuorum(ctx) }},
		{"opening the index", h.openCatalogue},
		{"looking who leads", func() error { return h.openLead(asks) }},
		{"following the node that leads", h.openFollower},
		{"answering other nodes", h.openNode},
		{"leading or following", func() error {
			h.lead.begin()
			select {
			case <-h.isOpen:
				return nil
			case <-h.deposed:
				return errors.New("another node took the lead while this one took it; start again")
			case <-ctx.Done():
				return ctx.Err()
			}
		}},
	}
}

// singleSteps are those of a hub that is a single node.
func (h *Hub) singleSteps(ctx context.Context) []startStep {
	return []startStep{
		{"checking what the engine recovered", func() error { return h.checkRecovered(ctx) }},
		{"opening the directory", func() error { return h.openDirectory(ctx) }},
		{"checking the streams", func() error { return h.ensureStreams(ctx) }},
		{"checking the streams", func() error { return h.ensureRecallStream(ctx) }},
		{"reading the recalls", func() error { return h.openRecalls(ctx) }},
		{"opening the index", func() error { return h.openIndex(ctx) }},
		{"checking entitlements", func() (err error) { h.recovery.Removed, err = h.reconcile(ctx); return }},
		{"ending places that were given up", func() error { return h.endFormerPlaces(ctx) }},
		{"remembering the last publications", func() error { h.restoreLastPublished(ctx); return nil }},
		{"opening the statuses", func() error { return h.openStatuses(ctx) }},
		{"opening the services", func() error { return h.openServices(h.run) }},
		{"letting seats in", func() error { h.accounts.inForce(); return nil }},
		{"carrying out the recalls", func() error { h.recalls.resume(ctx); return nil }},
		{"keeping to the retention", h.openRetention},
	}
}

func (h *Hub) connectSelf() (err error) {
	if h.sysConn, err = h.connect("hub-system", h.keys.sys); err != nil {
		return err
	}
	if h.conn, err = h.connect("hub", h.keys.hub); err != nil {
		return err
	}
	h.js, err = jetstream.New(h.conn)
	return err
}

// Close stops taking submissions, answers those already taken, and leaves the
// store closed. It returns when every goroutine has ended.
func (h *Hub) Close() error {
	h.once.Do(func() { h.err = h.close() })
	return h.err
}

func (h *Hub) close() error {
	h.ready.Store(false)
	var errs []error
	if h.lead != nil {
		h.leave()
	}
	if h.recalls != nil {
		h.recalls.cancel() // what is cut short is taken up by the next start
	}
	if h.intake != nil {
		h.intake.close()
	}
	if h.writers != nil {
		h.writers.close()
	}
	if h.statuses != nil {
		h.statuses.close()
	}
	if h.conn != nil && h.intake != nil {
		// The last receipts leave before the doors close.
		if err := h.conn.FlushTimeout(5 * time.Second); err != nil {
			errs = append(errs, fmt.Errorf("sending the last receipts: %w", err))
		}
	}
	h.cancel()
	h.tasks.Wait()
	for _, nc := range []*nats.Conn{h.conn, h.sysConn} {
		if nc != nil {
			nc.Close()
		}
	}
	if h.engine != nil {
		h.engine.Shutdown()
		h.engine.WaitForShutdown()
	}
	if h.index != nil {
		errs = append(errs, h.index.Close())
	}
	if h.lock != nil {
		errs = append(errs, h.unlockData())
	}
	return errors.Join(errs...)
}

// Ready reports whether the hub accepts submissions now, and if not, why.
func (h *Hub) Ready() error {
	for _, c := range h.Checks() {
		if c.Err != nil {
			return c.Err
		}
	}
	return nil
}

// Failed is closed when the store has failed to write: nothing but a new start
// on a mended disk helps.
func (h *Hub) Failed() <-chan struct{} { return h.failed }

// Recovered says what the last start found and mended.
func (h *Hub) Recovered() Recovery {
	if r := h.recovered.Load(); r != nil {
		return *r
	}
	return Recovery{}
}

// sayRecovered tells what was recovered from now on.
func (h *Hub) sayRecovered() {
	r := h.recovery
	h.recovered.Store(&r)
}

// Region is the directory at this moment. It must not be changed.
func (h *Hub) Region() *policy.Region { return h.region.Load() }

// go_ runs f as a goroutine that Close waits for.
func (h *Hub) go_(f func()) {
	h.tasks.Add(1)
	go func() { defer h.tasks.Done(); f() }()
}
