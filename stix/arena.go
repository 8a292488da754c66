package stix

// arena gives out slices from larger pieces, for the many small ones that the
// objects of one submission have and that live as long as they do.
type arena[T any] struct {
	free []T
	size int // of the last piece
}

// maxPiece bounds the pieces, in elements.
const maxPiece = 512

// take returns n elements. The pieces grow with what is taken, so that a single
// object does not pay for many.
func (a *arena[T]) take(n int) []T {
	if n > len(a.free) {
		a.size = min(max(2*a.size, 4), maxPiece)
		a.free = make([]T, max(n, a.size))
	}
	out := a.free[:n:n]
	a.free = a.free[n:]
	return out
}
