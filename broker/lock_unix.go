//go:build unix

package broker

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockData keeps two hubs off one folder. The lock dies with the process.
func (h *Hub) lockData() error {
	f, err := os.OpenFile(h.cfg.path("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if os.IsNotExist(err) {
		return fmt.Errorf("%s does not exist: prepare it with `selat init --data %s`", h.cfg.Data, h.cfg.Data)
	}
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close() //nolint:errcheck // nothing was written
		return fmt.Errorf("another hub is running on %s: stop it first", h.cfg.Data)
	}
	h.lock = f
	return nil
}

// unlockData gives the folder free. It does not leave that to the closing of the
// file, which a process that is being started at this moment has open too.
func (h *Hub) unlockData() error {
	return errors.Join(syscall.Flock(int(h.lock.Fd()), syscall.LOCK_UN), h.lock.Close())
}

// freeBytes is what an unprivileged process may still write beside path.
func freeBytes(path string) (uint64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return 0, err
	}
	return st.Bavail * uint64(st.Bsize), nil
}
