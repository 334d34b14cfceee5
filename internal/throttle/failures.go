package throttle

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of refusals.
const (
	// CodeNetwork: too many guesses from the caller's network were wrong. A Limited fault, whose cause is a [TooSoon].
	CodeNetwork fault.Code = "address_login_rate"
	// CodeBusy: others of the same network or name are being decided, and that takes long. An Unavailable fault.
	CodeBusy fault.Code = "throttle_busy"
)

var errBusy = fault.New(fault.Unavailable, CodeBusy, "The server is busy. Please try again.")

// maxWait is how long a guess waits for others before the answer is "busy" (LG-10 of the security reference).
const maxWait = 2 * time.Second

// maxWaiting bounds the guesses of one network that wait.
const maxWaiting = 1000

// Failures bound how many guesses of one network are wrong in a minute, whomever they are about. A guess takes one of the
// places before anything is hashed or compared, and gives it back when it was right; while those under way could use up
// the rest, others wait for them. So a burst gets no more answers than a row, and whoever is right is not refused for
// coming together with others. A nil one bounds nothing. It is safe for concurrent use.
type Failures struct {
	machine func() time.Time
	limit   int
	windows *Windows

	mu      sync.Mutex
	flights map[string]*flight
}

// flight is what goes on of one network.
type flight struct {
	n       int          // under way
	waiting []chan error // in turn; each hears nil, or why not
}

// NewFailures returns Failures of which limit, at least 1, are let through in each minute of machine time (nil is
// time.Now), and LoopbackFactor times that from loopback.
func NewFailures(limit int, machine func() time.Time) *Failures {
	if machine == nil {
		machine = time.Now
	}
	return &Failures{machine: machine, limit: max(1, limit), windows: New(time.Minute), flights: map[string]*flight{}}
}

// Do runs do, unless too many of the address's network were wrong of late: then it returns a fault with CodeNetwork, and
// one with CodeBusy where those before it take long. wrong says which of do's errors are those of a wrong guess.
func (f *Failures) Do(ctx context.Context, ip string, do func() error, wrong func(error) bool) error {
	if f == nil {
		return do()
	}
	network, limit := f.of(ip)
	if err := f.enter(ctx, network, limit); err != nil {
		return err
	}
	failed := false
	defer func() { f.leave(network, limit, failed) }()
	err := do()
	failed = err != nil && wrong(err)
	return err
}

// Spend counts what is bounded whether it comes out right or not; refusals are those of Do.
func (f *Failures) Spend(ctx context.Context, ip string) error {
	if f == nil {
		return nil
	}
	network, limit := f.of(ip)
	err := f.enter(ctx, network, limit)
	if err == nil {
		f.leave(network, limit, true)
	}
	return err
}

func (f *Failures) of(ip string) (network string, limit int) {
	network, loopback := Network(ip)
	if loopback {
		return network, f.limit * LoopbackFactor
	}
	return network, f.limit
}

// enter takes a place for one more that may be wrong.
func (f *Failures) enter(ctx context.Context, network string, limit int) error {
	f.mu.Lock()
	wrong, left := f.windows.Count(network, f.machine(), 0)
	if wrong >= limit {
		f.mu.Unlock()
		return tooMany(left)
	}
	here := f.flights[network]
	if here == nil {
		here = &flight{}
		f.flights[network] = here
	}
	if wrong+here.n < limit && len(here.waiting) == 0 {
		here.n++
		f.mu.Unlock()
		return nil
	}
	if len(here.waiting) >= maxWaiting {
		f.mu.Unlock()
		return errBusy
	}
	told := make(chan error, 1)
	here.waiting = append(here.waiting, told)
	f.mu.Unlock()

	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	var err error
	select {
	case err := <-told:
		return err
	case <-timer.C:
		err = errBusy
	case <-ctx.Done():
		err = ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := slices.Index(here.waiting, told); i >= 0 {
		here.waiting = slices.Delete(here.waiting, i, i+1)
		return err
	}
	return <-told // told at this very moment
}

// leave ends one that entered, and lets those in who waited for it.
func (f *Failures) leave(network string, limit int, failed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	add := 0
	if failed {
		add = 1
	}
	wrong, left := f.windows.Count(network, f.machine(), add)
	here := f.flights[network]
	here.n--
	for len(here.waiting) > 0 && (wrong >= limit || wrong+here.n < limit) {
		told := here.waiting[0]
		here.waiting = slices.Delete(here.waiting, 0, 1)
		if wrong >= limit {
			told <- tooMany(left)
			continue
		}
		here.n++
		told <- nil
	}
	if here.n == 0 && len(here.waiting) == 0 {
		delete(f.flights, network)
	}
}

func tooMany(wait time.Duration) error {
	return fault.Wrap(&TooSoon{Wait: wait}, fault.Limited, CodeNetwork, "Too many logins from your network have failed. Please wait a minute.")
}

// Turns let one guess about a name be decided at a time, whether anybody has the name or not: a burst gets no more tries
// than the limit of wrong ones, and neither its end nor a refusal tells who exists. The zero value is ready; it is safe
// for concurrent use.
type Turns struct {
	mu      sync.Mutex
	waiting map[string]*turn
}

type turn struct {
	held chan struct{} // full while somebody has it
	n    int           // holders and waiters
}

// Take waits for the name's turn, for two seconds at most; then it returns a fault with CodeBusy. The caller calls done
// when his guess is decided.
func (t *Turns) Take(ctx context.Context, name string) (done func(), err error) {
	t.mu.Lock()
	w := t.waiting[name]
	if w == nil {
		if t.waiting == nil {
			t.waiting = map[string]*turn{}
		}
		w = &turn{held: make(chan struct{}, 1)}
		t.waiting[name] = w
	}
	w.n++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if w.n--; w.n == 0 {
			delete(t.waiting, name)
		}
	}
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	select {
	case w.held <- struct{}{}:
		return func() { <-w.held; leave() }, nil
	case <-timer.C:
		leave()
		return nil, errBusy
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
