package control_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/twinspan/twinspan/crm/internal/control"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/crm/internal/sfdx"
	"github.com/twinspan/twinspan/internal/fault"
)

func project(more ...sfdx.File) []sfdx.File {
	return append([]sfdx.File{
		{Path: "objects/Invoice__c/Invoice__c.object-meta.xml", Text: "<CustomObject>\n<label>Invoice</label><enableFeeds>true</enableFeeds></CustomObject>"},
		{Path: "objects/Invoice__c/fields/Key__c.field-meta.xml", Text: "<CustomField><label>Key</label><type>Text</type><length>40</length><externalId>true</externalId></CustomField>"},
		{Path: "objects/Contact/fields/Invoice__c.field-meta.xml", Text: "<CustomField><label>Invoice</label><type>Lookup</type><referenceTo>Invoice__c</referenceTo></CustomField>"},
	}, more...)
}

func TestImport(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "import")
		bad := sfdx.File{Path: "objects/Contact/fields/Bad__c.field-meta.xml", Text: "\n<CustomField><label>Bad</label><type>Text</type></CustomField>"}
		out, err := h.Control.Import(t.Context(), o.ID, project(bad))
		if err != nil || out.Fields != 0 || !slices.Equal(out.Problems, []string{"objects/Contact/fields/Bad__c.field-meta.xml:2: Must specify 'length' for a CustomField of type Text"}) {
			t.Errorf("%+v, %v", out, err)
		}
		if h.SessionOf(t, o.Spec.Users[0].Username).Custom != nil {
			t.Error("a refused import left something")
		}
		for range 2 { // once more changes nothing
			out, err = h.Control.Import(t.Context(), o.ID, project())
			if err != nil || out.Objects != 1 || out.Fields != 2 || len(out.Ignored) != 1 {
				t.Fatalf("%+v, %v", out, err)
			}
		}
		s := h.SessionOf(t, o.Spec.Users[0].Username)
		id, err := h.Records.Create(t.Context(), s, "Invoice__c", map[string]any{"Key__c": "K"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Records.Create(t.Context(), s, "Contact", map[string]any{"LastName": "L", "Invoice__c": string(id)}); err != nil {
			t.Error(err)
		}
		private := sfdx.File{Path: "objects/Account/Account.object-meta.xml", Text: "<CustomObject><sharingModel>Private</sharingModel></CustomObject>"}
		if out, err := h.Control.Import(t.Context(), o.ID, []sfdx.File{private}); err != nil || out.Objects != 1 || len(out.Problems)+len(out.Ignored) > 0 {
			t.Errorf("a sharing model: %+v, %v", out, err)
		}
		account, err := h.Records.Create(t.Context(), o.Admin, "Account", map[string]any{"Name": "Private"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Records.Read(t.Context(), h.SessionOf(t, o.Spec.Users[1].Username), "Account", string(account), nil); fault.KindOf(err) != fault.NotFound {
			t.Errorf("another's account: %v", err)
		}
		if _, err := h.Control.Import(t.Context(), o.ID, nil); fault.CodeOf(err) != control.CodeBadProject {
			t.Errorf("nothing to import: %v", err)
		}
		broken := make([]sfdx.File, 30)
		for i := range broken {
			broken[i] = sfdx.File{Path: fmt.Sprintf("objects/A__c/fields/F%02d__c.field-meta.xml", i), Text: "<"}
		}
		if out, err := h.Control.Import(t.Context(), o.ID, broken); err != nil || len(out.Problems) != 21 || out.Problems[20] != "and 10 more" {
			t.Errorf("%+v, %v", out, err)
		}
		if _, err := h.Control.Import(t.Context(), o.ID, make([]sfdx.File, sfdx.MaxFiles+1)); fault.KindOf(err) != fault.TooLarge {
			t.Errorf("too many: %v", err)
		}
	})
}
