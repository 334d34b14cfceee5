package sqlstore_test

import (
	"slices"
	"strings"
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
		query := `SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND upper(c.type) = 'BYTEA'`
		if db.Postgres() {
			query = `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() AND data_type = 'bytea'`
		}
		rows, err := db.Query(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }() // Err below tells what went wrong
		var inSchema []string
		for rows.Next() {
			var table, column string
			if err := rows.Scan(&table, &column); err != nil {
				t.Fatal(err)
			}
			name := table + "." + column
			switch {
			case strings.HasSuffix(column, "sealed"):
				inSchema = append(inSchema, name)
			case strings.HasSuffix(column, "_hash"), slices.Contains(open, name):
			default:
				t.Errorf("%s holds bytes that are neither sealed nor hashed", name)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rotated := sqlstore.Sealed()
		slices.Sort(rotated)
		slices.Sort(inSchema)
		if !slices.Equal(rotated, inSchema) {
			t.Errorf("sealed in the schema: %v\nsealed anew by a rotation: %v", inSchema, rotated)
		}
	})
}
