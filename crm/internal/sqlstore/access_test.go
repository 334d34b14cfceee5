package sqlstore_test

import (
	"testing"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/fault"
)

// as is a desk at which the standard user sits, with what he may do as of now.
func (d *desk) as(username string) desk {
	d.Helper()
	other := *d
	other.org.Admin = d.house.SessionOf(d, username)
	return other
}

// user makes a further user of a profile and returns a desk at which he sits.
func (d *desk) user(name, profile string) desk {
	d.Helper()
	d.make("User", newUser(name, profileOf(d.T, d.house, d.org, profile)))
	return d.as(name)
}

// set makes a permission set and assigns it.
func (d *desk) set(label, username string) string {
	d.Helper()
	set := d.make("PermissionSet", map[string]any{"Label": label})
	d.make("PermissionSetAssignment", map[string]any{"PermissionSetId": set, "AssigneeId": string(d.as(username).org.Admin.User)})
	return set
}

// code is the refusal of a query; "" where it is answered.
func (d *desk) code(query string) fault.Code {
	runner := &soql.Runner{Source: d.house.Store, Locators: d.house.Store, Schema: d.house.Records.Schema, Clock: d.house.Clock}
	_, err := runner.Run(d.Context(), d.org.Admin, query, false, 0)
	return fault.CodeOf(err)
}

func TestObjectAccess(t *testing.T) {
	desks(t, func(d desk) {
		invoices(&d)
		contact := d.make("Contact", map[string]any{"LastName": "Kunde", "Region__c": "Süd"})
		campaign := d.make("Campaign", map[string]any{"Name": "Spring"})
		invoice := d.make("Invoice__c", map[string]any{"Key__c": "K"})
		normal := d.org.Spec.Users[1].Username

		// A standard user works with people and deals, looks at campaigns, and knows nothing of what administrators made.
		user := d.as(normal)
		lead := user.make("Lead", map[string]any{"LastName": "L", "Company": "C"})
		user.change("Contact", contact, map[string]any{"Title": "T"})
		user.delete("Lead", lead)
		user.asks("SELECT Name FROM Campaign", "Spring")
		user.refused("Campaign", map[string]any{"Name": "Mine"}, org.CodeNotForOperation)
		err := user.house.Records.Update(t.Context(), user.org.Admin, "Campaign", campaign, map[string]any{"Name": "Mine"})
		if fault.CodeOf(err) != org.CodeInsufficientAccess || fault.Of(err).Message != "insufficient access rights on object id: "+campaign {
			t.Errorf("changing a campaign: %v", err)
		}
		if err := user.house.Records.Delete(t.Context(), user.org.Admin, "Campaign", campaign); fault.CodeOf(err) != org.CodeInsufficientAccess {
			t.Errorf("deleting a campaign: %v", err)
		}
		user.refused("CampaignMember", map[string]any{"CampaignId": campaign, "ContactId": contact}, org.CodeNotForOperation)
		user.refused("Invoice__c", nil, org.CodeInvalidType)
		for query, want := range map[string]fault.Code{
			"SELECT Id FROM Invoice__c":                                              org.CodeInvalidType,
			"SELECT Region__c FROM Contact":                                          org.CodeInvalidField,
			"SELECT Id FROM Contact WHERE Region__c = 'x'":                           org.CodeInvalidField,
			"SELECT Id FROM Contact ORDER BY Region__c":                              org.CodeInvalidField,
			"SELECT Id, (SELECT Id FROM Invoices__r) FROM Contact":                   org.CodeInvalidType,
			"SELECT Id FROM Contact WHERE Id IN (SELECT Contact__c FROM Invoice__c)": org.CodeInvalidType,
		} {
			if got := user.code(query); got != want {
				t.Errorf("%s: %q, want %s", query, got, want)
			}
		}
		user.refused("Contact", map[string]any{"LastName": "x", "Region__c": "y"}, org.CodeInvalidField)
		if _, err := user.house.Records.Read(t.Context(), user.org.Admin, "Invoice__c", invoice, nil); fault.CodeOf(err) != org.CodeInvalidType {
			t.Errorf("reading an invoice: %v", err)
		}

		// A permission set opens what it names, to read, and then to change.
		set := d.set("Invoices", normal)
		objects := d.make("ObjectPermissions", map[string]any{"ParentId": set, "SobjectType": "invoice__c", "PermissionsRead": true})
		region := d.make("FieldPermissions", map[string]any{"ParentId": set, "SobjectType": "Contact", "Field": "contact.region__c", "PermissionsRead": true})
		d.make("FieldPermissions", map[string]any{"ParentId": set, "SobjectType": "Invoice__c", "Field": "Invoice__c.Key__c", "PermissionsRead": true})
		d.asks("SELECT Label, (SELECT Id FROM FieldPerms), (SELECT Id FROM ObjectPerms) FROM PermissionSet WHERE Label = 'Invoices'", "Invoices|2 children|1 children")
		user = d.as(normal)
		user.asks("SELECT Key__c FROM Invoice__c", "K")
		user.asks("SELECT Region__c FROM Contact WHERE LastName = 'Kunde' AND Region__c != null", "Süd")
		user.refused("Contact", map[string]any{"LastName": "x", "Region__c": "y"}, org.CodeFieldNotWriteable)
		user.refused("Invoice__c", nil, org.CodeNotForOperation)
		if got := user.code("SELECT Paid__c FROM Invoice__c"); got != org.CodeInvalidField {
			t.Errorf("a field of no row: %s", got)
		}
		d.change("FieldPermissions", region, map[string]any{"PermissionsEdit": true})
		d.change("ObjectPermissions", objects, map[string]any{"PermissionsCreate": true, "PermissionsEdit": true})
		user = d.as(normal)
		user.make("Contact", map[string]any{"LastName": "x", "Region__c": "y"})
		made := user.make("Invoice__c", nil)
		d.shows("Invoice__c", made, map[string]any{"Open__c": true, "Rate__c": 7.5}) // defaults of fields that he does not see

		// The profile's own set takes a standard field away.
		profile := d.query("SELECT Id FROM PermissionSet WHERE Profile.Name = 'Standard User'")
		title := d.make("FieldPermissions", map[string]any{"ParentId": profile, "SobjectType": "Contact", "Field": "Contact.Title"})
		user = d.as(normal)
		if got := user.code("SELECT Title FROM Contact"); got != org.CodeInvalidField {
			t.Errorf("a field that the profile hides: %s", got)
		}
		d.delete("FieldPermissions", title)
		user = d.as(normal)
		user.asks("SELECT COUNT() FROM Contact WHERE Title = 'T'", "1")

		for name, c := range map[string]struct {
			object string
			in     map[string]any
			code   fault.Code
		}{
			"edit without read":      {"ObjectPermissions", map[string]any{"ParentId": set, "SobjectType": "Lead", "PermissionsEdit": true}, org.CodeInvalidValue},
			"an object without rows": {"ObjectPermissions", map[string]any{"ParentId": set, "SobjectType": "User", "PermissionsRead": true}, org.CodeInvalidPicklistValue},
			"a second row":           {"ObjectPermissions", map[string]any{"ParentId": set, "SobjectType": "Invoice__c", "PermissionsRead": true}, org.CodeDuplicateValue},
			"a field of no object":   {"FieldPermissions", map[string]any{"ParentId": set, "SobjectType": "Contact", "Field": "Lead.Title"}, org.CodeInvalidPicklistValue},
			"a required field":       {"FieldPermissions", map[string]any{"ParentId": set, "SobjectType": "Contact", "Field": "Contact.LastName"}, org.CodeInvalidPicklistValue},
			"to change and not read": {"FieldPermissions", map[string]any{"ParentId": set, "SobjectType": "Contact", "Field": "Contact.Fax", "PermissionsEdit": true}, org.CodeInvalidValue},
		} {
			if _, err := d.house.Records.Create(t.Context(), d.org.Admin, c.object, c.in); fault.CodeOf(err) != c.code {
				t.Errorf("%s: %v, want %s", name, err, c.code)
			}
		}
		if _, err := user.house.Records.Create(t.Context(), user.org.Admin, "ObjectPermissions", map[string]any{"ParentId": set, "SobjectType": "Lead"}); fault.CodeOf(err) != org.CodeInsufficientAccess {
			t.Errorf("a standard user gives access: %v", err)
		}
		// What a field's rows said goes with the field.
		d.custom(org.CustomChange{Action: org.ActionDelete, Field: &org.CustomField{Object: "Contact", Name: "Region__c"}})
		d.asks("SELECT COUNT() FROM FieldPermissions WHERE Field = 'Contact.Region__c'", "0")
	})
}

// Where an object is private, who does not own a record sees nothing of it, by whatever way he looks.
func TestPrivateRecords(t *testing.T) {
	desks(t, func(d desk) {
		invoices(&d)
		normal := d.org.Spec.Users[1].Username
		user, other := d.as(normal), d.user("third@desk.example", org.StandardUserProfile)
		account := d.make("Account", map[string]any{"Name": "Acme"})
		theirs := d.make("Contact", map[string]any{"LastName": "Theirs", "AccountId": account})
		mine := user.make("Contact", map[string]any{"LastName": "Mine", "AccountId": account})
		d.custom(org.CustomChange{Action: org.ActionUpdate, Object: &org.CustomObject{Name: "contact", Sharing: org.SharingPrivate}})
		set := d.set("Lines", normal)
		for _, object := range []string{"Invoice__c", "Line__c"} {
			d.make("ObjectPermissions", map[string]any{
				"ParentId": set, "SobjectType": object, "PermissionsRead": true, "PermissionsCreate": true, "PermissionsEdit": true, "PermissionsDelete": true,
			})
		}
		user, other = d.as(normal), d.as("third@desk.example")
		const people = " AND LastName IN ('Mine', 'Theirs') "
		user.asks("SELECT LastName FROM Contact WHERE Id != null"+people+"ORDER BY LastName", "Mine")
		user.asks("SELECT COUNT() FROM Contact WHERE Id != null"+people, "1")
		user.asks("SELECT Name, (SELECT LastName FROM Contacts) FROM Account", "Acme|1 children")
		other.asks("SELECT LastName FROM Contact", "")
		other.asks("SELECT COUNT() FROM Account WHERE Id IN (SELECT AccountId FROM Contact)", "0")
		d.asks("SELECT LastName FROM Contact WHERE Id != null"+people+"ORDER BY LastName", "Mine;Theirs")
		user.shows("Contact", mine, map[string]any{"LastName": "Mine"})
		if _, err := user.house.Records.Read(t.Context(), user.org.Admin, "Contact", theirs, []string{"Id"}); fault.CodeOf(err) != org.CodeNotFound {
			t.Errorf("reading another's: %v", err)
		}
		for _, err := range []error{
			user.house.Records.Update(t.Context(), user.org.Admin, "Contact", theirs, map[string]any{"Title": "T"}),
			user.house.Records.Delete(t.Context(), user.org.Admin, "Contact", theirs),
		} {
			if fault.CodeOf(err) != org.CodeInsufficientAccess {
				t.Errorf("changing another's: %v", err)
			}
		}
		// Nor do what shows something of it, a case and a campaign's member.
		for _, query := range []string{"SELECT ContactEmail FROM Case", "SELECT Name FROM CampaignMember", "SELECT Email FROM CampaignMember"} {
			if got := user.code(query); got != org.CodeInvalidField {
				t.Errorf("%s: %q", query, got)
			}
		}
		// A parent that is another's shows nothing of itself.
		task := d.make("Task", map[string]any{"WhoId": theirs, "Subject": "Call", "OwnerId": string(user.org.Admin.User)})
		// Nor does the user point at it, by its id or by what finds it: he is told of none.
		for field, value := range map[string]any{"ReportsToId": theirs, "ReportsTo": map[string]any{"Name": "Theirs"}} {
			_, err := user.house.Records.Create(t.Context(), user.org.Admin, "Contact", map[string]any{"LastName": "Looks", field: value})
			if code := fault.CodeOf(err); code != org.CodeInvalidReference && code != org.CodeInvalidField {
				t.Errorf("%s: %v", field, err)
			}
		}
		user.asks("SELECT Who.Name FROM Task", "<nil>")
		d.asks("SELECT Who.Name FROM Task", "Theirs")
		user.change("Task", task, map[string]any{"WhoId": mine})
		user.asks("SELECT Who.Name FROM Task", "Mine")

		// Who may view all, or read alone.
		view := d.set("View all", normal)
		all := d.make("ObjectPermissions", map[string]any{"ParentId": view, "SobjectType": "Contact", "PermissionsRead": true, "PermissionsViewAllRecords": true})
		user = d.as(normal)
		user.asks("SELECT COUNT() FROM Contact WHERE Id != null"+people, "2")
		if err := user.house.Records.Update(t.Context(), user.org.Admin, "Contact", theirs, map[string]any{"Title": "T"}); fault.CodeOf(err) != org.CodeInsufficientAccess {
			t.Errorf("changing what one may only see: %v", err)
		}
		d.delete("ObjectPermissions", all)
		d.change("PermissionSet", view, map[string]any{"PermissionsModifyAllData": true})
		user = d.as(normal)
		user.change("Contact", theirs, map[string]any{"Title": "T"})
		d.change("PermissionSet", view, map[string]any{"PermissionsModifyAllData": false})

		// Details are seen by who sees their master.
		d.custom(org.CustomChange{Action: org.ActionUpdate, Object: &org.CustomObject{Name: "Invoice__c", Label: "Invoice", AutoNumber: "INV-{0000}", Sharing: org.SharingPrivate}})
		invoice := d.make("Invoice__c", nil)
		line := d.make("Line__c", map[string]any{"Invoice__c": invoice})
		user = d.as(normal)
		own := user.make("Line__c", map[string]any{"Invoice__c": user.make("Invoice__c", nil)})
		user.asks("SELECT Id FROM Line__c", own)
		if _, err := user.house.Records.Read(t.Context(), user.org.Admin, "Line__c", line, nil); fault.CodeOf(err) != org.CodeNotFound {
			t.Errorf("a detail of another's: %v", err)
		}
		if err := user.house.Records.Delete(t.Context(), user.org.Admin, "Line__c", line); fault.CodeOf(err) != org.CodeInsufficientAccess {
			t.Errorf("deleting a detail of another's: %v", err)
		}
		user.refused("Line__c", map[string]any{"Invoice__c": invoice}, org.CodeInsufficientAccess)
		if err := user.house.Records.Update(t.Context(), user.org.Admin, "Line__c", own, map[string]any{"Invoice__c": invoice}); err == nil {
			t.Error("a detail was put under another's master")
		}

		// So are details of details, whichever name comes first, and nobody sees one by a path.
		detail := func(name, of string) {
			d.custom(org.CustomChange{Action: org.ActionCreate, Object: &org.CustomObject{Name: name, Label: name, Plural: name + "s", AutoNumber: "N-{0}", Sharing: org.SharingByParent}})
			d.custom(org.CustomChange{Action: org.ActionCreate, Field: &org.CustomField{Object: name, Name: "Line__c", Label: "Line", Type: org.CustomMasterDetail, ReferenceTo: of, RelationshipName: name[:1] + "Lines"}})
			d.make("ObjectPermissions", map[string]any{"ParentId": set, "SobjectType": name, "PermissionsRead": true, "PermissionsCreate": true, "PermissionsEdit": true, "PermissionsDelete": true})
		}
		detail("A_Grand__c", "Line__c")
		detail("Z_Grand__c", "Line__c")
		user = d.as(normal)
		for _, name := range []string{"A_Grand__c", "Z_Grand__c"} {
			theirs, mine := d.make(name, map[string]any{"Line__c": line}), user.make(name, map[string]any{"Line__c": own})
			user.asks("SELECT Id FROM "+name, mine)
			user.refused(name, map[string]any{"Line__c": line}, org.CodeInsufficientAccess)
			if _, err := user.house.Records.Read(t.Context(), user.org.Admin, name, theirs, nil); fault.CodeOf(err) != org.CodeNotFound {
				t.Errorf("%s of another's: %v", name, err)
			}
			if _, err := user.house.Records.Read(t.Context(), user.org.Admin, name, mine, nil); err != nil {
				t.Errorf("%s of his own: %v", name, err)
			}
			user.delete(name, mine)
		}
		d.custom(org.CustomChange{Action: org.ActionCreate, Object: &org.CustomObject{Name: "Look__c", Label: "Look", Plural: "Looks", AutoNumber: "L-{0}", Sharing: org.SharingReadWrite}})
		d.custom(org.CustomChange{Action: org.ActionCreate, Field: &org.CustomField{Object: "Look__c", Name: "Line__c", Label: "Line", Type: org.CustomLookup, ReferenceTo: "Line__c", RelationshipName: "Looks"}})
		d.make("ObjectPermissions", map[string]any{"ParentId": set, "SobjectType": "Look__c", "PermissionsRead": true, "PermissionsCreate": true})
		d.make("FieldPermissions", map[string]any{"ParentId": set, "SobjectType": "Look__c", "Field": "Look__c.Line__c", "PermissionsRead": true, "PermissionsEdit": true})
		user = d.as(normal)
		d.make("Look__c", map[string]any{"Line__c": line})
		user.make("Look__c", map[string]any{"Line__c": own})
		user.asks("SELECT Line__r.Id FROM Look__c ORDER BY Name", "<nil>;"+own)
		d.asks("SELECT Line__r.Id FROM Look__c ORDER BY Name", line+";"+own)

		// Who may not read the master reads no detail.
		d.make("ObjectPermissions", map[string]any{"ParentId": d.set("Lines alone", "third@desk.example"), "SobjectType": "Line__c", "PermissionsRead": true})
		other = d.as("third@desk.example")
		if got := other.code("SELECT Id FROM Line__c"); got != org.CodeInvalidType {
			t.Errorf("details without their master: %q", got)
		}
		user.delete("Line__c", own)

		// To read alone: everybody sees, owners change.
		d.custom(org.CustomChange{Action: org.ActionUpdate, Object: &org.CustomObject{Name: "Contact", Sharing: org.SharingRead}})
		user = d.as(normal)
		user.asks("SELECT COUNT() FROM Contact WHERE Id != null"+people, "2")
		if err := user.house.Records.Update(t.Context(), user.org.Admin, "Contact", theirs, map[string]any{"Title": "T"}); fault.CodeOf(err) != org.CodeInsufficientAccess {
			t.Errorf("changing what is to read: %v", err)
		}
	})
}

// A job's work is bound by what its user may do, as his calls are.
func TestJobsAreBound(t *testing.T) {
	desks(t, func(d desk) {
		invoices(&d)
		user := d.as(d.org.Spec.Users[1].Username)
		s, err := org.JobSession(t.Context(), d.house.Store, org.Session{Org: d.org.ID, User: user.org.Admin.User})
		if err != nil {
			t.Fatal(err)
		}
		user.org.Admin = s
		if got := user.code("SELECT Region__c FROM Contact"); got != org.CodeInvalidField {
			t.Errorf("a field that he may not see: %q", got)
		}
		user.refused("Invoice__c", nil, org.CodeInvalidType)
	})
}

// Who takes the last object away from a profile has taken them all.
func TestAProfileWithoutObjectsReachesNone(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "bare")
		err := h.Store.Write(t.Context(), func(tx org.RecordTx) error {
			_, err := tx.Remove(org.StandardSchema().Object(org.ObjectObjectPermissions, nil), o.ID, org.Values{})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		s := h.SessionOf(t, o.Spec.Users[1].Username)
		if _, err := h.Records.Create(t.Context(), s, "Contact", map[string]any{"LastName": "L"}); err == nil {
			t.Error("a user whose profile reaches no object made a contact")
		}
	})
}
