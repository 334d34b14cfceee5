package crm

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// Posted waits until no letter waits or is on its way.
func (c *Cloud) Posted(ctx context.Context) error {
	return c.none(ctx, `SELECT COUNT(*) FROM job WHERE kind = $1 AND state IN ('queued', 'running')`, sqlstore.JobLetter)
}

// Idle waits until no job waits or is being done.
func (c *Cloud) Idle(ctx context.Context) error {
	return c.none(ctx, `SELECT COUNT(*) FROM job WHERE state IN ('queued', 'running')`)
}

func (c *Cloud) none(ctx context.Context, query string, args ...any) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		var n int
		err := c.store.DB().QueryRow(ctx, query, args...).Scan(&n)
		if err != nil || n == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// MeterTick does at once what the meter does every second.
func (c *Cloud) MeterTick(ctx context.Context) error { return c.meter.Tick(ctx) }

// Letters are what the queue holds of letters: payloads, and what became of them.
func (c *Cloud) Letters(ctx context.Context) (payloads, states []string, err error) {
	rows, err := c.store.DB().Query(ctx, `SELECT payload, state FROM job WHERE kind = $1 ORDER BY created_at, id`, sqlstore.JobLetter)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	for rows.Next() {
		var payload, state string
		if err := rows.Scan(&payload, &state); err != nil {
			return nil, nil, err
		}
		payloads, states = append(payloads, payload), append(states, state)
	}
	return payloads, states, rows.Err()
}

// BulkAnswered is how many bytes of results bulk jobs say that they have, and how many there are.
func (c *Cloud) BulkAnswered(ctx context.Context) (said, kept int64, err error) {
	err = c.store.DB().QueryRow(ctx, `SELECT CAST(COALESCE(SUM(answered), 0) AS BIGINT), (SELECT CAST(COALESCE(SUM(LENGTH(data)), 0) AS BIGINT) FROM bulk_page) FROM bulk_job`).Scan(&said, &kept)
	return said, kept, err
}

// FillBulk has each bulk job say that it has so many bytes of results.
func (c *Cloud) FillBulk(ctx context.Context, bytes int64) error {
	return c.store.DB().Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE bulk_job SET answered = $1`, bytes)
		return err
	})
}
