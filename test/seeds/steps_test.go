package seeds_test

import (
	"os"
	"strings"
	"testing"
)

// TestRealCloudsHasEveryStep: docs/real-clouds.md says of each step of the founding documents how it is done in each standing.
func TestRealCloudsHasEveryStep(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/real-clouds.md")
	if err != nil {
		t.Fatal(err)
	}
	cells := map[string]int{} // columns of the row that names an id
	for line := range strings.SplitSeq(string(page), "\n") {
		columns := strings.Split(strings.Trim(line, "| "), " | ")
		ids, _, _ := strings.Cut(columns[0], ":")
		for id := range strings.SplitSeq(ids, ", ") {
			cells[id] = len(columns)
		}
	}
	steps := 0
	for _, r := range readTable(t) {
		step := false
		for kind := range strings.SplitSeq(r.kind, ",") {
			step = step || strings.TrimSpace(kind) == "step"
		}
		if !step {
			continue
		}
		if steps++; cells[r.id] != 4 {
			t.Errorf("%s (%s): docs/real-clouds.md has %d columns for it, want the step and three standings", r.id, r.text, cells[r.id])
		}
	}
	if steps < 90 {
		t.Errorf("only %d steps were found", steps)
	}
}
