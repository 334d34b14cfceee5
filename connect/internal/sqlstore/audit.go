package sqlstore

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// Signing has the store sign its audit entries with the keys of a keyring; without, as some tests do, their key is empty.
// Call it before the store is used.
func (s *Store) Signing(keys *audit.Keyring) { s.keys = keys }

// auditKey is the key of a pair's chain, had before a transaction that adds to it.
func (s *Store) auditKey(ctx context.Context, pair string) ([]byte, error) {
	if s.keys == nil {
		return nil, nil
	}
	return s.keys.Key(ctx, pair)
}

// turn waits until no other transaction is about to add an entry to the pair's chain, and keeps others waiting until this one
// ends: what is read after it is what others left, so that of two who change the same at once one changes nothing. Do it
// first; a transaction that has changed something before it may stand in another's way.
func turn(tx *sqldb.Tx, pair string) error {
	if _, err := tx.Exec(`INSERT INTO audit_head (pair_id, seq, signature) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING`, pair, []byte{}); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE audit_head SET seq = seq WHERE pair_id = $1`, pair)
	return err
}

// note adds an entry to its pair's chain in the caller's transaction, and gives its number. Do it last: whoever else adds
// one waits from here on.
func note(tx *sqldb.Tx, key []byte, e audit.Entry) (int64, error) {
	return noteAll(tx, key, []audit.Entry{e})
}

var insertEntries = sqldb.NewAppend("audit_entry", "pair_id", "seq", "at", "actor", "action", "subject", "reason", "before_json", "after_json", "signature")

// noteAll is note of several entries of one pair, in order; it gives the last one's number.
func noteAll(tx *sqldb.Tx, key []byte, entries []audit.Entry) (seq int64, err error) {
	if len(entries) == 0 {
		return 0, nil
	}
	pair := entries[0].Pair
	if _, err := tx.Exec(`INSERT INTO audit_head (pair_id, seq, signature) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING`, pair, []byte{}); err != nil {
		return 0, err
	}
	var prev []byte
	if err := tx.QueryRow(`UPDATE audit_head SET seq = seq + $2 WHERE pair_id = $1 RETURNING seq, signature`, pair, len(entries)).Scan(&seq, &prev); err != nil {
		return 0, err
	}
	rows := make([][]any, len(entries))
	for i, e := range entries {
		e.Seq = seq - int64(len(entries)-1-i)
		e.At = e.At.UTC().Truncate(time.Millisecond)
		e.Signature = e.Sign(key, prev)
		rows[i] = []any{e.Pair, e.Seq, e.At.UnixMilli(), e.Actor, e.Action, e.Subject, e.Reason, e.Before, e.After, e.Signature}
		prev = e.Signature
	}
	if err := tx.Insert(insertEntries.Of(rows...)); err != nil {
		return 0, err
	}
	_, err = tx.Exec(`UPDATE audit_head SET signature = $2 WHERE pair_id = $1`, pair, prev)
	return seq, err
}

// entry is a change as it is kept; before and after become JSON.
func entry(pair string, c audit.Change, before, after any) audit.Entry {
	return audit.Entry{Pair: pair, At: c.At, Actor: c.Actor, Action: c.Action, Subject: c.Subject, Reason: c.Reason, Before: audit.JSON(before), After: audit.JSON(after)}
}

// Entries implements audit.Store.
func (s *Store) Entries(ctx context.Context, pair string, after int64, limit int) ([]audit.Entry, error) {
	rows, err := s.db.Query(ctx, `SELECT pair_id, seq, at, actor, action, subject, reason, before_json, after_json, signature FROM audit_entry WHERE pair_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
		pair, after, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	var all []audit.Entry
	for rows.Next() {
		var e audit.Entry
		var when int64
		if err := rows.Scan(&e.Pair, &e.Seq, &when, &e.Actor, &e.Action, &e.Subject, &e.Reason, &e.Before, &e.After, &e.Signature); err != nil {
			return nil, err
		}
		e.At = time.UnixMilli(when).UTC()
		all = append(all, e)
	}
	return all, rows.Err()
}

// ChainHead implements audit.Store.
func (s *Store) ChainHead(ctx context.Context, pair string) (audit.Head, error) {
	var h audit.Head
	err := found(s.db.QueryRow(ctx, `SELECT seq, signature FROM audit_head WHERE pair_id = $1`, pair).Scan(&h.Seq, &h.Signature), "not_found", "chain")
	if fault.KindOf(err) == fault.NotFound {
		return audit.Head{}, nil
	}
	return h, err
}

// Items implements audit.Store.
func (s *Store) Items(ctx context.Context, pair, batchID string, seq int64) ([]audit.Item, error) {
	rows, err := s.db.Query(ctx, `SELECT position, crm_username, engagement_username, engagement_mid, status, code FROM mapping_import_line
		WHERE pair_id = $1 AND import_id = $2 AND audit_seq = $3
		UNION ALL SELECT position, crm_username, engagement_username, engagement_mid, status, code FROM migration_user WHERE pair_id = $1 AND run_id = $2 AND audit_seq = $3
		ORDER BY position`, pair, batchID, seq)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	var all []audit.Item
	for rows.Next() {
		var i audit.Item
		if err := rows.Scan(&i.Position, &i.CRMUsername, &i.EngagementUsername, &i.MID, &i.Status, &i.Code); err != nil {
			return nil, err
		}
		all = append(all, i)
	}
	return all, rows.Err()
}

// AuditKey implements audit.Keys.
func (s *Store) AuditKey(ctx context.Context, pair string) ([]byte, error) {
	var sealed []byte
	return sealed, found(s.db.QueryRow(ctx, `SELECT key_sealed FROM audit_key WHERE pair_id = $1`, pair).Scan(&sealed), "not_found", "key")
}

// AddAuditKey implements audit.Keys.
func (s *Store) AddAuditKey(ctx context.Context, pair string, sealed []byte) (stored []byte, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`INSERT INTO audit_key (pair_id, key_sealed) VALUES ($1, $2) ON CONFLICT DO NOTHING`, pair, sealed); err != nil {
			return err
		}
		return tx.QueryRow(`SELECT key_sealed FROM audit_key WHERE pair_id = $1`, pair).Scan(&stored)
	})
	return stored, err
}
