package sqlstore

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// SetSettings implements tenant.SetupStore.
func (s *Store) SetSettings(ctx context.Context, eid tenant.EID, old, fresh tenant.Settings) error {
	was, err := toJSON(old)
	if err != nil {
		return err
	}
	text, err := toJSON(fresh)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := change(tx, `UPDATE tenant SET settings = $3 WHERE eid = $1 AND settings = $2`, int64(eid), was, text)
		if err == nil && n == 0 {
			return fault.New(fault.Conflict, tenant.CodeChangedMeanwhile, "The settings were changed by somebody else at this moment.")
		}
		return err
	})
}

// Packages implements tenant.SetupStore.
func (s *Store) Packages(ctx context.Context, eid tenant.EID) ([]tenant.Package, error) {
	rows, err := s.db.Query(ctx, `SELECT `+packageColumns+` FROM installed_package WHERE eid = $1 ORDER BY name, client_id`, int64(eid))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []tenant.Package
	for rows.Next() {
		p, err := scanPackage(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, rows.Err()
}

// AddPackage implements tenant.SetupStore.
func (s *Store) AddPackage(ctx context.Context, p tenant.Package, users []tenant.User) error {
	return taken(s.db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, u := range users {
			if err := insertUser(tx, u); err != nil {
				return err
			}
		}
		return insertPackage(tx, p)
	}))
}

// StageSecret implements tenant.SetupStore.
func (s *Store) StageSecret(ctx context.Context, clientID string, hash [32]byte, replace bool, expires, now time.Time) (bool, error) {
	var n int64
	err := s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		n, err = change(tx, `UPDATE installed_package SET staged_hash = $2, staged_expires_at = $3, modified_at = $4
			WHERE client_id = $1 AND (staged_hash IS NULL OR staged_expires_at <= $4 OR $5 = 1)`,
			clientID, hash[:], nullMillis(expires), millis(now), bit(replace))
		return err
	})
	return n > 0, err
}

// ActivateSecret implements tenant.SetupStore.
func (s *Store) ActivateSecret(ctx context.Context, clientID string, now time.Time) (bool, error) {
	var n int64
	err := s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		n, err = change(tx, `UPDATE installed_package SET secret_hash = staged_hash, secret_expires_at = staged_expires_at,
			staged_hash = NULL, staged_expires_at = NULL, modified_at = $2 WHERE client_id = $1 AND staged_hash IS NOT NULL`, clientID, millis(now))
		return err
	})
	return n > 0, err
}
