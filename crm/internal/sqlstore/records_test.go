package sqlstore_test

import (
	"testing"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

func TestRecordStore(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, orgtest.RecordStore)
}

// Every field of the schema can be read, filtered and sorted as it says, so no declaration lacks its column.
func TestEveryFieldIsStored(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "fields")
		for _, object := range org.StandardSchema().Objects {
			for _, f := range object.Fields {
				ref := soql.Ref{Object: object, Field: f}
				p := &soql.Plan{Object: object, Limit: -1, Columns: []soql.Column{{Ref: ref, Path: []string{f.Name}}}}
				if f.Filterable {
					p.Where = soql.IsNull{Ref: ref, Not: true}
				}
				if f.Sortable {
					p.Order = []soql.Order{{Ref: ref, Desc: true, NullsLast: true}}
				}
				if _, err := h.Store.Select(t.Context(), o.ID, p, 0, 10); err != nil {
					t.Errorf("%s.%s: %v", object.Name, f.Name, err)
				}
			}
		}
	})
}

// Whatever SOQL is accepted is SQL that runs.
func FuzzSelect(f *testing.F) {
	for _, s := range []string{
		"SELECT Id, Name, Profile.Name FROM User WHERE IsActive = true ORDER BY Name DESC NULLS LAST LIMIT 10 OFFSET 5",
		"SELECT Id FROM Contact WHERE (NOT LastName LIKE 'a\\_%') AND Email IN ('x', null) ORDER BY Owner.Profile.Name",
		"SELECT Id FROM SetupEntityAccess WHERE ParentId NOT IN (SELECT PermissionSetId FROM PermissionSetAssignment WHERE Assignee.Username='a')",
		"SELECT PermissionsApiEnabled, License.UsedLicenses FROM PermissionSet WHERE PermissionsApiEnabled = true AND Label < 'z'",
		"SELECT et4ae5__ExactTarget_OAuth_Token__c FROM User WHERE et4ae5__ExactTargetForAppExchangeUser__c != true",
		"SELECT CreatedBy.CreatedBy.Profile.UserLicense.Name FROM Contact WHERE Birthdate >= 1980-02-29 AND (NOT CreatedDate < 2020-01-01T00:00:00Z)",
	} {
		f.Add(s)
	}
	db := sqldbtest.Open(f, sqldbtest.DSN(f, "sqlite"), []sqldb.Migrations{sqlstore.Migrations()})
	h := orgtest.NewHouse(f, db)
	o := h.MakeOrg(f, "fuzz")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := soql.Parse(text, org.StandardSchema(), o.Admin.Permissions)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if _, err := h.Store.Select(t.Context(), o.ID, p, p.Offset, 10); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if _, err := h.Store.CountRows(t.Context(), o.ID, p); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
