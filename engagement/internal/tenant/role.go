package tenant

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Role is a set of permissions that can be given to users. A deny beats every allow (engagement-wire 5).
type Role struct {
	Tenant      EID
	ID          string // GUID: SOAP's ObjectID
	CustomerKey string
	Name        string
	Description string
	System      bool     // IsSystemDefined
	Private     bool     // IsPrivate: a user's own
	Allow       []string // permission names; "*" is all of them
	Deny        []string
	Created     time.Time
	Modified    time.Time
}

// Assignment gives a role to a user everywhere (MID 0), to a user in one business unit, or to everybody in a business
// unit (UserID 0).
type Assignment struct {
	Tenant EID
	UserID int64
	MID    MID
	RoleID string
}

// Customer keys of the two roles that make an API user able to connect (connect-facts 1.5).
const (
	RoleAdministrator               = "SYS_DEF_ADMIN"
	RoleMarketingCloudAdministrator = "SYS_DEF_IMHADMIN"
)

// AllowAll in a role's Allow stands for every permission.
const AllowAll = "*"

// systemRoles are the roles that every tenant has. The documents name them and say roughly what they are for; which
// permission is in which is ours by decision: sending needs Content Editor/Publisher, as connect-facts 1.6 requires
// the three roles of an integrated user together.
func systemRoles(edition AccountType) []Role {
	editor := []string{PermEmailRead, PermEmailWrite, PermSavedContentRead, PermSavedContentWrite, PermDocumentsRead, PermDocumentsWrite}
	data := []string{PermListsRead, PermListsWrite, PermDataExtensionsRead, PermDataExtensionsWrite, PermTrackingRead, PermDataRetention, PermAdminData}
	reading := func() []string {
		var out []string
		for _, p := range permissionNames {
			if strings.HasSuffix(p, ".Read") || strings.HasSuffix(p, ".View") {
				out = append(out, p)
			}
		}
		return out
	}
	administrator := []string{
		PermMarketingCloudAdmin, PermUsersRead, PermUsersWrite, PermAccountsRead, PermAccountsWrite, PermWebServices, PermSalesforceStatus,
		PermConnectRead, PermConnectSend, PermConnectWrite,
	}
	if edition != Enterprise2 {
		// There he is all that a connection's API user is (connect-facts 1.5), who sends triggered sends, by which document 002
		// confirms an upgrade there, and asks what became of everybody's messages.
		administrator = append(administrator, PermEmailRead, PermEmailSend, PermListsRead, PermDataExtensionsRead, PermTrackingRead, PermSavedContentRead, PermDocumentsRead)
	}
	return []Role{
		{CustomerKey: RoleAdministrator, Name: "Administrator", Description: "All permissions of Email Studio.", Allow: []string{AllowAll}},
		{
			CustomerKey: RoleMarketingCloudAdministrator, Name: "Marketing Cloud Administrator", Description: "Assigns roles and manages channels, apps and tools.",
			Allow: administrator,
		},
		{CustomerKey: "SYS_DEF_IMHVIEWER", Name: "Marketing Cloud Viewer", Description: "Views cross-channel marketing activity.", Allow: reading()},
		{
			CustomerKey: "SYS_DEF_IMHPUBLISHER", Name: "Marketing Cloud Content Editor/Publisher", Description: "Creates and publishes messages and interactions through all channels.",
			Allow: append(slices.Clone(editor), PermEmailSend, PermConnectRead, PermConnectSend),
		},
		{
			CustomerKey: "SYS_DEF_IMHCHANNEL", Name: "Marketing Cloud Channel Manager", Description: "Creates and executes cross-channel interactive marketing campaigns and administers specific channels.",
			Allow: append(slices.Clone(editor), PermEmailSend, PermConnectRead, PermConnectSend, PermConnectWrite, PermTrackingRead),
		},
		{
			CustomerKey: "SYS_DEF_IMHSECURITY", Name: "Marketing Cloud Security Administrator", Description: "Maintains security settings and manages user activity and alerts.",
			Allow: []string{PermUsersRead, PermUsersWrite, PermAccountsRead},
		},
		{CustomerKey: "SYS_DEF_CONTENT", Name: "Content Creator", Description: "Works on all content.", Allow: editor},
		{CustomerKey: "SYS_DEF_DATA", Name: "Data Manager", Description: "Works on subscribers, lists, data extensions and their administration.", Allow: data},
		{CustomerKey: "SYS_DEF_ANALYST", Name: "Analyst", Description: "Reads tracking.", Allow: []string{PermTrackingRead, PermEmailRead}},
	}
}

// Snapshot is what a user may do, as it was at one moment: in general, and in business units where it differs.
type Snapshot struct {
	Base  []string         `json:"base"`
	ByMID map[MID][]string `json:"by_mid,omitempty"`
	// Roles are the customer keys of the roles held in the whole enterprise, in order; nil where nobody noted them, as in
	// snapshots of earlier versions.
	Roles []string `json:"roles"`
}

// At is what the snapshot allows in the business unit: permission names in order.
func (s Snapshot) At(mid MID) []string {
	if p, ok := s.ByMID[mid]; ok {
		return p
	}
	return s.Base
}

// TakeSnapshot computes what the user may do from the roles and assignments of the tenant. Assignments of other users
// are ignored.
func TakeSnapshot(userID int64, roles []Role, given []Assignment) Snapshot {
	byID := make(map[string]Role, len(roles))
	for _, r := range roles {
		byID[r.ID] = r
	}
	var base []Role
	local := map[MID][]Role{}
	for _, a := range given {
		r, ok := byID[a.RoleID]
		switch {
		case !ok || a.UserID != 0 && a.UserID != userID:
		case a.MID != 0:
			local[a.MID] = append(local[a.MID], r)
		case a.UserID == userID:
			base = append(base, r)
		}
	}
	s := Snapshot{Base: effective(base), Roles: []string{}}
	for _, r := range base {
		if !r.Private {
			s.Roles = append(s.Roles, r.CustomerKey)
		}
	}
	slices.Sort(s.Roles)
	for mid, more := range local {
		if s.ByMID == nil {
			s.ByMID = map[MID][]string{}
		}
		s.ByMID[mid] = effective(append(slices.Clone(base), more...))
	}
	return s
}

// effective is what the roles allow together: denies win.
func effective(roles []Role) []string {
	have := map[string]bool{}
	for _, r := range roles {
		for _, p := range r.Allow {
			if p == AllowAll {
				for _, all := range permissionNames {
					have[all] = true
				}
				continue
			}
			have[p] = true
		}
	}
	for _, r := range roles {
		for _, p := range r.Deny {
			if p == AllowAll {
				clear(have)
			}
			delete(have, p)
		}
	}
	return slices.Sorted(maps.Keys(have))
}

// Holds reports whether the user had every one of the roles, by customer key, in the whole enterprise.
func (s Snapshot) Holds(keys ...string) bool {
	return !slices.ContainsFunc(keys, func(key string) bool { return !slices.Contains(s.Roles, key) })
}

// Equal reports whether both allow the same, by the same roles as far as both tell them.
func (s Snapshot) Equal(o Snapshot) bool {
	if s.Roles != nil && o.Roles != nil && !slices.Equal(s.Roles, o.Roles) {
		return false
	}
	return slices.Equal(s.Base, o.Base) && maps.EqualFunc(s.ByMID, o.ByMID, slices.Equal)
}

// PermissionSet is what can be done to one type of object.
type PermissionSet struct {
	Name       string   // the object type, letters alone: "Email"
	Operations []string // in order: "Read", "Send", "Write"
}

// PermissionSets is the whole vocabulary of permissions by object type, in order.
func PermissionSets() []PermissionSet {
	var out []PermissionSet
	for _, name := range permissionNames {
		object, operation, _ := strings.Cut(name, ".")
		if n := len(out); n > 0 && out[n-1].Name == object {
			out[n-1].Operations = append(out[n-1].Operations, operation)
			continue
		}
		out = append(out, PermissionSet{Name: object, Operations: []string{operation}})
	}
	return out
}

// Tells which operations on the object type the role allows and denies.
func (r Role) Tells(object string) (allowed, denied []string) {
	pick := func(names []string) (out []string) {
		if slices.Contains(names, AllowAll) {
			names = permissionNames
		}
		for _, name := range names {
			if o, operation, _ := strings.Cut(name, "."); o == object {
				out = append(out, operation)
			}
		}
		return out
	}
	return pick(r.Allow), pick(r.Deny)
}
