package sqlstore_test

import (
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// TestEverySealedColumnIsRotated: what the schema calls sealed is what a rotation of keys seals anew, and whatever else holds
// bytes is hashed, what documents hold, or half of what makes a token (its client has the other).
func TestEverySealedColumnIsRotated(t *testing.T) {
	t.Parallel()
	var sealed []string
	for _, p := range sqlstore.Sealed() {
		sealed = append(sealed, p.Table+"."+p.Column)
	}
	sqldbtest.Each(t, []sqldb.Migrations{sqlstore.Migrations()}, func(t *testing.T, db *sqldb.DB) {
		sqldbtest.CheckByteColumns(t, db, sealed, "document.content", "refresh_token.next_seed")
	})
}
