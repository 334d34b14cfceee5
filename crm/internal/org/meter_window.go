package org

import (
	"context"
	"sync"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// meterWindow is one allowance of one org, as this process knows it. While a lease is under way (filling), callers who need
// it wait for its end, and those who have what they need go on.
type meterWindow struct {
	meter *Meter
	key   meterKey

	mu      sync.Mutex
	minute  int64 // of the lease; 0 before the first
	held    int64 // calls of minute that this process may make or has made; as many are written down, or more
	used    int64 // of them
	total   int64 // of the whole window as of the last lease, held included
	max     int64
	behind  bool // more may be written down than held
	touched bool // since the last tick

	filling chan struct{} // closed when the lease under way is done; nil where none is
	waiting int64         // calls that its waiters want
	failed  error         // of the last lease
	refused time.Time     // machine time until which the allowance is known to be used up
	exempt  map[ID]bool   // whether an app is, of those seen
}

func (w *meterWindow) reading() Reading {
	return Reading{Used: w.total - (w.held - w.used), Max: w.max}
}

// current reports whether the lease is good for a call in the minute; a caller may have read his clock a little before.
func (w *meterWindow) current(minute int64) bool {
	return w.minute >= minute && w.minute-minute <= MeterSkew
}

// due reports whether the tick has work here: something to give back that nobody wants, or, where others share the
// database, what they should know of; and whether it was used since the last tick.
func (w *meterWindow) due(shared bool) (due, touched bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	touched = w.touched
	w.touched = false
	return w.filling == nil && (shared && touched || !touched && (w.held > w.used || w.behind)), touched
}

func (w *meterWindow) holds() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.held > w.used || w.behind
}

func limitExceeded() error {
	return fault.New(fault.Limited, CodeRequestLimit, "TotalRequests Limit exceeded.")
}

// take uses n calls of the lease, and gets a new one where that is too small.
func (w *meterWindow) take(ctx context.Context, minute, n int64) (Reading, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.touched = true
	for asked := false; ; asked = true {
		if w.current(minute) && w.held-w.used >= n {
			w.used += n
			if w.held-w.used < leaseAhead && w.filling == nil && w.total+LeaseNear <= w.max {
				w.fill(minute, leaseMore)
			}
			return w.reading(), nil
		}
		if w.current(minute) && w.meter.clock.Machine().Before(w.refused) {
			return w.reading(), limitExceeded()
		}
		if asked && w.failed != nil {
			return w.reading(), w.failed
		}
		w.waiting += n
		err := w.wait(ctx, minute, leaseMore)
		w.waiting -= n
		if err != nil {
			return Reading{}, err
		}
	}
}

// peek tells how the window stands without using anything.
func (w *meterWindow) peek(ctx context.Context, minute int64) (Reading, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.touched = true
	// The lease under way may be of another minute; one begun after it is of this one, or of a neighbour's who came first.
	for try := 0; !w.current(minute); try++ {
		if try > 0 && w.failed != nil || try == peekTries {
			return w.reading(), w.failed
		}
		if err := w.wait(ctx, minute, leaseNone); err != nil {
			return Reading{}, err
		}
	}
	return w.reading(), nil
}

// peekTries bounds how often a peek waits while the org's clock is moved about; the reading is then a moment's old.
const peekTries = 5

// refresh gives back what is unused and not waited for, and reads the window anew.
func (w *meterWindow) refresh(ctx context.Context, minute int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.filling != nil { // it began before what this caller wants to see
		if err := w.wait(ctx, minute, leaseNone); err != nil {
			return err
		}
	}
	if err := w.wait(ctx, minute, leaseBack); err != nil {
		return err
	}
	return w.failed
}

// wait waits for a lease: the one under way, or a new one. Called and left with mu locked.
func (w *meterWindow) wait(ctx context.Context, minute int64, what leaseKind) error {
	if w.filling == nil {
		w.fill(minute, what)
	}
	done := w.filling
	w.mu.Unlock()
	defer w.mu.Lock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leaseKind is what a lease is for.
type leaseKind int

const (
	leaseMore leaseKind = iota // calls
	leaseNone                  // to know how the window stands
	leaseBack                  // to give back what is unused
)

// fill starts a lease in a goroutine of its own, because more callers may depend on it than the one who started it.
// Called with mu locked and no lease under way.
func (w *meterWindow) fill(minute int64, what leaseKind) {
	r := LeaseRequest{Org: w.key.org, Allowance: w.key.allowance, Process: w.meter.process, Minute: minute, Moved: !w.current(minute), Max: w.max, Recount: w.behind}
	if !r.Moved {
		r.Minute = w.minute
	}
	if r.Moved || what == leaseBack {
		// Nothing more is used of what is given back, whether that succeeds or not.
		if unused := w.held - w.used; unused > 0 {
			w.held, w.total, w.behind = w.used, w.total-unused, true
		}
		r.Recount = true
	}
	if !r.Moved {
		r.Held = w.held
	} else if w.behind {
		r.SettleMinute, r.Settled = w.minute, w.used
	}
	unused := w.held - w.used
	r.Need = max(0, w.waiting-unused)
	if w.key.allowance == AllowanceRequests { // waiters beyond a block come again; a spender needs all at once
		r.Need = min(r.Need, leaseBlock-unused)
	}
	r.Want = r.Need
	if what == leaseMore {
		r.Want = max(leaseBlock-unused, r.Need)
	}
	done := make(chan struct{})
	w.filling = done
	w.meter.leases.Go(func() { w.lease(r, done) })
}

// lease asks the store and takes in its answer.
func (w *meterWindow) lease(r LeaseRequest, done chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), leaseTimeout)
	defer cancel()
	var l Lease
	var err error
	if r.Recount || r.Max == 0 { // at least once a minute
		r.Max, err = w.meter.limit(ctx, w.key)
	}
	if err == nil {
		l, err = w.meter.store.Lease(ctx, r)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	defer close(done)
	w.filling, w.failed = nil, err
	if err != nil {
		w.behind = w.behind || w.minute != 0 && !r.Moved
		return
	}
	w.max, w.total, w.behind = r.Max, l.Total, false
	if r.Moved {
		w.minute, w.used, w.held = r.Minute, l.Had, l.Had
	}
	w.held += l.Granted
	w.refused = time.Time{}
	if r.Need > 0 && l.Granted == 0 {
		w.refused = w.meter.clock.Machine().Add(refusalLife)
	}
}

// limit is how much the allowance is.
func (m *Meter) limit(ctx context.Context, k meterKey) (int64, error) {
	switch k.allowance {
	case AllowanceBulkBatches:
		return bulkBatchesADay, nil
	case AllowanceBulkQueries:
		return bulkQueriesADay, nil
	case AllowanceBulkRows:
		return bulkRowsADay, nil
	}
	return m.store.DailyRequests(ctx, k.org)
}
