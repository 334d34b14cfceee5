package throttle_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/throttle"
)

var errWrong = errors.New("wrong")

func wrong(err error) bool { return errors.Is(err, errWrong) }

// A burst of guesses gets no more wrong answers than the same guesses one after the other (security LG-04).
func TestFailuresOfABurst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := throttle.NewFailures(5, nil)
		var looked, told, refused atomic.Int64
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				err := f.Do(t.Context(), fmt.Sprintf("192.0.2.%d", i), func() error {
					looked.Add(1)
					time.Sleep(40 * time.Millisecond) // of the bubble's own time
					return errWrong
				}, wrong)
				switch {
				case wrong(err):
					told.Add(1)
				case fault.CodeOf(err) == throttle.CodeNetwork && fault.KindOf(err) == fault.Limited && throttle.RetryAfter(err) == 60:
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if looked.Load() != 5 || told.Load() != 5 || refused.Load() != 95 {
			t.Errorf("%d looked at, %d told, %d refused", looked.Load(), told.Load(), refused.Load())
		}
		if err := f.Do(t.Context(), "198.51.100.1", func() error { return nil }, wrong); err != nil {
			t.Errorf("another network: %v", err)
		}
		time.Sleep(time.Minute)
		if err := f.Do(t.Context(), "192.0.2.1", func() error { return nil }, wrong); err != nil {
			t.Errorf("a minute later: %v", err)
		}
	})
}

// Who is right waits for others and is not refused for their number; what is no guess does not count either.
func TestFailuresOfManyWhoAreRight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := throttle.NewFailures(5, nil)
		other := errors.New("not approved")
		var now, most atomic.Int64
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				err := f.Do(t.Context(), "192.0.2.1", func() error {
					if n := now.Add(1); n > most.Load() {
						most.Store(n)
					}
					time.Sleep(40 * time.Millisecond)
					now.Add(-1)
					if i%2 == 0 {
						return other
					}
					return nil
				}, wrong)
				if err != nil && !errors.Is(err, other) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if most.Load() != 5 {
			t.Errorf("%d at once", most.Load())
		}
		func() {
			defer func() { _ = recover() }()
			_ = f.Do(t.Context(), "192.0.2.1", func() error { panic("x") }, wrong)
		}()
		for range 5 { // all places are free again
			if err := f.Spend(t.Context(), "192.0.2.1"); err != nil {
				t.Error(err)
			}
		}
		if err := f.Spend(t.Context(), "192.0.2.1"); fault.CodeOf(err) != throttle.CodeNetwork {
			t.Errorf("spent: %v", err)
		}
	})
}

// Nobody waits for long, nor after he has gone.
func TestFailuresThatTakeLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := throttle.NewFailures(1, nil)
		release := make(chan struct{})
		var all sync.WaitGroup
		hold := func() error { <-release; return nil }
		all.Go(func() { _ = f.Do(t.Context(), "192.0.2.1", hold, wrong) })
		synctest.Wait()
		gone, leave := context.WithCancel(t.Context())
		all.Go(func() {
			if err := f.Do(gone, "192.0.2.1", hold, wrong); !errors.Is(err, context.Canceled) {
				t.Errorf("who went: %v", err)
			}
		})
		all.Go(func() {
			if err := f.Do(t.Context(), "192.0.2.1", hold, wrong); fault.CodeOf(err) != throttle.CodeBusy || fault.KindOf(err) != fault.Unavailable {
				t.Errorf("who waited: %v", err)
			}
		})
		synctest.Wait()
		leave()
		time.Sleep(3 * time.Second)
		all.Go(func() {
			if err := f.Do(t.Context(), "192.0.2.1", func() error { return nil }, wrong); err != nil {
				t.Errorf("who came last: %v", err)
			}
		})
		synctest.Wait()
		close(release)
		all.Wait()
	})
	var none *throttle.Failures
	if err := none.Do(t.Context(), "192.0.2.1", func() error { return errWrong }, wrong); !wrong(err) || none.Spend(t.Context(), "x") != nil {
		t.Errorf("none bounds: %v", err)
	}
}

// One name's guesses are decided one at a time; other names do not wait for them.
func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var turns throttle.Turns
		first, err := turns.Take(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		other, err := turns.Take(t.Context(), "b")
		if err != nil {
			t.Fatal(err)
		}
		other()
		if _, err := turns.Take(t.Context(), "a"); fault.CodeOf(err) != throttle.CodeBusy {
			t.Errorf("while it is held: %v", err)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, err := turns.Take(gone, "a"); !errors.Is(err, context.Canceled) {
			t.Errorf("who went: %v", err)
		}
		got := make(chan struct{})
		go func() {
			if done, err := turns.Take(t.Context(), "a"); err == nil {
				done()
				close(got)
			}
		}()
		synctest.Wait()
		first()
		<-got
	})
}
