package doctor

import (
	"time"

	"golang.org/x/sys/unix"
)

// kernelClock asks the kernel whether somebody keeps its clock right.
func (h *hub) kernelClock() {
	var t unix.Timex // nothing in it is to be set
	if _, err := unix.Adjtimex(&t); err != nil {
		h.skip("clock", "the kernel does not tell whether its clock is kept right (%v): say --ntp SERVER", err)
		return
	}
	if t.Status&unix.STA_UNSYNC != 0 {
		h.warn("clock", "let NTP set this machine's clock (timedatectl, chrony), or see how wrong it is with --ntp SERVER", "the kernel says that nobody keeps its clock right")
		return
	}
	h.ok("clock", "kept right, to about %s", (time.Duration(t.Esterror) * time.Microsecond).Round(time.Microsecond))
}
