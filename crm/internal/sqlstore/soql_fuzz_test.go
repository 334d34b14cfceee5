package sqlstore_test

import (
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// Whatever SOQL is accepted is SQL that runs.
func FuzzSelect(f *testing.F) {
	for _, s := range []string{
		"SELECT Id, Name, Profile.Name FROM User WHERE IsActive = true ORDER BY Name DESC NULLS LAST LIMIT 10 OFFSET 5",
		"SELECT Id FROM Contact WHERE (NOT LastName LIKE 'a\\_%') AND Email IN ('x', null) ORDER BY Owner.Profile.Name",
		"SELECT Id FROM SetupEntityAccess WHERE ParentId NOT IN (SELECT PermissionSetId FROM PermissionSetAssignment WHERE Assignee.Username='a')",
		"SELECT PermissionsApiEnabled, License.UsedLicenses FROM PermissionSet WHERE PermissionsApiEnabled = true AND Label < 'z'",
		"SELECT et4ae5__ExactTarget_OAuth_Token__c FROM User WHERE et4ae5__ExactTargetForAppExchangeUser__c != true",
		"SELECT CreatedBy.CreatedBy.Profile.UserLicense.Name FROM Contact WHERE Birthdate >= 1980-02-29 AND (NOT CreatedDate < 2020-01-01T00:00:00Z)",
		"SELECT Account.Name n, COUNT(Id) c, MAX(CreatedDate), MIN(Title), COUNT_DISTINCT(Email) FROM Contact GROUP BY Account.Name HAVING COUNT(Id) > 1 AND MIN(Title) != 'x' ORDER BY COUNT(Id) DESC",
		"SELECT CALENDAR_YEAR(CreatedDate), DAY_ONLY(CreatedDate), WEEK_IN_YEAR(Birthdate), HOUR_IN_DAY(CreatedDate), COUNT(Id) FROM Contact GROUP BY " +
			"CALENDAR_YEAR(CreatedDate), DAY_ONLY(CreatedDate), WEEK_IN_YEAR(Birthdate), HOUR_IN_DAY(CreatedDate)",
		"SELECT Name, (SELECT Id, Owner.Name FROM Contacts WHERE Title LIKE 'a%' ORDER BY Name LIMIT 3 OFFSET 1) FROM Account a WHERE a.CreatedDate = LAST_N_DAYS:7",
		"SELECT Title t, Account.Name, COUNT(Id), GROUPING(Title) FROM Contact GROUP BY ROLLUP(Title, Account.Name) HAVING GROUPING(Title) = 0 ORDER BY MAX(CreatedDate) DESC LIMIT 5 OFFSET 1",
		"SELECT HasOptedOutOfEmail, CALENDAR_YEAR(CreatedDate), MAX(Birthdate) FROM Contact WHERE Title != null GROUP BY CUBE(HasOptedOutOfEmail, CALENDAR_YEAR(CreatedDate), OwnerId)",
		"SELECT AVG(TotalLicenses), SUM(TotalLicenses) FROM UserLicense", "SELECT FIELDS(ALL) FROM Account USING SCOPE mine LIMIT 200 FOR VIEW",
		"SELECT COUNT() FROM Contact c, c.Account a WHERE a.Name = 'x' AND DAY_IN_WEEK(c.Birthdate) IN (1, 7) WITH SECURITY_ENFORCED ALL ROWS",
		"SELECT Id FROM Contact WHERE Birthdate > NEXT_N_YEARS:9999 OR CreatedDate <= N_QUARTERS_AGO:3 OR Birthdate NOT IN (TODAY, 1999-01-01)",
	} {
		f.Add(s)
	}
	db := sqldbtest.Open(f, sqldbtest.DSN(f, "sqlite"), []sqldb.Migrations{sqlstore.Migrations()})
	h := orgtest.NewHouse(f, db)
	o := h.MakeOrg(f, "fuzz")
	account, err := h.Records.Create(f.Context(), o.Admin, "Account", map[string]any{"Name": "fuzz"})
	if err != nil {
		f.Fatal(err)
	}
	c := soql.Context{Schema: org.WholeSchema(), Permissions: o.Admin.Permissions, User: o.Admin.User, Calendar: func() (soql.Calendar, error) {
		return soql.Calendar{Now: orgtest.Start, WeekStart: time.Monday}, nil
	}}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := c.Parse(text)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if !p.Count {
			err := h.Store.Select(t.Context(), o.ID, p, p.Offset, 10, func(row soql.Row) error {
				p.Record(row)
				return nil
			})
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
		}
		if _, err := h.Store.CountRows(t.Context(), o.ID, p); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for _, column := range p.Columns {
			if column.Child == nil {
				continue
			}
			if err := h.Store.SelectChildren(t.Context(), o.ID, column.Child, []org.ID{account}, 0, 10, func(org.ID, int, soql.Row) error { return nil }); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
		}
	})
}
