package pages

import (
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/browser"
	"github.com/twinspan/twinspan/internal/quickfind"
	"github.com/twinspan/twinspan/internal/ui"
)

// findPath is where Quick Find leads.
const findPath = root + "/find"

// findWords are what Quick Find finds pages by beside their names in the menu: older names, the labels of what is done there,
// and what people call it.
var findWords = map[string][]string{
	salesforceIntegration: append(quickfind.Connector(), append(quickfind.Person()[4:], "Connect Account", "Upgrade to Connected App", "Migrate Existing Users", "connected app")...),
	emailAdmin + "/users": append(quickfind.Person()[:4], "Integrate", "Integrate Account", "Salesforce.com Status", "MC Connect user"),
	setup + "/users":      append(quickfind.Person()[:4], "Integrate", "Manage Roles", "Salesforce.com Status"),
	rolesPath:             {"Manage Roles", "permissions", "Marketing Cloud Administrator"},
	unitsPath:             {"MID", "BU", "account"},
	packagesPath:          append(quickfind.Connector(), "API integration", "client id", "client secret", "App Center", "components"),
	securityPath:          {"session timeout", "password policy", "IP allowlist", "whitelist", "web services", "identity verification"},
	sessionsPath:          {"log out", "end sessions"},
	loginsPath:            {"sign-ins", "who logged in", "audit"},
	documentsPath:         {"reports", "files", "upgrade report"},
	subscribersPath:       {"opt out", "unsubscribe", "contacts", "lists"},
	extensionsPath:        {"DE", "tables", "Salesforce data extension"},
	triggeredPath:         {"triggered email", "start", "pause", "queue"},
	sendsPath:             {"tracking", "opens", "clicks", "bounces"},
	profilesPath:          {"from name", "from address"},
	domainsPath:           {"SAP", "verify", "DNS", "private domain"},
}

// findable are the pages of the menu, from the top down.
func findable(places []menu) []quickfind.Page {
	var out []quickfind.Page
	for _, m := range places {
		if m.path != "" {
			out = append(out, quickfind.Page{Label: m.text, Href: m.path, Words: findWords[m.path]})
		}
		out = append(out, findable(m.under)...)
	}
	return out
}

// find is the answer of Quick Find.
func (s *Server) find(v *visit) (answer, error) {
	asked := quickfind.Clean(v.query.Get(quickfind.Name))
	return answer{page: ui.Page{Title: "Quick Find", Blocks: quickfind.Answer(asked, quickfind.Find(asked, findable(menus)), ui.Link{Text: browser.Brand, Href: root})}}, nil
}

// finder is the search box of every page.
func finder(v *visit) ui.Find {
	f := ui.Find{Action: findPath, Name: quickfind.Name}
	if strings.EqualFold(v.r.URL.Path, findPath) {
		f.Value = quickfind.Clean(v.query.Get(quickfind.Name))
	}
	return f
}
