package org_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/clock"
)

// slowMeter is a store whose answer to each lease the test gives; the total is the minute.
type slowMeter struct{ asked, answer chan struct{} }

func (s slowMeter) Lease(_ context.Context, r org.LeaseRequest) (org.Lease, error) {
	s.asked <- struct{}{}
	<-s.answer
	return org.Lease{Total: r.Minute}, nil
}

func (slowMeter) DailyRequests(context.Context, org.ID) (int64, error)          { return 1 << 40, nil }
func (slowMeter) AddUsage(context.Context, []org.UsageHour) error               { return nil }
func (slowMeter) Usage(context.Context, org.ID, int64) ([]org.UsageHour, error) { return nil, nil }

func (slowMeter) Shared() bool { return true }

func (slowMeter) AppByID(_ context.Context, _, _ org.ID) (org.ConnectedApp, error) {
	return org.ConnectedApp{Namespace: org.PackageNamespace}, nil
}

// Who asks in a new minute while a lease of the minute before is under way is told of the new one.
func TestAPeekWaitsForItsOwnMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		domain := clock.NewDomain(func() time.Time { return time.Unix(600, 0) })
		store := slowMeter{asked: make(chan struct{}), answer: make(chan struct{})}
		m := org.NewMeter(store, domain, slog.New(slog.DiscardHandler))
		connector := org.Session{Org: "00D000000000001AAA", App: "0H4000000000001AAA"}
		readings := make([]int64, 2)
		count := func(i int) {
			r, err := m.Count(t.Context(), connector)
			if err != nil {
				t.Errorf("counting: %v", err)
			}
			readings[i] = r.Used
		}
		go count(0)
		<-store.asked
		domain.Set(string(connector.Org), time.Hour)
		go count(1)
		synctest.Wait() // the second caller waits for the first lease
		store.answer <- struct{}{}
		// The first caller may ask again, where the second woke before it and moved the window on.
		done := make(chan struct{})
		go func() {
			for {
				select {
				case <-store.asked:
					store.answer <- struct{}{}
				case <-done:
					return
				}
			}
		}()
		synctest.Wait()
		close(done)
		if readings[0] == 0 || readings[1] != 70 {
			t.Errorf("readings: %v", readings)
		}
	})
}
