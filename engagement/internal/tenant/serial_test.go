package tenant_test

import (
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
)

func TestSerials(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_800_000_000_000)
	var mu sync.Mutex
	s := tenant.NewSerials(func() time.Time { mu.Lock(); defer mu.Unlock(); return now })
	last := int64(0)
	for i := range 5000 {
		if i%1000 == 999 {
			now = now.Add(time.Millisecond)
		}
		if i == 3000 {
			now = now.Add(-time.Hour) // the machine's clock is set back
		}
		n := s.Next()
		if n <= last {
			t.Fatalf("%d after %d", n, last)
		}
		last = n
	}
	if s.Next() < tenant.SerialAt(now) {
		t.Fatal("a number is before its time")
	}
	seen := make(chan int64, 8000)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				seen <- s.Next()
			}
		})
	}
	all.Wait()
	close(seen)
	known := map[int64]bool{}
	for n := range seen {
		if known[n] {
			t.Fatalf("%d twice", n)
		}
		known[n] = true
	}
}
