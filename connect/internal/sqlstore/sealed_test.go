package sqlstore_test

import (
	"testing"

	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// TestEverySealedColumnIsRotated: what the schema calls sealed is what a rotation of keys seals anew: a column that is
// forgotten would open with no key a day later. And whatever holds bytes is sealed, hashed or named here as no secret.
func TestEverySealedColumnIsRotated(t *testing.T) {
	t.Parallel()
	open := []string{"audit_entry.signature", "audit_head.signature", "shared_token.token_key"} // the last is a digest of what the token is for
	sqldbtest.Each(t, []sqldb.Migrations{sqlstore.Migrations()}, func(t *testing.T, db *sqldb.DB) {
		sqldbtest.CheckByteColumns(t, db, sqlstore.Sealed(), open...)
	})
}
