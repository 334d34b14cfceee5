package pages

import (
	"net/url"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

func (s *Server) mountRoles(mux *web.Mux) {
	s.get(mux, rolesPath, s.roles)
	s.get(mux, rolesPath+"/new", s.newRole)
	s.post(mux, rolesPath+"/new", s.createRole)
	one := rolesPath + "/{key}"
	s.get(mux, one, s.role)
	s.get(mux, one+"/edit", s.editRole)
	s.post(mux, one+"/edit", s.saveRole)
	s.get(mux, one+"/delete", s.askDeleteRole)
	s.post(mux, one+"/delete", s.deleteRole)
}

func rolePath(r tenant.Role) string { return rolesPath + "/" + url.PathEscape(r.CustomerKey) }

// roles lists the roles that there are.
func (s *Server) roles(v *visit) (answer, error) {
	all, err := s.o.People.Roles(v.r.Context(), v.Principal)
	if err != nil {
		return answer{}, err
	}
	table := ui.Table{Caption: "Roles", Columns: []string{"Name", "Description", "System-defined"}}
	for _, r := range all {
		table.Rows = append(table.Rows, []ui.Cell{{Text: r.Name, Href: rolePath(r)}, {Text: r.Description}, {Text: yes(r.System)}})
	}
	return answer{page: ui.Page{Title: "Roles", Blocks: []ui.Block{
		ui.Text("A role is given on the page of a user, Manage Roles, in all business units or in one; or to everybody in a business unit, on its page. What one role denies no other role allows."),
		ui.Actions{{Text: "Create", Href: rolesPath + "/new"}},
		table,
	}}}, nil
}

// findRole reads the role that the address names.
func (s *Server) findRole(v *visit) (tenant.Role, error) {
	all, err := s.o.People.Roles(v.r.Context(), v.Principal)
	if err != nil {
		return tenant.Role{}, err
	}
	for _, r := range all {
		if strings.EqualFold(r.CustomerKey, v.path("key")) {
			return r, nil
		}
	}
	return tenant.Role{}, fault.New(fault.NotFound, tenant.CodeNoRole, "There is no such role.")
}

// role shows what a role allows and denies, by type of object.
func (s *Server) role(v *visit) (answer, error) {
	r, err := s.findRole(v)
	if err != nil {
		return answer{}, err
	}
	table := ui.Table{Caption: "Permissions", Columns: []string{"Permission set", "Allowed", "Denied"}, Empty: "none"}
	for _, set := range tenant.PermissionSets() {
		allowed, denied := r.Tells(set.Name)
		if len(allowed)+len(denied) > 0 {
			table.Rows = append(table.Rows, ui.Row(set.Name, strings.Join(allowed, ", "), strings.Join(denied, ", ")))
		}
	}
	blocks := []ui.Block{ui.Definitions{
		{Name: "Name", Value: r.Name}, {Name: "External Key", Value: r.CustomerKey}, {Name: "Description", Value: r.Description}, {Name: "System-defined", Value: yes(r.System)}, {Name: "Modified", Value: when(r.Modified)},
	}}
	if r.System {
		blocks = append(blocks, ui.Text("System-defined roles cannot be changed."))
	} else {
		blocks = append(blocks, ui.Actions{{Text: "Edit", Href: rolePath(r) + "/edit"}, {Text: "Delete", Href: rolePath(r) + "/delete"}})
	}
	return answer{page: ui.Page{Title: r.Name, Blocks: append(blocks, table)}}, nil
}

func roleCrumbs(r tenant.Role) []ui.Link {
	return append(crumbs(rolesPath+"/x"), ui.Link{Text: r.Name, Href: rolePath(r)})
}

// What is chosen for a permission: nothing, which leaves it to other roles, or one of these.
const (
	permissionField = "may-" // begins the names of the fields; the permission follows
	choiceAllow     = "allow"
	choiceDeny      = "deny"
)

// roleFields tells beside which field stands what the service says of a role.
var roleFields = map[string]string{"Name": "name", "CustomerKey": "key", "Description": "description"}

// roleForm is the form of a new role, or of one that is changed, filled in by a function that gives a value by the name of the
// field.
func (v *visit) roleForm(page *ui.Page, value func(string) string, fresh bool, refused error) ui.Form {
	fields := []ui.Field{
		v.token,
		{Name: "name", Label: "Name", Value: value("name"), Required: true, Autocomplete: "off", MaxLength: 100},
		{Type: ui.TextareaField, Name: "description", Label: "Description", Value: value("description"), MaxLength: 2000, Rows: 2},
	}
	if fresh {
		fields = append(fields, ui.Field{Name: "key", Label: "External Key", Value: value("key"), Autocomplete: "off", MaxLength: tenant.MaxKey, Hint: "Left blank, one is made."})
	}
	if refused != nil {
		refuse(page, fields, roleFields, refused)
	}
	form := ui.Form{Once: fresh, Fields: fields, Submits: []ui.Submit{{Label: "Save"}}}
	for _, set := range tenant.PermissionSets() {
		section := ui.Section{Legend: set.Name}
		for _, operation := range set.Operations {
			name := permissionField + set.Name + "." + operation
			section.Fields = append(section.Fields, ui.Field{
				Type: ui.SelectField, Name: name, Label: set.Name + " " + operation, Value: value(name), Required: true,
				Options: []ui.Option{{Value: "", Label: "Not set"}, {Value: choiceAllow, Label: "Allow"}, {Value: choiceDeny, Label: "Deny"}},
			})
		}
		form.Sections = append(form.Sections, section)
	}
	return form
}

// permissions reads what was chosen for each permission.
func (v *visit) permissions() (allow, deny []string) {
	for _, set := range tenant.PermissionSets() {
		for _, operation := range set.Operations {
			name := set.Name + "." + operation
			switch v.form.Get(permissionField + name) {
			case choiceAllow:
				allow = append(allow, name)
			case choiceDeny:
				deny = append(deny, name)
			}
		}
	}
	return allow, deny
}

func (s *Server) newRole(v *visit) (answer, error) {
	return s.newRolePage(v, func(string) string { return "" }, nil), nil
}

func (s *Server) newRolePage(v *visit, value func(string) string, refused error) answer {
	a := answer{page: ui.Page{Title: "Create Role"}, status: statusOf(refused)}
	form := v.roleForm(&a.page, value, true, refused)
	a.page.Blocks = []ui.Block{ui.Text("You can allow what you have yourself. What a role denies no other role of the same user allows."), form, ui.Links{{Text: "Cancel", Href: rolesPath}}}
	return a
}

func (s *Server) createRole(v *visit) (answer, error) {
	r := tenant.Role{Name: strings.TrimSpace(v.form.Get("name")), CustomerKey: strings.TrimSpace(v.form.Get("key")), Description: strings.TrimSpace(v.form.Get("description"))}
	r.Allow, r.Deny = v.permissions()
	r, err := s.o.Roles.Create(v.r.Context(), v.Principal, r)
	if told(err) {
		return s.newRolePage(v, v.form.Get, err), nil
	}
	if err != nil {
		return answer{}, err
	}
	return goTo(rolePath(r), "role"), nil
}

func (s *Server) editRole(v *visit) (answer, error) {
	r, err := s.findRole(v)
	if err != nil {
		return answer{}, err
	}
	is := map[string]string{"name": r.Name, "description": r.Description}
	for _, set := range tenant.PermissionSets() {
		allowed, denied := r.Tells(set.Name)
		for _, operation := range allowed {
			is[permissionField+set.Name+"."+operation] = choiceAllow
		}
		for _, operation := range denied {
			is[permissionField+set.Name+"."+operation] = choiceDeny
		}
	}
	return s.editRolePage(v, r, func(name string) string { return is[name] }, nil), nil
}

func (s *Server) editRolePage(v *visit, r tenant.Role, value func(string) string, refused error) answer {
	a := answer{page: ui.Page{Title: "Edit " + r.Name, Crumbs: roleCrumbs(r)}, status: statusOf(refused)}
	form := v.roleForm(&a.page, value, false, refused)
	a.page.Blocks = []ui.Block{ui.Text("Whoever connected before keeps the permissions that he had then, until his mapping is cleared."), form, ui.Links{{Text: "Cancel", Href: rolePath(r)}}}
	return a
}

func (s *Server) saveRole(v *visit) (answer, error) {
	r, err := s.findRole(v)
	if err != nil {
		return answer{}, err
	}
	_, err = s.o.Roles.Update(v.r.Context(), v.Principal, tenant.SetupRef{Key: r.CustomerKey}, func(r *tenant.Role) error {
		r.Name, r.Description = strings.TrimSpace(v.form.Get("name")), strings.TrimSpace(v.form.Get("description"))
		r.Allow, r.Deny = v.permissions()
		return nil
	})
	if told(err) {
		return s.editRolePage(v, r, v.form.Get, err), nil
	}
	if err != nil {
		return answer{}, err
	}
	return goTo(rolePath(r), "rolesaved"), nil
}

func (s *Server) askDeleteRole(v *visit) (answer, error) {
	r, err := s.findRole(v)
	if err != nil {
		return answer{}, err
	}
	return answer{page: ui.Page{Title: "Delete " + r.Name, Crumbs: roleCrumbs(r), Blocks: []ui.Block{ui.Confirm{
		Texts: []string{"The role " + r.Name + " goes for good. One that somebody has stays."}, Hidden: []ui.Field{v.token},
		Submits: []ui.Submit{{Label: "Delete", Danger: true}}, Cancel: ui.Link{Text: "Cancel", Href: rolePath(r)},
	}}}}, nil
}

func (s *Server) deleteRole(v *visit) (answer, error) {
	r, err := s.findRole(v)
	if err != nil {
		return answer{}, err
	}
	if _, err := s.o.Roles.Delete(v.r.Context(), v.Principal, tenant.SetupRef{Key: r.CustomerKey}); err != nil {
		return answer{}, err
	}
	return goTo(rolesPath, "roledeleted"), nil
}

// statusOf is the status of a page that shows why a form was refused; 0, which is 200, where it was not.
func statusOf(refused error) int {
	if refused == nil {
		return 0
	}
	return fault.KindOf(refused).HTTPStatus()
}
