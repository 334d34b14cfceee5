package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// JobBulk is the kind of the queue's jobs that work on bulk jobs; their payload is a [BulkPayload].
const JobBulk = "bulk"

// BulkPayload names a bulk job.
type BulkPayload struct {
	Org org.ID `json:"org"`
	ID  org.ID `json:"id"`
}

// Bulk keeps bulk jobs and queues the work on them.
type Bulk struct {
	store *Store
	queue *jobs.Queue
}

var _ org.BulkStore = Bulk{}

// NewBulk returns a store of bulk jobs on a database that has jobs.Migrations too.
func NewBulk(s *Store, q *jobs.Queue) Bulk { return Bulk{s, q} }

const bulkColumns = `id, kind, user_id, app_id, delegate_id, operation, object, external_id, query, crlf, delimiter, version, state, created_ms,
 modified_ms, upload, uploaded, size, next_byte, spent, processed, failed, error, millis`

func scanBulk(scan func(...any) error, orgID org.ID) (org.BulkJob, error) {
	j := org.BulkJob{Org: orgID}
	var delimiter string
	var created, modified int64
	err := scan(&j.ID, &j.Kind, &j.User, &j.App, &j.Delegate, &j.Operation, &j.Object, &j.ExternalID, &j.Query, &j.CRLF, &delimiter, &j.Version,
		&j.State, &created, &modified, &j.Upload, &j.Uploaded, &j.Size, &j.Next, &j.Spent, &j.Processed, &j.Failed, &j.Error, &j.Millis)
	if err != nil {
		return org.BulkJob{}, notFound(err, "bulk job")
	}
	if delimiter != "" {
		j.Delimiter = delimiter[0]
	}
	j.Created, j.Modified = fromMillis(created), fromMillis(modified)
	return j, nil
}

// AddBulkJob implements org.BulkStore.
func (b Bulk) AddBulkJob(ctx context.Context, j org.BulkJob) error {
	err := b.store.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`INSERT INTO bulk_job (org_id, `+bulkColumns+`)
 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)`,
			string(j.Org), string(j.ID), string(j.Kind), string(j.User), string(j.App), string(j.Delegate), j.Operation, j.Object, j.ExternalID, j.Query,
			flag(j.CRLF), string(rune(j.Delimiter)), j.Version, string(j.State), millis(j.Created), millis(j.Modified), j.Upload, flag(j.Uploaded), j.Size, j.Next,
			j.Spent, j.Processed, j.Failed, j.Error, j.Millis); err != nil {
			return err
		}
		return b.enqueue(tx, j)
	})
	if err != nil {
		return fmt.Errorf("adding a bulk job: %w", err)
	}
	return nil
}

// bulkAttempts is no bound: who works on the job gives up by himself.
const bulkAttempts = 1 << 20

// enqueue queues the work on a job that is ready for it.
func (b Bulk) enqueue(tx *sqldb.Tx, j org.BulkJob) error {
	if j.State != org.BulkUploadComplete {
		return nil
	}
	payload, err := json.Marshal(BulkPayload{j.Org, j.ID})
	if err != nil {
		return err
	}
	_, err = b.queue.Enqueue(tx, jobs.Job{Kind: JobBulk, UniqueKey: JobBulk + "/" + string(j.ID), Payload: payload, MaxAttempts: bulkAttempts})
	if errors.Is(err, jobs.ErrDuplicate) {
		return nil // it is queued
	}
	return err
}

// BulkJob implements org.BulkStore.
func (b Bulk) BulkJob(ctx context.Context, orgID, id org.ID) (org.BulkJob, error) {
	return readBulk(pool{ctx, b.store.db}, orgID, id, "")
}

func readBulk(q rowQuerier, orgID, id org.ID, suffix string) (org.BulkJob, error) {
	return scanBulk(q.QueryRow(`SELECT `+bulkColumns+` FROM bulk_job WHERE org_id = $1 AND id = $2`+suffix, string(orgID), string(id)).Scan, orgID)
}

// lock reads a job and keeps others from changing it.
func (b Bulk) lock(tx *sqldb.Tx, orgID, id org.ID) (org.BulkJob, error) {
	suffix := ""
	if b.store.db.Postgres() {
		suffix = " FOR UPDATE"
	}
	return readBulk(tx, orgID, id, suffix)
}

// BulkJobs implements org.BulkStore.
func (b Bulk) BulkJobs(ctx context.Context, orgID org.ID, kind org.BulkKind, user org.ID, before org.BulkJob, limit int) ([]org.BulkJob, error) {
	query, args := `SELECT `+bulkColumns+` FROM bulk_job WHERE org_id = $1 AND kind = $2`, []any{string(orgID), string(kind)}
	param := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	if user != "" {
		query += " AND user_id = " + param(string(user))
	}
	if before.ID != "" {
		at := param(millis(before.Created))
		query += " AND (created_ms < " + at + " OR created_ms = " + at + " AND id < " + param(string(before.ID)) + ")"
	}
	rows, err := b.store.db.Query(ctx, query+" ORDER BY created_ms DESC, id DESC LIMIT "+strconv.Itoa(limit), args...)
	if err != nil {
		return nil, fmt.Errorf("listing bulk jobs: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	var out []org.BulkJob
	for rows.Next() {
		j, err := scanBulk(rows.Scan, orgID)
		if err != nil {
			return nil, err
		}
		out = append(out, j)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("listing bulk jobs: %w", err)
	}
	return out, nil
}

func wrongBulkState(j org.BulkJob) error {
	return fault.New(fault.Conflict, org.CodeBulkState, "The job is in the state %s.", j.State)
}

// change locks a job, has fn change it, and keeps its state and its upload.
func (b Bulk) change(ctx context.Context, orgID, id org.ID, fn func(*sqldb.Tx, *org.BulkJob) error) (j org.BulkJob, err error) {
	err = b.store.db.Write(ctx, func(tx *sqldb.Tx) error {
		if j, err = b.lock(tx, orgID, id); err != nil {
			return err
		}
		if err := fn(tx, &j); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE bulk_job SET state = $3, modified_ms = $4, upload = $5, uploaded = $6, size = $7, error = $8 WHERE org_id = $1 AND id = $2`,
			string(orgID), string(id), string(j.State), millis(j.Modified), j.Upload, flag(j.Uploaded), j.Size, j.Error)
		return err
	})
	return j, err
}

// MoveBulkJob implements org.BulkStore.
func (b Bulk) MoveBulkJob(ctx context.Context, orgID, id org.ID, at time.Time, to org.BulkState, from ...org.BulkState) (org.BulkJob, error) {
	return b.change(ctx, orgID, id, func(tx *sqldb.Tx, j *org.BulkJob) error {
		// An upload that is under way, or broke off with the program, is half of one: it is made again, or the job aborted.
		half := to == org.BulkUploadComplete && j.Upload != "" && !j.Uploaded
		if half || !slices.Contains(from, j.State) {
			return wrongBulkState(*j)
		}
		j.State, j.Modified = to, at
		return b.enqueue(tx, *j)
	})
}

// EndBulkJob ends a job that a worker has done with, unless it has ended, with the queue's fence: who has lost the job to
// another worker does not end it under that one's hands.
func (b Bulk) EndBulkJob(ctx context.Context, run *jobs.Run, j org.BulkJob, at time.Time, to org.BulkState, text string) error {
	_, err := b.change(ctx, j.Org, j.ID, func(tx *sqldb.Tx, now *org.BulkJob) error {
		if !now.State.Final() {
			now.State, now.Modified, now.Error = to, at, strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "?")
		}
		return run.SaveTx(tx, []byte("null"))
	})
	return err
}

// BeginUpload implements org.BulkStore.
func (b Bulk) BeginUpload(ctx context.Context, orgID, id org.ID, upload string) error {
	_, err := b.change(ctx, orgID, id, func(_ *sqldb.Tx, j *org.BulkJob) error {
		if j.State != org.BulkOpen || j.Uploaded {
			return wrongBulkState(*j)
		}
		j.Upload, j.Size = upload, 0
		return nil
	})
	return err
}

// EndUpload implements org.BulkStore.
func (b Bulk) EndUpload(ctx context.Context, orgID, id org.ID, upload string, size int64, at time.Time) error {
	_, err := b.change(ctx, orgID, id, func(_ *sqldb.Tx, j *org.BulkJob) error {
		if j.State != org.BulkOpen || j.Uploaded || j.Upload != upload {
			return wrongBulkState(*j)
		}
		j.Uploaded, j.Size, j.Modified = true, size, at
		return nil
	})
	return err
}

// AddChunk implements org.BulkStore.
func (b Bulk) AddChunk(ctx context.Context, orgID, id org.ID, upload string, seq int64, data []byte) error {
	err := b.store.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO bulk_chunk (org_id, job_id, upload, seq, data) VALUES ($1, $2, $3, $4, $5)`, string(orgID), string(id), upload, seq, data)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE bulk_job SET size = size + $4 WHERE org_id = $1 AND id = $2 AND upload = $3`, string(orgID), string(id), upload, len(data))
		return err
	})
	if err != nil {
		return fmt.Errorf("keeping a part of an upload: %w", err)
	}
	return nil
}

// Chunk implements org.BulkStore.
func (b Bulk) Chunk(ctx context.Context, j org.BulkJob, seq int64) ([]byte, error) {
	var data []byte
	err := b.store.db.QueryRow(ctx, `SELECT data FROM bulk_chunk WHERE org_id = $1 AND job_id = $2 AND upload = $3 AND seq = $4`,
		string(j.Org), string(j.ID), j.Upload, seq).Scan(&data)
	if err != nil {
		return nil, notFound(err, "part of an upload")
	}
	return data, nil
}

// Page implements org.BulkStore.
func (b Bulk) Page(ctx context.Context, j org.BulkJob, failed bool, after int64) (org.BulkPage, error) {
	var p org.BulkPage
	err := b.store.db.QueryRow(ctx, `SELECT seq, row_count, data FROM bulk_page WHERE org_id = $1 AND job_id = $2 AND failed = $3 AND seq > $4 ORDER BY seq LIMIT 1`,
		string(j.Org), string(j.ID), flag(failed), after).Scan(&p.Seq, &p.Rows, &p.Data)
	if err != nil {
		return org.BulkPage{}, notFound(err, "page of results")
	}
	return p, nil
}

// PageOf finds the page of a query's answer that holds a row.
func (b Bulk) PageOf(ctx context.Context, j org.BulkJob, row int64) (org.BulkPage, error) {
	var p org.BulkPage
	err := b.store.db.QueryRow(ctx, `SELECT seq, row_count, data FROM bulk_page WHERE org_id = $1 AND job_id = $2 AND failed = 0 AND seq <= $3 ORDER BY seq DESC LIMIT 1`,
		string(j.Org), string(j.ID), row).Scan(&p.Seq, &p.Rows, &p.Data)
	if err != nil {
		return org.BulkPage{}, notFound(err, "page of results")
	}
	return p, nil
}

// BulkBytes implements org.BulkStore.
func (b Bulk) BulkBytes(ctx context.Context, orgID org.ID) (n int64, err error) {
	err = b.store.db.QueryRow(ctx, `SELECT CAST(COALESCE(SUM(answered + CASE WHEN state = 'JobComplete' THEN 0 ELSE size END), 0) AS BIGINT) FROM bulk_job
 WHERE org_id = $1`, string(orgID)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting what bulk jobs keep: %w", err)
	}
	return n, nil
}

// DeleteBulkJob implements org.BulkStore. What belongs to the job goes in pieces, and at the latest with the next purge.
func (b Bulk) DeleteBulkJob(ctx context.Context, orgID, id org.ID) error {
	err := b.store.db.Write(ctx, func(tx *sqldb.Tx) error {
		j, err := b.lock(tx, orgID, id)
		if err != nil {
			return err
		}
		if !j.State.Final() && j.State != org.BulkUploadComplete {
			return wrongBulkState(j)
		}
		_, err = tx.Exec(`DELETE FROM bulk_job WHERE org_id = $1 AND id = $2`, string(orgID), string(id))
		return err
	})
	if err != nil {
		return err
	}
	return b.clear(ctx, []string{clearChunks, clearPages}, orgID, id, nil)
}

// bulkClear is how many chunks or pages one transaction deletes.
const bulkClear = 50

const (
	clearChunks = `DELETE FROM bulk_chunk WHERE (org_id, job_id, upload, seq) IN (
 SELECT org_id, job_id, upload, seq FROM bulk_chunk WHERE org_id = $1 AND job_id = $2 LIMIT $3)`
	clearPages = `DELETE FROM bulk_page WHERE (org_id, job_id, failed, seq) IN (
 SELECT org_id, job_id, failed, seq FROM bulk_page WHERE org_id = $1 AND job_id = $2 LIMIT $3)`
)

// clear deletes what belongs to a job; with keep, in transactions that it takes part in.
func (b Bulk) clear(ctx context.Context, texts []string, orgID, id org.ID, keep func(*sqldb.Tx) error) error {
	for _, text := range texts {
		for gone := int64(bulkClear); gone == bulkClear; {
			err := b.store.db.Write(ctx, func(tx *sqldb.Tx) error {
				res, err := tx.Exec(text, string(orgID), string(id), bulkClear)
				if err != nil {
					return err
				}
				if gone, err = res.RowsAffected(); err != nil || keep == nil {
					return err
				}
				return keep(tx)
			})
			if err != nil {
				return fmt.Errorf("clearing a bulk job: %w", err)
			}
		}
	}
	return nil
}

// purgeBulk deletes jobs that are over seven days old, and what belongs to none. It is judged in the org's own time.
func (s *Store) purgeBulk(ctx context.Context, now time.Time) (int, error) {
	gone := 0
	for _, text := range []string{
		`DELETE FROM bulk_job WHERE (org_id, id) IN (SELECT j.org_id, j.id FROM organization o JOIN bulk_job j ON j.org_id = o.id
 AND j.created_ms < CAST($1 AS BIGINT) + o.clock_offset_ms - 604800000 LIMIT $2)`,
		`DELETE FROM bulk_chunk WHERE CAST($1 AS BIGINT) > 0 AND (org_id, job_id, upload, seq) IN (SELECT c.org_id, c.job_id, c.upload, c.seq FROM bulk_chunk c
 LEFT JOIN bulk_job j ON j.org_id = c.org_id AND j.id = c.job_id WHERE j.id IS NULL OR j.upload <> c.upload OR j.state = 'JobComplete' LIMIT $2)`,
		`DELETE FROM bulk_page WHERE CAST($1 AS BIGINT) > 0 AND (org_id, job_id, failed, seq) IN (SELECT p.org_id, p.job_id, p.failed, p.seq FROM bulk_page p
 LEFT JOIN bulk_job j ON j.org_id = p.org_id AND j.id = p.job_id WHERE j.id IS NULL LIMIT $2)`,
	} {
		rows := int64(0)
		err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
			res, err := tx.Exec(text, millis(now), bulkClear)
			if err != nil {
				return err
			}
			rows, err = res.RowsAffected()
			return err
		})
		if err != nil {
			return gone, fmt.Errorf("deleting old bulk jobs: %w", err)
		}
		gone += int(rows)
	}
	return gone, nil
}

// errBulkEnded: the job was aborted or deleted meanwhile.
var errBulkEnded = fault.New(fault.Conflict, org.CodeBulkState, "the job has ended")

// Step does one step of a job: fn's records, the pages that it comes to, the job's progress and the queue's fence, all
// in one transaction. A job that is no longer in progress is a fault with CodeBulkState. fn may run twice.
func (b Bulk) Step(ctx context.Context, run *jobs.Run, j org.BulkJob, fn func(org.RecordStore) (org.BulkStep, error)) (org.BulkStep, error) {
	var step org.BulkStep
	err := b.store.InTransaction(ctx, func(tx *sqldb.Tx, bound Transaction) error {
		// The job's row first: an abort waits for the step, or the step sees it.
		now, err := b.lock(tx, j.Org, j.ID)
		if fault.KindOf(err) == fault.NotFound || err == nil && now.State != org.BulkInProgress {
			return errBulkEnded
		}
		if err != nil {
			return err
		}
		if step, err = fn(bound); err != nil {
			return err
		}
		var rows, failed, bytes int64
		for _, p := range step.Pages {
			if len(p.Data) == 0 {
				continue
			}
			rows, bytes = rows+p.Rows, bytes+int64(len(p.Data))
			if p.Failed {
				failed += p.Rows
			}
			if _, err := tx.Exec(`INSERT INTO bulk_page (org_id, job_id, failed, seq, row_count, data) VALUES ($1, $2, $3, $4, $5, $6)`,
				string(j.Org), string(j.ID), flag(p.Failed), p.Seq, p.Rows, p.Data); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(`UPDATE bulk_job SET next_byte = $3, spent = $4, processed = processed + $5, failed = failed + $6, millis = millis + $7,
 answered = answered + $8 WHERE org_id = $1 AND id = $2`, string(j.Org), string(j.ID), step.Next, step.Spent, rows, failed, step.Millis, bytes); err != nil {
			return err
		}
		return run.SaveTx(tx, []byte("null"))
	})
	return step, err
}

// Restart forgets the answer of a query that an earlier attempt began.
func (b Bulk) Restart(ctx context.Context, run *jobs.Run, j org.BulkJob) error {
	return b.clear(ctx, []string{clearPages}, j.Org, j.ID, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`UPDATE bulk_job SET processed = 0, answered = 0 WHERE org_id = $1 AND id = $2`, string(j.Org), string(j.ID)); err != nil {
			return err
		}
		return run.SaveTx(tx, []byte("null"))
	})
}
