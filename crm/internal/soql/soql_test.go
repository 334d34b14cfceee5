package soql_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/fault"
)

func all() org.Permissions {
	p := org.Permissions{}
	for _, n := range org.AllPermissions() {
		p[n] = true
	}
	return p
}

// The places in errors are those that the service shows (crm-wire 3.3).
func TestErrorsShowThePlace(t *testing.T) {
	t.Parallel()
	column := " If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names."
	entity := " If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names."
	relationship := " If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names."
	for _, c := range []struct {
		query string
		code  fault.Code
		want  string
	}{
		{"SELECT Foo FROM User", org.CodeInvalidField, "\nSELECT Foo FROM User\n       ^\nERROR at Row:1:Column:8\nNo such column 'Foo' on entity 'User'." + column},
		{"SELECT Id FROM ScratchOrgInfo limit 1", org.CodeInvalidType, "\nSELECT Id FROM ScratchOrgInfo limit 1\n               ^\nERROR at Row:1:Column:16\nsObject type 'ScratchOrgInfo' is not supported." + entity},
		{"SELECT Boss.Name FROM User", org.CodeInvalidField, "\nSELECT Boss.Name FROM User\n       ^\nERROR at Row:1:Column:8\nDidn't understand relationship 'Boss' in field path." + relationship},
		{"SELECT Id FORM User", soql.CodeMalformedQuery, "\nSELECT Id FORM User\n               ^\nERROR at Row:1:Column:16\nunexpected token: 'User'"},
		{"SELECT Id\nFROM User\nWHERE Nope = 1", org.CodeInvalidField, "\nWHERE Nope = 1\n      ^\nERROR at Row:3:Column:7\nNo such column 'Nope' on entity 'User'." + column},
		{"SELECT Id FROM User WHERE", soql.CodeMalformedQuery, "\nSELECT Id FROM User WHERE\n                         ^\nERROR at Row:1:Column:26\nunexpected token: '<EOF>'"},
		{"SELECT Id FROM User WHERE IsActive = 'true'", org.CodeInvalidField, "value of filter criterion for field 'IsActive' must be of type boolean and should not be enclosed in quotes"},
		{"SELECT Id FROM User WHERE Username = 7", org.CodeInvalidField, "value of filter criterion for field 'Username' must be of type string and should be enclosed in quotes"},
		{"SELECT Id FROM User WHERE CreatedDate > 2020-01-01", org.CodeInvalidField, "must be of type dateTime and should not"},
		{"SELECT Id FROM User WHERE CreatedDate > 2020-13-01T00:00:00Z", org.CodeInvalidField, "must be of type dateTime"},
		{"SELECT Id FROM User WHERE Id = 'abc'", soql.CodeFilterOperator, "invalid ID field: abc"},
		{"SELECT Id FROM User WHERE Id LIKE '005%'", soql.CodeFilterOperator, "invalid operator on id field"},
		{"SELECT Id FROM User WHERE IsActive > true", soql.CodeFilterOperator, "invalid operator on boolean field"},
		{"SELECT Id FROM Contact WHERE Description = 'x'", org.CodeInvalidField, "field 'Description' can not be filtered in a query call"},
		{"SELECT Id FROM Contact ORDER BY Description", org.CodeInvalidField, "field 'Description' can not be sorted in a query call"},
		{"SELECT Id, id FROM User", org.CodeInvalidField, "duplicate field selected: Id"},
		{"SELECT ConsumerKey FROM ConnectedApplication", org.CodeInvalidField, "No such column"},
		{"SELECT RefreshTokenPolicy FROM ConnectedApplication", org.CodeInvalidField, "No such column"},
		{"SELECT password_hash FROM User", org.CodeInvalidField, "No such column"},
		{"SELECT Id FROM sqlite_master", org.CodeInvalidType, "not supported"},
		{"SELECT Id FROM User WHERE Name = 'a' AND Name = 'b' OR Name = 'c'", soql.CodeMalformedQuery, "unexpected token: 'OR'"},
		{"SELECT Id FROM User LIMIT -1", soql.CodeMalformedQuery, "unexpected token: '-1'"},
		{"SELECT Id FROM User LIMIT 99999999999", soql.CodeMalformedQuery, "unexpected token"},
		{"SELECT Id FROM User LIMIT 1 OFFSET 2001", soql.CodeNumberRange, "Maximum SOQL offset allowed is 2000"},
		{"SELECT Id FROM User; DROP TABLE user_account", soql.CodeMalformedQuery, "unexpected token: ';'"},
		{"SELECT Id FROM User -- x", soql.CodeMalformedQuery, "unexpected token"},
		{"SELECT Id FROM User /* x */", soql.CodeMalformedQuery, "unexpected token: '/'"},
		{"SELECT Id FROM User WHERE Name = 'open", soql.CodeMalformedQuery, "mismatched character '<EOF>'"},
		{`SELECT Id FROM User WHERE Name = 'x\`, soql.CodeMalformedQuery, "mismatched character"},
		{`SELECT Id FROM User WHERE Name = '\q'`, soql.CodeMalformedQuery, "Illegal character sequence"},
		{`SELECT Id FROM User WHERE Name = :name`, soql.CodeMalformedQuery, "unexpected token: ':'"},
		{"SELECT Id FROM User WHERE Name = “x”", soql.CodeMalformedQuery, "unexpected token: '“'"},
		{"SELECT Id FROM User WHERE Name = '" + strings.Repeat("x", 4001) + "'", soql.CodeMalformedQuery, "String literals cannot be longer than 4000"},
		{"SELECT Id FROM User " + strings.Repeat(" ", 100_000), soql.CodeMalformedQuery, "cannot be longer than 100000"},
		{"SELECT Id FROM Contact WHERE OwnerId IN (SELECT Id FROM User WHERE ProfileId IN (SELECT Id FROM Profile))", soql.CodeMalformedQuery, "Nesting of semi join"},
		{"SELECT Id FROM Contact WHERE OwnerId IN (SELECT Name FROM User)", soql.CodeMalformedQuery, "semi join sub selects can only query id fields, cannot use: 'Name'"},
		{"SELECT Id FROM User WHERE Name IN (SELECT Id FROM User)", soql.CodeMalformedQuery, "semi join sub selects can only query id fields, cannot use: 'Name'"},
		{"SELECT Id FROM User WHERE Id IN (SELECT Id, ProfileId FROM User)", soql.CodeMalformedQuery, "can only query one field"},
		{"SELECT Id FROM User WHERE Id IN ()", soql.CodeMalformedQuery, "unexpected token: ')'"},
		{"SELECT COUNT() FROM User ORDER BY Name", soql.CodeMalformedQuery, "unexpected token: 'ORDER'"},
		{"SELECT FROM User", soql.CodeMalformedQuery, "unexpected token: 'FROM'"},
		{"", soql.CodeMalformedQuery, "unexpected token: '<EOF>'"},
		{"SELECT Id FROM User WHERE " + strings.Repeat("(", 10_000), soql.CodeTooComplicated, "too complicated"},
		{"SELECT Id FROM User WHERE " + strings.Repeat("NOT ", 10_000) + "Name = 'x'", soql.CodeMalformedQuery, "unexpected token: 'NOT'"},
		{"SELECT Id FROM User WHERE Name = 'x'" + strings.Repeat(" OR Name = 'x'", 1000), soql.CodeTooComplicated, "too complicated"},
		{"SELECT Id FROM User WHERE Name IN ('x'" + strings.Repeat(",'x'", 20_000) + ")", soql.CodeTooComplicated, "too complicated"},
		{"SELECT Id FROM User WHERE CreatedBy.CreatedBy.CreatedBy.CreatedBy.CreatedBy.CreatedBy.Name = 'x'", soql.CodeTooComplicated, "too complicated"},
		{"SELECT Id\xff FROM User", soql.CodeMalformedQuery, "UTF-8"},
	} {
		_, err := soql.Parse(c.query, org.StandardSchema(), all())
		f := fault.Of(err)
		if f == nil || f.Code != c.code || f.Kind != fault.Invalid || !strings.Contains(f.Message, c.want) {
			t.Errorf("%.80s: %v, want %s %q", c.query, err, c.code, c.want)
		}
		if f != nil && strings.HasPrefix(c.want, "\n") && f.Message != c.want {
			t.Errorf("%s:\n%q, want\n%q", c.query, f.Message, c.want)
		}
	}
}

// Long lines are cut around the place, so an answer does not repeat a query of 100,000 characters.
func TestErrorsAreShort(t *testing.T) {
	t.Parallel()
	_, err := soql.Parse("SELECT Id FROM User WHERE Name = '"+strings.Repeat("ü", 1500)+"' AND Nope = 'x' AND Name = '"+strings.Repeat("x", 3000)+"'", org.StandardSchema(), all())
	m := fault.Of(err).Message
	lines := strings.Split(m, "\n")
	if len(m) > 700 || !strings.HasSuffix(lines[2], "^") || []rune(lines[1])[len([]rune(lines[2]))-1] != 'N' || !strings.Contains(m, "Column:1541") {
		t.Errorf("%q", m)
	}
}

// A plan says what was asked, with names as the schema spells them.
func TestPlans(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ query, want string }{
		{"select id, NAME, profile.name from user", "User: Id, Name, Profile.Name"},
		{"SELECT User.Id FROM User", "User: Id"},
		{"SELECT u.Id, u.Profile.Name FROM User u", "User: Id, Profile.Name"},
		{"SELECT COUNT() FROM User", "User: count"},
		{"SELECT Id FROM Contact WHERE NOT (Name = 'a' AND (NOT Email = 'b'))", "Contact: Id where some(Name not = a, Email = b)"},
		{"SELECT Id FROM Contact WHERE Id = '003000000000001'", "Contact: Id where Id = 003000000000001AAA"},
		{"SELECT Id FROM Contact WHERE Account.Owner.Name != null", "Contact: Id where Name not null"},
		{"SELECT Id FROM Contact WHERE Email IN ('a', 'a', null)", "Contact: Id where Email in [a] or null"},
		{"SELECT Id FROM Contact WHERE Email NOT IN (null)", "Contact: Id where Email not null"},
		{`SELECT Id FROM Contact WHERE Email LIKE '%a\_\%\\%'`, `Contact: Id where Email LIKE %a\_\%\\%`},
		{"SELECT Id FROM Contact LIMIT 3 OFFSET 2", "Contact: Id limit 3 offset 2"},
	} {
		p, err := soql.Parse(c.query, org.StandardSchema(), all())
		if err != nil {
			t.Errorf("%s: %v", c.query, err)
		} else if got := show(p); got != c.want {
			t.Errorf("%s:\n%s, want\n%s", c.query, got, c.want)
		}
	}
	// Objects that the caller may not see are not there, by whatever way.
	for _, q := range []string{"SELECT Id FROM UserLicense", "SELECT UserLicense.Name FROM Profile", "SELECT Id FROM User WHERE Id IN (SELECT AssigneeId FROM PermissionSetAssignment)"} {
		if _, err := soql.Parse(q, org.StandardSchema(), org.Permissions{org.PermAPIEnabled: true}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", q, err)
		}
	}
}

func show(p *soql.Plan) string {
	var columns []string
	for _, c := range p.Columns {
		columns = append(columns, strings.Join(c.Path, "."))
	}
	out := p.Object.Name + ": " + strings.Join(columns, ", ")
	if p.Count {
		out += "count"
	}
	if p.Where != nil {
		out += " where " + showCond(p.Where)
	}
	if p.Limit >= 0 {
		out += fmt.Sprintf(" limit %d", p.Limit)
	}
	if p.Offset > 0 {
		out += fmt.Sprintf(" offset %d", p.Offset)
	}
	return out
}

func showCond(c soql.Cond) string {
	not := func(b bool) string {
		if b {
			return " not"
		}
		return ""
	}
	list := func(name string, kids []soql.Cond) string {
		var parts []string
		for _, k := range kids {
			parts = append(parts, showCond(k))
		}
		return name + "(" + strings.Join(parts, ", ") + ")"
	}
	switch c := c.(type) {
	case soql.All:
		return list("all", c)
	case soql.Some:
		return list("some", c)
	case soql.Compare:
		return fmt.Sprintf("%s%s %s %v", c.Field.Name, not(c.Not), c.Op, c.Value)
	case soql.IsNull:
		return c.Field.Name + not(c.Not) + " null"
	case soql.In:
		out := fmt.Sprintf("%s%s in %v", c.Field.Name, not(c.Not), c.Values)
		if c.Null {
			out += " or null"
		}
		return out
	}
	return fmt.Sprintf("%T", c)
}

// Whatever is asked, the answer is a plan or a refusal, and soon.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"SELECT Id, Name, Profile.Name FROM User WHERE IsActive = true ORDER BY Name DESC NULLS LAST LIMIT 10 OFFSET 5",
		"select count() from contact where (not lastname like 'a\\_%') and email in ('x', null)",
		"SELECT Id FROM SetupEntityAccess WHERE ParentId IN (SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId='005000000000001AAA')",
		"SELECT Id FROM Contact WHERE Birthdate >= 1980-02-29 AND CreatedDate < 2020-01-01T00:00:00+02:00 FOR VIEW",
		"SELECT Id FROM User WHERE ((((Name = '\\'')))) ALL ROWS", "SELECT 'x", "SELECT Id FROM User WHERE Name = '\\", "\x00", "''''", "SELECT a.b.c.d.e.f.g FROM h",
	} {
		f.Add(s)
	}
	permissions := all()
	f.Fuzz(func(t *testing.T, text string) {
		p, err := soql.Parse(text, org.StandardSchema(), permissions)
		if err == nil && (p == nil || p.Object == nil) {
			t.Fatal("neither a plan nor an error")
		}
		if err != nil && fault.KindOf(err) != fault.Invalid {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
