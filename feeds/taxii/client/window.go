package client

import "crypto/sha256"

// key tells objects apart: by their bytes, and so by id and version too.
type key = [sha256.Size]byte

// windowKeys is how many objects are recognised when a server gives them again.
const windowKeys = 1 << 16

// window remembers the keys it was given last.
type window struct {
	have  map[key]struct{}
	order []key // a ring once it is full
	next  int
}

func (w *window) has(k key) bool {
	_, ok := w.have[k]
	return ok
}

func (w *window) add(k key) {
	if w.has(k) {
		return
	}
	if w.have == nil {
		w.have = map[key]struct{}{}
	}
	w.have[k] = struct{}{}
	if len(w.order) < windowKeys {
		w.order = append(w.order, k)
		return
	}
	delete(w.have, w.order[w.next])
	w.order[w.next] = k
	w.next = (w.next + 1) % windowKeys
}
