package sqlstore

import (
	"context"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// AddCode implements org.CodeStore.
func (s *Store) AddCode(ctx context.Context, c org.AuthCode, approval *org.Grant) (dropped bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		grant := c.Grant
		if approval != nil {
			grant = approval.ID
		}
		_, err := tx.Exec(`INSERT INTO oauth_code (id, code_hash, org_id, user_id, app_id, consumer_key, redirect_uri, challenge, nonce, scopes, grant_id,
 auth_ms, created_ms, expires_ms, parent_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
			c.ID, c.Hash[:], string(c.Org), string(c.User), string(c.App), c.ConsumerKey, c.RedirectURI, c.Challenge, c.Nonce, strings.Join(c.Scopes, " "), grant,
			millis(c.AuthTime), millis(c.Created), millis(c.Expires), c.Parent)
		if err == nil && approval != nil {
			dropped, err = putGrant(tx, *approval)
		}
		return err
	})
	return dropped, numberTaken(err)
}

// Code implements org.CodeStore.
func (s *Store) Code(ctx context.Context, id int64) (org.AuthCode, error) {
	c := org.AuthCode{ID: id}
	var hash []byte
	var scopes string
	var auth, created, expires int64
	err := s.db.QueryRow(ctx, `SELECT code_hash, org_id, user_id, app_id, consumer_key, redirect_uri, challenge, nonce, scopes, grant_id, auth_ms, created_ms,
 expires_ms, parent_id, CASE WHEN used_ms IS NULL THEN 0 ELSE 1 END FROM oauth_code WHERE id = $1`, id).
		Scan(&hash, &c.Org, &c.User, &c.App, &c.ConsumerKey, &c.RedirectURI, &c.Challenge, &c.Nonce, &scopes, &c.Grant, &auth, &created, &expires, &c.Parent, &c.Used)
	if err != nil {
		return org.AuthCode{}, notFound(err, "code")
	}
	copy(c.Hash[:], hash)
	c.Scopes, c.AuthTime, c.Created, c.Expires = strings.Fields(scopes), fromMillis(auth), fromMillis(created), fromMillis(expires)
	return c, nil
}

// ofThisLife holds for rows of a table that began after all of their user was ended (EndUserSessions).
func ofThisLife(table string) string {
	return `NOT EXISTS (SELECT 1 FROM user_login l WHERE l.org_id = ` + table + `.org_id AND l.user_id = ` + table + `.user_id AND l.ended_up_to >= ` + table + `.id)`
}

// OpenLink implements org.CodeStore.
func (s *Store) OpenLink(ctx context.Context, code int64, at time.Time, ss org.StoredSession, e org.LoginEvent) error {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`UPDATE oauth_code SET used_ms = $2 WHERE id = $1 AND used_ms IS NULL AND `+ofThisLife("oauth_code"), code, millis(at))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return orFault(err, fault.New(fault.Conflict, org.CodeAlreadyUsed, "the link was opened before"))
		}
		return insertSession(tx, ss, e)
	})
	return numberTaken(err)
}

// RedeemCode implements org.CodeStore. The first statement decides who wins; the code then names the grant, so that a
// second use finds what to revoke.
func (s *Store) RedeemCode(ctx context.Context, r org.Redemption) (dropped bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`UPDATE oauth_code SET used_ms = $2, grant_id = $3 WHERE id = $1 AND used_ms IS NULL AND `+ofThisLife("oauth_code"), r.Code, millis(r.At), r.Grant.ID)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return orFault(err, fault.New(fault.Conflict, org.CodeAlreadyUsed, "the code was used before"))
		}
		if dropped, err = putGrant(tx, r.Grant); err != nil {
			return err
		}
		return insertSession(tx, r.Session, r.Event)
	})
	return dropped, numberTaken(err)
}

// RevokeCode implements org.CodeStore.
func (s *Store) RevokeCode(ctx context.Context, id int64, at time.Time) error {
	return s.change(ctx, "revoking what a code made", `UPDATE oauth_grant SET revoked_ms = $2
 WHERE revoked_ms IS NULL AND id = (SELECT grant_id FROM oauth_code WHERE id = $1)`, id, millis(at))
}

// UseAssertion implements org.AssertionStore. Each new assertion sweeps out four old ones, so the table shrinks to those
// that are live.
func (s *Store) UseAssertion(ctx context.Context, hash [32]byte, now, forget time.Time, ss org.StoredSession, e org.LoginEvent) error {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		fresh, err := spendAssertion(tx, hash, now, forget)
		if err != nil || !fresh {
			return orFault(err, fault.New(fault.Conflict, org.CodeAlreadyUsed, "the assertion was used before"))
		}
		return insertSession(tx, ss, e)
	})
	return numberTaken(err)
}

// SpendAssertion implements org.AssertionStore.
func (s *Store) SpendAssertion(ctx context.Context, hash [32]byte, now, forget time.Time) (fresh bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		fresh, err = spendAssertion(tx, hash, now, forget)
		return err
	})
	return fresh, err
}

func spendAssertion(tx *sqldb.Tx, hash [32]byte, now, forget time.Time) (fresh bool, err error) {
	res, err := tx.Exec(`INSERT INTO oauth_assertion (hash, forget_ms) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING`, hash[:], millis(forget))
	if err != nil {
		return false, err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	_, err = tx.Exec(`DELETE FROM oauth_assertion WHERE hash IN (SELECT hash FROM oauth_assertion WHERE forget_ms < $1 ORDER BY forget_ms LIMIT 4)`, millis(now))
	return true, err
}
