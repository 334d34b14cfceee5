package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// PutCredential keeps all of a user's credential, in the transaction that makes the user or changes how he logs in.
func PutCredential(tx *sqldb.Tx, c org.Credential) error {
	row, err := credentialRow(c)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO user_login (`+strings.Join(credentialColumns(), ", ")+`)
 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (org_id, user_id) DO UPDATE SET password_hash = $3,
 security_token_hash = $4, security_token_length = $5, password_changed_ms = $6, failures = $7, locked_until_ms = $8, must_change = $9,
 password_history = $10, link_hash = $11, link_expires_ms = $12, unverified = $13, frozen = $14`, row...)
	return err
}

func credentialColumns() []string {
	return []string{
		"org_id", "user_id", "password_hash", "security_token_hash", "security_token_length", "password_changed_ms", "failures", "locked_until_ms", "must_change",
		"password_history", "link_hash", "link_expires_ms", "unverified", "frozen",
	}
}

func credentialRow(c org.Credential) ([]any, error) {
	history, err := json.Marshal(append([]string{}, c.History...))
	return []any{
		string(c.Org), string(c.User), c.PasswordHash, c.SecurityTokenHash, c.SecurityTokenLength, millisOrZero(c.PasswordChanged),
		c.Failures, millisOrZero(c.LockedUntil), flag(c.MustChange), string(history), c.LinkHash, millisOrZero(c.LinkExpires),
		flag(c.Unverified), flag(c.Frozen),
	}, err
}

// millisOrZero is 0 for no time at all.
func millisOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return millis(t)
}

func timeOrZero(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return fromMillis(ms)
}

// Credential implements org.CredentialStore.
func (s *Store) Credential(ctx context.Context, orgID, user org.ID) (org.Credential, error) {
	return readCredential(pool{ctx, s.db}, orgID, user, "")
}

func readCredential(q rowQuerier, orgID, user org.ID, suffix string) (org.Credential, error) {
	c := org.Credential{Org: orgID, User: user}
	var changed, locked, link int64
	var history string
	err := q.QueryRow(`SELECT password_hash, security_token_hash, security_token_length, password_changed_ms, failures, locked_until_ms,
 must_change, password_history, link_hash, link_expires_ms, unverified, frozen FROM user_login WHERE org_id = $1 AND user_id = $2`+suffix,
		string(orgID), string(user)).
		Scan(&c.PasswordHash, &c.SecurityTokenHash, &c.SecurityTokenLength, &changed, &c.Failures, &locked, &c.MustChange, &history, &c.LinkHash,
			&link, &c.Unverified, &c.Frozen)
	if err != nil {
		return org.Credential{}, notFound(err, "credential")
	}
	if err := json.Unmarshal([]byte(history), &c.History); err != nil {
		return org.Credential{}, fmt.Errorf("password history of user %s: %w", user, err)
	}
	c.PasswordChanged, c.LockedUntil, c.LinkExpires = timeOrZero(changed), timeOrZero(locked), timeOrZero(link)
	return c, nil
}

var _ org.AccountStore = (*Store)(nil)

// ChangeCredential implements org.AccountStore.
func (s *Store) ChangeCredential(ctx context.Context, orgID, user org.ID, fn func(org.RecordTx, *org.Credential) error, letters ...org.Letter) error {
	return s.Write(ctx, func(tx org.RecordTx) error {
		c, err := tx.Credential(orgID, user)
		if err != nil {
			return err
		}
		if err := fn(tx, &c); err != nil {
			return err
		}
		for _, l := range letters {
			if err := tx.Post(l); err != nil {
				return err
			}
		}
		return tx.PutCredential(c)
	})
}

// Credential implements org.RecordTx.
func (t recordTx) Credential(orgID, user org.ID) (org.Credential, error) {
	suffix := ""
	if t.postgres {
		suffix = " FOR UPDATE"
	}
	c, err := readCredential(t.tx, orgID, user, suffix)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return org.Credential{Org: orgID, User: user, Unverified: true}, nil // who never had a link or a password showed nothing
	}
	return c, err
}

// PutCredential implements org.RecordTx.
func (t recordTx) PutCredential(c org.Credential) error { return PutCredential(t.tx, c) }

// EndOtherSessions implements org.RecordTx. They are found by reading all, as those of an app are: an index would cost each
// login more.
func (t recordTx) EndOtherSessions(but org.Session, user org.ID, refresh bool, at time.Time) error {
	type statement struct {
		text string
		more []any // after the org and the user
	}
	all := []statement{{`UPDATE auth_session SET ended_ms = $3 WHERE org_id = $1 AND user_id = $2 AND ended_ms IS NULL AND id <> $4 AND id <> $5`, []any{millis(at), but.ID, but.Parent}}}
	if refresh { // codes and devices that wait would make refresh tokens of their own
		all = append(
			all,
			statement{`UPDATE oauth_code SET used_ms = $3 WHERE org_id = $1 AND user_id = $2 AND used_ms IS NULL`, []any{millis(at)}},
			statement{`UPDATE oauth_device SET state = $3 WHERE org_id = $1 AND user_id = $2 AND state = $4`, []any{org.DeviceDenied, org.DeviceAllowed}},
			statement{`UPDATE oauth_grant SET revoked_ms = $3 WHERE org_id = $1 AND user_id = $2 AND revoked_ms IS NULL AND refresh_hash IS NOT NULL`, []any{millis(at)}},
		)
	}
	for _, one := range all {
		if _, err := t.tx.Exec(one.text, append([]any{string(but.Org), string(user)}, one.more...)...); err != nil {
			return fmt.Errorf("ending a user's sessions: %w", err)
		}
	}
	return nil
}

// EndSession implements org.RecordTx.
func (t recordTx) EndSession(orgID org.ID, number int64, at time.Time) error {
	_, err := t.tx.Exec(`UPDATE auth_session SET ended_ms = $3 WHERE id = $2 AND org_id = $1 AND ended_ms IS NULL`, string(orgID), number, millis(at))
	return err
}

// CountFailure implements org.CredentialStore. One statement counts and locks, so that concurrent failures in many
// processes are all counted.
func (s *Store) CountFailure(ctx context.Context, orgID, user org.ID, limit int, now, until time.Time) error {
	return s.change(ctx, "counting a failed login", `UPDATE user_login SET
 locked_until_ms = CASE WHEN failures + 1 >= $3 THEN CAST($4 AS BIGINT) ELSE 0 END,
 failures = CASE WHEN failures + 1 >= $3 THEN 0 ELSE failures + 1 END
 WHERE org_id = $1 AND user_id = $2 AND locked_until_ms <= $5`, string(orgID), string(user), limit, millis(until), millis(now))
}

// CountNobody implements org.CredentialStore. Login History of no org is read by nobody, and PurgeHistory deletes it.
func (s *Store) CountNobody(ctx context.Context, at time.Time) error {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		return insertLogin(tx, org.LoginEvent{ID: org.NewID(org.PrefixLoginHistory), Time: at, Type: org.LoginTypeApplication, Status: org.StatusInvalidPassword})
	})
	if err != nil {
		return fmt.Errorf("counting a failed login: %w", err)
	}
	return nil
}

// ClearFailures implements org.CredentialStore.
func (s *Store) ClearFailures(ctx context.Context, orgID, user org.ID) error {
	return s.change(ctx, "clearing failed logins", `UPDATE user_login SET failures = 0, locked_until_ms = 0 WHERE org_id = $1 AND user_id = $2`,
		string(orgID), string(user))
}

// SigningKey implements org.SigningKeyStore.
func (s *Store) SigningKey(ctx context.Context) (org.SigningKey, error) {
	var k org.SigningKey
	if err := s.db.QueryRow(ctx, `SELECT key_id, sealed FROM signing_key WHERE id = 1`).Scan(&k.KeyID, &k.Sealed); err != nil {
		return org.SigningKey{}, notFound(err, "signing key")
	}
	return k, nil
}

// AddSigningKey implements org.SigningKeyStore.
func (s *Store) AddSigningKey(ctx context.Context, k org.SigningKey) (org.SigningKey, error) {
	var kept org.SigningKey
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`INSERT INTO signing_key (id, key_id, sealed) VALUES (1, $1, $2) ON CONFLICT (id) DO NOTHING`, k.KeyID, k.Sealed); err != nil {
			return err
		}
		return tx.QueryRow(`SELECT key_id, sealed FROM signing_key WHERE id = 1`).Scan(&kept.KeyID, &kept.Sealed)
	})
	return kept, err
}
