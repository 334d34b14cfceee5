package setup

import (
	"strings"

	"github.com/twinspan/twinspan/crm/internal/login"
	"github.com/twinspan/twinspan/internal/ui"
)

var (
	nodeHome = node{Path: login.SetupPath, Label: "Setup"}
	nodeFind = node{Path: findPath, Label: "Quick Find"}
)

func (s *Server) mountHome(on func(node) routes) {
	on(nodeHome).get("", viewer, serveHome)
	on(nodeFind).get("", viewer, serveFind)
}

// serveHome is Setup's first page: its pages as Lightning Experience has them. The tree beside it has them as Salesforce Classic
// does too.
func serveHome(v *visit) {
	v.node = node{Path: login.SetupPath}
	blocks := []ui.Block{ui.Text("Find a page with Quick Find, in the list below, or in the tree, which has Administer and Build of Salesforce Classic as well.")}
	for _, b := range tree(v.User.Permissions, func(n node) []string { return n.Lightning }) {
		blocks = append(blocks, ui.Heading{Text: strings.Join(b.Path, " > "), ID: anchor(b.Path)}, ui.Links(b.Links))
	}
	v.show("Setup Home", nil, blocks...)
}

// serveFind is the answer of Quick Find.
func serveFind(v *visit) {
	q, ok := v.query()
	if !ok {
		return
	}
	asked := strings.TrimSpace(q.Get(fieldQuery))
	if r := []rune(asked); len(r) > maxQuery {
		asked = string(r[:maxQuery])
	}
	var links ui.Links
	for _, n := range find(asked, v.User.Permissions) {
		links = append(links, ui.Link{Text: n.Label, Href: n.Path})
		if n.Also != "" && n.Also != n.Label {
			links = append(links, ui.Link{Text: n.Also, Href: n.Path})
		}
	}
	v.node, v.asked = node{Path: login.SetupPath}, asked
	blocks := []ui.Block{ui.Text("No page of Setup fits “" + asked + "”. Check the spelling, try a more general word, or go by the tree of Setup."), ui.Links{{Text: "Setup", Href: login.SetupPath}}}
	if len(links) > 0 {
		blocks = []ui.Block{ui.Text("Pages for “" + asked + "”:"), links}
	}
	v.show("Quick Find", nil, blocks...)
}
