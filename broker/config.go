package broker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// Config is everything an operator can set. It is read from a file, the
// environment (SELAT_ followed by the key in upper case, dots as double
// underscores) and flags, the later winning.
type Config struct {
	// Data is the hub's folder: keys, directory, streams, catalogue.
	Data string `koanf:"data" json:"data"`
	// Name is the hub's name towards its members.
	Name string `koanf:"name" json:"name"`
	// Listen is host:port for NATS clients; port 0 picks a free one.
	Listen string `koanf:"listen" json:"listen"`
	// Advertise is the URL written into credentials files, such as
	// tls://hub.example:4222; of several nodes all, with commas. Empty: made from
	// Listen.
	Advertise string      `koanf:"advertise" json:"advertise"`
	TLS       TLS         `koanf:"tls" json:"tls"`
	HTTP      HTTP        `koanf:"http" json:"http"`
	TAXII     TAXII       `koanf:"taxii" json:"taxii"`
	Limits    Limits      `koanf:"limits" json:"limits"`
	Store     Store       `koanf:"store" json:"store"`
	Retention []Retention `koanf:"retention" json:"retention"`
	Cluster   Cluster     `koanf:"cluster" json:"cluster"`
	Log       Logging     `koanf:"log" json:"log"`
}

// TLS names PEM files. Cert and Key are required off loopback.
type TLS struct {
	Cert string `koanf:"cert" json:"cert"`
	Key  string `koanf:"key" json:"key"`
	// CA, when the hub's certificate is signed by a private authority, is
	// written into credentials files so that a seat needs nothing else.
	CA string `koanf:"ca" json:"ca"`
}

// HTTP is the listener for /metrics, /livez and /readyz.
type HTTP struct {
	// Listen is host:port; empty turns it off.
	Listen string `koanf:"listen" json:"listen"`
	// TokenFile (mode 0600) holds the bearer token /metrics asks for. Off
	// loopback it or ClientCA is required.
	TokenFile string `koanf:"token_file" json:"token_file"`
	// ClientCA is a PEM file; clients whose certificate it signs may read
	// /metrics.
	ClientCA string `koanf:"client_ca" json:"client_ca"`
}

// Limits bound what one submission and one seat may ask of the hub.
type Limits struct {
	PayloadBytes int `koanf:"payload_bytes" json:"payload_bytes"`
	ObjectBytes  int `koanf:"object_bytes" json:"object_bytes"`
	Objects      int `koanf:"objects" json:"objects"`
	Depth        int `koanf:"depth" json:"depth"`
	// SubmissionsPerSecond and ObjectsPerSecond are per seat, with a burst of
	// one second and of at least one full submission; 0 is no limit.
	SubmissionsPerSecond float64 `koanf:"submissions_per_second" json:"submissions_per_second"`
	ObjectsPerSecond     float64 `koanf:"objects_per_second" json:"objects_per_second"`
	// InFlightBytes bounds what is held in memory between a submission's
	// arrival and its receipt, over all seats; beyond it the answer is "busy".
	InFlightBytes int64 `koanf:"in_flight_bytes" json:"in_flight_bytes"`
	// Connections per seat.
	Connections int64 `koanf:"connections" json:"connections"`
}

// Store tunes the store; what makes an acknowledgement durable is not tunable.
type Store struct {
	// MessageBytes bounds the objects' bytes gathered into one message.
	MessageBytes int `koanf:"message_bytes" json:"message_bytes"`
	// ReserveBytes of free disk below which submissions are refused as
	// disk-full, so that the engine itself never meets a full disk.
	ReserveBytes int64 `koanf:"reserve_bytes" json:"reserve_bytes"`
	// Encrypt keeps streams encrypted at rest with keys/store.key.
	Encrypt bool `koanf:"encrypt" json:"encrypt"`
	// KeyCommand, when set, prints the encryption key on standard output
	// instead of keys/store.key.
	KeyCommand []string `koanf:"key_command" json:"key_command"`
	// DedupeWindow is JetStream's own, one hour or more.
	DedupeWindow time.Duration `koanf:"dedupe_window" json:"dedupe_window"`
}

// Logging says how much is logged to standard error.
type Logging struct {
	Level  string `koanf:"level" json:"level"`   // debug, info, warn, error
	Format string `koanf:"format" json:"format"` // text, json
}

// DefaultConfig listens on loopback only and keeps its data in ./selat-data.
func DefaultConfig() Config {
	return Config{
		Data:   "selat-data",
		Name:   "selat",
		Listen: "127.0.0.1:4222",
		HTTP:   HTTP{Listen: "127.0.0.1:7422"},
		TAXII:  TAXII{Listen: "127.0.0.1:7423", Title: "Selat", MaxPage: 1000},
		Limits: Limits{
			PayloadBytes:         8 << 20,
			ObjectBytes:          1 << 20,
			Objects:              10_000,
			Depth:                64,
			SubmissionsPerSecond: 5_000,
			ObjectsPerSecond:     100_000,
			InFlightBytes:        512 << 20,
			Connections:          64,
		},
		Store: Store{MessageBytes: 512 << 10, ReserveBytes: 512 << 20, Encrypt: true, DedupeWindow: time.Hour},
		Log:   Logging{Level: "info", Format: "text"},
	}
}

// Check returns every reason the hub must not start with this configuration,
// each saying how to mend it.
func (c *Config) Check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Data == "" {
		bad("data: name the hub's folder with --data")
	}
	c.checkListeners(bad)
	c.checkTAXII(bad)
	c.checkCluster(bad)
	l := c.Limits
	if l.PayloadBytes < 1024 || l.PayloadBytes > 64<<20 {
		bad("limits.payload_bytes: %d is outside 1 KiB to 64 MiB", l.PayloadBytes)
	}
	if l.ObjectBytes < 1 || l.ObjectBytes > l.PayloadBytes {
		bad("limits.object_bytes: %d is outside 1 to limits.payload_bytes", l.ObjectBytes)
	}
	if l.Objects < 1 || l.Objects > 100_000 {
		bad("limits.objects: %d is outside 1 to 100,000", l.Objects)
	}
	if l.Depth < 8 || l.Depth > 1000 {
		bad("limits.depth: %d is outside 8 to 1,000", l.Depth)
	}
	if c.Store.MessageBytes < 1 || c.Store.MessageBytes > 4<<20 {
		bad("store.message_bytes: %d is outside 1 to 4 MiB", c.Store.MessageBytes)
	}
	if c.Store.DedupeWindow < time.Hour {
		bad("store.dedupe_window: %s is under an hour, the least that recognises late retries", c.Store.DedupeWindow)
	}
	checkRetention(c.Retention, bad)
	return errors.Join(errs...)
}

func (c *Config) checkListeners(bad func(string, ...any)) {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		bad("listen: %q is not host:port", c.Listen)
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		bad("tls: cert and key go together; set both")
	}
	if err == nil && !Loopback(host) && c.TLS.Cert == "" {
		bad("listen: %s is reachable from other machines, and TLS is required there: set tls.cert and tls.key to PEM files, or listen on 127.0.0.1", c.Listen)
	}
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) && c.Advertise == "" {
		bad("advertise: listening on every address, the hub must be told which one members reach it at: set it to a URL such as tls://hub.example:4222")
	}
	if c.HTTP.Listen == "" {
		return
	}
	host, _, err = net.SplitHostPort(c.HTTP.Listen)
	switch {
	case err != nil:
		bad("http.listen: %q is not host:port", c.HTTP.Listen)
	case Loopback(host):
	default:
		if c.TLS.Cert == "" {
			bad("http.listen: %s is reachable from other machines, and TLS is required there: set tls.cert and tls.key, or listen on 127.0.0.1", c.HTTP.Listen)
		}
		if c.HTTP.TokenFile == "" && c.HTTP.ClientCA == "" {
			bad("http.listen: off loopback /metrics needs http.token_file (a file of mode 0600) or http.client_ca")
		}
	}
}

// Loopback reports whether a listener on this host is out of reach of other
// machines. A name counts only if it is "localhost".
func Loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// ReadSecret reads a file that only its owner may read; any wider mode is an
// error that says how to mend it.
func ReadSecret(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s is readable by others (mode %04o): chmod 600 it", path, st.Mode().Perm())
	}
	return os.ReadFile(path)
}

func (c *Config) path(parts ...string) string {
	return filepath.Join(append([]string{c.Data}, parts...)...)
}

func (c *Config) stixLimits() stix.Limits {
	return stix.Limits{PayloadBytes: c.Limits.PayloadBytes, ObjectBytes: c.Limits.ObjectBytes, Objects: c.Limits.Objects, Depth: c.Limits.Depth}
}

func (c *Config) apiLimits() api.Limits {
	return api.Limits{PayloadBytes: c.Limits.PayloadBytes, ObjectBytes: c.Limits.ObjectBytes, Objects: c.Limits.Objects, Depth: c.Limits.Depth}
}
