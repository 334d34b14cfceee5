package tenant

import (
	"sync"
	"time"
)

// memo remembers what was read from the store, at most max entries, each for at most ttl of machine time. A drop while
// a value is being loaded keeps that value out, so that nothing read before a change is remembered after it.
type memo[K comparable, V any] struct {
	ttl     time.Duration
	max     int
	machine func() time.Time

	mu      sync.RWMutex
	entries map[K]memoEntry[V]
	changes uint64 // drops so far
}

type memoEntry[V any] struct {
	value V
	until time.Time
}

func newMemo[K comparable, V any](ttl time.Duration, max int, machine func() time.Time) *memo[K, V] {
	return &memo[K, V]{ttl: ttl, max: max, machine: machine, entries: map[K]memoEntry[V]{}}
}

// get gives the remembered value, or loads and remembers it. Errors are not remembered.
func (m *memo[K, V]) get(key K, load func() (V, error)) (V, error) {
	now := m.machine()
	m.mu.RLock()
	e, ok := m.entries[key]
	changes := m.changes
	m.mu.RUnlock()
	if ok && now.Before(e.until) {
		return e.value, nil
	}
	v, err := load()
	if err != nil {
		return v, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.changes != changes {
		return v, nil
	}
	if len(m.entries) >= m.max {
		m.evict(now)
	}
	// The time was taken before loading: what the store said is at least as new as that.
	m.entries[key] = memoEntry[V]{v, now.Add(m.ttl)}
	return v, nil
}

// evict makes room: of a few entries that the map happens to give first, those out of date, or all of them.
func (m *memo[K, V]) evict(now time.Time) {
	const look = 16
	seen := 0
	for k, e := range m.entries {
		if !now.Before(e.until) {
			delete(m.entries, k)
		}
		if seen++; seen == look {
			break
		}
	}
	for k := range m.entries {
		if len(m.entries) < m.max {
			return
		}
		delete(m.entries, k)
	}
}

// drop forgets one entry.
func (m *memo[K, V]) drop(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes++
	delete(m.entries, key)
}

// reset forgets all.
func (m *memo[K, V]) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes++
	clear(m.entries)
}
