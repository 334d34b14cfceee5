package sqlstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/connect/internal/tracking"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// Tracking keeps what messages reported back.
type Tracking struct{ db *sqldb.DB }

// NewTracking returns a store on the database of s.
func NewTracking(s *Store) *Tracking { return &Tracking{db: s.db} }

// Claim implements tracking.Store.
func (s *Tracking) Claim(ctx context.Context, now, before time.Time) ([]string, error) {
	var pairs []string
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`INSERT INTO tracking_state (pair_id, claimed_at, lease_until, events_until, unsubscribed_until, opted_out_until, error_code, error)
			SELECT l.pair_id, 0, 0, 0, 0, 0, '', '' FROM link l WHERE NOT EXISTS (SELECT 1 FROM tracking_state t WHERE t.pair_id = l.pair_id)
				AND (EXISTS (SELECT 1 FROM mailing m WHERE m.pair_id = l.pair_id) OR EXISTS (SELECT 1 FROM send v WHERE v.pair_id = l.pair_id)) ON CONFLICT DO NOTHING`); err != nil {
			return err
		}
		var err error
		pairs, err = textsOf(tx.Query(`UPDATE tracking_state SET claimed_at = $1 WHERE claimed_at < $2 RETURNING pair_id`, ms(now), ms(before)))
		return err
	})
	return pairs, err
}

// Lease implements tracking.Store.
func (s *Tracking) Lease(ctx context.Context, pair string, now, until time.Time) (had bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`INSERT INTO tracking_state (pair_id, claimed_at, lease_until, events_until, unsubscribed_until, opted_out_until, error_code, error) VALUES ($1, 0, $2, 0, 0, 0, '', '')
			ON CONFLICT (pair_id) DO UPDATE SET lease_until = excluded.lease_until WHERE tracking_state.lease_until < $3`, pair, ms(until), ms(now))
		if err = swapped(res, err); err != nil && !errors.Is(err, errSwapped) {
			return err
		}
		had = err == nil
		return nil
	})
	return had, err
}

// State implements tracking.Store.
func (s *Tracking) State(ctx context.Context, pair string) (tracking.State, error) {
	var v tracking.State
	var events, unsubscribed, optedOut int64
	err := found(s.db.QueryRow(ctx, `SELECT events_until, unsubscribed_until, opted_out_until, error_code, error FROM tracking_state WHERE pair_id = $1`, pair).
		Scan(&events, &unsubscribed, &optedOut, &v.ErrorCode, &v.Error), "not_found", "state")
	if fault.KindOf(err) == fault.NotFound {
		return tracking.State{}, nil
	}
	v.EventsUntil, v.UnsubscribedUntil, v.OptedOutUntil = at(events), at(unsubscribed), at(optedOut)
	return v, err
}

// Advance implements tracking.Store.
func (s *Tracking) Advance(ctx context.Context, pair string, v tracking.State) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE tracking_state SET events_until = $2, unsubscribed_until = $3, opted_out_until = $4, error_code = $5, error = $6, lease_until = 0 WHERE pair_id = $1`,
			pair, ms(v.EventsUntil), ms(v.UnsubscribedUntil), ms(v.OptedOutUntil), v.ErrorCode, v.Error)
		return err
	})
}

const (
	resultColumns = `pair_id, message_key, mailing_id, definition_key, crm_record_id, tracking_id, sent_at, opened_at, clicks, unique_clicks, hard_bounce, soft_bounce,
		bounced_at, unsubscribed_at, result_id, intended, revision`
	resultQuery = `SELECT ` + resultColumns + ` FROM email_result WHERE pair_id = $1`
)

func scanResult(row scanner) (tracking.Result, error) {
	var r tracking.Result
	var sent, opened, bounced, unsubscribed int64
	err := row.Scan(&r.Pair, &r.MessageKey, &r.MailingID, &r.DefinitionKey, &r.RecordID, &r.TrackingID, &sent, &opened, &r.Clicks, &r.UniqueClicks, &r.HardBounce, &r.SoftBounce,
		&bounced, &unsubscribed, &r.ResultID, &r.Intended, &r.Revision)
	r.SentAt, r.OpenedAt, r.BouncedAt, r.UnsubscribedAt = at(sent), at(opened), at(bounced), at(unsubscribed)
	return r, err
}

// resultRows are the rows of a query, on the database or in a transaction.
type resultRows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close() error
}

func scanResults(rows resultRows, err error) ([]tracking.Result, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	var all []tracking.Result
	for rows.Next() {
		r, err := scanResult(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// Apply implements tracking.Store.
func (s *Tracking) Apply(ctx context.Context, pair string, events []tracking.Event) (applied int, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		applied = 0
		for _, e := range events {
			done, err := apply(tx, pair, e)
			if err != nil {
				return err
			}
			if done {
				applied++
			}
		}
		return nil
	})
	return applied, err
}

// apply takes over one event; false where it was before, or is of none of our messages.
func apply(tx *sqldb.Tx, pair string, e tracking.Event) (bool, error) {
	var seen int
	if err := tx.QueryRow(`SELECT COUNT(*) FROM email_event WHERE pair_id = $1 AND event_hash = $2`, pair, e.Hash()).Scan(&seen); err != nil || seen > 0 {
		return false, err
	}
	candidates, err := candidatesOf(tx, pair, e)
	if err != nil {
		return false, err
	}
	n := tracking.Choose(e, candidates)
	if n < 0 {
		return false, nil
	}
	c := candidates[n]
	var urlHash []byte
	newURL := false
	if e.Kind == engagement.EventClick {
		sum := sha256.Sum256([]byte(e.URL))
		urlHash = sum[:]
		var followed int
		if err := tx.QueryRow(`SELECT COUNT(*) FROM email_event WHERE pair_id = $1 AND message_key = $2 AND url_hash = $3`, pair, c.MessageKey, urlHash).Scan(&followed); err != nil {
			return false, err
		}
		newURL = followed == 0
	}
	if _, err := tx.Exec(`INSERT INTO email_event (pair_id, event_hash, message_key, kind, url_hash, happened_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
		pair, e.Hash(), c.MessageKey, e.Kind, urlHash, ms(e.At)); err != nil {
		return false, err
	}
	r := tracking.Result{Pair: pair, MessageKey: c.MessageKey, MailingID: c.MailingID, DefinitionKey: c.DefinitionKey, RecordID: e.RecordID}
	if c.Result != nil {
		r = *c.Result
	}
	if err := putResult(tx, r.With(e, newURL)); err != nil {
		return false, err
	}
	return true, moveOn(tx, pair, c, e.Kind)
}

// candidatesOf are the messages to the event's person: those with a result, and those that are under way.
func candidatesOf(tx *sqldb.Tx, pair string, e tracking.Event) ([]tracking.Candidate, error) {
	var all []tracking.Candidate
	add := func(query string, args ...any) error {
		rows, err := tx.Query(query, args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }() // Err below tells what went wrong
		for rows.Next() {
			var c tracking.Candidate
			var asked int64
			if err := rows.Scan(&c.MessageKey, &c.MailingID, &c.DefinitionKey, &c.Position, &asked); err != nil {
				return err
			}
			c.AskedAt = at(asked)
			if c.MessageKey == "" {
				c.MessageKey = mailing.MessageKey(mailing.Mailing{Pair: pair, ID: c.MailingID, DefinitionKey: c.DefinitionKey}, e.RecordID)
			}
			all = append(all, c)
		}
		return rows.Err()
	}
	fold := strings.ToLower(e.DefinitionKey)
	if err := add(`SELECT '', m.mailing_id, m.definition_key, r.position, m.due_at FROM mailing_recipient r JOIN mailing m ON m.pair_id = r.pair_id AND m.mailing_id = r.mailing_id
		WHERE r.pair_id = $1 AND r.record_id = $2 AND lower(m.definition_key) = $3 AND r.status <> 'planned' AND r.status <> 'refused' ORDER BY m.position DESC LIMIT 50`, pair, e.RecordID, fold); err != nil {
		return nil, err
	}
	if err := add(`SELECT message_key, '', definition_key, 0, created_at FROM send WHERE pair_id = $1 AND contact_id = $2 AND lower(definition_key) = $3 AND status <> 'held' AND status <> 'refused'
		ORDER BY created_at DESC LIMIT 50`, pair, e.RecordID, fold); err != nil {
		return nil, err
	}
	known, err := scanResults(tx.Query(resultQuery+` AND crm_record_id = $2 AND definition_fold = $3 ORDER BY sent_at DESC LIMIT 200`, pair, e.RecordID, fold))
	if err != nil {
		return nil, err
	}
	for i := range all {
		for n := range known {
			if known[n].MessageKey == all[i].MessageKey {
				all[i].Result = &known[n]
			}
		}
	}
	return all, nil
}

func putResult(tx *sqldb.Tx, r tracking.Result) error {
	dirty := flag(r.Told())
	_, err := tx.Exec(`INSERT INTO email_result (pair_id, message_key, mailing_id, definition_key, definition_fold, crm_record_id, tracking_id, sent_at, opened_at, clicks, unique_clicks,
			hard_bounce, soft_bounce, bounced_at, unsubscribed_at, result_id, intended, dirty, revision)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, '', 0, $16, 1)
		ON CONFLICT (pair_id, message_key) DO UPDATE SET tracking_id = excluded.tracking_id, sent_at = excluded.sent_at, opened_at = excluded.opened_at, clicks = excluded.clicks,
			unique_clicks = excluded.unique_clicks, hard_bounce = excluded.hard_bounce, soft_bounce = excluded.soft_bounce, bounced_at = excluded.bounced_at,
			unsubscribed_at = excluded.unsubscribed_at, dirty = excluded.dirty, revision = email_result.revision + 1`,
		r.Pair, r.MessageKey, r.MailingID, r.DefinitionKey, strings.ToLower(r.DefinitionKey), r.RecordID, r.TrackingID, ms(r.SentAt), ms(r.OpenedAt), r.Clicks, r.UniqueClicks,
		flag(r.HardBounce), flag(r.SoftBounce), ms(r.BouncedAt), ms(r.UnsubscribedAt), dirty)
	return err
}

// flag is a truth as it is stored.
func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// moveOn takes a send to what the tenant's event says of it.
func moveOn(tx *sqldb.Tx, pair string, c tracking.Candidate, kind string) error {
	to := ""
	switch kind {
	case engagement.EventSent:
		to = string(mailing.Sent)
	case engagement.EventNotSent:
		to = string(mailing.NotSent)
	default:
		return nil
	}
	if c.MailingID == "" {
		_, err := tx.Exec(`UPDATE send SET status = $3, reason_code = '', reason = '', revision = revision + 1 WHERE pair_id = $1 AND message_key = $2 AND status IN ('accepted', 'in_doubt')`, pair, c.MessageKey, to)
		return err
	}
	_, err := tx.Exec(`UPDATE mailing_recipient SET status = $4, code = '', reason = '' WHERE pair_id = $1 AND mailing_id = $2 AND position = $3 AND status IN ('accepted', 'in_doubt')`,
		pair, c.MailingID, c.Position, to)
	return err
}

// Dirty implements tracking.Store.
func (s *Tracking) Dirty(ctx context.Context, pair, after string, now time.Time, limit int) ([]tracking.Result, error) {
	rows, err := s.db.Query(ctx, resultQuery+` AND dirty = 1 AND message_key > $2 AND NOT EXISTS (SELECT 1 FROM tracking_refusal f
			WHERE f.pair_id = $1 AND f.want = 'result' AND f.subject = email_result.message_key AND (f.retry_at = 0 OR f.retry_at > $3))
		ORDER BY message_key LIMIT $4`, pair, after, ms(now), limit)
	return scanResults(rows, err)
}

// Results implements tracking.Store.
func (s *Tracking) Results(ctx context.Context, pair, mailingID, after string, limit int) ([]tracking.Result, error) {
	rows, err := s.db.Query(ctx, resultQuery+` AND ($2 = '' OR mailing_id = $2) AND message_key > $3 ORDER BY message_key LIMIT $4`, pair, mailingID, after, limit)
	return scanResults(rows, err)
}

// Intend implements tracking.Store.
func (s *Tracking) Intend(ctx context.Context, results []tracking.Result) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, r := range results {
			if _, err := tx.Exec(`UPDATE email_result SET intended = 1 WHERE pair_id = $1 AND message_key = $2`, r.Pair, r.MessageKey); err != nil {
				return err
			}
		}
		return nil
	})
}

// Written implements tracking.Store.
func (s *Tracking) Written(ctx context.Context, results []tracking.Result) error {
	if len(results) == 0 {
		return nil
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, r := range results {
			if _, err := tx.Exec(`UPDATE email_result SET result_id = $3, intended = 0, dirty = CASE WHEN revision = $4 THEN 0 ELSE 1 END WHERE pair_id = $1 AND message_key = $2`,
				r.Pair, r.MessageKey, r.ResultID, r.Revision); err != nil {
				return err
			}
		}
		return nil
	})
}

// Parent implements tracking.Store.
func (s *Tracking) Parent(ctx context.Context, pair, key string) (string, error) {
	var id string
	err := found(s.db.QueryRow(ctx, `SELECT crm_record_id FROM result_parent WHERE pair_id = $1 AND parent_key = $2`, pair, key).Scan(&id), "not_found", "record")
	if fault.KindOf(err) == fault.NotFound {
		return "", nil
	}
	return id, err
}

// SetParent implements tracking.Store.
func (s *Tracking) SetParent(ctx context.Context, pair, key, id string) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO result_parent (pair_id, parent_key, crm_record_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, pair, key, id)
		return err
	})
}
