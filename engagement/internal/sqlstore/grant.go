package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/sqldb"
)

const grantColumns = `id, eid, client_id, user_id, snapshot, made_at, made_by, cleared_at, cleared_by`

// scanner is a row, of one or of many.
type scanner interface{ Scan(dest ...any) error }

func scanGrant(row scanner) (tenant.Grant, error) {
	var g tenant.Grant
	var snapshot string
	var made int64
	var cleared, by sql.NullInt64
	if err := row.Scan(&g.ID, &g.Tenant, &g.ClientID, &g.UserID, &snapshot, &made, &g.MadeBy, &cleared, &by); err != nil {
		return tenant.Grant{}, err
	}
	g.Made, g.Cleared, g.ClearedBy = timeOf(made), timeOfNull(cleared), by.Int64
	return g, fromJSON(snapshot, &g.Snapshot)
}

// LiveGrant implements tenant.GrantStore.
func (s *Store) LiveGrant(ctx context.Context, clientID string, userID int64) (tenant.Grant, error) {
	g, err := scanGrant(s.db.QueryRow(ctx, `SELECT `+grantColumns+` FROM package_grant WHERE client_id = $1 AND user_id = $2 AND cleared_at IS NULL`, clientID, userID))
	return g, notFound(err, "grant")
}

// GrantByID implements tenant.GrantStore.
func (s *Store) GrantByID(ctx context.Context, id int64) (tenant.Grant, error) {
	g, err := scanGrant(s.db.QueryRow(ctx, `SELECT `+grantColumns+` FROM package_grant WHERE id = $1`, id))
	return g, notFound(err, "grant")
}

// Grants implements tenant.GrantStore.
func (s *Store) Grants(ctx context.Context, clientID string, userID, after int64, limit int) ([]tenant.Grant, error) {
	rows, err := s.db.Query(ctx, `SELECT `+grantColumns+` FROM package_grant
		WHERE client_id = $1 AND cleared_at IS NULL AND id > $2 AND (CAST($3 AS BIGINT) = 0 OR user_id = CAST($3 AS BIGINT)) ORDER BY id LIMIT $4`, clientID, after, userID, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []tenant.Grant
	for rows.Next() {
		g, err := scanGrant(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	return out, rows.Err()
}

// PutGrant implements tenant.GrantStore.
func (s *Store) PutGrant(ctx context.Context, g tenant.Grant, replace bool) (tenant.Grant, error) {
	snapshot, err := toJSON(g.Snapshot)
	if err != nil {
		return tenant.Grant{}, err
	}
	var live tenant.Grant
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if replace {
			if _, err := tx.Exec(`UPDATE package_grant SET cleared_at = $3, cleared_by = $4 WHERE client_id = $1 AND user_id = $2 AND cleared_at IS NULL`,
				g.ClientID, g.UserID, millis(g.Made), g.MadeBy); err != nil {
				return err
			}
		}
		// Where two make one at the same moment, the first stays and the second gets to see it.
		if _, err := tx.Exec(`INSERT INTO package_grant (id, eid, client_id, user_id, snapshot, made_at, made_by) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
			g.ID, int64(g.Tenant), g.ClientID, g.UserID, snapshot, millis(g.Made), g.MadeBy); err != nil {
			return err
		}
		live, err = scanGrant(tx.QueryRow(`SELECT `+grantColumns+` FROM package_grant WHERE client_id = $1 AND user_id = $2 AND cleared_at IS NULL`, g.ClientID, g.UserID))
		return err
	})
	return live, err
}

// ClearGrant implements tenant.GrantStore.
func (s *Store) ClearGrant(ctx context.Context, clientID string, userID, by int64, now time.Time) (tenant.Grant, error) {
	var cleared tenant.Grant
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		g, err := scanGrant(tx.QueryRow(`SELECT `+grantColumns+` FROM package_grant WHERE client_id = $1 AND user_id = $2 AND cleared_at IS NULL`, clientID, userID))
		if err != nil {
			return err
		}
		n, err := change(tx, `UPDATE package_grant SET cleared_at = $2, cleared_by = $3 WHERE id = $1 AND cleared_at IS NULL`, g.ID, millis(now), by)
		if err != nil {
			return err
		}
		if n == 0 {
			return sql.ErrNoRows // somebody else was quicker
		}
		g.Cleared, g.ClearedBy = now, by
		cleared = g
		return nil
	})
	if errors.Is(err, sql.ErrNoRows) {
		return tenant.Grant{}, notFound(err, "grant")
	}
	return cleared, err
}
