package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/usage"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// AddCalls implements usage.Store. It forgets hours that are more than eight days older than the newest of them.
func (s *Store) AddCalls(ctx context.Context, rows []usage.Row) error {
	for part := range slices.Chunk(rows, 100) {
		err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
			for _, r := range part {
				if _, err := tx.Exec(`INSERT INTO call_usage (pair_id, hour, cloud, api, calls, by_password) VALUES ($1, $2, $3, $4, $5, $6)
						ON CONFLICT (pair_id, hour, cloud, api, by_password) DO UPDATE SET calls = call_usage.calls + excluded.calls`, r.Pair, ms(r.Hour), string(r.Cloud), r.API, r.Calls, flag(r.Password)); err != nil {
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
	rows, err := s.db.Query(ctx, `SELECT pair_id, hour, cloud, api, calls, by_password FROM call_usage WHERE pair_id = $1 AND hour >= $2 ORDER BY hour, cloud, api, by_password`, pair, ms(from))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	var all []usage.Row
	for rows.Next() {
		var r usage.Row
		var hour int64
		if err := rows.Scan(&r.Pair, &hour, &r.Cloud, &r.API, &r.Calls, &r.Password); err != nil {
			return nil, err
		}
		r.Hour = at(hour)
		all = append(all, r)
	}
	return all, rows.Err()
}

const alertsQuery = `SELECT percents, counted FROM usage_alert WHERE pair_id = $1`

func scanAlerts(row scanner) (usage.Alerts, error) {
	var a usage.Alerts
	var percents string
	switch err := row.Scan(&percents, &a.Counted); {
	case errors.Is(err, sql.ErrNoRows):
		return usage.DefaultAlerts(), nil
	case err != nil:
		return a, err
	}
	return a, json.Unmarshal([]byte(percents), &a.Percents)
}

// Alerts implements usage.Thresholds.
func (s *Store) Alerts(ctx context.Context, pair string) (usage.Alerts, error) {
	return scanAlerts(s.db.QueryRow(ctx, alertsQuery, pair))
}

// SetAlerts implements usage.Thresholds.
func (s *Store) SetAlerts(ctx context.Context, pair string, a usage.Alerts, why audit.Change) error {
	key, err := s.auditKey(ctx, pair)
	if err != nil {
		return err
	}
	type facts struct {
		Percents []int `json:"percents"`
		Counted  int64 `json:"counted,omitempty"`
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := turn(tx, pair); err != nil {
			return err
		}
		before, err := scanAlerts(tx.QueryRow(alertsQuery, pair))
		if err != nil || before.Counted == a.Counted && slices.Equal(before.Percents, a.Percents) {
			return err
		}
		percents := audit.JSON(append([]int{}, a.Percents...))
		if _, err := tx.Exec(`INSERT INTO usage_alert (pair_id, percents, counted) VALUES ($1, $2, $3)
				ON CONFLICT (pair_id) DO UPDATE SET percents = excluded.percents, counted = excluded.counted`, pair, percents, a.Counted); err != nil {
			return err
		}
		_, err = note(tx, key, entry(pair, why, facts(before), facts{append([]int{}, a.Percents...), a.Counted}))
		return err
	})
}
