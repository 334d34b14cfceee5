package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// thing is a table to write to.
func thing() []sqldb.Migrations {
	return []sqldb.Migrations{{Name: "thing", FS: fstest.MapFS{"00001_thing.sql": {Data: []byte(`
-- +goose Up
CREATE TABLE thing (id TEXT PRIMARY KEY, n BIGINT NOT NULL, body BYTEA);
CREATE TABLE part (thing_id TEXT NOT NULL REFERENCES thing (id) ON DELETE CASCADE, n INTEGER NOT NULL);
-- +goose Down
DROP TABLE part;
DROP TABLE thing;
`)}}}}
}

// insert is a Write that inserts one thing.
func insert(id string, n int) func(*sqldb.Tx) error {
	return func(tx *sqldb.Tx) error {
		_, err := tx.Exec("INSERT INTO thing (id, n) VALUES ($1, $2)", id, n)
		return err
	}
}

// things are the ids in the table.
func things(t *testing.T, db *sqldb.DB) map[string]int {
	t.Helper()
	rows, err := db.Query(context.WithoutCancel(t.Context()), "SELECT id, n FROM thing")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := map[string]int{}
	for rows.Next() {
		var id string
		var n int
		if err := rows.Scan(&id, &n); err != nil {
			t.Fatal(err)
		}
		all[id] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWriteThenRead(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, thing(), func(t *testing.T, db *sqldb.DB) {
		ctx := t.Context()
		told := false
		err := db.Write(ctx, func(tx *sqldb.Tx) error {
			tx.AfterCommit(func() { told = true })
			if tx.Context() != ctx {
				t.Error("the context is another one")
			}
			res, err := tx.Exec("INSERT INTO thing (id, n, body) VALUES ($1, $2, $3), ($4, $5, $6)", "a", 1, []byte("\x00x"), "b", int64(1)<<40, nil)
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); n != 2 || err != nil {
				return fmt.Errorf("%d rows affected (%w)", n, err)
			}
			var n int
			if err := tx.QueryRow("UPDATE thing SET n = n + 1 WHERE id = $1 RETURNING n", "a").Scan(&n); err != nil || n != 2 {
				return fmt.Errorf("n is %d (%w)", n, err)
			}
			if err := tx.QueryRow("SELECT n FROM thing WHERE id = $1", "none").Scan(&n); !errors.Is(err, sql.ErrNoRows) {
				return fmt.Errorf("no row: %w", err)
			}
			rows, err := tx.Query("SELECT id FROM thing ORDER BY id")
			if err != nil {
				return err
			}
			var ids string
			for rows.Next() {
				var id string
				if err := rows.Scan(&id); err != nil {
					return err
				}
				ids += id
			}
			if ids != "ab" {
				return fmt.Errorf("ids %q", ids)
			}
			return rows.Err()
		})
		if err != nil || !told {
			t.Fatalf("write: %v, told %v", err, told)
		}
		var body []byte
		var n int64
		if err := db.QueryRow(ctx, "SELECT n, body FROM thing WHERE id = $1", "b").Scan(&n, &body); err != nil || n != 1<<40 || body != nil {
			t.Errorf("b: %d %q %v", n, body, err)
		}
		if err := db.QueryRow(ctx, "SELECT body FROM thing WHERE id = $1", "a").Scan(&body); err != nil || string(body) != "\x00x" {
			t.Errorf("a: %q %v", body, err)
		}
		if err := db.Ping(ctx); err != nil {
			t.Error(err)
		}
		if db.Shared() != db.Postgres() {
			t.Error("Shared and Postgres differ")
		}
	})
}

func TestAFailedWriteLeavesNothing(t *testing.T) {
	t.Parallel()
	mine := fault.New(fault.Conflict, "mine", "mine")
	for name, test := range map[string]struct {
		fn    func(*sqldb.Tx) error
		check func(error) bool
	}{
		"its own error": {func(tx *sqldb.Tx) error { return errors.Join(insert("x", 1)(tx), mine) }, func(err error) bool { return errors.Is(err, mine) }},
		"a unique key": {func(tx *sqldb.Tx) error {
			if err := insert("x", 1)(tx); err != nil {
				return err
			}
			return insert("first", 2)(tx)
		}, sqldb.IsUnique},
		"a swallowed error": {func(tx *sqldb.Tx) error {
			_ = insert("first", 2)(tx)
			if err := insert("x", 1)(tx); !sqldb.IsUnique(err) {
				return fmt.Errorf("the next statement: %w", err)
			}
			if rows, err := tx.Query("SELECT 1"); !sqldb.IsUnique(err) {
				_ = rows.Close()
				return fmt.Errorf("the next query: %w", err)
			}
			if err := tx.QueryRow("SELECT 1").Scan(new(int)); err == nil {
				return errors.New("the next query of a row succeeds")
			}
			return nil
		}, sqldb.IsUnique},
		"a foreign key": {func(tx *sqldb.Tx) error {
			_ = insert("x", 1)(tx)
			_, err := tx.Exec("INSERT INTO part (thing_id, n) VALUES ($1, 1)", "nobody")
			return err
		}, func(err error) bool { return err != nil && !sqldb.IsUnique(err) }},
		"a mistake": {func(tx *sqldb.Tx) error {
			_ = insert("x", 1)(tx)
			_, err := tx.Exec("INSERT INTO nowhere VALUES (1)")
			return err
		}, func(err error) bool { return err != nil && !sqldb.IsUnique(err) }},
		"rows left open": {func(tx *sqldb.Tx) error {
			_ = insert("x", 1)(tx)
			if _, err := tx.Query("SELECT id FROM thing"); err != nil {
				return err
			}
			return mine
		}, func(err error) bool { return errors.Is(err, mine) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sqldbtest.Each(t, thing(), func(t *testing.T, db *sqldb.DB) {
				ctx := t.Context()
				if err := db.Write(ctx, insert("first", 1)); err != nil {
					t.Fatal(err)
				}
				told := false
				err := db.Write(ctx, func(tx *sqldb.Tx) error {
					tx.AfterCommit(func() { told = true })
					return test.fn(tx)
				})
				if !test.check(err) || told {
					t.Errorf("error %v, told %v", err, told)
				}
				if got := things(t, db); len(got) != 1 || got["first"] != 1 {
					t.Errorf("left: %v", got)
				}
				if err := db.Write(ctx, insert("next", 1)); err != nil {
					t.Errorf("the next write: %v", err)
				}
			})
		})
	}
}

func TestAPanicGoesToItsCaller(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, thing(), func(t *testing.T, db *sqldb.DB) {
		mine := errors.New("mine")
		func() {
			defer func() {
				if p := recover(); p != mine { //nolint:errorlint // the very value
					t.Errorf("recovered %v", p)
				}
			}()
			_ = db.Write(t.Context(), func(tx *sqldb.Tx) error {
				_ = insert("x", 1)(tx)
				panic(mine)
			})
		}()
		if err := db.Write(t.Context(), insert("y", 1)); err != nil {
			t.Fatal(err)
		}
		if got := things(t, db); len(got) != 1 || got["y"] != 1 {
			t.Errorf("left: %v", got)
		}
	})
}

// A function may end the goroutine that it runs in, as testing.T.FailNow does.
func TestAnEndedGoroutineEndsOnlyItself(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, thing(), func(t *testing.T, db *sqldb.DB) {
		var wg sync.WaitGroup
		var stored atomic.Int64
		for i := range 40 {
			wg.Go(func() {
				err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
					if err := insert(fmt.Sprint(i), i)(tx); err != nil {
						return err
					}
					if i%10 == 3 {
						runtime.Goexit()
					}
					return nil
				})
				if err == nil {
					stored.Add(1)
				}
			})
		}
		wg.Wait()
		if got := things(t, db); stored.Load() != 36 || len(got) != 36 {
			t.Errorf("%d answered, %d stored", stored.Load(), len(got))
		}
	})
}

func TestManyWriters(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, thing(), func(t *testing.T, db *sqldb.DB) {
		if err := db.Write(t.Context(), insert("sum", 0)); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				for range 10 {
					err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
						_, err := tx.Exec("UPDATE thing SET n = n + 1 WHERE id = 'sum'")
						return err
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if got := things(t, db)["sum"]; got != 320 {
			t.Errorf("the sum is %d", got)
		}
	})
}

func TestAnEndedContext(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, thing(), func(t *testing.T, db *sqldb.DB) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := db.Write(ended, func(*sqldb.Tx) error { t.Error("it ran"); return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("ended before: %v", err)
		}
		if err := db.Append(ended, sqldb.NewAppend("thing", "id", "n"), []any{"a", 1}); !errors.Is(err, context.Canceled) {
			t.Errorf("append: %v", err)
		}
		during, cancel := context.WithCancel(t.Context())
		err := db.Write(during, func(tx *sqldb.Tx) error {
			if err := insert("a", 1)(tx); err != nil {
				return err
			}
			cancel()
			return insert("b", 1)(tx)
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("ended between statements: %v", err)
		}
		if got := things(t, db); len(got) != 0 {
			t.Errorf("left: %v", got)
		}
		if _, err := db.Query(ended, "SELECT 1"); !errors.Is(err, context.Canceled) {
			t.Errorf("query: %v", err)
		}
		if err := db.QueryRow(ended, "SELECT 1").Scan(new(int)); !errors.Is(err, context.Canceled) {
			t.Errorf("query of a row: %v", err)
		}
	})
}

// While the writer is busy, a caller whose context ends gets away at once and its function never runs.
func TestAContextThatEndsInTheQueue(t *testing.T) {
	t.Parallel()
	db := sqldbtest.Open(t, sqldbtest.DSN(t, "sqlite"), thing())
	busy, free := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		err := db.Write(t.Context(), func(*sqldb.Tx) error {
			close(busy)
			<-free
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-busy
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := db.Write(ctx, func(*sqldb.Tx) error { t.Error("it ran"); return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("write: %v", err)
	}
	if err := db.Append(ctx, sqldb.NewAppend("thing", "id", "n"), []any{"a", 1}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("append: %v", err)
	}
	close(free)
	wg.Wait()
	if err := db.Write(t.Context(), insert("b", 1)); err != nil {
		t.Error(err)
	}
	if got := things(t, db); len(got) != 1 {
		t.Errorf("left: %v", got)
	}
}

func TestReadersCannotWrite(t *testing.T) {
	t.Parallel()
	db := sqldbtest.Open(t, sqldbtest.DSN(t, "sqlite"), thing())
	if err := db.QueryRow(t.Context(), "INSERT INTO thing (id, n) VALUES ('a', 1) RETURNING n").Scan(new(int)); err == nil {
		t.Error("a reader wrote")
	}
	if got := things(t, db); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

func TestManyTextsAtOnce(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, thing(), func(t *testing.T, db *sqldb.DB) {
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := range 400 { // more than are kept, so that they push each other out
					var n int
					text := fmt.Sprintf("SELECT CAST($1 AS BIGINT) + %d", (i*7+g)%300)
					if err := db.QueryRow(t.Context(), text, 1000).Scan(&n); err != nil || n != 1000+(i*7+g)%300 {
						t.Errorf("%s: %d %v", text, n, err)
					}
				}
			})
		}
		wg.Wait()
		if _, err := db.Query(t.Context(), "SELECT anything FROM nowhere"); err == nil || !strings.Contains(err.Error(), "nowhere") {
			t.Errorf("a mistake: %v", err)
		}
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dsn := sqldbtest.DSN(t, kind)
			db, err := sqldb.Open(t.Context(), sqldb.Options{DSN: dsn, Migrations: thing(), Relaxed: true})
			if err != nil {
				t.Fatal(err)
			}
			started, free := make(chan struct{}), make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() {
				err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
					close(started)
					<-free
					return insert("a", 1)(tx)
				})
				if err != nil {
					t.Errorf("the write under way: %v", err)
				}
			})
			<-started
			if kind == "sqlite" {
				wg.Go(func() { close(free) })
				if err := db.Close(); err != nil {
					t.Error(err)
				}
				wg.Wait()
			} else { // a pool waits for nobody
				close(free)
				wg.Wait()
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			}
			if err := db.Write(t.Context(), insert("b", 1)); err == nil {
				t.Error("a write after Close")
			}
			if err := db.Append(t.Context(), sqldb.NewAppend("thing", "id", "n"), []any{"c", 1}); !errors.Is(err, sqldb.ErrClosed) {
				t.Errorf("an append after Close: %v", err)
			}
			if err := db.Close(); err != nil {
				t.Errorf("Close again: %v", err)
			}
			again := sqldbtest.Open(t, dsn, thing())
			if got := things(t, again); len(got) != 1 || got["a"] != 1 {
				t.Errorf("opened again: %v", got)
			}
		})
	}
}
