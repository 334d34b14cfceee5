package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// WriteRows does the operations in order, in one transaction.
func (s *Data) WriteRows(ctx context.Context, d tenant.DataExtension, ops []tenant.RowOp, load *tenant.LoadProgress, now time.Time) (refusals []error, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		refusals = make([]error, len(ops)) // it may run twice
		if len(ops) > 0 {
			if err := s.writeRows(tx, d, ops, refusals, now); err != nil {
				return err
			}
		}
		if load == nil {
			return nil
		}
		return advance(tx, *load, refusals)
	})
	return refusals, err
}

// writeRows takes the data extension for itself: who changes its fields or rows waits on PostgreSQL, and finds it changed.
func (s *Data) writeRows(tx *sqldb.Tx, d tenant.DataExtension, ops []tenant.RowOp, refusals []error, now time.Time) error {
	var count int64
	err := tx.QueryRow(`UPDATE data_extension SET row_version = row_version + 1 WHERE eid = $1 AND id = $2 AND modified_at = $3 AND deleted_at = 0 RETURNING row_count`,
		int64(d.Tenant), d.ID, millis(d.Modified)).Scan(&count)
	if errors.Is(err, sql.ErrNoRows) {
		return changedMeanwhile("data extension")
	}
	if err != nil {
		return err
	}
	was := count
	for i, op := range ops {
		delta, err := writeRow(tx, d, op, count, now)
		if err != nil && fault.KindOf(err) == fault.Internal {
			return err
		}
		refusals[i] = err
		count += delta
	}
	if count == was {
		return nil
	}
	_, err = tx.Exec(`UPDATE data_extension SET row_count = $3 WHERE eid = $1 AND id = $2`, int64(d.Tenant), d.ID, count)
	return err
}

// writeRow does one operation and says by how much it changed the number of rows.
func writeRow(tx *sqldb.Tx, d tenant.DataExtension, op tenant.RowOp, count int64, now time.Time) (int64, error) {
	old, exists, err := scanDataRow(tx.QueryRow(`SELECT row_key, row_values FROM data_extension_row WHERE eid = $1 AND extension_id = $2 AND row_key = $3`,
		int64(d.Tenant), d.ID, op.Key))
	if err != nil {
		return 0, err
	}
	row, keep, err := op.Apply(old, exists)
	if err != nil {
		return 0, err
	}
	if !keep {
		_, err := tx.Exec(`DELETE FROM data_extension_row WHERE eid = $1 AND extension_id = $2 AND row_key = $3`, int64(d.Tenant), d.ID, op.Key)
		return -1, err
	}
	values, err := tenant.ValuesJSON(row.Values)
	if err != nil {
		return 0, err
	}
	if exists {
		_, err = tx.Exec(`UPDATE data_extension_row SET row_values = $4, modified_at = $5 WHERE eid = $1 AND extension_id = $2 AND row_key = $3`,
			int64(d.Tenant), d.ID, op.Key, values, millis(now))
		return 0, err
	}
	if count >= tenant.MaxDataRows {
		return 0, fault.New(fault.Conflict, tenant.CodeTooManyRows, "The data extension has %d rows, which is the most there can be.", count)
	}
	_, err = tx.Exec(`INSERT INTO data_extension_row (eid, extension_id, row_key, row_values, modified_at) VALUES ($1, $2, $3, $4, $5)`,
		int64(d.Tenant), d.ID, op.Key, values, millis(now))
	return 1, err
}

func scanDataRow(row interface{ Scan(...any) error }) (tenant.DataRow, bool, error) {
	var r tenant.DataRow
	var values string
	err := row.Scan(&r.Key, &values)
	if errors.Is(err, sql.ErrNoRows) {
		return r, false, nil
	}
	if err != nil {
		return r, false, err
	}
	return r, true, fromJSON(values, &r.Values)
}

// Row reads one row.
func (s *Data) Row(ctx context.Context, d tenant.DataExtension, key string) (tenant.DataRow, bool, error) {
	return scanDataRow(s.db.QueryRow(ctx, `SELECT row_key, row_values FROM data_extension_row WHERE eid = $1 AND extension_id = $2 AND row_key = $3`,
		int64(d.Tenant), d.ID, key))
}

// Rows reads a page of rows in the order of their keys.
func (s *Data) Rows(ctx context.Context, d tenant.DataExtension, after string, skip, limit int) ([]tenant.DataRow, error) {
	return dataRows(s.db.Query(ctx, `SELECT row_key, row_values FROM data_extension_row WHERE eid = $1 AND extension_id = $2 AND row_key > $3 ORDER BY row_key LIMIT $4 OFFSET $5`,
		int64(d.Tenant), d.ID, after, limit, skip))
}

// RowsByKey reads rows by their keys.
func (s *Data) RowsByKey(ctx context.Context, d tenant.DataExtension, keys []string) (_ []tenant.DataRow, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	q := query{args: []any{int64(d.Tenant), d.ID}}
	marks := make([]string, len(keys))
	for i, key := range keys {
		marks[i] = q.arg(key)
	}
	return dataRows(s.db.Query(ctx, `SELECT row_key, row_values FROM data_extension_row WHERE eid = $1 AND extension_id = $2
		AND row_key IN (`+strings.Join(marks, ", ")+`) ORDER BY row_key`, q.args...))
}

// dataRows reads rows to their end.
func dataRows(rows *sql.Rows, err error) (_ []tenant.DataRow, failed error) {
	if err != nil {
		return nil, err
	}
	defer func() { failed = errors.Join(failed, rows.Close()) }()
	var list []tenant.DataRow
	for rows.Next() {
		r, _, err := scanDataRow(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// loadAttempts is how often a load is begun before it is given up.
const loadAttempts = 20

// PutLoad stores a load and its job, and forgets some old ones.
func (s *Data) PutLoad(ctx context.Context, l tenant.Load) error {
	payload, err := json.Marshal(LoadPayload{Tenant: l.Tenant, MID: l.MID, Load: l.ID})
	if err != nil {
		return err
	}
	items, err := toJSON(l.Items)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`DELETE FROM data_load WHERE id IN (SELECT id FROM data_load WHERE eid = $1 AND called_at < $2 AND completed_at > 0 ORDER BY called_at LIMIT 20)`,
			int64(l.Tenant), millis(l.Called.Add(-tenant.LoadKept-time.Hour))); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO data_load (id, eid, mid, extension_id, mode, items, item_count, called_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			l.ID, int64(l.Tenant), int64(l.MID), l.Extension, string(l.Mode), items, l.Count, millis(l.Called)); err != nil {
			return err
		}
		_, err := s.queue.Enqueue(tx, jobs.Job{Kind: JobLoad, UniqueKey: JobLoad + "/" + l.ID, Payload: payload, MaxAttempts: loadAttempts})
		return err
	})
}

// LoadByID reads a load.
func (s *Data) LoadByID(ctx context.Context, eid tenant.EID, mid tenant.MID, id string) (tenant.Load, error) {
	var l tenant.Load
	var items, failures string
	var called, picked, completed int64
	err := s.db.QueryRow(ctx, `SELECT eid, mid, id, extension_id, mode, items, item_count, done_count, failures, called_at, picked_up_at, completed_at
		FROM data_load WHERE eid = $1 AND mid = $2 AND id = $3`, int64(eid), int64(mid), fold(id)).
		Scan(&l.Tenant, &l.MID, &l.ID, &l.Extension, &l.Mode, &items, &l.Count, &l.Done, &failures, &called, &picked, &completed)
	if errors.Is(err, sql.ErrNoRows) {
		return l, fault.New(fault.NotFound, tenant.CodeNoLoad, "There is no asynchronous request with this id.")
	}
	if err != nil {
		return l, err
	}
	l.Called, l.PickedUp, l.Completed = timeOf(called), timeOf(picked), timeOf(completed)
	return l, errors.Join(fromJSON(items, &l.Items), fromJSON(failures, &l.Failures))
}

// advance moves a load on by a batch, once: another who does the same batch finds it done.
func advance(tx *sqldb.Tx, l tenant.LoadProgress, refusals []error) error {
	failures := append([]tenant.LoadFailure{}, l.Failures...)
	for i, err := range refusals {
		if err != nil {
			failures = append(failures, tenant.LoadFailure{Item: l.Places[i], Message: tenant.Problems(err).Error()})
		}
	}
	text, err := toJSON(failures)
	if err != nil {
		return err
	}
	now, completed, items := max(millis(l.Now), 1), int64(0), "items"
	if l.Last {
		completed, items = now, "'[]'"
	}
	done, err := affected(tx.Exec(`UPDATE data_load SET done_count = $4, failures = $5, completed_at = $6,
			picked_up_at = CASE WHEN picked_up_at = 0 THEN $7 ELSE picked_up_at END, items = `+items+`
		WHERE eid = $1 AND id = $2 AND done_count = $3 AND completed_at = 0`,
		int64(l.Tenant), l.ID, l.Done, l.Done+l.Batch, text, completed, now))
	if err == nil && !done {
		return changedMeanwhile("request")
	}
	return err
}
