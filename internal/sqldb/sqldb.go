// Package sqldb is the one way to a house's database: SQLite in a file or PostgreSQL, chosen by the DSN, with one SQL
// text for both.
//
// The text uses $1..$n for arguments, BIGINT milliseconds for times, TEXT ids, 0/1 INTEGER booleans, BYTEA for bytes,
// ON CONFLICT, RETURNING and NULLS FIRST. It uses no serial ids, no LISTEN and no advisory locks.
//
// All writes go through [DB.Write] and [DB.Append] (DESIGN 5.5). On SQLite one goroutine owns the writing connection:
// it runs whatever is queued, each function in a savepoint of its own, makes one COMMIT, which is one fsync, and then
// answers everybody. On PostgreSQL each function is a transaction, retried when the server asks for it, and appended
// rows of many callers travel in one statement.
package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// Options say which database to open and how.
type Options struct {
	// DSN is the path of an SQLite file, or the URL of a PostgreSQL database: postgres://user@host/name?sslmode=….
	// A PostgreSQL URL may carry pool_max_conns; the default is 10 connections.
	DSN string
	// Schema is the PostgreSQL schema that holds the tables, made if it is missing; "" is the role's own default.
	// SQLite ignores it: there each house has its own file.
	Schema string
	// Migrations are applied in order when the database is opened.
	Migrations []Migrations
	// Relaxed switches fsync off on SQLite (synchronous=OFF), for databases that nobody will miss after a power cut.
	Relaxed bool
	// PageCache is how much of an SQLite file its connections keep in memory together, in bytes; 0 is 16 MB for the writing one and 8 MB for
	// each of the others. What is read often stays in the system's own cache of files anyway. PostgreSQL ignores it.
	PageCache int64
	// Log gets migrations that were applied and writes that were stopped; nil discards.
	Log *slog.Logger

	// For tests of the file layer: its name, another PRAGMA synchronous than FULL or OFF, another wal_autocheckpoint.
	vfs, synchronous string
	checkpoint       int
}

// Migrations are the numbered SQL files of one part of a database.
type Migrations struct {
	// Name is lower case letters, digits and underscores; the versions applied are kept in the table NAME_schema_version.
	Name string
	// FS holds goose files, 00001_name.sql, at its root: one text for both engines.
	FS fs.FS
}

var (
	// ErrNewer: the database was written by a newer program than this one, which therefore leaves it alone.
	ErrNewer = errors.New("the database is newer than this program")
	// ErrUnknownOutcome: COMMIT failed, so the write may or may not be there. A caller with an idempotency key asks again.
	ErrUnknownOutcome = errors.New("the outcome of the write is unknown")
	// ErrStopped: an earlier write failed on the disk, so no more are tried until the program is started anew. What
	// the operating system still holds of the failed write is anybody's guess; writing on could bury it.
	ErrStopped = errors.New("writing has stopped after a disk error")
	// ErrInUse: another process has this SQLite file open.
	ErrInUse = errors.New("the database is in use by another process")
	// ErrClosed: the database has been closed.
	ErrClosed = errors.New("the database is closed")
	// ErrBusy: too many writes are waiting; it is a fault of kind Unavailable.
	ErrBusy error = fault.New(fault.Unavailable, "database_busy", "The server is busy. Please try again.")
)

// DB is an open database. It is safe for concurrent use.
type DB struct {
	readers *sql.DB
	stmts   *stmtCache
	engine  engine
}

// engine is what the two databases do differently.
type engine interface {
	write(ctx context.Context, fn func(*Tx) error) error
	append(ctx context.Context, parts []Part) error
	postgres() bool
	close() error
}

var identifier = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// Open opens the database, makes it if it is not there, and applies the migrations.
//
// It fails with [ErrNewer] for a database that a newer program wrote, with [ErrInUse] for an SQLite file that another
// process has open, and with an error that names the file for one that is no database. Missing folders of an SQLite
// path are made with mode 0700; the file, its log and its index have mode 0600.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	for _, m := range o.Migrations {
		if !identifier.MatchString(m.Name) {
			return nil, fmt.Errorf("sqldb: %q cannot name migrations: use a-z, 0-9 and _", m.Name)
		}
	}
	if isPostgres(o.DSN) {
		return openPostgres(ctx, o)
	}
	return openSQLite(ctx, o)
}

func isPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// Write runs fn in a transaction and returns when its effect is durable. An error or a panic of fn undoes what fn did
// and nothing else; the error is returned as it is, the panic goes on in the caller's goroutine.
//
// fn gets only SQL to do, about 200 rows at most, and may run twice. It relies on unique keys and compare-and-swap,
// never on running alone. When one of its statements fails it must return: the rest of its statements fail too.
// A ctx that ends before fn starts prevents it; one that ends later fails fn's next statement.
// [ErrUnknownOutcome] and [ErrStopped] are explained there.
func (db *DB) Write(ctx context.Context, fn func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return db.engine.write(ctx, fn)
}

// Append adds rows to an append-only table and returns when they are durable: all of them, or none and an error.
// Every row has a value for each column of a, in order. Rows of concurrent callers travel together, which costs a
// fraction of a [DB.Write]; a caller whose row is refused does not harm the others.
func (db *DB) Append(ctx context.Context, a *Append, rows ...[]any) error {
	return db.AppendAll(ctx, a.Of(rows...))
}

// AppendAll is Append to several tables at once: all the rows of all the parts, or none and an error. The parts are
// stored in their order, so a later one may refer to rows of an earlier one where its table does. The rows are not the
// caller's any more.
func (db *DB) AppendAll(ctx context.Context, parts ...Part) error {
	rows := 0
	for _, p := range parts {
		if err := p.convert(); err != nil {
			return err
		}
		rows += len(p.rows)
	}
	if rows == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return db.engine.append(ctx, parts)
}

// Query reads rows. The caller closes them, and looks at their Err.
func (db *DB) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if db.stmts != nil {
		if s := db.stmts.get(ctx, query); s != nil {
			rows, err := s.QueryContext(ctx, args...)
			if err == nil || !isStmtClosed(err) {
				return rows, err
			}
		}
	}
	return db.readers.QueryContext(ctx, query, args...)
}

// QueryRow reads at most one row; its Scan returns sql.ErrNoRows for none.
func (db *DB) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	if db.stmts != nil {
		if s := db.stmts.get(ctx, query); s != nil {
			row := s.QueryRowContext(ctx, args...)
			if err := row.Err(); err == nil || !isStmtClosed(err) {
				return row
			}
		}
	}
	return db.readers.QueryRowContext(ctx, query, args...)
}

// Shared reports whether other processes may write to the database, as on PostgreSQL; what a process remembers of it
// must then expire within a second.
func (db *DB) Shared() bool { return db.engine.postgres() }

// Postgres reports whether the database is PostgreSQL, for the few texts that differ.
func (db *DB) Postgres() bool { return db.engine.postgres() }

// Analyze has PostgreSQL look at what the tables hold now, as after a bulk of rows: until it does by itself, which can take a minute,
// it plans queries as if the tables were still empty. On SQLite it does nothing.
func (db *DB) Analyze(ctx context.Context) error {
	if !db.engine.postgres() {
		return nil
	}
	return db.Write(ctx, func(tx *Tx) error {
		_, err := tx.Exec("ANALYZE")
		return err
	})
}

// Ping asks the database for an answer.
func (db *DB) Ping(ctx context.Context) error {
	var one int
	return db.readers.QueryRowContext(ctx, "SELECT 1").Scan(&one)
}

// Close waits for the writes that have been queued and closes the database. A second Close does nothing.
func (db *DB) Close() error {
	if db.stmts != nil {
		db.stmts.close()
	}
	return errors.Join(db.engine.close(), db.readers.Close())
}
