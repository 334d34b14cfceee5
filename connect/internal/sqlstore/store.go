// Package sqlstore keeps Connect's connections, sign-ins, mappings and sends in a sqldb database, SQLite or PostgreSQL.
// It holds no rules: it implements the stores that link, signin, mapping, send and api declare.
package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"net/url"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/once"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/vault/datakeys"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations are the tables of this package.
func Migrations() sqldb.Migrations {
	sub, err := fs.Sub(files, "migrations")
	if err != nil { // the folder is embedded above
		panic(err)
	}
	return sqldb.Migrations{Name: "connect", FS: sub}
}

// Options say where the database is.
type Options struct {
	DSN     string
	Relaxed bool
	Log     *slog.Logger
}

// Store is Connect's database. It is safe for concurrent use.
type Store struct {
	db   *sqldb.DB
	keys *audit.Keyring // nil where entries are signed with an empty key

	maxVisits int // of a pair, under way
}

// pageCache bounds what Connect keeps of an SQLite file in memory, in bytes: it has as much of it with 10,000 users as with any number.
const pageCache = 12 << 20

// Open opens the database and brings its tables up to date. On PostgreSQL they are in the schema "connect", unless the
// URL's own search_path names another.
func Open(ctx context.Context, o Options) (*Store, error) {
	schema := "connect"
	if u, err := url.Parse(o.DSN); err == nil && u.Query().Has("search_path") {
		schema = ""
	}
	db, err := sqldb.Open(ctx, sqldb.Options{DSN: o.DSN, Schema: schema, Migrations: []sqldb.Migrations{Migrations(), jobs.Migrations, datakeys.Migrations, once.Migrations}, Relaxed: o.Relaxed, PageCache: pageCache, Log: o.Log})
	if err != nil {
		return nil, err
	}
	return New(db), nil
}

// New returns a store on an open database that has the tables.
func New(db *sqldb.DB) *Store { return &Store{db: db, maxVisits: maxVisits} }

// Clock is machine time as all processes on the database have it.
func (s *Store) Clock(ctx context.Context, machine clock.Machine) (*sqldb.Clock, error) {
	return s.db.Clock(ctx, machine)
}

// Forms are the forms of Connect's pages that were sent and are done once.
func (s *Store) Forms(machine clock.Machine) once.Forms { return once.Stored{DB: s.db, Now: machine} }

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// ms is a time as it is stored; 0 for the zero time.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// at is a stored time.
func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// found turns "no row" into a NotFound fault that says what is missing.
func found(err error, code fault.Code, what string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fault.New(fault.NotFound, code, "There is no such %s.", what)
	}
	return err
}

// scanner is a row or the rows of a query.
type scanner interface{ Scan(dest ...any) error }
