package tenant

import (
	"slices"
	"strings"
)

// Permissions that rules ask for by name: the object type and the operation, joined by a dot. Others are made of the
// scope vocabulary in the same way (see [PermissionForScope]).
const (
	PermEmailRead           = "Email.Read"
	PermEmailWrite          = "Email.Write"
	PermEmailSend           = "Email.Send" // id 9 (engagement-wire 2.7)
	PermListsRead           = "ListAndSubscribers.Read"
	PermListsWrite          = "ListAndSubscribers.Write"
	PermDataExtensionsRead  = "DataExtensions.Read"
	PermDataExtensionsWrite = "DataExtensions.Write"
	PermTrackingRead        = "TrackingEvents.Read"
	PermUsersRead           = "Users.Read"
	PermUsersWrite          = "Users.Write"
	PermAccountsRead        = "Accounts.Read"
	PermAccountsWrite       = "Accounts.Write"
	PermSavedContentRead    = "SavedContent.Read"
	PermSavedContentWrite   = "SavedContent.Write"
	PermDocumentsRead       = "DocumentsAndImages.Read"
	PermDocumentsWrite      = "DocumentsAndImages.Write"
	PermConnectRead         = "MarketingCloudConnect.Read"
	PermConnectSend         = "MarketingCloudConnect.Send"
	PermConnectWrite        = "MarketingCloudConnect.Write"
	PermWebServices         = "WebServiceAPI.Access"         // "Grant the user access to the web services"
	PermAdminData           = "AdministrativeData.Manage"    // "Administrative Data Management"
	PermDataRetention       = "DataRetentionPolicy.Manage"   // "Manage Data Extension Data and Retention Policy"
	PermSalesforceStatus    = "SalesforceIntegration.Manage" // the Integrate link beside Salesforce.com Status
	PermMarketingCloudAdmin = "MarketingCloud.Administer"    // what Marketing Cloud Administrator adds
)

// Scopes that are no permission on an object.
const (
	ScopeOffline = "offline" // tokens outlive the browser session
	ScopeOpenID  = "openid"
)

// scopeVocabulary is every scope that clients know (engagement-wire 2.7), written as OBJECT: VERBS.
var scopeVocabulary = expandScopes(
	"accounts: read write", "approvals: read write", "audiences: read write", "automations: execute read write",
	"calendar: read write", "campaign: read write", "contact_bu_mapping: create delete update view",
	"data_extensions: read write", "deep_linking_asset: delete read write", "deep_linking_settings: read write",
	"dfu: configure", "documents_and_images: read write", "email: read send write",
	"event_notification_callback: create delete read update", "event_notification_subscription: create delete read update",
	"file_locations: read write", "journeys: aspr delete execute read write", "key_manage: revoke rotate view",
	"list_and_subscribers: read write", "marketing_cloud_connect: read send write", "ott_channels: read write",
	"ott_chat_messaging: read send", "package_manager: deploy package", "push: read send write",
	"saved_content: read write", "sms: read send write", "social: post publish read write", "tags: read write",
	"tracking_events: read write", "users: read write", "web: publish read write", "webhooks: read write",
	"workflows: read write",
)

// Permission is one entry of the permission list that userinfo shows.
type Permission struct {
	ID        int // stable: its place in the vocabulary, or the documented number where there is one
	Object    string
	Operation string
}

// Name is the permission as roles and principals spell it: "Email.Send".
func (p Permission) Name() string { return p.Object + "." + p.Operation }

var (
	permissionList  = makePermissions()
	permissionNames = func() []string {
		names := make([]string, 0, len(permissionList))
		for _, p := range permissionList {
			names = append(names, p.Name())
		}
		slices.Sort(names)
		return names
	}()
	permissionByName = func() map[string]Permission {
		m := make(map[string]Permission, len(permissionList))
		for _, p := range permissionList {
			m[p.Name()] = p
		}
		return m
	}()
)

func expandScopes(lines ...string) []string {
	var out []string
	for _, l := range lines {
		object, verbs, _ := strings.Cut(l, ": ")
		for v := range strings.FieldsSeq(verbs) {
			out = append(out, object+"_"+v)
		}
	}
	return out
}

// documentedIDs are the permission numbers that the REST reference gives (engagement-wire 2.7).
var documentedIDs = map[string]int{PermEmailSend: 9, PermDataExtensionsRead: 97, PermDataExtensionsWrite: 98, PermListsRead: 1018, PermListsWrite: 1020}

func makePermissions() []Permission {
	var out []Permission
	add := func(name string) {
		object, op, _ := strings.Cut(name, ".")
		id, ok := documentedIDs[name]
		if !ok {
			id = 2001 + len(out)
		}
		out = append(out, Permission{ID: id, Object: object, Operation: op})
	}
	for _, s := range scopeVocabulary {
		add(PermissionForScope(s))
	}
	for _, p := range []string{PermWebServices, PermAdminData, PermDataRetention, PermSalesforceStatus, PermMarketingCloudAdmin} {
		add(p)
	}
	return out
}

// KnownScope reports whether a package may have the scope.
func KnownScope(s string) bool {
	return s == ScopeOffline || s == ScopeOpenID || slices.Contains(scopeVocabulary, s)
}

// KnownPermission reports whether roles may name the permission.
func KnownPermission(name string) bool { _, ok := permissionByName[name]; return ok }

// PermissionByName gives the permission of that name; its ID is 0 where there is none.
func PermissionByName(name string) Permission { return permissionByName[name] }

// AllPermissions is every permission name, in order.
func AllPermissions() []string { return slices.Clone(permissionNames) }

// PermissionForScope is the permission that a call under the scope needs of its user: "email_send" is "Email.Send",
// "list_and_subscribers_read" is "ListAndSubscribers.Read". It is "" for offline and openid.
func PermissionForScope(scope string) string {
	if scope == ScopeOffline || scope == ScopeOpenID {
		return ""
	}
	i := strings.LastIndexByte(scope, '_')
	if i < 0 {
		return ""
	}
	return camel(scope[:i]) + "." + camel(scope[i+1:])
}

// permissionsForScopes is what a package acting as itself may do: what its scopes say.
func permissionsForScopes(scopes []string) []string {
	out := make([]string, 0, len(scopes))
	for _, s := range scopes {
		if p := PermissionForScope(s); p != "" {
			out = append(out, p)
		}
	}
	return out
}

func camel(s string) string {
	var b strings.Builder
	for w := range strings.SplitSeq(s, "_") {
		if w != "" {
			b.WriteString(strings.ToUpper(w[:1]) + w[1:])
		}
	}
	return b.String()
}
