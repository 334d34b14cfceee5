package sqlstore

import (
	"context"
	"errors"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/integration"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

const accountQuery = `SELECT pair_id, username, user_id, org_id, client_id, state, cause_code, cause_text, connected_at, checked_at, revision, sealed_for, secrets_sealed
	FROM integration_user WHERE pair_id = $1`

func scanAccount(row scanner) (a integration.Account, secrets []byte, err error) {
	var connected, checked int64
	err = row.Scan(&a.Pair, &a.Username, &a.UserID, &a.OrgID, &a.ClientID, &a.State, &a.Cause.Code, &a.Cause.Text, &connected, &checked, &a.Revision, &a.Origin, &secrets)
	a.ConnectedAt, a.CheckedAt = at(connected), at(checked)
	return a, secrets, found(err, integration.CodeNotFound, "integration user")
}

// Account implements integration.Store.
func (s *Store) Account(ctx context.Context, pair string) (integration.Account, []byte, error) {
	return scanAccount(s.db.QueryRow(ctx, accountQuery, pair))
}

// PutAccount implements integration.Store.
func (s *Store) PutAccount(ctx context.Context, a integration.Account, secrets []byte, why audit.Change) (integration.Account, error) {
	key, err := s.auditKey(ctx, a.Pair)
	if err != nil {
		return integration.Account{}, err
	}
	err = errSwapped
	for try := 0; try < maxSwaps && errors.Is(err, errSwapped); try++ {
		err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
			before, _, err := scanAccount(tx.QueryRow(accountQuery, a.Pair))
			if fault.CodeOf(err) == integration.CodeNotFound {
				before, err = integration.Account{}, nil
			}
			if err != nil {
				return err
			}
			a.Revision = before.Revision + 1
			res, err := tx.Exec(`INSERT INTO integration_user (pair_id, username, user_id, org_id, client_id, state, cause_code, cause_text, connected_at, checked_at, revision, secrets_sealed, sealed_for)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
				ON CONFLICT (pair_id) DO UPDATE SET username = excluded.username, user_id = excluded.user_id, org_id = excluded.org_id, client_id = excluded.client_id,
					state = excluded.state, cause_code = excluded.cause_code, cause_text = excluded.cause_text, connected_at = excluded.connected_at,
					checked_at = excluded.checked_at, revision = excluded.revision, secrets_sealed = excluded.secrets_sealed,
					sealed_for = excluded.sealed_for
				WHERE integration_user.revision = excluded.revision - 1`,
				a.Pair, a.Username, a.UserID, a.OrgID, a.ClientID, string(a.State), a.Cause.Code, a.Cause.Text, ms(a.ConnectedAt), ms(a.CheckedAt), a.Revision, secrets, a.Origin)
			if err := swapped(res, err); err != nil {
				return err
			}
			_, err = note(tx, key, entry(a.Pair, why, before.Facts(), a.Facts()))
			return err
		})
	}
	return a, err
}

// RemoveAccount implements integration.Store.
func (s *Store) RemoveAccount(ctx context.Context, pair string, why audit.Change) error {
	key, err := s.auditKey(ctx, pair)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		before, _, err := scanAccount(tx.QueryRow(accountQuery, pair))
		if err != nil {
			return err
		}
		res, err := tx.Exec(`DELETE FROM integration_user WHERE pair_id = $1 AND revision = $2`, pair, before.Revision)
		if err := swapped(res, err); err != nil {
			return err
		}
		_, err = note(tx, key, entry(pair, why, before.Facts(), nil))
		return err
	})
}

// MarkAccount implements integration.Store.
func (s *Store) MarkAccount(ctx context.Context, a integration.Account) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE integration_user SET state = $3, cause_code = $4, cause_text = $5, checked_at = $6 WHERE pair_id = $1 AND revision = $2`,
			a.Pair, a.Revision, string(a.State), a.Cause.Code, a.Cause.Text, ms(a.CheckedAt))
		return err
	})
}
