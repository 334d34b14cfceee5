package sqlstore

import (
	"strings"
	"testing"
)

// TestColumnsStandTogether: results are written in the order of the columns, so members of one object must be neighbours,
// and what every object begins with must come first.
func TestColumnsStandTogether(t *testing.T) {
	t.Parallel()
	for name, o := range retrievable {
		seen, last := map[string]bool{}, ""
		inner := map[string]bool{}
		for _, c := range o.columns {
			member, rest, nested := strings.Cut(c.Name, ".")
			if nested && member != last && seen[member] {
				t.Errorf("%s: the members of %s do not stand together", name, member)
			}
			if nested && rest == "ObjectID" && inner[member+".CustomerKey"] {
				t.Errorf("%s: %s.CustomerKey stands before ObjectID", name, member)
			}
			inner[c.Name], seen[member], last = true, true, member
			if c.Retrievable && c.expr == "" {
				t.Errorf("%s.%s has nothing to read", name, c.Name)
			}
		}
	}
}
