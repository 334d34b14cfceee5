package tenant

import (
	"context"
	"slices"
	"strings"
)

// Who may give what. Users.Write alone lets nobody become, or make, an administrator: roles are assigned by a Marketing
// Cloud Administrator ("assigns roles", engagement-wire 5), by whoever may administer accounts as far as the role
// administers nothing itself, and by anybody as far as he has all that the role allows. The same protects users who have
// more than the caller from a new password, name, address, default unit or state: each would let him become them, or shut them out.

// administering are the permissions that make a role one of administrators.
var administering = []string{PermMarketingCloudAdmin, PermUsersWrite, PermAccountsWrite}

// mayAssignIn refuses a role that the caller may not give or take in the unit, 0 for everywhere: whoever could take back
// what a role denies would have it, and whoever could give it could shut others out.
func mayAssignIn(p Principal, mid MID, r Role) error {
	if mid != 0 {
		p = p.in(mid)
		if err := mayWrite(p, ScopeUsersWrite); err != nil {
			return err
		}
	}
	r.Allow = slices.Concat(r.Allow, r.Deny)
	if err := mayAssign(p, r); err != nil || mid != 0 {
		return err
	}
	return mayAssign(p.everywhere(), r) // what somebody may do in one unit he does not give for all of them
}

// mayAssign refuses a role that allows what the caller may not give.
func mayAssign(p Principal, r Role) error {
	if p.Can(PermMarketingCloudAdmin) {
		return nil
	}
	allows := effective([]Role{{Allow: r.Allow}})
	if p.Can(PermAccountsWrite) && !slices.ContainsFunc(allows, func(name string) bool { return slices.Contains(administering, name) }) {
		return nil
	}
	for _, name := range allows {
		if !p.Can(name) {
			return insufficient(PermMarketingCloudAdmin + ", which assigns the role " + r.Name)
		}
	}
	return nil
}

// mayTouch refuses a change of what somebody signs in with, where his calls run, or whether he can, where he may do more
// than the caller, and any change of somebody who works where the caller does not reach. What is his own, but for rights
// and units, anybody may change; what somebody may do in a unit, whoever is there.
func (s *Users) mayTouch(ctx context.Context, p Principal, u User, c UserChange) error {
	rights := len(c.Permissions)+len(c.NoPermissions) > 0 || c.DefaultMID != 0 || slices.ContainsFunc(c.Roles, func(r RoleChange) bool { return r.Unit == 0 })
	if (rights || p.UserID != u.ID && !c.unitRolesAlone()) && !p.encloses(u) {
		return insufficient("access to the business units of " + u.Username)
	}
	if c.DefaultMID == u.DefaultMID {
		c.DefaultMID = 0
	}
	if c.CustomerKey != "" && !strings.EqualFold(c.CustomerKey, u.CustomerKey) || c.SalesforceUsername != nil && *c.SalesforceUsername != u.SalesforceUsername {
		return s.Registry.mayOutrank(ctx, p, u) // others find him by the one, and vouch for him by the other
	}
	if c.Password == "" && c.DefaultMID == 0 && !c.Unlock && c.Email == nil && c.Active == nil && c.APIUser == nil && c.MustChange == nil &&
		(c.Username == "" || FoldUsername(c.Username) == FoldUsername(u.Username)) {
		return nil
	}
	return s.Registry.mayOutrank(ctx, p, u)
}

// mayOutrank refuses somebody else who may do more than the caller, in whichever business unit.
func (r *Registry) mayOutrank(ctx context.Context, p Principal, u User) error {
	if p.UserID == u.ID || p.Can(PermMarketingCloudAdmin) {
		return nil
	}
	snapshot, err := r.Snapshot(ctx, u.Tenant, u.ID)
	if err != nil {
		return err
	}
	has := slices.Clone(snapshot.Base)
	for _, more := range snapshot.ByMID {
		has = append(has, more...)
	}
	return mayAssign(p, Role{Name: "of " + u.Username, Allow: has})
}
