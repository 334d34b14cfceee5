package soql_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// million is how many contacts the benchmark's org has.
const million = 1_000_000

// maxRatio is how much a query by an indexed field may cost, as a multiple of a prepared SELECT that reads the same.
const maxRatio = 3

// BenchmarkMillionContacts asks for one contact of a million by e-mail address: by a prepared SELECT, and by SOQL from its
// text to its rows. It fails where SOQL costs more than maxRatio times the other.
//
//	go test -run '^$' -bench MillionContacts ./crm/internal/soql
func BenchmarkMillionContacts(b *testing.B) {
	for _, kind := range sqldbtest.Kinds {
		b.Run(kind, func(b *testing.B) {
			db := sqldbtest.Open(b, sqldbtest.DSN(b, kind), []sqldb.Migrations{sqlstore.Migrations()})
			h := orgtest.NewHouse(b, db)
			o := h.MakeOrg(b, "bench")
			addMillion(b, db, o)
			bare := timed(b, "select", func(i int) (int, error) { return bareSelect(b, db, o.ID, i) })
			runner := &soql.Runner{Source: h.Store, Locators: h.Store, Schema: h.Records.Schema, Clock: h.Clock}
			cost := timed(b, "soql", func(i int) (int, error) {
				query := fmt.Sprintf("SELECT Id, Name, Email FROM Contact WHERE Email = 'PERSON%d@kunde.example'", i)
				res, err := runner.Run(b.Context(), o.Admin, query, false, 0)
				if err != nil {
					return 0, err
				}
				return len(res.Rows), nil
			})
			if bare == 0 || cost == 0 {
				return // not both were asked for
			}
			ratio := float64(cost) / float64(bare)
			fmt.Printf("%s: a query costs %v, %.2f times the %v of a prepared SELECT; %d times is allowed\n", kind, cost, ratio, bare, maxRatio)
			if ratio > maxRatio {
				b.Errorf("a query costs %v, %.2f times the %v of a prepared SELECT; %d is allowed", cost, ratio, bare, maxRatio)
			}
		})
	}
}

// timed runs a sub-benchmark and tells what one call costs; 0 where it was not asked for.
func timed(b *testing.B, name string, query func(i int) (int, error)) (cost time.Duration) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			i = (i*7919 + 1) % million
			if n, err := query(i); err != nil || n != 1 {
				b.Fatalf("number %d: %d rows, %v", i, n, err)
			}
		}
		cost = b.Elapsed() / time.Duration(b.N)
	})
	return cost
}

func bareSelect(b *testing.B, db *sqldb.DB, orgID org.ID, i int) (n int, err error) {
	rows, err := db.Query(b.Context(), `SELECT id, name, email FROM contact WHERE org_id = $1 AND is_deleted = 0 AND fold_case(email) = $2`,
		string(orgID), fmt.Sprintf("person%d@kunde.example", i))
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	for ; rows.Next(); n++ {
		var id, name, email string
		if err := rows.Scan(&id, &name, &email); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}

func addMillion(b *testing.B, db *sqldb.DB, o orgtest.Org) {
	b.Helper()
	err := db.Write(b.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO contact (org_id, id, last_name, name, email, owner_id, created_date, created_by_id, last_modified_date, last_modified_by_id,
 system_modstamp)
 WITH RECURSIVE number (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM number WHERE i < $4)
 SELECT $1, '003' || CAST(100000000000 + i AS TEXT) || 'AAA', 'Kunde ' || CAST(i AS TEXT), 'Kunde ' || CAST(i AS TEXT),
 'Person' || CAST(i AS TEXT) || '@Kunde.example', $2, $3, $2, $3, $2, $3 FROM number`,
			string(o.ID), string(o.Admin.User), orgtest.Start.UnixMilli(), int64(million-1))
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	if db.Postgres() { // as its own daemon would within a minute
		if err := db.Write(b.Context(), func(tx *sqldb.Tx) error { _, err := tx.Exec(`ANALYZE contact`); return err }); err != nil {
			b.Fatal(err)
		}
	}
}
