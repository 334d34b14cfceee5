package pages

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/browser"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

// Addresses that several pages lead to.
const (
	root                  = "/cloud"
	emailStudio           = root + "/email"
	emailAdmin            = emailStudio + "/admin"
	setup                 = root + "/setup"
	salesforceIntegration = emailAdmin + "/salesforce-integration"
	profilesPath          = emailAdmin + "/sender-profiles"
	domainsPath           = emailAdmin + "/domains"
	documentsPath         = emailStudio + "/my-documents"
	subscribersPath       = emailStudio + "/subscribers"
	extensionsPath        = emailStudio + "/data-extensions"
	triggeredPath         = emailStudio + "/triggered-sends"
	sendsPath             = emailStudio + "/sends"
	unitsPath             = setup + "/business-units"
	rolesPath             = setup + "/roles"
	packagesPath          = setup + "/packages"
	securityPath          = setup + "/security"
	sessionsPath          = setup + "/sessions"
	loginsPath            = setup + "/login-history"
	signOut               = "/v2/logout" // package login's
)

// menu is a place in the navigation, with what lies under it.
type menu struct {
	text, path string // a folder without a page of its own has no path
	hint       string
	under      []menu
}

// menus are the applications of the switcher. The ways through them are the documents': Email Studio > Admin > Salesforce
// Integration (document 003, steps 1 to 3), Email Studio > Admin > My Users and Setup > Users (connect-facts 1.5, 1.6).
var menus = []menu{
	{text: "Email Studio", path: emailStudio, under: []menu{
		{text: "Content", under: []menu{
			{text: "My Documents", path: documentsPath, hint: "Files, such as the reports of an upgrade."},
		}},
		{text: "Subscribers", under: []menu{
			{text: "All Subscribers", path: subscribersPath, hint: "Who gets mail, and who does not."},
			{text: "Data Extensions", path: extensionsPath, hint: "Tables of the business unit, with their records."},
		}},
		{text: "Interactions", under: []menu{
			{text: "Triggered Sends", path: triggeredPath, hint: "Start and pause; what became of the messages."},
		}},
		{text: "Tracking", under: []menu{
			{text: "Sends", path: sendsPath, hint: "What went to lists and data extensions, and what became of it."},
		}},
		{text: "Admin", path: emailAdmin, hint: "Users, and the connection to Sales and Service Cloud.", under: []menu{
			{text: "My Users", path: emailAdmin + "/users", hint: "Users, their roles and their Salesforce.com Status."},
			{text: "Salesforce Integration", path: salesforceIntegration, hint: "Connect Account, Upgrade to Connected App. Opens in Connect."},
			{text: "Sender Profiles", path: profilesPath, hint: "From whom mail comes."},
			{text: "Domain Verification", path: domainsPath, hint: "The domains and addresses that mail may come from."},
		}},
	}},
	{text: "Setup", path: setup, under: []menu{
		{text: "Administration", under: []menu{
			{text: "Users", path: setup + "/users", hint: "Users, Manage Roles."},
			{text: "Roles", path: rolesPath, hint: "What each role allows and denies."},
			{text: "Business Units", path: unitsPath, hint: "The account's business units, who works there and with which packages."},
		}},
		{text: "Apps", under: []menu{
			{text: "Installed Packages", path: packagesPath, hint: "API integrations, their scopes and secrets, and who lets them act."},
		}},
		{text: "Security", under: []menu{
			{text: "Security Settings", path: securityPath, hint: "Session timeout, passwords, Login IP Allowlist, web services."},
			{text: "Active Sessions", path: sessionsPath, hint: "Who is signed in; end a session."},
			{text: "Login History", path: loginsPath, hint: "Who signed in, from where, and who could not."},
		}},
	}},
}

// notices are the words about what was done, by the key that the address carries.
var notices = map[string]string{
	"saved":       "Your changes are saved.",
	"created":     "The user is there. He chooses a password of his own when he first signs in.",
	"roles":       "The roles are saved. Whoever connected before keeps the permissions that he had then, until his mapping is cleared.",
	"deactivated": "The user is inactive: his sessions and tokens have ended. What he scheduled goes on.",
	"activated":   "The user is active again.",
	"unlocked":    "The user can sign in again.",
	"integrated":  "Salesforce.com Status is set. The CRM user opens the Marketing Cloud tab once, and signs in with his Engagement user.",
	"separated":   "Salesforce.com Status is cleared.",
	"role":        "The role is there. It is given on the page of a user, Manage Roles, or of a business unit.",
	"rolesaved":   "The role is saved. Whoever connected before keeps the permissions that he had then, until his mapping is cleared.",
	"roledeleted": "The role is deleted.",
	"given":       "The role is given.",
	"taken":       "The role is taken back.",
	"ended":       "The session has ended, with the access of applications that do not work offline.",
	"allended":    "All sessions of the user have ended, with the access of applications that do not work offline.",
	"secret":      "The new secret is in force; the old one is good no longer.",
	"enabled":     "The package is enabled. Sign-ins and grants that ended when it was disabled stay ended.",
	"revoked":     "The user no longer lets the package act for him. He signs in through it anew.",
	"removed":     "The package is removed, with everything that was issued to it.",
	"started":     "The triggered send runs. What waited is sent.",
	"paused":      "The triggered send is paused. What is asked for waits.",
	"profile":     "The sender profile is there.",
	"domain":      "It is registered. What is to be done to prove it stands beside it.",
	"verified":    "The record is there: the domain is verified.",
	"undomain":    "It is removed: mail no longer leaves from there.",
	"unit":        "You work in another business unit now.",
}

// frame puts a page into what all pages have: whose session it is and where he works, the way back, and a word about what
// was just done.
func frame(v *visit, p ui.Page) ui.Page {
	p.Brand, p.Footer = browser.Brand, browser.Footer
	if v.User.ID == 0 { // nobody could be told
		return p
	}
	p.User, p.Where = fmt.Sprintf("%s (%s)", v.User.Name, v.Username), fmt.Sprintf("%s (MID %d)", v.Unit.Name, v.Unit.MID)
	p.SignOut = ui.Form{Action: signOut, Fields: []ui.Field{v.token}, Submits: []ui.Submit{{Label: "Log Out", Name: "which", Value: "this", Secondary: true}}}
	p.Find = finder(v)
	way := wayTo(menus, strings.ToLower(v.r.URL.Path))
	for _, m := range menus {
		p.Menu = append(p.Menu, ui.Link{Text: m.text, Href: m.path})
	}
	if len(way) > 0 {
		p.Tree = ui.Tree{Label: way[0].text, Nodes: nodes(way[0].under)}
		p.Current = way[len(way)-1].path
	}
	if p.Crumbs == nil {
		p.Crumbs = crumbs(v.r.URL.Path)
	}
	if text, ok := notices[v.query.Get("done")]; ok && v.form == nil {
		p.Alerts = append([]ui.Alert{{Kind: ui.Success, Text: text}}, p.Alerts...)
	}
	return p
}

// wayTo gives the places of the menu that lead to the page at the path, the application first; nil where it is in none.
func wayTo(places []menu, path string) []menu {
	for _, m := range places {
		if under := wayTo(m.under, path); under != nil {
			return append([]menu{m}, under...)
		}
		if m.path != "" && (path == m.path || strings.HasPrefix(path, m.path+"/")) {
			return []menu{m}
		}
	}
	return nil
}

// nodes are places as the tree beside the page shows them, all unfolded. A folder that has a page of its own leads to it.
func nodes(places []menu) []ui.Node {
	var out []ui.Node
	for _, m := range places {
		n := ui.Node{Text: m.text, Href: m.path, Nodes: nodes(m.under), Open: true}
		if n.Nodes != nil && n.Href != "" {
			n.Nodes = append([]ui.Node{{Text: m.text + " overview", Href: m.path}}, n.Nodes...)
		}
		out = append(out, n)
	}
	return out
}

// crumbs are the places of the menu above the page at the path.
func crumbs(path string) []ui.Link {
	path = strings.ToLower(path)
	if path == root {
		return nil
	}
	out := []ui.Link{{Text: browser.Brand, Href: root}}
	for _, m := range wayTo(menus, path) {
		if m.path != "" && m.path != path {
			out = append(out, ui.Link{Text: m.text, Href: m.path})
		}
	}
	return out
}

// overview is the page of a place in the menu that has others under it.
func overview(m menu) handler {
	return func(*visit) (answer, error) {
		page := ui.Page{Title: m.text}
		table := ui.Table{Caption: m.text, Columns: []string{"Page", "What it is for"}}
		for _, one := range m.under {
			if one.path != "" {
				table.Rows = append(table.Rows, []ui.Cell{{Text: one.text, Href: one.path}, {Text: one.hint}})
				continue
			}
			folder := ui.Table{Caption: one.text, Columns: table.Columns}
			for _, leaf := range one.under {
				folder.Rows = append(folder.Rows, []ui.Cell{{Text: leaf.text, Href: leaf.path}, {Text: leaf.hint}})
			}
			page.Blocks = append(page.Blocks, folder)
		}
		if table.Rows != nil {
			page.Blocks = append([]ui.Block{table}, page.Blocks...)
		}
		return answer{page: page}, nil
	}
}

// home is the first page: the applications, who is signed in, and where he works.
func (s *Server) home(v *visit) (answer, error) {
	return answer{page: s.homePage(v, "")}, nil
}

func (s *Server) homePage(v *visit, wrong string) ui.Page {
	apps := make(ui.Links, 0, len(menus))
	for _, m := range menus {
		apps = append(apps, ui.Link{Text: m.text, Href: m.path})
	}
	units := ui.Field{Type: ui.SelectField, Name: "unit", Label: "Business unit", Value: strconv.FormatInt(int64(v.Unit.MID), 10), Required: true, Error: wrong}
	for _, u := range v.Units {
		units.Options = append(units.Options, ui.Option{Value: strconv.FormatInt(int64(u.MID), 10), Label: fmt.Sprintf("%s (MID %d)", u.Name, u.MID)})
	}
	return ui.Page{Title: "Home", Blocks: []ui.Block{
		ui.Heading{Text: "Applications"},
		apps,
		ui.Heading{Text: "You"},
		ui.Definitions{
			{Name: "Name", Value: v.User.Name},
			{Name: "Username", Value: v.Username},
			{Name: "Works in", Value: fmt.Sprintf("%s (MID %d)", v.Unit.Name, v.Unit.MID)},
			{Name: "Account", Value: fmt.Sprintf("%s, %s, EID %d", v.Account.Name, v.Account.Type, v.Account.EID)},
		},
		ui.Form{Action: root + "/unit", Legend: "Change business unit", Fields: []ui.Field{v.token, units}, Submits: []ui.Submit{{Label: "Go"}}},
		ui.Links{{Text: "Your sessions", Href: signOut}},
	}}
}

// enterUnit lets the visitor go on in another business unit.
func (s *Server) enterUnit(v *visit) (answer, error) {
	mid, _ := tenant.ParseMID(v.form.Get("unit")) // what is none is refused as one that he may not work in
	switch err := s.o.Sessions.Enter(v.r.Context(), v.Visitor, mid); {
	case fault.CodeOf(err) == tenant.CodeNoUnitToEnter:
		return answer{status: http.StatusBadRequest, page: s.homePage(v, fault.Of(err).Message)}, nil
	case err != nil:
		return answer{}, err
	}
	return goTo(root, "unit"), nil
}

// salesforceIntegration leads to the page that Connect serves (DESIGN 5.10): Connect Account, Upgrade to Connected App.
func (s *Server) salesforceIntegration(v *visit) (answer, error) {
	to, err := s.o.Setup.ConnectPage(v.r.Context(), v.Principal)
	if err != nil {
		return answer{}, err
	}
	if to == "" {
		return answer{page: ui.Page{Title: "Salesforce Integration", Alerts: []ui.Alert{{
			Kind: ui.Warning, Title: "Connect has no page here",
			Text: "The installed package of Marketing Cloud Connect names no login endpoint. Whoever runs Connect sets it on the package.",
		}}}}, nil
	}
	return answer{to: to}, nil
}
