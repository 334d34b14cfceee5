package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/twinspan/twinspan/connect/internal/signin"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// keepExpired is how long after their expiry flows and sessions are kept before one that is added sweeps them out.
const keepExpired = 24 * time.Hour

// Anybody may begin a sign-in, so flows are kept for less: keepFlow after their expiry, which lets a late return be told
// from an unknown one; and each that is added sweeps out flowsAtOnce, which is more than comes in.
const (
	keepFlow    = 30 * time.Minute
	flowsAtOnce = 100
	// maxVisits bounds the visits of a pair, and the sign-ins to its console, that nobody has come back from yet. The oldest of more are forgotten: who comes
	// back from one of those begins anew.
	maxVisits = 10_000
)

// AddFlow implements signin.Store.
func (s *Store) AddFlow(ctx context.Context, f signin.Flow) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`DELETE FROM signin_flow WHERE flow_hash IN (SELECT flow_hash FROM signin_flow WHERE pair_id = $1 AND expires_at < $2 ORDER BY expires_at LIMIT $3)`,
			f.Pair, ms(f.Expires.Add(-signin.FlowLife-keepFlow)), flowsAtOnce); err != nil {
			return err
		}
		if anybody(f.Purpose) {
			if _, err := tx.Exec(`DELETE FROM signin_flow WHERE flow_hash IN (SELECT flow_hash FROM signin_flow WHERE pair_id = $1 AND purpose = $4
				ORDER BY expires_at DESC LIMIT $2 OFFSET $3)`, f.Pair, flowsAtOnce, s.maxVisits-1, string(f.Purpose)); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`INSERT INTO signin_flow (flow_hash, pair_id, purpose, step, browser_hash, secrets_sealed, expires_at, org_id, crm_user_id,
				crm_username, crm_name, engagement_username, engagement_mid, return_to)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
			f.Key, f.Pair, string(f.Purpose), string(f.Step), f.Browser, f.Secrets, ms(f.Expires),
			f.Visitor.OrgID, f.Visitor.UserID, f.Visitor.Username, f.Visitor.Name, f.Username, f.MID, f.Return)
		return err
	})
}

// anybody reports whether a purpose is one that a browser begins without being known.
func anybody(p signin.Purpose) bool {
	return p == signin.Visit || p == signin.Console || p == signin.ConsoleTenant
}

// Flow implements signin.Store.
func (s *Store) Flow(ctx context.Context, key []byte) (signin.Flow, error) {
	var f signin.Flow
	var expires int64
	err := s.db.QueryRow(ctx, `SELECT flow_hash, pair_id, purpose, step, browser_hash, secrets_sealed, expires_at, org_id, crm_user_id, crm_username, crm_name,
			engagement_username, engagement_mid, return_to
		FROM signin_flow WHERE flow_hash = $1`, key).
		Scan(&f.Key, &f.Pair, &f.Purpose, &f.Step, &f.Browser, &f.Secrets, &expires,
			&f.Visitor.OrgID, &f.Visitor.UserID, &f.Visitor.Username, &f.Visitor.Name, &f.Username, &f.MID, &f.Return)
	if errors.Is(err, sql.ErrNoRows) {
		return signin.Flow{}, signin.Unknown()
	}
	f.Expires = at(expires)
	f.Visitor.Pair = f.Pair
	return f, err
}

// TakeFlow implements signin.Store.
func (s *Store) TakeFlow(ctx context.Context, key []byte) error {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`DELETE FROM signin_flow WHERE flow_hash = $1`, key)
		return swapped(res, err)
	})
	if errors.Is(err, errSwapped) {
		return signin.Unknown()
	}
	return err
}

// ForgetSecrets implements signin.Store.
func (s *Store) ForgetSecrets(ctx context.Context, pair string, now time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE signin_flow SET secrets_sealed = NULL WHERE pair_id = $1 AND expires_at <= $2 AND secrets_sealed IS NOT NULL`, pair, ms(now))
		return err
	})
}

// AddSession implements signin.Store.
func (s *Store) AddSession(ctx context.Context, v signin.Session) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`DELETE FROM visitor_session WHERE pair_id = $1 AND expires_at < $2`, v.Visitor.Pair, ms(v.Expires.Add(-keepExpired))); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO visitor_session (token_hash, pair_id, org_id, crm_user_id, crm_username, crm_name, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			v.Token, v.Visitor.Pair, v.Visitor.OrgID, v.Visitor.UserID, v.Visitor.Username, v.Visitor.Name, ms(v.Expires))
		return err
	})
}

// Session implements signin.Store.
func (s *Store) Session(ctx context.Context, token []byte) (signin.Session, error) {
	var v signin.Session
	var expires int64
	err := s.db.QueryRow(ctx, `SELECT token_hash, pair_id, org_id, crm_user_id, crm_username, crm_name, expires_at FROM visitor_session WHERE token_hash = $1`, token).
		Scan(&v.Token, &v.Visitor.Pair, &v.Visitor.OrgID, &v.Visitor.UserID, &v.Visitor.Username, &v.Visitor.Name, &expires)
	v.Expires = at(expires)
	return v, found(err, signin.CodeNotFound, "session")
}

// EndSession implements signin.Store.
func (s *Store) EndSession(ctx context.Context, token []byte) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`DELETE FROM visitor_session WHERE token_hash = $1`, token)
		return err
	})
}
