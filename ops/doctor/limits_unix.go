//go:build unix

package doctor

import "golang.org/x/sys/unix"

// A hub has files open for each stream and durable, and a socket for each
// connection.
const (
	fewDescriptors    = 1 << 10
	enoughDescriptors = 1 << 13
)

// descriptors looks at the limit of this process, which a hub started from the same
// place would have.
func (h *hub) descriptors() {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		h.skip("descriptors", "%v", err)
		return
	}
	const do = "raise it: LimitNOFILE=65536 in the hub's unit, or ulimit -n"
	switch n := uint64(limit.Max); { // the hub raises its own as far as it may
	case n < fewDescriptors:
		h.fail("descriptors", do, "%d files and sockets at a time are too few for a hub", n)
	case n < enoughDescriptors:
		h.warn("descriptors", do, "%d files and sockets at a time are few for a large hub", n)
	default:
		h.ok("descriptors", "%d files and sockets at a time", n)
	}
}
