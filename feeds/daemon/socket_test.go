package daemon_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/selat-hub/selat/feeds/daemon"
)

type question struct {
	Name string `json:"name"`
}

// greeter greets, and refuses nobody in particular.
func greeter() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /greet", daemon.Answer(func(_ context.Context, q question) (map[string]string, error) {
		if q.Name == "" {
			return nil, errors.New("say who is greeted")
		}
		return map[string]string{"greeting": "hello " + q.Name}, nil
	}))
	return mux
}

func TestADaemonAnswersOnTheSocketOfItsState(t *testing.T) {
	for name, dir := range map[string]string{
		"a folder":                       t.TempDir(),
		"a folder with a very long path": filepath.Join(t.TempDir(), strings.Repeat("long", 30)),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			var got map[string]string
			greet := func(who string) error {
				return daemon.Ask(t.Context(), dir, http.MethodPost, "/greet", question{who}, &got)
			}
			if err := greet("sg"); !errors.Is(err, daemon.ErrNotRunning) {
				t.Errorf("without a daemon: %v", err)
			}
			leave(t, dir)
			if err := greet("sg"); !errors.Is(err, daemon.ErrNotRunning) {
				t.Errorf("where a daemon was killed: %v", err)
			}
			stop, err := daemon.Serve(dir, greeter(), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			if err := greet("sg"); err != nil || got["greeting"] != "hello sg" {
				t.Errorf("%v, %v", got, err)
			}
			if err := greet(""); err == nil || err.Error() != "say who is greeted" {
				t.Errorf("what the daemon refuses: %v", err)
			}
			if err := daemon.Ask(t.Context(), dir, http.MethodGet, "/nothing", nil, &got); err == nil || !strings.Contains(err.Error(), "404") {
				t.Errorf("what it does not know: %v", err)
			}
			if err := greet(strings.Repeat("x", 1<<20)); err == nil {
				t.Error("it takes a question of any size")
			}
			if st, err := os.Stat(filepath.Join(dir, "control", "socket")); err != nil || st.Mode().Perm() != 0o600 {
				t.Errorf("the socket: %v, %v", st, err)
			}
			if st, err := os.Stat(filepath.Join(dir, "control")); err != nil || st.Mode().Perm() != 0o700 {
				t.Errorf("its folder: %v, %v", st, err)
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
			if err := greet("sg"); !errors.Is(err, daemon.ErrNotRunning) {
				t.Errorf("after its end: %v", err)
			}
		})
	}
}

func TestAStopWaitsForTheAnswersThatItEnds(t *testing.T) {
	dir, asked, answered := t.TempDir(), make(chan struct{}), false
	stop, err := daemon.Serve(dir, daemon.Answer(func(ctx context.Context, _ question) (question, error) {
		close(asked)
		<-ctx.Done()
		answered = true
		return question{}, errors.New("the daemon stops")
	}), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan error)
	go func() {
		var got question
		said <- daemon.Ask(context.Background(), dir, http.MethodPost, "/", question{"sg"}, &got)
	}()
	<-asked
	if err := stop(); err != nil || !answered {
		t.Errorf("it stopped under a question: %v", err)
	}
	if err := <-said; err == nil || err.Error() != "the daemon stops" {
		t.Errorf("who asked is told %v", err)
	}
}

// leave makes a socket that nobody listens on.
func leave(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "control"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(dir, "control"))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: "socket", Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
