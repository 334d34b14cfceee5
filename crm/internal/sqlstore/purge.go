package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// How long rows are kept at least, in machine time from their making. Until then, and as long as what it made lives, a
// code that is used again is known to have been one.
const (
	keepSessions = 24 * time.Hour
	keepGrants   = 31 * 24 * time.Hour
)

// purges are what Purge runs, each with the lowest number that stays, the machine time in milliseconds, and the most
// rows that may go. Expiry is judged in the org's own time and a day late, so that an org whose clock is set back by
// less gets back what it had. Sessions go first: a revoked grant must not go before those that it ended, nor a
// session before those that came out of it.
var purges = []struct {
	keep time.Duration
	text string
}{
	{keepSessions, `DELETE FROM auth_session WHERE id IN (SELECT s.id FROM auth_session s LEFT JOIN organization o ON o.id = s.org_id
 WHERE s.id < $1 AND s.expires_ms < CAST($2 AS BIGINT) + COALESCE(o.clock_offset_ms, 0) - 86400000
 AND NOT EXISTS (SELECT 1 FROM auth_session c WHERE c.parent_id = s.id AND c.parent_id <> 0) ORDER BY s.id LIMIT $3)`},
	// A grant of no app is a frontdoor link's, from when those had grants; it holds no refresh token.
	{keepGrants, `DELETE FROM oauth_code WHERE id IN (SELECT c.id FROM oauth_code c JOIN organization o ON o.id = c.org_id
 WHERE c.id < $1 AND c.expires_ms < CAST($2 AS BIGINT) + o.clock_offset_ms - 86400000
 AND NOT EXISTS (SELECT 1 FROM oauth_grant g WHERE g.id = c.grant_id AND g.revoked_ms IS NULL AND g.app_id <> '') ORDER BY c.id LIMIT $3)`},
	{keepGrants, `DELETE FROM oauth_grant WHERE id IN (SELECT g.id FROM oauth_grant g JOIN organization o ON o.id = g.org_id
 WHERE g.id < $1 AND (g.app_id = '' OR g.revoked_ms < CAST($2 AS BIGINT) + o.clock_offset_ms - 2678400000) ORDER BY g.id LIMIT $3)`},
}

// Rows of no org are a CountNobody's, and those of logins of nobody.

// historyMonths is how long Login History is kept, in the org's own time (crm-wire 5.2: "6 months").
const historyMonths = 6

// HistoryPlace is how far a sweep of Login History has come; the zero value is its beginning.
type HistoryPlace struct {
	Org org.ID
	ID  org.ID
}

// PurgeHistory looks at the limit rows of Login History that come next and deletes those that are too old. It tells how
// many went and where to go on: from the beginning at the end. Rows have no index by time, which would cost each login
// more than looking at all rows now and then costs; nothing is looked for inside the write.
func (s *Store) PurgeHistory(ctx context.Context, from HistoryPlace, limit int) (next HistoryPlace, gone int, err error) {
	old, next, err := s.oldHistory(ctx, from, limit)
	if err != nil || len(old) == 0 {
		return next, 0, err
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, p := range old {
			if _, err := tx.Exec(`DELETE FROM login_history WHERE org_id = $1 AND id = $2`, string(p.Org), string(p.ID)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return from, 0, fmt.Errorf("deleting old login history: %w", err)
	}
	return next, len(old), nil
}

func (s *Store) oldHistory(ctx context.Context, from HistoryPlace, limit int) (old []HistoryPlace, next HistoryPlace, err error) {
	rows, err := s.db.Query(ctx, `SELECT org_id, id, login_time FROM login_history WHERE (org_id, id) > ($1, $2) ORDER BY org_id, id LIMIT $3`,
		string(from.Org), string(from.ID), limit)
	if err != nil {
		return nil, from, fmt.Errorf("looking through login history: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	seen := 0
	for rows.Next() {
		var at int64
		if err := rows.Scan(&next.Org, &next.ID, &at); err != nil {
			return nil, from, fmt.Errorf("looking through login history: %w", err)
		}
		if next.Org == "" || fromMillis(at).Before(s.now(next.Org).AddDate(0, -historyMonths, 0)) {
			old = append(old, next)
		}
		seen++
	}
	if err := rows.Err(); err != nil {
		return nil, from, fmt.Errorf("looking through login history: %w", err)
	}
	if seen < limit {
		next = HistoryPlace{}
	}
	return old, next, nil
}

// delete does one statement in a transaction of its own and tells how many rows went.
func (s *Store) delete(ctx context.Context, text string, args ...any) (int, error) {
	var rows int64
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(text, args...)
		if err != nil {
			return err
		}
		rows, err = res.RowsAffected()
		return err
	})
	return int(rows), err
}

// keepAudit is how long the Setup Audit Trail is kept, in the org's own time (crm-wire 5.1: 180 days).
const keepAudit = 180 * 24 * time.Hour

func (s *Store) purgeAudit(ctx context.Context, now time.Time, limit int) (int, error) {
	n, err := s.delete(ctx, `DELETE FROM setup_audit_trail WHERE (org_id, id) IN (SELECT a.org_id, a.id FROM setup_audit_trail a JOIN organization o ON o.id = a.org_id
 WHERE a.created_date < CAST($1 AS BIGINT) + o.clock_offset_ms ORDER BY a.created_date LIMIT $2)`, millis(now.Add(-keepAudit)), limit)
	if err != nil {
		err = fmt.Errorf("deleting the old setup audit trail: %w", err)
	}
	return n, err
}

// Purge deletes at most limit rows of each kind of what nobody can use any more and has been there for long: sessions,
// authorization codes, revoked grants, values of deleted fields, old rows of the Setup Audit Trail. now is machine time. It tells how many rows went.
func (s *Store) Purge(ctx context.Context, now time.Time, limit int) (int, error) {
	gone := 0
	for _, p := range purges {
		rows, err := s.delete(ctx, p.text, org.LastNumber(now.Add(-p.keep)), millis(now), limit)
		if err != nil {
			return gone, fmt.Errorf("deleting what has expired: %w", err)
		}
		gone += rows
	}
	for _, purge := range []func() (int, error){
		func() (int, error) { return s.purgeMeter(ctx, now, limit) },
		func() (int, error) { return s.purgeBulk(ctx, now) },
		func() (int, error) { return s.purgeFields(ctx, limit) },
		func() (int, error) { return s.purgeDeployments(ctx, now, limit) },
		func() (int, error) { return s.purgeAudit(ctx, now, limit) },
	} {
		n, err := purge()
		gone += n
		if err != nil {
			return gone, err
		}
	}
	return gone, nil
}
