package upgrade_test

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/upgrade"
)

// TestDrawing: docs/upgrade.md draws the edges that the code has, and its tables have the states and the steps in their orders.
func TestDrawing(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/upgrade.md")
	noError(t, err)
	var drawn, coded []string
	for _, m := range regexp.MustCompile(`(?m)^ +(\w+) --> (\w+): (.+)$`).FindAllStringSubmatch(string(text), -1) {
		drawn = append(drawn, m[1]+" "+m[3]+" "+m[2])
	}
	states := map[upgrade.State]bool{}
	for _, e := range upgrade.Edges() {
		coded = append(coded, string(e.From)+" "+string(e.Event)+" "+string(e.To))
		states[e.From], states[e.To] = true, true
	}
	slices.Sort(drawn)
	slices.Sort(coded)
	if !slices.Equal(drawn, coded) {
		t.Errorf("drawn: %v\ncoded: %v", drawn, coded)
	}
	for s := range states {
		if !strings.Contains(string(text), "\n| "+string(s)+" |") {
			t.Errorf("state %s is not explained", s)
		}
	}
	course := upgrade.NewConnectedApp(upgrade.Parts{})
	for column, order := range map[int]upgrade.Order{3: upgrade.Safe, 4: upgrade.Documented} {
		for i, step := range course.Steps[order] {
			row := regexp.MustCompile(`(?m)^\| ` + string(step.Name) + ` \|.*$`).FindString(string(text))
			cells := strings.Split(row, "|")
			if len(cells) < 6 || strings.TrimSpace(cells[column]) != strconv.Itoa(i+1) || !strings.Contains(strings.ToLower(cells[2]), strings.ReplaceAll(string(step.Owner), "_", " ")) {
				t.Errorf("%s: step %d is drawn as %q", order, i+1, row)
			}
		}
	}
}
