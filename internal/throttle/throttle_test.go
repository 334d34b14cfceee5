package throttle_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/throttle"
)

func TestNetwork(t *testing.T) {
	t.Parallel()
	for ip, want := range map[string]string{
		"203.0.113.9": "203.0.113.0/24", "::ffff:203.0.113.200": "203.0.113.0/24", "2001:db8:1:2:3::4": "2001:db8:1:2::/64",
		"127.0.0.9": "loopback", "::1": "loopback", "fe80::1%eth0": "fe80::/64", "": "", "somebody": "somebody",
	} {
		if got, loopback := throttle.Network(ip); got != want || loopback != (want == "loopback") {
			t.Errorf("%s: %s, %v", ip, got, loopback)
		}
	}
}

func TestWindows(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := throttle.New(time.Minute)
	for i := 1; i <= 3; i++ {
		if n, left := w.Count("a", now.Add(time.Duration(i)*10*time.Second), 1); n != i || left != time.Minute-time.Duration(i-1)*10*time.Second {
			t.Errorf("%d: %d, %s", i, n, left)
		}
	}
	if n, _ := w.Count("b", now, 0); n != 0 || w.Len() != 1 {
		t.Errorf("looking counts: %d, %d", n, w.Len())
	}
	if n, _ := w.Count("a", now.Add(70*time.Second), 1); n != 1 {
		t.Errorf("the window did not end: %d", n)
	}
	for i := range 400_000 {
		w.Count(fmt.Sprint(i), now.Add(71*time.Second), 1)
	}
	if w.Len() > 200_000 {
		t.Errorf("%d names are remembered", w.Len())
	}
	if n, _ := w.Count("399999", now.Add(72*time.Second), 0); n != 1 {
		t.Error("the last was forgotten")
	}
	if s := throttle.RetryAfter(fmt.Errorf("no: %w", &throttle.TooSoon{Wait: 1500 * time.Millisecond})); s != 2 {
		t.Errorf("wait %d s", s)
	}
}
