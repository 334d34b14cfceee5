package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// keepIntent is how long a settled intent is kept.
const keepIntent = 24 * time.Hour

// IntentsOf implements audit.Intents.
func (s *Store) IntentsOf(ctx context.Context, pair, action string) (map[string]audit.Intent, error) {
	rows, err := s.db.Query(ctx, `SELECT subject, revision, pending, at, actor, reason, before_json, after_json FROM audit_intent WHERE pair_id = $1 AND action = $2`, pair, action)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	all := map[string]audit.Intent{}
	for rows.Next() {
		i := audit.Intent{Pair: pair, Why: audit.Change{Action: action}}
		var when int64
		if err := rows.Scan(&i.Why.Subject, &i.Revision, &i.Pending, &when, &i.Why.Actor, &i.Why.Reason, &i.Before, &i.After); err != nil {
			return nil, err
		}
		i.Why.At = at(when)
		all[i.Why.Subject] = i
	}
	return all, rows.Err()
}

// Begin implements audit.Intents.
func (s *Store) Begin(ctx context.Context, i audit.Intent) (audit.Intent, error) {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`DELETE FROM audit_intent WHERE pair_id = $1 AND action = $2 AND subject <> $3 AND pending = 0 AND at < $4`,
			i.Pair, i.Why.Action, i.Why.Subject, ms(i.Why.At.Add(-keepIntent))); err != nil {
			return err
		}
		res, err := tx.Exec(`INSERT INTO audit_intent (pair_id, action, subject, revision, pending, at, actor, reason, before_json, after_json) VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $8, $9)
			ON CONFLICT (pair_id, action, subject) DO UPDATE SET revision = excluded.revision, pending = 1, at = excluded.at, actor = excluded.actor, reason = excluded.reason,
				before_json = excluded.before_json, after_json = excluded.after_json
			WHERE audit_intent.revision = excluded.revision - 1`,
			i.Pair, i.Why.Action, i.Why.Subject, i.Revision+1, ms(i.Why.At), i.Why.Actor, i.Why.Reason, i.Before, i.After)
		return swapped(res, err)
	})
	if errors.Is(err, errSwapped) {
		return i, fault.New(fault.Conflict, audit.CodeMoved, "Somebody else is just changing the same: look at it again.")
	}
	if err == nil {
		i.Revision, i.Pending = i.Revision+1, true
	}
	return i, err
}

// Settle implements audit.Intents.
func (s *Store) Settle(ctx context.Context, i audit.Intent, done bool) error {
	key, err := s.auditKey(ctx, i.Pair)
	if err != nil {
		return err
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`UPDATE audit_intent SET pending = 0, revision = revision + 1 WHERE pair_id = $1 AND action = $2 AND subject = $3 AND revision = $4 AND pending = 1`,
			i.Pair, i.Why.Action, i.Why.Subject, i.Revision)
		if err := swapped(res, err); err != nil || !done {
			return err
		}
		w := i.Why
		_, err = note(tx, key, audit.Entry{Pair: i.Pair, At: w.At, Actor: w.Actor, Action: w.Action, Subject: w.Subject, Reason: w.Reason, Before: i.Before, After: i.After})
		return err
	})
	if errors.Is(err, errSwapped) {
		return nil
	}
	return err
}
