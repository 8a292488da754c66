package client

import "sync"

// memorySize is how many objects a subscription without a state folder
// remembers: enough to recognise every redelivery of what is in flight, and
// most objects that come through a second audience.
const memorySize = 1 << 18

// memorySeen is a memory that ends with the process. It forgets the oldest
// once it is full.
type memorySeen struct {
	mu   sync.Mutex
	keys map[key]struct{}
	ring []key
	next int
	used bool
}

func newMemorySeen() *memorySeen { return &memorySeen{keys: map[key]struct{}{}} }

func (m *memorySeen) has(k key) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.keys[k]
	return ok, nil
}

func (m *memorySeen) add(keys []key) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range keys {
		if _, known := m.keys[k]; known {
			continue
		}
		m.keys[k] = struct{}{}
		if len(m.ring) < memorySize {
			m.ring = append(m.ring, k)
			continue
		}
		delete(m.keys, m.ring[m.next])
		m.ring[m.next] = k
		m.next = (m.next + 1) % memorySize
	}
	return nil
}

func (m *memorySeen) start([]key) error { return nil }

func (m *memorySeen) finished(key) error { return nil }

func (m *memorySeen) unstarted([]key) {}

// doubtful has only the hub's word: what it sent before may have been handled,
// perhaps by a process that is no more.
func (m *memorySeen) doubtful(_ key, deliveries uint64) bool { return deliveries > 1 }

func (m *memorySeen) forget() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.keys)
	m.ring, m.next = m.ring[:0], 0
	return nil
}

func (m *memorySeen) begun() (bool, error) { return m.used, nil }

func (m *memorySeen) begin() error {
	m.used = true
	return nil
}

func (m *memorySeen) keepOrder(uint64, []byte) error { return nil }

func (m *memorySeen) dropOrder(uint64) error { return nil }

func (m *memorySeen) keptOrders(func(uint64, []byte) error) error { return nil }

func (m *memorySeen) close() error { return nil }
