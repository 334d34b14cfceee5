package pages

import (
	"slices"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

// codeNameTaken: a form asked for a package of a name that is there.
const codeNameTaken fault.Code = "package_name_taken"

// packageFields tells beside which field stands what a service says of the field that it names.
var packageFields = map[string]string{"type": "type", "name": "name", "scopes": "scopes", "redirect_uris": "uris", "login_endpoint": "endpoint"}

func (v *visit) packageForm(value func(string) string, types, uris bool) []ui.Field {
	fields := []ui.Field{v.token, {Name: "name", Label: "Name", Value: value("name"), Required: true, Autocomplete: "off", MaxLength: 200}}
	if types {
		choose := ui.Field{Type: ui.SelectField, Name: "type", Label: "Integration type", Value: value("type"), Required: true}
		for _, t := range []tenant.Integration{tenant.ServerIntegration, tenant.WebIntegration, tenant.PublicIntegration} {
			choose.Options = append(choose.Options, ui.Option{Value: string(t), Label: integrationType(t)})
		}
		fields = append(fields, choose)
	}
	fields = append(fields, ui.Field{Name: "scopes", Label: "Scope", Value: value("scopes"), Autocomplete: "off", Hint: "With blanks between them, such as email_read email_send offline."})
	if uris {
		fields = append(fields, ui.Field{Name: "uris", Label: "Redirect URIs", Value: value("uris"), Autocomplete: "off", Hint: "With blanks between them. For Web App and Public App."})
	}
	return append(fields, ui.Field{Name: "endpoint", Label: "Login Endpoint", Value: value("endpoint"), Autocomplete: "off", MaxLength: 500, Hint: "Where the component Marketing Cloud App is. Blank: the package has none."})
}

func (s *Server) newPackage(v *visit) (answer, error) {
	return s.newPackagePage(v, func(string) string { return "" }, nil), nil
}

func (s *Server) newPackagePage(v *visit, value func(string) string, refused error) answer {
	fields := v.packageForm(value, true, true)
	a := answer{page: ui.Page{Title: "New Package"}}
	if refused != nil {
		refuse(&a.page, fields, packageFields, refused)
		a.status = fault.KindOf(refused).HTTPStatus()
	}
	a.page.Blocks = []ui.Block{ui.Form{Once: true, Fields: fields, Submits: []ui.Submit{{Label: "Save"}}}, ui.Links{{Text: "Cancel", Href: packagesPath}}}
	return a
}

// createPackage makes a package, and none of a name that is there.
func (s *Server) createPackage(v *visit) (answer, error) {
	all, err := s.o.Setup.Packages(v.r.Context(), v.Principal)
	if err != nil {
		return answer{}, err
	}
	name := strings.TrimSpace(v.form.Get("name"))
	if slices.ContainsFunc(all, func(k tenant.Package) bool { return k.Name == name }) {
		return s.newPackagePage(v, v.form.Get, fault.New(fault.Conflict, codeNameTaken,
			"A package of this name is installed already. If you pressed Save twice, it is yours: open it under Installed Packages, where a new client secret can be made. "+
				"Otherwise choose another name.").In("name")), nil
	}
	k, secret, err := s.o.Setup.CreatePackage(v.r.Context(), v.Principal, tenant.PackageSpec{
		Name: name, Type: tenant.Integration(v.form.Get("type")), Scopes: strings.Fields(v.form.Get("scopes")),
		RedirectURIs: strings.Fields(v.form.Get("uris")), LoginEndpoint: strings.TrimSpace(v.form.Get("endpoint")),
	})
	if told(err) {
		return s.newPackagePage(v, v.form.Get, err), nil
	}
	if err != nil {
		return answer{}, err
	}
	if secret == "" {
		return goTo(packagePath(k.ClientID), "saved"), nil
	}
	return s.secretPage(k.ClientID, "The package is installed. Its secret is shown this once.", secret, k.SecretExpires), nil
}

func (s *Server) editPackage(v *visit) (answer, error) {
	k, err := s.findPackage(v)
	if err != nil {
		return answer{}, err
	}
	is := map[string]string{"name": k.Name, "scopes": strings.Join(k.Scopes, " "), "uris": strings.Join(k.RedirectURIs, " "), "endpoint": k.LoginEndpoint}
	return s.editPackagePage(v, k, func(name string) string { return is[name] }, nil), nil
}

func (s *Server) editPackagePage(v *visit, k tenant.Package, value func(string) string, refused error) answer {
	fields := v.packageForm(value, false, k.UsesCode())
	a := answer{page: ui.Page{Title: "Edit " + k.Name, Crumbs: packageCrumbs(k)}}
	if refused != nil {
		refuse(&a.page, fields, packageFields, refused)
		a.status = fault.KindOf(refused).HTTPStatus()
	}
	a.page.Blocks = []ui.Block{
		ui.Text("Whoever signed in with a scope that you take away is signed out of the package at once."),
		ui.Form{Fields: fields, Submits: []ui.Submit{{Label: "Save"}}},
		ui.Links{{Text: "Cancel", Href: packagePath(k.ClientID)}},
	}
	return a
}

func (s *Server) savePackage(v *visit) (answer, error) {
	k, err := s.findPackage(v)
	if err != nil {
		return answer{}, err
	}
	name, endpoint, scopes := strings.TrimSpace(v.form.Get("name")), strings.TrimSpace(v.form.Get("endpoint")), strings.Fields(v.form.Get("scopes"))
	c := tenant.PackageChange{Name: &name, LoginEndpoint: &endpoint, Scopes: &scopes}
	if k.UsesCode() {
		uris := strings.Fields(v.form.Get("uris"))
		c.RedirectURIs = &uris
	}
	_, err = s.o.Setup.ChangePackage(v.r.Context(), v.Principal, k.ClientID, c)
	if told(err) {
		return s.editPackagePage(v, k, v.form.Get, err), nil
	}
	if err != nil {
		return answer{}, err
	}
	return goTo(packagePath(k.ClientID), "saved"), nil
}

// maxLosing is how many of those who lose access are named before a package is stopped.
const maxLosing = 20

// stopForm asks before a package is disabled or removed, and names who loses access.
func (s *Server) stopForm(v *visit) (answer, error) {
	k, err := s.findPackage(v)
	if err != nil {
		return answer{}, err
	}
	label, text := "Disable", "Every sign-in, grant and access token of the package ends, and enabling it brings none of them back."
	if strings.HasSuffix(v.r.URL.Path, "/remove") {
		label, text = "Remove", "The package goes for good, with everything that was issued to it. Programs that use it stop."
	}
	page := ui.Page{Title: label + " " + k.Name, Crumbs: packageCrumbs(k), Alerts: []ui.Alert{{Kind: ui.Warning, Text: text}}}
	if k.Type == tenant.ConnectIntegration {
		page.Alerts = append(page.Alerts, ui.Alert{Kind: ui.Warning, Text: "Marketing Cloud Connect stops: nobody sends, tracks or is mapped through it, the API user included."})
		grants, err := s.o.Vouching.List(v.r.Context(), v.Principal, k.ClientID, 0, maxLosing+1)
		if err != nil {
			return answer{}, err
		}
		var losing ui.List
		for i, g := range grants {
			if i == maxLosing {
				losing = append(losing, "and others")
				break
			}
			losing = append(losing, g.Username)
		}
		if losing == nil {
			losing = ui.List{"nobody has let it act for him"}
		}
		page.Blocks = append(page.Blocks, ui.Heading{Text: "Who loses access"}, losing)
	}
	page.Blocks = append(page.Blocks,
		ui.Form{Fields: []ui.Field{v.token}, Submits: []ui.Submit{{Label: label}}}, ui.Links{{Text: "Cancel", Href: packagePath(k.ClientID)}})
	return answer{page: page}, nil
}

func (s *Server) setPackageActive(to bool) handler {
	return func(v *visit) (answer, error) {
		client := v.path("client")
		k, err := s.o.Setup.ChangePackage(v.r.Context(), v.Principal, client, tenant.PackageChange{Active: &to})
		switch {
		case err != nil:
			return answer{}, err
		case to:
			return goTo(packagePath(client), "enabled"), nil
		}
		return answer{page: ui.Page{
			Title: "The package is disabled", Crumbs: packageCrumbs(k.Package), Alerts: []ui.Alert{{Kind: ui.Success, Text: k.Notice}},
			Blocks: []ui.Block{
				ui.Definitions{{Name: "Sign-ins that ended", Value: count(k.Ended.SignIns)}, {Name: "Grants that ended", Value: count(k.Ended.Grants)}},
				ui.Links{{Text: "OK", Href: packagePath(client)}},
			},
		}}, nil
	}
}

func (s *Server) removePackage(v *visit) (answer, error) {
	if err := s.o.Setup.RemovePackage(v.r.Context(), v.Principal, v.path("client")); err != nil {
		return answer{}, err
	}
	return goTo(packagesPath, "removed"), nil
}
