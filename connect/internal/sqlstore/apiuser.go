package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/twinspan/twinspan/connect/internal/apiuser"
	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// APIUserChange implements apiuser.Store.
func (s *Store) APIUserChange(ctx context.Context, pair string) (apiuser.Change, error) {
	return scanAPIUserChange(s.db.QueryRow(ctx, apiUserChangeQuery, pair), pair)
}

const apiUserChangeQuery = `SELECT pair_id, step, api_user, actor, started_at, ended_at, items, revision FROM api_user_change WHERE pair_id = $1`

func scanAPIUserChange(row scanner, pair string) (apiuser.Change, error) {
	var c apiuser.Change
	var items string
	var started, ended int64
	err := row.Scan(&c.Pair, &c.Step, &c.APIUser, &c.Actor, &started, &ended, &items, &c.Revision)
	if errors.Is(err, sql.ErrNoRows) {
		return apiuser.Change{Pair: pair}, nil
	}
	if err != nil {
		return apiuser.Change{}, err
	}
	c.StartedAt, c.EndedAt = at(started), at(ended)
	return c, json.Unmarshal([]byte(items), &c.Items)
}

// PutAPIUserChange implements apiuser.Store.
func (s *Store) PutAPIUserChange(ctx context.Context, c apiuser.Change, why audit.Change) (apiuser.Change, error) {
	items, err := json.Marshal(c.Items)
	if err != nil {
		return c, err
	}
	key, err := s.auditKey(ctx, c.Pair)
	if err != nil {
		return c, err
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		before, err := scanAPIUserChange(tx.QueryRow(apiUserChangeQuery, c.Pair), c.Pair)
		if err != nil {
			return err
		}
		res, err := tx.Exec(`INSERT INTO api_user_change (pair_id, step, api_user, actor, started_at, ended_at, items, revision) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (pair_id) DO UPDATE SET step = excluded.step, api_user = excluded.api_user, actor = excluded.actor, started_at = excluded.started_at,
				ended_at = excluded.ended_at, items = excluded.items, revision = excluded.revision
			WHERE api_user_change.revision = excluded.revision - 1`,
			c.Pair, string(c.Step), c.APIUser, c.Actor, ms(c.StartedAt), ms(c.EndedAt), string(items), c.Revision+1)
		if err := swapped(res, err); err != nil || why.Action == "" {
			return err
		}
		_, err = note(tx, key, entry(c.Pair, why, before.Facts(), c.Facts()))
		return err
	})
	if errors.Is(err, errSwapped) {
		return c, fault.New(fault.Conflict, apiuser.CodeChanged, "Somebody else has just taken the change of the API user's credentials a step on: look at it again.")
	}
	if err == nil {
		c.Revision++
	}
	return c, err
}
