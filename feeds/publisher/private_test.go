package publisher_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/selat-hub/selat/feeds/publisher"
)

func TestNobodyElseMayLookIntoWhatWaitsToBeSent(t *testing.T) {
	for name, there := range map[string]bool{"a new state": false, "one that others could read": true} {
		state := filepath.Join(t.TempDir(), "state")
		outbox := filepath.Join(state, "outbox")
		if there {
			if err := os.MkdirAll(outbox, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		p, err := publisher.Open(&publisher.Config{State: state}, nil, publisher.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if st, err := os.Stat(outbox); err != nil || st.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", name, st.Mode(), err)
		}
	}
}
