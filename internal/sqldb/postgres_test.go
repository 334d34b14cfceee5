package sqldb_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"testing"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// fail has the server refuse a statement with the code.
func fail(code string) string {
	return "DO $$ BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = '" + code + "'; END $$"
}

func TestWritesRunAgainWhenTheServerAsks(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"40001", "40P01"} {
		for _, dressed := range []bool{false, true} {
			t.Run(fmt.Sprint(code, dressed), func(t *testing.T) {
				t.Parallel()
				db := sqldbtest.Open(t, sqldbtest.DSN(t, "postgres"), thing())
				runs := 0
				err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
					runs++
					if err := insert("a", runs)(tx); err != nil {
						return err
					}
					if runs < 4 {
						_, err := tx.Exec(fail(code))
						if dressed { // hidden from errors.As, but it is known all the same
							return fault.New(fault.Internal, "dressed", "%v", err)
						}
						return err
					}
					return nil
				})
				if err != nil || runs != 4 {
					t.Errorf("%d runs: %v", runs, err)
				}
				if got := things(t, db); len(got) != 1 || got["a"] != 4 {
					t.Errorf("stored: %v", got)
				}
			})
		}
	}
}

func TestWritesDoNotRunAgainForEver(t *testing.T) {
	t.Parallel()
	db := sqldbtest.Open(t, sqldbtest.DSN(t, "postgres"), thing())
	runs := 0
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		runs++
		_, err := tx.Exec(fail("40001"))
		return err
	})
	if err == nil || runs < 5 || runs > 20 {
		t.Errorf("%d runs: %v", runs, err)
	}
	runs = 0
	err = db.Write(t.Context(), func(tx *sqldb.Tx) error {
		runs++
		_, err := tx.Exec(fail("P0001"))
		return err
	})
	if err == nil || runs != 1 {
		t.Errorf("another error: %d runs: %v", runs, err)
	}
}

// Two writers take two rows in opposite order; PostgreSQL undoes one of them, which then runs again.
func TestADeadlockHurtsNobody(t *testing.T) {
	t.Parallel()
	db := sqldbtest.Open(t, sqldbtest.DSN(t, "postgres"), thing())
	if err := db.Append(t.Context(), sqldb.NewAppend("thing", "id", "n"), []any{"a", 0}, []any{"b", 0}); err != nil {
		t.Fatal(err)
	}
	var both, wg sync.WaitGroup
	both.Add(2)
	for _, order := range [][2]string{{"a", "b"}, {"b", "a"}} {
		first := true
		wg.Go(func() {
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				for _, id := range order {
					if _, err := tx.Exec("UPDATE thing SET n = n + 1 WHERE id = $1", id); err != nil {
						return err
					}
					if first {
						first = false
						both.Done()
						both.Wait()
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := things(t, db); got["a"] != 2 || got["b"] != 2 {
		t.Errorf("stored: %v", got)
	}
}

// The connection breaks when all is done but COMMIT: nobody can say what happened, and Write says so.
func TestACommitWithoutAnswer(t *testing.T) {
	t.Parallel()
	db := sqldbtest.Open(t, sqldbtest.DSN(t, "postgres"), thing())
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		var pid int
		if err := tx.QueryRow("SELECT pg_backend_pid()").Scan(&pid); err != nil {
			return err
		}
		if err := insert("a", 1)(tx); err != nil {
			return err
		}
		var killed bool
		return db.QueryRow(t.Context(), "SELECT pg_terminate_backend($1, 5000)", pid).Scan(&killed)
	})
	if !errors.Is(err, sqldb.ErrUnknownOutcome) {
		t.Errorf("error: %v", err)
	}
	if err := db.Write(t.Context(), insert("b", 1)); err != nil {
		t.Errorf("the next write: %v", err)
	}
}

// A constraint that is checked at COMMIT is a refusal: nothing is stored, and that is known.
func TestARefusedCommit(t *testing.T) {
	t.Parallel()
	db := sqldbtest.Open(t, sqldbtest.DSN(t, "postgres"), thing())
	told := false
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		tx.AfterCommit(func() { told = true })
		if _, err := tx.Exec("ALTER TABLE part ALTER CONSTRAINT part_thing_id_fkey DEFERRABLE INITIALLY DEFERRED"); err != nil {
			return err
		}
		_, err := tx.Exec("INSERT INTO part (thing_id, n) VALUES ('nobody', 1)")
		return err
	})
	if err == nil || errors.Is(err, sqldb.ErrUnknownOutcome) || told {
		t.Errorf("error: %v, told %v", err, told)
	}
}

// Every connection of the pool dies, as when the server is started anew: who has not sent anything yet tries again.
func TestAppendsOutliveTheirConnections(t *testing.T) {
	t.Parallel()
	dsn := sqldbtest.DSN(t, "postgres")
	name := "victim " + rand.Text()
	db := sqldbtest.Open(t, dsn+"&application_name="+url.QueryEscape(name), thing())
	other := sqldbtest.Open(t, dsn, thing())
	table := sqldb.NewAppend("thing", "id", "n")
	for i := range 5 {
		err := db.Append(t.Context(), table, []any{fmt.Sprint(i), i})
		if err != nil && !errors.Is(err, sqldb.ErrUnknownOutcome) {
			t.Errorf("append %d: %v", i, err)
		}
		if err := other.QueryRow(t.Context(), `SELECT COUNT(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
			WHERE application_name = $1`, name).Scan(new(int)); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Append(t.Context(), table, []any{"last", 1}); err != nil && !errors.Is(err, sqldb.ErrUnknownOutcome) {
		t.Error(err)
	}
}

// A process that stops in the middle of a transaction keeps its rows locked for a moment alone: the server ends its session, and what
// it had not committed is not stored.
func TestAStoppedTransactionLocksForAMoment(t *testing.T) {
	t.Parallel()
	dsn := sqldbtest.DSN(t, "postgres")
	db := sqldbtest.Open(t, dsn, thing())
	const setting = "idle_in_transaction_session_timeout"
	var most string
	if err := db.QueryRow(t.Context(), "SHOW "+setting).Scan(&most); err != nil || most != "15s" {
		t.Errorf("%s is %s: %v", setting, most, err)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set(setting, "100")
	u.RawQuery = q.Encode()
	stops := sqldbtest.Open(t, u.String(), thing())
	if err := db.Write(t.Context(), insert("a", 1)); err != nil {
		t.Fatal(err)
	}
	update := func(n int) func(*sqldb.Tx) error {
		return func(tx *sqldb.Tx) error {
			_, err := tx.Exec("UPDATE thing SET n = $1 WHERE id = 'a'", n)
			return err
		}
	}
	err = stops.Write(t.Context(), func(tx *sqldb.Tx) error {
		if err := update(2)(tx); err != nil {
			return err
		}
		return db.Write(t.Context(), update(3)) // somebody else, who would wait for ever
	})
	if err == nil {
		t.Error("a transaction that was ended was committed")
	}
	if got := things(t, db); got["a"] != 3 {
		t.Errorf("stored: %v", got)
	}
	if err := stops.Write(t.Context(), insert("b", 1)); err != nil {
		t.Errorf("the next write: %v", err)
	}
}
