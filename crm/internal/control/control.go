// Package control is what operators of the program do to an org from outside its APIs: make one, and move its time.
package control

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/clock"
)

// Control makes orgs and moves their clocks. Fill in the fields; Start before serving.
type Control struct {
	Store   *sqlstore.Store
	Records *org.Records
	Clock   *clock.Domain
	Changes org.Changes
	Log     *slog.Logger

	stop context.CancelFunc
	done sync.WaitGroup
	mu   sync.Mutex // orders changes of the clock in this process with the readings of follow
}

// clockPoll is how often the clocks are read where another process may move them: within a second everybody has the
// same time (DESIGN 5.1).
const clockPoll = 400 * time.Millisecond

// Start reads the clocks, and where other processes share the database keeps reading them until Stop.
func (c *Control) Start(ctx context.Context) error {
	if err := c.readClocks(ctx); err != nil {
		return err
	}
	if !c.Store.Shared() {
		return nil
	}
	ctx, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	c.done.Go(func() { c.follow(ctx) })
	return nil
}

// Stop ends what Start began; a second Stop does nothing.
func (c *Control) Stop() {
	if c.stop != nil {
		c.stop()
	}
	c.done.Wait()
}

func (c *Control) follow(ctx context.Context) {
	tick := time.NewTicker(clockPoll)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := c.readClocks(ctx)
		if errors.Is(err, context.Canceled) {
			return
		}
		if err != nil && !failing { // once for each outage
			c.Log.Warn("the orgs' clocks cannot be read; going on with the last ones", "error", err)
		}
		failing = err != nil
	}
}

func (c *Control) readClocks(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	offsets, err := c.Store.ClockOffsets(ctx)
	if err != nil {
		return err
	}
	c.Clock.Replace(offsets)
	return nil
}

// SetClock puts the org's domain time ahead of machine time by the offset, in whole milliseconds; behind where it is
// negative. An unknown org is a NotFound fault.
func (c *Control) SetClock(ctx context.Context, orgID org.ID, offset time.Duration) error {
	offset = offset.Truncate(time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.Store.SetClockOffset(ctx, orgID, offset); err != nil {
		return err
	}
	c.Clock.Set(string(orgID), offset)
	return nil
}
