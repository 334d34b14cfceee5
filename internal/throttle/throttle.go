// Package throttle counts events by who caused them, in windows of machine time, so that a guesser waits and nobody else
// does. Its tables are bounded: whoever makes one forget must cause a hundred thousand events from as many places. Each
// process counts for itself.
package throttle

import (
	"crypto/sha256"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// LoopbackFactor is by how much a limit is higher for loopback, where everybody comes from one address.
const LoopbackFactor = 10

// Network is what an address counts as: its IPv4 /24 or IPv6 /64, since one guesser has at least that many addresses. All
// of loopback is one network. A text that is no address counts as itself.
func Network(ip string) (network string, loopback bool) {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return ip, false
	}
	a = a.Unmap().WithZone("")
	if a.IsLoopback() {
		return "loopback", true
	}
	bits := 24
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return ip, false
	}
	return p.String(), false
}

// TooSoon is the cause of a refusal that time mends.
type TooSoon struct{ Wait time.Duration }

// Error tells how long to wait.
func (t *TooSoon) Error() string { return "try again in " + t.Wait.String() }

// RetryAfter is how many whole seconds a refused caller has to wait; 0 where err says nothing about it.
func RetryAfter(err error) int {
	t, ok := errors.AsType[*TooSoon](err)
	if !ok {
		return 0
	}
	return int((t.Wait + time.Second - 1) / time.Second)
}

// key is a hash, so that what a caller sends takes no more room than anything else.
type key [16]byte

func keyOf(text string) key {
	sum := sha256.Sum256([]byte(text))
	return key(sum[:16])
}

type window struct {
	from time.Time
	n    int
}

// Windows count events in windows of time that begin with the first event of each key. Two generations bound the memory;
// one takes about 5 MB when it is full. It is safe for concurrent use.
type Windows struct {
	length     time.Duration
	mu         sync.Mutex
	young, old map[key]window
}

const generation = 1 << 16

// New returns windows of that length.
func New(length time.Duration) *Windows { return &Windows{length: length, young: map[key]window{}} }

// Count adds to what the name has caused, in a new window where the last is over, and returns the sum and how long the
// window still lasts. Adding 0 only looks.
func (w *Windows) Count(name string, now time.Time, add int) (n int, left time.Duration) {
	k := keyOf(name)
	w.mu.Lock()
	defer w.mu.Unlock()
	have, ok := w.young[k]
	if !ok {
		have, ok = w.old[k]
	}
	if age := now.Sub(have.from); !ok || age >= w.length || age < 0 {
		have = window{from: now}
	}
	have.n += add
	if have.n > 0 {
		w.young[k] = have
		if len(w.young) >= generation {
			w.old, w.young = w.young, make(map[key]window, generation/4)
		}
	}
	return have.n, w.length - now.Sub(have.from)
}

// Len is how many names are remembered.
func (w *Windows) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.young) + len(w.old)
}
