package tenant

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/throttle"
)

// CodeAddressRate: too many logins, or token requests, from the caller's network have failed.
const CodeAddressRate fault.Code = "address_login_rate"

// failuresPerMinute is how many wrong passwords, and how many token requests with wrong credentials, one network gets in
// a minute of machine time, whosever they are.
const failuresPerMinute = 30

// Failures counts what went wrong from each network, and refuses more of it before a password is hashed or a secret
// compared. A nil one refuses nothing. Calls from inside the program, which have no address, are not counted.
type Failures struct {
	machine clock.Machine
	windows *throttle.Windows
	limit   int
}

// NewFailures counts on machine time, time.Now where machine is nil.
func NewFailures(machine clock.Machine) *Failures {
	if machine == nil {
		machine = time.Now
	}
	return &Failures{machine: machine, windows: throttle.New(time.Minute), limit: failuresPerMinute}
}

// of is what the caller's address counts as, and the limit for it.
func (f *Failures) of(ctx context.Context) (network string, limit int, counted bool) {
	from := AddressOf(ctx)
	if f == nil || !from.IsValid() {
		return "", 0, false
	}
	network, loopback := throttle.Network(from.String())
	if loopback {
		return network, f.limit * throttle.LoopbackFactor, true
	}
	return network, f.limit, true
}

// Allow refuses the caller where too much from his network went wrong in the last minute: a Limited fault with
// CodeAddressRate, whomever he asks for.
func (f *Failures) Allow(ctx context.Context) error {
	network, limit, counted := f.of(ctx)
	if !counted {
		return nil
	}
	if n, wait := f.windows.Count(network, f.machine(), 0); n >= limit {
		return fault.Wrap(&throttle.TooSoon{Wait: wait}, fault.Limited, CodeAddressRate, "Too many logins from your network have failed. Please wait a minute.")
	}
	return nil
}

// Failed counts a failure of the caller's network.
func (f *Failures) Failed(ctx context.Context) {
	if network, _, counted := f.of(ctx); counted {
		f.windows.Count(network, f.machine(), 1)
	}
}
