package api_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinspan/twinspan/connect/internal/api"
)

// leases are the ends that the lease of a call was given, by the seconds after its begin.
type leases struct {
	api.Calls
	began time.Time
	ends  map[int]time.Duration
	fails int
}

func (l *leases) RenewCall(_ context.Context, c api.Call) error {
	if l.fails > 0 {
		l.fails--
		return errors.New("the database is away")
	}
	l.ends[int(time.Since(l.began).Seconds())] = time.Until(c.Lease)
	return nil
}

// TestALongCallKeepsItsKey: whoever calls again with the key of a call that runs is told so however long it takes, within five
// minutes; when its process dies, half a minute later another may make the call.
func TestALongCallKeepsItsKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		runs  time.Duration
		fails int
		beats int
		last  int // second of the last
	}{
		"a short one":                   {runs: 2 * time.Second},
		"a long one":                    {runs: 95 * time.Second, beats: 9, last: 90},
		"the database is away for once": {runs: 95 * time.Second, fails: 2, beats: 7, last: 90},
		"one that hangs":                {runs: time.Hour, beats: 29, last: 290},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls := &leases{began: time.Now(), ends: map[int]time.Duration{}, fails: c.fails}
				ctx, away := context.WithCancel(t.Context())
				rest := api.New(api.Options{Calls: calls}).Renew(ctx, api.Call{})
				away() // the caller has gone: the call runs on
				time.Sleep(c.runs)
				rest()
				time.Sleep(time.Minute) // nobody renews it any more
				if len(calls.ends) != c.beats {
					t.Errorf("renewed at %v", calls.ends)
				}
				if end, ok := calls.ends[c.last]; c.beats > 0 && (!ok || end != 30*time.Second) {
					t.Errorf("the last lease ends %v after second %d", end, c.last)
				}
			})
		})
	}
}
