package sqldbtest

import (
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/sqldb"
)

// CheckByteColumns holds a schema to its sealed columns: whatever holds bytes is hashed (its name ends in hash), open, named
// as no secret with its table, or sealed; and what is sealed is what a rotation of keys seals anew, or it would open with no
// key a day later. Names are "table.column".
func CheckByteColumns(t *testing.T, db *sqldb.DB, sealed []string, open ...string) {
	t.Helper()
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
		case strings.HasSuffix(column, "sealed"), slices.Contains(sealed, name):
			inSchema = append(inSchema, name)
		case column == "hash", strings.HasSuffix(column, "_hash"), slices.Contains(open, name):
		default:
			t.Errorf("%s holds bytes that are neither sealed nor hashed", name)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	rotated := slices.Sorted(slices.Values(sealed))
	slices.Sort(inSchema)
	if !slices.Equal(rotated, inSchema) {
		t.Errorf("sealed in the schema: %v\nsealed anew by a rotation: %v", inSchema, rotated)
	}
}
