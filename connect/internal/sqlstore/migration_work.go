package sqlstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/migration"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// planPage is how many rows one transaction makes.
const planPage = 200

// moved is the refusal of work for a phase that is over.
func moved(err error) error {
	if errors.Is(err, errSwapped) {
		return fault.New(fault.Conflict, migration.CodePhase, "The migration went on to another phase meanwhile.")
	}
	return err
}

// Plan implements migration.Work.
func (s *MigrationRuns) Plan(ctx context.Context, job *jobs.Run, r migration.Run) (more bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := job.SaveTx(tx, nothing); err != nil { // a run that has lost its job learns it first
			return err
		}
		var after, last string
		var total, n int
		if err := tx.QueryRow(`SELECT planned_after, total FROM migration_run WHERE pair_id = $1 AND run_id = $2`, r.Pair, r.ID).Scan(&after, &total); err != nil {
			return err
		}
		const page = `FROM user_mapping WHERE pair_id = $1 AND made_by = 'password' AND crm_user_id > $2 ORDER BY crm_user_id LIMIT $3`
		if err := tx.QueryRow(`SELECT COUNT(*), COALESCE(MAX(crm_user_id), '') FROM (SELECT crm_user_id `+page+`) AS p`, r.Pair, after, planPage).Scan(&n, &last); err != nil {
			return err
		}
		if more = n == planPage; n == 0 {
			return nil
		}
		_, err := tx.Exec(`INSERT INTO migration_user (pair_id, run_id, `+userColumns+`, audit_seq)
			SELECT $1, $4, $5 + ROW_NUMBER() OVER (ORDER BY crm_user_id), crm_user_id, crm_username, crm_name, engagement_username, engagement_mid, created_at, 'planned', 0, 0, '', '', 0, 0, 0
			FROM (SELECT * `+page+`) AS p`, r.Pair, after, planPage, r.ID, total)
		if err != nil {
			return err
		}
		res, err := tx.Exec(`UPDATE migration_run SET planned_after = $3, total = total + $4 WHERE pair_id = $1 AND run_id = $2 AND phase = 'planning'`, r.Pair, r.ID, last, n)
		return moved(swapped(res, err))
	})
	return more, err
}

// Take implements migration.Work.
func (s *MigrationRuns) Take(ctx context.Context, r migration.Run, waiting bool, after, limit int) ([]migration.User, error) {
	one := func(status string) string {
		return `SELECT * FROM (SELECT ` + userColumns + ` FROM migration_user WHERE pair_id = $1 AND run_id = $2 AND position > $3 AND status = '` + status + `' ORDER BY position LIMIT $4) AS ` + status
	}
	query := one("planned") + ` UNION ALL ` + one("intended")
	if waiting {
		query = one("waiting")
	}
	all, err := s.users(ctx, query, r.Pair, r.ID, after, limit)
	slices.SortFunc(all, func(a, b migration.User) int { return a.Position - b.Position })
	return all[:min(len(all), limit)], err
}

// Intend implements migration.Work.
func (s *MigrationRuns) Intend(ctx context.Context, job *jobs.Run, r migration.Run, users []migration.User, now time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := job.SaveTx(tx, nothing); err != nil {
			return err
		}
		waited := 0
		for _, waiting := range []bool{true, false} {
			part := slices.DeleteFunc(slices.Clone(users), func(u migration.User) bool { return (u.Result == migration.UserWaiting) != waiting })
			if len(part) == 0 {
				continue
			}
			args, set := []any{r.Pair, r.ID, ms(now)}, `tried_since = CASE WHEN tried_since = 0 THEN $3 ELSE tried_since END WHERE status IN ('planned', 'intended')`
			if waiting {
				set = `attempts = 0, tried_since = $3 WHERE status = 'waiting'`
			}
			res, err := tx.Exec(`UPDATE migration_user SET status = 'intended', `+set+` AND pair_id = $1 AND run_id = $2 AND position IN (`+marks(&args, part, func(u migration.User) any { return u.Position })+`)`, args...)
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil || n != int64(len(part)) {
				return moved(errors.Join(err, errSwapped))
			}
			if waiting {
				waited = len(part)
			}
		}
		res, err := tx.Exec(`UPDATE migration_run SET waiting = waiting - $4 WHERE pair_id = $1 AND run_id = $2 AND phase = $3 AND undone = 0`, r.Pair, r.ID, string(r.Phase), waited)
		return moved(swapped(res, err))
	})
}

// outcome is what several users of a batch have in common.
type outcome struct {
	result       migration.Result
	code, reason string
}

// Settle implements migration.Work.
func (s *MigrationRuns) Settle(ctx context.Context, job *jobs.Run, r migration.Run, why audit.Change, users []migration.User, now time.Time, dead bool) error {
	key, err := s.store.auditKey(ctx, r.Pair)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := job.SaveTx(tx, nothing); err != nil {
			return err
		}
		batch := slices.Clone(users) // this may run twice
		if err := stillUpgraded(tx, r); err != nil {
			return err
		}
		if err := s.reconnect(tx, r, batch); err != nil {
			return err
		}
		groups := map[outcome][]int{}
		waiting := 0
		for _, u := range batch {
			o := outcome{u.Result, u.Code, u.Reason}
			groups[o] = append(groups[o], u.Position)
			if u.Result == migration.UserWaiting {
				waiting++
			}
		}
		items, b := migration.Outcomes(batch)
		res, err := tx.Exec(`UPDATE migration_run SET reconnected = reconnected + $3, waiting = waiting + $4, failed = failed + $5, pace_last = $6 WHERE pair_id = $1 AND run_id = $2 AND undone = 0`,
			r.Pair, r.ID, b.Reconnected, waiting, b.Failed, ms(now))
		if err := undone(swapped(res, err)); err != nil {
			return err
		}
		seq := int64(0)
		if len(items) > 0 {
			if seq, err = note(tx, key, entry(r.Pair, why, nil, b)); err != nil {
				return err
			}
		}
		attempt := 1
		if dead {
			attempt = 0
		}
		for o, group := range groups {
			pass, settled, entry := r.Pass, ms(why.At), seq
			switch o.result {
			case migration.UserPlanned:
				pass, settled, entry = 0, 0, 0
			case migration.UserWaiting:
				entry = 0
			}
			args := []any{r.Pair, r.ID, string(o.result), o.code, o.reason, pass, settled, entry, attempt}
			res, err := tx.Exec(`UPDATE migration_user SET status = $3, code = $4, reason = $5, pass = $6, settled_at = $7, audit_seq = $8, attempts = attempts + $9
				WHERE pair_id = $1 AND run_id = $2 AND status = 'intended' AND position IN (`+marks(&args, group, func(position int) any { return position })+`)`, args...)
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil || n != int64(len(group)) { // each has one outcome
				return moved(errors.Join(err, errSwapped))
			}
		}
		return nil
	})
}

func undone(err error) error {
	if errors.Is(err, errSwapped) {
		return fault.New(fault.Conflict, migration.CodeUndone, "The migration was undone meanwhile.")
	}
	return err
}

// stillUpgraded refuses to reconnect users of a connection that is not the one that was upgraded any more.
func stillUpgraded(tx *sqldb.Tx, r migration.Run) error {
	var driver string
	var upgraded int64
	if err := tx.QueryRow(`SELECT org_driver, upgraded_at FROM link WHERE pair_id = $1`, r.Pair).Scan(&driver, &upgraded); err != nil {
		return err
	}
	if driver != "jwt" || upgraded != ms(r.UpgradedAt) {
		return fault.New(fault.Conflict, migration.CodeUndone, "The connection into the org was changed meanwhile.")
	}
	return nil
}

// reconnect makes the mappings of reconnected users ones of the present connection; users whose mapping is not what it was
// when the run was planned have failed.
func (s *MigrationRuns) reconnect(tx *sqldb.Tx, r migration.Run, batch []migration.User) error {
	var ids []string
	for _, u := range batch {
		if u.Renamed {
			_, err := tx.Exec(`UPDATE user_mapping SET crm_username = $3, crm_name = $4 WHERE pair_id = $1 AND crm_user_id = $2`, r.Pair, u.CRMUserID, u.CRMUsername, u.CRMName)
			if err == nil {
				_, err = tx.Exec(`UPDATE migration_user SET crm_username = $4, crm_name = $5 WHERE pair_id = $1 AND run_id = $2 AND position = $3`, r.Pair, r.ID, u.Position, u.CRMUsername, u.CRMName)
			}
			if err != nil {
				return err
			}
		}
		if u.Result == migration.UserReconnected {
			ids = append(ids, u.CRMUserID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	args := []any{r.Pair, r.ID}
	in := marks(&args, ids, func(id string) any { return id })
	made, err := textsOf(tx.Query(`UPDATE user_mapping SET made_by = 'jwt', broken_at = 0 WHERE pair_id = $1 AND made_by = 'password' AND crm_user_id IN (`+in+`)
		AND EXISTS (SELECT 1 FROM migration_user u WHERE u.pair_id = $1 AND u.run_id = $2 AND u.crm_user_id = user_mapping.crm_user_id AND u.mapped_at = user_mapping.created_at) RETURNING crm_user_id`, args...))
	if err != nil || len(made) == len(ids) {
		return err
	}
	for i, u := range batch {
		if u.Result == migration.UserReconnected && !slices.Contains(made, u.CRMUserID) {
			batch[i].Result, batch[i].Code = migration.UserFailed, string(migration.CodeChanged)
			batch[i].Reason = "The mapping was cleared or made anew meanwhile."
		}
	}
	return nil
}

// Advance implements migration.Work.
func (s *MigrationRuns) Advance(ctx context.Context, job *jobs.Run, r migration.Run, to migration.Phase, now time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := job.SaveTx(tx, nothing); err != nil {
			return err
		}
		res, err := tx.Exec(`UPDATE migration_run SET phase = $4, pace_since = $5, pace_last = $5, pace_before = reconnected + waiting + failed WHERE pair_id = $1 AND run_id = $2 AND phase = $3 AND undone = 0`,
			r.Pair, r.ID, string(r.Phase), string(to), ms(now))
		return moved(swapped(res, err))
	})
}

// NameFiles implements migration.Work.
func (s *MigrationRuns) NameFiles(ctx context.Context, job *jobs.Run, r migration.Run, eid int64, stems []string) (migration.Files, error) {
	var f migration.Files
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := job.SaveTx(tx, nothing); err != nil {
			return err
		}
		read := func() error {
			err := tx.QueryRow(`SELECT `+fileColumns+` FROM migration_file WHERE pair_id = $1 AND run_id = $2 AND pass = $3`, r.Pair, r.ID, r.Pass).Scan(&f.Pass, &f.Stem, &f.State, &f.Error)
			return found(err, migration.CodeNotFound, "file")
		}
		if err := read(); fault.CodeOf(err) != migration.CodeNotFound {
			return err
		}
		for _, stem := range stems {
			res, err := tx.Exec(`INSERT INTO migration_file (pair_id, run_id, pass, eid, stem, state, error) VALUES ($1, $2, $3, $4, $5, 'named', '') ON CONFLICT DO NOTHING`,
				r.Pair, r.ID, r.Pass, eid, stem)
			if err = swapped(res, err); !errors.Is(err, errSwapped) {
				if err == nil {
					err = read()
				}
				return err
			}
		}
		return fault.New(fault.Conflict, migration.CodeNoName, "My Documents has all the files that a day may have.")
	})
	return f, err
}

// PutFiles implements migration.Work.
func (s *MigrationRuns) PutFiles(ctx context.Context, job *jobs.Run, r migration.Run, f migration.Files) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := job.SaveTx(tx, nothing); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO migration_file (pair_id, run_id, pass, eid, stem, state, error) VALUES ($1, $2, $3, 0, $4, $5, $6)
			ON CONFLICT (pair_id, run_id, pass) DO UPDATE SET state = excluded.state, error = excluded.error`, r.Pair, r.ID, f.Pass, f.Stem, string(f.State), f.Error)
		return err
	})
}
