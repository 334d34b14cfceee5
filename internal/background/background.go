// Package background does work again and again while a part of the program is open.
package background

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Work is what goes on in the background until Stop. Its zero value has nothing to do.
type Work struct {
	mu   sync.Mutex
	stop []context.CancelFunc
	done sync.WaitGroup
}

// Every does work each period of real time until Stop, with the values of ctx but whatever becomes of it, and never
// twice at a time. What fails is tried again at the next turn; of failures in a row the log has the first, with trouble
// as its message.
func (w *Work) Every(ctx context.Context, period time.Duration, log *slog.Logger, trouble string, work func(context.Context) error) {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stop = append(w.stop, stop)
	w.done.Go(func() {
		tick := time.NewTicker(period)
		defer tick.Stop()
		failing := false
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			err := work(ctx)
			if err != nil && ctx.Err() == nil && !failing {
				log.LogAttrs(ctx, slog.LevelWarn, trouble, slog.Any("error", err))
			}
			failing = err != nil
		}
	})
}

// Stop cancels the context of all work and waits for its end. Nothing may be started afterwards; a second Stop does
// nothing.
func (w *Work) Stop() {
	w.mu.Lock()
	for _, stop := range w.stop {
		stop()
	}
	w.stop = nil
	w.mu.Unlock()
	w.done.Wait()
}
