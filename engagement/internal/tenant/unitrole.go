package tenant

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// UnitRole is a role that is given in one business unit: to everybody in it, or to one user (engagement-wire 5: roles are
// "assignable to user (all BUs), to BU (all users in it), to user-in-BU").
type UnitRole struct {
	Unit     MID
	Role     Role
	Username string // "" is everybody in the unit
}

// UnitRoleStore keeps who has which role where.
type UnitRoleStore interface {
	// AssignmentsIn lists what is given in the business unit, to everybody first, then by user and role: what comes after an
	// assignment, at most limit of them. After the zero value is from the first, and limit 0 all.
	AssignmentsIn(ctx context.Context, eid EID, mid MID, after Assignment, limit int) ([]Assignment, error)
	// Assign gives a role; giving it twice is no error.
	Assign(ctx context.Context, a Assignment) error
	// Unassign takes a role back; taking one that is not given is no error.
	Unassign(ctx context.Context, a Assignment) error
}

// UnitRoles is the service by which administrators give roles in a business unit. Grants and sign-ins keep what they were
// made with.
type UnitRoles struct {
	Registry  *Registry
	Directory Directory
	Store     UnitRoleStore
}

// List gives the roles that are given in the unit.
func (s *UnitRoles) List(ctx context.Context, p Principal, mid MID) ([]UnitRole, error) {
	all, _, err := s.list(ctx, p, mid, Assignment{}, 0)
	return all, err
}

// unitRolePage is how many of them a page has.
const unitRolePage = 50

// Page gives a page of them, after what next said of the page before; the zero value for the first. next is the zero value
// on the last one.
func (s *UnitRoles) Page(ctx context.Context, p Principal, mid MID, after Assignment) (page []UnitRole, next Assignment, err error) {
	return s.list(ctx, p, mid, after, unitRolePage)
}

// list gives at most limit of them, all where it is 0.
func (s *UnitRoles) list(ctx context.Context, p Principal, mid MID, after Assignment, limit int) (out []UnitRole, next Assignment, err error) {
	if err := mayRead(p, ScopeUsersRead, ScopeUsersWrite); err != nil {
		return nil, next, err
	}
	if err := s.unit(ctx, p, mid); err != nil {
		return nil, next, err
	}
	roles, err := s.Directory.Roles(ctx, p.Tenant)
	if err != nil {
		return nil, next, err
	}
	ask := limit
	if limit > 0 {
		ask++
	}
	given, err := s.Store.AssignmentsIn(ctx, p.Tenant, mid, after, ask)
	if err != nil {
		return nil, next, err
	}
	if limit > 0 && len(given) > limit {
		given = given[:limit]
		next = given[limit-1]
	}
	out = make([]UnitRole, 0, len(given))
	for _, a := range given {
		i := slices.IndexFunc(roles, func(r Role) bool { return r.ID == a.RoleID })
		if i < 0 {
			continue // taken away at this moment
		}
		one := UnitRole{Unit: mid, Role: roles[i]}
		if a.UserID != 0 {
			user, err := s.Registry.User(ctx, p.Tenant, a.UserID)
			if err != nil {
				return nil, next, err
			}
			one.Username = user.Username
		}
		out = append(out, one)
	}
	return out, next, nil
}

// Give gives a role, by customer key or name, in the unit: to the user, to everybody where the name is "".
func (s *UnitRoles) Give(ctx context.Context, p Principal, mid MID, role, username string) (UnitRole, error) {
	a, given, err := s.assignment(ctx, p, mid, role, username)
	if err != nil {
		return UnitRole{}, err
	}
	return given, s.Store.Assign(ctx, a)
}

// Take takes it back.
func (s *UnitRoles) Take(ctx context.Context, p Principal, mid MID, role, username string) error {
	a, _, err := s.assignment(ctx, p, mid, role, username)
	if err != nil {
		return err
	}
	given, err := s.Store.AssignmentsIn(ctx, p.Tenant, mid, Assignment{}, 0)
	if err != nil {
		return err
	}
	if !slices.Contains(given, a) {
		who := cmp.Or(username, "everybody in the business unit")
		return fault.New(fault.NotFound, CodeNoRole, "The role %q is not given to %s there.", clip(role), clip(who)).In("role")
	}
	return s.Store.Unassign(ctx, a)
}

// assignment finds what is named and checks that the caller may give it.
func (s *UnitRoles) assignment(ctx context.Context, p Principal, mid MID, name, username string) (a Assignment, names UnitRole, err error) {
	a = Assignment{Tenant: p.Tenant, MID: mid}
	if err := mayWrite(p, ScopeUsersWrite); err != nil {
		return a, names, err
	}
	if err := s.unit(ctx, p, mid); err != nil {
		return a, names, err
	}
	roles, err := s.Directory.Roles(ctx, p.Tenant)
	if err != nil {
		return a, names, err
	}
	i := slices.IndexFunc(roles, func(r Role) bool { return strings.EqualFold(r.CustomerKey, name) })
	if i < 0 {
		i = slices.IndexFunc(roles, func(r Role) bool { return strings.EqualFold(r.Name, name) })
	}
	if i < 0 {
		return a, names, fault.New(fault.NotFound, CodeNoRole, "There is no role %q.", clip(name)).In("role")
	}
	a.RoleID, names = roles[i].ID, UnitRole{Unit: mid, Role: roles[i]}
	if err := mayAssignIn(p, mid, roles[i]); err != nil {
		return a, names, err
	}
	if username == "" {
		return a, names, nil
	}
	none := fault.New(fault.NotFound, CodeNotFound, "There is no such user.").In("username")
	user, err := s.Registry.UserByName(ctx, username)
	if err != nil {
		return a, names, absent(err, none)
	}
	if user.Tenant != p.Tenant || !p.sees(user) {
		return a, names, none
	}
	a.UserID, names.Username = user.ID, user.Username
	return a, names, nil
}

// unit refuses a unit that the tenant does not have or the caller does not reach, alike.
func (s *UnitRoles) unit(ctx context.Context, p Principal, mid MID) error {
	none := fault.New(fault.NotFound, CodeNotFound, "There is no such business unit.")
	if !p.Reaches(mid) {
		return none
	}
	_, err := s.Registry.Unit(ctx, p.Tenant, mid)
	return absent(err, none)
}
