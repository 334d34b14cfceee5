package linktest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"testing"

	"github.com/twinspan/twinspan/internal/sqldb"
)

// Dump is every value of every row of every table of a house's database, one a line.
func Dump(t testing.TB, db *sqldb.DB) []byte {
	t.Helper()
	list := `SELECT name FROM sqlite_master WHERE type = 'table'`
	if db.Postgres() {
		list = `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()`
	}
	var out bytes.Buffer
	for _, table := range column(t, db, list) {
		rows, err := db.Query(t.Context(), `SELECT * FROM `+table)
		if err != nil {
			t.Fatal(err)
		}
		names, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values := make([]any, len(names))
			into := make([]any, len(names))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			for i, v := range values {
				if b, ok := v.([]byte); ok {
					v = string(b)
				}
				fmt.Fprintf(&out, "%s.%s=%v\n", table, names[i], v)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		_ = rows.Close() // Err told
	}
	return out.Bytes()
}

func column(t testing.TB, db *sqldb.DB, query string) []string {
	t.Helper()
	rows, err := db.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // Err tells
	var all []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// Contains looks for a secret in text: as it is, in base64, hexadecimal, percent-encoding and backwards (security B-6).
func Contains(text []byte, secret string) bool {
	raw := []byte(secret)
	back := slices.Clone(raw)
	slices.Reverse(back)
	for _, form := range []string{secret, base64.StdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw), hex.EncodeToString(raw), url.QueryEscape(secret), string(back)} {
		if bytes.Contains(text, []byte(form)) {
			return true
		}
	}
	return false
}
