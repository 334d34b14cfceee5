package sqldb_test

import (
	"embed"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

var _ embed.FS
var _ fs.FS

func thing() []sqldb.Migrations {
	return []sqldb.Migrations{{Name: "thing", FS: fstest.MapFS{"00001_thing.sql": {Data: []byte(`
-- +goose Up
CREATE TABLE thing (id TEXT PRIMARY KEY, n BIGINT NOT NULL, body BYTEA);
-- +goose Down
DROP TABLE thing;
`)}}}}
}

func TestWriteRead(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, thing(), func(t *testing.T, db *sqldb.DB) {
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec("INSERT INTO thing (id, n, body) VALUES ($1, $2, $3)", "a", 1, []byte("x"))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Append(t.Context(), sqldb.NewAppend("thing", "id", "n", "body"), []any{"b", int64(2), nil}, []any{"c", 3, []byte{}}); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := db.QueryRow(t.Context(), "SELECT CAST(SUM(n) AS BIGINT) FROM thing WHERE n < $1", 100).Scan(&n); err != nil || n != 6 {
			t.Fatal(n, err)
		}
	})
}
