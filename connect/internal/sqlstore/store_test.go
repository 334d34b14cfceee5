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

// Users are read by indexes that have their names: of 10,000 mappings only those that are asked for.
func TestUsersAreReadByIndex(t *testing.T) {
	t.Parallel()
	db := sqldbtest.Open(t, sqldbtest.DSN(t, "sqlite"), []sqldb.Migrations{sqlstore.Migrations()})
	for name, c := range map[string]struct {
		query   string
		args    []any
		indexes []string
	}{
		"a name in any case": {sqlstore.FoldedQuery, []any{"pair", "nobody"}, []string{"user_mapping_folded (pair_id=? AND <expr>=?)", "mapping_clear_folded (pair_id=? AND <expr>=?)"}},
		"a page":             {sqlstore.PageQuery, []any{"pair", "m", 26}, []string{"user_mapping_username (pair_id=? AND crm_username>?)", "mapping_clear_latest (pair_id=? AND latest=? AND crm_username>?)"}},
		"namesakes":          {sqlstore.NamesakeQuery, []any{"pair", "m"}, []string{"user_mapping_username (pair_id=? AND crm_username=?)", "mapping_clear_latest (pair_id=? AND latest=? AND crm_username=?)"}},
	} {
		plan := sqldbtest.Plan(t, db, c.query, c.args...)
		for _, index := range c.indexes {
			if !strings.Contains(plan, index) {
				t.Errorf("%s: not by %s:\n%s", name, index, plan)
			}
		}
	}
}
