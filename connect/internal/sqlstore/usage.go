package sqlstore

import (
	"context"
	"slices"
	"time"

	"github.com/twinspan/twinspan/connect/internal/usage"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// AddCalls implements usage.Store. It forgets hours that are more than eight days older than the newest of them.
func (s *Store) AddCalls(ctx context.Context, rows []usage.Row) error {
	for part := range slices.Chunk(rows, 100) {
		err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
			for _, r := range part {
				if _, err := tx.Exec(`INSERT INTO call_usage (pair_id, hour, cloud, api, calls) VALUES ($1, $2, $3, $4, $5)
						ON CONFLICT (pair_id, hour, cloud, api) DO UPDATE SET calls = call_usage.calls + excluded.calls`, r.Pair, ms(r.Hour), string(r.Cloud), r.API, r.Calls); err != nil {
					return err
				}
				if _, err := tx.Exec(`DELETE FROM call_usage WHERE pair_id = $1 AND hour < $2`, r.Pair, ms(r.Hour.Add(-8*24*time.Hour))); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Calls implements usage.Store.
func (s *Store) Calls(ctx context.Context, pair string, from time.Time) ([]usage.Row, error) {
	rows, err := s.db.Query(ctx, `SELECT pair_id, hour, cloud, api, calls FROM call_usage WHERE pair_id = $1 AND hour >= $2 ORDER BY hour, cloud, api`, pair, ms(from))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	var all []usage.Row
	for rows.Next() {
		var r usage.Row
		var hour int64
		if err := rows.Scan(&r.Pair, &hour, &r.Cloud, &r.API, &r.Calls); err != nil {
			return nil, err
		}
		r.Hour = at(hour)
		all = append(all, r)
	}
	return all, rows.Err()
}
