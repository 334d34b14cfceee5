package org_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

func TestThrottle(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	fresh := func() *org.Throttle {
		return org.NewThrottle(org.LoginLimits{UserPerHour: 5, FailuresPerMinute: 3}, func() time.Time { return now })
	}
	refused := func(err error, code fault.Code, wait int) {
		t.Helper()
		if fault.CodeOf(err) != code || fault.KindOf(err) != fault.Limited || org.RetryAfter(err) != wait {
			t.Errorf("got %v, wait %d; want %s, wait %d", err, org.RetryAfter(err), code, wait)
		}
	}
	allowed := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}

	right := func() error { return nil }
	wrong := fault.New(fault.Unauthenticated, org.CodeBadCredentials, "wrong")
	guess := func(th *org.Throttle, name, ip string, outcome error) error {
		err := th.Guard(t.Context(), name, ip, func() error { return outcome })
		if outcome != nil && err == outcome {
			return nil
		}
		return err
	}
	ask := func(th *org.Throttle, name, ip string) error { return th.Guard(t.Context(), name, ip, right) }

	th := fresh()
	for i := range 5 { // one name in any spelling, from anywhere
		allowed(ask(th, []string{"Admin@x.example", "ADMIN@X.EXAMPLE"}[i%2], fmt.Sprintf("10.%d.0.1", i)))
	}
	refused(ask(th, "admin@x.example", "10.9.0.1"), org.CodeUserRate, 3600)
	allowed(ask(th, "other@x.example", "10.9.0.1"))
	now = now.Add(59*time.Minute + 59500*time.Millisecond)
	refused(ask(th, "admin@x.example", "10.9.0.1"), org.CodeUserRate, 1)
	now = now.Add(500 * time.Millisecond)
	allowed(ask(th, "admin@x.example", "10.9.0.1"))

	for _, c := range []struct{ one, same, other string }{
		{"192.0.2.1", "192.0.2.200", "192.0.3.1"},
		{"::ffff:192.0.2.1", "192.0.2.9", "192.0.3.1"},
		{"2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"},
		{"nonsense", "nonsense", "other"},
	} {
		th := fresh()
		for i := range 3 {
			allowed(ask(th, fmt.Sprint(i), c.one)) // who is right costs nothing
			allowed(guess(th, fmt.Sprint(i), c.one, wrong))
		}
		refused(ask(th, "somebody", c.same), org.CodeAddressRate, 60)
		allowed(ask(th, "somebody", c.other))
		now = now.Add(time.Minute)
		allowed(ask(th, "somebody", c.same))
	}

	th = fresh()
	for i := range 29 { // everybody on this machine is one address
		allowed(guess(th, fmt.Sprint(i), "127.0.0.1", fault.New(fault.NotFound, org.CodeUserCode, "wrong")))
	}
	allowed(ask(th, "somebody", "::1"))
	allowed(th.Spend(t.Context(), "127.0.0.9"))
	refused(ask(th, "somebody", "127.0.0.1"), org.CodeAddressRate, 60)
}

// A flood of names does not grow the table without end, and what came last is still counted.
func TestThrottleIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	th := org.NewThrottle(org.LoginLimits{UserPerHour: 1}, func() time.Time { return now })
	for i := range 300_000 {
		_ = th.Guard(context.Background(), fmt.Sprint(i), "10.0.0.1", func() error { return nil })
	}
	if err := th.Guard(t.Context(), "299999", "10.0.0.1", func() error { return nil }); fault.CodeOf(err) != org.CodeUserRate {
		t.Errorf("the last name was forgotten: %v", err)
	}
	if n := th.Counted(); n > 1<<17 {
		t.Errorf("%d names are remembered", n)
	}
}
