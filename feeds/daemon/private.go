package daemon

import (
	"fmt"
	"os"
)

// Private makes a folder that nobody but this account may look into, and takes from
// others what they may in one that is there: what a daemon receives and sends is under
// TLP, whatever made the folder.
func Private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the state: %w", err)
	}
	st, err := os.Stat(dir)
	if err == nil && st.Mode().Perm()&0o077 != 0 {
		err = os.Chmod(dir, 0o700)
	}
	if err != nil {
		return fmt.Errorf("keeping others out of the state: %w", err)
	}
	return nil
}
