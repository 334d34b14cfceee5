// Package sqlstore keeps a tenant's house in SQL: one file for each noun, each implementing the store roles that
// package tenant declares. One text serves SQLite and PostgreSQL; where they differ, the place says so.
package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the versions of this house's tables, for whoever opens its database.
func Migrations() sqldb.Migrations {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	return sqldb.Migrations{Name: "tenant", FS: sub}
}

// Options say which database a store stands on.
type Options struct {
	// DSN is an SQLite file or a PostgreSQL URL, as sqldb takes it.
	DSN string
	// Relaxed gives up durability for speed (SQLite synchronous=OFF).
	Relaxed bool
	// More are the migrations of other parts that share the database (jobs).
	More []sqldb.Migrations
	Log  *slog.Logger
	// Machine tells machine time; time.Now where it is nil.
	Machine clock.Machine
}

// Store implements the store roles of package tenant.
type Store struct {
	db      *sqldb.DB
	machine clock.Machine
	spent   *spentAssertions
}

// Open opens the database, applies the migrations and reads what is kept in memory. In PostgreSQL the tables live in the
// schema "engagement", unless the URL has a search_path of its own.
func Open(ctx context.Context, o Options) (*Store, error) {
	schema := "engagement"
	if u, err := url.Parse(o.DSN); err == nil && u.Query().Has("search_path") {
		schema = ""
	}
	db, err := sqldb.Open(ctx, sqldb.Options{
		DSN: o.DSN, Schema: schema, Relaxed: o.Relaxed, Log: o.Log,
		Migrations: append([]sqldb.Migrations{Migrations()}, o.More...),
	})
	if err != nil {
		return nil, err
	}
	s, err := New(ctx, db, o.Machine)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// New makes a store on a database that has the migrations.
func New(ctx context.Context, db *sqldb.DB, machine clock.Machine) (*Store, error) {
	if machine == nil {
		machine = time.Now
	}
	s := &Store{db: db, machine: machine}
	if !db.Shared() {
		s.spent = newSpentAssertions()
		if err := s.loadSpent(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// DeleteTenant takes a tenant away with everything in it, in one statement, so that nobody ever sees half of one. Its
// tokens end, because nobody finds their tenant any more, and their rows are deleted when they expire.
func (s *Store) DeleteTenant(ctx context.Context, eid tenant.EID) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`DELETE FROM tenant WHERE eid = $1`, int64(eid))
		return err
	})
}

// DB is the database, for parts of the house that keep tables of their own in it (jobs).
func (s *Store) DB() *sqldb.DB { return s.db }

// Shared reports whether other processes may write to the same database.
func (s *Store) Shared() bool { return s.db.Shared() }

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// notFound turns "no row" into the fault that every look-up promises; other errors pass.
func notFound(err error, what string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fault.New(fault.NotFound, tenant.CodeNotFound, "There is no such %s.", what)
	}
	return err
}

// taken turns the refusal of a number or name that is there already into a Conflict fault; other errors pass.
func taken(err error) error {
	if sqldb.IsUnique(err) {
		return fault.Wrap(err, fault.Conflict, tenant.CodeTaken, "The number or name is taken.")
	}
	return err
}

// millis is the stored form of a time; the zero time is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// nullMillis is the stored form of a time that may be unset.
func nullMillis(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}

// timeOf reads a stored time.
func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// timeOfNull reads a stored time that may be unset.
func timeOfNull(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return time.UnixMilli(ms.Int64).UTC()
}

// nullText stores "" as NULL.
func nullText(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

// bit stores a boolean.
func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// toJSON renders a value that always can be: lists and structs of plain fields.
func toJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("storing %T: %w", v, err)
	}
	return string(b), nil
}

// fromJSON reads a stored value back.
func fromJSON(text string, v any) error {
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("reading a stored %T: %w", v, err)
	}
	return nil
}
