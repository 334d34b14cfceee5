// Package control is what operators of the program do to an org from outside its APIs: make one, and move its time. It
// also keeps the house in order: it follows clocks that other processes moved, and deletes what has long expired.
package control

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/background"
	"github.com/twinspan/twinspan/internal/clock"
)

// Control makes orgs and moves their clocks. Fill in the fields; Start before serving.
type Control struct {
	Store   *sqlstore.Store
	Records *org.Records
	Clock   *clock.Domain
	Changes org.Changes
	Log     *slog.Logger

	history sqlstore.HistoryPlace // how far the sweep has come

	keeping background.Work
	mu      sync.Mutex // orders changes of the clock in this process with the readings of follow
}

const (
	// clockPoll is how often the clocks are read where another process may move them: within a second everybody has the
	// same time (DESIGN 5.1).
	clockPoll = 400 * time.Millisecond
	// purgePoll is how often what has expired is deleted: a batch in each transaction, and so many batches at most.
	purgePoll    = time.Minute
	purgeBatch   = 200
	purgeBatches = 500
	// historyBatches is how many batches of Login History are looked at each time; the next time goes on from there.
	historyBatches = 50
)

// Start reads the clocks and begins the work that goes on until Stop: deleting what has expired, and reading the clocks
// again where other processes share the database.
func (c *Control) Start(ctx context.Context) error {
	if err := c.readClocks(ctx); err != nil {
		return err
	}
	c.keeping.Every(ctx, purgePoll, c.Log, "what has expired cannot be deleted", c.purge)
	if c.Store.Shared() {
		c.keeping.Every(ctx, clockPoll, c.Log, "the orgs' clocks cannot be read; going on with the last ones", c.readClocks)
	}
	return nil
}

// Stop ends what Start began; a second Stop does nothing.
func (c *Control) Stop() { c.keeping.Stop() }

// purge deletes what nobody can use any more, in small transactions.
func (c *Control) purge(ctx context.Context) error {
	for range purgeBatches {
		n, err := c.Store.Purge(ctx, c.Clock.Machine(), purgeBatch)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	for range historyBatches {
		var err error
		if c.history, _, err = c.Store.PurgeHistory(ctx, c.history, purgeBatch); err != nil || c.history == (sqlstore.HistoryPlace{}) {
			return err
		}
	}
	return nil
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
