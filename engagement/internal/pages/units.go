package pages

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

func (s *Server) mountUnits(mux *web.Mux) {
	s.get(mux, unitsPath, s.units)
	one := unitsPath + "/{mid}"
	s.get(mux, one, s.unit)
	s.post(mux, one+"/give", s.giveUnitRole)
	s.post(mux, one+"/take", s.takeUnitRole)
}

func unitPath(mid tenant.MID) string { return unitsPath + "/" + strconv.FormatInt(int64(mid), 10) }

// units lists the business units: whose parent is which, and which packages work in each.
func (s *Server) units(v *visit) (answer, error) {
	units, err := s.o.Setup.Units(v.r.Context(), v.Principal)
	if err != nil {
		return answer{}, err
	}
	table := ui.Table{Caption: "Business Units", Columns: []string{"Name", "MID", "Parent", "Status", "Installed Packages"}}
	for _, u := range units {
		table.Rows = append(table.Rows, []ui.Cell{
			{Text: u.Name, Href: unitPath(u.MID)}, {Text: strconv.FormatInt(int64(u.MID), 10)}, {Text: parentOf(u.BusinessUnit)}, {Text: active(u.Active)}, {Text: packageNames(u.Packages)},
		})
	}
	page := ui.Page{Title: "Business Units", Blocks: []ui.Block{table}}
	if v.Account.Type != tenant.Enterprise2 {
		page.Alerts = []ui.Alert{{Kind: ui.Notice, Text: "This account is not Enterprise 2.0: it has no business units but its own."}}
	}
	return answer{page: page}, nil
}

func parentOf(u tenant.BusinessUnit) string {
	if u.Parent == 0 {
		return "none: the top of the account"
	}
	return "MID " + strconv.FormatInt(int64(u.Parent), 10)
}

func active(is bool) string {
	if is {
		return "Active"
	}
	return "Inactive"
}

func packageNames(list []tenant.Package) string {
	names := make([]string, len(list))
	for i, k := range list {
		names[i] = k.Name
		if !k.Active {
			names[i] += " (disabled)"
		}
	}
	return strings.Join(names, ", ")
}

// unit shows one business unit: the packages that work there, and the roles that are given there.
func (s *Server) unit(v *visit) (answer, error) { return s.unitPage(v, nil) }

func (s *Server) unitPage(v *visit, refused error) (answer, error) {
	ctx, mid := v.r.Context(), unitIn(v.path("mid"))
	units, err := s.o.Setup.Units(ctx, v.Principal)
	if err != nil {
		return answer{}, err
	}
	var unit *tenant.Unit
	for i := range units {
		if units[i].MID == mid {
			unit = &units[i]
		}
	}
	if unit == nil {
		return answer{}, fault.New(fault.NotFound, tenant.CodeNotFound, "There is no such business unit.")
	}
	after := tenant.Assignment{UserID: number(v.query.Get("after")), RoleID: v.query.Get("role")}
	given, next, err := s.o.UnitRoles.Page(ctx, v.Principal, mid, after)
	if err != nil {
		return answer{}, err
	}
	roles, err := s.o.People.Roles(ctx, v.Principal)
	if err != nil {
		return answer{}, err
	}
	table := ui.Table{Caption: "Roles in this business unit", Columns: []string{"Role", "Given to", "Action"}, Empty: "none"}
	for _, g := range given {
		to := g.Username
		if to == "" {
			to = "everybody in the business unit"
		}
		table.Rows = append(table.Rows, []ui.Cell{{Text: g.Role.Name}, {Text: to}, {Form: &ui.Form{
			Action:  unitPath(mid) + "/take",
			Fields:  []ui.Field{v.token, {Type: ui.HiddenField, Name: "role", Value: g.Role.CustomerKey}, {Type: ui.HiddenField, Name: "username", Value: g.Username}},
			Submits: []ui.Submit{{Label: "Remove", Secondary: true}},
		}}})
	}
	choose := ui.Field{Type: ui.SelectField, Name: "role", Label: "Role", Required: true}
	for _, r := range roles {
		choose.Options = append(choose.Options, ui.Option{Value: r.CustomerKey, Label: r.Name})
	}
	fields := []ui.Field{v.token, choose, {Name: "username", Label: "Username", Autocomplete: "off", MaxLength: tenant.MaxUsername, Hint: "Blank: everybody in the business unit."}}
	a := answer{page: ui.Page{Title: unit.Name}}
	if refused != nil {
		fields[1].Value, fields[2].Value = v.form.Get("role"), v.form.Get("username")
		refuse(&a.page, fields, map[string]string{"role": "role", "username": "username"}, refused)
		a.status = fault.KindOf(refused).HTTPStatus()
	}
	packages := ui.Table{Caption: "Installed Packages that work here", Columns: []string{"Name", "Type", "Status"}, Empty: "none"}
	for _, k := range unit.Packages {
		packages.Rows = append(packages.Rows, []ui.Cell{{Text: k.Name, Href: packagePath(k.ClientID)}, {Text: integrationType(k.Type)}, {Text: packageState(k)}})
	}
	a.page.Blocks = []ui.Block{
		ui.Definitions{
			{Name: "Name", Value: unit.Name},
			{Name: "MID", Value: strconv.FormatInt(int64(mid), 10)},
			{Name: "Parent", Value: parentOf(unit.BusinessUnit)},
			{Name: "Status", Value: active(unit.Active)},
			{Name: "Created", Value: when(unit.Created)},
		},
		packages, table,
	}
	first, on := "", ""
	if after.RoleID != "" {
		first = unitPath(mid)
	}
	if next.RoleID != "" {
		on = unitPath(mid) + "?" + url.Values{"after": {strconv.FormatInt(next.UserID, 10)}, "role": {next.RoleID}}.Encode()
	}
	a.page.Blocks = append(append(a.page.Blocks, turns("Roles in this business unit", first, on)...),
		ui.Form{Action: unitPath(mid) + "/give", Legend: "Manage Roles", Fields: fields, Submits: []ui.Submit{{Label: "Give Role"}}})
	return a, nil
}

func (s *Server) giveUnitRole(v *visit) (answer, error) {
	mid := unitIn(v.path("mid"))
	_, err := s.o.UnitRoles.Give(v.r.Context(), v.Principal, mid, v.form.Get("role"), strings.TrimSpace(v.form.Get("username")))
	if told(err) {
		return s.unitRefused(v, err)
	}
	if err != nil {
		return answer{}, err
	}
	return goTo(unitPath(mid), "given"), nil
}

// unitRefused shows the unit's page with the reason; the refusal alone to whom the page is refused as well.
func (s *Server) unitRefused(v *visit, err error) (answer, error) {
	a, err2 := s.unitPage(v, err)
	if err2 != nil {
		return answer{}, err
	}
	return a, nil
}

func (s *Server) takeUnitRole(v *visit) (answer, error) {
	mid := unitIn(v.path("mid"))
	if err := s.o.UnitRoles.Take(v.r.Context(), v.Principal, mid, v.form.Get("role"), v.form.Get("username")); err != nil {
		return answer{}, err
	}
	return goTo(unitPath(mid), "taken"), nil
}
