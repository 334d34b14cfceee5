package sqlstore_test

import (
	"encoding/json"
	"testing"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

// Fields are made, changed and deleted as records of the Tooling API.
func TestCustomFieldsByTooling(t *testing.T) {
	desks(t, func(d desk) {
		tooling := func() desk {
			other := d.as(d.org.Spec.Users[0].Username)
			other.org.Admin.Tooling = true
			return other
		}
		d.custom(org.CustomChange{Object: &org.CustomObject{Name: "Invoice__c", Label: "Invoice"}})
		api := tooling()
		id := api.make("CustomField", map[string]any{"FullName": "Contact.Way__c", "Metadata": map[string]any{
			"label": "Way", "type": "Picklist", "trackHistory": false, "valueSet": map[string]any{"restricted": true, "valueSetDefinition": map[string]any{
				"sorted": false, "value": []any{map[string]any{"fullName": "Mail", "label": "Mail", "default": true}, map[string]any{"valueName": "Web", "default": false}},
			}},
		}})
		api.make("CustomField", map[string]any{"FullName": "Invoice__c.Paid__c", "Metadata": map[string]any{"label": "Paid", "type": "Checkbox", "defaultValue": true}})
		d = d.as(d.org.Spec.Users[0].Username)
		contact := d.make("Contact", map[string]any{"LastName": "L"})
		d.shows("Contact", contact, map[string]any{"Way__c": "Mail"})
		d.shows("Invoice__c", d.make("Invoice__c", nil), map[string]any{"Paid__c": true})
		api = tooling()
		api.asks("SELECT DeveloperName, TableEnumOrId FROM CustomField WHERE TableEnumOrId = 'Contact'", "Way|Contact")
		api.asks("SELECT DeveloperName FROM CustomObject", "Invoice")
		rec, err := api.house.Records.Read(t.Context(), api.org.Admin, "CustomField", id, []string{"FullName", "Metadata"})
		if err != nil {
			t.Fatal(err)
		}
		text, _ := rec.Values["Metadata"].(org.JSON)
		var metadata map[string]any
		if err := json.Unmarshal([]byte(text), &metadata); err != nil || metadata["label"] != "Way" || metadata["type"] != "Picklist" || metadata["valueSet"] == nil {
			t.Errorf("%s, %v", text, err)
		}
		metadata["label"] = "Channel"
		api.change("CustomField", id, map[string]any{"Metadata": metadata})
		d = d.as(d.org.Spec.Users[0].Username)
		if f := d.org.Admin.Schema().Object("Contact", nil).Field("Way__c"); f.Label != "Channel" || len(f.Picklist) != 2 || string(f.ID) != id {
			t.Errorf("%+v", f)
		}
		api = tooling()
		for name, c := range map[string]struct {
			in   map[string]any
			code fault.Code
		}{
			"no metadata":      {map[string]any{"FullName": "Contact.X__c"}, org.CodeRequiredFieldMissing},
			"a text":           {map[string]any{"FullName": "Contact.X__c", "Metadata": "{}"}, org.CodeWrongJSONType},
			"no definition":    {map[string]any{"FullName": "Contact.X__c", "Metadata": map[string]any{"length": "x"}}, org.CodeBadCustom},
			"no label":         {map[string]any{"FullName": "Contact.X__c", "Metadata": map[string]any{"type": "Date"}}, org.CodeBadCustom},
			"a taken name":     {map[string]any{"FullName": "Contact.Way__c", "Metadata": map[string]any{"label": "X", "type": "Date"}}, org.CodeCustomTaken},
			"no such object":   {map[string]any{"FullName": "Nope.X__c", "Metadata": map[string]any{"label": "X", "type": "Date"}}, org.CodeInvalidType},
			"no object at all": {map[string]any{"FullName": "X__c", "Metadata": map[string]any{"label": "X", "type": "Date"}}, org.CodeInvalidType},
		} {
			if _, err := api.house.Records.Create(t.Context(), api.org.Admin, "CustomField", c.in); fault.CodeOf(err) != c.code {
				t.Errorf("%s: %v, want %s", name, err, c.code)
			}
		}
		api.delete("CustomField", id)
		d = d.as(d.org.Spec.Users[0].Username)
		if d.org.Admin.Schema().Object("Contact", nil).Field("Way__c") != nil {
			t.Error("a deleted field is there")
		}
		if _, err := d.house.Records.Object(d.org.Admin, "CustomField"); fault.CodeOf(err) != org.CodeInvalidType {
			t.Errorf("by the data API: %v", err)
		}
	})
}
