package sqldb

import (
	"database/sql/driver"
	"fmt"
	"slices"
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

// Part is rows for one table, made by [Append.Of] for [DB.AppendAll].
type Part struct {
	table *Append
	rows  [][]any
}

// Of are rows for the table, each with a value for each column in order.
func (a *Append) Of(rows ...[]any) Part { return Part{a, rows} }

// convert turns the values into those that drivers know (int64, float64, bool, []byte, string, time.Time, nil), here in
// the caller's goroutine and before they meet those of others.
func (p Part) convert() error {
	for _, row := range p.rows {
		if len(row) != len(p.table.columns) {
			return fmt.Errorf("sqldb: a row for %s has %d values for %d columns", p.table.table, len(row), len(p.table.columns))
		}
		for i, v := range row {
			switch v.(type) {
			case int64, string, []byte, nil:
				continue
			}
			v, err := driver.DefaultParameterConverter.ConvertValue(v)
			if err != nil {
				return fmt.Errorf("sqldb: %s.%s: %w", p.table.table, p.table.columns[i], err)
			}
			row[i] = v
		}
	}
	return nil
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

// gathering puts together the rows of many callers, table by table, so that few statements hold them all. The tables
// come in the order in which they are first named, as one caller's parts do.
type gathering struct{ parts []Part }

func (g *gathering) add(parts []Part) {
	for _, p := range parts {
		i := slices.IndexFunc(g.parts, func(have Part) bool { return have.table == p.table })
		if i < 0 {
			i = len(g.parts)
			if i < cap(g.parts) {
				g.parts = g.parts[:i+1] // with the room for rows of an earlier use
				g.parts[i].table, g.parts[i].rows = p.table, g.parts[i].rows[:0]
			} else {
				g.parts = append(g.parts, Part{table: p.table})
			}
		}
		g.parts[i].rows = append(g.parts[i].rows, p.rows...)
	}
}

// clear forgets the rows and keeps the room for more.
func (g *gathering) clear() {
	for i := range g.parts {
		clear(g.parts[i].rows)
	}
	g.parts = g.parts[:0]
}

// statements calls fn with each INSERT that stores the parts and its arguments, until fn fails.
func statements(parts []Part, fn func(table *Append, rows [][]any) error) error {
	for _, p := range parts {
		for rows := p.rows; len(rows) > 0; {
			n := min(len(rows), maxAppendRows)
			if err := fn(p.table, rows[:n]); err != nil {
				return err
			}
			rows = rows[n:]
		}
	}
	return nil
}
