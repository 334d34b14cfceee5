package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// Mailings keeps mailings; its queue has their jobs.
type Mailings struct {
	store *Store
	db    *sqldb.DB
	queue *jobs.Queue
}

// NewMailings returns a store on an open database that has the tables, and the queue on the same.
func NewMailings(s *Store, queue *jobs.Queue) *Mailings {
	return &Mailings{store: s, db: s.db, queue: queue}
}

const (
	mailingColumns = `m.pair_id, m.mailing_id, m.position, m.kind, m.audience, m.definition_key, m.crm_user_id, m.crm_username, m.scoped, m.actor, m.created_at, m.due_at,
		m.state, m.reason_code, m.reason, m.cursor_at, m.collected, m.attempts, m.ended_at`
	mailingQuery = `SELECT ` + mailingColumns + ` FROM mailing m WHERE m.pair_id = $1`
	mailingOne   = mailingQuery + ` AND m.mailing_id = $2`
)

func scanMailing(row scanner) (mailing.Mailing, error) {
	var m mailing.Mailing
	var audience string
	var created, due, ended int64
	err := row.Scan(&m.Pair, &m.ID, &m.Position, &m.Audience.Kind, &audience, &m.DefinitionKey, &m.CRMUserID, &m.CRMUsername, &m.Scoped, &m.Actor, &created, &due,
		&m.State, &m.ReasonCode, &m.Reason, &m.Cursor, &m.Collected, &m.Attempts, &ended)
	m.CreatedAt, m.DueAt, m.EndedAt = at(created), at(due), at(ended)
	if err == nil {
		err = json.Unmarshal([]byte(audience), &m.Audience.IDs)
	}
	return m, found(err, mailing.CodeNotFound, "send")
}

func (s *Mailings) list(ctx context.Context, query string, args ...any) ([]mailing.Mailing, error) {
	rows, err := s.db.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	var all []mailing.Mailing
	for rows.Next() {
		m, err := scanMailing(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, rows.Err()
}

// asked is what the audit chain keeps of a mailing.
type asked struct {
	Kind       mailing.Kind    `json:"kind"`
	Audience   []string        `json:"audience"`
	Definition string          `json:"definition"`
	As         string          `json:"as"`
	Due        time.Time       `json:"due"`
	State      mailing.State   `json:"state"`
	Counts     *mailing.Counts `json:"counts,omitempty"`
}

func askedOf(m mailing.Mailing) asked {
	return asked{Kind: m.Audience.Kind, Audience: m.Audience.IDs, Definition: m.DefinitionKey, As: m.CRMUsername, Due: m.DueAt, State: m.State}
}

// AddMailing implements mailing.Store.
func (s *Mailings) AddMailing(ctx context.Context, m mailing.Mailing, why audit.Change) (stored mailing.Mailing, added bool, err error) {
	audience, err := json.Marshal(m.Audience.IDs)
	if err != nil {
		return m, false, err
	}
	key, err := s.store.auditKey(ctx, m.Pair)
	if err != nil {
		return m, false, err
	}
	err = errSwapped
	for try := 0; try < maxSwaps && errors.Is(err, errSwapped); try++ {
		err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
			added = false
			stored, err = scanMailing(tx.QueryRow(mailingOne, m.Pair, m.ID))
			if fault.CodeOf(err) != mailing.CodeNotFound {
				return err
			}
			scoped := flag(m.Scoped)
			// Somebody else who asks at the same moment takes the position: then once more.
			res, err := tx.Exec(`INSERT INTO mailing (pair_id, mailing_id, position, lane, kind, audience, definition_key, crm_user_id, crm_username, scoped, actor, created_at, due_at,
					state, reason_code, reason, cursor_at, collected, attempts, ended_at)
				VALUES ($1, $2, (SELECT COALESCE(MAX(position), 0) + 1 FROM mailing WHERE pair_id = $1), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, '', 0, 0, 0) ON CONFLICT DO NOTHING`,
				m.Pair, m.ID, m.Audience.Lane(), string(m.Audience.Kind), string(audience), m.DefinitionKey, m.CRMUserID, m.CRMUsername, scoped, m.Actor, ms(m.CreatedAt), ms(m.DueAt),
				string(m.State), m.ReasonCode, m.Reason)
			if err := swapped(res, err); err != nil {
				return err
			}
			added = true
			if stored, err = scanMailing(tx.QueryRow(mailingOne, m.Pair, m.ID)); err != nil {
				return err
			}
			if m.State == mailing.Queued {
				if err := s.enqueue(tx, m.Pair, m.Audience.Lane()); err != nil {
					return err
				}
			}
			_, err = note(tx, key, entry(m.Pair, why, nil, askedOf(stored)))
			return err
		})
	}
	return stored, added, err
}

func (s *Mailings) enqueue(tx *sqldb.Tx, pair, lane string) error {
	payload, err := json.Marshal(mailing.JobPayload{Pair: pair, Lane: lane})
	if err != nil {
		return err
	}
	_, err = s.queue.Enqueue(tx, jobs.Job{Kind: mailing.Job, UniqueKey: strings.Join([]string{mailing.Job, pair, lane}, "|"), Payload: payload, MaxAttempts: mailing.JobAttempts})
	if errors.Is(err, jobs.ErrDuplicate) {
		return nil
	}
	return err
}

// Enqueue implements mailing.Work.
func (s *Mailings) Enqueue(ctx context.Context, pair, lane string) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error { return s.enqueue(tx, pair, lane) })
}

// counted fills in the counts of mailings of one pair.
func (s *Mailings) counted(ctx context.Context, all []mailing.Mailing) error {
	for i := range all {
		rows, err := s.db.Query(ctx, `SELECT status, COUNT(*) FROM mailing_recipient WHERE pair_id = $1 AND mailing_id = $2 GROUP BY status`, all[i].Pair, all[i].ID)
		if err != nil {
			return err
		}
		for rows.Next() {
			var status mailing.Status
			var n int
			if err := rows.Scan(&status, &n); err != nil {
				return errors.Join(err, rows.Close())
			}
			all[i].Counts = all[i].Counts.Add(status, n)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Mailing implements mailing.Store.
func (s *Mailings) Mailing(ctx context.Context, pair, id string) (mailing.Mailing, error) {
	m, err := scanMailing(s.db.QueryRow(ctx, mailingOne, pair, id))
	if err != nil {
		return m, err
	}
	one := []mailing.Mailing{m}
	err = s.counted(ctx, one)
	return one[0], err
}

// Mailings implements mailing.Store.
func (s *Mailings) Mailings(ctx context.Context, pair string, state mailing.State, limit int) ([]mailing.Mailing, error) {
	all, err := s.list(ctx, mailingQuery+` AND ($2 = '' OR m.state = $2) ORDER BY m.position DESC LIMIT $3`, pair, string(state), limit)
	if err != nil {
		return nil, err
	}
	return all, s.counted(ctx, all)
}

// Recipients implements mailing.Store.
func (s *Mailings) Recipients(ctx context.Context, pair, id string, waiting bool, after, limit int) ([]mailing.Recipient, error) {
	only := ""
	if waiting {
		only = ` AND status IN ('planned', 'intended')`
	}
	rows, err := s.db.Query(ctx, `SELECT position, record_id, address, first_name, last_name, full_name, status, attempts, code, reason FROM mailing_recipient
		WHERE pair_id = $1 AND mailing_id = $2 AND position > $3`+only+` ORDER BY position LIMIT $4`, pair, id, after, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	var all []mailing.Recipient
	for rows.Next() {
		var r mailing.Recipient
		if err := rows.Scan(&r.Position, &r.RecordID, &r.Address, &r.FirstName, &r.LastName, &r.Name, &r.Status, &r.Attempts, &r.Code, &r.Reason); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// MoveMailing implements mailing.Store.
func (s *Mailings) MoveMailing(ctx context.Context, m mailing.Mailing, to mailing.State, code, reason string, why audit.Change, from ...mailing.State) (moved bool, err error) {
	var key []byte
	if why.Action != "" {
		if key, err = s.store.auditKey(ctx, m.Pair); err != nil {
			return false, err
		}
	}
	ended := int64(0)
	if to.Over() {
		ended = ms(why.At)
		one := []mailing.Mailing{m}
		if err := s.counted(ctx, one); err != nil {
			return false, err
		}
		m = one[0]
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		moved = false
		before, err := scanMailing(tx.QueryRow(mailingOne, m.Pair, m.ID))
		if err != nil || !slices.Contains(from, before.State) {
			return err
		}
		res, err := tx.Exec(`UPDATE mailing SET state = $3, reason_code = $4, reason = $5, ended_at = $6, attempts = 0 WHERE pair_id = $1 AND mailing_id = $2 AND state = $7`,
			m.Pair, m.ID, string(to), code, reason, ended, string(before.State))
		if err := swapped(res, err); err != nil {
			if errors.Is(err, errSwapped) {
				return nil
			}
			return err
		}
		moved = true
		if to == mailing.Queued {
			if err := s.enqueue(tx, m.Pair, m.Audience.Lane()); err != nil {
				return err
			}
		}
		if why.Action == "" {
			return nil
		}
		after := askedOf(before)
		after.State = to
		if to.Over() {
			after.Counts = &m.Counts
		}
		_, err = note(tx, key, entry(m.Pair, why, askedOf(before), after))
		return err
	})
	return moved, err
}

// Settings implements mailing.Store.
func (s *Mailings) Settings(ctx context.Context, pair string) (mailing.Settings, error) {
	return scanSettings(s.db.QueryRow(ctx, settingsQuery, pair))
}

const settingsQuery = `SELECT scope_by_user FROM send_setting WHERE pair_id = $1`

func scanSettings(row scanner) (mailing.Settings, error) {
	var v mailing.Settings
	err := found(row.Scan(&v.ScopeByUser), mailing.CodeNotFound, "setting")
	if fault.CodeOf(err) == mailing.CodeNotFound {
		return mailing.Settings{}, nil
	}
	return v, err
}

// SetSettings implements mailing.Store.
func (s *Mailings) SetSettings(ctx context.Context, pair string, v mailing.Settings, why audit.Change) error {
	key, err := s.store.auditKey(ctx, pair)
	if err != nil {
		return err
	}
	scope := flag(v.ScopeByUser)
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := turn(tx, pair); err != nil {
			return err
		}
		before, err := scanSettings(tx.QueryRow(settingsQuery, pair))
		if err != nil || before == v {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO send_setting (pair_id, scope_by_user) VALUES ($1, $2) ON CONFLICT (pair_id) DO UPDATE SET scope_by_user = excluded.scope_by_user`, pair, scope); err != nil {
			return err
		}
		_, err = note(tx, key, entry(pair, why, before, v))
		return err
	})
}
