package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// A daemon has its state to itself while it runs. Whoever wants to know or do
// something with it meanwhile asks the daemon, over HTTP on a socket in a private
// folder of the state: whoever may read the daemon's files may ask.

const (
	socketFolder = "control"
	socketName   = socketFolder + "/socket"
	// socketPath is the longest path that every system takes for a socket (sun_path
	// is 104 bytes on some).
	socketPath = 100
	// mostAsked bounds a question's body.
	mostAsked = 64 << 10
	// stopTimeout bounds how long a stop waits for answers that it has ended.
	stopTimeout = 10 * time.Second
)

// Serve answers on the socket of a state folder, which must be this process's own.
// stop ends it: the context of what is being answered ends, and stop returns when the
// answers are given.
func Serve(state string, h http.Handler, log *slog.Logger) (stop func() error, err error) {
	path, release, err := socket(state)
	if err != nil {
		return nil, err
	}
	// The folder keeps others out from before the socket is there.
	if err := Private(filepath.Join(state, socketFolder)); err != nil {
		return nil, errors.Join(err, release())
	}
	// What a daemon that was killed left is nobody's: the state is ours.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(fmt.Errorf("removing an old socket: %w", err), release())
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err == nil {
		if err = os.Chmod(path, 0o600); err != nil {
			err = errors.Join(err, l.Close())
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listening on %s: %w", filepath.Join(state, socketName), err), release())
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &http.Server{Handler: http.MaxBytesHandler(h, mostAsked), ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx }}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("answering on the daemon's socket ended", "error", err)
		}
	}()
	return func() error {
		cancel()
		ended, free := context.WithTimeout(context.Background(), stopTimeout)
		defer free()
		err := s.Shutdown(ended)
		if err != nil {
			err = errors.Join(err, s.Close())
		}
		<-done
		return errors.Join(err, release())
	}, nil
}

// socket is the path of a folder's socket. One that is too long for the system is
// reached through the folder, opened, where the system has names for those.
func socket(state string) (path string, release func() error, err error) {
	path = filepath.Join(state, socketName)
	if len(path) <= socketPath {
		return path, func() error { return nil }, nil
	}
	if runtime.GOOS != "linux" {
		return "", nil, fmt.Errorf("the path %s has %d bytes, and a socket's at most %d: give the state a shorter one", path, len(path), socketPath)
	}
	dir, err := os.Open(state)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), socketName), dir.Close, nil
}

// ErrNotRunning says that no daemon answers on a state's socket.
var ErrNotRunning = errors.New("no daemon runs with this state")

// Ask puts a question to the daemon that runs with a state, and reads the answer into
// answer. question, if not nil, is sent as JSON. It returns ErrNotRunning if there is
// no daemon, and what the daemon says if it refuses.
func Ask(ctx context.Context, state, method, path string, question, answer any) (err error) {
	name, release, err := socket(state)
	if err != nil {
		return errors.Join(ErrNotRunning, err)
	}
	defer func() { err = errors.Join(err, release()) }()
	t := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", name)
	}}
	defer t.CloseIdleConnections()
	var body bytes.Buffer
	if question != nil {
		if err := json.NewEncoder(&body).Encode(question); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://daemon"+path, &body)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: t}).Do(req)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return ErrNotRunning
	}
	if err != nil {
		return fmt.Errorf("asking the running daemon: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	if resp.StatusCode != http.StatusOK {
		return refusal(resp)
	}
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
		return fmt.Errorf("asking the running daemon: its answer cannot be read: %w", err)
	}
	return nil
}

// refusal is what the daemon said.
func refusal(resp *http.Response) error {
	b, err := io.ReadAll(io.LimitReader(resp.Body, mostAsked))
	var said struct {
		Error string `json:"error"`
	}
	if err != nil || json.Unmarshal(b, &said) != nil || said.Error == "" {
		return fmt.Errorf("the running daemon answers %s", resp.Status)
	}
	return errors.New(said.Error)
}

// Answer makes a handler of what answers a question: the answer as JSON, or the error
// that Ask returns.
func Answer[Q, A any](answer func(context.Context, Q) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var question Q
		status := http.StatusOK
		var out any
		err := json.NewDecoder(r.Body).Decode(&question)
		if errors.Is(err, io.EOF) {
			err = nil // nothing was asked but the path
		}
		if err == nil {
			out, err = answer(r.Context(), question)
		}
		if err != nil {
			status, out = http.StatusInternalServerError, map[string]string{"error": err.Error()}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(out) // whoever asked may have gone
	}
}
