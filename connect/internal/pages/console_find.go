package pages

import (
	"net/http"

	"github.com/twinspan/twinspan/internal/quickfind"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// consoleFindPath is where Quick Find leads.
const consoleFindPath = ConsolePath + "/find"

// findWords are what Quick Find finds pages by beside their names in the tree: older names, and the labels of what is done
// there.
var findWords = map[string][]string{
	ConsolePath:     append(quickfind.Connector(), "overview", "status", "both spans", "last proof", "expiry"),
	DoctorPath:      {"troubleshoot", "checks", "what is wrong", "cause", "health"},
	GuidesPath:      {"documents", "steps", "set up", "how to", "checklist"},
	IntegrationPath: append(quickfind.Connector(), "Salesforce Connector", "Connect Account", "Upgrade to Connected App", "API user", "disconnect"),
	UpgradePath:     {"Upgrade to Connected App", "wizard", "tenant-specific OAuth", "Migrate Existing Users", "connected app"},
	TabPath:         append(quickfind.Connector(), "map me", "my mapping", "My Credentials"),
	settingsPath:    {"tenant-specific OAuth endpoints", "OAuth endpoints", "subdomain", "system user", "integration user"},
	unitsPath:       {"MID", "BU", "business unit"},
	outagePath:      {"hold", "maintenance", "two hours"},
	mappingsPath:    append(quickfind.Person(), "mapped users", "OAuth Token", "stale", "clear", "Integrate"),
	importsPath:     {"CSV", "bulk", "upload", "map many users"},
	sendsPath:       {"campaign", "report", "Salesforce data extension", "scheduled sends", "audience"},
	triggersPath:    {"triggered email", "record events", "pause", "resume"},
	usagePath:       {"API calls", "limit", "24 hours", "chart"},
	auditPath:       {"record of changes", "log", "who changed", "trail"},
	tokensPath:      {"bearer", "API access", "console link"},
}

// find is the answer of Quick Find: the pages that the person may open.
func (s *Server) find(w http.ResponseWriter, r *http.Request, v stay) {
	q, err := web.Query(r)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	asked := quickfind.Clean(q.Get(quickfind.Name))
	var pages []quickfind.Page
	for _, f := range folders(v) {
		for _, one := range f.ways {
			if v.Role.May(one.roles...) {
				pages = append(pages, quickfind.Page{Label: one.label, Href: one.path, Words: findWords[one.path]})
			}
		}
	}
	s.show(w, r, http.StatusOK, v, ui.Page{
		Title: "Quick Find", Blocks: quickfind.Answer(asked, quickfind.Find(asked, pages), ui.Link{Text: "Connect", Href: ConsolePath}),
		Frame: ui.Frame{Find: ui.Find{Value: asked}},
	})
}
