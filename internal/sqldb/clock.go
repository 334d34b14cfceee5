package sqldb

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
)

// Clock is machine time as all processes that share a database have it: on PostgreSQL the server's, whatever the clock of
// this machine says; on SQLite, which one process has open, this machine's. Leases are compared by it, so that a process
// whose clock is ahead takes over nothing that another is at. It is safe for concurrent use.
type Clock struct {
	db      *DB
	machine clock.Machine
	ahead   atomic.Int64 // how far the server's clock is ahead of this machine's, nanoseconds
}

// Clock compares the two clocks and returns one; call Measure from time to time, because clocks drift.
func (db *DB) Clock(ctx context.Context, machine clock.Machine) (*Clock, error) {
	if machine == nil {
		machine = time.Now
	}
	c := &Clock{db: db, machine: machine}
	return c, c.Measure(ctx)
}

// Measure compares the two clocks anew. The server's is taken to have been read in the middle of the question's way there
// and back.
func (c *Clock) Measure(ctx context.Context) error {
	if !c.db.Postgres() {
		return nil
	}
	asked := c.machine()
	var server int64
	if err := c.db.QueryRow(ctx, `SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)`).Scan(&server); err != nil {
		return err
	}
	middle := asked.Add(c.machine().Sub(asked) / 2)
	c.ahead.Store(int64(time.UnixMicro(server).Sub(middle)))
	return nil
}

// Now is a clock.Machine.
func (c *Clock) Now() time.Time { return c.machine().Add(time.Duration(c.ahead.Load())) }
