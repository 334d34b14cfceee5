package crm_test

import (
	"strings"
	"testing"
)

func objectGrant(name string, create, edit bool) string {
	yes := func(on bool) string {
		if on {
			return "true"
		}
		return "false"
	}
	return "<objectPermissions><allowCreate>" + yes(create) + "</allowCreate><allowDelete>false</allowDelete><allowEdit>" + yes(edit) + "</allowEdit><allowRead>true</allowRead>" +
		"<modifyAllRecords>false</modifyAllRecords><object>" + name + "</object><viewAllRecords>false</viewAllRecords></objectPermissions>"
}

func fieldGrant(name, edit string) string {
	return "<fieldPermissions><editable>" + edit + "</editable><field>" + name + "</field><readable>true</readable></fieldPermissions>"
}

const (
	salesApp = "<applicationVisibilities><application>standard__Sales</application><default>false</default><visible>true</visible></applicationVisibilities>"
	leadTab  = "<tabSettings><tab>standard-Lead</tab><visibility>Visible</visibility></tabSettings>"
)

// What a permission set gives of objects and fields is made, read, changed and taken away by the Metadata API, and users
// have it; tabs and applications are kept.
func TestPermissionSetGrants(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		invoice := strings.ReplaceAll(invoiceFields, "Invoice", "Bill")
		file := "<label>Billing</label>" + fieldGrant("Bill__c.Total__c", "true") + objectGrant("Bill__c", true, true) + objectGrant("Campaign", false, false) + leadTab + salesApp + gives("ViewSetup")
		// The object, its field and the set that opens both come in one package.
		pack := zipOf(t, "package.xml", packageOf("PermissionSet", "Billing", "CustomObject", "Bill__c"),
			"objects/Bill__c.object", fileOf("CustomObject", invoice+"<fields>"+totalField+"</fields>"),
			"permissionsets/Billing.permissionset", fileOf("PermissionSet", file))
		wantIn(t, "deploy", h.deployed(t, pack, "<rollbackOnError>true</rollbackOnError>"), "<status>Succeeded<")
		h.wantRead(t, "PermissionSet", "Billing", `<records xsi:type="PermissionSet"><fullName>Billing</fullName>`+salesApp+fieldGrant("Bill__c.Total__c", "true")+
			"<hasActivationRequired>false</hasActivationRequired><label>Billing</label>"+objectGrant("Bill__c", true, true)+objectGrant("Campaign", false, false)+leadTab)
		wantIn(t, "again", h.deployed(t, pack, ""), "<status>Succeeded<", "<changed>false</changed><componentType>PermissionSet</componentType>")

		set := h.one(t, "SELECT Id FROM PermissionSet WHERE Name = 'Billing'")
		user := h.one(t, "SELECT Id FROM User WHERE LastName = 'Normal'")
		const ask = data + "/query?q=SELECT+Total__c+FROM+Bill__c"
		if status, _ := h.call(t, h.user, "GET", ask, nil); status != 400 {
			t.Errorf("before the assignment: %d", status)
		}
		h.create(t, "PermissionSetAssignment", map[string]any{"PermissionSetId": set, "AssigneeId": user})
		if status, answer := h.call(t, h.user, "POST", data+"/sobjects/Bill__c", map[string]any{"Total__c": 3}); status != 201 {
			t.Errorf("with the set: %d %s", status, answer)
		}

		// A change without creation; what it does not name goes.
		h.wantChange(t, "updateMetadata", component("PermissionSet", "Billing", fieldGrant("bill__c.total__c", "false")+objectGrant("bill__c", false, false)))
		if status, answer := h.call(t, h.user, "GET", ask, nil); status != 200 || !strings.Contains(answer, `"Total__c":3.0`) {
			t.Errorf("reading: %d %s", status, answer)
		}
		if status, _ := h.call(t, h.user, "POST", data+"/sobjects/Bill__c", map[string]any{}); status == 201 {
			t.Error("the user may still create")
		}
		h.wantRead(t, "PermissionSet", "Billing", "</fullName>"+fieldGrant("Bill__c.Total__c", "false"), "<label>Billing</label>"+objectGrant("Bill__c", false, false)+"</records>")
		h.wantChange(t, "upsertMetadata", component("PermissionSet", "Billing", ""))
		if n := h.ids(t, "SELECT Id FROM ObjectPermissions WHERE ParentId = '"+set+"'"); len(n) != 0 {
			t.Error("rows of objects stayed")
		}
		h.wantRead(t, "PermissionSet", "Billing", "</fullName><hasActivationRequired>false</hasActivationRequired><label>Billing</label></records>")

		for _, c := range []struct{ name, fields, want string }{
			{"no such object", objectGrant("Nope__c", true, true), "In field: object - no CustomObject named Nope__c found"},
			{"no such field", fieldGrant("Contact.Nope__c", "true"), "In field: field - no CustomField named Contact.Nope__c found"},
			{"no field at all", fieldGrant("Contact", "true"), "In field: field - no CustomField named Contact found"},
			{"a required field", fieldGrant("Contact.LastName", "true"), "bad value for restricted picklist field: Contact.LastName"},
			{"edit without read", strings.Replace(objectGrant("Lead", false, true), "<allowRead>true", "<allowRead>false", 1), "depends on permission(s): Read Lead"},
			{"twice", fieldGrant("Contact.Title", "true") + fieldGrant("Contact.Title", "true"), "Duplicate fieldPermissions: Contact.Title"},
			{"no name", "<objectPermissions><allowRead>true</allowRead></objectPermissions>", "objectPermissions needs a name"},
			{"all fields", "<objectPermissions><object>Lead</object><viewAllFields>true</viewAllFields></objectPermissions>", "objectPermissions.viewAllFields&#39; of PermissionSet is not supported"},
			{"a tab's visibility", "<tabSettings><tab>standard-Lead</tab><visibility>DefaultOn</visibility></tabSettings>", "DefaultOn&#39; is not a valid value for the enum"},
			{"no switch", "<fieldPermissions><field>Contact.Title</field><readable>maybe</readable></fieldPermissions>", "not a valid value for the type xsd:boolean"},
			{"Apex", "<classAccesses><apexClass>X</apexClass><enabled>true</enabled></classAccesses>", "classAccesses&#39; of PermissionSet is not supported"},
		} {
			wantIn(t, c.name, h.change(t, h.admin, "updateMetadata", component("PermissionSet", "Billing", c.fields)), c.want, "<success>false</success>")
		}
		// A set that gives nothing of an object has no row.
		nothing := strings.ReplaceAll(objectGrant("Lead", false, false), "true", "false")
		h.wantChange(t, "updateMetadata", component("PermissionSet", "Billing", nothing+strings.ReplaceAll(fieldGrant("Contact.Title", "false"), "true", "false")))
		h.wantRead(t, "PermissionSet", "Billing", "</fullName><hasActivationRequired>false</hasActivationRequired><label>Billing</label></records>")
	})
}
