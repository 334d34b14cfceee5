package standing_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/standing"
)

func rows(t *testing.T) []standing.Row {
	t.Helper()
	all, err := standing.Rows()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Each operation is said once, and each refusal says why, and what to do instead.
func TestEveryOperationIsSaidOnce(t *testing.T) {
	t.Parallel()
	said := map[standing.Operation]int{}
	for _, r := range rows(t) {
		for _, op := range r.Operations {
			if r.Section != "steps" {
				said[op]++
			}
		}
		for s, way := range r.Ways {
			if way.How == standing.No && r.Section != "steps" && way.Instead == "" {
				t.Errorf("%s, %s: nothing is said to do instead", r.What, s)
			}
		}
	}
	for _, op := range standing.Operations() {
		if said[op] != 1 {
			t.Errorf("%s has %d rows, want 1", op, said[op])
		}
		for _, s := range standing.All() {
			err := s.May(op)
			if err == nil {
				continue
			}
			f := fault.Of(err)
			if s == standing.Embedded || f.Code != standing.CodeNotPossible || f.Kind != fault.Conflict || !strings.Contains(f.Message, "Instead") {
				t.Errorf("%s, %s: %v", op, s, err)
			}
		}
		if fault.CodeOf(standing.Unset.May(op)) != standing.CodeUnset {
			t.Errorf("%s is possible before anybody said where the clouds are", op)
		}
	}
}

// What needs the key of the vendor's app is refused by name beside the package.
func TestWhatTheVendorsKeyDoes(t *testing.T) {
	t.Parallel()
	for _, op := range []standing.Operation{
		standing.ConnectAPIUser, standing.ConnectAccount, standing.MapUsers, standing.ClearMappings, standing.SignInUsers, standing.Send, standing.Upgrade, standing.KeyIntoEngagement,
	} {
		if err := standing.BesidePackage.May(op); err == nil || !strings.HasPrefix(fault.Of(err).Message, "Not possible beside the package (") {
			t.Errorf("%s: %v", op, err)
		}
	}
	for _, op := range []standing.Operation{"", standing.ReadOrg, standing.PackageIntoEngagement, standing.IntegrationUser, standing.BusinessUnits} {
		if err := standing.BesidePackage.May(op); err != nil {
			t.Errorf("%s: %v", op, err)
		}
	}
}

// "The same" is said in words where a standing stands alone.
func TestRowsStandAlone(t *testing.T) {
	t.Parallel()
	for _, r := range rows(t) {
		for _, s := range standing.All() {
			if way := r.In(s); strings.HasPrefix(way.Text, "the same") || way.How != r.Ways[s].How {
				t.Errorf("%s, %s: %s", r.What, s, way)
			}
		}
	}
}

// A step that a command does is of an operation that is possible there, and the other way round.
func TestStepsAgreeWithOperations(t *testing.T) {
	t.Parallel()
	for _, r := range rows(t) {
		for _, op := range r.Operations {
			for _, s := range standing.All() {
				if possible := s.May(op) == nil; r.Section == "steps" && possible != (r.Ways[s].How == standing.Command) {
					t.Errorf("%s, %s: %s, and %s is possible: %v", r.What, s, r.Ways[s], op, possible)
				}
			}
		}
	}
}

// docs/real-clouds.md has the rows of the table, section by section, and no other.
func TestThePageHasTheTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/real-clouds.md")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{}
	for _, r := range rows(t) {
		want[r.Section] = append(want[r.Section], r.Text())
	}
	got, section := map[string][]string{}, ""
	for line := range strings.SplitSeq(string(text), "\n") {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			if section = ""; strings.HasPrefix(title, "Document ") {
				section = strings.TrimPrefix(title, "Document ")[:3]
			} else if strings.HasPrefix(title, "Every step") {
				section = "steps"
			} else if title == "In the background" {
				section = "background"
			}
		}
		if section != "" && strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| ---") && !strings.HasSuffix(line, "| beside the package |") {
			got[section] = append(got[section], line)
		}
	}
	for section, lines := range want {
		if !slices.Equal(got[section], lines) {
			t.Errorf("section %s of docs/real-clouds.md is another than internal/standing/rows.tsv; it should read\n%s", section, strings.Join(lines, "\n"))
		}
		delete(got, section)
	}
	if len(got) > 0 {
		t.Errorf("docs/real-clouds.md has rows that the table does not: %v", got)
	}
}

// What runs in the background is there where what it works for can be asked for, and nowhere else.
func TestBackgroundIsWhereItsOperationsAre(t *testing.T) {
	t.Parallel()
	asked := map[standing.Operation]standing.Operation{
		standing.FireTriggers: standing.Send, standing.DeliverSends: standing.Send, standing.BringBack: standing.Send, standing.SweepMappings: standing.SeeMappings,
		standing.SettleUnits: standing.BusinessUnits, standing.RenewTokens: standing.ClearMappings, standing.MoveTokens: standing.Upgrade, standing.TellUpgrades: standing.Upgrade,
		standing.WatchIntegrationUser: standing.IntegrationUser,
	}
	for _, op := range standing.Background() {
		for _, s := range standing.All() {
			if op == standing.SettleUnits && s == standing.BesidePackage { // they are changed by REST there: Connect has nothing of its own to settle
				continue
			}
			if works, may := s.May(op), s.May(asked[op]); (works == nil) != (may == nil) {
				t.Errorf("%s, %s: %v; what it works for: %v", op, s, works, may)
			}
		}
	}
	n := 0
	for _, r := range rows(t) {
		if r.Section == standing.Unasked {
			n += len(r.Operations)
		}
	}
	if n != len(standing.Background()) {
		t.Errorf("the table has %d operations in the background, want %d", n, len(standing.Background()))
	}
}
