//go:build !unix

package doctor

func (h *hub) descriptors() { h.skip("descriptors", "this system has no such limit") }
