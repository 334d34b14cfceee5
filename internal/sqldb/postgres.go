package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	defaultPoolSize = 10
	// maxTries and maxBackoff bound what a write that PostgreSQL keeps refusing costs: about two seconds in all.
	maxTries   = 12
	maxBackoff = 250 * time.Millisecond
)

const (
	// idleInTransaction is PostgreSQL's setting of how long a session may do nothing in a transaction, in milliseconds; the URL may set it.
	idleInTransaction = "idle_in_transaction_session_timeout"
	// maxIdleInTransaction is it where the URL does not: shorter than a lease. Between two statements of ours lies no call of anybody.
	maxIdleInTransaction = 15 * time.Second
)

type postgresEngine struct {
	db       *sql.DB
	appender *appender
}

func openPostgres(ctx context.Context, o Options) (_ *DB, err error) {
	config, err := pgx.ParseConfig(o.DSN)
	if err != nil {
		return nil, fmt.Errorf("the PostgreSQL URL: %w", err) // pgx leaves the password out
	}
	where := fmt.Sprintf("postgres://%s:%d/%s", config.Host, config.Port, config.Database)
	size := defaultPoolSize
	if text, ok := config.RuntimeParams["pool_max_conns"]; ok {
		if size, err = strconv.Atoi(text); err != nil || size < 2 || size > 1000 {
			return nil, fmt.Errorf("%s: pool_max_conns is %q; it must be a number from 2 to 1000", where, text)
		}
		delete(config.RuntimeParams, "pool_max_conns")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "twinspan"
	}
	// A process that stops in the middle of a transaction, as on a machine that is suspended, must not keep its rows locked: the
	// others take its work over when its lease is over, and would wait for them.
	if config.RuntimeParams[idleInTransaction] == "" {
		config.RuntimeParams[idleInTransaction] = strconv.Itoa(int(maxIdleInTransaction / time.Millisecond))
	}
	if o.Schema != "" {
		if !identifier.MatchString(o.Schema) {
			return nil, fmt.Errorf("%s: %q cannot be a schema: use a-z, 0-9 and _", where, o.Schema)
		}
		config.RuntimeParams["search_path"] = o.Schema
		where += " schema " + o.Schema
	}
	db := stdlib.OpenDB(*config)
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(time.Hour)
	if err := makeSchema(ctx, db, o.Schema); err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	if err := makeFold(ctx, db); err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	if err := migrate(ctx, db, true, where, o.Migrations, o.Log); err != nil {
		return nil, err
	}
	return &DB{readers: db, engine: &postgresEngine{db: db, appender: startAppender(db)}}, nil
}

// makeSchema makes the schema where it is missing. It looks first: a role that may not make schemas can use one.
func makeSchema(ctx context.Context, db *sql.DB, schema string) error {
	if schema == "" {
		return db.PingContext(ctx)
	}
	var n int
	if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM pg_namespace WHERE nspname = $1", schema).Scan(&n); err != nil || n > 0 {
		return err
	}
	_, err := db.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS "+schema)
	if IsUnique(err) {
		return nil // another replica made it at this moment; IF NOT EXISTS does not look that far
	}
	return err
}

func (e *postgresEngine) postgres() bool { return true }

func (e *postgresEngine) close() error {
	e.appender.stop()
	return nil // the pool is the DB's readers
}

// write runs fn in a transaction of READ COMMITTED, again where PostgreSQL undid it because of others.
func (e *postgresEngine) write(ctx context.Context, fn func(*Tx) error) error {
	for try := 1; ; try++ {
		err := e.writeOnce(ctx, fn)
		if err == nil || try == maxTries || !isTransient(err) {
			return err
		}
		if err := backOff(ctx, try); err != nil {
			return err
		}
	}
}

// backOff waits a random time that doubles with each try, so that those who clashed do not clash again.
func backOff(ctx context.Context, try int) error {
	t := time.NewTimer(rand.N(min(maxBackoff, time.Millisecond<<try)))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func (e *postgresEngine) writeOnce(ctx context.Context, fn func(*Tx) error) error {
	tx, err := e.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	// After a commit this does nothing. A failed rollback closes the connection, which undoes the transaction too.
	defer func() { _ = tx.Rollback() }()
	t := Tx{ctx: ctx, run: postgresRunner{tx}}
	if err := t.call(fn); err != nil {
		if isTransient(t.failed) && !isTransient(err) {
			return errors.Join(err, t.failed) // fn dressed the error up; it is still one to retry
		}
		return err
	}
	if err := commitError(tx.Commit()); err != nil {
		return err
	}
	for _, fn := range t.after {
		fn()
	}
	return nil
}

// commitError tells a COMMIT that the server refused, after which nothing is stored, from one without an answer.
func commitError(err error) error {
	if err == nil || errors.Is(err, pgx.ErrTxCommitRollback) || isRefusal(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
}

type postgresRunner struct{ tx *sql.Tx }

func (r postgresRunner) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	return r.tx.ExecContext(ctx, query, args...)
}

func (r postgresRunner) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	return r.tx.QueryContext(ctx, query, args...)
}

func (r postgresRunner) queryRow(ctx context.Context, query string, args []any) *sql.Row {
	return r.tx.QueryRowContext(ctx, query, args...)
}

func (postgresRunner) insertText(a *Append, n int) string { return a.postgres(n) }
