package metadata

import (
	"context"
	"maps"
	"slices"
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
	for _, name := range slices.Sorted(maps.Keys(p.Applications)) {
		x.Open("applicationVisibilities")
		x.Text("application", name)
		x.Text("default", strconv.FormatBool(p.Applications[name].Default))
		x.Text("visible", strconv.FormatBool(p.Applications[name].Visible))
		x.Close()
	}
	if p.Description != "" {
		x.Text("description", p.Description)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Fields)) {
		x.Open("fieldPermissions")
		x.Text("editable", strconv.FormatBool(p.Fields[name].Edit))
		x.Text("field", name)
		x.Text("readable", strconv.FormatBool(p.Fields[name].Read))
		x.Close()
	}
	x.Text("hasActivationRequired", strconv.FormatBool(p.ActivationRequired))
	x.Text("label", p.Label)
	if p.License != "" {
		x.Text("license", p.License)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Objects)) {
		a := p.Objects[name]
		x.Open("objectPermissions")
		for _, f := range objectFlags {
			if f.name == "viewAllRecords" { // elements come in the order of their names
				x.Text("object", name)
			}
			x.Text(f.name, strconv.FormatBool(*f.of(&a)))
		}
		x.Close()
	}
	for _, name := range slices.Sorted(maps.Keys(p.Tabs)) {
		x.Open("tabSettings")
		x.Text("tab", name)
		x.Text("visibility", p.Tabs[name])
		x.Close()
	}
	for _, name := range p.Permissions {
		x.Open("userPermissions")
		x.Text("enabled", "true")
		x.Text("name", name)
		x.Close()
	}
}

// objectFlags are the elements of objectPermissions, in their order.
var objectFlags = []struct {
	name string
	of   func(*org.ObjectAccess) *bool
}{
	{"allowCreate", func(a *org.ObjectAccess) *bool { return &a.Create }},
	{"allowDelete", func(a *org.ObjectAccess) *bool { return &a.Delete }},
	{"allowEdit", func(a *org.ObjectAccess) *bool { return &a.Edit }},
	{"allowRead", func(a *org.ObjectAccess) *bool { return &a.Read }},
	{"modifyAllRecords", func(a *org.ObjectAccess) *bool { return &a.ModifyAll }},
	{"viewAllRecords", func(a *org.ObjectAccess) *bool { return &a.ViewAll }},
}

// replaceVersion is the API version from which a permission set gives what the call names and nothing else; before it that
// was added to what it had.
const replaceVersion = 40

// readPermissionSet reads a PermissionSet. Elements that are absent stay as they are, but for those that may repeat.
func readPermissionSet(e *soap.Element, api int) (org.PermissionSetChange, error) {
	c := org.PermissionSetChange{Permissions: map[string]bool{}, Replace: api >= replaceVersion, SetGrants: org.SetGrants{
		Objects: map[string]org.ObjectAccess{}, Fields: map[string]org.FieldAccess{},
		Shown: org.Shown{Tabs: map[string]string{}, Applications: map[string]org.AppVisibility{}},
	}}
	var r reader
	r.once(e, "userPermissions", "objectPermissions", "fieldPermissions", "tabSettings", "applicationVisibilities")
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
		case "objectPermissions":
			name, flags := r.grant(el, "object", "allowCreate", "allowDelete", "allowEdit", "allowRead", "modifyAllRecords", "viewAllFields", "viewAllRecords")
			if flags["viewAllFields"] { // from version 63 on in every file, and off in most
				r.unknown(typePermissionSet, el.Local+".viewAllFields")
			}
			var a org.ObjectAccess
			for _, f := range objectFlags {
				*f.of(&a) = flags[f.name]
			}
			put(&r, el.Local, c.Objects, name, a)
		case "fieldPermissions":
			name, flags := r.grant(el, "field", "editable", "readable")
			put(&r, el.Local, c.Fields, name, org.FieldAccess{Read: flags["readable"], Edit: flags["editable"]})
		case "applicationVisibilities":
			name, flags := r.grant(el, "application", "default", "visible")
			put(&r, el.Local, c.Applications, name, org.AppVisibility{Default: flags["default"], Visible: flags["visible"]})
		case "tabSettings":
			r.tabSetting(c.Tabs, el)
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

// grant reads an element that names something and has switches.
func (r *reader) grant(e *soap.Element, named string, switches ...string) (name string, flags map[string]bool) {
	r.once(e)
	flags = map[string]bool{}
	for _, el := range e.Children {
		switch {
		case el.Local == named:
			name = strings.TrimSpace(el.Text)
		case slices.Contains(switches, el.Local):
			flags[el.Local] = *r.flag(el)
		default:
			r.unknown(typePermissionSet, e.Local+"."+el.Local)
		}
	}
	return name, flags
}

// put adds an entry of a repeating element, each of which names something else.
func put[V any](r *reader, element string, to map[string]V, name string, v V) {
	switch _, twice := to[name]; {
	case name == "":
		r.refuse("Required field is missing: %s needs a name", element)
	case twice:
		r.refuse("Duplicate %s: %s", element, clip(name))
	default:
		to[name] = v
	}
}

// tabVisibilities are those of a permission set's tabs (Metadata API, PermissionSetTabVisibility).
var tabVisibilities = []string{"Available", "None", "Visible"}

func (r *reader) tabSetting(to map[string]string, e *soap.Element) {
	r.once(e)
	var name, visibility string
	for _, el := range e.Children {
		switch el.Local {
		case "tab":
			name = strings.TrimSpace(el.Text)
		case "visibility":
			visibility = strings.TrimSpace(el.Text)
		default:
			r.unknown(typePermissionSet, "tabSettings."+el.Local)
		}
	}
	if !slices.Contains(tabVisibilities, visibility) {
		r.refuse("'%s' is not a valid value for the enum 'PermissionSetTabVisibility'", clip(visibility))
	}
	put(r, "tabSettings", to, name, visibility)
}
