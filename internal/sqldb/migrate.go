package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// migrate brings the database to the newest version of each of the migrations. where names the database in errors.
func migrate(ctx context.Context, db *sql.DB, postgres bool, where string, all []Migrations, log *slog.Logger) error {
	for _, m := range all {
		if err := migrateOne(ctx, db, postgres, where, m, log); err != nil {
			return err
		}
	}
	return nil
}

func migrateOne(ctx context.Context, db *sql.DB, postgres bool, where string, m Migrations, log *slog.Logger) error {
	table := m.Name + "_schema_version"
	dialect := goose.DialectSQLite3
	opts := []goose.ProviderOption{goose.WithTableName(table), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger())}
	// Numbers are given out in ranges to changes that are made at the same time, so that a lower number may come later than
	// a higher one. What such migrations do must not depend on each other's order.
	opts = append(opts, goose.WithAllowOutofOrder(true))
	if postgres {
		dialect = goose.DialectPostgres
		// A row with a lease: it also works behind poolers and on databases where advisory locks do nothing.
		locker, err := lock.NewPostgresTableLocker(
			lock.WithTableName("schema_lock"),
			lock.WithTableLockTimeout(250*time.Millisecond, 1200),
			lock.WithTableUnlockTimeout(250*time.Millisecond, 240),
			lock.WithTableLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		opts = append(opts, goose.WithLocker(locker))
	}
	sources, err := sourcesOf(m.FS, postgres)
	if err != nil {
		return fmt.Errorf("%s: migrations %s: %w", where, m.Name, err)
	}
	p, err := goose.NewProvider(dialect, db, nil, append(opts, goose.WithGoMigrations(sources...))...)
	if err != nil {
		return fmt.Errorf("%s: migrations %s: %w", where, m.Name, err)
	}
	current, exists, err := schemaVersion(ctx, db, postgres, table)
	if err != nil {
		return fmt.Errorf("%s: reading the version of %s: %w", where, m.Name, err)
	}
	if exists {
		known := p.ListSources()
		if ours := known[len(known)-1].Version; current > ours {
			return fmt.Errorf("%s: %w: %s is at version %d, this program knows %d; start the newer program, or restore a backup made before it ran",
				where, ErrNewer, m.Name, current, ours)
		}
		pending, err := p.HasPending(ctx)
		if err != nil {
			return fmt.Errorf("%s: migrations %s: %w", where, m.Name, err)
		}
		if !pending {
			return nil
		}
	}
	results, err := p.Up(ctx)
	applied, version := 0, int64(0)
	for _, r := range results {
		if r.Error == nil {
			applied, version = applied+1, r.Source.Version
			log.DebugContext(ctx, "migration applied", "database", where, "part", m.Name, "version", r.Source.Version, "took", r.Duration)
		}
	}
	if applied > 0 && exists { // a new database has no history to tell of
		log.InfoContext(ctx, "migrations applied", "database", where, "part", m.Name, "number", applied, "version", version)
	}
	if ended := context.Cause(ctx); err != nil && ended != nil { // the database tells it in words of its own
		return fmt.Errorf("%s: migrations %s: %w (%w)", where, m.Name, ended, err)
	}
	if err != nil {
		return fmt.Errorf("%s: migrations %s: %w", where, m.Name, err)
	}
	return nil
}

// sourcesOf are the files as goose runs them. Each goes to the database whole, because both take many statements in one
// text, and goose's own way of cutting a file into statements takes longer than the statements.
func sourcesOf(files fs.FS, postgres bool) ([]*goose.Migration, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	var all []*goose.Migration
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return nil, err
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		up, err := upOf(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, goose.NewGoMigration(version, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			var args []any
			if postgres {
				args = []any{pgx.QueryExecModeSimpleProtocol} // the one that takes many statements
			}
			_, err := tx.ExecContext(ctx, up, args...)
			return err
		}}, nil))
	}
	return all, nil
}

// upOf is what a goose file does on the way up: the lines after "-- +goose Up", as far as "-- +goose Down" if there is
// one. Every file runs in one transaction, so one that asks for something else is an error.
func upOf(text string) (string, error) {
	const mark = "-- +goose "
	before, up, found := strings.Cut(text, mark+"Up\n")
	if !found {
		return "", errors.New(`no line says "-- +goose Up"`)
	}
	up, _, _ = strings.Cut(up, mark+"Down\n")
	if _, other, found := strings.Cut(before+up, mark); found {
		line, _, _ := strings.Cut(other, "\n")
		return "", fmt.Errorf("%s%s is not understood", mark, line)
	}
	return up, nil
}

// schemaVersion is the newest version that the database has of a part, and whether it has any.
func schemaVersion(ctx context.Context, db *sql.DB, postgres bool, table string) (int64, bool, error) {
	find := "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = $1"
	if postgres {
		find = "SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = $1"
	}
	var n int
	if err := db.QueryRowContext(ctx, find, table).Scan(&n); err != nil || n == 0 {
		return 0, false, err
	}
	var version int64
	err := db.QueryRowContext(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM "+table).Scan(&version)
	return version, err == nil, err
}
