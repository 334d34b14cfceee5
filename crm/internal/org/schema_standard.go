package org

// standardObjects are what every org has, by name: the objects that identity and the connection of the two clouds stand on
// (crm-wire 5.1, 5.2), and the records that a sales or service team keeps.
func standardObjects() []*Object {
	return []*Object{
		accountObject(), authSessionObject(), campaignObject(), campaignMemberObject(), campaignMemberStatusObject(), caseObject(),
		connectedApplicationObject(), contactObject(), fieldPermissionsObject(), leadObject(), loginHistoryObject(), oauthTokenObject(), objectPermissionsObject(), opportunityObject(), organizationObject(), orgWideAddressObject(),
		permissionSetObject(), permissionSetAssignmentObject(), profileObject(), reportObject(), setupAuditTrailObject(), setupEntityAccessObject(),
		taskObject(), userObject(), userLicenseObject(), userLoginObject(),
	}
}

// Names of the objects that rules refer to.
const (
	ObjectOrganization            = "Organization"
	ObjectUserLicense             = "UserLicense"
	ObjectProfile                 = "Profile"
	ObjectUser                    = "User"
	ObjectPermissionSet           = "PermissionSet"
	ObjectPermissionSetAssignment = "PermissionSetAssignment"
	ObjectSetupEntityAccess       = "SetupEntityAccess"
	ObjectConnectedApplication    = "ConnectedApplication"
	ObjectAccount                 = "Account"
	ObjectContact                 = "Contact"
	ObjectOauthToken              = "OauthToken"
)

func organizationObject() *Object {
	return &Object{
		Name: ObjectOrganization, Label: "Organization", Plural: "Organizations", KeyPrefix: PrefixOrganization, Setup: true,
		Updateable: true, Update: Need{{PermCustomizeApplication}},
		Fields: fields(idField(),
			text("Name", "Name", 80).required().updateOnly().name(),
			picklist("OrganizationType", "Edition", true, values("Developer Edition", "Enterprise Edition", "Unlimited Edition")...).filled().readOnly(),
			text("InstanceName", "Instance Name", 5).filled().readOnly(),
			boolean("IsSandbox", "Is Sandbox").readOnly(),
			text("NamespacePrefix", "Namespace Prefix", 15).readOnly(),
			typed("TrialExpirationDate", "Trial Expiration Date", TypeDateTime, 0).readOnly(),
			text("Division", "Division", 80).updateOnly(),
			address("", ""), typed("Phone", "Phone", TypePhone, 40).updateOnly(), typed("Fax", "Fax", TypePhone, 40).updateOnly(),
			text("PrimaryContact", "Primary Contact", 80).updateOnly(),
			typed("FiscalYearStartMonth", "Fiscal Year Starts In", TypeInt, 0).readOnly(),
			boolean("UsesStartDateAsFiscalYearName", "Fiscal Year Name by Start").readOnly(),
			boolean("ReceivesInfoEmails", "Info Emails").updateOnly(), boolean("ReceivesAdminInfoEmails", "Admin Info Emails").updateOnly(),
			text("SignupCountryIsoCode", "Signup Country", 2).readOnly(), boolean("IsReadOnly", "Is Read Only").readOnly(),
			picklist("DefaultLocaleSidKey", "Locale", true, locales()...).filled().updateOnly(),
			picklist("TimeZoneSidKey", "Time Zone", true, timeZones()...).filled().updateOnly(),
			picklist("LanguageLocaleKey", "Language", true, languages()...).filled().updateOnly(),
			absentOfOrganization(), auditFields()),
	}
}

func userLicenseObject() *Object {
	return &Object{
		Name: ObjectUserLicense, Label: "User License", Plural: "User Licenses", KeyPrefix: PrefixUserLicense, Setup: true,
		View: Need{{PermViewSetup}},
		Fields: fields(idField(),
			text("LicenseDefinitionKey", "License Def. ID", 40).required().readOnly(),
			text("Name", "Name", 40).required().readOnly().name(),
			text("MasterLabel", "Master Label", 240).required().readOnly(),
			picklist("Status", "Status", true, values("Active", "Disabled")...).required().readOnly(),
			typed("TotalLicenses", "Total Licenses", TypeInt, 0).required().readOnly(),
			notFilterable(typed("UsedLicenses", "Used Licenses", TypeInt, 0).required().computed()),
			notFilterable(typed("UsedLicensesLastUpdated", "Used Licenses Last Updated", TypeDateTime, 0).computed()),
			typed("MonthlyLoginsEntitlement", "Monthly Logins Entitlement", TypeInt, 0).computed(),
			typed("MonthlyLoginsUsed", "Monthly Logins Used", TypeInt, 0).computed(),
			typed("CreatedDate", "Created Date", TypeDateTime, 0).filled().readOnly(),
			typed("LastModifiedDate", "Last Modified Date", TypeDateTime, 0).filled().readOnly(),
			modstamp()),
	}
}

func notFilterable(f *Field) *Field {
	f.Filterable, f.Sortable, f.Groupable = false, false, false
	return f
}

func profileObject() *Object {
	return &Object{
		Name: ObjectProfile, Label: "Profile", Plural: "Profile", KeyPrefix: PrefixProfile, Setup: true,
		Updateable: true, Update: Need{{PermManageProfiles}},
		Fields: fields(idField(),
			text("Name", "Name", 255).required().readOnly().name(),
			typed("Description", "Description", TypeTextArea, 255).updateOnly(),
			reference("UserLicenseId", "User License ID", "UserLicense", "", ObjectUserLicense).required().readOnly(),
			picklist("UserType", "User Type", true, values("Standard")...).required().readOnly(),
			permissionsOfProfile(), absentDate("LastViewedDate", "Last Viewed Date"), absentDate("LastReferencedDate", "Last Referenced Date"),
			auditFields()),
	}
}

func permissionSetObject() *Object {
	var flags []*Field
	for _, p := range AllPermissions() {
		flags = append(flags, permission(p))
	}
	manage := Need{{PermManageProfiles}}
	return &Object{
		Name: ObjectPermissionSet, Label: "Permission Set", Plural: "Permission Sets", KeyPrefix: PrefixPermissionSet, Setup: true,
		Createable: true, Updateable: true, Deletable: true, Create: manage, Update: manage, Delete: manage,
		Unique: []UniqueKey{{Fields: []string{"NamespacePrefix", "Name"}}},
		Fields: fields(idField(),
			text("Name", "Permission Set Name", 80).filled().folded().name(),
			text("Label", "Permission Set Label", 80).required(),
			typed("Description", "Description", TypeTextArea, 255),
			reference("ProfileId", "Profile ID", "Profile", "", ObjectProfile).readOnly(),
			boolean("IsOwnedByProfile", "Is Owned By Profile").readOnly(),
			boolean("IsCustom", "Is Custom").readOnly(),
			boolean("HasActivationRequired", "Session Activation Required"),
			reference("LicenseId", "License ID", "License", "", ObjectUserLicense).createOnly(),
			text("NamespacePrefix", "Namespace Prefix", 15).readOnly(),
			picklist("Type", "Type", true, values("Regular", "Profile", "Standard", "Session")...).filled().readOnly(),
			absentReference("PermissionSetGroupId", "Permission Set Group ID", "PermissionSetGroup"),
			typed(fieldShown, "Shown", TypeTextArea, 131072).hidden(),
			flags, auditFields()),
	}
}

func permissionSetAssignmentObject() *Object {
	manage := Need{{PermAssignPermissionSets, PermManageUsers}}
	return &Object{
		Name: ObjectPermissionSetAssignment, Label: "Permission Set Assignment", Plural: "Permission Set Assignment",
		KeyPrefix: PrefixPermissionSetAssignment, Setup: true,
		Createable: true, Deletable: true, Create: manage, Delete: manage,
		View:   Need{{PermViewSetup, PermAssignPermissionSets, PermManageUsers}},
		Unique: []UniqueKey{{Fields: []string{"AssigneeId", "PermissionSetId"}}},
		Fields: fields(idField(),
			reference("PermissionSetId", "PermissionSet ID", "PermissionSet", "Assignments", ObjectPermissionSet).required().createOnly(),
			reference("AssigneeId", "Assignee ID", "Assignee", "PermissionSetAssignments", ObjectUser).required().createOnly(),
			boolean("IsActive", "Is Active").defaults(true).readOnly(),
			absentOfAssignment(), modstamp()),
	}
}

func setupEntityAccessObject() *Object {
	return &Object{
		Name: ObjectSetupEntityAccess, Label: "Setup Entity Access", Plural: "Setup Entity Access", KeyPrefix: PrefixSetupEntityAccess,
		Setup: true, Createable: true, Deletable: true, Create: mayCarryApps, Delete: mayCarryApps, View: Need{{PermViewSetup}},
		Unique: []UniqueKey{{Fields: []string{"ParentId", "SetupEntityId"}}},
		Fields: fields(idField(),
			reference("ParentId", "Parent ID", "Parent", "SetupEntityAccessItems", ObjectPermissionSet).required().createOnly(),
			reference("SetupEntityId", "Setup Entity ID", "", "", ObjectConnectedApplication).required().createOnly(),
			picklist("SetupEntityType", "Setup Entity Type", true, values(ObjectConnectedApplication)...).filled().readOnly(),
			modstamp()),
	}
}

func connectedApplicationObject() *Object {
	return &Object{
		Name: ObjectConnectedApplication, Label: "Connected Application", Plural: "Connected Applications",
		KeyPrefix: PrefixConnectedApplication, Setup: true,
		// The Object Reference calls it read-only; the command line's users change policies by PATCH (clients 1.4), so the
		// policy fields can be updated.
		Updateable: true, Update: mayChangeApps,
		Fields: fields(idField(),
			text("Name", "Name", 80).required().readOnly().name(),
			boolean("OptionsAllowAdminApprovedUsersOnly", "AllowAdminApprovedUsersOnly").updateOnly().in("is_admin_approved"),
			boolean("OptionsRefreshTokenValidityMetric", "RefreshTokenValidityMetric").updateOnly(),
			typed("RefreshTokenValidityPeriod", "RefreshTokenValidityPeriod", TypeInt, 0).updateOnly(),
			text("StartUrl", "StartUrl", 1000).updateOnly(),
			// Tools read the policies here (connect-facts 2.6, crm-wire 5.2). What belongs to mobile apps, guests and sites no app of
			// ours has.
			boolean("OptionsHasSessionLevelPolicy", "HasSessionLevelPolicy").computed(),
			boolean("OptionsIsInternal", "IsInternal").computed(),
			boolean("OptionsFullContentPushNotifications", "FullContentPushNotifications").computed(),
			boolean("OptionsCodeCredentialGuestEnabled", "CodeCredentialGuestEnabled").computed(),
			boolean("OptionsAppIssueJwtTokenEnabled", "AppIssueJwtTokenEnabled").computed(),
			boolean("OptionsAllowExpiredUvidJWT", "AllowExpiredUvidJWT").computed(),
			boolean("OptionsTokenExchangeManageBitEnabled", "TokenExchangeManageBitEnabled").computed(),
			text("MobileSessionTimeout", "MobileSessionTimeout", 40).computed(),
			text("PinLength", "PinLength", 40).computed(),
			text("MobileStartUrl", "MobileStartUrl", 1000).computed(),
			typed("UvidTimeout", "UvidTimeout", TypeInt, 0).computed(),
			typed("NamedUserUvidTimeout", "NamedUserUvidTimeout", TypeInt, 0).computed(),
			text("RefreshTokenPolicy", "Refresh Token Policy", 60).hidden(),
			text("DeveloperName", "API Name", 80).hidden(),
			text("ConsumerKey", "Consumer Key", 255).hidden(),
			text("NamespacePrefix", "Namespace Prefix", 15).hidden(),
			auditFields()),
	}
}

func userObject() *Object {
	manage := Need{{PermManageUsers, PermManageInternalUsers}}
	return &Object{
		Name: ObjectUser, Label: "User", Plural: "Users", KeyPrefix: PrefixUser, Setup: true, Extensible: true,
		Createable: true, Updateable: true, Create: manage, // who may update what is a rule of user.go
		Unique: []UniqueKey{{Fields: []string{"Username"}, Server: true}, {Fields: []string{"CommunityNickname"}}},
		Fields: fields(idField(),
			text("Username", "Username", 80).required().folded().unique(),
			text("LastName", "Last Name", 80).required(),
			text("FirstName", "First Name", 40),
			text("MiddleName", "Middle Name", 40), text("Suffix", "Suffix", 40),
			text("Name", "Full Name", 121).filled().readOnly().name(),
			text("FoundBy", "Found By", 400).hidden(), // what lists of users are searched in: a SearchKey of a line each
			text("CompanyName", "Company Name", 80),
			text("Division", "Division", 80),
			text("Department", "Department", 80),
			text("Title", "Title", 80),
			address("", ""),
			typed("Email", "Email", TypeEmail, 128).required(),
			typed("Phone", "Phone", TypePhone, 40),
			typed("Fax", "Fax", TypePhone, 40),
			typed("Extension", "Extension", TypePhone, 40),
			typed("MobilePhone", "Mobile", TypePhone, 40),
			text("Alias", "Alias", 8).required(),
			text("CommunityNickname", "Nickname", 40).filled(),
			boolean("IsActive", "Active").defaults(true),
			picklist("TimeZoneSidKey", "Time Zone", true, timeZones()...).required(),
			picklist("LocaleSidKey", "Locale", true, locales()...).required(),
			picklist("EmailEncodingKey", "Email Encoding", true, encodings()...).required(),
			reference("ProfileId", "Profile ID", "Profile", "Users", ObjectProfile).required(),
			picklist("UserType", "User Type", true, values("Standard")...).filled().readOnly(),
			picklist("LanguageLocaleKey", "Language", true, languages()...).required(),
			text("EmployeeNumber", "Employee Number", 20),
			reference("ManagerId", "Manager ID", "Manager", "ManagedUsers", ObjectUser),
			typed("AboutMe", "About Me", TypeTextArea, 1000),
			boolean("ReceivesInfoEmails", "Info Emails"), boolean("ReceivesAdminInfoEmails", "Admin Info Emails"),
			text("SenderEmail", "Email Sender Address", 80), text("SenderName", "Email Sender Name", 80),
			typed("Signature", "Email Signature", TypeTextArea, 1333),
			text("FederationIdentifier", "SAML Federation ID", 512),
			boolean("UserPermissionsMarketingUser", "Marketing User"),
			typed("LastLoginDate", "Last Login", TypeDateTime, 0).readOnly(),
			typed("LastPasswordChangeDate", "Last Password Change or Reset", TypeDateTime, 0).readOnly(),
			notFilterable(typed("NumberOfFailedLogins", "Failed Login Attempts", TypeInt, 0).computed()),
			absentOfUser(), auditFields()),
	}
}

// oauthTokenObject shows the grants that live: to query alone, and to delete by posting DeleteToken to the revoke
// endpoint. Its Id is always null (crm-wire 5.2).
func oauthTokenObject() *Object {
	id := typed("Id", "ID", TypeID, 18).computed()
	id.Filterable, id.Sortable, id.Groupable = false, false, false
	return &Object{
		Name: ObjectOauthToken, Label: "OAuth Token", Plural: "OAuth Tokens", KeyPrefix: "0CO", View: Need{{PermCustomizeApplication}}, Common: true,
		PageRows: 500, MaxRows: 2500,
		Fields: fields(id,
			notFilterable(text("AccessToken", "Access Token", 255)).readOnly(),
			notFilterable(text("RequestToken", "Request Token", 255)).readOnly(),
			notFilterable(text("DeleteToken", "Delete Token", 255)).readOnly(),
			text("AppName", "App Name", 255).filled().readOnly(),
			notFilterable(text("AppMenuItemId", "App Menu Item ID", 18)).readOnly(),
			reference("UserId", "User ID", "User", "", ObjectUser).filled().readOnly(),
			typed("LastUsedDate", "Last Used Date", TypeDateTime, 0).readOnly(),
			typed("UseCount", "Use Count", TypeInt, 0).readOnly(),
			typed("CreatedDate", "Created Date", TypeDateTime, 0).filled().readOnly()),
	}
}
