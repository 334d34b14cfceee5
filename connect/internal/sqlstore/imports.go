package sqlstore

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// Imports keeps imports; its queue has their jobs.
type Imports struct {
	store *Store
	db    *sqldb.DB
	queue *jobs.Queue
}

// NewImports returns a store on an open database that has the tables, and the queue on the same.
func NewImports(s *Store, queue *jobs.Queue) *Imports {
	return &Imports{store: s, db: s.db, queue: queue}
}

// Queue returns a queue of jobs on the store's database.
func (s *Store) Queue(o jobs.Options) *jobs.Queue { return jobs.New(s.db, o) }

// importInsert is how many lines one transaction stores.
const importInsert = 200

// AddImport implements mapping.Imports. The lines come first; the import is one when it has its job.
func (s *Imports) AddImport(ctx context.Context, i mapping.Import, lines []mapping.Line) error {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		// What a crash left half stored goes with the next one.
		if _, err := tx.Exec(`DELETE FROM mapping_import WHERE pair_id = $1 AND job_id = '' AND created_at < $2`, i.Pair, ms(i.CreatedAt)-3_600_000); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO mapping_import (pair_id, import_id, job_id, actor, created_at) VALUES ($1, $2, '', $3, $4)`, i.Pair, i.ID, i.Actor, ms(i.CreatedAt))
		return err
	})
	users, failed := len(lines), []audit.Item(nil)
	for _, l := range lines {
		if l.Status == mapping.LineFailed {
			failed = append(failed, item(l))
		}
	}
	for len(lines) > 0 && err == nil {
		part := lines[:min(len(lines), importInsert)]
		lines = lines[len(part):]
		err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
			for _, l := range part {
				if _, err := tx.Exec(`INSERT INTO mapping_import_line (pair_id, import_id, position, crm_username, engagement_username, engagement_mid, status, attempts, code, reason)
						VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9)`,
					i.Pair, i.ID, l.Position, l.CRMUsername, l.EngagementUsername, l.MID, string(l.Status), l.Code, l.Reason); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err == nil {
		err = s.enqueue(ctx, i, users, failed)
	}
	if err == nil {
		return nil
	}
	gone := s.db.Write(context.WithoutCancel(ctx), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`DELETE FROM mapping_import WHERE pair_id = $1 AND import_id = $2 AND job_id = ''`, i.Pair, i.ID)
		return err
	})
	return errors.Join(err, gone)
}

// started is what the audit chain keeps of an import that begins.
type started struct {
	Users  int `json:"users"`
	Failed int `json:"failed"` // lines that cannot be right
}

func item(l mapping.Line) audit.Item {
	return audit.Item{Position: l.Position, CRMUsername: l.CRMUsername, EngagementUsername: l.EngagementUsername, MID: l.MID, Status: string(l.Status), Code: l.Code}
}

func (s *Imports) enqueue(ctx context.Context, i mapping.Import, users int, failed []audit.Item) error {
	payload, err := json.Marshal(mapping.ImportPayload{Pair: i.Pair, ID: i.ID})
	if err != nil {
		return err
	}
	key, err := s.store.auditKey(ctx, i.Pair)
	if err != nil {
		return err
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		job, err := s.queue.Enqueue(tx, jobs.Job{Kind: mapping.JobImport, UniqueKey: mapping.JobImport + "|" + i.Pair, Payload: payload})
		if err != nil {
			return err
		}
		if _, err = tx.Exec(`UPDATE mapping_import SET job_id = $3 WHERE pair_id = $1 AND import_id = $2`, i.Pair, i.ID, job); err != nil {
			return err
		}
		why := audit.Change{At: i.CreatedAt, Actor: i.Actor, Action: audit.ImportStarted, Subject: i.ID}
		if _, err := note(tx, key, entry(i.Pair, why, nil, started{users, len(failed)})); err != nil || len(failed) == 0 {
			return err
		}
		why.Action = audit.UsersImported // the lines that cannot be right have their outcome from the start
		seq, err := note(tx, key, entry(i.Pair, why, nil, audit.Batch{Failed: len(failed), Digest: audit.Digest(failed)}))
		if err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE mapping_import_line SET audit_seq = $3 WHERE pair_id = $1 AND import_id = $2 AND status = 'failed'`, i.Pair, i.ID, seq)
		return err
	})
	if !errors.Is(err, jobs.ErrDuplicate) {
		return err
	}
	running, listErr := s.ListImports(ctx, i.Pair, 1)
	if listErr != nil {
		return listErr
	}
	which := ""
	if len(running) > 0 {
		which = ": " + running[0].ID
	}
	return fault.New(fault.Conflict, mapping.CodeImportRunning, "The connection works on an import already%s. Wait for its end, or cancel it.", which)
}

const importQuery = `SELECT i.pair_id, i.import_id, i.job_id, i.actor, i.created_at, COUNT(l.position),
		COALESCE(SUM(CASE WHEN l.status = 'done' THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN l.status = 'failed' THEN 1 ELSE 0 END), 0)
	FROM mapping_import i LEFT JOIN mapping_import_line l ON l.pair_id = i.pair_id AND l.import_id = i.import_id
	WHERE i.pair_id = $1 AND i.job_id <> ''`

const importGroup = ` GROUP BY i.pair_id, i.import_id, i.job_id, i.actor, i.created_at`

func scanImport(row scanner) (i mapping.Import, job string, err error) {
	var created int64
	err = row.Scan(&i.Pair, &i.ID, &job, &i.Actor, &created, &i.Total, &i.Done, &i.Failed)
	i.CreatedAt = at(created)
	return i, job, found(err, mapping.CodeNotFound, "import")
}

// state tells how the import's job stands. One that is not known any more finished long ago. An import is done when its job is, and not a
// moment before: until then another one is refused.
func (s *Imports) state(ctx context.Context, i mapping.Import, job string) (mapping.Import, error) {
	info, err := s.queue.Get(ctx, job)
	switch {
	case i.Done+i.Failed == i.Total && (err != nil || info.State != jobs.Queued && info.State != jobs.Running):
		i.State = mapping.ImportDone
	case errors.Is(err, jobs.ErrNotFound), err == nil && (info.State == jobs.Failed || info.State == jobs.Done):
		i.State = mapping.ImportStopped
	case err != nil:
		return i, err
	case info.State == jobs.Queued:
		i.State = mapping.ImportQueued
	case info.State == jobs.Running:
		i.State = mapping.ImportRunning
	case info.State == jobs.Cancelled:
		i.State = mapping.ImportCancelled
	}
	if i.State != mapping.ImportDone {
		i.Error = info.LastError
	}
	return i, nil
}

// Import implements mapping.Imports.
func (s *Imports) Import(ctx context.Context, pair, id string) (mapping.Import, error) {
	i, job, err := scanImport(s.db.QueryRow(ctx, importQuery+` AND i.import_id = $2`+importGroup, pair, id))
	if err != nil {
		return i, err
	}
	return s.state(ctx, i, job)
}

// ListImports implements mapping.Imports.
func (s *Imports) ListImports(ctx context.Context, pair string, limit int) ([]mapping.Import, error) {
	rows, err := s.db.Query(ctx, importQuery+importGroup+` ORDER BY i.created_at DESC, i.import_id LIMIT $2`, pair, limit)
	if err != nil {
		return nil, err
	}
	var all []mapping.Import
	var ids []string
	for rows.Next() {
		i, job, err := scanImport(rows)
		if err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		all, ids = append(all, i), append(ids, job)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	for n := range all {
		if all[n], err = s.state(ctx, all[n], ids[n]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Lines implements mapping.Imports.
func (s *Imports) Lines(ctx context.Context, pair, id string, waiting bool, after, limit int) ([]mapping.Line, error) {
	only := ""
	if waiting {
		only = ` AND status IN ('planned', 'intended')`
	}
	rows, err := s.db.Query(ctx, `SELECT position, crm_username, engagement_username, engagement_mid, status, attempts, code, reason FROM mapping_import_line
		WHERE pair_id = $1 AND import_id = $2 AND position > $3`+only+` ORDER BY position LIMIT $4`, pair, id, after, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	var all []mapping.Line
	for rows.Next() {
		var l mapping.Line
		if err := rows.Scan(&l.Position, &l.CRMUsername, &l.EngagementUsername, &l.MID, &l.Status, &l.Attempts, &l.Code, &l.Reason); err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, rows.Err()
}

// Intend implements mapping.Imports.
func (s *Imports) Intend(ctx context.Context, r *jobs.Run, pair, id string, lines []mapping.Line) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, l := range lines {
			if _, err := tx.Exec(`UPDATE mapping_import_line SET status = 'intended', attempts = attempts + 1
					WHERE pair_id = $1 AND import_id = $2 AND position = $3 AND status IN ('planned', 'intended')`, pair, id, l.Position); err != nil {
				return err
			}
		}
		return r.SaveTx(tx, nothing)
	})
}

// nothing is the checkpoint of a job whose rows say how far it has come.
var nothing = []byte("null")

// Settle implements mapping.Imports.
func (s *Imports) Settle(ctx context.Context, r *jobs.Run, why audit.Change, pair, id string, lines []mapping.Line, mappings map[int]mapping.Mapping) (lost []mapping.Mapping, err error) {
	key, err := s.store.auditKey(ctx, pair)
	if err != nil {
		return nil, err
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := r.SaveTx(tx, nothing); err != nil { // a run that has lost its job learns it first
			return err
		}
		lost = nil
		var batch audit.Batch
		var over []audit.Item
		for _, l := range lines {
			if m, ok := mappings[l.Position]; ok {
				switch before, err := putMapping(tx, m); {
				case fault.CodeOf(err) == mapping.CodeTaken:
					lost = append(lost, m)
					l.Status, l.Code, l.Reason = mapping.LineFailed, string(mapping.CodeTaken), fault.Of(err).Message
				case err != nil:
					return err
				case before.EngagementUserID != "" && before.EngagementUserID != m.EngagementUserID:
					lost = append(lost, before)
				}
			}
			switch l.Status {
			case mapping.LineDone:
				batch.Mapped++
			case mapping.LineFailed:
				batch.Failed++
			}
			if l.Status != mapping.LinePlanned {
				over = append(over, item(l))
			}
			if _, err := tx.Exec(`UPDATE mapping_import_line SET status = $4, code = $5, reason = $6 WHERE pair_id = $1 AND import_id = $2 AND position = $3 AND status = 'intended'`,
				pair, id, l.Position, string(l.Status), l.Code, l.Reason); err != nil {
				return err
			}
		}
		if len(over) == 0 {
			return nil
		}
		batch.Digest = audit.Digest(over)
		seq, err := note(tx, key, entry(pair, why, nil, batch))
		if err != nil {
			return err
		}
		for _, i := range over {
			if _, err := tx.Exec(`UPDATE mapping_import_line SET audit_seq = $4 WHERE pair_id = $1 AND import_id = $2 AND position = $3`, pair, id, i.Position, seq); err != nil {
				return err
			}
		}
		return nil
	})
	return lost, err
}

// CancelImport implements mapping.Imports.
func (s *Imports) CancelImport(ctx context.Context, pair, id string, why audit.Change) error {
	i, job, err := scanImport(s.db.QueryRow(ctx, importQuery+` AND i.import_id = $2`+importGroup, pair, id))
	if err != nil {
		return err
	}
	if i, err = s.state(ctx, i, job); err != nil || i.State != mapping.ImportQueued && i.State != mapping.ImportRunning || i.Done+i.Failed == i.Total {
		return err // over, or about to be
	}
	key, err := s.store.auditKey(ctx, pair)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		asked, err := s.queue.CancelTx(tx, job)
		if errors.Is(err, jobs.ErrNotFound) || err == nil && !asked {
			return nil // over, or cancelled by somebody else
		}
		if err != nil {
			return err
		}
		_, err = note(tx, key, entry(pair, why, importFacts{i.State}, importFacts{mapping.ImportCancelled}))
		return err
	})
}

// importFacts are what the audit chain keeps of an import that is cancelled.
type importFacts struct {
	State mapping.ImportState `json:"state"`
}
