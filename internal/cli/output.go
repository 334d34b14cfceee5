package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// print writes a result to standard output.
func (a *app) print(s string) error {
	_, err := io.WriteString(a.Stdout, s)
	return err
}

// printJSON writes a result as indented JSON.
func (a *app) printJSON(v any) error {
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return fmt.Errorf("printing JSON: %w", err)
	}
	return a.print(string(data) + "\n")
}

// maxCell is how wide a cell is on a terminal.
const maxCell = 72

// printTable writes rows under a head, in columns of plain text that awk and a person read alike.
func (a *app) printTable(head []string, rows [][]string) error {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	if a.Terminal { // a long cell breaks inside its column; a pipe gets it whole
		configs := make([]table.ColumnConfig, len(head))
		for i := range head {
			configs[i] = table.ColumnConfig{Number: i + 1, WidthMax: maxCell, WidthMaxEnforcer: text.WrapSoft}
		}
		t.SetColumnConfigs(configs)
	}
	t.AppendHeader(cells(head))
	for _, r := range rows {
		t.AppendRow(cells(r))
	}
	var b strings.Builder
	for line := range strings.Lines(t.Render()) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return a.print(b.String())
}

func cells(values []string) table.Row {
	row := make(table.Row, len(values))
	for i, v := range values {
		row[i] = oneLine(v)
	}
	return row
}

// oneLine keeps a value that a server sent from writing control characters to a terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}

// color is whether escape sequences may be used (https://no-color.org).
func (a *app) color() bool {
	v, set := a.Lookup("NO_COLOR")
	return a.Terminal && (!set || v == "")
}
