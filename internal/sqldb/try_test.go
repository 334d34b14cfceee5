package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// Whatever makes a part fail, only what the part did is undone; parts may stand inside parts.
func TestAPartFailsByItself(t *testing.T) {
	t.Parallel()
	mine := errors.New("mine")
	sqldbtest.Each(t, thing(), func(t *testing.T, db *sqldb.DB) {
		var told []string
		tell := func(tx *sqldb.Tx, what string) { tx.AfterCommit(func() { told = append(told, what) }) }
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			told = nil
			if err := insert("first", 1)(tx); err != nil {
				return err
			}
			tell(tx, "first")
			for name, part := range map[string]struct {
				fn   func() error
				want func(error) bool
			}{
				"its own error": {func() error {
					tell(tx, "undone")
					return errors.Join(insert("x", 1)(tx), mine)
				}, func(err error) bool { return errors.Is(err, mine) }},
				"a unique key":      {func() error { return errors.Join(insert("x", 1)(tx), insert("first", 2)(tx)) }, sqldb.IsUnique},
				"a swallowed error": {func() error { _ = insert("first", 2)(tx); return nil }, sqldb.IsUnique},
				"a foreign key": {func() error {
					_, err := tx.Exec("INSERT INTO part (thing_id, n) VALUES ($1, 1)", "nobody")
					return err
				}, func(err error) bool { return err != nil }},
				"rows left open": {func() error {
					if _, err := tx.Query("SELECT id FROM thing"); err != nil {
						return err
					}
					return mine
				}, func(err error) bool { return errors.Is(err, mine) }},
			} {
				if err := tx.Try(part.fn); !part.want(err) {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			if err := tx.Try(func() error {
				tell(tx, "outer")
				if err := tx.Try(func() error { return errors.Join(insert("x", 1)(tx), mine) }); !errors.Is(err, mine) {
					return fmt.Errorf("the inner part: %w", err)
				}
				return insert("outer", 1)(tx)
			}); err != nil {
				return err
			}
			return insert("last", 1)(tx)
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := things(t, db); len(got) != 3 || got["first"] != 1 || got["outer"] != 1 || got["last"] != 1 {
			t.Errorf("left: %v", got)
		}
		if fmt.Sprint(told) != "[first outer]" {
			t.Errorf("told: %v", told)
		}
	})
}

// A context that ends inside a part ends all of the transaction.
func TestAnEndedContextIsNoPart(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, thing(), func(t *testing.T, db *sqldb.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		err := db.Write(ctx, func(tx *sqldb.Tx) error {
			if err := insert("first", 1)(tx); err != nil {
				return err
			}
			_ = tx.Try(func() error {
				cancel()
				return insert("x", 1)(tx)
			})
			return insert("last", 1)(tx)
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the write: %v", err)
		}
		if got := things(t, db); len(got) != 0 {
			t.Errorf("left: %v", got)
		}
		if err := db.Write(t.Context(), insert("next", 1)); err != nil {
			t.Errorf("the next write: %v", err)
		}
	})
}

// A statement that takes longer than its part of the transaction may ends there, the transaction fails, and others write on.
func TestAPartWithLittleTime(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, thing(), func(t *testing.T, db *sqldb.DB) {
		ctx := t.Context()
		err := db.Write(ctx, func(tx *sqldb.Tx) error {
			if err := insert("undone", 1)(tx); err != nil {
				return err
			}
			short, cancel := context.WithTimeout(tx.Context(), 20*time.Millisecond)
			defer cancel()
			err := tx.Within(short, func() error {
				var n int
				return tx.QueryRow("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 1000000000) SELECT COUNT(*) FROM c").Scan(&n)
			})
			if err == nil || !errors.Is(short.Err(), context.DeadlineExceeded) {
				t.Errorf("a statement without end: %v", err)
			}
			if tx.Context() != ctx && tx.Context().Err() != nil {
				t.Error("the transaction's own time has ended")
			}
			return err
		})
		if err == nil {
			t.Error("it was stored")
		}
		if err := db.Write(ctx, insert("next", 1)); err != nil {
			t.Fatal(err)
		}
		if got := things(t, db); len(got) != 1 || got["next"] != 1 {
			t.Errorf("left: %v", got)
		}
	})
}
