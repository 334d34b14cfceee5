package sqldb_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

func TestAppendTexts(t *testing.T) {
	t.Parallel()
	a := sqldb.NewAppend("thing", "id", "n")
	for range 2 { // made, then kept
		sqlite, postgres := a.Texts(2)
		if want := "INSERT INTO thing (id, n) VALUES (?, ?), (?, ?)"; sqlite != want {
			t.Errorf("SQLite: %s", sqlite)
		}
		if want := "INSERT INTO thing (id, n) VALUES ($1, $2), ($3, $4)"; postgres != want {
			t.Errorf("PostgreSQL: %s", postgres)
		}
	}
}

func TestAppendRefusesOddNames(t *testing.T) {
	t.Parallel()
	for _, names := range [][]string{{"thing"}, {"thing; DROP TABLE thing", "id"}, {"thing", `id"`}, {"", "id"}, {"thing", ""}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q is accepted", names)
				}
			}()
			sqldb.NewAppend(names[0], names[1:]...)
		}()
	}
}

func TestAppend(t *testing.T) {
	t.Parallel()
	table := sqldb.NewAppend("thing", "id", "n", "body")
	sqldbtest.Each(t, thing(), func(t *testing.T, db *sqldb.DB) {
		ctx := t.Context()
		if err := db.Append(ctx, table); err != nil {
			t.Errorf("no rows: %v", err)
		}
		if err := db.Append(ctx, table, []any{"a", 1}); err == nil {
			t.Error("a short row is accepted")
		}
		if err := db.Append(ctx, table, []any{"a", 1, []byte("x")}, []any{"b", int64(2), nil}); err != nil {
			t.Error(err)
		}
		var many [][]any
		for i := range 200 { // several statements
			many = append(many, []any{fmt.Sprint("many", i), i, nil})
		}
		if err := db.Append(ctx, table, many...); err != nil {
			t.Error(err)
		}
		if got := len(things(t, db)); got != 202 {
			t.Errorf("%d rows", got)
		}
		many[0][0], many[199][0] = "new", "a" // the last is taken: none goes in
		for i := range many[:199] {
			many[i][0] = fmt.Sprint("again", i)
		}
		if err := db.Append(ctx, table, many...); !sqldb.IsUnique(err) {
			t.Errorf("a taken key: %v", err)
		}
		if got := len(things(t, db)); got != 202 {
			t.Errorf("%d rows after a refusal", got)
		}
		if err := db.Append(ctx, table, []any{"c", make(chan int), nil}); err == nil {
			t.Error("a channel is a value")
		}
	})
}

// Rows of many callers travel together; a caller whose row is refused fails alone.
func TestOnlyTheGuiltyAppendFails(t *testing.T) {
	t.Parallel()
	table := sqldb.NewAppend("thing", "id", "n")
	other := sqldb.NewAppend("part", "thing_id", "n")
	sqldbtest.Each(t, thing(), func(t *testing.T, db *sqldb.DB) {
		if err := db.Append(t.Context(), table, []any{"taken", 0}); err != nil {
			t.Fatal(err)
		}
		before := sqldb.Groups(db)
		var wg sync.WaitGroup
		var parts atomic.Int64
		const n = 300
		for i := range n {
			wg.Go(func() {
				id := fmt.Sprint(i)
				if i%50 == 7 {
					id = "taken"
				}
				err := db.Append(t.Context(), table, []any{id, i}, []any{"second" + fmt.Sprint(i), i})
				if guilty := i%50 == 7; guilty != sqldb.IsUnique(err) || !guilty && err != nil {
					t.Errorf("caller %d: %v", i, err)
				}
				if err == nil && i%3 == 0 {
					if err := db.Append(t.Context(), other, []any{id, i}); err != nil {
						t.Errorf("the part of %d: %v", i, err)
					}
					parts.Add(1)
				}
			})
		}
		wg.Wait()
		if got := len(things(t, db)); got != 1+2*(n-n/50) {
			t.Errorf("%d rows", got)
		}
		var stored int64
		if err := db.QueryRow(t.Context(), "SELECT COUNT(*) FROM part").Scan(&stored); err != nil || stored != parts.Load() {
			t.Errorf("%d parts of %d (%v)", stored, parts.Load(), err)
		}
		if groups := sqldb.Groups(db) - before; !db.Postgres() && groups > n/2 {
			t.Errorf("%d commits for %d appends", groups, n)
		}
	})
}

// Rows for several tables go in together or not at all, whoever travels with them.
func TestAppendAll(t *testing.T) {
	t.Parallel()
	table := sqldb.NewAppend("thing", "id", "n")
	part := sqldb.NewAppend("part", "thing_id", "n")
	sqldbtest.Each(t, thing(), func(t *testing.T, db *sqldb.DB) {
		if err := db.AppendAll(t.Context()); err != nil {
			t.Errorf("nothing: %v", err)
		}
		if err := db.AppendAll(t.Context(), table.Of(), part.Of()); err != nil {
			t.Errorf("no rows: %v", err)
		}
		var wg sync.WaitGroup
		const n = 120
		for i := range n {
			wg.Go(func() {
				id := fmt.Sprint(i)
				parts := [][]any{{id, 1}, {id, 2}}
				guilty := i%40 == 7
				if guilty {
					parts[1][0] = "nobody" // no such thing
				}
				err := db.AppendAll(t.Context(), table.Of([]any{id, i}), part.Of(parts...))
				if guilty != (err != nil) || errors.Is(err, sqldb.ErrUnknownOutcome) {
					t.Errorf("caller %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		if err := db.AppendAll(t.Context(), table.Of([]any{"text", 1}), part.Of([]any{"text", "three"})); db.Postgres() != (err != nil) {
			t.Errorf("a text for a number: %v", err) // SQLite keeps it as it is; on PostgreSQL it does not even leave
		}
		var orphans, parts int
		err := db.QueryRow(t.Context(), `SELECT (SELECT COUNT(*) FROM thing WHERE id <> 'text' AND id NOT IN (SELECT thing_id FROM part)),
			(SELECT COUNT(*) FROM part WHERE thing_id <> 'text')`).Scan(&orphans, &parts)
		if err != nil || orphans != 0 || parts != 2*(n-n/40) {
			t.Errorf("%d things without parts, %d parts: %v", orphans, parts, err)
		}
		if got := things(t, db); db.Postgres() && got["text"] != 0 {
			t.Error("half of a refused append is there")
		}
		if err := db.Write(t.Context(), insert("next", 1)); err != nil {
			t.Errorf("the next write: %v", err)
		}
	})
}

// Many rows of several tables come in a transaction with what else it does, or not at all.
func TestInsertInTransaction(t *testing.T) {
	t.Parallel()
	table := sqldb.NewAppend("thing", "id", "n", "body")
	sqldbtest.Each(t, thing(), func(t *testing.T, db *sqldb.DB) {
		rows := func(from, n int) (all [][]any) {
			for i := range n {
				all = append(all, []any{fmt.Sprint("row", from+i), i, []byte{1}})
			}
			return all
		}
		insert := func(parts ...sqldb.Part) error {
			return db.Write(t.Context(), func(tx *sqldb.Tx) error {
				if _, err := tx.Exec(`INSERT INTO thing (id, n) VALUES ($1, $2) ON CONFLICT DO NOTHING`, "before", 1); err != nil {
					return err
				}
				return tx.Insert(parts...)
			})
		}
		if err := insert(table.Of(rows(0, 130)...), table.Of(rows(130, 1)...)); err != nil {
			t.Fatal(err)
		}
		if err := insert(table.Of([]any{"short"})); err == nil {
			t.Error("a short row is accepted")
		}
		if err := insert(table.Of(rows(200, 70)...), table.Of(rows(0, 1)...)); !sqldb.IsUnique(err) {
			t.Errorf("a row twice: %v", err)
		}
		var n int
		if err := db.QueryRow(t.Context(), `SELECT COUNT(*) FROM thing`).Scan(&n); err != nil || n != 132 {
			t.Errorf("%d rows, %v", n, err)
		}
	})
}
