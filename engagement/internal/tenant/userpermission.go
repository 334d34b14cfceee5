package tenant

import (
	"fmt"
	"slices"
)

// userPermission is one of the numbered UserPermissions of an AccountUser (engagement-wire 3, objects).
type userPermission struct {
	name string
	// role is the customer key of the role that the number stands for; "" where it is a permission of its own.
	role        string
	allow, deny []string
}

// userPermissions are the numbers that the WSDL's documents list. Which of our permissions each allows or takes away
// follows its name; numbers without any are kept and shown, and decide nothing.
var userPermissions = map[int]userPermission{
	3: {name: "CLIENT_ADMIN"}, 4: {name: "PRO_ADMIN"}, 5: {name: "VIEW_TRACKING", allow: []string{PermTrackingRead}},
	6: {name: "CRT_LIST_VIEW", allow: []string{PermListsRead}}, 7: {name: "RM_TMPLT"}, 8: {name: "SEND_EMAIL_OFF", deny: []string{PermEmailSend}},
	12: {name: "DELETE_LIST_OFF"}, 13: {name: "PROFILE_READONLY"}, 14: {name: "SF_REPORTS"}, 15: {name: "SF_REPORTS_FULL"},
	16: {name: "DENY_LIST_ACCESS", deny: []string{PermListsRead, PermListsWrite}}, 17: {name: "DELETE_EMAIL_OFF"},
	18: {name: "CREATE_EMAIL_OFF", deny: []string{PermEmailWrite}}, 19: {name: "EXT_SEND_INTGRN", allow: []string{PermConnectRead, PermConnectSend}},
	23: {name: "WebServices", allow: []string{PermWebServices}}, 24: {name: "ATTRIBS_READONLY"},
	25: {name: "ADMIN_DATA_MAN", allow: []string{PermAdminData}}, 26: {name: "TEST_SEND_ONLY", deny: []string{PermEmailSend}},
	28: {name: "REMOVE_CRM"}, 29: {name: "REMOVE_INTERACT"}, 30: {name: "REMOVE_360"},
	31: {name: RoleAdministrator, role: RoleAdministrator}, 32: {name: "SYS_DEF_CONTENT", role: "SYS_DEF_CONTENT"},
	33: {name: "SYS_DEF_DATA", role: "SYS_DEF_DATA"}, 34: {name: "SYS_DEF_ANALYST", role: "SYS_DEF_ANALYST"},
	35: {name: "MANAGE_DATA_EXT", allow: []string{PermDataExtensionsRead, PermDataExtensionsWrite, PermDataRetention}},
	38: {name: "APPROVER", allow: []string{"Approvals.Read", "Approvals.Write"}}, 39: {name: "SYS_DEF_DS_USER"},
}

// UserPermissionName is the documented name of a numbered user permission; "" where there is none of that number.
func UserPermissionName(id int) string { return userPermissions[id].name }

// IndividualRole is the private role that holds what a user is given beside his roles: his numbered user permissions.
// It is computed and stored nowhere; its id is the user's own.
func (u User) IndividualRole() Role {
	r := Role{
		Tenant: u.Tenant, ID: fmt.Sprintf("%08x-%04x-4000-8000-%012x", uint32(u.Tenant), uint16(u.ID>>48), uint64(u.ID)&(1<<48-1)),
		Name: fmt.Sprintf("Individual role for %d", u.ID), Private: true, Created: u.Created, Modified: u.Modified,
	}
	r.CustomerKey = r.ID
	for _, id := range u.Permissions {
		p := userPermissions[id]
		r.Allow = append(r.Allow, p.allow...)
		r.Deny = append(r.Deny, p.deny...)
	}
	return r
}

// grantable splits the numbers asked for into those kept with the user and the customer keys of the roles that the
// others stand for. It reports the first number that is none.
func grantable(ids []int) (kept []int, roles []string, unknown int) {
	for _, id := range ids {
		p, ok := userPermissions[id]
		switch {
		case !ok:
			return nil, nil, id
		case p.role != "":
			roles = append(roles, p.role)
		default:
			kept = append(kept, id)
		}
	}
	slices.Sort(kept)
	return slices.Compact(kept), roles, 0
}
