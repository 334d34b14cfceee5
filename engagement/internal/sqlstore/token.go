package sqlstore

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

const tokenColumns = `id, hash, eid, client_id, user_id, mid, scopes, family_id, grant_id, expires_at, assertion_hash`

var appendToken = sqldb.NewAppend("access_token", strings.Split(strings.ReplaceAll(tokenColumns, " ", ""), ",")...)

// tokenRow is the row of an access token; assertion is nil where none was spent on it. Scopes are one text joined by
// blanks: they are read on every call and never searched.
func tokenRow(t tenant.AccessToken, assertion []byte) []any {
	var spent any // NULL, whatever a driver makes of a nil slice
	if assertion != nil {
		spent = assertion
	}
	return []any{t.ID, t.Hash[:], int64(t.Tenant), t.ClientID, t.UserID, int64(t.MID), strings.Join(t.Scopes, " "), t.FamilyID, t.GrantID, millis(t.Expires), spent}
}

const insertToken = `INSERT INTO access_token (` + tokenColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`

// AddToken implements tenant.TokenStore.
func (s *Store) AddToken(ctx context.Context, t tenant.AccessToken) error {
	return taken(s.db.Append(ctx, appendToken, tokenRow(t, nil)))
}

// TokenByID implements tenant.TokenStore.
func (s *Store) TokenByID(ctx context.Context, id int64) (tenant.AccessToken, error) {
	t := tenant.AccessToken{ID: id}
	var hash []byte
	var scopes string
	var expires int64
	err := s.db.QueryRow(ctx, `SELECT hash, eid, client_id, user_id, mid, scopes, family_id, grant_id, expires_at FROM access_token WHERE id = $1`, id).
		Scan(&hash, &t.Tenant, &t.ClientID, &t.UserID, &t.MID, &scopes, &t.FamilyID, &t.GrantID, &expires)
	if err != nil {
		return tenant.AccessToken{}, notFound(err, "token")
	}
	copy(t.Hash[:], hash)
	t.Scopes, t.Expires = strings.Fields(scopes), timeOf(expires)
	return t, nil
}

const familyColumns = `id, code_hash, eid, client_id, user_id, mid, scopes, snapshot, redirect_uri, code_challenge, session_id, grant_id, is_offline,
	created_at, code_expires_at, code_used_at, ended_at`

// AddFamily implements tenant.TokenStore.
func (s *Store) AddFamily(ctx context.Context, f tenant.Family) error {
	snapshot, err := toJSON(f.Snapshot)
	if err != nil {
		return err
	}
	return taken(s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if f.SessionID != 0 {
			// The row is written to be locked: a log-out waits, and finds the new family, or was first, and is found.
			n, err := change(tx, `UPDATE web_session SET seen_at = seen_at WHERE id = $1 AND ended_at IS NULL`, f.SessionID)
			if err != nil {
				return err
			}
			if n == 0 {
				return fault.New(fault.Unauthenticated, tenant.CodeNoSession, "The session has ended.")
			}
		}
		_, err := tx.Exec(`INSERT INTO token_family (`+familyColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`, familyRow(f, snapshot)...)
		return err
	}))
}

// familyRow is the row of a sign-in; snapshot is its snapshot's JSON.
func familyRow(f tenant.Family, snapshot string) []any {
	return []any{
		f.ID, f.CodeHash[:], int64(f.Tenant), f.ClientID, f.UserID, int64(f.MID), strings.Join(f.Scopes, " "), snapshot, f.RedirectURI, f.Challenge,
		f.SessionID, f.GrantID, bit(f.Offline), millis(f.Created), millis(f.CodeExpires), nullMillis(f.CodeUsed), nullMillis(f.Ended),
	}
}

// FamilyByID implements tenant.TokenStore.
func (s *Store) FamilyByID(ctx context.Context, id int64) (tenant.Family, error) {
	var f tenant.Family
	var hash []byte
	var scopes, snapshot string
	var created, expires int64
	var used, ended sql.NullInt64
	err := s.db.QueryRow(ctx, `SELECT `+familyColumns+` FROM token_family WHERE id = $1`, id).
		Scan(&f.ID, &hash, &f.Tenant, &f.ClientID, &f.UserID, &f.MID, &scopes, &snapshot, &f.RedirectURI, &f.Challenge,
			&f.SessionID, &f.GrantID, &f.Offline, &created, &expires, &used, &ended)
	if err != nil {
		return tenant.Family{}, notFound(err, "code")
	}
	copy(f.CodeHash[:], hash)
	f.Scopes, f.Created, f.CodeExpires = strings.Fields(scopes), timeOf(created), timeOf(expires)
	f.CodeUsed, f.Ended = timeOfNull(used), timeOfNull(ended)
	return f, fromJSON(snapshot, &f.Snapshot)
}

// UseCode implements tenant.TokenStore.
func (s *Store) UseCode(ctx context.Context, familyID int64, now time.Time, t tenant.AccessToken, r tenant.RefreshToken) (bool, error) {
	var won bool
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := change(tx, `UPDATE token_family SET code_used_at = $2 WHERE id = $1 AND code_used_at IS NULL AND ended_at IS NULL`, familyID, millis(now))
		if won = n > 0; err != nil || !won {
			return err
		}
		if _, err := tx.Exec(insertToken, tokenRow(t, nil)...); err != nil {
			return err
		}
		return insertRefresh(tx, r)
	})
	return won, taken(err)
}

// EndFamily implements tenant.TokenStore.
func (s *Store) EndFamily(ctx context.Context, id int64, now time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE token_family SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL`, id, millis(now))
		return err
	})
}

const refreshColumns = `id, hash, family_id, previous_id, scopes, mid, created_at, expires_at, used_at, next_id, next_seed`

// RefreshByID implements tenant.TokenStore.
func (s *Store) RefreshByID(ctx context.Context, id int64) (tenant.RefreshToken, error) {
	var r tenant.RefreshToken
	var hash []byte
	var scopes string
	var created, expires int64
	var used, next sql.NullInt64
	err := s.db.QueryRow(ctx, `SELECT `+refreshColumns+` FROM refresh_token WHERE id = $1`, id).
		Scan(&r.ID, &hash, &r.FamilyID, &r.PreviousID, &scopes, &r.MID, &created, &expires, &used, &next, &r.NextSeed)
	if err != nil {
		return tenant.RefreshToken{}, notFound(err, "refresh token")
	}
	copy(r.Hash[:], hash)
	r.Scopes, r.Created, r.Expires = strings.Fields(scopes), timeOf(created), timeOf(expires)
	r.Used, r.NextID = timeOfNull(used), next.Int64
	return r, nil
}

// Rotate implements tenant.TokenStore.
func (s *Store) Rotate(ctx context.Context, old, next tenant.RefreshToken, seed []byte, t tenant.AccessToken, now time.Time) (bool, error) {
	var won bool
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := change(tx, `UPDATE refresh_token SET used_at = $2, next_id = $3, next_seed = $4 WHERE id = $1 AND used_at IS NULL`,
			old.ID, millis(now), next.ID, seed)
		if won = n > 0; err != nil || !won {
			return err
		}
		// The one before can no longer be asked for its successor, so the half of it that is kept here goes.
		if _, err := tx.Exec(`UPDATE refresh_token SET next_seed = NULL WHERE id = $1`, old.PreviousID); err != nil {
			return err
		}
		if err := insertRefresh(tx, next); err != nil {
			return err
		}
		_, err = tx.Exec(insertToken, tokenRow(t, nil)...)
		return err
	})
	return won, taken(err)
}

const newRefreshColumns = `id, hash, family_id, previous_id, scopes, mid, created_at, expires_at`

func refreshRow(r tenant.RefreshToken) []any {
	return []any{r.ID, r.Hash[:], r.FamilyID, r.PreviousID, strings.Join(r.Scopes, " "), int64(r.MID), millis(r.Created), millis(r.Expires)}
}

func insertRefresh(tx *sqldb.Tx, r tenant.RefreshToken) error {
	_, err := tx.Exec(`INSERT INTO refresh_token (`+newRefreshColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, refreshRow(r)...)
	return err
}

// How long rows are kept at least, in machine time from their making. Until then a token that is used twice is known to
// have been one.
const (
	keepTokens  = 24 * time.Hour
	keepSignIns = 31 * 24 * time.Hour
)

// purges are what Purge runs, each with the lowest number that stays, the machine time in milliseconds, and the most
// rows that may go. A refresh token goes when it has expired in its tenant's own time; its sign-in when none is left; a
// session when nothing hangs on it that its log-out would end.
var purges = []struct {
	keep time.Duration
	text string
}{
	{keepTokens, `DELETE FROM access_token WHERE id IN (SELECT id FROM access_token WHERE id < $1 AND CAST($2 AS BIGINT) > 0 ORDER BY id LIMIT $3)`},
	{keepTokens, `DELETE FROM spent_assertion WHERE hash IN (SELECT hash FROM spent_assertion WHERE token_id < $1 AND CAST($2 AS BIGINT) > 0 ORDER BY token_id LIMIT $3)`},
	{keepSignIns, `DELETE FROM refresh_token WHERE id IN (SELECT r.id FROM refresh_token r JOIN token_family f ON f.id = r.family_id JOIN tenant t ON t.eid = f.eid
		WHERE r.id < $1 AND r.expires_at < CAST($2 AS BIGINT) + t.clock_offset_ms ORDER BY r.id LIMIT $3)`},
	{keepSignIns, `DELETE FROM token_family WHERE id IN (SELECT f.id FROM token_family f WHERE f.id < $1 AND f.created_at < $2
		AND NOT EXISTS (SELECT 1 FROM refresh_token r WHERE r.family_id = f.id) ORDER BY f.id LIMIT $3)`},
	{keepSignIns, `DELETE FROM web_session WHERE id IN (SELECT s.id FROM web_session s JOIN tenant t ON t.eid = s.eid
		WHERE s.id < $1 AND s.seen_at < CAST($2 AS BIGINT) + t.clock_offset_ms - 86400000
		AND NOT EXISTS (SELECT 1 FROM token_family f WHERE f.session_id = s.id AND f.is_offline = 0 AND f.ended_at IS NULL) ORDER BY s.id LIMIT $3)`},
	{tenant.KeepLogins, `DELETE FROM login_event WHERE id IN (SELECT id FROM login_event WHERE id < $1 AND CAST($2 AS BIGINT) > 0 ORDER BY id LIMIT $3)`},
}

// Purge implements tenant.TokenStore.
func (s *Store) Purge(ctx context.Context, now time.Time, limit int) (int, error) {
	var gone int64
	for _, p := range purges {
		var rows int64
		err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
			n, err := change(tx, p.text, tenant.SerialAt(now.Add(-p.keep)), millis(now), limit)
			rows = n
			return err
		})
		if err != nil {
			return int(gone), err
		}
		gone += rows
	}
	return int(gone), nil
}
