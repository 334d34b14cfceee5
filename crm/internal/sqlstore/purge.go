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
// less gets back what it had. Sessions go first: a revoked grant must not go before those that it ended.
var purges = []struct {
	keep time.Duration
	text string
}{
	{keepSessions, `DELETE FROM auth_session WHERE id IN (SELECT s.id FROM auth_session s LEFT JOIN organization o ON o.id = s.org_id
 WHERE s.id < $1 AND s.expires_ms < CAST($2 AS BIGINT) + COALESCE(o.clock_offset_ms, 0) - 86400000 ORDER BY s.id LIMIT $3)`},
	// A grant of no app is a frontdoor link's; it holds no refresh token.
	{keepGrants, `DELETE FROM oauth_code WHERE id IN (SELECT c.id FROM oauth_code c JOIN organization o ON o.id = c.org_id
 WHERE c.id < $1 AND c.expires_ms < CAST($2 AS BIGINT) + o.clock_offset_ms - 86400000
 AND NOT EXISTS (SELECT 1 FROM oauth_grant g WHERE g.id = c.grant_id AND g.revoked_ms IS NULL AND g.app_id <> '') ORDER BY c.id LIMIT $3)`},
	{keepGrants, `DELETE FROM oauth_grant WHERE id IN (SELECT g.id FROM oauth_grant g JOIN organization o ON o.id = g.org_id
 WHERE g.id < $1 AND (g.app_id = '' OR g.revoked_ms < CAST($2 AS BIGINT) + o.clock_offset_ms - 2678400000) ORDER BY g.id LIMIT $3)`},
}

// Purge deletes at most limit rows of each kind of what nobody can use any more and has been there for long: sessions,
// authorization codes, revoked grants. now is machine time. It tells how many rows went.
func (s *Store) Purge(ctx context.Context, now time.Time, limit int) (int, error) {
	gone := 0
	for _, p := range purges {
		rows := 0
		err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
			res, err := tx.Exec(p.text, org.LastNumber(now.Add(-p.keep)), millis(now), limit)
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			rows = int(n)
			return err
		})
		if err != nil {
			return gone, fmt.Errorf("deleting what has expired: %w", err)
		}
		gone += rows
	}
	n, err := s.purgeMeter(ctx, now, limit)
	return gone + n, err
}
