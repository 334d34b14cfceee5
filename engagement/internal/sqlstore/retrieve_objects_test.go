package sqlstore

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// A user who is named is found by the index of the names, also where SQLite has counted nothing yet.
func TestNamedUserIsFoundByIndex(t *testing.T) {
	t.Parallel()
	db := sqldbtest.Open(t, sqldbtest.DSN(t, "sqlite"), []sqldb.Migrations{Migrations()})
	named := &tenant.Filter{Property: "UserID", Operator: tenant.OpEquals, Values: []string{"Api.User"}}
	active := &tenant.Filter{Property: "ActiveFlag", Operator: tenant.OpEquals, Values: []string{"true"}}
	for name, c := range map[string]struct {
		filter *tenant.Filter
		index  bool
	}{
		"one name":            {named, true},
		"of two names":        {&tenant.Filter{Property: "UserID", Operator: tenant.OpIn, Values: []string{"a", "b"}}, true},
		"and more":            {&tenant.Filter{Left: active, Right: named}, true},
		"or more":             {&tenant.Filter{Or: true, Left: named, Right: active}, false},
		"everybody, in order": {nil, false},
	} {
		o := retrievable["AccountUser"]
		q := query{args: []any{int64(1)}}
		text, err := q.render(o, o.columns[:1], tenant.Retrieval{Filter: c.filter, Accounts: []tenant.MID{1}, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		plan := sqldbtest.Plan(t, db, text, q.args...)
		if got := strings.Contains(plan, "account_user_folded (eid=? AND <expr>=?)"); got != c.index {
			t.Errorf("%s: by the index of the names is %t:\n%s", name, got, plan)
		}
	}
}

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
