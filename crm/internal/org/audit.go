package org

import (
	"strconv"
	"strings"
	"time"
)

// ObjectSetupAuditTrail keeps who changed what in Setup.
const ObjectSetupAuditTrail = "SetupAuditTrail"

// maxDisplay is how many characters of what happened a row of the trail keeps.
const maxDisplay = 1000

// trailNumbers are drawn for the rows of the trail.
var trailNumbers = NewNumbers(time.Now)

// nextTrailID is greater than all that this process drew before it. It has digits and capitals alone, which bytes and the locale of
// any database sort alike.
func nextTrailID() ID {
	id := []byte(PrefixSetupAuditTrail + "000000000000")
	for i, n := len(id)-1, trailNumbers.Next(); n > 0; i, n = i-1, n/36 { // 36^12 is enough until 2054
		id[i] = base62[n%36]
	}
	return ID(string(id) + checksum(string(id)))
}

// Audit adds a row to the Setup Audit Trail, in the transaction of the change. Where an administrator is logged in as
// the session's user, the row names both (SetupAuditTrail.DelegateUser, crm-wire 5.2). Rows of one moment sort by their ids, which are
// in the order of the changes.
func Audit(tx RecordTx, s Session, at time.Time, action, section, display string) error {
	schema := StandardSchema()
	if r := []rune(display); len(r) > maxDisplay {
		display = string(r[:maxDisplay])
	}
	v := Values{
		"Id": string(nextTrailID()), "Action": action, "Section": section, "Display": display,
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
	ObjectSetupEntityAccess: "Manage Users", ObjectObjectPermissions: "Manage Users", ObjectFieldPermissions: "Manage Users",
	ObjectConnectedApplication: "Connected Apps", ObjectProfile: "Manage Users",
	ObjectOrganization: "Company Information", ObjectUserLogin: "Manage Users",
	ObjectOrgWideAddress: "Organization-Wide Addresses", ObjectAuthorizedDomain: "Authorized Email Domains", ObjectRemoteSite: "Remote Site Settings",
}

// audit notes the change in the trail where it is one of Setup. Fields are named, values only where they decide access.
func (c *change) audit(verb string) error {
	section, ok := trailed[c.object.Name]
	if !ok || c.unaudited {
		return nil
	}
	name, err := c.trailName()
	if err != nil {
		return err
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
		display += ": " + c.note + strings.Join(changed, ", ")
	} else if c.note != "" {
		display += ": " + strings.TrimSuffix(c.note, "; ")
	}
	action := strings.ToLower(verb) + strings.ToLower(c.object.Name)
	return Audit(c.tx, c.session, c.at, action, section, display)
}

// trailName is what the trail calls the record: by what people know it by, also where it only ties two others.
func (c *change) trailName() (string, error) {
	named := func(object, field, by string) (string, error) {
		id := c.text(field)
		found, err := c.tx.Find(c.schema.must(object), c.session.Org, Values{"Id": id}, 1)
		if err != nil || len(found) == 0 || found[0].Text(by) == "" {
			return id, err
		}
		return found[0].Text(by), nil
	}
	two := func(first string, err error, word, object, field, by string) (string, error) {
		if err != nil {
			return "", err
		}
		second, err := named(object, field, by)
		return first + word + second, err
	}
	switch c.object.Name {
	case ObjectUser:
		return c.text("Username"), nil
	case ObjectPermissionSet:
		return fullName(c.text("NamespacePrefix"), c.text("Name")), nil
	case ObjectPermissionSetAssignment:
		set, err := named(ObjectPermissionSet, "PermissionSetId", "Label")
		return two(set, err, " for user ", ObjectUser, "AssigneeId", "Username")
	case ObjectObjectPermissions:
		return two(c.text("SobjectType"), nil, " for permission set ", ObjectPermissionSet, "ParentId", "Label")
	case ObjectFieldPermissions:
		return two(c.text("Field"), nil, " for permission set ", ObjectPermissionSet, "ParentId", "Label")
	case ObjectSetupEntityAccess:
		app, err := named(ObjectConnectedApplication, "SetupEntityId", "Name")
		return two(app, err, " for permission set ", ObjectPermissionSet, "ParentId", "Label")
	case ObjectOrgWideAddress:
		return c.text("Address"), nil
	case ObjectAuthorizedDomain:
		return c.text("DomainName"), nil
	case ObjectRemoteSite:
		return c.text("SiteName") + " " + c.text("EndpointUrl"), nil
	case ObjectUserLogin:
		return named(ObjectUser, "UserId", "Username")
	}
	return c.text("Name"), nil
}

// trailValue is the new value of a field as the trail shows it: that of a switch, and of the address that mail goes to.
func trailValue(c *change, f *Field) string {
	switch v := c.values[f.Name].(type) {
	case bool:
		if v {
			return " to true"
		}
		return " to false"
	case int64:
		return " to " + strconv.FormatInt(v, 10)
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
			text("ResponsibleNamespacePrefix", "Responsible Namespace Prefix", 15).readOnly(),
			text("CreatedByContext", "Created By Context", 64).absent(), text("CreatedByIssuer", "Created By Issuer", 255).absent()),
	}
}
