package setup

import (
	"strings"

	"github.com/twinspan/twinspan/crm/internal/login"
	"github.com/twinspan/twinspan/internal/quickfind"
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
	asked := quickfind.Clean(q.Get(quickfind.Name))
	v.node, v.asked = node{Path: login.SetupPath}, asked
	blocks := quickfind.Answer(asked, find(asked, v.User.Permissions), ui.Link{Text: "Setup", Href: login.SetupPath})
	v.show("Quick Find", nil, blocks...)
}
