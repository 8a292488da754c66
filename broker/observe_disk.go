//go:build unix

package broker

import "syscall"

// DiskTotal tells the bytes of the store's disk that this process could use if
// nothing were on it: what the system keeps for its administrator is left out, as in
// Disk.
func (h *Hub) DiskTotal() (uint64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(h.cfg.Data, &st); err != nil {
		return 0, err
	}
	return (st.Blocks - st.Bfree + st.Bavail) * uint64(st.Bsize), nil
}
