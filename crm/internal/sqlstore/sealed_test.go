package sqlstore_test

import (
	"testing"

	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// TestEverySealedColumnIsRotated: what the schema calls sealed is what a rotation of keys seals anew, and whatever else holds
// bytes is hashed, the data of loads, or sealed for a day at most, for which former data keys open.
func TestEverySealedColumnIsRotated(t *testing.T) {
	t.Parallel()
	var sealed []string
	for _, p := range sqlstore.Sealed(func(string) []byte { return nil }) {
		sealed = append(sealed, p.Table+"."+p.Column)
	}
	sqldbtest.Each(t, []sqldb.Migrations{sqlstore.Migrations()}, func(t *testing.T, db *sqldb.DB) {
		sqldbtest.CheckByteColumns(t, db, sealed, "bulk_chunk.data", "bulk_page.data", "deployment.zip")
	})
}
