package ui_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/ui"
)

// TestMomentsAreWhole: a time in a narrow column is broken between its date and its time of day, and nowhere else.
func TestMomentsAreWhole(t *testing.T) {
	t.Parallel()
	w, _ := render(t, ui.Page{Title: "History", Blocks: []ui.Block{ui.Table{Columns: []string{"Who", "When", "Where"}, Rows: [][]ui.Cell{
		ui.Row("ann", "2026-11-23 03:09:06 UTC", "2026-11-23 and 03:09"),
	}}}})
	for _, want := range []string{`<td><span class="whole">2026-11-23</span> <span class="whole">03:09:06 UTC</span></td>`, `<td>2026-11-23 and 03:09</td>`} {
		if body := w.Body.String(); !strings.Contains(body, want) {
			t.Errorf("the page lacks %s: %s", want, body)
		}
	}
}
