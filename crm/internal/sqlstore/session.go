package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

var _ org.LoginStore = (*Store)(nil)

var (
	sessionColumns = []string{"id", "org_id", "user_id", "app_id", "token_hash", "scopes", "session_type", "grant_id", "timeout_ms", "created_ms", "expires_ms", "login_history_id", "delegate_id", "parent_id", "host"}
	appendSession  = sqldb.NewAppend("auth_session", sessionColumns...)
)

// sessionRow is a session as its columns hold it; the history row of its login has the session's number too.
func sessionRow(s org.StoredSession) []any {
	return []any{
		s.ID, string(s.Org), string(s.User), string(s.App), s.Hash[:], scopesOrNull(s.Scopes), s.Type, s.Grant, s.Timeout.Milliseconds(),
		millis(s.Created), millis(s.Expires), string(org.NumberID(org.PrefixLoginHistory, s.ID)), orNull(string(s.Delegate)), s.Parent, orNull(s.From.Host),
	}
}

// scopesOrNull keeps apart the session that may do all (NULL) and the one that may do nothing (”).
func scopesOrNull(scopes []string) sql.NullString {
	return sql.NullString{String: strings.Join(scopes, " "), Valid: scopes != nil}
}

// AddSession implements org.SessionStore.
func (s *Store) AddSession(ctx context.Context, ss org.StoredSession, e org.LoginEvent) error {
	err := s.db.AppendAll(ctx, appendSession.Of(sessionRow(ss)), appendLogin.Of(loginRow(e)))
	if err == nil {
		return nil
	}
	if err := numberTaken(err); fault.CodeOf(err) == org.CodeNumberTaken {
		return err
	}
	return fmt.Errorf("keeping a session: %w", err)
}

// insertSession keeps a session inside a transaction that does more.
func insertSession(tx *sqldb.Tx, ss org.StoredSession, e org.LoginEvent) error {
	_, err := tx.Exec(`INSERT INTO auth_session (id, org_id, user_id, app_id, token_hash, scopes, session_type, grant_id, timeout_ms, created_ms, expires_ms,
 login_history_id, delegate_id, parent_id, host) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`, sessionRow(ss)...)
	if err == nil {
		err = insertLogin(tx, e)
	}
	return err
}

// numberTaken turns a taken key into the fault that package org knows.
func numberTaken(err error) error {
	if sqldb.IsUnique(err) {
		return fault.Wrap(err, fault.Conflict, org.CodeNumberTaken, "the number is taken")
	}
	return err
}

// SessionByID implements org.SessionStore.
func (s *Store) SessionByID(ctx context.Context, id int64) (org.StoredSession, error) {
	ss := org.StoredSession{Session: org.Session{ID: id}}
	var hash []byte
	var scopes sql.NullString
	var timeout, created, expires int64
	err := s.db.QueryRow(ctx, `SELECT s.org_id, s.user_id, s.app_id, s.token_hash, s.scopes, s.session_type, s.grant_id, s.timeout_ms, s.created_ms, s.expires_ms, COALESCE(s.delegate_id, ''), s.parent_id,
 COALESCE(s.host, ''), COALESCE(h.source_ip, ''), COALESCE(h.login_sub_type, ''), CASE WHEN s.ended_ms IS NOT NULL OR g.revoked_ms IS NOT NULL OR s.id <= u.ended_up_to THEN 1 ELSE 0 END
 FROM auth_session s LEFT JOIN oauth_grant g ON g.id = s.grant_id
 LEFT JOIN user_login u ON u.org_id = s.org_id AND u.user_id = s.user_id
 LEFT JOIN login_history h ON h.org_id = s.org_id AND h.id = s.login_history_id WHERE s.id = $1`, id).
		Scan(&ss.Org, &ss.User, &ss.App, &hash, &scopes, &ss.Type, &ss.Grant, &timeout, &created, &expires, &ss.Delegate, &ss.Parent, &ss.From.Host, &ss.From.IP, &ss.Subtype, &ss.Ended)
	if err != nil {
		return org.StoredSession{}, notFound(err, "session")
	}
	copy(ss.Hash[:], hash)
	if scopes.Valid {
		ss.Scopes = append([]string{}, strings.Fields(scopes.String)...)
	}
	ss.Timeout = time.Duration(timeout) * time.Millisecond
	ss.Created, ss.Expires = fromMillis(created), fromMillis(expires)
	return ss, nil
}

// ExtendSession implements org.SessionStore.
func (s *Store) ExtendSession(ctx context.Context, id int64, expires time.Time) error {
	return s.change(ctx, "extending a session", `UPDATE auth_session SET expires_ms = $2 WHERE id = $1 AND expires_ms < $2 AND ended_ms IS NULL`, id, millis(expires))
}

// EndSession implements org.SessionStore.
func (s *Store) EndSession(ctx context.Context, id int64, at time.Time) error {
	return s.change(ctx, "ending a session", `UPDATE auth_session SET ended_ms = $2 WHERE id = $1 AND ended_ms IS NULL`, id, millis(at))
}

// EndUserSessions ends every session and grant of a user that has begun at the machine time now, in the transaction
// that deactivates him or changes what his sessions stand on. The caller tells org.Changes afterwards.
func EndUserSessions(tx *sqldb.Tx, orgID, user org.ID, now time.Time) error {
	// What is there already counts by itself, for a clock may have been set back since.
	var upTo int64
	err := tx.QueryRow(`SELECT COALESCE(MAX(id), 0) FROM (SELECT MAX(id) AS id FROM auth_session UNION ALL SELECT MAX(id) AS id FROM oauth_grant) newest`).Scan(&upTo)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO user_login (org_id, user_id, password_hash, password_changed_ms, ended_up_to) VALUES ($1, $2, '', 0, $3)
 ON CONFLICT (org_id, user_id) DO UPDATE SET ended_up_to = $3`, string(orgID), string(user), max(upTo, org.LastNumber(now)))
	return err
}

// change runs one statement as a write of its own.
func (s *Store) change(ctx context.Context, what, query string, args ...any) error {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
