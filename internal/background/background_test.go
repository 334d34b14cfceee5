package background_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinspan/twinspan/internal/background"
)

// Work that fails is tried again each period, and told once an outage.
func TestEvery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var w background.Work
		start, cancel := context.WithCancel(t.Context())
		turns := 0
		w.Every(start, time.Second, slog.New(slog.NewTextHandler(&out, nil)), "the well is dry", func(context.Context) error {
			turns++
			if turns == 4 {
				return nil
			}
			return errors.New("no water")
		})
		cancel() // the end of the start is not the end of the work
		time.Sleep(6500 * time.Millisecond)
		w.Stop()
		w.Stop()
		if turns != 6 {
			t.Errorf("%d turns in 6.5 periods", turns)
		}
		if n := strings.Count(out.String(), `level=WARN msg="the well is dry" error="no water"`); n != 2 {
			t.Errorf("two outages told %d times:\n%s", n, out.String())
		}
	})
}

// Stop ends the work under way by its context, waits for it, and leaves no word of it in the log.
func TestStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		var w background.Work
		var ended atomic.Int32
		for range 2 {
			w.Every(t.Context(), time.Second, log, "stopped", func(ctx context.Context) error {
				<-ctx.Done()
				ended.Add(1)
				return ctx.Err()
			})
		}
		time.Sleep(1500 * time.Millisecond)
		w.Stop()
		if ended.Load() != 2 || out.Len() != 0 {
			t.Errorf("%d ended; the log has %q", ended.Load(), out.String())
		}
		var none background.Work
		none.Stop()
	})
}
