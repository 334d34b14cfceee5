package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"strings"
)

// Tx is the transaction that a function given to [DB.Write] works in. It is good until that function returns, and for
// one goroutine. Once a statement has failed, the rest fail with the same error and the transaction is undone, on
// SQLite as on PostgreSQL.
type Tx struct {
	ctx    context.Context
	run    runner
	failed error
	open   []*sql.Rows
	after  []func()
}

// runner runs statements inside an open transaction.
type runner interface {
	exec(ctx context.Context, query string, args []any) (sql.Result, error)
	query(ctx context.Context, query string, args []any) (*sql.Rows, error)
	queryRow(ctx context.Context, query string, args []any) *sql.Row
	// insertText is the INSERT of n rows of a table.
	insertText(a *Append, n int) string
}

// Context is the context of the Write.
func (t *Tx) Context() context.Context { return t.ctx }

// Err is why the transaction can no longer be stored, where a statement failed outside of [Tx.Try]; nil while it can.
func (t *Tx) Err() error { return t.failed }

// Exec runs a statement that returns no rows.
func (t *Tx) Exec(query string, args ...any) (sql.Result, error) {
	if err := t.ready(); err != nil {
		return nil, err
	}
	if steers(query) {
		t.failed = errSteering
		return nil, errSteering
	}
	res, err := t.run.exec(t.ctx, query, args)
	if err != nil {
		t.failed = err
		return nil, err
	}
	return res, nil
}

// Insert adds the rows of the parts, in their order, many with each statement. The rows are not the caller's any more. Unlike
// with [DB.AppendAll] they may be of any table; it is for adding many at once.
func (t *Tx) Insert(parts ...Part) error {
	for _, p := range parts {
		if err := p.convert(); err != nil {
			return err
		}
	}
	return statements(parts, func(table *Append, rows [][]any) error {
		flat := make([]any, 0, len(rows)*len(table.columns))
		for _, row := range rows {
			flat = append(flat, row...)
		}
		_, err := t.Exec(t.run.insertText(table, len(rows)), flat...)
		return err
	})
}

// Query runs a statement that returns rows. They are closed when the function returns at the latest.
func (t *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	if err := t.ready(); err != nil {
		return nil, err
	}
	rows, err := t.run.query(t.ctx, query, args)
	if err != nil {
		t.failed = err
		return nil, err
	}
	t.open = append(t.open, rows)
	return rows, nil
}

// QueryRow runs a statement that returns at most one row; its Scan returns sql.ErrNoRows for none. Scan must be called.
func (t *Tx) QueryRow(query string, args ...any) *sql.Row {
	if t.ready() != nil {
		// A Row with an error in it can only come from a query; a context that has ended makes one without running it.
		ended, cancel := context.WithCancelCause(context.WithoutCancel(t.ctx))
		cancel(t.failed)
		return t.run.queryRow(ended, query, args)
	}
	return t.run.queryRow(t.ctx, query, args)
}

// The savepoint of [Tx.Try]; those inside it have the same name, and the youngest is meant.
const (
	sqlTry     = "SAVEPOINT try"
	sqlTryUndo = "ROLLBACK TO SAVEPOINT try"
	sqlTryDone = "RELEASE SAVEPOINT try"
)

// Try runs fn as a part of the transaction that may fail by itself: an error of fn undoes what fn did and nothing else,
// and the transaction goes on, also where a statement of fn failed. What makes the whole transaction fail or run again,
// like a lost connection, a full disk or a deadlock, still does. Rows that fn leaves open are closed.
func (t *Tx) Try(fn func() error) error {
	if err := t.ready(); err != nil {
		return err
	}
	if _, err := t.run.exec(t.ctx, sqlTry, nil); err != nil {
		t.failed = err
		return err
	}
	after, open := len(t.after), len(t.open)
	err := fn()
	if err == nil {
		err = t.failed
	}
	for _, r := range t.open[open:] {
		_ = r.Close() // as in call
	}
	t.open = t.open[:open]
	if err != nil {
		t.after = t.after[:after]
		if t.failed = t.ctx.Err(); t.failed != nil {
			return t.failed
		}
		if isTransient(err) || isDiskError(err) {
			t.failed = err
			return err
		}
		if _, e := t.run.exec(t.ctx, sqlTryUndo, nil); e != nil {
			t.failed = errors.Join(err, e) // the database undid more than fn
			return t.failed
		}
	}
	if _, e := t.run.exec(t.ctx, sqlTryDone, nil); e != nil {
		t.failed = errors.Join(err, e)
		return t.failed
	}
	return err
}

// Within has the statements of fn run no longer than ctx lives, which is made of the transaction's own. One that ends with it
// has failed, and the transaction with it. fn must only read: SQLite undoes a whole group of transactions where a statement
// that writes is broken off.
func (t *Tx) Within(ctx context.Context, fn func() error) error {
	own, run := t.ctx, t.run
	t.ctx = ctx
	if c, ok := run.(*sqliteConn); ok {
		t.run = reading{c}
	}
	defer func() { t.ctx, t.run = own, run }()
	return fn()
}

// AfterCommit has fn called once the transaction is stored, in the goroutine of the Write, before Write returns. It is
// for telling the rest of the process: a wake-up, a cache that forgets. fn is dropped when the transaction is undone.
func (t *Tx) AfterCommit(fn func()) { t.after = append(t.after, fn) }

// errSteering: the transaction belongs to Write; its end is the function's return.
var errSteering = errors.New("sqldb: a function given to Write must not begin or end transactions")

// steers reports whether the statement begins or ends a transaction or a savepoint.
func steers(query string) bool {
	query = strings.TrimLeft(query, " \t\r\n")
	word, _, _ := strings.Cut(query[:min(len(query), 10)], " ")
	switch strings.ToUpper(strings.TrimRight(word, ";\t\r\n")) {
	case "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE":
		return true
	}
	return false
}

// ready is the error that keeps the next statement from running.
func (t *Tx) ready() error {
	if t.failed == nil {
		t.failed = t.ctx.Err()
	}
	return t.failed
}

// call runs fn and closes the rows that it left open. An error that fn swallowed is its error all the same.
func (t *Tx) call(fn func(*Tx) error) error {
	defer func() {
		for _, r := range t.open {
			// A second Close does nothing; an error of the first showed in Rows.Err.
			_ = r.Close()
		}
		t.open = nil
	}()
	if err := fn(t); err != nil {
		return err
	}
	return t.failed
}
