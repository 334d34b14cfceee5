package org

import (
	"strings"
	"time"
)

// ObjectSetupAuditTrail keeps who changed what in Setup.
const ObjectSetupAuditTrail = "SetupAuditTrail"

// maxDisplay is how many characters of what happened a row of the trail keeps.
const maxDisplay = 1000

// Audit adds a row to the Setup Audit Trail, in the transaction of the change. Where an administrator is logged in as
// the session's user, the row names both (SetupAuditTrail.DelegateUser, crm-wire 5.2).
func Audit(tx RecordTx, s Session, at time.Time, action, section, display string) error {
	schema := StandardSchema()
	if r := []rune(display); len(r) > maxDisplay {
		display = string(r[:maxDisplay])
	}
	v := Values{
		"Id": string(NewID(PrefixSetupAuditTrail)), "Action": action, "Section": section, "Display": display,
		"CreatedDate": at, "CreatedById": string(s.User),
	}
	if s.Delegate != "" {
		found, err := tx.Find(schema.must(ObjectUser), s.Org, Values{"Id": string(s.Delegate)}, 1)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			v["DelegateUser"] = found[0].Text("Username")
		}
	}
	return tx.Insert(schema.must(ObjectSetupAuditTrail), s.Org, v)
}

// trailed are the objects whose changes the trail keeps, with the section of Setup that they belong to.
var trailed = map[string]string{
	ObjectUser: "Manage Users", ObjectPermissionSet: "Manage Users", ObjectPermissionSetAssignment: "Manage Users",
	ObjectSetupEntityAccess: "Manage Users", ObjectConnectedApplication: "Connected Apps", ObjectProfile: "Manage Users",
	ObjectOrganization: "Company Information", ObjectUserLogin: "Manage Users",
}

// audit notes the change in the trail where it is one of Setup. Fields are named, values only where they decide access.
func (c *change) audit(verb string) error {
	section, ok := trailed[c.object.Name]
	if !ok || c.unaudited {
		return nil
	}
	name := c.text("Name")
	switch c.object.Name {
	case ObjectUser:
		name = c.text("Username")
	case ObjectPermissionSetAssignment:
		name = c.text("PermissionSetId") + " for user " + c.text("AssigneeId")
	case ObjectSetupEntityAccess:
		name = c.text("SetupEntityId") + " for permission set " + c.text("ParentId")
	case ObjectUserLogin:
		name = c.text("UserId")
	}
	display := verb + " " + strings.ToLower(c.object.Label) + " " + name
	var changed []string
	if verb == "Changed" {
		for _, f := range c.object.Fields {
			if f.Updateable && c.changes(f.Name) {
				changed = append(changed, f.Name+trailValue(c, f))
			}
		}
		if len(changed) == 0 {
			return nil
		}
		display += ": " + strings.Join(changed, ", ")
	}
	action := strings.ToLower(verb) + strings.ToLower(c.object.Name)
	return Audit(c.tx, c.session, c.at, action, section, display)
}

// trailValue is the new value of a field as the trail shows it: that of a switch, and of the address that mail goes to.
func trailValue(c *change, f *Field) string {
	switch v := c.values[f.Name].(type) {
	case bool:
		if v {
			return " to true"
		}
		return " to false"
	case string:
		if f.Name == "Email" || f.Name == "Username" || f.Name == "ProfileId" {
			return " to " + v
		}
	}
	return ""
}

func setupAuditTrailObject() *Object {
	return &Object{
		Name: ObjectSetupAuditTrail, Label: "Setup Audit Trail Entry", Plural: "Setup Audit Trail", KeyPrefix: PrefixSetupAuditTrail,
		View: Need{{PermViewSetup}},
		Fields: fields(idField(),
			text("Action", "Action", 80).filled().readOnly(),
			text("Section", "Section", 80).filled().readOnly(),
			text("Display", "Display", maxDisplay).filled().readOnly(),
			typed("CreatedDate", "Created Date", TypeDateTime, 0).filled().readOnly(),
			reference("CreatedById", "Created By ID", "CreatedBy", "", ObjectUser).filled().readOnly(),
			text("DelegateUser", "Delegate User", 80).readOnly(),
			text("ResponsibleNamespacePrefix", "Responsible Namespace Prefix", 15).readOnly()),
	}
}
