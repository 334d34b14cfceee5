// Package clock keeps Twinspan's two times apart.
//
// Machine time (time.Now) runs leases, timeouts, back-off and rate limiters; nothing moves it. Domain time decides
// expiry, lockout, schedules and windows; each pair of clouds has its own, which is machine time plus an offset
// that an operator can move. A house keeps the offsets in its database and mirrors them into a [Domain], so that
// asking for the time costs no query.
package clock

import (
	"sync"
	"time"
)

// Machine tells machine time. It is time.Now outside tests.
type Machine func() time.Time

// Domain tells domain time for many keys (an org id, an enterprise id, a connection id). The zero value is not
// usable; call [NewDomain]. It is safe for concurrent use.
type Domain struct {
	machine Machine
	mu      sync.RWMutex
	offsets map[string]time.Duration
}

// NewDomain returns a Domain on machine time, time.Now where machine is nil. All offsets are zero.
func NewDomain(machine Machine) *Domain {
	if machine == nil {
		machine = time.Now
	}
	return &Domain{machine: machine, offsets: map[string]time.Duration{}}
}

// Now is the domain time of key, in UTC, cut to whole milliseconds as the databases keep it.
func (d *Domain) Now(key string) time.Time {
	d.mu.RLock()
	off := d.offsets[key]
	d.mu.RUnlock()
	return d.machine().Add(off).UTC().Truncate(time.Millisecond)
}

// Offset is how far key's domain time is ahead of machine time.
func (d *Domain) Offset(key string) time.Duration {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.offsets[key]
}

// Set gives key an offset; zero forgets the key.
func (d *Domain) Set(key string, offset time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if offset == 0 {
		delete(d.offsets, key)
		return
	}
	d.offsets[key] = offset
}

// Replace takes a whole new set of offsets, as read from the database.
func (d *Domain) Replace(offsets map[string]time.Duration) {
	fresh := make(map[string]time.Duration, len(offsets))
	for k, v := range offsets {
		if v != 0 {
			fresh[k] = v
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.offsets = fresh
}

// Machine is machine time: for leases, timeouts and back-off alone.
func (d *Domain) Machine() time.Time { return d.machine() }
