package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
)

var _ org.UsageStore = (*Store)(nil)

// AppUsage implements org.UsageStore. Sessions are found by reading all: an index would cost each login more than this
// page is worth.
func (s *Store) AppUsage(ctx context.Context, orgID, app org.ID, at time.Time) ([]org.AppUsage, error) {
	rows, err := s.db.Query(ctx, `SELECT x.user_id, COALESCE(u.username, ''), SUM(x.tokens), SUM(x.sessions), SUM(x.uses), MIN(x.first_ms), MAX(x.last_ms) FROM (
 SELECT g.user_id AS user_id, 1 AS tokens, 0 AS sessions, g.use_count AS uses, g.created_ms AS first_ms, g.last_used_ms AS last_ms`+grantFrom+
		`WHERE g.org_id = $1 AND g.app_id = $2 AND `+liveGrant+`
 UNION ALL
 SELECT s.user_id, 0, 1, 0, s.created_ms, s.created_ms FROM auth_session s LEFT JOIN user_login l ON l.org_id = s.org_id AND l.user_id = s.user_id
 LEFT JOIN oauth_grant og ON og.id = s.grant_id
 WHERE s.org_id = $1 AND s.app_id = $2 AND s.ended_ms IS NULL AND s.expires_ms > $3 AND s.id > COALESCE(l.ended_up_to, 0) AND og.revoked_ms IS NULL) x
 LEFT JOIN user_account u ON u.org_id = $1 AND u.id = x.user_id GROUP BY x.user_id, u.username ORDER BY 2, 1`, string(orgID), string(app), millis(at))
	if err != nil {
		return nil, fmt.Errorf("reading the use of an app: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	var out []org.AppUsage
	for rows.Next() {
		var u org.AppUsage
		var first, last sql.NullInt64
		if err := rows.Scan(&u.User, &u.Username, &u.Tokens, &u.Sessions, &u.Uses, &first, &last); err != nil {
			return nil, fmt.Errorf("reading the use of an app: %w", err)
		}
		u.First, u.Last = fromMillis(first.Int64), fromMillis(last.Int64)
		out = append(out, u)
	}
	return out, rows.Err()
}

// EndAppUse implements org.UsageStore.
func (s *Store) EndAppUse(ctx context.Context, orgID, app, user org.ID, at time.Time, note func(org.RecordTx) error) error {
	return s.WriteSetup(ctx, func(tx org.SetupTx) error {
		if _, err := tx.RevokeGrants(orgID, app, user, at); err != nil {
			return err
		}
		if err := tx.EndAppSessions(orgID, app, user, at); err != nil {
			return err
		}
		return note(tx)
	})
}
