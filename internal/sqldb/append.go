package sqldb

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
)

// maxAppendRows is the most rows that one INSERT carries. More gain nothing (performance reference: 2.3 us a row at 64).
const maxAppendRows = 64

// Append describes an append-only table for [DB.Append]: make one for each table, once, and share it.
type Append struct {
	table   string
	columns []string
	// The INSERT by number of rows, made when first needed. SQLite's has plain ? marks: looking up the names of $1..$n
	// takes the driver longer than inserting the rows, and the square of n at that.
	marked, numbered [maxAppendRows + 1]atomic.Pointer[string]
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
	return &Append{table: table, columns: columns}
}

// sqlite is the INSERT of n rows for SQLite, 1 <= n <= maxAppendRows.
func (a *Append) sqlite(n int) string {
	return a.text(n, &a.marked[n], func(int) string { return "?" })
}

// postgres is the INSERT of n rows for PostgreSQL.
func (a *Append) postgres(n int) string {
	return a.text(n, &a.numbered[n], func(arg int) string { return "$" + strconv.Itoa(arg) })
}

func (a *Append) text(n int, kept *atomic.Pointer[string], mark func(arg int) string) string {
	if text := kept.Load(); text != nil {
		return *text
	}
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s (%s) VALUES ", a.table, strings.Join(a.columns, ", "))
	for arg := range n * len(a.columns) {
		switch {
		case arg == 0:
			b.WriteByte('(')
		case arg%len(a.columns) == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		b.WriteString(mark(arg + 1))
	}
	b.WriteByte(')')
	text := b.String()
	kept.Store(&text)
	return text
}
