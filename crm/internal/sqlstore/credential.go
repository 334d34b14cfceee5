package sqlstore

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// PutCredential keeps the password and security token of a user, with no failures and no lock, in the transaction that
// makes the user or changes his password.
func PutCredential(tx *sqldb.Tx, c org.Credential) error {
	_, err := tx.Exec(`INSERT INTO user_login (org_id, user_id, password_hash, security_token_hash, security_token_length, password_changed_ms)
 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (org_id, user_id) DO UPDATE SET password_hash = $3, security_token_hash = $4,
 security_token_length = $5, password_changed_ms = $6, failures = 0, locked_until_ms = 0`,
		string(c.Org), string(c.User), c.PasswordHash, c.SecurityTokenHash, c.SecurityTokenLength, millis(c.PasswordChanged))
	return err
}

// Credential implements org.CredentialStore.
func (s *Store) Credential(ctx context.Context, orgID, user org.ID) (org.Credential, error) {
	c := org.Credential{Org: orgID, User: user}
	var changed, locked int64
	err := s.db.QueryRow(ctx, `SELECT password_hash, security_token_hash, security_token_length, password_changed_ms, failures, locked_until_ms
 FROM user_login WHERE org_id = $1 AND user_id = $2`, string(orgID), string(user)).
		Scan(&c.PasswordHash, &c.SecurityTokenHash, &c.SecurityTokenLength, &changed, &c.Failures, &locked)
	if err != nil {
		return org.Credential{}, notFound(err, "credential")
	}
	c.PasswordChanged = fromMillis(changed)
	if locked > 0 {
		c.LockedUntil = fromMillis(locked)
	}
	return c, nil
}

// CountFailure implements org.CredentialStore. One statement counts and locks, so that concurrent failures in many
// processes are all counted.
func (s *Store) CountFailure(ctx context.Context, orgID, user org.ID, limit int, now, until time.Time) error {
	return s.change(ctx, "counting a failed login", `UPDATE user_login SET
 locked_until_ms = CASE WHEN failures + 1 >= $3 THEN CAST($4 AS BIGINT) ELSE 0 END,
 failures = CASE WHEN failures + 1 >= $3 THEN 0 ELSE failures + 1 END
 WHERE org_id = $1 AND user_id = $2 AND locked_until_ms <= $5`, string(orgID), string(user), limit, millis(until), millis(now))
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
