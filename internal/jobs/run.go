package jobs

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/twinspan/twinspan/internal/sqldb"
)

const (
	// firstBackoff doubles with each attempt up to maxBackoff; a random part of up to half is taken off.
	firstBackoff = time.Second
	maxBackoff   = 10 * time.Minute
	// storeTimeout bounds the storing of an outcome, which the end of the run's own context must not prevent.
	storeTimeout = 15 * time.Second
	// maxError bounds last_error, in bytes.
	maxError = 2000
	// pruneBatch bounds the rows that one transaction removes.
	pruneBatch = 500
)

// Run is one attempt at a job, given to its handler.
type Run struct {
	ID, Kind    string
	Payload     []byte // JSON
	Attempt     int    // 1 the first time
	MaxAttempts int

	q      *Queue
	ctx    context.Context
	cancel context.CancelCauseFunc
	fence  int64

	mu         sync.Mutex
	checkpoint []byte
	until      time.Time // end of the lease, machine time
}

// Checkpoint is what the last Save of any attempt stored, JSON, or nil. The handler goes on from there.
func (r *Run) Checkpoint() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.checkpoint
}

// Save stores how far the job has come, as JSON, and keeps the lease. It fails with [ErrLeaseLost] when another worker
// has the job.
func (r *Run) Save(ctx context.Context, checkpoint []byte) error {
	return r.q.db.Write(ctx, func(tx *sqldb.Tx) error { return r.SaveTx(tx, checkpoint) })
}

// SaveTx is Save in the caller's transaction, together with what the job has produced: a worker that has lost its lease
// gets [ErrLeaseLost], returns it, and so stores neither.
func (r *Run) SaveTx(tx *sqldb.Tx, checkpoint []byte) error {
	until := r.q.machine().Add(r.q.o.Lease)
	if !json.Valid(checkpoint) {
		return fmt.Errorf("jobs: the checkpoint of a %s job is not JSON", r.Kind)
	}
	var cancelled bool
	err := tx.QueryRow(`UPDATE job SET checkpoint = $1, lease_until = $2 WHERE id = $3 AND fence = $4 AND state = 'running'
		RETURNING cancel_requested`, string(checkpoint), until.UnixMilli(), r.ID, r.fence).Scan(&cancelled)
	if errors.Is(err, sql.ErrNoRows) {
		r.cancel(ErrLeaseLost)
		return ErrLeaseLost
	}
	if err != nil {
		return err
	}
	tx.AfterCommit(func() {
		r.mu.Lock()
		r.checkpoint, r.until = checkpoint, until
		r.mu.Unlock()
		if cancelled {
			r.cancel(ErrCancelled) // what has been done is stored; what follows is not to be begun
		}
	})
	return nil
}

// beat keeps the lease until the run ends.
func (r *Run) beat() {
	t := time.NewTicker(max(r.q.o.Lease/3, time.Millisecond))
	defer t.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-t.C:
		}
		until := r.q.machine().Add(r.q.o.Lease)
		cancelled := false
		err := r.q.db.Write(r.ctx, func(tx *sqldb.Tx) error {
			return tx.QueryRow(`UPDATE job SET lease_until = $1 WHERE id = $2 AND fence = $3 AND state = 'running' RETURNING cancel_requested`,
				until.UnixMilli(), r.ID, r.fence).Scan(&cancelled)
		})
		r.mu.Lock()
		if err == nil {
			r.until = until
		}
		expired := r.q.machine().After(r.until)
		r.mu.Unlock()
		switch {
		case errors.Is(err, sql.ErrNoRows), err != nil && expired:
			r.cancel(ErrLeaseLost)
		case cancelled:
			r.cancel(ErrCancelled)
		}
	}
}

// claim takes up to n due jobs of the kinds that have handlers, after putting back those whose workers are gone.
func (q *Queue) claim(ctx context.Context, n int) ([]*Run, error) {
	kinds := q.kinds()
	if len(kinds) == 0 {
		return nil, nil
	}
	now := q.machine()
	marks := make([]string, len(kinds))
	args := []any{now.UnixMilli()}
	for i, k := range kinds {
		marks[i] = fmt.Sprintf("$%d", i+2)
		args = append(args, k)
	}
	in := strings.Join(marks, ", ")

	// Most of the time nothing is due, and a look costs no write.
	var due int
	err := q.db.QueryRow(ctx, `SELECT CASE WHEN EXISTS (SELECT 1 FROM job WHERE state = 'queued' AND run_at <= $1 AND kind IN (`+in+`))
		OR EXISTS (SELECT 1 FROM job WHERE state = 'running' AND lease_until < $1) THEN 1 ELSE 0 END`, args...).Scan(&due)
	if err != nil || due == 0 {
		return nil, err
	}

	until := now.Add(q.o.Lease)
	skip := ""
	if q.db.Postgres() {
		skip = " FOR UPDATE SKIP LOCKED"
	}
	k := len(args)
	text := fmt.Sprintf(`WITH due AS MATERIALIZED (SELECT id FROM job WHERE state = 'queued' AND run_at <= $1 AND kind IN (%s)
			ORDER BY run_at, id LIMIT $%d%s)
		UPDATE job SET state = 'running', attempt = attempt + 1, fence = fence + 1, lease_owner = $%d, lease_until = $%d
		WHERE id IN (SELECT id FROM due) RETURNING id, kind, payload, attempt, max_attempts, fence, checkpoint`, in, k+1, skip, k+2, k+3)
	args = append(args, n, q.owner, until.UnixMilli())
	var runs []*Run
	var gone []Change
	err = q.db.Write(ctx, func(tx *sqldb.Tx) error {
		var err error
		if gone, err = putBack(tx, now); err != nil {
			return err
		}
		runs = nil
		rows, err := tx.Query(text, args...)
		if err != nil {
			return err
		}
		for rows.Next() {
			r := &Run{q: q, until: until}
			var payload string
			var checkpoint sql.NullString
			if err := rows.Scan(&r.ID, &r.Kind, &payload, &r.Attempt, &r.MaxAttempts, &r.fence, &checkpoint); err != nil {
				return err
			}
			r.Payload = []byte(payload)
			if checkpoint.Valid {
				r.checkpoint = []byte(checkpoint.String)
			}
			runs = append(runs, r)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	for _, c := range gone {
		q.log.Warn("jobs: a worker is gone", "job", c.ID, "kind", c.Kind, "attempt", c.Attempt, "now", string(c.State))
		if q.o.OnChange != nil {
			q.o.OnChange(c)
		}
	}
	return runs, nil
}

// putBack ends the leases that ran out: the jobs wait again, or are over where they were cancelled or have had all
// their attempts. Their old holders are fenced off.
func putBack(tx *sqldb.Tx, now time.Time) ([]Change, error) {
	rows, err := tx.Query(`UPDATE job SET
			state = CASE WHEN cancel_requested = 1 THEN 'cancelled' WHEN attempt >= max_attempts THEN 'failed' ELSE 'queued' END,
			finished_at = CASE WHEN cancel_requested = 1 OR attempt >= max_attempts THEN CAST($1 AS BIGINT) ELSE NULL END,
			fence = fence + 1, lease_owner = NULL, lease_until = NULL, last_error = 'the worker gave no sign of life'
		WHERE state = 'running' AND lease_until < CAST($1 AS BIGINT) RETURNING id, kind, state, attempt`, now.UnixMilli())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var gone []Change
	for rows.Next() {
		var c Change
		if err := rows.Scan(&c.ID, &c.Kind, &c.State, &c.Attempt); err != nil {
			return nil, err
		}
		gone = append(gone, c)
	}
	return gone, rows.Err()
}

// takeOver ends the leases of an earlier process on a database that only one process can have open, so that its jobs
// need not wait until the leases run out.
func (q *Queue) takeOver(ctx context.Context) error {
	if q.db.Shared() {
		return nil
	}
	return q.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE job SET lease_until = 0 WHERE state = 'running' AND substr(lease_owner, 1, $1) <> $2`, len(process), process)
		return err
	})
}

// finish stores how the attempt ended, unless the lease is lost.
func (q *Queue) finish(r *Run, err, cause error) {
	state, runAt, attempt := Done, q.machine(), r.Attempt
	var wait later
	switch {
	case err == nil:
	case errors.Is(cause, ErrLeaseLost), errors.Is(err, ErrLeaseLost):
		q.log.Warn("jobs: a lease was lost", "kind", r.Kind, "job", r.ID, "attempt", r.Attempt)
		return
	case errors.Is(cause, ErrCancelled):
		state = Cancelled
	case cause != nil: // stopping: it was not the job's fault, so the attempt does not count
		state, attempt = Queued, r.Attempt-1
	case errors.As(err, &wait):
		state, runAt, attempt, err = Queued, runAt.Add(wait.wait), r.Attempt-1, nil
	case errors.As(err, new(permanent)), r.Attempt >= r.MaxAttempts:
		state = Failed
	default:
		state, runAt = Queued, runAt.Add(backOff(r.Attempt))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), storeTimeout)
	defer cancel()
	stored := q.db.Write(ctx, func(tx *sqldb.Tx) (storing error) {
		state, storing = q.store(tx, r, state, runAt, attempt, err)
		return storing
	})
	switch {
	case errors.Is(stored, ErrLeaseLost):
		q.log.Warn("jobs: a lease was lost", "kind", r.Kind, "job", r.ID, "attempt", r.Attempt)
		return
	case stored != nil:
		// The lease will run out and the job be done again from its checkpoint.
		q.log.Error("jobs: storing an outcome", "kind", r.Kind, "job", r.ID, "state", string(state), "error", stored)
		return
	}
	if err != nil && state != Cancelled && cause == nil {
		q.log.Warn("jobs: an attempt failed", "kind", r.Kind, "job", r.ID, "attempt", r.Attempt, "now", string(state), "error", err)
	}
	q.changed(r, state, err)
}

// store writes the outcome and returns the state that it came to: a job that should wait for another attempt is over
// when somebody has cancelled it meanwhile.
func (q *Queue) store(tx *sqldb.Tx, r *Run, state State, runAt time.Time, attempt int, failure error) (State, error) {
	var text sql.NullString
	if failure != nil {
		message := failure.Error()
		message = message[:min(len(message), maxError)]
		message = strings.ReplaceAll(strings.ToValidUTF8(message, ""), "\x00", "") // PostgreSQL stores neither
		text = sql.NullString{String: message, Valid: true}
	}
	err := tx.QueryRow(`UPDATE job SET
			state = CASE WHEN CAST($1 AS TEXT) = 'queued' AND cancel_requested = 1 THEN 'cancelled' ELSE CAST($1 AS TEXT) END,
			finished_at = CASE WHEN CAST($1 AS TEXT) = 'queued' AND cancel_requested = 0 THEN NULL ELSE CAST($2 AS BIGINT) END,
			run_at = $3, attempt = $4, last_error = $5, lease_owner = NULL, lease_until = NULL
		WHERE id = $6 AND fence = $7 AND state = 'running' RETURNING state`,
		string(state), q.machine().UnixMilli(), runAt.UnixMilli(), attempt, text, r.ID, r.fence).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return state, ErrLeaseLost
	}
	return state, err
}

// backOff is the wait after a failed attempt, the first being 1.
func backOff(attempt int) time.Duration {
	d := maxBackoff
	if attempt < 20 {
		d = min(maxBackoff, firstBackoff<<(attempt-1))
	}
	return d - rand.N(d/2)
}

// prune removes jobs that finished long ago.
func (q *Queue) prune(ctx context.Context) error {
	before := q.machine().Add(-q.o.Keep).UnixMilli()
	return q.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`DELETE FROM job WHERE id IN (SELECT id FROM job WHERE finished_at < $1 LIMIT $2)`, before, pruneBatch)
		return err
	})
}

// Linger is a context for calls that have begun: it ends a grace after ctx does, so that they come to their end when a job
// is cancelled or the program stops, and at the latest after limit. Call the function when they are done.
func Linger(ctx context.Context, limit, grace time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return out, func() { stop(); cancel() }
}

// Pause waits, a random part of up to half less. Its error is why ctx ended before.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d - rand.N(d/2))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
