package org

import (
	"encoding/json"
	"strings"
)

// Objects of the Tooling API that show an org's customization.
const (
	ObjectCustomObject = "CustomObject"
	ObjectCustomField  = "CustomField"
)

// customObjects: objects to query, as on the real service, which makes them by the Metadata API alone; fields to make,
// change and delete too.
func customObjects() []*Object {
	customize := Need{{PermCustomizeApplication}}
	seen := Need{{PermViewSetup, PermCustomizeApplication}}
	return []*Object{
		{
			Name: ObjectCustomField, Label: "Custom Field", Plural: "Custom Fields", KeyPrefix: PrefixCustomField, Setup: true,
			Createable: true, Updateable: true, Deletable: true, View: seen, Create: customize, Update: customize, Delete: customize,
			Fields: fields(idField(),
				text("TableEnumOrId", "Entity Enumeration Or ID", 40).filled().readOnly(), text("DeveloperName", "Developer Name", 80).filled().readOnly(),
				text("NamespacePrefix", "Namespace Prefix", 15).readOnly(),
				notFilterable(text("FullName", "Full Name", 255)).required().createOnly(),
				typed("Metadata", "Metadata", TypeComplex, 131072).required(), auditFields()),
		},
		{
			Name: ObjectCustomObject, Label: "Custom Object", Plural: "Custom Objects", KeyPrefix: PrefixCustomObject, Setup: true, View: seen,
			Fields: fields(idField(),
				text("DeveloperName", "Developer Name", 80).required().readOnly(), text("NamespacePrefix", "Namespace Prefix", 15).readOnly(), auditFields()),
		},
	}
}

// customize makes one change of the customization in the record's transaction.
func (c *change) customize(change CustomChange) error {
	tx, err := c.tx.Customizing(c.session.Org)
	if err != nil {
		return err
	}
	return (&customizing{tx: tx, session: c.session, at: c.at}).apply(change)
}

// customField reads a definition out of the field Metadata.
func (c *change) customField() (CustomField, error) {
	var f CustomField
	text, _ := c.get("Metadata").(JSON)
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		return f, badCustom("Metadata: this is no definition of a field")
	}
	f.Object, f.Name, _ = strings.Cut(c.text("FullName"), ".")
	f.ID = c.id
	return f, nil
}

func insertCustomField(c *change) error {
	f, err := c.customField()
	if err != nil {
		return err
	}
	return c.customize(CustomChange{Action: ActionCreate, Field: &f})
}

func updateCustomField(c *change) error {
	f, err := c.customField()
	if err != nil || !c.changes("Metadata") {
		return err
	}
	return c.customize(CustomChange{Action: ActionUpdate, Field: &f})
}

func removeCustomField(c *change) error {
	f := CustomField{}
	f.Object, f.Name, _ = strings.Cut(c.old.Text("FullName"), ".")
	return c.customize(CustomChange{Action: ActionDelete, Field: &f})
}
