// Package sqlstore keeps an org's records, identity and sessions in SQL, on SQLite or PostgreSQL (internal/sqldb). It
// implements the store roles that packages org and soql declare. One SQL text serves both engines; where they differ,
// the place says so. Every statement that touches an org's records names the org; sessions, grants and codes are found by
// the number in a secret, whose hash the caller compares, and their rows name the org.
package sqlstore

import (
	"cmp"
	"context"
	"embed"
	"io/fs"
	"log/slog"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/vault/datakeys"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are the versioned tables of this house, as sqldb applies them.
func Migrations() sqldb.Migrations {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		panic("sqlstore: embedded migrations: " + err.Error()) // the name is a constant that go:embed checked
	}
	return sqldb.Migrations{Name: "org", FS: files}
}

// Options say where the database is.
type Options struct {
	DSN     string // SQLite file path, or postgres://…
	Schema  string // of a PostgreSQL database; "crm" where it is ""
	Relaxed bool   // SQLite without fsync: for databases that nobody will miss
	Log     *slog.Logger
}

// Store is the house's database.
type Store struct {
	db    *sqldb.DB
	clock *clock.Domain // nil: machine time
	queue *jobs.Queue   // nil: no letters are taken

	customs customizations
}

// UseClock says by whose time sessions have expired. Call it before the store is used.
func (s *Store) UseClock(c *clock.Domain) { s.clock = c }

// now is the org's domain time.
func (s *Store) now(orgID org.ID) time.Time {
	if s.clock == nil {
		return time.Now()
	}
	return s.clock.Now(string(orgID))
}

// Open opens the database and brings its tables up to date. On PostgreSQL the house keeps to its schema.
func Open(ctx context.Context, o Options) (*Store, error) {
	db, err := sqldb.Open(ctx, sqldb.Options{
		DSN: o.DSN, Schema: cmp.Or(o.Schema, "crm"), Migrations: []sqldb.Migrations{Migrations(), jobs.Migrations, datakeys.Migrations}, Relaxed: o.Relaxed, Log: o.Log,
	})
	if err != nil {
		return nil, err
	}
	return &Store{db: db}, nil
}

// New returns a store on a database that has the tables of [Migrations] already.
func New(db *sqldb.DB) *Store { return &Store{db: db} }

// DB is the database under the store.
func (s *Store) DB() *sqldb.DB { return s.db }

// Shared reports whether other processes may write to the same database.
func (s *Store) Shared() bool { return s.db.Shared() }

// Analyze tells the database that a bulk of rows was stored.
func (s *Store) Analyze(ctx context.Context) error { return s.db.Analyze(ctx) }

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// millis is how the tables keep a time; fromMillis is its inverse.
func millis(t time.Time) int64 { return t.UnixMilli() }

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
