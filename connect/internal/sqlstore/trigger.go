package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/trigger"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// Triggers keeps triggered sends on records.
type Triggers struct {
	store *Store
	db    *sqldb.DB
}

// NewTriggers returns a store on the database of s.
func NewTriggers(s *Store) *Triggers { return &Triggers{store: s, db: s.db} }

const (
	triggerColumns = `pair_id, trigger_id, name, object_name, event, criteria, person_field, delay_hours, definition_key, active, actor, created_at, active_since, watermark, error_code, error,
		reading_from, reading_to, reading_after`
	triggerQuery = `SELECT ` + triggerColumns + ` FROM record_trigger WHERE pair_id = $1`
	triggerOne   = triggerQuery + ` AND trigger_id = $2`
)

func scanTrigger(row scanner) (trigger.Trigger, error) {
	var t trigger.Trigger
	var criteria string
	var created, since, watermark, from, to int64
	err := row.Scan(&t.Pair, &t.ID, &t.Name, &t.Object, &t.On, &criteria, &t.PersonField, &t.DelayHours, &t.DefinitionKey, &t.Active, &t.Actor, &created, &since, &watermark, &t.ErrorCode, &t.Error,
		&from, &to, &t.Reading.After)
	t.Reading.From, t.Reading.To = at(from), at(to)
	t.CreatedAt, t.ActiveSince, t.Watermark = at(created), at(since), at(watermark)
	if err == nil {
		err = json.Unmarshal([]byte(criteria), &t.Criteria)
	}
	return t, found(err, trigger.CodeNotFound, "triggered send")
}

// triggerFacts are what the audit chain keeps of a trigger.
type triggerFacts struct {
	Object     string              `json:"object"`
	On         trigger.On          `json:"on"`
	Criteria   []trigger.Criterion `json:"criteria"`
	Person     string              `json:"person_field,omitempty"`
	DelayHours int                 `json:"delay_hours"`
	Definition string              `json:"definition"`
	Active     bool                `json:"active"`
}

func factsOf(t trigger.Trigger) triggerFacts {
	return triggerFacts{t.Object, t.On, t.Criteria, t.PersonField, t.DelayHours, t.DefinitionKey, t.Active}
}

// AddTrigger implements trigger.Store.
func (s *Triggers) AddTrigger(ctx context.Context, t trigger.Trigger, why audit.Change) (stored trigger.Trigger, err error) {
	if t.Criteria == nil {
		t.Criteria = []trigger.Criterion{}
	}
	criteria, err := json.Marshal(t.Criteria)
	if err != nil {
		return t, err
	}
	key, err := s.store.auditKey(ctx, t.Pair)
	if err != nil {
		return t, err
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`INSERT INTO record_trigger (`+triggerColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, '', '', 0, 0, '') ON CONFLICT DO NOTHING`,
			t.Pair, t.ID, t.Name, t.Object, string(t.On), string(criteria), t.PersonField, t.DelayHours, t.DefinitionKey, flag(t.Active), t.Actor, ms(t.CreatedAt), ms(t.ActiveSince), ms(t.Watermark))
		fresh := swapped(res, err)
		if fresh != nil && !errors.Is(fresh, errSwapped) {
			return fresh
		}
		if stored, err = scanTrigger(tx.QueryRow(triggerOne, t.Pair, t.ID)); err != nil || fresh != nil {
			return err
		}
		_, err = note(tx, key, entry(t.Pair, why, nil, factsOf(stored)))
		return err
	})
	return stored, err
}

// Trigger implements trigger.Store.
func (s *Triggers) Trigger(ctx context.Context, pair, id string) (trigger.Trigger, error) {
	return scanTrigger(s.db.QueryRow(ctx, triggerOne, pair, id))
}

// Triggers implements trigger.Store.
func (s *Triggers) Triggers(ctx context.Context, pair string) ([]trigger.Trigger, error) {
	rows, err := s.db.Query(ctx, triggerQuery+` ORDER BY name, trigger_id LIMIT 1000`, pair)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	var all []trigger.Trigger
	for rows.Next() {
		t, err := scanTrigger(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, rows.Err()
}

// SetActive implements trigger.Store.
func (s *Triggers) SetActive(ctx context.Context, t trigger.Trigger, active bool, when time.Time, why audit.Change) (stored trigger.Trigger, err error) {
	key, err := s.store.auditKey(ctx, t.Pair)
	if err != nil {
		return t, err
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := turn(tx, t.Pair); err != nil {
			return err
		}
		before, err := scanTrigger(tx.QueryRow(triggerOne, t.Pair, t.ID))
		if err != nil || before.Active == active {
			stored = before
			return err
		}
		stored, err = scanTrigger(tx.QueryRow(`UPDATE record_trigger SET active = $3, active_since = $4, watermark = $4, error_code = '', error = '', reading_from = 0, reading_to = 0, reading_after = '' WHERE pair_id = $1 AND trigger_id = $2 RETURNING `+triggerColumns,
			t.Pair, t.ID, flag(active), ms(when)))
		if err != nil {
			return err
		}
		_, err = note(tx, key, entry(t.Pair, why, factsOf(before), factsOf(stored)))
		return err
	})
	return stored, err
}

// RemoveTrigger implements trigger.Store.
func (s *Triggers) RemoveTrigger(ctx context.Context, t trigger.Trigger, why audit.Change) error {
	key, err := s.store.auditKey(ctx, t.Pair)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`DELETE FROM record_trigger WHERE pair_id = $1 AND trigger_id = $2`, t.Pair, t.ID)
		if err := swapped(res, err); errors.Is(err, errSwapped) {
			return nil // somebody else has
		} else if err != nil {
			return err
		}
		_, err = note(tx, key, entry(t.Pair, why, factsOf(t), nil))
		return err
	})
}

// Pairs implements trigger.Store.
func (s *Triggers) Pairs(ctx context.Context) ([]string, error) {
	return textsOf(s.db.Query(ctx, `SELECT pair_id FROM record_trigger WHERE active = 1 UNION SELECT pair_id FROM trigger_firing WHERE status = 'waiting'`))
}

// Lease implements trigger.Store.
func (s *Triggers) Lease(ctx context.Context, pair, holder string, now, until time.Time) (had bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`INSERT INTO trigger_lease (pair_id, lease_until, holder) VALUES ($1, $2, $4)
			ON CONFLICT (pair_id) DO UPDATE SET lease_until = excluded.lease_until, holder = excluded.holder WHERE trigger_lease.lease_until < $3`, pair, ms(until), ms(now), holder)
		if err = swapped(res, err); err != nil && !errors.Is(err, errSwapped) {
			return err
		}
		had = err == nil
		return nil
	})
	return had, err
}

// Release implements trigger.Store.
func (s *Triggers) Release(ctx context.Context, pair, holder string) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE trigger_lease SET lease_until = 0 WHERE pair_id = $1 AND holder = $2`, pair, holder)
		return err
	})
}

// Take implements trigger.Store.
func (s *Triggers) Take(ctx context.Context, t trigger.Trigger, changes []trigger.Change) (fired int, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		fired = 0
		for _, c := range changes {
			before, err := seen(tx, t, c.RecordID)
			if err != nil {
				return err
			}
			if before != nil && !c.Seen.Modstamp.After(before.Modstamp) {
				continue
			}
			if t.Fires(c.Created, c.Seen.Modstamp, c.Seen.Met, before) {
				due := c.Seen.Modstamp.Add(time.Duration(t.DelayHours) * time.Hour)
				if _, err := tx.Exec(`INSERT INTO trigger_firing (pair_id, trigger_id, record_id, modstamp, person_id, due_at, status, attempts, message_key, code, reason)
						VALUES ($1, $2, $3, $4, $5, $6, 'waiting', 0, '', '', '') ON CONFLICT DO NOTHING`, t.Pair, t.ID, c.RecordID, ms(c.Seen.Modstamp), c.PersonID, ms(due)); err != nil {
					return err
				}
				fired++
			}
			if _, err := tx.Exec(`INSERT INTO trigger_seen (pair_id, trigger_id, record_id, modstamp, met) VALUES ($1, $2, $3, $4, $5)
					ON CONFLICT (pair_id, trigger_id, record_id) DO UPDATE SET modstamp = excluded.modstamp, met = excluded.met`,
				t.Pair, t.ID, c.RecordID, ms(c.Seen.Modstamp), flag(c.Seen.Met)); err != nil {
				return err
			}
		}
		return nil
	})
	return fired, err
}

func seen(tx *sqldb.Tx, t trigger.Trigger, record string) (*trigger.Seen, error) {
	var modstamp int64
	var s trigger.Seen
	err := found(tx.QueryRow(`SELECT modstamp, met FROM trigger_seen WHERE pair_id = $1 AND trigger_id = $2 AND record_id = $3`, t.Pair, t.ID, record).Scan(&modstamp, &s.Met), trigger.CodeNotFound, "record")
	if fault.KindOf(err) == fault.NotFound {
		return nil, nil
	}
	s.Modstamp = at(modstamp)
	return &s, err
}

// Advance implements trigger.Store. One that was stopped or started meanwhile keeps what that set.
func (s *Triggers) Advance(ctx context.Context, t trigger.Trigger) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE record_trigger SET watermark = $3, error_code = $4, error = $5, reading_from = $7, reading_to = $8, reading_after = $9
			WHERE pair_id = $1 AND trigger_id = $2 AND active_since = $6`,
			t.Pair, t.ID, ms(t.Watermark), t.ErrorCode, t.Error, ms(t.ActiveSince), ms(t.Reading.From), ms(t.Reading.To), t.Reading.After)
		return err
	})
}

const firingQuery = `SELECT f.pair_id, f.trigger_id, t.definition_key, f.record_id, f.modstamp, f.person_id, f.due_at, f.status, f.attempts, f.message_key, f.code, f.reason
	FROM trigger_firing f JOIN record_trigger t ON t.pair_id = f.pair_id AND t.trigger_id = f.trigger_id WHERE f.pair_id = $1`

func (s *Triggers) firings(ctx context.Context, query string, args ...any) ([]trigger.Firing, error) {
	rows, err := s.db.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	var all []trigger.Firing
	for rows.Next() {
		var f trigger.Firing
		var modstamp, due int64
		if err := rows.Scan(&f.Pair, &f.TriggerID, &f.DefinitionKey, &f.RecordID, &modstamp, &f.PersonID, &due, &f.Status, &f.Attempts, &f.MessageKey, &f.Code, &f.Reason); err != nil {
			return nil, err
		}
		f.Modstamp, f.DueAt = at(modstamp), at(due)
		all = append(all, f)
	}
	return all, rows.Err()
}

// Firings implements trigger.Store.
func (s *Triggers) Firings(ctx context.Context, pair, id string, limit int) ([]trigger.Firing, error) {
	return s.firings(ctx, firingQuery+` AND f.trigger_id = $2 ORDER BY f.modstamp DESC, f.record_id LIMIT $3`, pair, id, limit)
}

// Due implements trigger.Store.
func (s *Triggers) Due(ctx context.Context, pair string, now time.Time, limit int) ([]trigger.Firing, error) {
	return s.firings(ctx, firingQuery+` AND f.status = 'waiting' AND f.due_at <= $2 ORDER BY f.due_at, f.record_id LIMIT $3`, pair, ms(now), limit)
}

// Settle implements trigger.Store.
func (s *Triggers) Settle(ctx context.Context, f trigger.Firing) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE trigger_firing SET status = $5, attempts = $6, message_key = $7, code = $8, reason = $9 WHERE pair_id = $1 AND trigger_id = $2 AND record_id = $3 AND modstamp = $4
				AND status = 'waiting' AND attempts = $6 - 1`,
			f.Pair, f.TriggerID, f.RecordID, ms(f.Modstamp), string(f.Status), f.Attempts, f.MessageKey, f.Code, f.Reason)
		return err
	})
}
