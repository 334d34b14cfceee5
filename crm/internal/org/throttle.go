package org

import (
	"crypto/sha256"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// LoginLimits bound logins by password before any password is hashed. The zero value has the defaults.
type LoginLimits struct {
	// UserPerHour is how many logins one user name gets in an hour; 3,600 where it is 0 (crm-wire 1.6).
	UserPerHour int
	// FailuresPerMinute is how many wrong passwords one network gets in a minute, whosever they are: an IPv4 /24 or an
	// IPv6 /64. 30 where it is 0, and ten times that for loopback, where everybody comes from one address.
	FailuresPerMinute int
}

// Defaults of LoginLimits.
const (
	defaultUserPerHour       = 3600
	defaultFailuresPerMinute = 30
	loopbackFactor           = 10
)

// Codes of refusals that come before a password is looked at.
const (
	CodeUserRate    fault.Code = "user_login_rate"    // of the user name, whether there is such a user or not
	CodeAddressRate fault.Code = "address_login_rate" // of the caller's network
)

// tooSoon is the cause of a refusal that time mends.
type tooSoon struct{ wait time.Duration }

func (t *tooSoon) Error() string { return "try again in " + t.wait.String() }

// RetryAfter is how many whole seconds a refused login has to wait; 0 where err says nothing about it.
func RetryAfter(err error) int {
	t, ok := errors.AsType[*tooSoon](err)
	if !ok {
		return 0
	}
	return int((t.wait + time.Second - 1) / time.Second)
}

// Throttle counts logins by password. It is the process's own: another replica counts anew. Its tables are bounded: whoever
// makes it forget must make a hundred thousand logins from as many places.
type Throttle struct {
	machine   func() time.Time
	limits    LoginLimits
	users     *windows
	addresses *windows
}

// NewThrottle returns a Throttle that counts in machine time.
func NewThrottle(limits LoginLimits, machine func() time.Time) *Throttle {
	if limits.UserPerHour == 0 {
		limits.UserPerHour = defaultUserPerHour
	}
	if limits.FailuresPerMinute == 0 {
		limits.FailuresPerMinute = defaultFailuresPerMinute
	}
	return &Throttle{machine: machine, limits: limits, users: newWindows(time.Hour), addresses: newWindows(time.Minute)}
}

// Allow counts a login of the user name and refuses it where there were too many, or where too many failed from the same
// network: a Limited fault with CodeUserRate or CodeAddressRate, the same for names that nobody has.
func (t *Throttle) Allow(username, ip string) error {
	now := t.machine()
	network, limit := t.network(ip)
	if n, wait := t.addresses.count(network, now, 0); n >= limit {
		return fault.Wrap(&tooSoon{wait}, fault.Limited, CodeAddressRate, "Too many logins from your network have failed. Please wait a minute.")
	}
	if n, wait := t.users.count(keyOf(Fold(username)), now, 1); n > t.limits.UserPerHour {
		return fault.Wrap(&tooSoon{wait}, fault.Limited, CodeUserRate, "number of logins exceeded")
	}
	return nil
}

// Failed counts a wrong password from the address.
func (t *Throttle) Failed(ip string) {
	network, _ := t.network(ip)
	t.addresses.count(network, t.machine(), 1)
}

func (t *Throttle) network(ip string) (key windowKey, limit int) {
	limit = t.limits.FailuresPerMinute
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return keyOf(ip), limit
	}
	a = a.Unmap().WithZone("")
	if a.IsLoopback() {
		return keyOf("loopback"), limit * loopbackFactor
	}
	bits := 24
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return keyOf(ip), limit
	}
	return keyOf(p.String()), limit
}

// windowKey is a hash, so that what a caller sends takes no more room than anything else.
type windowKey [16]byte

func keyOf(text string) windowKey {
	sum := sha256.Sum256([]byte(text))
	return windowKey(sum[:16])
}

type window struct {
	from time.Time
	n    int
}

// windows count events by key in windows of time that begin with the first event. Two generations bound the memory, as in
// cache; one takes about 5 MB when it is full.
type windows struct {
	length     time.Duration
	mu         sync.Mutex
	young, old map[windowKey]window
}

const windowsSize = 1 << 16

func newWindows(length time.Duration) *windows {
	return &windows{length: length, young: map[windowKey]window{}}
}

// count adds to the key's window, a new one where the last is over, and returns the sum and when the window ends.
func (w *windows) count(key windowKey, now time.Time, add int) (n int, left time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	have, ok := w.young[key]
	if !ok {
		have, ok = w.old[key]
	}
	if age := now.Sub(have.from); !ok || age >= w.length || age < 0 {
		have = window{from: now}
	}
	have.n += add
	if have.n > 0 {
		w.young[key] = have
		if len(w.young) >= windowsSize {
			w.old, w.young = w.young, make(map[windowKey]window, windowsSize/4)
		}
	}
	return have.n, w.length - now.Sub(have.from)
}

// Counted is how many user names are remembered.
func (t *Throttle) Counted() int {
	t.users.mu.Lock()
	defer t.users.mu.Unlock()
	return len(t.users.young) + len(t.users.old)
}
