package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// Upgrades keeps upgrades; its queue has their jobs.
type Upgrades struct {
	store *Store
	db    *sqldb.DB
	queue *jobs.Queue
}

// NewUpgrades returns a store on an open database that has the tables, and the queue on the same.
func NewUpgrades(s *Store, queue *jobs.Queue) *Upgrades {
	return &Upgrades{store: s, db: s.db, queue: queue}
}

const upgradeColumns = `upgrade_id, kind, step_order, state, step, booked_at, window_ms, mode, actor, created_at, opened_at, ended_at, waiting, findings, failure,
	cancelled_by, reason, job_id, revision`

// AddUpgrade implements upgrade.Store.
func (s *Upgrades) AddUpgrade(ctx context.Context, u upgrade.Upgrade, e upgrade.Effect, why audit.Change) (upgrade.Upgrade, error) {
	key, err := s.store.auditKey(ctx, u.Pair)
	if err != nil {
		return u, err
	}
	payload, err := json.Marshal(upgrade.Payload{Pair: u.Pair, ID: u.ID})
	if err != nil {
		return u, err
	}
	err = errSwapped
	for try := 0; try < maxSwaps && errors.Is(err, errSwapped); try++ {
		err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
			if u.JobID, err = s.queue.Enqueue(tx, jobs.Job{Kind: upgrade.Job, UniqueKey: upgrade.Job + "|" + u.Pair + "|" + u.ID, Payload: payload, MaxAttempts: math.MaxInt32}); err != nil {
				return err
			}
			u.Revision = 1
			v, err := upgradeValues(u)
			if err != nil {
				return err
			}
			res, err := tx.Exec(`INSERT INTO upgrade (pair_id, position, live, `+upgradeColumns+`)
				VALUES ($1, (SELECT COALESCE(MAX(position), 0) + 1 FROM upgrade WHERE pair_id = $1), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
				ON CONFLICT DO NOTHING`, append([]any{u.Pair, flag(u.Live())}, v...)...)
			if err := swapped(res, err); errors.Is(err, errSwapped) {
				return s.taken(tx, u.Pair)
			} else if err != nil {
				return err
			}
			for i, r := range u.Steps {
				if _, err := tx.Exec(`INSERT INTO upgrade_step (pair_id, upgrade_id, position, step, owner, status, attempts, told_by, told_at, anyway, began_at, ended_at, have, want, stood, kept)
					VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
					append([]any{u.Pair, u.ID, i}, stepValues(r)...)...); err != nil {
					return err
				}
			}
			if err := s.effect(tx, key, u.Pair, e); err != nil {
				return err
			}
			_, err = note(tx, key, entry(u.Pair, why, nil, upgradeFacts(u)))
			return err
		})
	}
	return u, err
}

// taken is why a new upgrade could not be stored: another one is under way, or was stored at the same moment.
func (s *Upgrades) taken(tx *sqldb.Tx, pair string) error {
	var id string
	err := tx.QueryRow(`SELECT upgrade_id FROM upgrade WHERE pair_id = $1 AND live = 1`, pair).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return errSwapped
	}
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, upgrade.CodeRunning, "An upgrade of the connection is under way already: %s. Go on with it, or cancel it.", id)
}

// upgradeValues are the values of upgradeColumns.
func upgradeValues(u upgrade.Upgrade) ([]any, error) {
	waiting, findings := "", ""
	if u.Waiting != nil {
		text, err := json.Marshal(u.Waiting)
		if err != nil {
			return nil, err
		}
		waiting = string(text)
	}
	if len(u.Findings) > 0 {
		text, err := json.Marshal(u.Findings)
		if err != nil {
			return nil, err
		}
		findings = string(text)
	}
	return []any{
		u.ID, string(u.Kind), string(u.Order), string(u.State), string(u.Step), ms(u.At), u.Window.Milliseconds(), string(u.Mode), u.Actor, ms(u.CreatedAt), ms(u.OpenedAt), ms(u.EndedAt),
		waiting, findings, u.Failure, u.CancelledBy, u.Reason, u.JobID, u.Revision,
	}, nil
}

func stepValues(r upgrade.Record) []any {
	return []any{
		string(r.Step), string(r.Owner), string(r.Status), r.Attempts, r.ToldBy, ms(r.ToldAt), flag(r.Anyway), ms(r.BeganAt), ms(r.EndedAt), r.Have, r.Want, string(r.Stood), string(r.Kept),
	}
}

// Facts of an upgrade that the audit chain keeps.
type facts struct {
	ID    string        `json:"upgrade_id"`
	Kind  upgrade.Kind  `json:"kind"`
	Order upgrade.Order `json:"order"`
	State upgrade.State `json:"state"`
	Step  upgrade.Name  `json:"step,omitempty"`
}

func upgradeFacts(u upgrade.Upgrade) facts {
	return facts{u.ID, u.Kind, u.Order, u.State, u.Step}
}

func (s *Upgrades) scan(ctx context.Context, pair, where string, args ...any) (upgrade.Upgrade, error) {
	u := upgrade.Upgrade{Pair: pair}
	var waiting, findings string
	var booked, window, created, opened, ended int64
	err := s.db.QueryRow(ctx, `SELECT `+upgradeColumns+` FROM upgrade WHERE pair_id = $1 `+where, append([]any{pair}, args...)...).Scan(
		&u.ID, &u.Kind, &u.Order, &u.State, &u.Step, &booked, &window, &u.Mode, &u.Actor, &created, &opened, &ended, &waiting, &findings, &u.Failure, &u.CancelledBy, &u.Reason,
		&u.JobID, &u.Revision)
	if err := found(err, upgrade.CodeNotFound, "upgrade"); err != nil {
		return u, err
	}
	u.At, u.Window, u.CreatedAt, u.OpenedAt, u.EndedAt = at(booked), time.Duration(window)*time.Millisecond, at(created), at(opened), at(ended)
	if waiting != "" {
		if err := json.Unmarshal([]byte(waiting), &u.Waiting); err != nil {
			return u, fmt.Errorf("sqlstore: what an upgrade waits for: %w", err)
		}
	}
	if findings != "" {
		if err := json.Unmarshal([]byte(findings), &u.Findings); err != nil {
			return u, fmt.Errorf("sqlstore: the findings of an upgrade: %w", err)
		}
	}
	rows, err := s.db.Query(ctx, `SELECT step, owner, status, attempts, told_by, told_at, anyway, began_at, ended_at, have, want, stood, kept FROM upgrade_step
		WHERE pair_id = $1 AND upgrade_id = $2 ORDER BY position`, pair, u.ID)
	if err != nil {
		return u, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	for rows.Next() {
		var r upgrade.Record
		var told, began, ended int64
		var stood, kept string
		if err := rows.Scan(&r.Step, &r.Owner, &r.Status, &r.Attempts, &r.ToldBy, &told, &r.Anyway, &began, &ended, &r.Have, &r.Want, &stood, &kept); err != nil {
			return u, err
		}
		r.ToldAt, r.BeganAt, r.EndedAt = at(told), at(began), at(ended)
		if stood != "" {
			r.Stood = json.RawMessage(stood)
		}
		if kept != "" {
			r.Kept = json.RawMessage(kept)
		}
		u.Steps = append(u.Steps, r)
	}
	return u, rows.Err()
}

// Upgrade implements upgrade.Store.
func (s *Upgrades) Upgrade(ctx context.Context, pair, id string) (upgrade.Upgrade, error) {
	return s.scan(ctx, pair, `AND upgrade_id = $2`, id)
}

// LastUpgrade implements upgrade.Store.
func (s *Upgrades) LastUpgrade(ctx context.Context, pair string) (upgrade.Upgrade, error) {
	return s.scan(ctx, pair, `ORDER BY position DESC LIMIT 1`)
}

// SaveUpgrade implements upgrade.Store.
func (s *Upgrades) SaveUpgrade(ctx context.Context, r *jobs.Run, u upgrade.Upgrade, e upgrade.Effect, why audit.Change, hurry bool) (upgrade.Upgrade, error) {
	key, err := s.store.auditKey(ctx, u.Pair)
	if err != nil {
		return u, err
	}
	stored := u
	err = errSwapped
	for try := 0; try < maxSwaps && errors.Is(err, errSwapped); try++ {
		err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
			if r != nil {
				if err := r.SaveTx(tx, nothing); err != nil { // a run that has lost its job learns it first
					return err
				}
			}
			if err := swapUpgrade(tx, u); err != nil {
				return err
			}
			stored.Revision = u.Revision + 1
			if err := s.effect(tx, key, u.Pair, e); err != nil {
				return err
			}
			if !u.Live() {
				l, err := scanLink(tx.QueryRow(`SELECT `+linkColumns+` FROM link WHERE pair_id = $1`, u.Pair))
				if err == nil {
					err = forgetUnused(tx, l)
				}
				if err != nil {
					return err
				}
			}
			if hurry {
				if err := s.queue.Hurry(tx, u.JobID); err != nil {
					return err
				}
			}
			if why.Action == "" {
				return nil
			}
			_, err := note(tx, key, entry(u.Pair, why, nil, upgradeFacts(u)))
			return err
		})
	}
	return stored, err
}

// swapUpgrade stores an upgrade that was read with u.Revision, and its steps.
func swapUpgrade(tx *sqldb.Tx, u upgrade.Upgrade) error {
	v, err := upgradeValues(u)
	if err != nil {
		return err
	}
	res, err := tx.Exec(`UPDATE upgrade SET live = $2, kind = $4, step_order = $5, state = $6, step = $7, booked_at = $8, window_ms = $9, mode = $10, actor = $11, created_at = $12,
			opened_at = $13, ended_at = $14, waiting = $15, findings = $16, failure = $17, cancelled_by = $18, reason = $19, job_id = $20, revision = revision + 1
		WHERE pair_id = $1 AND upgrade_id = $3 AND revision = $21`, append([]any{u.Pair, flag(u.Live())}, v...)...)
	if err := swapped(res, err); err != nil {
		return changedMeanwhile(err)
	}
	for i, r := range u.Steps {
		if _, err := tx.Exec(`UPDATE upgrade_step SET step = $4, owner = $5, status = $6, attempts = $7, told_by = $8, told_at = $9, anyway = $10, began_at = $11, ended_at = $12,
				have = $13, want = $14, stood = $15, kept = $16
			WHERE pair_id = $1 AND upgrade_id = $2 AND position = $3`, append([]any{u.Pair, u.ID, i}, stepValues(r)...)...); err != nil {
			return err
		}
	}
	return nil
}

// changedMeanwhile says of an upgrade that was read what errSwapped says of its row.
func changedMeanwhile(err error) error {
	if errors.Is(err, errSwapped) {
		return fault.New(fault.Conflict, upgrade.CodeChanged, "The upgrade was changed meanwhile.")
	}
	return err
}

// effect stores what changes together with an upgrade.
func (s *Upgrades) effect(tx *sqldb.Tx, key []byte, pair string, e upgrade.Effect) error {
	if e.Link != nil {
		before, err := scanLink(tx.QueryRow(`SELECT `+linkColumns+` FROM link WHERE pair_id = $1`, pair))
		if err != nil {
			return err
		}
		after, err := e.Link(before)
		if err != nil {
			return err
		}
		if after != before {
			if err := swapLink(tx, before, after); err != nil {
				return err
			}
			if e.Why.Action != "" {
				if _, err := note(tx, key, entry(pair, e.Why, before.Facts(), after.Facts())); err != nil {
					return err
				}
			}
		}
	}
	if e.Outage != nil {
		why := audit.Change{At: e.Why.At, Actor: e.Why.Actor, Action: audit.OutageSet, Reason: e.Outage.Reason}
		if e.Outage.Mode == "" {
			why.Action = audit.OutageEnded
		}
		if _, err := setOutage(tx, key, pair, why, *e.Outage); err != nil {
			return err
		}
	}
	if e.Booking != nil {
		if err := putBooking(tx, *e.Booking); err != nil {
			return err
		}
	}
	return nil
}
