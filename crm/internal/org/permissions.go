package org

import (
	"strings"
	"unicode"
)

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

// permissionLabels are what Setup calls permissions whose label is not their name in words (crm-wire 5.2, the labels of
// the Object Reference's fields).
var permissionLabels = map[string]string{
	PermViewSetup: "View Setup and Configuration", PermManageConnectedApps: "Manage Connected Apps", PermManageProfiles: "Manage Profiles and Permission Sets",
	PermResetPasswords: "Reset User Passwords and Unlock Users", PermManageIPAddresses: "Manage IP Addresses", PermInstallPackaging: "Download AppExchange Packages",
	PermModifyMetadata: "Modify Metadata Through Metadata API Functions", PermApproveUninstalledApp: "Approve Uninstalled Connected Apps",
	PermUseAnyAPIClient: "Use Any API Client", PermAPIEnabled: "API Enabled", PermAPIUserOnly: "Api Only User", PermCreateReports: "Create and Customize Reports",
	PermBulkHardDelete: "Bulk API Hard Delete",
}

// PermissionLabel is what Setup calls a permission: "ManageUsers" is Manage Users.
func PermissionLabel(name string) string {
	if label, ok := permissionLabels[name]; ok {
		return label
	}
	var b strings.Builder
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Missing names what the permissions lack of the need, by label: "Customize Application, and Modify All Data or Manage Connected
// Apps". It is "" where nothing is missing.
func (n Need) Missing(p Permissions) string {
	var groups []string
	for _, group := range n {
		if p.Any(group...) {
			continue
		}
		labels := make([]string, len(group))
		for i, name := range group {
			labels[i] = PermissionLabel(name)
		}
		groups = append(groups, strings.Join(labels, " or "))
	}
	return strings.Join(groups, ", and ")
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
