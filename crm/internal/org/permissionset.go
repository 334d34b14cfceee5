package org

import "github.com/twinspan/twinspan/internal/fault"

func beforePermissionSet(c *change) error {
	if c.old != nil && c.old.Flag("IsOwnedByProfile") {
		return insufficientAccess(c.id)
	}
	if c.old == nil {
		c.values["IsCustom"], c.values["IsOwnedByProfile"], c.values["Type"] = true, false, "Regular"
		if c.values["Name"] == nil {
			c.values["Name"] = nilIfEmpty(APIName(c.text("Label")))
		}
	}
	if c.changes("Name") {
		if !ValidAPIName(c.text("Name")) {
			return fault.New(fault.Invalid, CodeInvalidValue, "The Permission Set Name can only contain underscores and alphanumeric characters. It must be unique, "+
				"begin with a letter, not include spaces, not end with an underscore, and not contain two consecutive underscores.").In("Name")
		}
		if c.old.Text("NamespacePrefix") != "" {
			return insufficientAccess(c.id) // a managed package's name is the package's
		}
	}
	if on, _ := c.get("HasActivationRequired").(bool); on {
		c.values["Type"] = "Session"
	} else if c.text("Type") == "Session" {
		c.values["Type"] = "Regular"
	}
	return nil
}

func nilIfEmpty(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func beforePermissionSetDelete(c *change) error {
	if c.old.Flag("IsOwnedByProfile") || c.old.Text("NamespacePrefix") != "" {
		return insufficientAccess(c.id)
	}
	n, err := c.tx.Count(c.schema.must(ObjectPermissionSetAssignment), c.session.Org, Values{"PermissionSetId": string(c.id)})
	if err != nil {
		return err
	}
	if n > 0 {
		return fault.New(fault.Invalid, CodeInUse, "Permission set %s is assigned to users. Remove the assignments and try again.", c.old.Text("Name"))
	}
	for _, carried := range setCarries {
		if _, err := c.tx.Remove(c.schema.must(carried), c.session.Org, Values{"ParentId": string(c.id)}); err != nil {
			return err
		}
	}
	return nil
}

func beforeAssignment(c *change) error {
	set, err := c.related(ObjectPermissionSet, ID(c.text("PermissionSetId")))
	if err != nil {
		return err
	}
	if set == nil {
		return fault.New(fault.Invalid, CodeInvalidReference, "invalid cross reference id").In("PermissionSetId")
	}
	if set.Flag("IsOwnedByProfile") {
		return fault.New(fault.Invalid, CodeInvalidValue, "You can't assign a permission set that is owned by a profile.").In("PermissionSetId")
	}
	return nil
}

func beforeAssignmentDelete(c *change) error {
	set, err := c.related(ObjectPermissionSet, c.old.ID("PermissionSetId"))
	if err != nil {
		return err
	}
	if set.Flag("IsOwnedByProfile") {
		return insufficientAccess(c.id)
	}
	return nil
}

// beforeSetupEntityAccess derives the type, which the caller may not set (crm-wire 5.2). Locking the set keeps it from
// being deleted meanwhile.
func beforeSetupEntityAccess(c *change) error {
	c.values["SetupEntityType"] = c.schema.ByID(ID(c.text("SetupEntityId"))).Name
	set, err := c.related(ObjectPermissionSet, ID(c.text("ParentId")))
	if err != nil {
		return err
	}
	if set == nil {
		return fault.New(fault.Invalid, CodeInvalidReference, "invalid cross reference id").In("ParentId")
	}
	return nil
}

// beforeConnectedApplication keeps the policy's one spelling in step with the two fields that show it.
func beforeConnectedApplication(c *change) error {
	if c.changes("OptionsAllowAdminApprovedUsersOnly") {
		if err := c.tellAccess(); err != nil {
			return err
		}
	}
	if !c.changes("RefreshTokenValidityPeriod") && !c.changes("OptionsRefreshTokenValidityMetric") {
		return nil
	}
	hours := -1
	if n, ok := c.get("RefreshTokenValidityPeriod").(int64); ok {
		hours = int(n)
		if hours < 0 || hours > maxPolicyCount {
			return fault.New(fault.Invalid, CodeInvalidValue, "RefreshTokenValidityPeriod: value outside of valid range on numeric field: %d", n).In("RefreshTokenValidityPeriod")
		}
	}
	inactivity, _ := c.get("OptionsRefreshTokenValidityMetric").(bool)
	c.values["RefreshTokenPolicy"] = string(RefreshPolicyOf(inactivity, hours))
	return nil
}

// tellAccess tells who loses access by a change of Permitted Users: the caller by name, the trail by number.
func (c *change) tellAccess() error {
	users, err := c.tx.AppUsers(c.session.Org, c.id, "")
	if err != nil {
		return err
	}
	now, _ := c.get("OptionsAllowAdminApprovedUsersOnly").(bool)
	access := accessChange(users, users, c.old.Flag("OptionsAllowAdminApprovedUsersOnly"), now)
	c.note = access.count()
	c.session.warn(access.Warning())
	return nil
}
