package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/twinspan/twinspan/connect/internal/api"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// BeginCall implements api.Calls.
func (s *Store) BeginCall(ctx context.Context, c api.Call, now, expired time.Time) (stored api.Call, won bool, err error) {
	err = errSwapped
	for try := 0; try < maxSwaps && errors.Is(err, errSwapped); try++ {
		stored, won, err = s.beginCall(ctx, c, now, expired)
	}
	return stored, won, err
}

// beginCall is one attempt; errSwapped where the call in the way went away meanwhile.
func (s *Store) beginCall(ctx context.Context, c api.Call, now, expired time.Time) (stored api.Call, won bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		won = false
		if _, err := tx.Exec(`DELETE FROM idempotent_call WHERE pair_id = $1 AND created_at < $2`, c.Pair, ms(expired)); err != nil {
			return err
		}
		res, err := tx.Exec(`INSERT INTO idempotent_call (pair_id, key_hash, request_hash, lease_until, holder, status, created_at)
			VALUES ($1, $2, $3, $4, $5, 0, $6) ON CONFLICT DO NOTHING`,
			c.Pair, c.Key, c.Request, ms(c.Lease), c.Holder, ms(c.Created))
		if err = swapped(res, err); err == nil {
			stored, won = c, true
			return nil
		} else if !errors.Is(err, errSwapped) {
			return err
		}
		res, err = tx.Exec(`UPDATE idempotent_call SET holder = $3, lease_until = $4
			WHERE pair_id = $1 AND key_hash = $2 AND request_hash = $5 AND status = 0 AND lease_until < $6`,
			c.Pair, c.Key, c.Holder, ms(c.Lease), c.Request, ms(now))
		if err = swapped(res, err); err == nil {
			stored, won = c, true
			return nil
		} else if !errors.Is(err, errSwapped) {
			return err
		}
		stored = api.Call{Pair: c.Pair, Key: c.Key}
		var lease, created int64
		err = tx.QueryRow(`SELECT request_hash, lease_until, holder, status, answer_sealed, created_at FROM idempotent_call WHERE pair_id = $1 AND key_hash = $2`, c.Pair, c.Key).
			Scan(&stored.Request, &lease, &stored.Holder, &stored.Status, &stored.Answer, &created)
		stored.Lease, stored.Created = at(lease), at(created)
		if errors.Is(err, sql.ErrNoRows) {
			return errSwapped
		}
		return err
	})
	return stored, won, err
}

// RenewCall implements api.Calls.
func (s *Store) RenewCall(ctx context.Context, c api.Call) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE idempotent_call SET lease_until = $4 WHERE pair_id = $1 AND key_hash = $2 AND holder = $3 AND status = 0`, c.Pair, c.Key, c.Holder, ms(c.Lease))
		return err
	})
}

// FinishCall implements api.Calls.
func (s *Store) FinishCall(ctx context.Context, c api.Call) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE idempotent_call SET status = $4, answer_sealed = $5 WHERE pair_id = $1 AND key_hash = $2 AND holder = $3`, c.Pair, c.Key, c.Holder, c.Status, c.Answer)
		return err
	})
}

// ForgetCall implements api.Calls.
func (s *Store) ForgetCall(ctx context.Context, c api.Call) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`DELETE FROM idempotent_call WHERE pair_id = $1 AND key_hash = $2 AND holder = $3`, c.Pair, c.Key, c.Holder)
		return err
	})
}
