package sqldb

import (
	"fmt"
	"strings"
)

// maxAppendRows is the most rows that one INSERT carries. More gain nothing (performance reference: 2.3 us a row at 64).
const maxAppendRows = 64

// Append describes an append-only table for [DB.Append]: make one for each table, once, and share it.
type Append struct {
	table   string
	columns []string
	texts   [maxAppendRows + 1]string // by number of rows
}

// NewAppend describes the columns of the table that each appended row fills. It panics on a name that is no plain SQL
// identifier: the names come from the program, never from input.
func NewAppend(table string, columns ...string) *Append {
	for _, name := range append([]string{table}, columns...) {
		if !identifier.MatchString(name) {
			panic(fmt.Sprintf("sqldb: %q is no table or column name", name))
		}
	}
	if len(columns) == 0 {
		panic("sqldb: an append needs columns")
	}
	a := &Append{table: table, columns: columns}
	for n := 1; n <= maxAppendRows; n++ {
		a.texts[n] = a.text(n)
	}
	return a
}

// text is the INSERT of n rows.
func (a *Append) text(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s (%s) VALUES ", a.table, strings.Join(a.columns, ", "))
	arg := 0
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('(')
		for j := range a.columns {
			arg++
			if j > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "$%d", arg)
		}
		b.WriteByte(')')
	}
	return b.String()
}
