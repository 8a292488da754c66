package pattern

// A slab hands out values of one type from chunks. So a tree of many small
// nodes takes few allocations, and none where the chunks are used again.
type slab[T any] struct {
	chunk []T   // the one in use
	full  [][]T // those before it
	from  int   // in chunk: where the run under construction begins
}

// Bounds in values, of chunks that are not made for one long run, and of
// those kept for the next pattern.
const (
	maxChunk = 1024
	maxKept  = 4096
)

// one returns a new value.
func (s *slab[T]) one() *T {
	if len(s.chunk) == cap(s.chunk) {
		s.from = len(s.chunk)
		s.grow()
	}
	s.chunk = s.chunk[:len(s.chunk)+1]
	return &s.chunk[len(s.chunk)-1]
}

// begin starts a run, add puts a value at its end, and end returns it. There
// is one run at a time.
func (s *slab[T]) begin() { s.from = len(s.chunk) }

func (s *slab[T]) add(v T) {
	if len(s.chunk) == cap(s.chunk) {
		s.grow()
	}
	s.chunk = append(s.chunk, v)
}

func (s *slab[T]) end() []T {
	return s.chunk[s.from:len(s.chunk):len(s.chunk)]
}

// copy returns a run with these values.
func (s *slab[T]) copy(values []T) []T {
	s.begin()
	for _, v := range values {
		s.add(v)
	}
	return s.end()
}

// grow begins another chunk and takes the run under construction along, with
// room for as much again: so a run of n values is copied less than n times.
func (s *slab[T]) grow() {
	run := s.chunk[s.from:]
	size := max(min(2*cap(s.chunk), maxChunk), 2*len(run), 1)
	if s.from > 0 {
		s.full = append(s.full, s.chunk[:s.from])
	}
	s.chunk = append(make([]T, 0, size), run...)
	s.from = 0
}

// reset makes the last chunk ready for the next pattern, with nothing in it
// that would keep the last one alive.
func (s *slab[T]) reset() {
	s.full, s.from = nil, 0
	if cap(s.chunk) > maxKept {
		s.chunk = nil
		return
	}
	clear(s.chunk)
	s.chunk = s.chunk[:0]
}

// nodes are the slabs that a tree is made of.
type nodes struct {
	observations slab[Observation]
	conditions   slab[Condition]
	comparisons  slab[Comparison]
	steps        slab[Step]
	values       slab[Value]
	qualifiers   slab[Qualifier]
	// Operands of the first two.
	observed slab[*Observation]
	compared slab[*Condition]
}

func (n *nodes) reset() {
	n.observations.reset()
	n.conditions.reset()
	n.comparisons.reset()
	n.steps.reset()
	n.values.reset()
	n.qualifiers.reset()
	n.observed.reset()
	n.compared.reset()
}
