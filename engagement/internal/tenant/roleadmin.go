package tenant

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults that roles raise.
const (
	// CodeNoRole: the tenant has no such role.
	CodeNoRole fault.Code = "no_role"
	// CodeInvalidRole: a role that cannot be stored as asked, or a system-defined one, which nobody changes.
	CodeInvalidRole fault.Code = "invalid_role"
	// CodeRoleExists: the customer key belongs to another role.
	CodeRoleExists fault.Code = "role_exists"
	// CodeRoleUsed: somebody has the role.
	CodeRoleUsed fault.Code = "role_used"
)

// MaxRoles bounds the roles of a tenant.
const MaxRoles = 500

// RoleStore writes the roles that people make. A missing one is a NotFound fault with CodeNoRole.
type RoleStore interface {
	// CreateRole stores a new role; a taken key is a Conflict with CodeRoleExists.
	CreateRole(ctx context.Context, r Role) error
	// UpdateRole stores r over the one with its ID, if that was last modified at the time given, and else reports a
	// Conflict with CodeChangedMeanwhile.
	UpdateRole(ctx context.Context, r Role, unmodifiedSince time.Time) error
	// DeleteRole takes a role away; one that somebody has is a Conflict with CodeRoleUsed.
	DeleteRole(ctx context.Context, r Role) error
}

// Roles is the service by which administrators make roles of their own: permission sets that allow, and others that deny.
type Roles struct {
	Registry  *Registry
	Directory Directory
	Store     RoleStore
	Clock     Clock
}

func badRole(field, format string, args ...any) error {
	return fault.New(fault.Invalid, CodeInvalidRole, format, args...).In(field)
}

func (r Role) validate() error {
	switch {
	case r.CustomerKey == "" || len(r.CustomerKey) > MaxKey || oneLine(r.CustomerKey) != r.CustomerKey || !utf8.ValidString(r.CustomerKey):
		return badRole("CustomerKey", "A role needs a customer key of one line and at most %d bytes.", MaxKey)
	case strings.TrimSpace(r.Name) == "" || utf8.RuneCountInString(r.Name) > 100 || oneLine(r.Name) != r.Name || !utf8.ValidString(r.Name):
		return badRole("Name", "A role needs a name of one line and at most 100 characters.")
	case len(r.Description) > 2000 || !utf8.ValidString(r.Description) || hasNUL(r.Description):
		return badRole("Description", "A description may have at most 2000 bytes.")
	}
	for _, list := range [][]string{r.Allow, r.Deny} {
		for _, name := range list {
			if !KnownPermission(name) {
				return badRole("PermissionSets", "There is no permission %q.", clip(name))
			}
		}
	}
	return nil
}

// mayMake refuses a role that the caller could not give: nobody makes one that allows more than he has, and what it denies
// others is his to have, too.
func mayMake(p Principal, r Role) error {
	if err := mayWrite(p, ScopeUsersWrite); err != nil {
		return err
	}
	if err := mayTenantWide(p); err != nil { // a role is the same in every unit (engagement-wire 5)
		return err
	}
	return mayAssign(p, Role{Name: r.Name, Allow: slices.Concat(r.Allow, r.Deny)})
}

// Create stores a new role. Without a key it gets a GUID as one.
func (s *Roles) Create(ctx context.Context, p Principal, r Role) (Role, error) {
	now := s.Clock.Now(p.Tenant).Truncate(time.Millisecond)
	r.Tenant, r.ID, r.System, r.Private, r.Created, r.Modified = p.Tenant, NewGUID(), false, false, now, now
	if r.CustomerKey == "" {
		r.CustomerKey = NewGUID()
	}
	if err := mayMake(p, r); err != nil {
		return r, err
	}
	if err := r.validate(); err != nil {
		return r, err
	}
	return r, s.Store.CreateRole(ctx, r)
}

// find finds a role that people made, by ObjectID or else by customer key.
func (s *Roles) find(ctx context.Context, eid EID, ref SetupRef) (Role, error) {
	all, err := s.Directory.Roles(ctx, eid)
	if err != nil {
		return Role{}, err
	}
	i := slices.IndexFunc(all, func(r Role) bool {
		return ref.ID != "" && strings.EqualFold(r.ID, ref.ID) || ref.ID == "" && strings.EqualFold(r.CustomerKey, ref.Key)
	})
	switch {
	case i < 0:
		return Role{}, fault.New(fault.NotFound, CodeNoRole, "There is no role %q.", clip(ref.ID+ref.Key))
	case all[i].System:
		return all[i], badRole("IsSystemDefined", "The role %s is system-defined and cannot be changed.", all[i].Name)
	}
	return all[i], nil
}

// Update changes a role by the function. Grants keep the permissions that they were made with.
func (s *Roles) Update(ctx context.Context, p Principal, ref SetupRef, change func(*Role) error) (Role, error) {
	if err := mayWrite(p, ScopeUsersWrite); err != nil {
		return Role{}, err
	}
	r, err := s.find(ctx, p.Tenant, ref)
	if err != nil {
		return r, err
	}
	if err := mayMake(p, r); err != nil { // whoever may not give it may not take of it, either
		return r, err
	}
	was := r.Modified
	if err := change(&r); err != nil {
		return r, err
	}
	r.Modified = later(s.Clock.Now(p.Tenant).Truncate(time.Millisecond), was)
	if err := mayMake(p, r); err != nil {
		return r, err
	}
	if err := r.validate(); err != nil {
		return r, err
	}
	err = s.Store.UpdateRole(ctx, r, was)
	s.Registry.SetupChanged()
	return r, err
}

// Delete takes a role away that nobody has.
func (s *Roles) Delete(ctx context.Context, p Principal, ref SetupRef) (Role, error) {
	if err := mayWrite(p, ScopeUsersWrite); err != nil {
		return Role{}, err
	}
	r, err := s.find(ctx, p.Tenant, ref)
	if err != nil {
		return r, err
	}
	if err := mayMake(p, r); err != nil {
		return r, err
	}
	return r, s.Store.DeleteRole(ctx, r)
}
