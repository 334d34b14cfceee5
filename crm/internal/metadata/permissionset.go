package metadata

import (
	"context"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/soap"
)

const typePermissionSet = "PermissionSet"

// permissionSets is the type PermissionSet.
func (s *Server) permissionSets() componentType {
	return componentType{
		name: typePermissionSet, folder: "permissionsets", suffix: "permissionset",
		list: func(ctx context.Context, session org.Session) ([]fileProperties, error) {
			sets, err := s.PermissionSets.List(ctx, session)
			out := make([]fileProperties, len(sets))
			for i, p := range sets {
				out[i] = fileProperties{Stamp: p.Stamp, name: p.FullName(), namespace: p.Namespace}
			}
			return out, err
		},
		read: func(ctx context.Context, session org.Session, name string) (func(*soap.Writer), error) {
			p, err := s.PermissionSets.Find(ctx, session, name)
			return func(x *soap.Writer) { writePermissionSet(x, p) }, err
		},
		save: func(c *call, name string, verb org.Verb, e *soap.Element) (org.Work, error) {
			change, err := readPermissionSet(e, c.api)
			return func(tx org.SetupTx) (org.Saved, error) {
				return s.PermissionSets.SaveIn(tx, c.session, name, verb, change)
			}, err
		},
		remove: func(c *call, name string) org.Work {
			return func(tx org.SetupTx) (org.Saved, error) { return s.PermissionSets.DeleteIn(tx, c.session, name) }
		},
	}
}

func writePermissionSet(x *soap.Writer, p org.PermissionSetInfo) {
	x.Text("fullName", p.FullName())
	if p.Description != "" {
		x.Text("description", p.Description)
	}
	x.Text("hasActivationRequired", strconv.FormatBool(p.ActivationRequired))
	x.Text("label", p.Label)
	if p.License != "" {
		x.Text("license", p.License)
	}
	for _, name := range p.Permissions {
		x.Open("userPermissions")
		x.Text("enabled", "true")
		x.Text("name", name)
		x.Close()
	}
}

// replaceVersion is the API version from which a permission set's userPermissions are all that it gives; before it they
// were added to what it had.
const replaceVersion = 40

// readPermissionSet reads a PermissionSet. Elements that are absent stay as they are, but for userPermissions.
func readPermissionSet(e *soap.Element, api int) (org.PermissionSetChange, error) {
	c := org.PermissionSetChange{Permissions: map[string]bool{}, ReplacePermissions: api >= replaceVersion}
	var r reader
	r.once(e, "userPermissions")
	for _, el := range e.Children {
		switch el.Local {
		case "fullName":
		case "label":
			c.Label = trimmed(el)
		case "description":
			c.Description = trimmed(el)
		case "license":
			c.License = trimmed(el)
		case "hasActivationRequired":
			c.ActivationRequired = r.flag(el)
		case "userPermissions":
			r.userPermission(c.Permissions, el)
		default:
			r.unknown(typePermissionSet, el.Local)
		}
	}
	return c, r.err
}

func (r *reader) userPermission(to map[string]bool, e *soap.Element) {
	r.once(e)
	var name string
	var on *bool
	for _, el := range e.Children {
		switch el.Local {
		case "name":
			name = strings.TrimSpace(el.Text)
		case "enabled":
			on = r.flag(el)
		default:
			r.unknown(typePermissionSet, "userPermissions."+el.Local)
		}
	}
	switch _, twice := to[name]; {
	case name == "" || on == nil:
		r.refuse("userPermissions needs enabled and name")
	case twice:
		r.refuse("Duplicate userPermissions: %s", clip(name))
	default:
		to[name] = *on
	}
}
