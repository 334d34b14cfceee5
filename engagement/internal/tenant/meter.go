package tenant

import (
	"sync"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of calls that come too often (engagement-wire 4, rate limits).
const (
	// CodeRateLimited: an API call beyond the tenant's setting; it may be tried again in a few seconds.
	CodeRateLimited fault.Code = "rate_limited"
	// CodeBlocked: a token request beyond it.
	CodeBlocked fault.Code = "temporarily_blocked"
)

// RateRetrySeconds is what a refused call is told to wait.
const RateRetrySeconds = 5

var (
	errRateLimited = fault.New(fault.Limited, CodeRateLimited, "Rate limit exceeded")
	errBlocked     = fault.New(fault.Limited, CodeBlocked, "Your requests are temporarily blocked.")
)

// What a server-to-server package may have of tokens where the tenant's settings say nothing: far more than a client that
// keeps its tokens needs, and a bound for one that does not (CL-16 of the security reference).
const (
	TokenBudget       = 4000
	TokenBudgetWindow = 20 * time.Minute
)

// maxMetered bounds the callers that are counted in one window; beyond it counting begins anew.
const maxMetered = 100_000

// Meter counts calls in each window of machine time. Each process counts its own.
type Meter struct {
	machine clock.Machine
	seconds int64 // of a window
	mu      sync.Mutex
	window  int64
	calls   map[string]int
}

// NewMeter returns a meter of windows so long, of at least a second, on machine time; time.Now where machine is nil.
func NewMeter(machine clock.Machine, window time.Duration) *Meter {
	if machine == nil {
		machine = time.Now
	}
	return &Meter{machine: machine, seconds: max(1, int64(window/time.Second)), calls: map[string]int{}}
}

// Take counts a call of the caller and reports whether it is within so many a window; a limit of 0 is none. A nil meter
// lets all through.
func (m *Meter) Take(caller string, limit int) bool {
	if m == nil || limit <= 0 {
		return true
	}
	window := m.machine().Unix() / m.seconds
	m.mu.Lock()
	defer m.mu.Unlock()
	if window != m.window || len(m.calls) >= maxMetered {
		m.window = window
		clear(m.calls)
	}
	if m.calls[caller] >= limit {
		return false
	}
	m.calls[caller]++
	return true
}
