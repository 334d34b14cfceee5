package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// versions are migrations called name up to version n, each a table.
func versions(name string, n int) sqldb.Migrations {
	files := fstest.MapFS{}
	for i := 1; i <= n; i++ {
		files[fmt.Sprintf("%05d_%s.sql", i, name)] = &fstest.MapFile{Data: fmt.Appendf(nil,
			"-- +goose Up\nCREATE TABLE %s_%d (id TEXT PRIMARY KEY);\n-- +goose Down\nDROP TABLE %s_%d;\n", name, i, name, i)}
	}
	return sqldb.Migrations{Name: name, FS: files}
}

func openClose(t *testing.T, o sqldb.Options) error {
	t.Helper()
	o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	db, err := sqldb.Open(t.Context(), o)
	if err != nil {
		return err
	}
	return db.Close()
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dsn := sqldbtest.DSN(t, kind)
			at := func(org, job int) sqldb.Options {
				return sqldb.Options{DSN: dsn, Relaxed: true, Migrations: []sqldb.Migrations{versions("org", org), versions("job", job)}}
			}
			for _, step := range [][2]int{{1, 1}, {1, 1}, {3, 1}, {3, 2}} {
				if err := openClose(t, at(step[0], step[1])); err != nil {
					t.Fatalf("to %v: %v", step, err)
				}
			}
			db := sqldbtest.Open(t, dsn, at(3, 2).Migrations)
			for _, table := range []string{"org_1", "org_3", "job_2"} {
				if err := db.QueryRow(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(new(int)); err != nil {
					t.Errorf("%s: %v", table, err)
				}
			}
			if err := db.QueryRow(t.Context(), "SELECT COUNT(*) FROM job_3").Scan(new(int)); err == nil {
				t.Error("job_3 is there")
			}
		})
	}
}

// A migration with a lower number than the newest that was applied is applied all the same.
func TestMigrationsOutOfOrder(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dsn := sqldbtest.DSN(t, kind)
			early := versions("org", 3)
			delete(early.FS.(fstest.MapFS), "00002_org.sql")
			if len(early.FS.(fstest.MapFS)) != 2 {
				t.Fatalf("the migrations are called otherwise: %v", early.FS)
			}
			if err := openClose(t, sqldb.Options{DSN: dsn, Migrations: []sqldb.Migrations{early}}); err != nil {
				t.Fatal(err)
			}
			db := sqldbtest.Open(t, dsn, []sqldb.Migrations{versions("org", 3)})
			if err := db.QueryRow(t.Context(), "SELECT COUNT(*) FROM org_2").Scan(new(int)); err != nil {
				t.Errorf("the late one was left out: %v", err)
			}
		})
	}
}

func TestANewerDatabaseIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dsn := sqldbtest.DSN(t, kind)
			if err := openClose(t, sqldb.Options{DSN: dsn, Migrations: []sqldb.Migrations{versions("org", 3)}}); err != nil {
				t.Fatal(err)
			}
			err := openClose(t, sqldb.Options{DSN: dsn, Migrations: []sqldb.Migrations{versions("org", 2)}})
			if !errors.Is(err, sqldb.ErrNewer) {
				t.Fatalf("an older program: %v", err)
			}
			where := dsn
			if kind == "postgres" {
				where = "postgres://127.0.0.1:"
			}
			for _, word := range []string{where, "org", "version 3", "knows 2"} {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q does not say %q", err, word)
				}
			}
			if err := openClose(t, sqldb.Options{DSN: dsn, Migrations: []sqldb.Migrations{versions("org", 3)}}); err != nil {
				t.Errorf("the newer program again: %v", err)
			}
		})
	}
}

func TestABrokenMigrationIsNamed(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			m := versions("org", 1)
			m.FS.(fstest.MapFS)["00002_bad.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE org_2 (id TEXT);\nCREATE TABLE org_1 (id TEXT);\n")}
			dsn := sqldbtest.DSN(t, kind)
			err := openClose(t, sqldb.Options{DSN: dsn, Migrations: []sqldb.Migrations{m}})
			if err == nil || !strings.Contains(err.Error(), "migrations org") || !strings.Contains(err.Error(), "version:2") {
				t.Errorf("error: %v", err)
			}
			// Its first half is undone, so the mended one applies.
			if err := openClose(t, sqldb.Options{DSN: dsn, Migrations: []sqldb.Migrations{versions("org", 2)}}); err != nil {
				t.Errorf("mended: %v", err)
			}
		})
	}
}

// A file that asks for what is not done, outside a transaction say, is refused before anything runs.
func TestMigrationFilesThatAreNotUnderstood(t *testing.T) {
	t.Parallel()
	for text, word := range map[string]string{
		"CREATE TABLE org_1 (id TEXT);\n":                                     "-- +goose Up",
		"-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE a (id TEXT);\n": "NO TRANSACTION",
		"-- +goose Up\n-- +goose StatementBegin\nCREATE TABLE a (id TEXT);\n": "StatementBegin",
	} {
		m := sqldb.Migrations{Name: "org", FS: fstest.MapFS{"00001_x.sql": &fstest.MapFile{Data: []byte(text)}}}
		err := openClose(t, sqldb.Options{DSN: filepath.Join(t.TempDir(), "x.db"), Migrations: []sqldb.Migrations{m}})
		if err == nil || !strings.Contains(err.Error(), "00001_x.sql") || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestBadNamesAreRefused(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]sqldb.Options{
		"migrations": {DSN: filepath.Join(t.TempDir(), "x.db"), Migrations: []sqldb.Migrations{{Name: "no; DROP", FS: fstest.MapFS{}}}},
		"no files":   {DSN: filepath.Join(t.TempDir(), "x.db"), Migrations: []sqldb.Migrations{{Name: "org", FS: fstest.MapFS{}}}},
		"schema":     {DSN: sqldbtest.DSN(t, "postgres"), Schema: `a"b`},
		"pool":       {DSN: sqldbtest.DSN(t, "postgres") + "&pool_max_conns=0"},
		"url":        {DSN: "postgres://x:secret@[::1"},
	} {
		err := openClose(t, o)
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells the password: %v", name, err)
		}
	}
}

// Several replicas start at once on an empty database: each migration is applied once and all of them start.
func TestReplicasStartingTogether(t *testing.T) {
	t.Parallel()
	dsn := sqldbtest.DSN(t, "postgres")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			o := sqldb.Options{DSN: dsn + "&pool_max_conns=3", Schema: "", Migrations: []sqldb.Migrations{versions("org", 3), versions("job", 2)}}
			if err := openClose(t, o); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// Each house has its own schema in one database, made when it is first opened.
func TestSchemas(t *testing.T) {
	t.Parallel()
	sqldbtest.Schemas(t, func(dsn string, names []string) {
		var wg sync.WaitGroup
		for _, name := range names {
			for range 2 {
				wg.Go(func() {
					if err := openClose(t, sqldb.Options{DSN: dsn, Schema: name, Migrations: thing()}); err != nil {
						t.Error(err)
					}
				})
			}
		}
		wg.Wait()
		for i, name := range names {
			db, err := sqldb.Open(t.Context(), sqldb.Options{DSN: dsn, Schema: name, Migrations: thing()})
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Write(t.Context(), insert("only", i)); err != nil {
				t.Error(err)
			}
			if got := things(t, db); len(got) != 1 || got["only"] != i {
				t.Errorf("%s: %v", name, got)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestFilesAreOurs(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "made here", "with ?, # and %20")
	path := filepath.Join(folder, "house.db")
	db := sqldbtest.Open(t, path, thing())
	if err := db.Write(t.Context(), insert("a", 1)); err != nil {
		t.Fatal(err)
	}
	found := 0
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o", e.Name(), mode)
		}
		found++
	}
	if found < 3 {
		t.Errorf("found %v", entries)
	}
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v %v", info.Mode(), err)
	}
}

func TestAWideModeIsNarrowed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "house.db")
	if err := openClose(t, sqldb.Options{DSN: path, Migrations: thing()}); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	db, err := sqldb.Open(t.Context(), sqldb.Options{DSN: path, Migrations: thing(), Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is %v (%v)", info.Mode(), err)
	}
	if !strings.Contains(log.String(), path) {
		t.Errorf("the log says %q", log.String())
	}
}

func TestOneProcessAtATime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "house.db")
	db := sqldbtest.Open(t, path, thing())
	err := openClose(t, sqldb.Options{DSN: path, Migrations: thing()})
	if !errors.Is(err, sqldb.ErrInUse) || !strings.Contains(err.Error(), path) {
		t.Errorf("a second: %v", err)
	}
	if err := db.Write(t.Context(), insert("a", 1)); err != nil {
		t.Errorf("the first, afterwards: %v", err)
	}
}

func TestWhatIsNoDatabase(t *testing.T) {
	t.Parallel()
	good := filepath.Join(t.TempDir(), "good.db")
	if err := openClose(t, sqldb.Options{DSN: good, Migrations: thing()}); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	damaged := append([]byte(nil), whole...)
	for i := 100; i < len(damaged); i++ {
		damaged[i] = byte(i * 7)
	}
	for name, content := range map[string][]byte{
		"a text":    []byte("Dear diary,\ntoday I was mistaken for a database.\n"),
		"one byte":  {0},
		"cut short": whole[:50],
		"damaged":   damaged,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "house.db")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			err := openClose(t, sqldb.Options{DSN: path, Migrations: thing()})
			if err == nil || !strings.Contains(err.Error(), path) {
				t.Fatalf("error: %v", err)
			}
			t.Log(err)
			if after, err := os.ReadFile(path); err != nil || string(after) != string(content) {
				t.Errorf("the file was changed (%v)", err)
			}
		})
	}
	t.Run("a folder", func(t *testing.T) {
		t.Parallel()
		path := t.TempDir()
		if err := openClose(t, sqldb.Options{DSN: path}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("error: %v", err)
		}
	})
	t.Run("an empty file", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "house.db")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := openClose(t, sqldb.Options{DSN: path, Migrations: thing()}); err != nil {
			t.Error(err)
		}
	})
}

func TestNoServer(t *testing.T) {
	t.Parallel()
	err := openClose(t, sqldb.Options{DSN: "postgres://ann:secret@127.0.0.1:1/none?connect_timeout=1"})
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") || strings.Contains(err.Error(), "secret") {
		t.Errorf("error: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sqldb.Open(ctx, sqldb.Options{DSN: filepath.Join(t.TempDir(), "x.db"), Migrations: thing()}); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}
