package sqlstore

import (
	"context"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// forgetCredentials removes what spans keep whose driver keeps nothing. Users' tokens are of the span into Engagement, and
// of the client through which they signed in: another one can do nothing with them. While a span is being upgraded its old
// credentials are kept: cancelled, it works by them again.
func forgetCredentials(tx *sqldb.Tx, before, l link.Link) error {
	if before.UserClientID() != l.UserClientID() {
		if _, err := tx.Exec(`DELETE FROM user_token WHERE pair_id = $1`, l.Pair); err != nil {
			return err
		}
	}
	for d, state := range map[link.Direction]link.SpanState{link.IntoOrg: l.Org.State, link.IntoTenant: l.Tenant.State} {
		if state != link.SpanDown {
			continue
		}
		if _, err := tx.Exec(`DELETE FROM shared_token WHERE pair_id = $1 AND direction = $2`, l.Pair, string(d)); err != nil {
			return err
		}
	}
	if l.Tenant.Driver == "" { // disconnected; one that comes to be connected by key moves its users first
		if _, err := tx.Exec(`DELETE FROM user_token WHERE pair_id = $1`, l.Pair); err != nil {
			return err
		}
	}
	return forgetUnused(tx, l)
}

// forgetUnused removes the credentials of spans whose driver uses none. Those of a span whose upgrade is live stay: they are the way
// back. When that is over nobody else comes past them, so its end asks for this too.
func forgetUnused(tx *sqldb.Tx, l link.Link) error {
	for _, span := range []struct {
		link.Direction
		link.Driver
		upgrade.Kind
	}{{link.IntoOrg, l.Org.Driver, upgrade.ConnectedApp}, {link.IntoTenant, l.Tenant.Driver, upgrade.TenantOAuth}} {
		if span.KeepsSecrets() {
			continue
		}
		if _, err := tx.Exec(`DELETE FROM span_credential WHERE pair_id = $1 AND direction = $2
			AND NOT EXISTS (SELECT 1 FROM upgrade WHERE upgrade.pair_id = $1 AND live = 1 AND kind = $3)`, l.Pair, string(span.Direction), string(span.Kind)); err != nil {
			return err
		}
	}
	return nil
}

// Credential implements link.Credentials.
func (s *Store) Credential(ctx context.Context, pair string, d link.Direction) (link.SealedCredential, error) {
	c := link.SealedCredential{Pair: pair, Direction: d}
	err := s.db.QueryRow(ctx, `SELECT name, sealed_for, secrets_sealed FROM span_credential WHERE pair_id = $1 AND direction = $2`, pair, string(d)).Scan(&c.Name, &c.Origin, &c.Sealed)
	return c, found(err, link.CodeNotFound, "credential")
}

// UpdateLinkWith implements link.Credentials.
func (s *Store) UpdateLinkWith(ctx context.Context, c link.SealedCredential, why audit.Change, change func(link.Link) (link.Link, error)) (link.Link, error) {
	return s.updateLink(ctx, c.Pair, why, change, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO span_credential (pair_id, direction, name, sealed_for, secrets_sealed) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (pair_id, direction) DO UPDATE SET name = excluded.name, sealed_for = excluded.sealed_for, secrets_sealed = excluded.secrets_sealed`,
			c.Pair, string(c.Direction), c.Name, c.Origin, c.Sealed)
		return err
	})
}

// PutUserToken implements link.Credentials.
func (s *Store) PutUserToken(ctx context.Context, t link.UserToken) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error { return putUserToken(tx, t) })
}

func putUserToken(tx *sqldb.Tx, t link.UserToken) error {
	_, err := tx.Exec(`INSERT INTO user_token (pair_id, username, token_sealed, lease_until, revision, renewed_at, sealed_for) VALUES ($1, $2, $3, 0, 1, $4, $5)
		ON CONFLICT (pair_id, username) DO UPDATE SET token_sealed = excluded.token_sealed, sealed_for = excluded.sealed_for, moved = '', lease_until = 0, revision = user_token.revision + 1, renewed_at = excluded.renewed_at`,
		t.Pair, t.Username, t.Sealed, ms(t.RenewedAt), t.Origin)
	return err
}

// LeaseUserToken implements link.Credentials.
func (s *Store) LeaseUserToken(ctx context.Context, pair, username string, now, until time.Time) (link.UserToken, error) {
	t := link.UserToken{Pair: pair, Username: username}
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		var lease int64
		err := tx.QueryRow(`SELECT lease_until FROM user_token WHERE pair_id = $1 AND username = $2`, pair, username).Scan(&lease)
		if err := found(err, link.CodeNotFound, "token"); err != nil {
			return err
		}
		res, err := tx.Exec(`UPDATE user_token SET lease_until = $3, revision = revision + 1 WHERE pair_id = $1 AND username = $2 AND lease_until <= $4`, pair, username, ms(until), ms(now))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			if err == nil {
				err = fault.New(fault.Limited, link.CodeTokenBusy, "The token of the user is being renewed.")
			}
			return err
		}
		var renewed int64
		err = tx.QueryRow(`SELECT token_sealed, sealed_for, revision, renewed_at FROM user_token WHERE pair_id = $1 AND username = $2`, pair, username).Scan(&t.Sealed, &t.Origin, &t.Revision, &renewed)
		t.RenewedAt = at(renewed)
		return err
	})
	return t, err
}

// SwapUserToken implements link.Credentials.
func (s *Store) SwapUserToken(ctx context.Context, t link.UserToken) (bool, error) {
	var done bool
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`UPDATE user_token SET token_sealed = $4, moved = '', lease_until = 0, revision = revision + 1, renewed_at = $5 WHERE pair_id = $1 AND username = $2 AND revision = $3`,
			t.Pair, t.Username, t.Revision, t.Sealed, ms(t.RenewedAt))
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		done = n == 1
		return err
	})
	return done, err
}

// IdleUserTokens implements link.Credentials.
func (s *Store) IdleUserTokens(ctx context.Context, pair string, before time.Time, limit int) ([]string, error) {
	return textsOf(s.db.Query(ctx, `SELECT username FROM user_token WHERE pair_id = $1 AND renewed_at < $2 ORDER BY renewed_at LIMIT $3`, pair, ms(before), limit))
}

// DeleteUserToken implements link.Credentials.
func (s *Store) DeleteUserToken(ctx context.Context, pair, username string) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`DELETE FROM user_token WHERE pair_id = $1 AND username = $2`, pair, username)
		return err
	})
}

// DeleteStrangers implements link.Credentials.
func (s *Store) DeleteStrangers(ctx context.Context, pair string, before time.Time) ([]string, error) {
	found, err := textsOf(s.db.Query(ctx, `SELECT t.username FROM user_token t WHERE t.pair_id = $1 AND t.renewed_at < $2
		AND NOT EXISTS (SELECT 1 FROM user_mapping m WHERE m.pair_id = t.pair_id AND lower(m.engagement_username) = t.username) ORDER BY t.username`, pair, ms(before)))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	var gone []string
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		gone = nil
		// Databases do not lower every letter that Go does: who is mapped is looked up here before anything goes.
		names, err := textsOf(tx.Query(`SELECT engagement_username FROM user_mapping WHERE pair_id = $1 UNION SELECT engagement_username FROM link WHERE pair_id = $1`, pair))
		if err != nil {
			return err
		}
		known := make(map[string]bool, len(names))
		for _, name := range names {
			known[strings.ToLower(name)] = true
		}
		for _, name := range found {
			if known[name] {
				continue
			}
			res, err := tx.Exec(`DELETE FROM user_token WHERE pair_id = $1 AND username = $2 AND renewed_at < $3`, pair, name, ms(before))
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			if n > 0 {
				gone = append(gone, name)
			}
		}
		return nil
	})
	return gone, err
}

// WaitingTokens implements link.UserTokens.
func (s *Store) WaitingTokens(ctx context.Context, pair, after string, limit int) ([]string, error) {
	return textsOf(s.db.Query(ctx, `SELECT username FROM user_token WHERE pair_id = $1 AND moved = '' AND username > $2 ORDER BY username LIMIT $3`, pair, after, limit))
}

// MoveToken implements link.UserTokens.
func (s *Store) MoveToken(ctx context.Context, pair, username string, to link.TokenMove) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE user_token SET moved = $3 WHERE pair_id = $1 AND username = $2`, pair, username, string(to))
		return err
	})
}

// ResetTokens implements link.UserTokens.
func (s *Store) ResetTokens(ctx context.Context, pair string) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE user_token SET moved = '' WHERE pair_id = $1 AND moved <> ''`, pair)
		return err
	})
}

// DeleteMovedTokens implements link.UserTokens.
func (s *Store) DeleteMovedTokens(ctx context.Context, pair string, limit int) (int, error) {
	var gone int64
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`DELETE FROM user_token WHERE pair_id = $1 AND username IN (SELECT username FROM user_token WHERE pair_id = $1 AND moved <> '' ORDER BY username LIMIT $2)
			AND NOT EXISTS (SELECT 1 FROM upgrade WHERE upgrade.pair_id = $1 AND live = 1 AND kind = $3)`, pair, limit, string(upgrade.TenantOAuth))
		if err == nil {
			gone, err = res.RowsAffected()
		}
		return err
	})
	return int(gone), err
}

// CountTokens implements link.UserTokens.
func (s *Store) CountTokens(ctx context.Context, pair string) (link.TokenMoves, error) {
	var n link.TokenMoves
	err := s.db.QueryRow(ctx, `SELECT COALESCE(SUM(CASE WHEN moved = '' THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN moved = 'moved' THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN moved = 'refused' THEN 1 ELSE 0 END), 0) FROM user_token WHERE pair_id = $1`, pair).Scan(&n.Waiting, &n.Moved, &n.Refused)
	return n, err
}
