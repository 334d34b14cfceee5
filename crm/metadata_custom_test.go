package crm_test

import (
	"strings"
	"testing"
)

const invoiceFields = `<deploymentStatus>Deployed</deploymentStatus><label>Invoice</label><nameField><displayFormat>INV-{0000}</displayFormat><label>Number</label><type>AutoNumber</type></nameField>` +
	`<pluralLabel>Invoices</pluralLabel><sharingModel>ReadWrite</sharingModel>`

const totalField = `<fullName>Total__c</fullName><externalId>false</externalId><label>Total</label><precision>18</precision><required>false</required><scale>2</scale><type>Currency</type><unique>false</unique>`

const stateField = `<fullName>State__c</fullName><externalId>false</externalId><label>State</label><required>false</required><type>Picklist</type><unique>false</unique>` +
	`<valueSet><restricted>true</restricted><valueSetDefinition><sorted>false</sorted><value><fullName>Open</fullName><default>true</default><label>Open</label></value>` +
	`<value><fullName>Paid</fullName><default>false</default><label>Paid</label></value></valueSetDefinition></valueSet>`

func TestCustomObjectMetadata(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.wantRead(t, "CustomObject", "Invoice__c", noRecord)
		h.wantChange(t, "createMetadata", component("CustomObject", "Invoice__c", invoiceFields+"<fields>"+totalField+"</fields>"))
		h.wantRead(t, "CustomObject", "Invoice__c", `<records xsi:type="CustomObject"><fullName>Invoice__c</fullName>`, "<fields><fullName>Total__c</fullName>",
			"<precision>18</precision>", "<displayFormat>INV-{0000}</displayFormat>", "<pluralLabel>Invoices</pluralLabel>")
		h.wantChange(t, "upsertMetadata", component("CustomField", "Invoice__c.State__c", strings.TrimPrefix(stateField, "<fullName>State__c</fullName>")))
		h.wantRead(t, "CustomField", "Invoice__c.State__c", "<fullName>Invoice__c.State__c</fullName>", "<restricted>true</restricted>", "<fullName>Paid</fullName>")
		h.wantChange(t, "updateMetadata", component("CustomField", "Invoice__c.State__c", strings.Replace(strings.TrimPrefix(stateField, "<fullName>State__c</fullName>"), "<label>State</label>", "<label>Status</label>", 1)))
		h.wantRead(t, "CustomField", "Invoice__c.State__c", "<label>Status</label>")
		for kind, want := range map[string]string{"CustomObject": "<fileName>objects/Invoice__c.object</fileName><fullName>Invoice__c</fullName>", "CustomField": "<fileName>objects/Invoice__c.object</fileName><fullName>Invoice__c.State__c</fullName>"} {
			_, answer := h.metadata(t, h.admin, "<listMetadata><queries><type>"+kind+"</type></queries></listMetadata>")
			wantIn(t, "list", answer, want, "<createdById>005", "<createdByName>Ada Admin</createdByName>", "<lastModifiedByName>Ada Admin</lastModifiedByName>")
			if strings.Contains(answer, "0001-01-01") {
				t.Errorf("a component without dates: %s", answer)
			}
		}
		id := h.create(t, "Invoice__c", map[string]any{"Total__c": 12.5})
		if got := h.one(t, "SELECT Id FROM Invoice__c WHERE Name = 'INV-0001' AND Total__c = 12.5 AND State__c = 'Open'"); got != id {
			t.Errorf("the record: %s, want %s", got, id)
		}
		for _, c := range []struct{ name, operation, components, want string }{
			{"taken", "createMetadata", component("CustomObject", "Invoice__c", invoiceFields), "DUPLICATE_DEVELOPER_NAME"},
			{"no custom name", "createMetadata", component("CustomObject", "Invoice", invoiceFields), "FIELD_INTEGRITY_EXCEPTION"},
			{"nothing to update", "updateMetadata", component("CustomObject", "Order__c", invoiceFields), "INVALID_CROSS_REFERENCE_KEY"},
			{"another type", "updateMetadata", component("CustomField", "Invoice__c.Total__c", "<label>Total</label><type>Text</type><length>10</length>"), "cannot be changed"},
			{"no object", "createMetadata", component("CustomField", "Total__c", "<label>T</label><type>Checkbox</type>"), "Object.Field"},
			{"a formula", "createMetadata", component("CustomField", "Invoice__c.F__c", "<label>F</label><type>Text</type><formula>1</formula>"), "formula"},
		} {
			wantIn(t, c.name, h.change(t, h.admin, c.operation, c.components), c.want, "<success>false</success>")
		}
		if answer := h.change(t, h.user, "createMetadata", component("CustomObject", "Mine__c", invoiceFields)); !strings.Contains(answer, "INSUFFICIENT_ACCESS") {
			t.Errorf("a standard user: %s", answer)
		}
		wantIn(t, "delete", h.change(t, h.admin, "deleteMetadata", "<type>CustomField</type><fullNames>Invoice__c.State__c</fullNames><fullNames>Invoice__c.Nope__c</fullNames>"),
			"<fullName>Invoice__c.State__c</fullName><success>true</success>", "INVALID_CROSS_REFERENCE_KEY")
		h.wantChange(t, "deleteMetadata", "<type>CustomObject</type><fullNames>Invoice__c</fullNames>")
		h.wantRead(t, "CustomObject", "Invoice__c", noRecord)
	})
}

// A project's objects come in one package: fields that name each other's objects, whatever the order, a field on a standard
// object, and a layout that shows it.
func TestDeployCustomObjects(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		lookup := `<fields><fullName>Invoice__c</fullName><label>Invoice</label><referenceTo>Invoice__c</referenceTo><relationshipName>Lines</relationshipName><type>Lookup</type></fields>`
		layout := strings.Replace(h.sections(t), "<layoutColumns>", "<layoutColumns><layoutItems><behavior>Edit</behavior><field>Desk__c</field></layoutItems>", 1)
		pack := zipOf(t, "package.xml", packageOf("Layout", "User-User Layout", "CustomObject", "*", "CustomField", "Invoice__c.Total__c,User.Desk__c"),
			"objects/Account_Line__c.object", fileOf("CustomObject", strings.ReplaceAll(invoiceFields, "Invoice", "Line")+"<enableReports>true</enableReports>"+lookup),
			"objects/Invoice__c.object", fileOf("CustomObject", invoiceFields+"<fields>"+totalField+"</fields><fields>"+stateField+"</fields>"),
			"objects/User.object", fileOf("CustomObject", "<fields><fullName>Desk__c</fullName><label>Desk</label><length>20</length><type>Text</type></fields>"),
			"layouts/User-User Layout.layout", fileOf("Layout", layout))
		answer := h.deployed(t, pack, "<rollbackOnError>true</rollbackOnError>")
		wantIn(t, "deploy", answer, "<status>Succeeded</status>", "<componentType>CustomField</componentType><created>true<", "<fullName>Account_Line__c.Invoice__c</fullName>",
			"<fullName>User.Desk__c</fullName>", "&lt;enableReports&gt; is not kept</problem><problemType>Warning")
		if n := strings.Count(answer, "<fullName>Invoice__c.Total__c</fullName>"); n != 1 {
			t.Errorf("a field that is named twice is told %d times", n)
		}
		invoice := h.create(t, "Invoice__c", map[string]any{"Total__c": 3})
		h.create(t, "Account_Line__c", map[string]any{"Invoice__c": invoice})
		h.one(t, "SELECT Id FROM Account_Line__c WHERE Invoice__r.Total__c = 3")
		if after := h.sections(t); !strings.Contains(after, "<field>Desk__c</field>") {
			t.Errorf("the layout: %s", after)
		}
		wantIn(t, "again", h.deployed(t, pack, ""), "<status>Succeeded<", "<changed>false</changed><componentType>CustomObject</componentType>")

		bad := zipOf(t, "package.xml", packageOf("CustomObject", "Order__c", "CustomField", "Invoice__c.Nope__c"),
			"objects/Order__c.object", fileOf("CustomObject", strings.ReplaceAll(invoiceFields, "Invoice", "Order")+"<fields><fullName>X__c</fullName><label>X</label><type>Spell</type></fields>"),
			"objects/Invoice__c.object", fileOf("CustomObject", ""))
		wantIn(t, "a bad field", h.deployed(t, bad, "<rollbackOnError>true</rollbackOnError>"), "<status>Failed<", "<fullName>Order__c.X__c</fullName><problem>", "Invoice__c.Nope__c")
		h.wantRead(t, "CustomObject", "Order__c", noRecord)

		gone := zipOf(t, "package.xml", packageOf(), "destructiveChanges.xml", packageOf("CustomObject", "Invoice__c,Account_Line__c", "CustomField", "Account_Line__c.Invoice__c"))
		wantIn(t, "destructive changes", h.deployed(t, gone, "<rollbackOnError>true</rollbackOnError>"), "<status>Succeeded<")
		h.wantRead(t, "CustomObject", "Invoice__c", noRecord)
	})
}
