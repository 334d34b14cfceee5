package workbench

import (
	"github.com/twinspan/twinspan/internal/quickfind"
	"github.com/twinspan/twinspan/internal/ui"
)

// findPath is where Quick Find leads.
const findPath = Path + "/find"

// findWords are what Quick Find finds pages by beside their names: what is done there.
var findWords = map[string][]string{
	inboxPath:    {"mail", "email", "letters", "password link", "verification code"},
	requestsPath: {"log", "calls", "HTTP", "traffic", "recorder", "status"},
	faultsPath:   {"errors", "latency", "delay", "outage", "503", "break", "inject"},
	clockPath:    {"time", "date", "advance", "expiry", "domain time"},
	pairsPath:    {"org and tenant", "new pair", "fixture", "sandbox", "token"},
}

// find is the answer of Quick Find: the pages that the visitor may open.
func (s *Server) find(v *visit) (ui.Page, error) {
	asked := quickfind.Clean(v.query.Get(quickfind.Name))
	var pages []quickfind.Page
	for _, one := range v.places() {
		pages = append(pages, quickfind.Page{Label: one.text, Href: one.path, Words: findWords[one.path]})
	}
	return ui.Page{
		Title: "Quick Find", Blocks: quickfind.Answer(asked, quickfind.Find(asked, pages), ui.Link{Text: "Workbench", Href: Path}),
		Frame: ui.Frame{Find: ui.Find{Value: asked}},
	}, nil
}

// places are the pages that the visitor may open.
func (v *visit) places() []place {
	var out []place
	for _, one := range places {
		if one.who == anybody || v.holder.All {
			out = append(out, one)
		}
	}
	return out
}
