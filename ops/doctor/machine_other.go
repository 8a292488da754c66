//go:build !linux

package doctor

// kernelClock has nobody to ask here.
func (h *hub) kernelClock() {
	h.skip("clock", "this system does not tell whether its clock is kept right: say --ntp SERVER")
}
