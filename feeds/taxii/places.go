package taxii

import "sync"

// places bounds what is in hand at a time: in all, and of one caller a quarter,
// so that one with many slow requests keeps nobody else out.
type places struct {
	mu    sync.Mutex
	most  int
	taken int
	by    map[string]int
}

func newPlaces(most int) *places { return &places{most: most, by: map[string]int{}} }

// take takes a place for a caller, and reports whether there was one.
func (p *places) take(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken >= p.most || p.by[key] >= max(1, p.most/4) {
		return false
	}
	p.taken++
	p.by[key]++
	return true
}

func (p *places) give(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.by[key]--; p.by[key] <= 0 {
		delete(p.by, key)
	}
}
