package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/internal/sqldb"
)

const (
	sendColumns = `pair_id, message_key, definition_key, contact_id, recipient, status, reason_code, reason, request_id, created_at, updated_at, lease_until, doubts, tries, next_try, revision`
	sendQuery   = `SELECT ` + sendColumns + ` FROM send WHERE pair_id = $1 AND message_key = $2`
)

func scanSend(row scanner) (send.Send, error) {
	var v send.Send
	var created, updated, lease, next int64
	err := row.Scan(&v.Pair, &v.MessageKey, &v.DefinitionKey, &v.ContactID, &v.Recipient, &v.Status, &v.ReasonCode, &v.Reason, &v.RequestID, &created, &updated, &lease, &v.Doubts, &v.Tries, &next, &v.Revision)
	v.CreatedAt, v.UpdatedAt, v.Lease, v.NextTry = at(created), at(updated), at(lease), at(next)
	return v, found(err, send.CodeNotFound, "send")
}

// Send implements send.Store.
func (s *Store) Send(ctx context.Context, pair, messageKey string) (send.Send, error) {
	return scanSend(s.db.QueryRow(ctx, sendQuery, pair, messageKey))
}

// HeldSends implements send.Store.
func (s *Store) HeldSends(ctx context.Context, limit int) ([]send.Send, error) {
	rows, err := s.db.Query(ctx, `SELECT `+sendColumns+` FROM (SELECT `+sendColumns+`,
 ROW_NUMBER() OVER (PARTITION BY pair_id ORDER BY created_at, message_key) AS place FROM send WHERE status = 'held') held
 WHERE place <= $1 ORDER BY created_at, message_key`, limit)
	return sends(rows, err)
}

// AddSend implements send.Store.
func (s *Store) AddSend(ctx context.Context, v send.Send) (stored send.Send, added bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`INSERT INTO send (`+sendColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 1) ON CONFLICT DO NOTHING`,
			v.Pair, v.MessageKey, v.DefinitionKey, v.ContactID, v.Recipient, string(v.Status), v.ReasonCode, v.Reason, v.RequestID, ms(v.CreatedAt), ms(v.UpdatedAt), ms(v.Lease), v.Doubts, v.Tries, ms(v.NextTry))
		if err = swapped(res, err); err != nil && !errors.Is(err, errSwapped) {
			return err
		}
		added = err == nil
		stored, err = scanSend(tx.QueryRow(sendQuery, v.Pair, v.MessageKey))
		return err
	})
	return stored, added, err
}

// UpdateSend implements send.Store.
func (s *Store) UpdateSend(ctx context.Context, v send.Send) (stored send.Send, won bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`UPDATE send SET status = $3, reason_code = $4, reason = $5, request_id = $6, updated_at = $7, lease_until = $8, contact_id = $10, recipient = $11, doubts = $12, tries = $13, next_try = $14, revision = revision + 1
			WHERE pair_id = $1 AND message_key = $2 AND revision = $9`,
			v.Pair, v.MessageKey, string(v.Status), v.ReasonCode, v.Reason, v.RequestID, ms(v.UpdatedAt), ms(v.Lease), v.Revision, v.ContactID, v.Recipient, v.Doubts, v.Tries, ms(v.NextTry))
		if err = swapped(res, err); err != nil && !errors.Is(err, errSwapped) {
			return err
		}
		won = err == nil
		stored, err = scanSend(tx.QueryRow(sendQuery, v.Pair, v.MessageKey))
		return err
	})
	return stored, won, err
}

// SendsSince implements tenantoauth.Sends. Each half is read backwards along the index and ends at its limit; the held ones of an
// outage, of which there may be many, are passed over there.
func (s *Store) SendsSince(ctx context.Context, pair string, since time.Time, limit int) ([]send.Send, error) {
	const people = ` FROM send WHERE pair_id = $1 AND created_at >= $2 AND (contact_id LIKE '003%' OR contact_id LIKE '00Q%')`
	all, err := sends(s.db.Query(ctx, `SELECT `+sendColumns+people+` AND status = 'sent' ORDER BY created_at DESC, message_key LIMIT 1`, pair, ms(since)))
	if err != nil || len(all) >= limit {
		return all, err
	}
	others, err := sends(s.db.Query(ctx, `SELECT `+sendColumns+people+` AND status IN ('queueing', 'accepted', 'not_sent', 'in_doubt') ORDER BY created_at DESC, message_key LIMIT $3`,
		pair, ms(since), limit-len(all)))
	return append(all, others...), err
}

// sends are those of a query.
func sends(rows *sql.Rows, err error) ([]send.Send, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	var all []send.Send
	for rows.Next() {
		v, err := scanSend(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}
