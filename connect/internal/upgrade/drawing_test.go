package upgrade_test

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/apiuser"
	"github.com/twinspan/twinspan/connect/internal/tenantoauth"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/fault"
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
	of := func(kind upgrade.Kind) string {
		return section(t, string(text), map[upgrade.Kind]string{upgrade.ConnectedApp: "Connected App", upgrade.TenantOAuth: "tenant-specific OAuth"}[kind])
	}
	app, oauth := upgrade.NewConnectedApp(upgrade.Parts{}), upgrade.NewTenantOAuth(nil, nil)
	for _, c := range []struct {
		kind   upgrade.Kind
		steps  []upgrade.Step
		column int
	}{
		{upgrade.ConnectedApp, app.Steps[upgrade.Safe], 3},
		{upgrade.ConnectedApp, app.Steps[upgrade.Documented], 4},
		{upgrade.TenantOAuth, oauth.Steps[upgrade.Safe], 3},
		{upgrade.TenantOAuth, oauth.Steps[upgrade.Documented], 3},
	} {
		drawn := regexp.MustCompile(`(?m)^\| (\w+) \|.*\| \d+ \|.*$`).FindAllStringSubmatch(of(c.kind), -1)
		if len(drawn) != len(c.steps) {
			t.Errorf("%s: %d steps are drawn, %d coded", c.kind, len(drawn), len(c.steps))
		}
		for i, step := range c.steps {
			row := regexp.MustCompile(`(?m)^\| ` + string(step.Name) + ` \|.*$`).FindString(of(c.kind))
			cells := strings.Split(row, "|")
			if len(cells) < 6 || strings.TrimSpace(cells[c.column]) != strconv.Itoa(i+1) || !strings.Contains(strings.ToLower(cells[2]), strings.ReplaceAll(string(step.Owner), "_", " ")) {
				t.Errorf("%s: step %d, %s of %s, is drawn as %q", c.kind, i+1, step.Name, step.Owner, row)
			}
		}
	}
	for _, code := range []fault.Code{apiuser.CodeRefused, apiuser.CodeNoAPIUser, apiuser.CodeNotFit, apiuser.CodeRole, apiuser.CodeUnits, tenantoauth.CodeNotConverted} {
		if !strings.Contains(of(upgrade.TenantOAuth), "\n| "+string(code)+" |") {
			t.Errorf("%s is not explained", code)
		}
	}
}

// section is the text of the steps of an upgrade to what is named.
func section(t *testing.T, text, to string) string {
	t.Helper()
	_, rest, there := strings.Cut(text, "\n## Steps of the upgrade to "+to+"\n")
	if !there {
		t.Fatalf("no section about %s", to)
	}
	steps, _, _ := strings.Cut(rest, "\n## ")
	return steps
}
