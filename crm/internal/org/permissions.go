package org

// AllPermissions are the system permissions that profiles and permission sets can hold, by API name without prefix, in
// alphabetical order (a selection of the Object Reference's, crm-wire 5.2).
func AllPermissions() []string {
	return []string{
		"ActivitiesAccess", "AllowUniversalSearch", "AllowViewKnowledge", "ApiEnabled", "ApiUserOnly", "AssignPermissionSets", "AuthorApex",
		"BulkApiHardDelete", "BulkMacrosAllowed", "CanApproveFeedPost", "CanApproveUninstalledApps", "ContentAdministrator",
		"ConvertLeads", "CreateCustomizeFilters", "CreateCustomizeReports", "CustomizeApplication", "DataExport", "DelegatedTwoFactor",
		"EditEvent", "EditPublicDocuments", "EditPublicTemplates", "EditReadonlyFields", "EditTask", "EmailAdministration", "EmailMass",
		"EmailSingle", "EmailTemplateManagement", "ExportReport", "ForceTwoFactor", "ImportCustomObjects", "ImportLeads", "ImportPersonal",
		"InstallPackaging", "LightningExperienceUser", "ManageAuthProviders", "ManageCallCenters", "ManageCertificates", "ManageCssUsers",
		"ManageCustomPermissions", "ManageDataIntegrations", "ManageInternalUsers", "ManageIpAddresses", "ManageLoginAccessPolicies",
		"ManagePasswordPolicies", "ManageProfilesPermissionsets", "ManageRemoteAccess", "ManageRoles", "ManageSessionPermissionSets",
		"ManageSharing", "ManageUsers", "ModifyAllData", "ModifyMetadata", "PasswordNeverExpires", "ResetPasswords", "RunReports",
		"ScheduleReports", "TransferAnyEntity", "TransferAnyLead", "TwoFactorApi", "UseAnyApiClient", "UseWebLink", "ViewAllData", "ViewAllUsers",
		"ViewEncryptedData", "ViewEventLogFiles", "ViewHelpLink", "ViewSetup",
	}
}

// restrictive permissions bind their holder instead of freeing him, or are off even for administrators of a new org.
var restrictive = map[string]bool{
	"ApiUserOnly": true, "BulkApiHardDelete": true, "DelegatedTwoFactor": true, "ForceTwoFactor": true,
	"PasswordNeverExpires": true, "TwoFactorApi": true, "UseAnyApiClient": true, "ViewEncryptedData": true,
}

// AdministratorPermissions are those of the profile System Administrator: all that give and none that bind.
func AdministratorPermissions() []string {
	var out []string
	for _, p := range AllPermissions() {
		if !restrictive[p] {
			out = append(out, p)
		}
	}
	return out
}

// StandardUserPermissions are those of the profile Standard User.
func StandardUserPermissions() []string {
	return []string{
		"ActivitiesAccess", "AllowUniversalSearch", "ApiEnabled", "ConvertLeads", "CreateCustomizeFilters", "EditEvent", "EditTask", "EmailMass",
		"EmailSingle", "ExportReport", "ImportPersonal", "LightningExperienceUser", "RunReports", "UseWebLink", "ViewHelpLink",
	}
}

// IntegrationPermissions are those of the profile for programs.
func IntegrationPermissions() []string {
	return []string{"ActivitiesAccess", PermAPIEnabled, PermAPIUserOnly}
}

// Any reports whether the set holds one of the permissions.
func (p Permissions) Any(names ...string) bool {
	for _, n := range names {
		if p[n] {
			return true
		}
	}
	return false
}
