// Package jobs is durable work: a row in the house's own database says what is to be done, a worker takes it under a
// lease, and whatever kills the worker leaves a row that another one takes up from its last checkpoint.
//
// A job runs at least once, and its effects in the database at most once: every claim has a higher fence number, and
// [Run.SaveTx] stores a worker's rows and its checkpoint in one transaction that fails when a newer claim exists. What
// a job does outside the database needs a key that the other side knows again.
//
// All times are machine time (DESIGN 5.1): moving a pair's clock moves no lease.
package jobs

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/twinspan/twinspan/internal/sqldb"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations make the job table; a house adds them to its own.
var Migrations = sqldb.Migrations{Name: "jobs", FS: migrations()}

func migrations() fs.FS {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // the folder is in the binary
	}
	return sub
}

var (
	// ErrDuplicate: a job with the same unique key is queued or running. The transaction goes on.
	ErrDuplicate = errors.New("a job with this key is already waiting or running")
	// ErrLeaseLost: somebody else has the job now, or nobody has; what this worker does for it no longer counts.
	ErrLeaseLost = errors.New("the lease of the job is lost")
	// ErrCancelled is the cause (context.Cause) for which the context of a cancelled job's run ends.
	ErrCancelled = errors.New("the job was cancelled")
	// ErrStopping is the cause for which a run's context ends when the queue stops before the run has finished. The job
	// stays queued.
	ErrStopping = errors.New("the queue is stopping")
	// ErrNotFound: no such job, or one finished long ago.
	ErrNotFound = errors.New("no such job")
)

// Job is work to queue.
type Job struct {
	// Kind names the handler.
	Kind string
	// UniqueKey, where it is not "", keeps a second job with the same key from being queued while one waits or runs.
	UniqueKey string
	// Payload is JSON that the handler understands; nil is null.
	Payload []byte
	// RunAt is machine time; the zero time is now.
	RunAt time.Time
	// MaxAttempts is how often the job may be started before it counts as failed; 0 is 8.
	MaxAttempts int
}

// State is where a job stands.
type State string

// The states. A job is finished in the last three.
const (
	Queued    State = "queued"
	Running   State = "running"
	Done      State = "done"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Info is what can be seen of a job from outside.
type Info struct {
	ID, Kind, UniqueKey  string
	State                State
	Payload, Checkpoint  []byte // JSON; Checkpoint is nil before the first Save
	Attempt, MaxAttempts int    // starts so far, and the most there may be
	RunAt, Created       time.Time
	Finished             time.Time // zero while not finished
	LastError            string    // of the last attempt that failed; for operators
	CancelRequested      bool
}

const defaultMaxAttempts = 8

// Enqueue queues a job in the caller's transaction and returns its id: it is there if the transaction is stored, and
// workers of this process are told then. [ErrDuplicate] is no failed statement: the transaction may go on.
func (q *Queue) Enqueue(tx *sqldb.Tx, j Job) (string, error) {
	if j.Kind == "" {
		return "", errors.New("jobs: a job needs a kind")
	}
	if j.Payload == nil {
		j.Payload = []byte("null")
	}
	if !json.Valid(j.Payload) {
		return "", fmt.Errorf("jobs: the payload of a %s job is not JSON", j.Kind)
	}
	now := q.machine()
	if j.RunAt.IsZero() {
		j.RunAt = now
	}
	if j.MaxAttempts <= 0 {
		j.MaxAttempts = defaultMaxAttempts
	}
	id := rand.Text()
	res, err := tx.Exec(`INSERT INTO job (id, kind, unique_key, payload, state, run_at, max_attempts, created_at)
		VALUES ($1, $2, NULLIF($3, ''), $4, 'queued', $5, $6, $7) ON CONFLICT DO NOTHING`,
		id, j.Kind, j.UniqueKey, string(j.Payload), j.RunAt.UnixMilli(), j.MaxAttempts, now.UnixMilli())
	if err != nil {
		return "", err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return "", errors.Join(ErrDuplicate, err)
	}
	tx.AfterCommit(q.Wake)
	return id, nil
}

// Get tells how a job stands; ErrNotFound where it is unknown.
func (q *Queue) Get(ctx context.Context, id string) (Info, error) {
	var (
		i                      Info
		payload                string
		key, checkpoint, wrong sql.NullString
		runAt, created         int64
		finished               sql.NullInt64
	)
	err := q.db.QueryRow(ctx, `SELECT id, kind, unique_key, state, payload, checkpoint, attempt, max_attempts, run_at, created_at,
		finished_at, last_error, cancel_requested FROM job WHERE id = $1`, id).Scan(&i.ID, &i.Kind, &key, &i.State, &payload,
		&checkpoint, &i.Attempt, &i.MaxAttempts, &runAt, &created, &finished, &wrong, &i.CancelRequested)
	if errors.Is(err, sql.ErrNoRows) {
		return Info{}, ErrNotFound
	}
	if err != nil {
		return Info{}, err
	}
	i.UniqueKey, i.LastError = key.String, wrong.String
	i.Payload = []byte(payload)
	if checkpoint.Valid {
		i.Checkpoint = []byte(checkpoint.String)
	}
	i.RunAt, i.Created = time.UnixMilli(runAt).UTC(), time.UnixMilli(created).UTC()
	if finished.Valid {
		i.Finished = time.UnixMilli(finished.Int64).UTC()
	}
	return i, nil
}

// Cancel asks a job to end. One that waits is cancelled at once; the context of one that runs ends with the cause
// [ErrCancelled], at once in this process and at its next beat in another. A finished job stays as it is.
func (q *Queue) Cancel(ctx context.Context, id string) error {
	return q.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := q.CancelTx(tx, id)
		return err
	})
}

// CancelTx is Cancel in the caller's transaction. asked is false where nothing was left to ask: the job is over, or
// somebody has cancelled it before.
func (q *Queue) CancelTx(tx *sqldb.Tx, id string) (asked bool, err error) {
	// Two statements, because a running job that is being cancelled keeps its unique key until its worker lets go.
	running, err := tx.Exec(`UPDATE job SET cancel_requested = 1 WHERE id = $1 AND state = 'running' AND cancel_requested = 0`, id)
	if err != nil {
		return false, err
	}
	waiting, err := tx.Exec(`UPDATE job SET cancel_requested = 1, state = 'cancelled', finished_at = $2
		WHERE id = $1 AND state = 'queued'`, id, q.machine().UnixMilli())
	if err != nil {
		return false, err
	}
	for _, res := range []sql.Result{running, waiting} {
		n, err := res.RowsAffected()
		if err != nil {
			return false, err
		}
		asked = asked || n > 0
	}
	var state State
	err = tx.QueryRow("SELECT state FROM job WHERE id = $1", id).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return false, ErrNotFound
	}
	if err == nil && state == Running {
		tx.AfterCommit(func() { q.cancelLocal(id) })
	}
	return asked, err
}

// Hurry has a job that waits for a later time looked at now, in the caller's transaction. One that runs, or is finished,
// stays as it is.
func (q *Queue) Hurry(tx *sqldb.Tx, id string) error {
	now := q.machine().UnixMilli()
	if _, err := tx.Exec(`UPDATE job SET run_at = $2 WHERE id = $1 AND state = 'queued' AND run_at > $2`, id, now); err != nil {
		return err
	}
	tx.AfterCommit(q.Wake)
	return nil
}

// permanent marks an error that no further attempt can mend.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent makes a handler's error final: the job fails without further attempts.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

// later asks for a job to be taken up again.
type later struct{ wait time.Duration }

func (l later) Error() string { return "again in " + l.wait.String() }

// Later, as a handler's error, gives its worker to other jobs and has this one taken up again after a while of machine
// time. It does not count as an attempt: there is nothing to be done yet.
func Later(wait time.Duration) error { return later{wait} }
