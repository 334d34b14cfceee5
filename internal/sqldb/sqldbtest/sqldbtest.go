// Package sqldbtest gives tests databases of both kinds: SQLite in a temporary file, PostgreSQL in a schema of its own
// on the server that TWINSPAN_TEST_POSTGRES names. Without that server a test fails; it never skips.
package sqldbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the "pgx" driver, to make and drop schemas

	"github.com/twinspan/twinspan/internal/sqldb"
)

// Kinds are the kinds of database, for subtests: "sqlite" and "postgres".
var Kinds = []string{"sqlite", "postgres"}

// Each runs test once on each kind of database, in parallel, with the migrations applied. The database is closed and
// gone afterwards.
func Each(t *testing.T, migrations []sqldb.Migrations, test func(*testing.T, *sqldb.DB)) {
	t.Helper()
	for _, kind := range Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, Open(t, DSN(t, kind), migrations))
		})
	}
}

// Open opens the database of a DSN made by [DSN] until the test ends.
func Open(t testing.TB, dsn string, migrations []sqldb.Migrations) *sqldb.DB {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	db, err := sqldb.Open(ctx, sqldb.Options{DSN: dsn, Migrations: migrations, Relaxed: true, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatalf("opening a test database: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing the test database: %v", err)
		}
	})
	return db
}

// DSN returns the DSN of a new, empty database of the kind, for tests that open it themselves. The PostgreSQL one has
// its schema in it (search_path), so leave Options.Schema empty or name a further one; both vanish with the test.
func DSN(t testing.TB, kind string) string {
	t.Helper()
	switch kind {
	case "sqlite":
		return filepath.Join(t.TempDir(), "test.db")
	case "postgres":
		return postgres(t)
	}
	t.Fatalf("sqldbtest: no kind of database is called %q", kind)
	return ""
}

// Schemas calls test with the URL of the test server and the names of three schemas that do not exist yet, and drops
// them afterwards.
func Schemas(t testing.TB, test func(dsn string, names []string)) {
	t.Helper()
	base := server(t)
	names := []string{newName(), newName(), newName()}
	defer func() {
		for _, name := range names {
			if err := run(base, "DROP SCHEMA IF EXISTS "+name+" CASCADE"); err != nil {
				t.Errorf("dropping a test schema: %v", err)
			}
		}
	}()
	test(base, names)
}

func postgres(t testing.TB) string {
	t.Helper()
	base, name := server(t), newName()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatalf("TWINSPAN_TEST_POSTGRES: %v", err)
	}
	if err := run(base, "CREATE SCHEMA "+name); err != nil {
		t.Fatalf("the test server of TWINSPAN_TEST_POSTGRES: %v", err)
	}
	t.Cleanup(func() {
		if err := run(base, "DROP SCHEMA "+name+" CASCADE"); err != nil {
			t.Errorf("dropping the test schema: %v", err)
		}
	})
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

// server is the URL of the test server.
func server(t testing.TB) string {
	t.Helper()
	base := os.Getenv("TWINSPAN_TEST_POSTGRES")
	if base == "" {
		t.Fatal("TWINSPAN_TEST_POSTGRES is not set. `make test` starts a PostgreSQL server and sets it; to run one package, use\n" +
			"\ttest/postgres/run.sh go test ./internal/sqldb/...\nor set it to the URL of a test server: postgres://user@127.0.0.1:5432/postgres")
	}
	return base
}

func newName() string {
	name := make([]byte, 8)
	_, _ = rand.Read(name) // never fails (crypto/rand)
	return "test_" + hex.EncodeToString(name)
}

// run runs one statement on the test server. Dropping a schema locks all that is in it, in an order that may cross the
// server's own housekeeping; who loses is told so and tries again.
func run(url, statement string) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	const deadlock = "40P01"
	var refused *pgconn.PgError
	for range 5 {
		if _, err = db.ExecContext(ctx, statement); !errors.As(err, &refused) || refused.Code != deadlock {
			return err
		}
	}
	return err
}
