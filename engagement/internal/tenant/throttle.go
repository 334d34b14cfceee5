package tenant

import (
	"context"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/throttle"
)

// CodeAddressRate: too many logins, or token requests, from the caller's network have failed.
const CodeAddressRate = throttle.CodeNetwork

// failuresPerMinute is how many wrong passwords, and how many token requests with wrong credentials, one network gets in
// a minute of machine time, whosever they are.
const failuresPerMinute = 30

// Failures bounds what goes wrong from each network: each attempt is counted before a password is hashed or a secret
// compared, and given back when it was right. A nil one refuses nothing. Calls from inside the program, which have no
// address, are not counted.
type Failures struct{ counted *throttle.Failures }

// NewFailures counts on machine time, time.Now where machine is nil.
func NewFailures(machine clock.Machine) *Failures {
	return &Failures{counted: throttle.NewFailures(failuresPerMinute, machine)}
}

// Do runs do for the caller, unless too much from his network went wrong in the last minute: then it returns a Limited
// fault with CodeAddressRate, whomever he asks for. wrong says which of do's errors are those of a guess.
func (f *Failures) Do(ctx context.Context, do func() error, wrong func(error) bool) error {
	from := AddressOf(ctx)
	if f == nil || !from.IsValid() {
		return do()
	}
	return f.counted.Do(ctx, from.String(), do, wrong)
}
