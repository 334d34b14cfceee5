package pages

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

func (s *Server) mountPackages(mux *web.Mux) {
	s.get(mux, packagesPath, s.packages)
	s.get(mux, packagesPath+"/new", s.newPackage)
	s.post(mux, packagesPath+"/new", s.createPackage)
	one := packagesPath + "/{client}"
	s.get(mux, one, s.pkg)
	s.get(mux, one+"/access", s.packageAccess)
	s.post(mux, one+"/access", s.clearGrant)
	s.get(mux, one+"/edit", s.editPackage)
	s.post(mux, one+"/edit", s.savePackage)
	s.get(mux, one+"/secret", s.secretForm)
	s.post(mux, one+"/secret", s.stageSecret)
	s.post(mux, one+"/activate", s.activateSecret)
	s.get(mux, one+"/disable", s.stopForm)
	s.get(mux, one+"/remove", s.stopForm)
	s.post(mux, one+"/disable", s.setPackageActive(false))
	s.post(mux, one+"/enable", s.setPackageActive(true))
	s.post(mux, one+"/remove", s.removePackage)
}

func packagePath(clientID string) string { return packagesPath + "/" + url.PathEscape(clientID) }

// integrationType is what the real page calls an integration of the type (engagement-wire 2.7).
func integrationType(t tenant.Integration) string {
	switch t {
	case tenant.ServerIntegration:
		return "Server-to-Server"
	case tenant.WebIntegration:
		return "Web App"
	case tenant.PublicIntegration:
		return "Public App"
	case tenant.ConnectIntegration:
		return "Marketing Cloud Connect"
	case tenant.LegacyIntegration:
		return "Legacy"
	}
	return string(t)
}

func packageState(k tenant.Package) string {
	if k.Active {
		return "Enabled"
	}
	return "Disabled"
}

func (s *Server) packages(v *visit) (answer, error) {
	all, err := s.o.Setup.Packages(v.r.Context(), v.Principal)
	if err != nil {
		return answer{}, err
	}
	table := ui.Table{Caption: "Installed Packages", Columns: []string{"Name", "Integration type", "Status", "Client secret expires"}, Empty: "none"}
	for _, k := range all {
		table.Rows = append(table.Rows, []ui.Cell{{Text: k.Name, Href: packagePath(k.ClientID)}, {Text: integrationType(k.Type)}, {Text: packageState(k)}, {Text: secretState(k)}})
	}
	return answer{page: ui.Page{Title: "Installed Packages", Blocks: []ui.Block{ui.Actions{{Text: "New", Href: packagesPath + "/new"}}, table}}}, nil
}

func secretState(k tenant.Package) string {
	if !k.NeedsSecret() {
		return "no secret"
	}
	return when(k.SecretExpires)
}

// find reads the package that the address names.
func (s *Server) findPackage(v *visit) (tenant.Package, error) {
	return s.o.Setup.Package(v.r.Context(), v.Principal, v.path("client"))
}

// pkg shows an installed package with its components.
func (s *Server) pkg(v *visit) (answer, error) {
	k, err := s.findPackage(v)
	if err != nil {
		return answer{}, err
	}
	at := packagePath(k.ClientID)
	actions := ui.Actions{{Text: "Edit", Href: at + "/edit"}}
	if k.NeedsSecret() {
		actions = append(actions, ui.Link{Text: "Rotate Secret", Href: at + "/secret"})
	}
	page := ui.Page{Title: k.Name}
	var enable []ui.Block
	if k.Active {
		actions = append(actions, ui.Link{Text: "Disable", Href: at + "/disable"})
	} else {
		enable = []ui.Block{ui.Form{Action: at + "/enable", Fields: []ui.Field{v.token}, Submits: []ui.Submit{{Label: "Enable"}}}}
		page.Alerts = []ui.Alert{{Kind: ui.Warning, Text: "The package is disabled: nobody gets a token through it."}}
	}
	if k.Type != tenant.ConnectIntegration {
		actions = append(actions, ui.Link{Text: "Remove", Href: at + "/remove"})
	}
	base := s.o.BaseURL + "/"
	component := ui.Definitions{
		{Name: "Integration type", Value: integrationType(k.Type)},
		{Name: "Client Id", Value: k.ClientID},
		{Name: "Authentication Base URI", Value: base},
		{Name: "REST Base URI", Value: base},
		{Name: "SOAP Base URI", Value: base},
		{Name: "Business units", Value: v.unitNames(k.MIDs)},
	}
	if k.NeedsSecret() {
		component = append(component, ui.Definition{Name: "Client secret expires", Value: when(k.SecretExpires)})
	}
	if k.Certificate != "" {
		component = append(component, ui.Definition{Name: "Certificate", Value: "A certificate is set: the package signs in users by JWT bearer assertions."})
	}
	page.Blocks = append([]ui.Block{
		packageTabs(at, at),
		ui.Definitions{{Name: "Name", Value: k.Name}, {Name: "Package Id", Value: k.PackageID}, {Name: "Status", Value: packageState(k)}, {Name: "Installed", Value: when(k.Created)}, {Name: "Modified", Value: when(k.Modified)}},
		actions,
	}, enable...)
	page.Blocks = append(page.Blocks, ui.Heading{Text: "Component: API Integration"}, component)
	if len(k.StagedHash) > 0 {
		page.Blocks = append(page.Blocks,
			ui.Text("A new secret is staged, good beside the old one until it is activated; it expires "+when(k.StagedExpires)+"."),
			ui.Form{Action: at + "/activate", Fields: []ui.Field{v.token}, Submits: []ui.Submit{{Label: "Activate Secret"}}})
	}
	page.Blocks = append(page.Blocks, ui.Heading{Text: "Scope"}, listOr(k.Scopes, "No scope."))
	if k.UsesCode() {
		page.Blocks = append(page.Blocks, ui.Heading{Text: "Redirect URIs"}, listOr(k.RedirectURIs, "None."))
	}
	if k.LoginEndpoint != "" {
		page.Blocks = append(page.Blocks, ui.Heading{Text: "Component: Marketing Cloud App"}, ui.Definitions{{Name: "Login Endpoint", Value: k.LoginEndpoint}})
	}
	return answer{page: page}, nil
}

func packageTabs(at, current string) ui.Tabs {
	return ui.Tabs{Label: "The package", Current: current, Items: []ui.Link{{Text: "Details", Href: at}, {Text: "Access", Href: at + "/access"}}}
}

func listOr(list []string, none string) ui.Block {
	if len(list) == 0 {
		return ui.Text(none)
	}
	return ui.List(list)
}

func (v *visit) unitNames(mids []tenant.MID) string {
	if len(mids) == 0 {
		return v.unitName(0)
	}
	names := make([]string, len(mids))
	for i, mid := range mids {
		names[i] = v.unitName(mid)
	}
	return strings.Join(names, ", ")
}

// accessPage is how many users the Access tab shows at once.
const accessPage = 50

// packageAccess lists who lets the package act for him: for Connect's package by a standing grant.
func (s *Server) packageAccess(v *visit) (answer, error) {
	k, err := s.findPackage(v)
	if err != nil {
		return answer{}, err
	}
	at := packagePath(k.ClientID)
	page := ui.Page{Title: "Access: " + k.Name, Crumbs: packageCrumbs(k), Blocks: []ui.Block{packageTabs(at, at+"/access")}}
	if k.Type != tenant.ConnectIntegration {
		page.Blocks = append(page.Blocks, ui.Text(accessOf(k)))
		return answer{page: page}, nil
	}
	grants, err := s.o.Vouching.List(v.r.Context(), v.Principal, k.ClientID, number(v.query.Get("after")), accessPage+1)
	if err != nil {
		return answer{}, err
	}
	next := ""
	if len(grants) > accessPage {
		grants = grants[:accessPage]
		next = at + "/access?after=" + strconv.FormatInt(grants[accessPage-1].ID, 10)
	}
	table := ui.Table{Caption: "Users who let the package act for them", Columns: []string{"Username", "Since", "Made by", "Permissions", "Action"}, Empty: "nobody"}
	for _, g := range grants {
		cached := "as of now"
		if g.Stale {
			cached = "as they were then; they have changed since"
		}
		table.Rows = append(table.Rows, []ui.Cell{{Text: g.Username}, {Text: when(g.Made)}, {Text: g.MadeBy}, {Text: cached}, {Form: &ui.Form{
			Fields: []ui.Field{v.token, {Type: ui.HiddenField, Name: "username", Value: g.Username}}, Submits: []ui.Submit{{Label: "Revoke", Secondary: true}},
		}}})
	}
	page.Blocks = append(page.Blocks, ui.Text("Each user signs in through the package once. What he may do through it is what he could do then, until it is revoked, or his mapping is cleared, and he signs in anew."), table)
	page.Blocks = append(page.Blocks, turns("Access", "", next)...)
	return answer{page: page}, nil
}

// accessOf says who may use a package that nobody is listed for.
func accessOf(k tenant.Package) string {
	if k.UsesCode() {
		return "Every user may sign in through this package; it may then do what both he and its scope may."
	}
	return "This package acts as itself, with the permissions of its scope. No user signs in through it."
}

func packageCrumbs(k tenant.Package) []ui.Link {
	return append(crumbs(packagesPath+"/x"), ui.Link{Text: k.Name, Href: packagePath(k.ClientID)})
}

func (s *Server) clearGrant(v *visit) (answer, error) {
	if err := s.o.Vouching.Clear(v.r.Context(), v.Principal, v.path("client"), v.form.Get("username")); err != nil {
		return answer{}, err
	}
	return goTo(packagePath(v.path("client"))+"/access", "revoked"), nil
}

// secretForm says what rotating does before it is done.
func (s *Server) secretForm(v *visit) (answer, error) {
	k, err := s.findPackage(v)
	if err != nil {
		return answer{}, err
	}
	form := ui.Form{Once: true, Fields: []ui.Field{v.token}, Submits: []ui.Submit{{Label: "Rotate Secret"}}}
	page := ui.Page{Title: "Rotate Secret: " + k.Name, Crumbs: packageCrumbs(k)}
	text := "A new client secret is made and shown once. Both are good until you activate the new one, so that programs can take it over one by one."
	if len(k.StagedHash) > 0 {
		page.Alerts = []ui.Alert{{Kind: ui.Warning, Text: "A new secret is staged already, which programs may use. Another one takes its place at once."}}
		form.Fields = append(form.Fields, ui.Field{Type: ui.CheckboxField, Name: "replace", Label: "Replace the staged secret"})
	}
	page.Blocks = []ui.Block{ui.Text(text), form, ui.Links{{Text: "Cancel", Href: packagePath(k.ClientID)}}}
	return answer{page: page}, nil
}

func (s *Server) stageSecret(v *visit) (answer, error) {
	client := v.path("client")
	secret, expires, err := s.o.Setup.StageSecret(v.r.Context(), v.Principal, client, v.checked("replace"))
	if fault.CodeOf(err) == tenant.CodeStagedSecret {
		a, err2 := s.secretForm(v)
		refuse(&a.page, nil, nil, err)
		a.status = fault.KindOf(err).HTTPStatus()
		return a, err2
	}
	if err != nil {
		return answer{}, err
	}
	return s.secretPage(client, "The new secret is staged, and shown this once. Give it to the programs that use the package, then activate it.", secret, expires), nil
}

// secretPage shows a secret, for the one time that anybody can read it.
func (s *Server) secretPage(client, text, secret string, expires time.Time) answer {
	return answer{page: ui.Page{
		Title: "Client secret", Crumbs: append(crumbs(packagesPath+"/x"), ui.Link{Text: "The package", Href: packagePath(client)}),
		Alerts: []ui.Alert{{Kind: ui.Success, Text: text}},
		Blocks: []ui.Block{
			ui.Definitions{{Name: "Client Id", Value: client}, {Name: "Client Secret", Value: secret}, {Name: "Expires", Value: when(expires)}},
			ui.Links{{Text: "Done", Href: packagePath(client)}},
		},
	}}
}

func (s *Server) activateSecret(v *visit) (answer, error) {
	if err := s.o.Setup.ActivateSecret(v.r.Context(), v.Principal, v.path("client")); err != nil {
		return answer{}, err
	}
	return goTo(packagePath(v.path("client")), "secret"), nil
}
