package org

import (
	"context"
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
	// MailsPerHour is how many links and security tokens one user name can have mailed in an hour; 10 where it is 0.
	MailsPerHour int
}

// Defaults of LoginLimits.
const (
	defaultUserPerHour       = 3600
	defaultFailuresPerMinute = 30
	defaultMailsPerHour      = 10
)

// Codes of refusals that come before a password is looked at.
const (
	CodeUserRate    fault.Code = "user_login_rate"    // of the user name, whether there is such a user or not
	CodeAddressRate            = throttle.CodeNetwork // of the caller's network
	CodeMailRate    fault.Code = "mail_rate"          // of mails to one user, whether there is such a user or not
)

// RetryAfter is how many whole seconds a refused login has to wait; 0 where err says nothing about it.
func RetryAfter(err error) int { return throttle.RetryAfter(err) }

// Throttle counts logins by password. It is the process's own: another replica counts anew. Its tables are bounded.
type Throttle struct {
	machine  func() time.Time
	limits   LoginLimits
	users    *throttle.Windows
	failures *throttle.Failures
	mails    *throttle.Windows
	rows     *throttle.Windows
	// Names that were refused for their own rate, and for that of a network.
	refusedNames, refusedNetworks *throttle.Windows
}

// NewThrottle returns a Throttle that counts in machine time.
func NewThrottle(limits LoginLimits, machine func() time.Time) *Throttle {
	if limits.UserPerHour == 0 {
		limits.UserPerHour = defaultUserPerHour
	}
	if limits.FailuresPerMinute == 0 {
		limits.FailuresPerMinute = defaultFailuresPerMinute
	}
	if limits.MailsPerHour == 0 {
		limits.MailsPerHour = defaultMailsPerHour
	}
	return &Throttle{
		machine: machine, limits: limits, users: throttle.New(time.Hour), failures: throttle.NewFailures(limits.FailuresPerMinute, machine),
		mails: throttle.New(time.Hour), rows: throttle.New(time.Minute), refusedNames: throttle.New(time.Hour), refusedNetworks: throttle.New(time.Minute),
	}
}

// Guard runs what looks at a user's password, link or code. It is counted before it runs, for the user name and for the
// network, and given back to the network unless it was wrong; what is refused is not run: a Limited fault with CodeUserRate
// or CodeAddressRate, the same for names that nobody has. "" limits by the network alone.
func (t *Throttle) Guard(ctx context.Context, username, ip string, do func() error) error {
	return t.failures.Do(ctx, ip, func() error {
		if username != "" {
			if n, wait := t.users.Count(Fold(username), t.machine(), 1); n > t.limits.UserPerHour {
				return fault.Wrap(&throttle.TooSoon{Wait: wait}, fault.Limited, CodeUserRate, "number of logins exceeded")
			}
		}
		return do()
	}, wrongGuess)
}

// wrongGuess reports whether an error is that of a wrong password, link or code.
func wrongGuess(err error) bool {
	switch fault.CodeOf(err) {
	case CodeBadCredentials, CodeInvalidOldPassword, CodeLinkEnded, CodeUserCode:
		return true
	}
	return false
}

// Spend counts what costs the caller's network whether it comes out right or not, and refuses it as Guard does.
func (t *Throttle) Spend(ctx context.Context, ip string) error { return t.failures.Spend(ctx, ip) }

// AllowMail counts a mail that somebody has sent to the user of that name, and refuses it where there were too many: a
// Limited fault with CodeMailRate, the same for names that nobody has.
func (t *Throttle) AllowMail(username string) error {
	if n, wait := t.mails.Count(Fold(username), t.machine(), 1); n > t.limits.MailsPerHour {
		return fault.Wrap(&throttle.TooSoon{Wait: wait}, fault.Limited, CodeMailRate, "Too many mails were asked for. Please wait, and look into your mailbox.")
	}
	return nil
}

// AllowRow counts a login that proved nothing at all, as an assertion with a wrong signature or what is throttled, and reports whether it may
// leave a row in the Login History of the user that it names: as many as logins may fail from that network.
func (t *Throttle) AllowRow(ip string) bool {
	network, limit := t.network(ip)
	n, _ := t.rows.Count(network, t.machine(), 1)
	return n <= limit
}

// FirstRefused reports whether a login that Guard refused with err leaves the row that stands for all of its window: the first
// of the name in an hour, or in the minute of that network, which names as many as AllowRow allows.
func (t *Throttle) FirstRefused(err error, username, ip string) bool {
	switch fault.CodeOf(err) {
	case CodeUserRate:
		n, _ := t.refusedNames.Count(Fold(username), t.machine(), 1)
		return n == 1
	case CodeAddressRate:
		network, _ := t.network(ip)
		n, _ := t.refusedNetworks.Count(network+" "+Fold(username), t.machine(), 1)
		return n == 1 && t.AllowRow(ip)
	}
	return false
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
