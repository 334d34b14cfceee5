package sfdx_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/sfdx"
)

const head = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

func field(contents string) string {
	return head + `<CustomField xmlns="http://soap.sforce.com/2006/04/metadata">` + contents + `</CustomField>`
}

func object(contents string) string {
	return head + `<CustomObject xmlns="http://soap.sforce.com/2006/04/metadata">` + contents + `</CustomObject>`
}

func TestProject(t *testing.T) {
	t.Parallel()
	p := sfdx.Read([]sfdx.File{
		{Path: "force-app/main/default/objects/Invoice__c/fields/State__c.field-meta.xml", Text: field(`
  <fullName>State__c</fullName><label>State</label><type>Picklist</type><trackHistory>false</trackHistory>
  <valueSet><restricted>true</restricted><valueSetDefinition><sorted>true</sorted>
    <value><fullName>open</fullName><default>true</default><label>Open</label></value>
    <value><fullName>closed</fullName><default>false</default><label>Closed</label></value>
    <value><fullName>old</fullName><default>false</default><isActive>false</isActive></value>
  </valueSetDefinition></valueSet>`)},
		{Path: "force-app/main/default/objects/Invoice__c/fields/Number__c.field-meta.xml", Text: field(
			`<label>Number &amp; more</label><type>Number</type><precision>10</precision><scale>2</scale><externalId>true</externalId><unique>true</unique>`)},
		{Path: "force-app/main/default/objects/Invoice__c/Invoice__c.object-meta.xml", Text: object(
			`<label>Invoice</label><pluralLabel>Invoices</pluralLabel><nameField><displayFormat>I-{000}</displayFormat><label>No.</label><type>AutoNumber</type></nameField>
<sharingModel>Private</sharingModel><deploymentStatus>Deployed</deploymentStatus><enableReports>true</enableReports>`)},
		{Path: "objects/Contact/Contact.object-meta.xml", Text: object(`<fields><fullName>Inside__c</fullName><label>Inside</label><type>Checkbox</type></fields>`)},
		{Path: "objects/Contact/fields/LastName.field-meta.xml", Text: field(``)},
		{Path: "objects/Contact/fields/et4ae5__X__c.field-meta.xml", Text: field(``)},
		{Path: "classes/Foo.cls", Text: "nothing of ours"},
	})
	if len(p.Errors) > 0 {
		t.Fatal(p.Errors[0])
	}
	var got []string
	for _, c := range p.Changes {
		if c.Action != org.ActionUpsert {
			t.Errorf("%+v", c)
		}
		if o := c.Object; o != nil {
			got = append(got, fmt.Sprintf("%s %s %s %s %s %s", o.Name, o.Label, o.Plural, o.NameLabel, o.AutoNumber, o.Sharing))
			continue
		}
		f := c.Field
		got = append(got, fmt.Sprintf("%s.%s %s %s %d,%d %v %v %v", f.Object, f.Name, f.Label, f.Type, f.Precision, f.Scale, f.ExternalID, f.Unique, f.Values))
	}
	want := []string{
		"Invoice__c Invoice Invoices No. I-{000} Private",
		"Invoice__c.Number__c Number & more Number 10,2 true true []",
		"Invoice__c.State__c State Picklist 0,0 false false [{closed Closed false} {open Open true}]",
		"Contact.Inside__c Inside Checkbox 0,0 false false []",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var notes []string
	for _, e := range p.Ignored {
		notes = append(notes, e.Error())
	}
	for _, want := range []string{"<enableReports> is not kept", "State__c.field-meta.xml:3: <trackHistory> is not kept", "LastName is standard", "et4ae5__X__c is a managed package's", "Contact is standard"} {
		if !strings.Contains(strings.Join(notes, "\n"), want) {
			t.Errorf("%s is not said: %q", want, notes)
		}
	}
}

func TestMistakesAreNamedByFileAndLine(t *testing.T) {
	t.Parallel()
	const place = "objects/Contact/fields/X__c.field-meta.xml"
	for name, c := range map[string]struct{ path, text, want string }{
		"broken XML":          {place, head + "<CustomField>\n<label>", place + ":3: unexpected EOF"},
		"no XML":              {place, "", place + ":1: no XML"},
		"another element":     {place, head + "<Layout/>", place + ":2: <CustomField> was expected, this is <Layout>"},
		"a DTD":               {place, `<!DOCTYPE x [<!ENTITY a "b">]>` + "\n<CustomField/>", place + ":1: document types are not read"},
		"an entity":           {place, field("\n<label>&a;</label>"), place + ":3: invalid character entity &a;"},
		"no number":           {place, field("\n\n<length>ten</length>"), place + `:4: <length>: "ten" is no number`},
		"no switch":           {place, field("\n<unique>yes</unique>"), place + ":3: <unique> is true or false"},
		"a formula":           {place, field("\n<type>Text</type>\n<formula>1</formula>"), place + ":4: formula and roll-up summary fields are not supported here"},
		"a global value set":  {place, field("\n<valueSet>\n<valueSetName>G</valueSetName></valueSet>"), place + ":4: global value sets are not supported here"},
		"a field that strays": {"X__c.field-meta.xml", field(""), "X__c.field-meta.xml: a field's file stands in objects/OBJECT/fields"},
		"a second root":       {place, "<CustomField/>\n<CustomField/>", place + ":2: a second root element"},
		"text among elements": {place, field("\nx<label>a</label>"), place + ":3: text beside elements in <CustomField>"},
		"too deep":            {place, field(strings.Repeat("<a>", 20) + strings.Repeat("</a>", 20)), place + ":2: too many elements, or too deep"},
		"too large":           {place, field(strings.Repeat(" ", sfdx.MaxFile)), place + ": larger than 1048576 bytes"},
		"a name field":        {"o/A__c/A__c.object-meta.xml", object("\n<nameField><type>Number</type></nameField>"), "o/A__c/A__c.object-meta.xml:3: a name field is of type Text or AutoNumber"},
	} {
		p := sfdx.Read([]sfdx.File{{Path: c.path, Text: c.text}})
		if len(p.Errors) != 1 || p.Errors[0].Error() != c.want {
			t.Errorf("%s: %v, want %s", name, p.Errors, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("objects/A__c/A__c.object-meta.xml", object(`<fields><fullName>X__c</fullName></fields>`))
	f.Add("objects/A__c/fields/X__c.field-meta.xml", field(`<valueSet><valueSetDefinition><value/></valueSetDefinition></valueSet>`))
	f.Fuzz(func(t *testing.T, path, text string) {
		p := sfdx.Read([]sfdx.File{{Path: path, Text: text}})
		for _, c := range p.Changes {
			if (c.Object == nil) == (c.Field == nil) {
				t.Errorf("%+v", c)
			}
		}
	})
}

// A project brings who shares the records of standard objects, as far as this org keeps that.
func TestSharingOfStandardObjects(t *testing.T) {
	t.Parallel()
	file := func(object, model string) sfdx.File {
		return sfdx.File{
			Path: "objects/" + object + "/" + object + ".object-meta.xml",
			Text: "<CustomObject xmlns=\"http://soap.sforce.com/2006/04/metadata\">\n  <enableFeeds>true</enableFeeds>\n  <sharingModel>" + model + "</sharingModel>\n</CustomObject>",
		}
	}
	p := sfdx.Read([]sfdx.File{file("Account", "Private"), file("Contact", "ControlledByParent"), file("Event", "Private"), file("Lead", "Read")})
	if len(p.Errors) > 0 || len(p.Changes) != 2 {
		t.Fatalf("%+v", p)
	}
	for i, want := range []org.CustomObject{{Name: "Account", Sharing: "Private"}, {Name: "Lead", Sharing: "Read"}} {
		if got := p.Changes[i]; got.Action != org.ActionUpsert || *got.Object != want || got.Line != 3 {
			t.Errorf("%+v", got)
		}
	}
	var ignored []string
	for _, e := range p.Ignored {
		ignored = append(ignored, e.Error())
	}
	if got := strings.Join(ignored, "\n"); got != "objects/Contact/Contact.object-meta.xml:3: <sharingModel> ControlledByParent is not kept: of Contact it is Private, Read or ReadWrite here\n"+
		"objects/Event/Event.object-meta.xml:3: <sharingModel> of Event is not kept" {
		t.Errorf("%s", got)
	}
}
