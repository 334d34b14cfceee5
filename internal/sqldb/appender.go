package sqldb

import (
	"context"
	"database/sql"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// appenders is how many statements with appended rows travel to PostgreSQL at the same time.
	appenders = 2
	// groupTimeout bounds a statement that carries several callers' rows, none of whose contexts can end it.
	groupTimeout = 30 * time.Second
)

// appender gathers the rows of concurrent callers for PostgreSQL: while one statement travels, the next fills up.
type appender struct {
	db     *sql.DB
	mu     sync.Mutex
	more   *sync.Cond
	queue  []*appendRequest
	closed bool
	done   sync.WaitGroup
}

type appendRequest struct {
	ctx   context.Context
	table *Append
	rows  [][]any
	state atomic.Int32
	err   error
	done  chan struct{}
}

func startAppender(db *sql.DB) *appender {
	a := &appender{db: db}
	a.more = sync.NewCond(&a.mu)
	for range appenders {
		a.done.Go(a.run)
	}
	return a
}

func (a *appender) stop() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.more.Broadcast()
	a.done.Wait()
}

func (e *postgresEngine) append(ctx context.Context, table *Append, rows [][]any) error {
	r := &appendRequest{ctx: ctx, table: table, rows: rows, done: make(chan struct{})}
	a := e.appender
	a.mu.Lock()
	switch {
	case a.closed:
		a.mu.Unlock()
		return ErrClosed
	case len(a.queue) >= maxQueue:
		a.mu.Unlock()
		return ErrBusy
	}
	a.queue = append(a.queue, r)
	a.mu.Unlock()
	a.more.Signal()
	select {
	case <-r.done:
	case <-ctx.Done():
		if r.state.CompareAndSwap(waiting, abandoned) {
			return ctx.Err()
		}
		<-r.done
	}
	return r.err
}

// run sends groups until the appender is stopped and nothing is queued.
func (a *appender) run() {
	for {
		a.mu.Lock()
		for len(a.queue) == 0 && !a.closed {
			a.more.Wait()
		}
		if len(a.queue) == 0 {
			a.mu.Unlock()
			return
		}
		group := a.takeGroup()
		a.mu.Unlock()
		a.send(group)
	}
}

// takeGroup takes the requests at the front of the queue's first table that still have a caller, up to maxAppendRows
// rows or one request that has more.
func (a *appender) takeGroup() []*appendRequest {
	var group []*appendRequest
	rows := 0
	rest := a.queue[:0]
	for _, r := range a.queue {
		fits := len(group) == 0 || (r.table == group[0].table && rows+len(r.rows) <= maxAppendRows)
		if !fits {
			rest = append(rest, r)
			continue
		}
		if !r.state.CompareAndSwap(waiting, taken) {
			continue
		}
		group = append(group, r)
		rows += len(r.rows)
	}
	clear(a.queue[len(rest):])
	a.queue = rest
	return group
}

// send stores a group; when the server refuses its rows together each caller's go in alone, so that only the guilty one
// fails. Rows whose outcome is unknown are not sent again: they could be stored twice.
func (a *appender) send(group []*appendRequest) {
	if len(group) > 1 {
		var rows [][]any
		for _, r := range group {
			rows = append(rows, r.rows...)
		}
		ctx, cancel := context.WithTimeout(context.Background(), groupTimeout)
		err := a.insert(ctx, group[0].table, rows)
		cancel()
		if !isRefusal(err) {
			for _, r := range group {
				r.err = err
				close(r.done)
			}
			return
		}
	}
	for _, r := range group {
		r.err = a.insert(r.ctx, r.table, r.rows)
		close(r.done)
	}
}

// insert stores rows, all or none, again where PostgreSQL undid it because of others.
func (a *appender) insert(ctx context.Context, table *Append, rows [][]any) error {
	for try := 1; ; try++ {
		err := a.insertOnce(ctx, table, rows)
		if err == nil || try == maxTries || !isTransient(err) {
			return err
		}
		if err := backOff(ctx, try); err != nil {
			return err
		}
	}
}

func (a *appender) insertOnce(ctx context.Context, table *Append, rows [][]any) error {
	if len(rows) <= maxAppendRows { // one statement is a transaction by itself: one round trip
		_, err := a.db.ExecContext(ctx, table.postgres(len(rows)), flatten(rows)...)
		if pgconn.SafeToRetry(err) {
			return err // it never left
		}
		return commitError(err)
	}
	tx, err := a.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit this does nothing
	for len(rows) > 0 {
		n := min(len(rows), maxAppendRows)
		if _, err := tx.ExecContext(ctx, table.postgres(n), flatten(rows[:n])...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return commitError(tx.Commit())
}

func flatten(rows [][]any) []any {
	flat := make([]any, 0, len(rows)*len(rows[0]))
	for _, r := range rows {
		flat = append(flat, r...)
	}
	return flat
}
