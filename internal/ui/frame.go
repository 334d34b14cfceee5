package ui

import "slices"

// Frame is what stands around the pages of a house: who is signed in and where, the house's ways, and the tree of its
// pages. The zero value is a bare header.
type Frame struct {
	Where   string // the org, tenant or connection that the session is in: "Acme (00D…)"; "" for none
	Menu    []Link // the house's tabs, in the header
	Gear    Link   // "Setup", with a gear before it; no Href for none
	SignOut Form   // a form of one button; no Submits for none
	Find    Find   // no Action for none
	Tree    Tree   // no Nodes for none
	Current string // Href in Menu and Tree of the page that is shown, or the one that it belongs to; "" for none
}

// Tree is the navigation of a house: pages in folders that fold, all of them plain links.
type Tree struct {
	Label string // what it is of, for who cannot see it: "Setup"
	Nodes []Node
}

// Node is a page of a tree or, with Nodes, a folder. A folder's own Href is not used: what it would lead to is a node in
// it.
type Node struct {
	Text  string
	Href  string
	Nodes []Node
	Open  bool // a folder is unfolded; so is every folder around the page that is shown

	Current bool // set by Render
}

// Find is a search box: Quick Find.
type Find struct {
	Action string // path that answers GET with the query as parameter Name
	Name   string // "q" where empty
	Label  string // "Quick Find" where empty
	Value  string // what was searched for
}

// at marks the page that is shown and unfolds the folders around it. It works on a copy.
func (t Tree) at(href string) Tree {
	t.Nodes, _ = mark(t.Nodes, href)
	return t
}

func mark(nodes []Node, href string) ([]Node, bool) {
	nodes, here := slices.Clone(nodes), false
	for i := range nodes {
		n := &nodes[i]
		if len(n.Nodes) > 0 {
			var within bool
			n.Nodes, within = mark(n.Nodes, href)
			n.Open = n.Open || within
			here = here || within
			continue
		}
		n.Current = href != "" && n.Href == href
		here = here || n.Current
	}
	return nodes, here
}

// Tabs are links between views of one thing, or between the pages of a house within a page. The one whose Href is Current
// is shown as chosen.
type Tabs struct {
	Label   string // what they are of, for who cannot see it
	Current string
	Items   []Link
}

// Pagination leads through a long list. A cursor in Previous or Next is the server's.
type Pagination struct {
	Label    string // of what: "Users"
	Text     string // where this is: "1 to 50 of 10,000"
	Previous string // address; "" on the first page
	Next     string // address; "" on the last page
}

// Actions are links that stand as buttons in a row.
type Actions []Link

// Index is a row of short links: the letters of a list.
type Index struct {
	Label string // of what, for who cannot see it: "Users by letter"
	Items []Link
}

func (Index) template() string      { return "index" }
func (Tabs) template() string       { return "tabs" }
func (Pagination) template() string { return "pagination" }
func (Actions) template() string    { return "actions" }
