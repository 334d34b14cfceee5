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
	signOut               = "/v2/logout"
)

// menu is a place in the navigation, with what lies under it.
type menu struct {
	text, path string
	hint       string
	under      []menu
}

// menus are the applications of the switcher. The ways through them are the documents': Email Studio > Admin > Salesforce
// Integration (document 003, steps 1 to 3), Email Studio > Admin > My Users and Setup > Users (connect-facts 1.5, 1.6).
var menus = []menu{
	{text: "Email Studio", path: emailStudio, under: []menu{
		{text: "Admin", path: emailAdmin, hint: "Users and the connection to Sales and Service Cloud.", under: []menu{
			{text: "My Users", path: emailAdmin + "/users", hint: "Users, their roles and their Salesforce.com Status."},
			{text: "Salesforce Integration", path: salesforceIntegration, hint: "Connect Account, Upgrade to Connected App. Opens in Connect."},
		}},
	}},
	{text: "Setup", path: setup, under: []menu{
		{text: "Users", path: setup + "/users", hint: "Users, Manage Roles."},
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
	"unit":        "You work in another business unit now.",
}

// frame puts a page into what all pages have: whose session it is and where he works, the way back, and a word about what
// was just done.
func frame(v *visit, p ui.Page) ui.Page {
	p.Brand, p.Footer = browser.Brand, browser.Footer
	if v.User.ID == 0 { // nobody could be told
		return p
	}
	p.User = fmt.Sprintf("%s (%s) in %s, MID %d", v.User.Name, v.Username, v.Unit.Name, v.Unit.MID)
	if p.Crumbs == nil {
		p.Crumbs = crumbs(v.r.URL.Path)
	}
	if text, ok := notices[v.query.Get("done")]; ok && v.form == nil {
		p.Alerts = append([]ui.Alert{{Kind: ui.Success, Text: text}}, p.Alerts...)
	}
	return p
}

// crumbs are the places of the menu above the page at the path.
func crumbs(path string) []ui.Link {
	if strings.EqualFold(path, root) {
		return nil
	}
	out := []ui.Link{{Text: browser.Brand, Href: root}}
	under := menus
	for found := true; found; {
		found = false
		for _, m := range under {
			if len(path) > len(m.path) && strings.EqualFold(path[:len(m.path)], m.path) && path[len(m.path)] == '/' {
				out, under, found = append(out, ui.Link{Text: m.text, Href: m.path}), m.under, true
				break
			}
		}
	}
	return out
}

// overview is the page of a place in the menu that has others under it.
func overview(m menu) handler {
	return func(*visit) (answer, error) {
		table := ui.Table{Caption: m.text, Columns: []string{"Page", "What it is for"}}
		for _, one := range m.under {
			table.Rows = append(table.Rows, []ui.Cell{{Text: one.text, Href: one.path}, {Text: one.hint}})
		}
		return answer{page: ui.Page{Title: m.text, Blocks: []ui.Block{table}}}, nil
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
	return ui.Page{Title: v.Account.Name, Blocks: []ui.Block{
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
		ui.Links{{Text: "Sign out", Href: signOut}},
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
