package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// Shared implements link.SharedTokens.
func (s *Store) Shared() bool { return s.db.Shared() }

// SharedToken implements link.SharedTokens.
func (s *Store) SharedToken(ctx context.Context, pair string, d link.Direction, key []byte) (link.SharedToken, error) {
	t := link.SharedToken{Pair: pair, Direction: d, Key: key}
	var expires int64
	err := s.db.QueryRow(ctx, `SELECT token_sealed, token_hash, expires_at, revision FROM shared_token WHERE pair_id = $1 AND direction = $2 AND token_key = $3`, pair, string(d), key).
		Scan(&t.Sealed, &t.Hash, &expires, &t.Revision)
	t.Expires = at(expires)
	if errors.Is(err, sql.ErrNoRows) {
		return t, nil
	}
	return t, err
}

// LeaseSharedToken implements link.SharedTokens. A lease for another key is no obstacle: whoever holds it fetches another
// user's token, and finds the lease gone.
func (s *Store) LeaseSharedToken(ctx context.Context, pair string, d link.Direction, key []byte, t link.LeaseTimes) (revision int64, ok bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		err := tx.QueryRow(`INSERT INTO shared_token (pair_id, direction, token_key, expires_at, lease_until, revision) VALUES ($1, $2, $3, 0, $4, 1)
			ON CONFLICT (pair_id, direction) DO UPDATE SET token_key = excluded.token_key, token_sealed = NULL, token_hash = NULL, expires_at = 0,
				lease_until = excluded.lease_until, revision = shared_token.revision + 1
			WHERE shared_token.lease_until <= $5 AND (shared_token.token_sealed IS NULL OR shared_token.expires_at <= $6) OR shared_token.token_key <> excluded.token_key
			RETURNING revision`,
			pair, string(d), key, ms(t.Until), ms(t.Now), ms(t.Domain)).Scan(&revision)
		if ok = err == nil; errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return revision, ok, err
}

// SettleSharedToken implements link.SharedTokens.
func (s *Store) SettleSharedToken(ctx context.Context, t link.SharedToken) error {
	var expires int64
	if t.Sealed != nil {
		expires = ms(t.Expires)
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE shared_token SET token_sealed = $4, token_hash = $5, expires_at = $6, lease_until = 0, revision = revision + 1
			WHERE pair_id = $1 AND direction = $2 AND revision = $3`, t.Pair, string(t.Direction), t.Revision, nullBytes(t.Sealed), nullBytes(t.Hash), expires)
		return err
	})
}

// nullBytes is NULL for none, whatever a driver makes of a nil slice.
func nullBytes(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

// DropSharedToken implements link.SharedTokens.
func (s *Store) DropSharedToken(ctx context.Context, pair string, d link.Direction, hash []byte) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE shared_token SET token_sealed = NULL, token_hash = NULL, expires_at = 0 WHERE pair_id = $1 AND direction = $2
			AND token_sealed IS NOT NULL AND (CAST($3 AS BYTEA) IS NULL OR token_hash = $3)`, pair, string(d), nullBytes(hash))
		return err
	})
}
