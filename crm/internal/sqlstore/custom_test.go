package sqlstore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

func field(object, name string, t org.CustomType, more func(*org.CustomField)) org.CustomChange {
	f := &org.CustomField{Object: object, Name: name, Label: strings.TrimSuffix(name, "__c"), Type: t}
	if t == org.CustomText {
		f.Length = 40
	}
	if more != nil {
		more(f)
	}
	return org.CustomChange{Field: f}
}

// custom applies changes, all of which must be made, and gives the administrator a session that knows them.
func (d *desk) custom(changes ...org.CustomChange) {
	d.Helper()
	refused, err := d.customizer().Apply(d.Context(), d.org.Admin, changes, true)
	if err != nil {
		d.Fatal(err)
	}
	for i, err := range refused {
		if err != nil {
			d.Fatalf("change %d: %v", i, err)
		}
	}
	d.org.Admin = d.house.SessionOf(d, d.org.Spec.Users[0].Username)
	d.org.Normal = d.house.SessionOf(d, d.org.Spec.Users[1].Username)
}

func (d *desk) customizer() *org.Customizer {
	return &org.Customizer{Store: d.house.Store, Clock: d.house.Clock, Changes: d.house.Changed}
}

// query answers a query with its rows, the values of each joined by "|" and the rows by ";".
func (d *desk) query(text string) string {
	d.Helper()
	runner := &soql.Runner{Source: d.house.Store, Locators: d.house.Store, Schema: d.house.Records.Schema, Clock: d.house.Clock}
	res, err := runner.Run(d.Context(), d.org.Admin, text, false, 0)
	if err != nil {
		d.Fatalf("%s: %v", text, err)
	}
	if res.Plan.Count {
		return fmt.Sprint(res.Total)
	}
	var rows []string
	for _, row := range res.Rows {
		var cells []string
		for _, v := range row.Values {
			if kids, ok := v.(*soql.Children); ok {
				n := 0
				if kids != nil {
					n = len(kids.Rows)
				}
				v = fmt.Sprintf("%d children", n)
			}
			cells = append(cells, fmt.Sprint(v))
		}
		rows = append(rows, strings.Join(cells, "|"))
	}
	return strings.Join(rows, ";")
}

func (d *desk) asks(query, want string) {
	d.Helper()
	if got := d.query(query); got != want {
		d.Errorf("%s\n\tgot  %s\n\twant %s", query, got, want)
	}
}

// invoices are a custom object with a field of every type, and some on standard objects.
func invoices(d *desk) {
	values := []org.PicklistValue{{Value: "Mail"}, {Value: "Web"}, {Value: "Fax"}}
	d.custom(
		org.CustomChange{Object: &org.CustomObject{Name: "Invoice__c", Label: "Invoice", Plural: "Invoices", AutoNumber: "INV-{0000}"}},
		org.CustomChange{Object: &org.CustomObject{Name: "Line__c", Label: "Line"}},
		field("Invoice__c", "Key__c", org.CustomText, func(f *org.CustomField) { f.Unique, f.ExternalID = true, true }),
		field("Invoice__c", "Number__c", org.CustomNumber, func(f *org.CustomField) { f.ExternalID, f.Precision, f.Scale = true, 10, 2 }),
		field("Invoice__c", "Exact__c", org.CustomText, func(f *org.CustomField) { f.Unique, f.CaseSensitive = true, true }),
		field("Invoice__c", "Note__c", org.CustomLongText, func(f *org.CustomField) { f.Length = 1000 }),
		field("Invoice__c", "Total__c", org.CustomCurrency, func(f *org.CustomField) { f.Scale = 2 }),
		field("Invoice__c", "Rate__c", org.CustomPercent, func(f *org.CustomField) { f.Precision, f.Scale, f.Default = 5, 1, "7.5" }),
		field("Invoice__c", "Paid__c", org.CustomCheckbox, nil),
		field("Invoice__c", "Open__c", org.CustomCheckbox, func(f *org.CustomField) { f.Default = "true" }),
		field("Invoice__c", "Due__c", org.CustomDate, nil),
		field("Invoice__c", "Seen__c", org.CustomDateTime, nil),
		field("Invoice__c", "Mail__c", org.CustomEmail, nil),
		field("Invoice__c", "Phone__c", org.CustomPhone, nil),
		field("Invoice__c", "Link__c", org.CustomURL, nil),
		field("Invoice__c", "State__c", org.CustomPicklist, func(f *org.CustomField) { f.Values, f.Restricted = values, true }),
		field("Invoice__c", "Ways__c", org.CustomMultipicklist, func(f *org.CustomField) { f.Values = values }),
		field("Invoice__c", "Contact__c", org.CustomLookup, func(f *org.CustomField) { f.ReferenceTo, f.RelationshipName = "contact", "Invoices" }),
		field("Line__c", "Invoice__c", org.CustomMasterDetail, func(f *org.CustomField) { f.ReferenceTo, f.RelationshipName = "Invoice__c", "Lines" }),
		field("Contact", "Region__c", org.CustomText, nil),
		field("Contact", "Rank__c", org.CustomNumber, func(f *org.CustomField) { f.Precision, f.ExternalID = 6, true }),
		field("User", "Desk__c", org.CustomText, nil),
	)
}

func TestCustomRecords(t *testing.T) {
	desks(t, func(d desk) {
		invoices(&d)
		kunde := d.make("Contact", map[string]any{"LastName": "Kunde", "Region__c": "Süd", "Rank__c": 7.0})
		other := d.make("Contact", map[string]any{"LastName": "Other"})
		one := d.make("Invoice__c", map[string]any{
			"Key__c": "Ä-1", "Number__c": 10.25, "Exact__c": "x", "Note__c": "long", "Total__c": 99.999, "Paid__c": true, "Due__c": "2026-07-01",
			"Seen__c": "2026-06-01T10:00:00Z", "Mail__c": "a@x.example", "Phone__c": "1", "Link__c": "https://x.example", "State__c": "Web", "Ways__c": "Fax;Mail",
			"Contact__c": kunde,
		})
		two := d.make("Invoice__c", map[string]any{"Key__c": "B-2", "Exact__c": "X", "Open__c": false})
		d.shows("Invoice__c", one, map[string]any{
			"Name": "INV-0001", "Key__c": "Ä-1", "Number__c": 10.25, "Total__c": 100, "Rate__c": 7.5, "Paid__c": true, "Open__c": true, "Due__c": "2026-07-01",
			"Seen__c": time.Date(2026, 6, 1, 10, 0, 0, 0, time.UTC), "Ways__c": "Mail;Fax", "Contact__c": kunde, "OwnerId": d.org.Admin.User,
		})
		line := d.make("Line__c", map[string]any{"Invoice__c": one})
		d.shows("Line__c", line, map[string]any{"Name": org.ID(line).Short(), "Invoice__c": one})
		d.change("Invoice__c", two, map[string]any{"Note__c": "changed", "Paid__c": true, "Contact__c": kunde})
		d.shows("Invoice__c", two, map[string]any{"Note__c": "changed", "Key__c": "B-2", "Paid__c": true, "Open__c": false, "Name": "INV-0002"})

		for query, want := range map[string]string{
			"SELECT Name FROM Invoice__c WHERE Key__c = 'ä-1'":                                                         "INV-0001",
			"SELECT Name FROM Invoice__c WHERE Key__c IN ('Ä-1', 'b-2', 'c') ORDER BY Key__c":                          "INV-0002;INV-0001",
			"SELECT Name FROM Invoice__c WHERE Number__c = 10.25":                                                      "INV-0001",
			"SELECT Name FROM Invoice__c WHERE Exact__c = 'X'":                                                         "INV-0002",
			"SELECT Name FROM Invoice__c WHERE Paid__c = true AND Open__c = false":                                     "INV-0002",
			"SELECT Name FROM Invoice__c WHERE Ways__c INCLUDES ('fax;mail', 'Web')":                                   "INV-0001",
			"SELECT Name FROM Invoice__c WHERE Ways__c EXCLUDES ('Fax')":                                               "INV-0002",
			"SELECT Name FROM Invoice__c WHERE Due__c = 2026-07-01 AND Seen__c = TODAY":                                "INV-0001",
			"SELECT Name FROM Invoice__c WHERE Total__c > 99.5 AND Rate__c != null":                                    "INV-0001",
			"SELECT Name FROM Invoice__c WHERE Total__c = null":                                                        "INV-0002",
			"SELECT Name, Contact__r.Region__c FROM Invoice__c WHERE Contact__r.Rank__c = 7 ORDER BY Name":             "INV-0001|Süd;INV-0002|Süd",
			"SELECT LastName, (SELECT Name FROM Invoices__r) FROM Contact WHERE Region__c LIKE 'sü%'":                  "Kunde|2 children",
			"SELECT Name, (SELECT Id FROM Lines__r) FROM Invoice__c ORDER BY Name DESC":                                "INV-0002|0 children;INV-0001|1 children",
			"SELECT Invoice__r.Contact__r.LastName FROM Line__c":                                                       "Kunde",
			"SELECT LastName FROM Contact WHERE Id IN (SELECT Contact__c FROM Invoice__c WHERE Paid__c = true)":        "Kunde",
			"SELECT Name FROM Invoice__c WHERE Contact__c IN (SELECT Id FROM Contact WHERE Rank__c = 7) ORDER BY Name": "INV-0001;INV-0002",
			"SELECT Name FROM Invoice__c WHERE Contact__c NOT IN (SELECT Id FROM Contact WHERE Rank__c = 7)":           "",
			"SELECT SUM(Total__c), COUNT(Id), MAX(Due__c) FROM Invoice__c":                                             "100|2|2026-07-01",
			"SELECT Contact__r.Region__c, COUNT(Id) FROM Invoice__c GROUP BY Contact__r.Region__c":                     "Süd|2",
			"SELECT State__c, COUNT(Id) FROM Invoice__c GROUP BY State__c ORDER BY State__c NULLS LAST":                "Web|1;<nil>|1",
			"SELECT COUNT() FROM Contact WHERE Region__c = null AND LastName = 'Other'":                                "1",
		} {
			d.asks(query, want)
		}
		out, err := d.house.Records.Upsert(d.Context(), d.org.Admin, "Invoice__c", "Key__c", "ä-1", map[string]any{"Note__c": "upserted"})
		if err != nil || out.Created || string(out.ID) != one {
			d.Errorf("%+v, %v", out, err)
		}
		out, err = d.house.Records.Upsert(d.Context(), d.org.Admin, "Contact", "rank__C", "8", map[string]any{"LastName": "Ranked"})
		if err != nil || !out.Created {
			d.Errorf("%+v, %v", out, err)
		}
		d.shows("Contact", string(out.ID), map[string]any{"Rank__c": 8})
		d.make("Contact", map[string]any{"LastName": "Ranked too", "Rank__c": 8.0})
		if out, err := d.house.Records.Upsert(d.Context(), d.org.Admin, "Contact", "Rank__c", "8", nil); fault.CodeOf(err) != org.CodeMultipleMatches || len(out.Matches) != 2 {
			d.Errorf("%+v, %v", out, err)
		}

		d.refused("Invoice__c", map[string]any{"Key__c": "ä-1"}, org.CodeDuplicateValue)
		d.refused("Invoice__c", map[string]any{"Exact__c": "x"}, org.CodeDuplicateValue)
		d.refused("Invoice__c", map[string]any{"State__c": "Radio"}, org.CodeInvalidPicklistValue)
		d.refused("Invoice__c", map[string]any{"Contact__c": one}, org.CodeInvalidValue)
		d.refused("Invoice__c", map[string]any{"Number__c": 1e9}, org.CodeNumberRange)
		d.refused("Line__c", nil, org.CodeRequiredFieldMissing)

		// What is in the recycle bin keeps its values and frees its keys; details go with their master, lookups are emptied.
		d.delete("Invoice__c", one)
		d.gone("Line__c", line)
		d.make("Invoice__c", map[string]any{"Key__c": "ä-1"})
		d.delete("Contact", kunde)
		d.shows("Invoice__c", two, map[string]any{"Contact__c": nil})
		d.shows("Contact", other, map[string]any{"Region__c": nil, "Rank__c": nil})
	})
}

// Every object does what it does with custom fields too.
func TestEveryObjectWithCustomFields(t *testing.T) {
	desks(t, func(d desk) {
		invoices(&d)
		for _, object := range []string{"Account", "Campaign", "CampaignMember", "Case", "Lead", "Opportunity", "Task"} {
			d.custom(field(object, "Extra__c", org.CustomText, nil), field(object, "Keyed__c", org.CustomText, func(f *org.CustomField) { f.ExternalID, f.Unique = true, true }))
		}
		orgtest.Populate(t, d.house, d.org)
	})
}

func TestCustomDefinitions(t *testing.T) {
	desks(t, func(d desk) {
		invoices(&d)
		d.make("Contact", map[string]any{"LastName": "Wirt", "Region__c": "Süd"})
		apply := func(s org.Session, c ...org.CustomChange) error {
			refused, err := d.customizer().Apply(d.Context(), s, c, false)
			if err != nil {
				return err
			}
			for _, r := range refused {
				if r != nil {
					return r
				}
			}
			return nil
		}
		if err := apply(d.org.Normal, field("Contact", "X__c", org.CustomText, nil)); fault.CodeOf(err) != org.CodeInsufficientAccess {
			t.Errorf("a user without Customize Application: %v", err)
		}
		with := func(c org.CustomChange, a org.Action) org.CustomChange { c.Action = a; return c }
		for name, c := range map[string]struct {
			change org.CustomChange
			code   fault.Code
		}{
			"a taken name":                  {field("contact", "REGION__c", org.CustomText, nil), org.CodeCustomTaken},
			"no custom name":                {field("Contact", "Region", org.CustomText, nil), org.CodeBadCustom},
			"a bad name":                    {field("Contact", "a__b__c", org.CustomText, nil), org.CodeBadCustom},
			"no length":                     {field("Contact", "X__c", org.CustomText, func(f *org.CustomField) { f.Length = 0 }), org.CodeBadCustom},
			"no label":                      {field("Contact", "X__c", org.CustomText, func(f *org.CustomField) { f.Label = " " }), org.CodeBadCustom},
			"a type that is not there":      {field("Contact", "X__c", "Location", nil), org.CodeBadCustom},
			"an object that is not there":   {field("Nope__c", "X__c", org.CustomText, nil), org.CodeInvalidType},
			"an object that takes none":     {field("PermissionSet", "X__c", org.CustomText, nil), org.CodeInvalidType},
			"a unique checkbox":             {field("Contact", "X__c", org.CustomCheckbox, func(f *org.CustomField) { f.Unique = true }), org.CodeBadCustom},
			"no picklist values":            {field("Contact", "X__c", org.CustomPicklist, nil), org.CodeBadCustom},
			"a lookup into nothing":         {field("Contact", "X__c", org.CustomLookup, nil), org.CodeBadCustom},
			"a relationship's name twice":   {field("Invoice__c", "X__c", org.CustomLookup, func(f *org.CustomField) { f.ReferenceTo, f.RelationshipName = "Contact", "invoices" }), org.CodeCustomTaken},
			"a master of a standard object": {field("Contact", "X__c", org.CustomMasterDetail, func(f *org.CustomField) { f.ReferenceTo = "Account" }), org.CodeBadCustom},
			"19 digits":                     {field("Contact", "X__c", org.CustomNumber, func(f *org.CustomField) { f.Precision = 19 }), org.CodeBadCustom},
			"a formula as default":          {field("Contact", "X__c", org.CustomNumber, func(f *org.CustomField) { f.Default = "TODAY()" }), org.CodeBadCustom},
			"an object's name twice":        {org.CustomChange{Object: &org.CustomObject{Name: "invoice__c", Label: "I"}}, org.CodeCustomTaken},
			"a standard object's name":      {org.CustomChange{Object: &org.CustomObject{Name: "Contact", Label: "I"}}, org.CodeCustomTaken},
			"a bad display format":          {org.CustomChange{Object: &org.CustomObject{Name: "I__c", Label: "I", AutoNumber: "I-{x}"}}, org.CodeBadCustom},
			"a sharing model":               {org.CustomChange{Object: &org.CustomObject{Name: "I__c", Label: "I", Sharing: "Open"}}, org.CodeBadCustom},
			"changing what is not there":    {with(field("Contact", "X__c", org.CustomText, nil), org.ActionUpdate), org.CodeNoSuchCustom},
			"another type":                  {with(field("Contact", "Region__c", org.CustomPhone, nil), org.ActionUpdate), org.CodeBadCustom},
			"becoming shorter":              {with(field("Contact", "Region__c", org.CustomText, func(f *org.CustomField) { f.Length = 10 }), org.ActionUpdate), org.CodeBadCustom},
			"unique while there are values": {with(field("Contact", "Region__c", org.CustomText, func(f *org.CustomField) { f.Unique = true }), org.ActionUpdate), org.CodeBadCustom},
			"deleting what is not there":    {with(field("Contact", "X__c", org.CustomText, nil), org.ActionDelete), org.CodeNoSuchCustom},
			"deleting what is referred to":  {org.CustomChange{Action: org.ActionDelete, Object: &org.CustomObject{Name: "Invoice__c"}}, org.CodeInUse},
		} {
			if err := apply(d.org.Admin, c.change); fault.CodeOf(err) != c.code {
				t.Errorf("%s: %v, want %s", name, err, c.code)
			}
		}
		// One refusal among many undoes all where that is asked for.
		good, bad := field("Contact", "Good__c", org.CustomText, nil), field("Contact", "bad", org.CustomText, nil)
		refused, err := d.customizer().Apply(t.Context(), d.org.Admin, []org.CustomChange{good, bad}, true)
		if err != nil || fault.CodeOf(refused[0]) != org.CodeRolledBack || fault.CodeOf(refused[1]) != org.CodeBadCustom {
			t.Errorf("%v, %v", refused, err)
		}
		d.custom(with(field("Contact", "Region__c", org.CustomText, func(f *org.CustomField) { f.Length, f.Label = 80, "Area" }), org.ActionUpsert), good)
		if f := d.org.Admin.Schema().Object("Contact", nil).Field("Region__c"); f.Label != "Area" || f.Length != 80 {
			t.Errorf("%+v", f)
		}
		d.asks("SELECT Region__c FROM Contact WHERE LastName = 'Wirt'", "Süd")

		// A field that is deleted is gone at once; its column is given away once it is cleared.
		d.custom(with(field("Contact", "Region__c", org.CustomText, nil), org.ActionDelete))
		if d.org.Admin.Schema().Object("Contact", nil).Field("Region__c") != nil {
			t.Error("a deleted field is there")
		}
		d.custom(field("Contact", "Region__c", org.CustomText, nil))
		d.asks("SELECT Region__c FROM Contact WHERE LastName = 'Wirt'", "<nil>")
		columns := func() (out []string) {
			c, err := d.customizer().Read(t.Context(), d.org.Admin)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range c.FieldsOf("Contact") {
				out = append(out, f.Flex)
			}
			slices.Sort(out)
			return out
		}
		if got := columns(); slices.Contains(got, "s001") {
			t.Errorf("a column with old values is given away: %v", got)
		}
		for {
			if n, err := d.house.Store.Purge(t.Context(), orgtest.Start, 1); err != nil {
				t.Fatal(err)
			} else if n == 0 {
				break
			}
		}
		d.custom(field("Contact", "Later__c", org.CustomText, nil))
		d.asks("SELECT Later__c FROM Contact WHERE LastName = 'Wirt'", "<nil>")
		if got := columns(); !slices.Contains(got, "s001") {
			t.Errorf("a cleared column is not given away: %v", got)
		}
		d.custom(with(field("Line__c", "Invoice__c", org.CustomMasterDetail, nil), org.ActionDelete), org.CustomChange{Action: org.ActionDelete, Object: &org.CustomObject{Name: "Invoice__c"}})
		if d.org.Admin.Schema().Object("Invoice__c", nil) != nil {
			t.Error("a deleted object is there")
		}
		// What still clears the deleted object's values leaves those of the next object alone.
		d.custom(
			org.CustomChange{Object: &org.CustomObject{Name: "Next__c", Label: "Next", Plural: "Nexts", AutoNumber: "N-{0000}"}},
			field("Next__c", "Kept__c", org.CustomText, nil), field("Next__c", "Also__c", org.CustomText, nil), field("Next__c", "Third__c", org.CustomText, nil),
		)
		d.make("Next__c", map[string]any{"Kept__c": "kept", "Also__c": "also", "Third__c": "third"})
		for {
			if n, err := d.house.Store.Purge(t.Context(), orgtest.Start, 50); err != nil {
				t.Fatal(err)
			} else if n == 0 {
				break
			}
		}
		d.asks("SELECT Kept__c, Also__c, Third__c FROM Next__c", "kept|also|third")
	})
}

// An object has as many fields of a kind as there are columns, and is told when they are used up.
// Details whose master-detail field is deleted had their master's owner and none of their own; they become their makers'.
func TestDetailsWithoutMasterGetOwners(t *testing.T) {
	desks(t, func(d desk) {
		invoices(&d)
		invoice := d.make("Invoice__c", map[string]any{})
		d.make("Line__c", map[string]any{"Name": "l", "Invoice__c": invoice})
		purge := func() {
			d.Helper()
			for {
				if n, err := d.house.Store.Purge(d.Context(), orgtest.Start, 1); err != nil {
					d.Fatal(err)
				} else if n == 0 {
					return
				}
			}
		}
		remove := func(object, name string) {
			d.custom(org.CustomChange{Action: org.ActionDelete, Field: &org.CustomField{Object: object, Name: name}})
		}
		owners := func() (n int) {
			d.Helper()
			if err := d.house.Store.DB().QueryRow(d.Context(), `SELECT COUNT(*) FROM custom_record WHERE org_id = $1 AND owner_id IS NULL`, string(d.org.ID)).Scan(&n); err != nil {
				d.Fatal(err)
			}
			return n
		}
		d.custom(field("Line__c", "Spare__c", org.CustomText, nil))
		remove("Line__c", "Spare__c")
		purge()
		if owners() != 1 {
			d.Errorf("a detail has an owner of its own while it has a master: %d have none", owners())
		}
		remove("Line__c", "Invoice__c")
		purge()
		if owners() != 0 {
			d.Error("a record without a master has no owner")
		}
		d.asks("SELECT Name, Owner.Name FROM Line__c", "l|Ada Admin")
	})
}

func TestFlexColumnsRunOut(t *testing.T) {
	desks(t, func(d desk) {
		var changes []org.CustomChange
		for i := range org.FlexNumbers {
			changes = append(changes, field("Lead", fmt.Sprintf("N%d__c", i), org.CustomNumber, nil))
		}
		d.custom(changes...)
		refused, err := d.customizer().Apply(t.Context(), d.org.Admin, []org.CustomChange{
			field("Lead", "More__c", org.CustomNumber, nil), field("Lead", "Other__c", org.CustomCheckbox, nil), field("Account", "More__c", org.CustomNumber, nil),
		}, false)
		if err != nil || fault.CodeOf(refused[0]) != org.CodeCustomLimit || refused[1] != nil || refused[2] != nil {
			t.Errorf("%v, %v", refused, err)
		}
	})
}

// A record is found by its external id without looking at the others.
func TestExternalIDsAreLookedUp(t *testing.T) {
	desks(t, func(d desk) {
		invoices(&d)
		schema := d.org.Admin.Schema()
		d.fill(schema)
		for query, index := range map[string]string{
			"SELECT Name FROM Invoice__c WHERE Key__c = 'x'":                    "custom_index_value",
			"SELECT Name FROM Contact WHERE Rank__c IN (1, 2)":                  "custom_index_value",
			"SELECT Id FROM Invoice__c WHERE Contact__c = '003000000000001AAA'": "custom_index_value",
		} {
			plan, err := soql.Parse(query, schema, d.org.Admin.Permissions)
			if err != nil {
				t.Fatal(err)
			}
			text, err := explain(t.Context(), d.house.Store.DB(), d, plan)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(text, index) {
				t.Errorf("%s:\n%s", query, text)
			}
			text = strings.ReplaceAll(text, "Seq Scan on bin_pending", "") // which is empty
			for _, scan := range []string{"SCAN q1_0", "Seq Scan", "(org_id=?)", "(org_id=? AND object=?)"} {
				if strings.Contains(text, scan) {
					t.Errorf("%s:\n%s", query, text)
				}
			}
		}
	})
}

// fill adds many records with external ids, so that databases plan as they would.
func (d *desk) fill(schema *org.Schema) {
	d.Helper()
	const numbers = ` FROM (WITH RECURSIVE number (i) AS (SELECT 100000 UNION ALL SELECT i + 1 FROM number WHERE i < 120000) SELECT i FROM number) n`
	invoice, contact := schema.Object("Invoice__c", nil), schema.Object("Contact", nil)
	err := d.house.Store.DB().Write(d.Context(), func(tx *sqldb.Tx) error {
		for _, step := range []struct {
			query string
			args  []any
		}{
			{`INSERT INTO contact (org_id, id, last_name, name, owner_id, created_date, created_by_id, last_modified_date, last_modified_by_id, system_modstamp)
 SELECT $1, '003000000' || CAST(i AS TEXT) || 'AAA', 'x', 'x', $2, 0, $2, 0, $2, 0` + numbers, []any{string(d.org.ID), string(d.org.Admin.User)}},
			{`INSERT INTO custom_record (org_id, id, object, name, owner_id, created_date, created_by_id, last_modified_date, last_modified_by_id, system_modstamp)
 SELECT $1, $3 || '000000' || CAST(i AS TEXT) || 'AAA', $3, 'x', $2, 0, $2, 0, $2, 0` + numbers, []any{string(d.org.ID), string(d.org.Admin.User), invoice.KeyPrefix}},
			{
				`INSERT INTO custom_index (org_id, field_id, record_id, value) SELECT $1, $2, $3 || '000000' || CAST(i AS TEXT) || 'AAA', CAST(i AS TEXT)` + numbers,
				[]any{string(d.org.ID), string(contact.Field("Rank__c").ID), "003"},
			},
			{
				`INSERT INTO custom_index (org_id, field_id, record_id, value) SELECT $1, $2, $3 || '000000' || CAST(i AS TEXT) || 'AAA', CAST(i AS TEXT)` + numbers,
				[]any{string(d.org.ID), string(invoice.Field("Key__c").ID), invoice.KeyPrefix},
			},
			{
				`INSERT INTO custom_index (org_id, field_id, record_id, value) SELECT $1, $2, $3 || '000000' || CAST(i AS TEXT) || 'AAA', '003000000' || CAST(i AS TEXT) || 'AAA'` + numbers,
				[]any{string(d.org.ID), string(invoice.Field("Contact__c").ID), invoice.KeyPrefix},
			},
		} {
			if _, err := tx.Exec(step.query, step.args...); err != nil {
				return err
			}
		}
		if d.house.Store.DB().Postgres() { // as its own daemon would within a minute
			_, err := tx.Exec(`ANALYZE`)
			return err
		}
		return nil
	})
	if err != nil {
		d.Fatal(err)
	}
}

// explain is the database's plan for a query.
func explain(ctx context.Context, db *sqldb.DB, d desk, plan *soql.Plan) (string, error) {
	query, args, err := d.house.Store.SQL(d.org.ID, plan)
	if err != nil {
		return "", err
	}
	word, column := "EXPLAIN QUERY PLAN ", 3
	if db.Postgres() {
		word, column = "EXPLAIN ", 0
	}
	var out []string
	err = db.Write(ctx, func(tx *sqldb.Tx) error {
		out = nil
		rows, err := tx.Query(word+query, args...)
		if err != nil {
			return err
		}
		for rows.Next() {
			cells := make([]any, column+1)
			for i := range cells {
				cells[i] = new(string)
			}
			if err := rows.Scan(cells...); err != nil {
				return err
			}
			out = append(out, *cells[column].(*string))
		}
		return rows.Err()
	})
	return strings.Join(out, "\n"), err
}
