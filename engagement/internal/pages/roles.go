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
	s.get(mux, rolesPath+"/{key}", s.role)
}

// roles lists the roles that there are.
func (s *Server) roles(v *visit) (answer, error) {
	all, err := s.o.People.Roles(v.r.Context(), v.Principal)
	if err != nil {
		return answer{}, err
	}
	table := ui.Table{Caption: "Roles", Columns: []string{"Name", "Description", "System-defined"}}
	for _, r := range all {
		table.Rows = append(table.Rows, []ui.Cell{{Text: r.Name, Href: rolesPath + "/" + url.PathEscape(r.CustomerKey)}, {Text: r.Description}, {Text: yes(r.System)}})
	}
	return answer{page: ui.Page{Title: "Roles", Blocks: []ui.Block{
		ui.Text("A role is given on the page of a user, Manage Roles, in all business units or in one; or to everybody in a business unit, on its page. What one role denies no other role allows."), table,
	}}}, nil
}

// role shows what a role allows and denies, by type of object.
func (s *Server) role(v *visit) (answer, error) {
	all, err := s.o.People.Roles(v.r.Context(), v.Principal)
	if err != nil {
		return answer{}, err
	}
	for _, r := range all {
		if strings.EqualFold(r.CustomerKey, v.path("key")) {
			return answer{page: rolePage(r)}, nil
		}
	}
	return answer{}, fault.New(fault.NotFound, tenant.CodeNoRole, "There is no such role.")
}

func rolePage(r tenant.Role) ui.Page {
	table := ui.Table{Caption: "Permissions", Columns: []string{"Permission set", "Allowed", "Denied"}, Empty: "none"}
	for _, set := range tenant.PermissionSets() {
		allowed, denied := r.Tells(set.Name)
		if len(allowed)+len(denied) > 0 {
			table.Rows = append(table.Rows, ui.Row(set.Name, strings.Join(allowed, ", "), strings.Join(denied, ", ")))
		}
	}
	return ui.Page{Title: r.Name, Blocks: []ui.Block{
		ui.Definitions{{Name: "Name", Value: r.Name}, {Name: "External Key", Value: r.CustomerKey}, {Name: "Description", Value: r.Description}, {Name: "System-defined", Value: yes(r.System)}, {Name: "Modified", Value: when(r.Modified)}},
		table,
	}}
}
