package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// liveGrant holds for grants g, joined with the user's logins u, that were not revoked and belong to no earlier life of
// the user.
const (
	grantFrom = ` FROM oauth_grant g LEFT JOIN user_login u ON u.org_id = g.org_id AND u.user_id = g.user_id `
	liveGrant = `g.revoked_ms IS NULL AND g.id > COALESCE(u.ended_up_to, 0)`
)

// Grant implements org.GrantStore.
func (s *Store) Grant(ctx context.Context, id int64) (org.Grant, error) {
	g := org.Grant{ID: id}
	var scopes string
	var created, used int64
	err := s.db.QueryRow(ctx, `SELECT g.org_id, g.user_id, g.app_id, g.scopes, g.refresh_hash, g.created_ms, g.last_used_ms, g.delete_token,
 CASE WHEN `+liveGrant+` THEN 0 ELSE 1 END`+grantFrom+`WHERE g.id = $1`, id).
		Scan(&g.Org, &g.User, &g.App, &scopes, &g.RefreshHash, &created, &used, &g.DeleteToken, &g.Revoked)
	if err != nil {
		return org.Grant{}, notFound(err, "grant")
	}
	g.Scopes, g.Created, g.LastUsed = strings.Fields(scopes), fromMillis(created), fromMillis(used)
	return g, nil
}

// ApprovedScopes implements org.GrantStore.
func (s *Store) ApprovedScopes(ctx context.Context, orgID, user, app org.ID) ([]string, error) {
	rows, err := s.db.Query(ctx, `SELECT g.scopes`+grantFrom+`WHERE g.org_id = $1 AND g.user_id = $2 AND g.app_id = $3 AND `+liveGrant,
		string(orgID), string(user), string(app))
	if err != nil {
		return nil, fmt.Errorf("reading approvals: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	var all []string
	for rows.Next() {
		var scopes string
		if err := rows.Scan(&scopes); err != nil {
			return nil, fmt.Errorf("reading approvals: %w", err)
		}
		all = append(all, strings.Fields(scopes)...)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading approvals: %w", err)
	}
	return all, nil
}

// UseGrant implements org.GrantStore. Marking the grant first makes a revocation at the same time either wait for the
// session, and end it with the grant, or win, and then no row is marked.
func (s *Store) UseGrant(ctx context.Context, grant int64, ss org.StoredSession, e org.LoginEvent) error {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`UPDATE oauth_grant SET use_count = use_count + 1, last_used_ms = CASE WHEN last_used_ms < $2 THEN $2 ELSE last_used_ms END
 WHERE id = $1 AND revoked_ms IS NULL AND `+ofThisLife("oauth_grant"), grant, millis(ss.Created))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return orFault(err, fault.New(fault.Conflict, org.CodeGrantRevoked, "the grant was revoked"))
		}
		return insertSession(tx, ss, e)
	})
	return numberTaken(err)
}

// RotateGrant implements org.GrantStore.
func (s *Store) RotateGrant(ctx context.Context, grant int64, was, next []byte, ss org.StoredSession, e org.LoginEvent) error {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`UPDATE oauth_grant SET use_count = use_count + 1, last_used_ms = CASE WHEN last_used_ms < $2 THEN $2 ELSE last_used_ms END,
 refresh_hash = $4 WHERE id = $1 AND revoked_ms IS NULL AND refresh_hash = $3 AND `+ofThisLife("oauth_grant"), grant, millis(ss.Created), was, next)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return orFault(err, fault.New(fault.Conflict, org.CodeAlreadyUsed, "the refresh token was used"))
		}
		if _, err := tx.Exec(`INSERT INTO oauth_spent_refresh (hash, grant_id) VALUES ($1, $2)`, was, grant); err != nil {
			return err
		}
		return insertSession(tx, ss, e)
	})
	return numberTaken(err)
}

// SpentRefresh implements org.GrantStore.
func (s *Store) SpentRefresh(ctx context.Context, grant int64, hash [32]byte) (bool, error) {
	var n int
	err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM oauth_spent_refresh WHERE hash = $1 AND grant_id = $2`, hash[:], grant).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("reading used refresh tokens: %w", err)
	}
	return n > 0, nil
}

// orFault is err, or f where there is none.
func orFault(err error, f *fault.Error) error {
	if err != nil {
		return err
	}
	return f
}

// RevokeGrant implements org.GrantStore.
func (s *Store) RevokeGrant(ctx context.Context, id int64, at time.Time) error {
	return s.change(ctx, "revoking a grant", `UPDATE oauth_grant SET revoked_ms = $2 WHERE id = $1 AND revoked_ms IS NULL`, id, millis(at))
}

// putGrant keeps a new grant, or gives the grant of an approval its refresh token, and revokes the oldest over the limit.
func putGrant(tx *sqldb.Tx, g org.Grant) (dropped bool, err error) {
	scopes := strings.Join(g.Scopes, " ")
	res, err := tx.Exec(`INSERT INTO oauth_grant (id, org_id, user_id, app_id, scopes, refresh_hash, created_ms, last_used_ms, delete_token) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)
 ON CONFLICT (id) DO UPDATE SET refresh_hash = $6, scopes = $5 WHERE oauth_grant.refresh_hash IS NULL AND oauth_grant.revoked_ms IS NULL
 AND oauth_grant.org_id = $2 AND oauth_grant.user_id = $3 AND oauth_grant.app_id = $4 AND `+ofThisLife("oauth_grant"),
		g.ID, string(g.Org), string(g.User), string(g.App), scopes, g.RefreshHash, millis(g.Created), org.NewDeleteToken(g.ID))
	if err != nil {
		return false, err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return false, orFault(err, fault.New(fault.Conflict, org.CodeGrantRevoked, "the approval was revoked"))
	}
	res, err = tx.Exec(`UPDATE oauth_grant SET revoked_ms = $5 WHERE id IN (SELECT id FROM oauth_grant
 WHERE org_id = $1 AND user_id = $2 AND app_id = $3 AND revoked_ms IS NULL ORDER BY id DESC LIMIT 100 OFFSET $4)`,
		string(g.Org), string(g.User), string(g.App), org.MaxGrants, millis(g.Created))
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}
