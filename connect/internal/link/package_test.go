package link_test

import (
	"slices"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/link"
)

// TestPackagesOrderAsReleases: 5.400 < 5.493 < 5.494 < 219 < 220, and 5.493 itself is of the new way.
func TestPackagesOrderAsReleases(t *testing.T) {
	t.Parallel()
	releases := []string{"4", "5", "5.400", "5.493", "5.494", "219", "220"}
	field := []bool{true, true, true, false, false, false, false}
	for i, name := range releases {
		p := link.ParsePackage(name)
		if p.String() != name || p.TokenInField() != field[i] || p.Retired() != (i == 0) {
			t.Errorf("%s reads as %v, in the field %v, retired %v", name, p, p.TokenInField(), p.Retired())
		}
		for j, other := range releases {
			if q := link.ParsePackage(other); p.Before(q) != (i < j) {
				t.Errorf("%s before %s: %v", name, other, p.Before(q))
			}
		}
	}
	for _, none := range []string{"", "x", "5.x", "5.493.1"} {
		if p := link.ParsePackage(none); p != (link.Package{}) || p.TokenInField() || p.Retired() || p.String() != "" {
			t.Errorf("%q is %v", none, p)
		}
	}
	if !slices.IsSortedFunc(releases, func(a, b string) int {
		if link.ParsePackage(a).Before(link.ParsePackage(b)) {
			return -1
		}
		return 1
	}) {
		t.Error("the table is out of order")
	}
}
