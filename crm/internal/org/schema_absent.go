package org

// Fields that hang on what no org of ours has: roles, portals, groups of permission sets, user access policies, single
// sign-on. They are there to be read, because scripts select them by name, and have no value (crm-wire 5.2).

// absent: no record has a value in the field, or yes in a boolean.
func (f *Field) absent() *Field {
	f.Absent = true
	return f.computed()
}

func absentDate(name, label string) *Field {
	return typed(name, label, TypeDateTime, 0).absent()
}

// absentReference names records of an object that is not there.
func absentReference(name, label, to string) *Field {
	return reference(name, label, "", "", to).absent()
}

func absentOfUser() []*Field {
	return []*Field{
		absentReference("UserRoleId", "Role ID", "UserRole"),
		reference("DelegatedApproverId", "Delegated Approver ID", "", "", ObjectUser).absent(),
		reference("ContactId", "Contact ID", "", "", ObjectContact).absent(),
		reference("AccountId", "Account ID", "", "", ObjectAccount).absent(),
		absentReference("CallCenterId", "Call Center ID", "CallCenter"),
		absentReference("IndividualId", "Individual ID", "Individual"),
		boolean("IsPortalEnabled", "Is Portal Enabled").absent(),
		text("PortalRole", "Portal Role Level", 40).absent(),
		boolean("ForecastEnabled", "Allow Forecasting").absent(),
		boolean("IsProfilePhotoActive", "Has Profile Photo").absent(),
		text("BadgeText", "User Photo badge text overlay", 80).absent(),
		typed("FullPhotoUrl", "Url for full-sized Photo", TypeURL, 1024).absent(),
		typed("MediumPhotoUrl", "Url for medium profile photo", TypeURL, 1024).absent(),
		typed("SmallPhotoUrl", "Photo", TypeURL, 1024).absent(),
		typed("BannerPhotoUrl", "Url for banner photo", TypeURL, 1024).absent(),
		absentDate("OfflineTrialExpirationDate", "Offline Edition Trial Expiration Date"),
		absentDate("LastViewedDate", "Last Viewed Date"), absentDate("LastReferencedDate", "Last Referenced Date"),
		boolean("UserPermissionsOfflineUser", "Offline User").absent(),
		boolean("UserPermissionsCallCenterAutoLogin", "Auto-login To Call Center").absent(),
		boolean("UserPermissionsSFContentUser", "Salesforce CRM Content User").absent(),
		boolean("UserPermissionsKnowledgeUser", "Knowledge User").absent(),
		boolean("UserPermissionsInteractionUser", "Flow User").absent(),
		boolean("UserPermissionsSupportUser", "Service Cloud User").absent(),
	}
}

// permissionsOfProfile are the permissions of the set that a profile owns, to be read: they are changed there.
func permissionsOfProfile() []*Field {
	var out []*Field
	for _, p := range AllPermissions() {
		out = append(out, boolean("Permissions"+p, p).computed())
	}
	return out
}

func absentOfAssignment() []*Field {
	return []*Field{
		absentReference("PermissionSetGroupId", "Permission Set Group ID", "PermissionSetGroup"),
		absentDate("ExpirationDate", "Date expires on"),
		boolean("IsRevoked", "Is Revoked").absent(),
		absentReference("LastCreatedByChangeId", "User Access Change ID", "UserAccessChange"),
		absentReference("LastDeletedByChangeId", "User Access Change ID", "UserAccessChange"),
	}
}

func absentOfLogin() []*Field {
	return []*Field{
		absentReference("AuthenticationServiceId", "Authentication Service ID", "AuthConfigProviders"),
		absentReference("NetworkId", "Network ID", "Network"),
		text("CountryIso", "Country Code", 3).absent(),
		text("TlsProtocol", "TLS Protocol", 64).absent(),
		text("CipherSuite", "TLS Cipher Suite", 64).absent(),
		boolean("OptionsIsGet", "IsGet").absent(),
		boolean("OptionsIsPost", "IsPost").absent(),
		sortOnly(absentReference("LoginGeoId", "Login Geo Data ID", "LoginGeo")),
		sortOnly(text("ClientVersion", "Client Version", 64)).absent(),
		sortOnly(text("AuthMethodReference", "Authentication Method Reference", 255)).absent(),
		sortOnly(text("AuthContextClassRef", "Authentication Context Class Reference", 255)).absent(),
		sortOnly(text("ForwardedForIp", "Forwarded for IP", 255)).absent(),
	}
}

func absentOfOrganization() []*Field {
	return []*Field{
		typed("MonthlyPageViewsUsed", "Monthly Page Views Used", TypeInt, 0).absent(),
		typed("MonthlyPageViewsEntitlement", "Monthly Page Views Allowed", TypeInt, 0).absent(),
		typed("ComplianceBccEmail", "Compliance BCC Email", TypeEmail, 80).absent(),
		text("WebToCaseDefaultOrigin", "Web to Cases Default Origin", 40).absent(),
	}
}
