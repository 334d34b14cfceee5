package sqlstore

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// AddConsoleSession implements access.Store.
func (s *Store) AddConsoleSession(ctx context.Context, why audit.Change, v access.Session) error {
	key, err := s.auditKey(ctx, v.Pair)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`DELETE FROM console_session WHERE pair_id = $1 AND expires_at < $2`, v.Pair, ms(v.Expires.Add(-access.SessionLife-keepExpired))); err != nil {
			return err
		}
		if why.Action != "" {
			if _, err := note(tx, key, entry(v.Pair, why, nil, nil)); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`INSERT INTO console_session (token_hash, pair_id, cloud, org_id, user_id, username, name, role, expires_at, seen_at, role_at, eyes_sealed)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
			v.Token, v.Pair, string(v.Person.Cloud), v.Person.OrgID, v.Person.UserID, v.Person.Username, v.Person.Name, string(v.Role), ms(v.Expires), ms(v.Seen), ms(v.RoleAt), v.Eyes)
		return err
	})
}

// ConsoleSession implements access.Store.
func (s *Store) ConsoleSession(ctx context.Context, token []byte) (access.Session, error) {
	var v access.Session
	var expires, seen, role int64
	err := s.db.QueryRow(ctx, `SELECT token_hash, pair_id, cloud, org_id, user_id, username, name, role, expires_at, seen_at, role_at, eyes_sealed FROM console_session WHERE token_hash = $1`, token).
		Scan(&v.Token, &v.Pair, &v.Person.Cloud, &v.Person.OrgID, &v.Person.UserID, &v.Person.Username, &v.Person.Name, &v.Role, &expires, &seen, &role, &v.Eyes)
	v.Expires, v.Seen, v.RoleAt = at(expires), at(seen), at(role)
	return v, found(err, access.CodeNotFound, "session")
}

// KeepConsoleSession implements access.Store.
func (s *Store) KeepConsoleSession(ctx context.Context, v access.Session) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE console_session SET role = $2, seen_at = $3, role_at = $4 WHERE token_hash = $1`, v.Token, string(v.Role), ms(v.Seen), ms(v.RoleAt))
		return err
	})
}

// EndConsoleSession implements access.Store.
func (s *Store) EndConsoleSession(ctx context.Context, token []byte) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`DELETE FROM console_session WHERE token_hash = $1`, token)
		return err
	})
}

const tokenColumns = `pair_id, token_id, token_hash, name, role, crm_username, created_by, created_at, expires_at, revoked_at, used_at`

func scanToken(row scanner) (access.Token, error) {
	var t access.Token
	var created, expires, revoked, used int64
	err := row.Scan(&t.Pair, &t.ID, &t.Hash, &t.Name, &t.Role, &t.Username, &t.By, &created, &expires, &revoked, &used)
	t.Created, t.Expires, t.Revoked, t.Used = at(created), at(expires), at(revoked), at(used)
	return t, found(err, access.CodeNotFound, "API token")
}

// AddToken implements access.Store.
func (s *Store) AddToken(ctx context.Context, why audit.Change, t access.Token) error {
	key, err := s.auditKey(ctx, t.Pair)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		// What has expired gives its name back.
		if _, err := tx.Exec(`UPDATE api_token SET revoked_at = expires_at WHERE pair_id = $1 AND name = $2 AND revoked_at = 0 AND expires_at <= $3`, t.Pair, t.Name, ms(t.Created)); err != nil {
			return err
		}
		res, err := tx.Exec(`INSERT INTO api_token (`+tokenColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0) ON CONFLICT DO NOTHING`,
			t.Pair, t.ID, t.Hash, t.Name, string(t.Role), t.Username, t.By, ms(t.Created), ms(t.Expires))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return fault.New(fault.Conflict, access.CodeTokenName, "Another API token has this name; revoke it first, or take another.").In("name")
		}
		_, err = note(tx, key, entry(t.Pair, why, nil, t.Facts()))
		return err
	})
}

// Tokens implements access.Store.
func (s *Store) Tokens(ctx context.Context, pair string) ([]access.Token, error) {
	rows, err := s.db.Query(ctx, `SELECT `+tokenColumns+` FROM api_token WHERE pair_id = $1 ORDER BY CASE WHEN revoked_at = 0 THEN 0 ELSE 1 END, name, created_at LIMIT 1000`, pair)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	var all []access.Token
	for rows.Next() {
		t, err := scanToken(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, rows.Err()
}

// TokenByHash implements access.Store.
func (s *Store) TokenByHash(ctx context.Context, hash []byte) (access.Token, error) {
	return scanToken(s.db.QueryRow(ctx, `SELECT `+tokenColumns+` FROM api_token WHERE token_hash = $1`, hash))
}

// RevokeToken implements access.Store.
func (s *Store) RevokeToken(ctx context.Context, why audit.Change, pair, id string) (access.Token, error) {
	key, err := s.auditKey(ctx, pair)
	if err != nil {
		return access.Token{}, err
	}
	var t access.Token
	err = s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		if err := turn(tx, pair); err != nil { // of two who revoke it, one does
			return err
		}
		t, err = scanToken(tx.QueryRow(`SELECT `+tokenColumns+` FROM api_token WHERE pair_id = $1 AND token_id = $2`, pair, id))
		if err != nil || !t.Revoked.IsZero() {
			return err
		}
		before := t.Facts()
		t.Revoked = at(ms(why.At))
		if _, err := tx.Exec(`UPDATE api_token SET revoked_at = $3 WHERE pair_id = $1 AND token_id = $2`, pair, id, ms(t.Revoked)); err != nil {
			return err
		}
		why.Subject = t.Name
		_, err = note(tx, key, entry(pair, why, before, t.Facts()))
		return err
	})
	return t, err
}

// UseToken implements access.Store.
func (s *Store) UseToken(ctx context.Context, pair, id string, when time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE api_token SET used_at = $3 WHERE pair_id = $1 AND token_id = $2`, pair, id, ms(when))
		return err
	})
}

// PutConsoleLink implements access.Store.
func (s *Store) PutConsoleLink(ctx context.Context, pair string, hash []byte, expires time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO console_link (pair_id, link_hash, expires_at) VALUES ($1, $2, $3)
			ON CONFLICT (pair_id) DO UPDATE SET link_hash = excluded.link_hash, expires_at = excluded.expires_at`, pair, hash, ms(expires))
		return err
	})
}

// TakeConsoleLink implements access.Store.
func (s *Store) TakeConsoleLink(ctx context.Context, hash []byte) (pair string, expires time.Time, err error) {
	var until int64
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		return found(tx.QueryRow(`DELETE FROM console_link WHERE link_hash = $1 RETURNING pair_id, expires_at`, hash).Scan(&pair, &until), access.CodeNotFound, "link")
	})
	return pair, at(until), err
}
