package soapapi

import (
	"context"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

// createRole makes a role.
func (s *Server) createRole(ctx context.Context, c objectCall) (result, error) {
	r := tenant.Role{CustomerKey: strings.TrimSpace(c.el.Value("CustomerKey"))}
	err := readRole(c.el, &r)
	if err == nil {
		r, err = s.o.Roles.Create(ctx, c.p, r)
	}
	return result{message: "Role created", newObject: r.ID}, err
}

// updateRole changes a role; what the object leaves out stays.
func (s *Server) updateRole(ctx context.Context, c objectCall) (result, error) {
	r, err := s.o.Roles.Update(ctx, c.p, setupRef(c.el), func(r *tenant.Role) error { return readRole(c.el, r) })
	return result{message: "Role updated", newObject: r.ID}, err
}

// deleteRole takes a role away.
func (s *Server) deleteRole(ctx context.Context, c objectCall) (result, error) {
	r, err := s.o.Roles.Delete(ctx, c.p, setupRef(c.el))
	return result{message: "Role deleted", newObject: r.ID}, err
}

// readRole takes over what the object says. Its permission sets, in the shape that Retrieve shows, replace those that the
// role has: a set that is allowed or denied as a whole, and single permissions of it.
func readRole(el *soap.Element, r *tenant.Role) error {
	for name, to := range map[string]*string{"Name": &r.Name, "Description": &r.Description} {
		if text := optional(el, name); text != nil {
			*to = *text
		}
	}
	sets := el.Find("PermissionSets")
	if sets == nil {
		return nil
	}
	r.Allow, r.Deny = nil, nil
	for _, set := range sets.All("PermissionSet") {
		name := first(set, "CustomerKey", "Name")
		i := slices.IndexFunc(tenant.PermissionSets(), func(p tenant.PermissionSet) bool { return strings.EqualFold(p.Name, name) })
		if i < 0 {
			return fault.New(fault.Invalid, tenant.CodeInvalidRole, "There is no permission set %q.", clip(name)).In("PermissionSets")
		}
		known := tenant.PermissionSets()[i]
		for _, operation := range known.Operations {
			if err := readVerdict(set, known.Name+"."+operation, r); err != nil {
				return err
			}
		}
		for _, permission := range set.Find("Permissions").All("Permission") {
			name := strings.TrimSpace(permission.Value("Name"))
			if name == "" {
				name = known.Name + "." + strings.TrimSpace(permission.Value("Operation"))
			}
			if err := readVerdict(permission, name, r); err != nil {
				return err
			}
		}
	}
	for _, list := range []*[]string{&r.Allow, &r.Deny} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return nil
}

// readVerdict adds the permission to what the role allows or denies, as the element says.
func readVerdict(el *soap.Element, permission string, r *tenant.Role) error {
	for name, to := range map[string]*[]string{"IsAllowed": &r.Allow, "IsDenied": &r.Deny} {
		v, err := optionalBool(el, name)
		if err != nil {
			return err
		}
		if v != nil && *v {
			*to = append(*to, permission)
		}
	}
	return nil
}

// first is the first of the members that holds a text.
func first(el *soap.Element, names ...string) string {
	for _, name := range names {
		if text := strings.TrimSpace(el.Value(name)); text != "" {
			return text
		}
	}
	return ""
}
