package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
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
	parts []Part
	rows  int
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

func (e *postgresEngine) append(ctx context.Context, parts []Part) error {
	r := &appendRequest{ctx: ctx, parts: parts, done: make(chan struct{})}
	for _, p := range parts {
		r.rows += len(p.rows)
	}
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

// takeGroup takes the requests at the front of the queue that still have a caller, up to maxGroup rows or one request
// that has more.
func (a *appender) takeGroup() []*appendRequest {
	var group []*appendRequest
	rows, taking := 0, 0
	for _, r := range a.queue {
		if len(group) > 0 && rows+r.rows > maxGroup {
			break
		}
		taking++
		if r.state.CompareAndSwap(waiting, taken) {
			group = append(group, r)
			rows += r.rows
		}
	}
	rest := copy(a.queue, a.queue[taking:])
	clear(a.queue[rest:])
	a.queue = a.queue[:rest]
	return group
}

// send stores a group; when the server refuses its rows together each caller's go in alone, so that only the guilty one
// fails. Rows whose outcome is unknown are not sent again: they could be stored twice.
func (a *appender) send(group []*appendRequest) {
	if len(group) > 1 {
		var all gathering
		for _, r := range group {
			all.add(r.parts)
		}
		ctx, cancel := context.WithTimeout(context.Background(), groupTimeout)
		err := a.insert(ctx, all.parts)
		cancel()
		if err == nil || errors.Is(err, ErrUnknownOutcome) {
			for _, r := range group {
				r.err = err
				close(r.done)
			}
			return
		}
	}
	for _, r := range group {
		r.err = a.insert(r.ctx, r.parts)
		close(r.done)
	}
}

// insert stores rows, all or none, again where PostgreSQL undid it because of others. ErrUnknownOutcome is in its error
// unless it is certain that nothing is stored.
func (a *appender) insert(ctx context.Context, parts []Part) error {
	for try := 1; ; try++ {
		err := a.insertOnce(ctx, parts)
		if err == nil || try == maxTries || !isTransient(err) && !pgconn.SafeToRetry(err) {
			return err
		}
		if err := backOff(ctx, try); err != nil {
			return err
		}
	}
}

func (a *appender) insertOnce(ctx context.Context, parts []Part) error {
	conn, err := a.db.Conn(ctx)
	if err != nil {
		return err
	}
	// This returns the connection to the pool, which looks whether it is still good before its next use.
	defer func() { _ = conn.Close() }()
	return conn.Raw(func(driver any) error {
		c := driver.(*stdlib.Conn).Conn()
		err := sendParts(ctx, c, parts)
		switch {
		case err == nil:
			return nil
		case c.IsClosed() && !pgconn.SafeToRetry(err):
			return fmt.Errorf("%w: %w", ErrUnknownOutcome, err) // it broke, or ctx ended, before the answer
		case !c.IsClosed() && c.PgConn().TxStatus() != 'I':
			if _, undo := c.Exec(ctx, sqlRollback); undo != nil {
				// A closed connection ends its transaction.
				return errors.Join(err, c.Close(ctx))
			}
		}
		return err
	})
}

// sendParts sends all the statements at once, so that several tables cost one round trip and one commit as a single
// statement does. When it fails on a connection that is still open, COMMIT has not run.
func sendParts(ctx context.Context, c *pgx.Conn, parts []Part) error {
	var batch pgx.Batch
	batch.Queue("BEGIN")
	_ = statements(parts, func(table *Append, rows [][]any) error { // fn never fails
		args := make([]any, 0, len(rows)*len(table.columns))
		for _, r := range rows {
			args = append(args, r...)
		}
		batch.Queue(table.postgres(len(rows)), args...)
		return nil
	})
	if len(batch.QueuedQueries) == 2 { // a single statement is a transaction by itself
		only := batch.QueuedQueries[1]
		_, err := c.Exec(ctx, only.SQL, only.Arguments...)
		return err
	}
	batch.Queue(sqlCommit)
	return c.SendBatch(ctx, &batch).Close()
}
