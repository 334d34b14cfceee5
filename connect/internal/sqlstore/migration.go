package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/migration"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// MigrationRuns keeps migrations of users; its queue has their jobs.
type MigrationRuns struct {
	store *Store
	db    *sqldb.DB
	queue *jobs.Queue
}

// NewMigrationRuns returns a store on an open database that has the tables, and the queue on the same.
func NewMigrationRuns(s *Store, queue *jobs.Queue) *MigrationRuns {
	return &MigrationRuns{store: s, db: s.db, queue: queue}
}

// Earlier implements migration.Store.
func (s *MigrationRuns) Earlier(ctx context.Context, pair string) (int, error) {
	var n int
	return n, s.db.QueryRow(ctx, `SELECT COUNT(*) FROM user_mapping WHERE pair_id = $1 AND made_by = 'password'`, pair).Scan(&n)
}

// AddRun implements migration.Store.
func (s *MigrationRuns) AddRun(ctx context.Context, r migration.Run) (migration.Run, error) {
	key, err := s.store.auditKey(ctx, r.Pair)
	if err != nil {
		return migration.Run{}, err
	}
	id := r.ID
	err = errSwapped
	for try := 0; try < maxSwaps && errors.Is(err, errSwapped); try++ {
		err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
			there, err := runOf(tx, r)
			if err != nil || there != "" {
				id = there
				return err
			}
			var waits string
			err = tx.QueryRow(`SELECT run_id FROM migration_run WHERE pair_id = $1 AND upgraded_at = $2 AND waiting > 0 AND cancelled = 0 AND undone = 0 LIMIT 1`, r.Pair, ms(r.UpgradedAt)).Scan(&waits)
			switch {
			case err == nil:
				return fault.New(fault.Conflict, migration.CodeWaiting, "Users of migration %s wait for approval: prove them, or cancel it.", waits)
			case !errors.Is(err, sql.ErrNoRows):
				return err
			}
			job, err := s.enqueue(tx, r)
			if err != nil {
				return err
			}
			id = r.ID
			res, err := tx.Exec(`INSERT INTO migration_run (pair_id, run_id, job_id, upgrade_id, upgraded_at, actor, created_at, retry, final, phase, pass)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'planning', 1) ON CONFLICT DO NOTHING`,
				r.Pair, r.ID, job, r.Upgrade, ms(r.UpgradedAt), r.Actor, ms(r.CreatedAt), flag(r.Retry), flag(r.Final))
			if err := swapped(res, err); err != nil {
				return err
			}
			why := audit.Change{At: r.CreatedAt, Actor: r.Actor, Action: audit.MigrationStarted, Subject: r.ID}
			_, err = note(tx, key, entry(r.Pair, why, nil, nil))
			return err
		})
	}
	if err != nil {
		return migration.Run{}, err
	}
	return s.Run(ctx, r.Pair, id)
}

// runOf is the run of r's upgrade, "" where it has none.
func runOf(tx *sqldb.Tx, r migration.Run) (string, error) {
	if r.Upgrade == "" || r.Retry {
		return "", nil
	}
	var id string
	err := found(tx.QueryRow(`SELECT run_id FROM migration_run WHERE pair_id = $1 AND upgrade_id = $2 AND retry = 0`, r.Pair, r.Upgrade).Scan(&id), migration.CodeNotFound, "run")
	if fault.CodeOf(err) == migration.CodeNotFound {
		return "", nil
	}
	return id, err
}

// maxKills is how often the process may be killed while it works on a run; the worker counts what else breaks it off.
const maxKills = 1_000_000

// enqueue queues the job of a run; while another one of the pair works it is CodeRunning.
func (s *MigrationRuns) enqueue(tx *sqldb.Tx, r migration.Run) (string, error) {
	payload, err := json.Marshal(migration.Payload{Pair: r.Pair, ID: r.ID})
	if err != nil {
		return "", err
	}
	job, err := s.queue.Enqueue(tx, jobs.Job{Kind: migration.Job, UniqueKey: migration.Job + "|" + r.Pair, Payload: payload, MaxAttempts: maxKills})
	if errors.Is(err, jobs.ErrDuplicate) {
		return "", fault.New(fault.Conflict, migration.CodeRunning, "The connection migrates users already. Wait for its end, or cancel it.")
	}
	return job, err
}

const runQuery = `SELECT pair_id, run_id, job_id, upgrade_id, upgraded_at, actor, created_at, retry, final, phase, pass, cancelled, undone,
	total, reconnected, waiting, failed, pace_since, pace_before, pace_last, resumed_at FROM migration_run WHERE pair_id = $1`

func scanRun(row scanner) (r migration.Run, job string, err error) {
	var upgraded, created, since, last, resumed int64
	var undone int
	err = row.Scan(&r.Pair, &r.ID, &job, &r.Upgrade, &upgraded, &r.Actor, &created, &r.Retry, &r.Final, &r.Phase, &r.Pass, &r.Cancelled, &undone,
		&r.Total, &r.Reconnected, &r.Waiting, &r.Failed, &since, &r.Pace.Before, &last, &resumed)
	r.UpgradedAt, r.CreatedAt, r.Undone = at(upgraded), at(created), undone > 0
	r.Pace.Since, r.Pace.Last, r.ResumedAt = at(since), at(last), at(resumed)
	return r, job, found(err, migration.CodeNotFound, "migration")
}

// state tells how the run's job stands. One that is not known any more finished long ago.
func (s *MigrationRuns) state(ctx context.Context, r migration.Run, job string) (migration.Run, error) {
	switch {
	case r.Undone:
		r.State = migration.Undone
		return r, nil
	case r.Phase == migration.Over && r.Cancelled:
		r.State = migration.Cancelled
		return r, nil
	case r.Phase == migration.Over && r.Waiting > 0:
		r.State = migration.Waiting
		return r, nil
	case r.Phase == migration.Over:
		r.State = migration.Done
		return r, nil
	}
	info, err := s.queue.Get(ctx, job)
	switch {
	case errors.Is(err, jobs.ErrNotFound):
		r.State = migration.Stopped
		return r, nil
	case err != nil:
		return r, err
	case info.State == jobs.Queued:
		r.State = migration.Queued
	case info.State == jobs.Running, info.State == jobs.Done: // one that is done came to the run's end since it was read
		r.State = migration.Running
	default:
		r.State = migration.Stopped
	}
	r.Error = info.LastError
	var f migration.Failures
	if json.Unmarshal(info.Checkpoint, &f) == nil && f.Failures > 0 {
		r.Error = f.Error
	}
	return r, nil
}

// Run implements migration.Store.
func (s *MigrationRuns) Run(ctx context.Context, pair, id string) (migration.Run, error) {
	r, job, err := scanRun(s.db.QueryRow(ctx, runQuery+` AND run_id = $2`, pair, id))
	if err == nil {
		r, err = s.state(ctx, r, job)
	}
	if err != nil {
		return migration.Run{}, err
	}
	all, err := s.files(ctx, pair)
	r.Files = all[id]
	return r, err
}

// files are the files of a pair's runs, by run, in the order of their passes.
func (s *MigrationRuns) files(ctx context.Context, pair string) (map[string][]migration.Files, error) {
	rows, err := s.db.Query(ctx, `SELECT run_id, `+fileColumns+` FROM migration_file WHERE pair_id = $1 ORDER BY run_id, pass`, pair)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	all := map[string][]migration.Files{}
	for rows.Next() {
		var id string
		var f migration.Files
		if err := rows.Scan(&id, &f.Pass, &f.Stem, &f.State, &f.Error); err != nil {
			return nil, err
		}
		all[id] = append(all[id], f)
	}
	return all, rows.Err()
}

const fileColumns = `pass, stem, state, error`

// Runs implements migration.Store.
func (s *MigrationRuns) Runs(ctx context.Context, pair string, limit int) ([]migration.Run, error) {
	rows, err := s.db.Query(ctx, runQuery+` ORDER BY created_at DESC, run_id LIMIT $2`, pair, limit)
	if err != nil {
		return nil, err
	}
	var all []migration.Run
	var ids []string
	for rows.Next() {
		r, job, err := scanRun(rows)
		if err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		all, ids = append(all, r), append(ids, job)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || len(all) == 0 {
		return nil, err
	}
	files, err := s.files(ctx, pair)
	if err != nil {
		return nil, err
	}
	for n := range all {
		if all[n], err = s.state(ctx, all[n], ids[n]); err != nil {
			return nil, err
		}
		all[n].Files = files[all[n].ID]
	}
	return all, nil
}

const userColumns = `position, crm_user_id, crm_username, crm_name, engagement_username, engagement_mid, mapped_at, status, attempts, pass, code, reason, settled_at, tried_since`

func (s *MigrationRuns) users(ctx context.Context, query string, args ...any) ([]migration.User, error) {
	rows, err := s.db.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	var all []migration.User
	for rows.Next() {
		var u migration.User
		var mapped, settled, tried int64
		if err := rows.Scan(&u.Position, &u.CRMUserID, &u.CRMUsername, &u.CRMName, &u.EngagementUsername, &u.MID, &mapped, &u.Result, &u.Attempts, &u.Pass, &u.Code, &u.Reason, &settled, &tried); err != nil {
			return nil, err
		}
		u.MappedAt, u.At, u.Since = at(mapped), at(settled), at(tried)
		all = append(all, u)
	}
	return all, rows.Err()
}

// Users implements migration.Store.
func (s *MigrationRuns) Users(ctx context.Context, pair, id string, f migration.Filter) ([]migration.User, error) {
	args := []any{pair, id, f.After, f.Limit}
	only := ""
	if len(f.Results) > 0 {
		only = ` AND status IN (` + marks(&args, f.Results, func(r migration.Result) any { return string(r) }) + `)`
	}
	if f.Pass != 0 {
		args = append(args, f.Pass)
		only += fmt.Sprintf(` AND pass = $%d`, len(args))
	}
	if len(f.NotIn) > 0 {
		only += ` AND NOT EXISTS (SELECT 1 FROM migration_user AS other WHERE other.pair_id = $1 AND other.crm_user_id = migration_user.crm_user_id AND other.run_id IN (` +
			marks(&args, f.NotIn, func(id string) any { return id }) + `))`
	}
	return s.users(ctx, `SELECT `+userColumns+` FROM migration_user WHERE pair_id = $1 AND run_id = $2 AND position > $3`+only+` ORDER BY position LIMIT $4`, args...)
}

// CancelRun implements migration.Store.
func (s *MigrationRuns) CancelRun(ctx context.Context, pair, id string, why audit.Change) error {
	return s.requeue(ctx, pair, id, why, `cancelled = 1, phase = CASE WHEN phase = 'over' THEN 'over' ELSE 'writing' END`, `(phase IN ('planning', 'migrating', 'proving', 'expiring') OR phase = 'over' AND waiting > 0)`)
}

// ProveRun implements migration.Store.
func (s *MigrationRuns) ProveRun(ctx context.Context, pair, id string, phase migration.Phase, why audit.Change) error {
	to := "proving"
	if phase == migration.Expiring {
		to = "expiring"
	}
	return s.requeue(ctx, pair, id, why, `phase = '`+to+`', pass = 2, final = 1`, `phase = 'over' AND waiting > 0 AND cancelled = 0`)
}

// ResumeRun implements migration.Store.
func (s *MigrationRuns) ResumeRun(ctx context.Context, pair, id string, now time.Time) error {
	return s.requeue(ctx, pair, id, audit.Change{}, fmt.Sprintf("resumed_at = %d", ms(now)), `phase <> 'over'`)
}

// requeue changes a run that is in a state, and sees to it that one that is not over has a job. Where a job of the pair
// works, that is its own if the run was not over before; else it is CodeRunning.
func (s *MigrationRuns) requeue(ctx context.Context, pair, id string, why audit.Change, set, where string) error {
	r, err := s.Run(ctx, pair, id)
	if err != nil {
		return err
	}
	key, err := s.store.auditKey(ctx, pair)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`UPDATE migration_run SET `+set+` WHERE pair_id = $1 AND run_id = $2 AND undone = 0 AND `+where, pair, id)
		if err := swapped(res, err); err != nil {
			if errors.Is(err, errSwapped) {
				return nil
			}
			return err
		}
		var phase migration.Phase
		if err := tx.QueryRow(`SELECT phase FROM migration_run WHERE pair_id = $1 AND run_id = $2`, pair, id).Scan(&phase); err != nil {
			return err
		}
		if phase != migration.Over {
			job, err := s.enqueue(tx, r)
			switch {
			case fault.CodeOf(err) == migration.CodeRunning && r.Phase != migration.Over:
				return noted(tx, key, pair, why)
			case err != nil:
				return err
			}
			if _, err := tx.Exec(`UPDATE migration_run SET job_id = $3 WHERE pair_id = $1 AND run_id = $2`, pair, id, job); err != nil {
				return err
			}
		}
		return noted(tx, key, pair, why)
	})
}

// noted adds an entry about a change that has an action.
func noted(tx *sqldb.Tx, key []byte, pair string, why audit.Change) error {
	if why.Action == "" {
		return nil
	}
	_, err := note(tx, key, entry(pair, why, nil, nil))
	return err
}

// undoPage is how many mappings one transaction puts back.
const undoPage = 200

// UndoRun implements migration.Store.
func (s *MigrationRuns) UndoRun(ctx context.Context, pair, id string, why audit.Change) error {
	if _, err := s.Run(ctx, pair, id); err != nil {
		return err
	}
	key, err := s.store.auditKey(ctx, pair)
	if err != nil {
		return err
	}
	// From here on no outcome of a batch under way counts any more.
	done := false
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`UPDATE migration_run SET undone = 1, phase = 'over' WHERE pair_id = $1 AND run_id = $2 AND undone < 2`, pair, id)
		if err = swapped(res, err); errors.Is(err, errSwapped) {
			done, err = true, nil
		}
		return err
	})
	if err != nil || done {
		return err
	}
	r, err := s.Run(ctx, pair, id)
	if err != nil {
		return err
	}
	for from := 0; from < r.Total; from += undoPage {
		err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`UPDATE user_mapping SET made_by = 'password' WHERE pair_id = $1 AND made_by = 'jwt' AND (crm_user_id, created_at) IN
				(SELECT crm_user_id, mapped_at FROM migration_user WHERE pair_id = $1 AND run_id = $2 AND position > $3 AND position <= $4 AND status = 'reconnected')`, pair, id, from, from+undoPage)
			return err
		})
		if err != nil {
			return err
		}
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`UPDATE migration_run SET undone = 2 WHERE pair_id = $1 AND run_id = $2 AND undone = 1`, pair, id)
		if err = swapped(res, err); err != nil {
			if errors.Is(err, errSwapped) { // somebody else has just done it
				return nil
			}
			return err
		}
		_, err = note(tx, key, entry(pair, why, nil, nil))
		return err
	})
}
