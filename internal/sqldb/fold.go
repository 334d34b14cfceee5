package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode"

	"modernc.org/sqlite"
)

// FoldCase makes texts equal that differ in the case of letters alone, letters of every alphabet: each one becomes its
// simple lower case (Unicode Character Database), and the Greek final sigma the ordinary one. Both engines have the same
// as the SQL function fold_case(text), which queries and indexes may use; theirs of the name LOWER know less of letters
// (SQLite's ASCII alone, PostgreSQL's what its locale says).
func FoldCase(s string) string { return strings.Map(foldRune, s) }

func foldRune(r rune) rune {
	switch {
	case 'A' <= r && r <= 'Z':
		return r + 'a' - 'A'
	case r < 0x80:
		return r
	case r == 'ς':
		return 'σ'
	}
	return unicode.ToLower(r)
}

// registerFold gives SQLite the function. Registering is the driver's, for the whole process, and is done once.
var registerFold = sync.OnceValue(func() error {
	return sqlite.RegisterDeterministicScalarFunction("fold_case", 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		if s, ok := args[0].(string); ok {
			return FoldCase(s), nil
		}
		return args[0], nil
	})
})

// foldCollations are those whose LOWER maps letters one by one wherever the server runs: ICU's root locale, and
// PostgreSQL's own from version 17 on.
var foldCollations = []string{"und-x-icu", "pg_c_utf8"}

// makeFold gives a PostgreSQL schema the function where it has none yet. İ is taken before LOWER, which would make two
// characters of it.
func makeFold(ctx context.Context, db *sql.DB) error {
	const exists = `SELECT COUNT(*) FROM pg_proc WHERE proname = 'fold_case' AND pronamespace = current_schema()::regnamespace`
	var n int
	if err := db.QueryRowContext(ctx, exists).Scan(&n); err != nil || n > 0 {
		return err
	}
	for _, collation := range foldCollations {
		if err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM pg_collation WHERE collname = $1 AND collnamespace = 'pg_catalog'::regnamespace`, collation).Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		_, err := db.ExecContext(ctx, `CREATE FUNCTION fold_case(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
 AS $fold$ SELECT translate(lower(translate($1, 'İ', 'i') COLLATE pg_catalog."`+collation+`"), 'ς', 'σ') $fold$`)
		if err == nil {
			return nil
		}
		if again := db.QueryRowContext(ctx, exists).Scan(&n); again == nil && n > 0 {
			return nil // another replica made it at this moment
		}
		return fmt.Errorf("making the function fold_case: %w", err)
	}
	return errors.New("this PostgreSQL server has neither ICU collations nor pg_c_utf8 (version 17), one of which is needed to compare letters without regard to case")
}
