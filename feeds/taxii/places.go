package taxii

import "sync"

// places bounds what is in hand at a time: in all, and of one key a quarter, so
// that one caller with many slow requests does not take all. Four keys can; so
// callers who can have as many keys as they like, which are those without a seat,
// never share places with seats (room).
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

// room has places for seats, and others for anonymous callers: however many
// addresses those have, they keep no seat out.
type room struct{ seats, guests *places }

func newRoom(seats, guests int) *room { return &room{newPlaces(seats), newPlaces(guests)} }

// take takes a place for a caller, to be given back; ok is false if there is none.
func (r *room) take(who caller) (give func(), ok bool) {
	p := r.seats
	if who.seat == nil {
		p = r.guests
	}
	if !p.take(who.key) {
		return nil, false
	}
	return func() { p.give(who.key) }, true
}
