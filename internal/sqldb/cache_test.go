package sqldb_test

import (
	"runtime"
	"testing"

	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// What the connections to an SQLite file keep of it is bounded together, however many of them read.
func TestPageCache(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		together         int64
		writing, reading int // PRAGMA cache_size: KiB, less than 0
	}{
		{0, -16000, -8000},
		{12 << 20, -6 << 10, -6 << 10 / max(4, runtime.GOMAXPROCS(0))},
	} {
		db, err := sqldb.Open(t.Context(), sqldb.Options{DSN: sqldbtest.DSN(t, "sqlite"), Migrations: thing(), PageCache: c.together})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		var writing, reading int
		if err := db.QueryRow(t.Context(), "PRAGMA cache_size").Scan(&reading); err != nil {
			t.Fatal(err)
		}
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return tx.QueryRow("PRAGMA cache_size").Scan(&writing) }); err != nil {
			t.Fatal(err)
		}
		if writing != c.writing || reading != c.reading {
			t.Errorf("%d bytes together: %d and %d KiB, want %d and %d", c.together, writing, reading, c.writing, c.reading)
		}
	}
}
