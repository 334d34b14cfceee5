package org

import (
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// AdministratorProfile is the profile that every new org's first user has; the others come with it. IntegrationProfile
// is of the licence Salesforce Integration and lets its users in by API alone.
const (
	AdministratorProfile = "System Administrator"
	StandardUserProfile  = "Standard User"
	IntegrationProfile   = "Salesforce API Only System Integrations"
)

// IntegrationLicense is the user licence of programs.
const IntegrationLicense = "Salesforce Integration"

// ownUserFields are what users without Manage Users may change on their own record.
var ownUserFields = map[string]bool{
	"FirstName": true, "LastName": true, "MiddleName": true, "Suffix": true, "Signature": true, "CompanyName": true, "Department": true, "Title": true, "Street": true, "City": true, "State": true,
	"PostalCode": true, "Country": true, "Email": true, "Phone": true, "MobilePhone": true, "Alias": true, "CommunityNickname": true,
	"TimeZoneSidKey": true, "LocaleSidKey": true, "EmailEncodingKey": true, "LanguageLocaleKey": true,
}

// PersonName is a person's full name as records show it, given name first.
func PersonName(first, last string) string { return strings.TrimSpace(first + " " + last) }

func beforeUser(c *change) error {
	if c.old != nil && !c.session.Permissions.Any(PermManageUsers, PermManageInternalUsers) {
		if c.id != c.session.User {
			return insufficientAccess(c.id)
		}
		for _, f := range c.object.Fields {
			if c.changes(f.Name) && !ownUserFields[f.Name] {
				return notWriteable([]string{f.Name})
			}
		}
	}
	if c.changes("Username") {
		if name := c.text("Username"); !ValidEmail(name) {
			return fault.New(fault.Invalid, CodeInvalidEmail, "Username must be in the form of an email address (for example, john@acme.com).").In("Username")
		}
	}
	if c.old == nil && c.values["CommunityNickname"] == nil {
		c.values["CommunityNickname"] = "User" + c.id.Short()
	}
	c.values["Name"] = PersonName(PersonName(c.text("FirstName"), c.text("MiddleName")), PersonName(c.text("LastName"), c.text("Suffix")))
	c.values["FoundBy"] = SearchKey(strings.Join([]string{c.text("Name"), c.text("Username"), c.text("Email"), c.text("Alias")}, "\n"))
	if c.old == nil {
		c.values["UserType"] = "Standard"
	}
	if c.old != nil && c.changes("Email") {
		if err := c.unverifyEmail(); err != nil {
			return err
		}
	}
	return c.checkSeat()
}

// unverifyEmail: the user has not shown that the new address is his, whoever changed it; relying parties that know people by a
// verified address are told so (TN-07 of the security reference). A link that went to the old address shows nothing about
// the new one, so it ends.
func (c *change) unverifyEmail() error {
	credential, err := c.tx.Credential(c.session.Org, c.id)
	if err != nil {
		return err
	}
	credential.Unverified, credential.LinkHash, credential.LinkExpires = true, nil, zeroTime
	return c.tx.PutCredential(credential)
}

// CodeDeactivateSelf: nobody may deactivate himself; his session would end with the answer.
const CodeDeactivateSelf fault.Code = "deactivate_self"

// checkSeat: a user who becomes active, or gets another profile, needs a licence that is free; nobody deactivates himself;
// and the last active administrator stays one.
func (c *change) checkSeat() error {
	if c.unaudited { // whoever makes an org has counted its seats once for all users
		return nil
	}
	active, _ := c.get("IsActive").(bool)
	wasActive := c.old.Flag("IsActive")
	moved := c.changes("ProfileId")
	if c.old != nil && wasActive && (!active || moved) {
		if err := c.checkLastAdmin(); err != nil {
			return err
		}
		if !active && c.id == c.session.User {
			return fault.New(fault.Invalid, CodeDeactivateSelf, "You cannot deactivate yourself.").In("IsActive")
		}
	}
	if !active || wasActive && !moved {
		return nil
	}
	profile, err := c.related(ObjectProfile, ID(c.text("ProfileId")))
	if err != nil {
		return err
	}
	licence, err := c.related(ObjectUserLicense, profile.ID("UserLicenseId"))
	if err != nil {
		return err
	}
	if wasActive {
		before, err := c.related(ObjectProfile, c.old.ID("ProfileId"))
		if err != nil || before.ID("UserLicenseId") == profile.ID("UserLicenseId") {
			return err
		}
	}
	used := 0
	profiles, err := c.tx.Find(c.schema.must(ObjectProfile), c.session.Org, Values{"UserLicenseId": licence.Text("Id")}, maxProfiles)
	if err != nil {
		return err
	}
	for _, p := range profiles {
		n, err := c.tx.Count(c.object, c.session.Org, Values{"ProfileId": p.Text("Id"), "IsActive": true})
		if err != nil {
			return err
		}
		used += n
	}
	if total, _ := licence["TotalLicenses"].(int64); int64(used) >= total {
		return fault.New(fault.Invalid, CodeLicenseLimit, "License Limit Exceeded")
	}
	return nil
}

// maxProfiles bounds how many profiles of one licence are looked at; orgs have fewer.
const maxProfiles = 1500

// checkLastAdmin refuses to put the last administrator out who could put things right again.
func (c *change) checkLastAdmin() error {
	last, err := c.lastAdmin(c.id, c.old.ID("ProfileId"))
	if err == nil && last {
		err = fault.New(fault.Invalid, CodeLastAdmin, "You cannot deactivate or change the profile of the last administrator of the organization.").In("IsActive")
	}
	return err
}

// maxAdmins bounds how many administrators are looked at for one who is not frozen.
const maxAdmins = 200

// lastAdmin reports whether a user of that profile is an administrator beside whom no other is active and not frozen. Locking
// the profile makes two administrators who put each other out come one after the other.
func (c *change) lastAdmin(user, profile ID) (bool, error) {
	p, err := c.related(ObjectProfile, profile)
	if err != nil || p.Text("Name") != AdministratorProfile {
		return false, err
	}
	all, err := c.tx.Find(c.schema.must(ObjectUser), c.session.Org, Values{"ProfileId": p.Text("Id"), "IsActive": true}, maxAdmins)
	if err != nil {
		return false, err
	}
	for _, other := range all {
		if other.ID("Id") == user {
			continue
		}
		credential, err := c.tx.Credential(c.session.Org, other.ID("Id"))
		if err != nil || !credential.Frozen {
			return false, err
		}
	}
	return true, nil
}

// afterUser ends the sessions of a user who is deactivated, and keeps the assignment of the permission set that the
// user's profile owns (crm-wire 5.2).
func afterUser(c *change) error {
	if c.old.Flag("IsActive") && c.values["IsActive"] == false {
		if err := c.tx.EndSessions(c.session.Org, c.id, c.machine); err != nil {
			return err
		}
	}
	if !c.changes("ProfileId") {
		return nil
	}
	if c.old != nil {
		if err := c.assignProfileSet(c.old.ID("ProfileId"), false); err != nil {
			return err
		}
	}
	return c.assignProfileSet(ID(c.text("ProfileId")), true)
}

func (c *change) assignProfileSet(profile ID, on bool) error {
	sets, err := c.tx.Find(c.schema.must(ObjectPermissionSet), c.session.Org, Values{"ProfileId": string(profile)}, 1)
	if err != nil || len(sets) == 0 {
		return err
	}
	assignments := c.schema.must(ObjectPermissionSetAssignment)
	pair := Values{"AssigneeId": string(c.id), "PermissionSetId": sets[0].Text("Id")}
	if !on {
		_, err := c.tx.Remove(assignments, c.session.Org, pair)
		return err
	}
	return c.tx.Insert(assignments, c.session.Org, Values{
		"Id": string(NewID(PrefixPermissionSetAssignment)), "AssigneeId": pair["AssigneeId"], "PermissionSetId": pair["PermissionSetId"],
		"IsActive": true, "SystemModstamp": c.at,
	})
}
