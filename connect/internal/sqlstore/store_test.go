package sqlstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/connect/internal/tracking"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			linktest.RunStore(t, func(t *testing.T) linktest.Store {
				return sqlstore.New(sqldbtest.Open(t, sqldbtest.DSN(t, kind), []sqldb.Migrations{sqlstore.Migrations()}))
			})
		})
	}
}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			linktest.RunImports(t, func(t *testing.T) (linktest.Store, mapping.Imports, *jobs.Queue) {
				s := sqlstore.New(sqldbtest.Open(t, sqldbtest.DSN(t, kind), []sqldb.Migrations{sqlstore.Migrations(), jobs.Migrations}))
				q := s.Queue(jobs.Options{Poll: 20 * time.Millisecond})
				t.Cleanup(func() {
					if err := q.Stop(context.Background()); err != nil {
						t.Error(err)
					}
				})
				return s, sqlstore.NewImports(s, q), q
			})
		})
	}
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			linktest.RunMigrations(t, func(t *testing.T) (linktest.Store, linktest.Migrations, *jobs.Queue) {
				s := sqlstore.New(sqldbtest.Open(t, sqldbtest.DSN(t, kind), []sqldb.Migrations{sqlstore.Migrations(), jobs.Migrations}))
				q := s.Queue(jobs.Options{Poll: 20 * time.Millisecond})
				t.Cleanup(func() {
					if err := q.Stop(context.Background()); err != nil {
						t.Error(err)
					}
				})
				return s, sqlstore.NewMigrationRuns(s, q), q
			})
		})
	}
}

func TestMailings(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			linktest.RunMailings(t, func(t *testing.T) (linktest.Store, linktest.Mailings, *jobs.Queue) {
				s := sqlstore.New(sqldbtest.Open(t, sqldbtest.DSN(t, kind), []sqldb.Migrations{sqlstore.Migrations(), jobs.Migrations}))
				q := s.Queue(jobs.Options{Poll: 20 * time.Millisecond})
				return s, sqlstore.NewMailings(s, q), q
			})
		})
	}
}

func TestTracking(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			linktest.RunTracking(t, func(t *testing.T) (linktest.Store, tracking.Store) {
				s := sqlstore.New(sqldbtest.Open(t, sqldbtest.DSN(t, kind), []sqldb.Migrations{sqlstore.Migrations()}))
				return s, sqlstore.NewTracking(s)
			})
		})
	}
}

func TestTriggers(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			linktest.RunTriggers(t, func(t *testing.T) (linktest.Store, linktest.Triggers) {
				s := sqlstore.New(sqldbtest.Open(t, sqldbtest.DSN(t, kind), []sqldb.Migrations{sqlstore.Migrations()}))
				return s, sqlstore.NewTriggers(s)
			})
		})
	}
}

func TestOpenKeepsTheSchemaOfTheURL(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dsn := sqldbtest.DSN(t, kind)
			for range 2 { // the second time the tables are there
				s, err := sqlstore.Open(t.Context(), sqlstore.Options{DSN: dsn, Relaxed: true})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.FirstLink(t.Context()); err == nil {
					t.Fatal("a new database has a link")
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// A name that is nobody's is looked up by indexes, and no mapping is read.
func TestNobodyIsFoundByIndex(t *testing.T) {
	t.Parallel()
	db := sqldbtest.Open(t, sqldbtest.DSN(t, "sqlite"), []sqldb.Migrations{sqlstore.Migrations()})
	rows, err := db.Query(t.Context(), "EXPLAIN QUERY PLAN "+sqlstore.FoldedQuery, "pair", "nobody")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(detail + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, index := range []string{"user_mapping_folded (pair_id=? AND <expr>=?)", "mapping_clear_folded (pair_id=? AND <expr>=?)"} {
		if !strings.Contains(plan.String(), index) {
			t.Errorf("not by %s:\n%s", index, plan.String())
		}
	}
}
