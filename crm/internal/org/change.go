package org

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// change is one record on its way into the store, inside a transaction.
type change struct {
	tx      RecordTx
	session Session
	schema  *Schema
	object  *Object
	id      ID
	at      time.Time // domain time
	machine time.Time
	old     Values // the record as it was; nil while it is created
	values  Values // what will be written
	// unaudited: the change is part of making an org, not of somebody's work in Setup.
	unaudited bool
	// checkQuery is Records.CheckQuery.
	checkQuery func(s Session, query string) error
	// invite is Records.Invite.
	invite func(tx RecordTx, s Session, object string, row Values) error
	hard   bool   // what is deleted is gone for good
	late   bool   // the record was deleted before, and what hangs on it follows
	note   string // what the Setup Audit Trail says beside the fields
}

// rules are what an object asks for beyond its schema. Each may change c.values; nil functions ask for nothing.
type rules struct {
	before       func(c *change) error // before a record is created or updated
	after        func(c *change) error // once it is written
	beforeDelete func(c *change) error
	// insert, update and remove take the place of the store's own, for records that are a view of something else.
	insert func(c *change) error
	update func(c *change) error
	remove func(c *change) error
}

func rulesOf(o *Object) rules {
	switch o.Name {
	case ObjectUser:
		return rules{before: beforeUser, after: afterUser}
	case ObjectPermissionSet:
		return rules{before: beforePermissionSet, beforeDelete: beforePermissionSetDelete}
	case ObjectPermissionSetAssignment:
		return rules{before: beforeAssignment, beforeDelete: beforeAssignmentDelete}
	case ObjectSetupEntityAccess:
		return rules{before: beforeSetupEntityAccess}
	case ObjectConnectedApplication:
		return rules{before: beforeConnectedApplication}
	case ObjectContact, ObjectLead:
		return rules{before: beforePerson}
	case ObjectOpportunity:
		return rules{before: beforeOpportunity}
	case ObjectCase:
		return rules{before: beforeCase}
	case ObjectTask:
		return rules{before: beforeTask}
	case ObjectCampaign:
		return rules{after: afterCampaign}
	case ObjectCampaignMember:
		return rules{before: beforeCampaignMember}
	case ObjectCampaignMemberStatus:
		return rules{after: afterCampaignMemberStatus}
	case ObjectReport:
		return rules{before: beforeReport}
	case ObjectCustomField:
		return rules{insert: insertCustomField, update: updateCustomField, remove: removeCustomField}
	case ObjectObjectPermissions:
		return rules{before: beforeObjectPermissions}
	case ObjectFieldPermissions:
		return rules{before: beforeFieldPermissions}
	case ObjectUserLogin:
		return rules{update: updateUserLogin}
	case ObjectAuthSession:
		return rules{remove: removeAuthSession}
	case ObjectOrgWideAddress:
		return rules{before: beforeOrgWideAddress}
	case ObjectAuthorizedDomain:
		return rules{before: beforeAuthorizedDomain}
	case ObjectRemoteSite:
		return rules{before: beforeRemoteSite}
	case ObjectInstallRequest:
		return rules{before: beforeInstallRequest}
	case ObjectUninstallRequest:
		return rules{before: beforeUninstallRequest}
	}
	switch {
	case o.AutoNumber != "":
		return rules{before: numberRecord}
	case o.Own:
		return rules{before: nameRecord}
	}
	return rules{}
}

// get is the value that the record will have.
func (c *change) get(name string) any {
	if v, ok := c.values[name]; ok {
		return v
	}
	return c.old[name]
}

func (c *change) text(name string) string {
	s, _ := c.get(name).(string)
	return s
}

// changes reports whether the field gets another value than it had; on create, whether it gets one.
func (c *change) changes(name string) bool {
	v, ok := c.values[name]
	return ok && v != c.old[name]
}

func (c *change) create() error {
	for _, f := range c.object.Fields {
		if _, given := c.values[f.Name]; !given && f.Default != nil && f.Place != PlaceComputed {
			c.values[f.Name] = f.Default
		}
		if f.Name == "OwnerId" && c.values["OwnerId"] == nil {
			c.values["OwnerId"] = string(c.session.User)
		}
	}
	r := rulesOf(c.object)
	if err := c.admit(r); err != nil {
		return err
	}
	if r.insert != nil {
		if err := r.insert(c); err != nil {
			return err
		}
		return c.finish("Created")
	}
	c.values["Id"] = string(c.id)
	c.stamp(true)
	if err := c.tx.Insert(c.object, c.session.Org, c.values); err != nil {
		return err
	}
	if r.after != nil {
		if err := r.after(c); err != nil {
			return err
		}
	}
	if name := c.object.Name; (name == ObjectUser || name == ObjectOrgWideAddress) && c.invite != nil && !c.unaudited {
		if err := c.invite(c.tx, c.session, name, c.values); err != nil {
			return err
		}
	}
	return c.finish("Created")
}

// admit checks what is to be written: what the schema asks for, the object's own rules, and unique keys.
func (c *change) admit(r rules) error {
	if err := c.checkRequired(); err != nil {
		return err
	}
	if err := c.checkReferences(); err != nil {
		return err
	}
	if err := c.checkMaster(); err != nil {
		return err
	}
	if r.before != nil {
		if err := r.before(c); err != nil {
			return err
		}
	}
	return c.checkUnique()
}

// finish notes the change in the trail. A dry run ends here, and with it the transaction.
func (c *change) finish(verb string) error {
	if err := c.audit(verb); err != nil {
		return err
	}
	return c.session.undone()
}

func (c *change) update() error {
	if err := c.load(); err != nil {
		return err
	}
	c.keepMasked()
	r := rulesOf(c.object)
	if err := c.admit(r); err != nil {
		return err
	}
	if r.update != nil {
		if err := r.update(c); err != nil {
			return err
		}
		return c.finish("Changed")
	}
	c.stamp(false)
	err := c.telling(false, func() error {
		if _, err := c.tx.Update(c.object, c.session.Org, Values{"Id": string(c.id)}, c.values); err != nil || r.after == nil {
			return err
		}
		return r.after(c)
	})
	if err != nil {
		return err
	}
	return c.finish("Changed")
}

func (c *change) delete() error {
	if err := c.load(); err != nil {
		return err
	}
	r := rulesOf(c.object)
	if r.beforeDelete != nil {
		if err := r.beforeDelete(c); err != nil {
			return err
		}
	}
	if r.remove != nil {
		if err := r.remove(c); err != nil {
			return err
		}
		return c.session.undone()
	}
	err := c.telling(true, func() error {
		if c.object.SoftDelete {
			return c.bin(c.object, c.id)
		}
		_, err := c.tx.Remove(c.object, c.session.Org, Values{"Id": string(c.id)})
		return err
	})
	if err != nil {
		return err
	}
	return c.finish("Deleted")
}

// load reads the record that is to change and keeps it from changing otherwise.
func (c *change) load() error {
	old, err := c.tx.Lock(c.object, c.session.Org, c.id)
	if err != nil {
		return err
	}
	if old.Flag("IsDeleted") {
		return entityDeleted()
	}
	c.old = old
	return c.checkShared()
}

// stamp writes who and when, as far as the object keeps it.
func (c *change) stamp(creating bool) {
	for _, f := range c.object.Fields {
		switch f.Name {
		case "CreatedDate":
			if creating {
				c.values[f.Name] = c.at
			}
		case "CreatedById":
			if creating {
				c.values[f.Name] = string(c.session.User)
			}
		case "LastModifiedDate", "SystemModstamp":
			c.values[f.Name] = c.at
		case "LastModifiedById":
			c.values[f.Name] = string(c.session.User)
		}
	}
}

// checkRequired: on create every required field has a value, on update none loses it.
func (c *change) checkRequired() error {
	var missing []string
	for _, f := range c.object.Fields {
		v, given := c.values[f.Name]
		if v != nil || f.Nillable || f.Type == TypeBoolean {
			continue
		}
		if c.old == nil && f.Required() || c.old != nil && given {
			missing = append(missing, f.Name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return requiredMissing(missing)
}

func requiredMissing(names []string) error {
	return fault.New(fault.Invalid, CodeRequiredFieldMissing, "Required fields are missing: [%s]", strings.Join(names, ", ")).In(strings.Join(names, ","))
}

// checkReferences: every reference that is set names a record of the right kind in this org, and an owner is active.
func (c *change) checkReferences() error {
	for _, f := range c.object.Fields {
		if f.Type != TypeReference || !c.changes(f.Name) || c.values[f.Name] == nil {
			continue
		}
		id := c.values.ID(f.Name)
		to := c.schema.ByID(id)
		if to == nil || !slices.Contains(f.ReferenceTo, to.Name) {
			return fault.New(fault.Invalid, CodeInvalidValue, "%s: id value of incorrect type: %s", f.Label, id).In(f.Name)
		}
		found, err := c.tx.Find(to, c.session.Org, Values{"Id": string(id)}, 1)
		if err != nil {
			return err
		}
		unseen := len(found) == 0 || found[0].Flag("IsDeleted")
		if !unseen && f.Name != c.object.Master { // of a master checkMaster speaks
			if unseen, err = c.hidden(to, found[0]); err != nil {
				return err
			}
		}
		if unseen {
			return fault.New(fault.Invalid, CodeInvalidReference, "invalid cross reference id").In(f.Name)
		}
		if f.Name == "OwnerId" && !found[0].Flag("IsActive") {
			return fault.New(fault.Invalid, CodeInactiveOwner, "operation performed with inactive user [%s] as owner of %s",
				id, strings.ToLower(c.object.Label)).In(f.Name)
		}
		if to == c.object && !f.Custom && c.old != nil { // a record that is new is above none
			if err := c.checkHierarchy(f, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxHierarchy bounds how far up a record's parents are followed.
const maxHierarchy = 100

// checkHierarchy: no record is its own parent, near or far. The parents are locked on the way up, so that of two changes
// which together would close a circle the second sees the first.
func (c *change) checkHierarchy(f *Field, parent ID) error {
	for range maxHierarchy {
		if parent == "" {
			return nil
		}
		if parent == c.id {
			break
		}
		above, err := c.related(c.object.Name, parent)
		if err != nil {
			return err
		}
		parent = above.ID(f.Name)
	}
	return fault.New(fault.Invalid, CodeCircular, "attempt to violate hierarchy constraints").In(f.Name)
}

// checkUnique: no other record has the values of a unique key. The database's own keys refuse what slips in between.
func (c *change) checkUnique() error {
	for _, key := range c.object.Unique {
		match, touched := Values{}, false
		for _, name := range key.Fields {
			match[name] = c.get(name)
			touched = touched || c.changes(name)
		}
		if !touched {
			continue
		}
		where := c.session.Org
		if key.Server {
			where = ""
		}
		if match[key.Fields[len(key.Fields)-1]] == nil {
			continue // nothing is no value that two could share
		}
		if c.object.SoftDelete {
			match["IsDeleted"] = false
		}
		found, err := c.tx.Find(c.object, where, match, 2)
		if err != nil {
			return err
		}
		for _, other := range found {
			if other.ID("Id") != c.id {
				return c.duplicate(key, other.ID("Id"))
			}
		}
	}
	return nil
}

// duplicate words the refusal; some objects have words of their own, which clients compare.
func (c *change) duplicate(key UniqueKey, holder ID) error {
	field := key.Fields[len(key.Fields)-1]
	switch {
	case c.object.Name == ObjectPermissionSetAssignment:
		return fault.New(fault.Invalid, CodeDuplicateValue, "Duplicate PermissionSetAssignment. Assignee: %s; Permission Set: %s",
			c.text("AssigneeId"), c.text("PermissionSetId"))
	case c.object.Name == ObjectCampaignMember:
		return fault.New(fault.Invalid, CodeDuplicateValue, "Already a campaign member.")
	case field == "Username":
		return fault.New(fault.Invalid, CodeDuplicateUsername, "Duplicate Username.<br>The username already exists in this or another Salesforce organization. "+
			"Usernames must be unique across all Salesforce organizations. To resolve, use a different username (it doesn't need to match the user's email address).").In(field)
	case field == "CommunityNickname":
		return fault.New(fault.Invalid, CodeDuplicateNickname, "Duplicate Nickname.<br>Another user has already selected this nickname.<br>Please select another.").In(field)
	}
	return fault.New(fault.Invalid, CodeDuplicateValue, "duplicate value found: %s duplicates value on record with id: %s", field, holder)
}

// related reads one record that a rule depends on; a missing one is nil.
func (c *change) related(object string, id ID) (Values, error) {
	v, err := c.tx.Lock(c.schema.must(object), c.session.Org, id)
	if err != nil && errors.Is(err, noSuchRecord()) {
		return nil, nil
	}
	return v, err
}
