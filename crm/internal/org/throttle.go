package org

import (
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/throttle"
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
)

// Codes of refusals that come before a password is looked at.
const (
	CodeUserRate    fault.Code = "user_login_rate"    // of the user name, whether there is such a user or not
	CodeAddressRate fault.Code = "address_login_rate" // of the caller's network
)

// RetryAfter is how many whole seconds a refused login has to wait; 0 where err says nothing about it.
func RetryAfter(err error) int { return throttle.RetryAfter(err) }

// Throttle counts logins by password. It is the process's own: another replica counts anew. Its tables are bounded.
type Throttle struct {
	machine   func() time.Time
	limits    LoginLimits
	users     *throttle.Windows
	addresses *throttle.Windows
}

// NewThrottle returns a Throttle that counts in machine time.
func NewThrottle(limits LoginLimits, machine func() time.Time) *Throttle {
	if limits.UserPerHour == 0 {
		limits.UserPerHour = defaultUserPerHour
	}
	if limits.FailuresPerMinute == 0 {
		limits.FailuresPerMinute = defaultFailuresPerMinute
	}
	return &Throttle{machine: machine, limits: limits, users: throttle.New(time.Hour), addresses: throttle.New(time.Minute)}
}

// Allow counts a login of the user name and refuses it where there were too many, or where too many failed from the same
// network: a Limited fault with CodeUserRate or CodeAddressRate, the same for names that nobody has.
func (t *Throttle) Allow(username, ip string) error {
	now := t.machine()
	network, limit := t.network(ip)
	if n, wait := t.addresses.Count(network, now, 0); n >= limit {
		return fault.Wrap(&throttle.TooSoon{Wait: wait}, fault.Limited, CodeAddressRate, "Too many logins from your network have failed. Please wait a minute.")
	}
	if n, wait := t.users.Count(Fold(username), now, 1); n > t.limits.UserPerHour {
		return fault.Wrap(&throttle.TooSoon{Wait: wait}, fault.Limited, CodeUserRate, "number of logins exceeded")
	}
	return nil
}

// Failed counts a wrong password from the address.
func (t *Throttle) Failed(ip string) {
	network, _ := t.network(ip)
	t.addresses.Count(network, t.machine(), 1)
}

func (t *Throttle) network(ip string) (network string, limit int) {
	network, loopback := throttle.Network(ip)
	if loopback {
		return network, t.limits.FailuresPerMinute * throttle.LoopbackFactor
	}
	return network, t.limits.FailuresPerMinute
}

// Counted is how many user names are remembered.
func (t *Throttle) Counted() int { return t.users.Len() }
