package sqlstore

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/tracking"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// SettleRefusals implements tracking.Refusals.
func (s *Tracking) SettleRefusals(ctx context.Context, pair string, want tracking.Want, taken []string, refused []tracking.Refusal, again func(int) time.Time) error {
	if len(refused) == 0 {
		// Nearly always nothing is refused: then nothing is written.
		var any int
		if err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM tracking_refusal WHERE pair_id = $1 AND want = $2 LIMIT 1) one`, pair, string(want)).Scan(&any); err != nil || any == 0 {
			return err
		}
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, subject := range taken {
			if _, err := tx.Exec(`DELETE FROM tracking_refusal WHERE pair_id = $1 AND want = $2 AND subject = $3`, pair, string(want), subject); err != nil {
				return err
			}
		}
		for _, r := range refused {
			attempts := 0
			err := tx.QueryRow(`INSERT INTO tracking_refusal (pair_id, want, subject, attempts, retry_at, refused_at, code, reason) VALUES ($1, $2, $3, 1, 0, $4, $5, $6)
				ON CONFLICT (pair_id, want, subject) DO UPDATE SET attempts = tracking_refusal.attempts + 1, refused_at = excluded.refused_at, code = excluded.code, reason = excluded.reason
				RETURNING attempts`, pair, string(want), r.Subject, ms(r.At), r.Code, r.Reason).Scan(&attempts)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(`UPDATE tracking_refusal SET retry_at = $4 WHERE pair_id = $1 AND want = $2 AND subject = $3`, pair, string(want), r.Subject, ms(again(attempts))); err != nil {
				return err
			}
		}
		return nil
	})
}

// DueRefusals implements tracking.Refusals.
func (s *Tracking) DueRefusals(ctx context.Context, pair string, want tracking.Want, now time.Time, after string, limit int) ([]string, error) {
	return textsOf(s.db.Query(ctx, `SELECT subject FROM tracking_refusal WHERE pair_id = $1 AND want = $2 AND subject > $3 AND retry_at > 0 AND retry_at <= $4 ORDER BY subject LIMIT $5`,
		pair, string(want), after, ms(now), limit))
}

// Refusals implements tracking.Refusals.
func (s *Tracking) Refusals(ctx context.Context, pair string, after tracking.Refusal, limit int) ([]tracking.Refusal, error) {
	rows, err := s.db.Query(ctx, `SELECT want, subject, attempts, retry_at, refused_at, code, reason FROM tracking_refusal
		WHERE pair_id = $1 AND (want > $2 OR want = $2 AND subject > $3) ORDER BY want, subject LIMIT $4`, pair, string(after.Want), after.Subject, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	var all []tracking.Refusal
	for rows.Next() {
		var r tracking.Refusal
		var retry, refused int64
		if err := rows.Scan(&r.Want, &r.Subject, &r.Attempts, &retry, &refused, &r.Code, &r.Reason); err != nil {
			return nil, err
		}
		r.RetryAt, r.At = at(retry), at(refused)
		all = append(all, r)
	}
	return all, rows.Err()
}

// CountRefusals implements tracking.Refusals.
func (s *Tracking) CountRefusals(ctx context.Context, pair string) (waiting, givenUp int, err error) {
	err = s.db.QueryRow(ctx, `SELECT COALESCE(SUM(CASE WHEN retry_at > 0 THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN retry_at = 0 THEN 1 ELSE 0 END), 0)
		FROM tracking_refusal WHERE pair_id = $1`, pair).Scan(&waiting, &givenUp)
	return waiting, givenUp, err
}

// Reconsider implements tracking.Refusals.
func (s *Tracking) Reconsider(ctx context.Context, pair string) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE tracking_refusal SET attempts = 0, retry_at = 1 WHERE pair_id = $1`, pair)
		return err
	})
}
