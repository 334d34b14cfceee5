package sqldb_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

func TestFoldCase(t *testing.T) {
	t.Parallel()
	texts := []string{"", "ASCII @[`{", "ÄÖÜß ÉÈ", "ΣΊΣΥΦΟΣ σίσυφος", "İstanbul ISPARTA ıi", "ЖЁ", "Ǆǅ", "ﬁ Ａ", "K Å", "𐐀", "日本", "a\u0307I\u0307", "ẞ", "ԱԲ", "Ꭰ"}
	sqldbtest.Each(t, nil, func(t *testing.T, db *sqldb.DB) {
		for _, s := range texts {
			var got string
			if err := db.QueryRow(t.Context(), "SELECT fold_case(CAST($1 AS TEXT))", s).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if want := sqldb.FoldCase(s); got != want {
				t.Errorf("fold_case(%q) = %q, want %q", s, got, want)
			}
		}
		var null *string
		if err := db.QueryRow(t.Context(), "SELECT fold_case(CAST(NULL AS TEXT))").Scan(&null); err != nil || null != nil {
			t.Errorf("of NULL: %v %v", null, err)
		}
	})
	for _, pair := range [][2]string{{"ÄRGER", "ärger"}, {"ΟΔΟΣ", "οδος"}, {"ΟΔΟΣ", "οδοσ"}, {"Ёж", "ёЖ"}, {"İ", "i"}} {
		if sqldb.FoldCase(pair[0]) != sqldb.FoldCase(pair[1]) {
			t.Errorf("%q and %q differ", pair[0], pair[1])
		}
	}
}

// Every letter of the basic plane is folded alike by Go, SQLite and PostgreSQL, and to one character.
func TestFoldCaseOfAllLetters(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for r := rune(1); r < 0x10000; r++ {
		// A Go and a PostgreSQL of different ages know different letters; those up to Unicode 5.1 are known to all.
		if unicode.IsLetter(r) && utf8.ValidRune(r) && (r < 0xA640 || r >= 0xF900) {
			b.WriteRune(r)
		}
	}
	all := b.String()
	if n := utf8.RuneCountInString(sqldb.FoldCase(all)); n != utf8.RuneCountInString(all) {
		t.Fatalf("%d letters became %d", utf8.RuneCountInString(all), n)
	}
	sqldbtest.Each(t, nil, func(t *testing.T, db *sqldb.DB) {
		var got string
		if err := db.QueryRow(t.Context(), "SELECT fold_case(CAST($1 AS TEXT))", all).Scan(&got); err != nil {
			t.Fatal(err)
		}
		from, want, have := []rune(all), []rune(sqldb.FoldCase(all)), []rune(got)
		if len(have) != len(want) {
			t.Fatalf("%d letters, want %d", len(have), len(want))
		}
		for i := range want {
			if have[i] != want[i] {
				t.Errorf("%q (%U) is folded to %q, want %q", from[i], from[i], have[i], want[i])
			}
		}
	})
}
