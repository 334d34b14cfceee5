package link

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestCacheFetchesOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache[int](10)
		var fetches atomic.Int32
		gate := make(chan struct{})
		fetch := func(context.Context) (int, time.Time, error) {
			<-gate
			return int(fetches.Add(1)), time.Now().Add(time.Minute), nil
		}
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if v, err := c.get(t.Context(), "k", time.Now(), fetch); v != 1 || err != nil {
					t.Errorf("%d, %v", v, err)
				}
			})
		}
		synctest.Wait() // all fifty wait for the one fetch
		close(gate)
		wg.Wait()
		if v, err := c.get(t.Context(), "k", time.Now().Add(59*time.Second), fetch); v != 1 || err != nil {
			t.Errorf("before its end: %d, %v", v, err)
		}
		if v, err := c.get(t.Context(), "k", time.Now().Add(time.Minute), fetch); v != 2 || err != nil {
			t.Errorf("at its end: %d, %v", v, err)
		}
	})
}

// TestCacheOneCallerGoes: a caller who gives up does not end the fetch that others wait for.
func TestCacheOneCallerGoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache[int](10)
		gate := make(chan struct{})
		fetch := func(ctx context.Context) (int, time.Time, error) {
			<-gate
			return 7, time.Now().Add(time.Minute), ctx.Err()
		}
		first, cancel := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() {
			_, err := c.get(first, "k", time.Now(), fetch)
			gone <- err
		}()
		synctest.Wait()
		stays := make(chan int, 1)
		go func() {
			v, err := c.get(t.Context(), "k", time.Now(), fetch)
			if err != nil {
				t.Error(err)
			}
			stays <- v
		}()
		synctest.Wait()
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("the caller who went got %v", err)
		}
		close(gate)
		if v := <-stays; v != 7 {
			t.Errorf("the caller who stayed got %d", v)
		}
	})
}

func TestCacheForgets(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := newCache[int](3)
	value := func(v int, life time.Duration) func(context.Context) (int, time.Time, error) {
		return func(context.Context) (int, time.Time, error) { return v, now.Add(life), nil }
	}
	must := func(key string, fetch func(context.Context) (int, time.Time, error), want int) {
		t.Helper()
		if v, err := c.get(t.Context(), key, now, fetch); v != want || err != nil {
			t.Fatalf("%s: %d, %v", key, v, err)
		}
	}
	failed := errors.New("no")
	if _, err := c.get(t.Context(), "k", now, func(context.Context) (int, time.Time, error) { return 0, now, failed }); !errors.Is(err, failed) {
		t.Fatal(err)
	}
	must("k", value(1, time.Minute), 1) // an error is not kept
	c.drop("k", func(v int) bool { return v == 2 })
	must("k", value(3, time.Minute), 1) // somebody else's value stays
	c.drop("k", func(v int) bool { return v == 1 })
	must("k", value(3, time.Minute), 3)
	must("short", value(4, 0), 4)
	for i := range 20 {
		must(fmt.Sprint(i), value(i, time.Minute), i)
		if len(c.items) > 3 {
			t.Fatalf("%d values are kept, want 3 at most", len(c.items))
		}
	}
}
