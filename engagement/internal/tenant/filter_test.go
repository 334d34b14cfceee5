package tenant_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
)

func simple(op tenant.Operator, values ...string) *tenant.Filter {
	return &tenant.Filter{Property: "Name", Operator: op, Values: values}
}

func TestFiltersAreChecked(t *testing.T) {
	t.Parallel()
	deep := simple(tenant.OpEquals, "x")
	for range 20 {
		deep = &tenant.Filter{Left: deep, Right: simple(tenant.OpEquals, "x")}
	}
	wide := simple(tenant.OpEquals, "x")
	for range 8 {
		wide = &tenant.Filter{Or: true, Left: wide, Right: wide}
	}
	for name, c := range map[string]struct {
		f    *tenant.Filter
		want string // part of the refusal, "" for none
	}{
		"equals":            {simple(tenant.OpEquals, "x"), ""},
		"is null":           {simple(tenant.OpIsNull), ""},
		"between":           {simple(tenant.OpBetween, "1", "2"), ""},
		"in":                {simple(tenant.OpIn, "1", "2", "3"), ""},
		"joined":            {&tenant.Filter{Or: true, Left: simple(tenant.OpLike, "a"), Right: simple(tenant.OpBegins, "b")}, ""},
		"in with one value": {simple(tenant.OpIn, "1"), "does not take a single value"},
		"in with none":      {simple(tenant.OpIn), "got 0 values"},
		"equals with two":   {simple(tenant.OpEquals, "1", "2"), "got 2 values"},
		"null with one":     {simple(tenant.OpIsNull, "1"), "got 1 values"},
		"no property":       {&tenant.Filter{Operator: tenant.OpEquals, Values: []string{"x"}}, "needs a property"},
		"unknown operator":  {simple("sounds like", "x"), "not supported"},
		"anniversary":       {simple("isAnniversary", "x"), "not supported"},
		"half a join":       {&tenant.Filter{Left: simple(tenant.OpIsNull)}, "left and a right"},
		"NUL":               {simple(tenant.OpEquals, "\x00"), "NUL"},
		"too deep":          {deep, "levels"},
		"too many parts":    {wide, "parts"},
		"too many values":   {simple(tenant.OpIn, strings.Split(strings.Repeat("x,", 1001), ",")...), "more than 1000 values"},
	} {
		err := c.f.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || fault.CodeOf(err) != tenant.CodeInvalidRetrieve || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
