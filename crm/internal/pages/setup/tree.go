package setup

import (
	"github.com/twinspan/twinspan/crm/internal/login"
	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/quickfind"
	"github.com/twinspan/twinspan/internal/ui"
)

// node is a page of Setup, or of a user's own settings.
type node struct {
	Path  string
	Label string
	Also  string // another label of the same page; "" for none
	// Classic and Lightning are where the two trees have it, from the top down, without its label.
	Classic, Lightning []string
	Words              []string // by which Quick Find finds it too: older names, and what people call what it is for
	Need               org.Need // to see it
}

func below(path string) string { return login.SetupPath + "/" + path }

// The words that the documents and their readers have for the two clouds and what joins them (document 000, connect-facts 1.1).
var (
	wordsConnector = quickfind.Connector()
	wordsPerson    = quickfind.Person()
)

func words(lists ...[]string) []string {
	var out []string
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// The pages.
var (
	nodeUsers = node{
		Path: login.UsersPath, Label: "Users", Classic: []string{"Administer", "Manage Users"}, Lightning: []string{"Users"},
		Words: words(wordsPerson, []string{"New User", "Login", "Log-in", "Additional Information", "OAuth Token", "freeze", "unlock"}), Need: viewer,
	}
	nodePackages = node{
		Path: below("installed-packages"), Label: "Installed Packages", Classic: []string{"Build"}, Lightning: []string{"Apps", "Packaging"},
		Words: wordsConnector, Need: viewer,
	}
	nodeDeliverability = node{
		Path: login.DeliverabilityPath, Label: "Deliverability", Classic: []string{"Administer", "Email Administration"}, Lightning: []string{"Email"},
		Words: []string{"verified domains", "Organization-Wide Addresses", "Authorized Email Domains", "mail"}, Need: viewer,
	}
	nodeSites = node{
		Path: below("remote-site-settings"), Label: "Remote Site Settings", Classic: []string{"Administer", "Security Controls"}, Lightning: []string{"Security"},
		Words: []string{"remote sites", "callout"}, Need: viewer,
	}
)

// settingNodes are the pages of settings, by where the rules have them.
var settingNodes = map[string]node{
	org.PageOauthOidc.Path:   {Classic: []string{"Administer", "Security Controls"}, Words: words(wordsPerson[3:], []string{"Allow OAuth Username-Password Flows", "password flow"})},
	org.PageLoginAccess.Path: {Classic: []string{"Administer", "Security Controls"}, Words: []string{"Administrators Can Log in as Any User", "login as"}},
	org.PagePasswords.Path:   {Classic: []string{"Administer", "Security Controls"}},
	org.PageSessions.Path:    {Classic: []string{"Administer", "Security Controls"}, Words: []string{"timeout"}},
	org.PageNetwork.Path:     {Classic: []string{"Administer", "Security Controls"}, Words: []string{"Trusted IP Ranges"}},
	org.PageMyDomain.Path:    {Classic: []string{"Administer", "Domain Management"}, Words: []string{"company login URL"}},
}

// settingPages are the pages of settings, in the order of the tree.
var settingPages = []org.SettingPage{org.PageOauthOidc, org.PageLoginAccess, org.PagePasswords, org.PageSessions, org.PageNetwork, org.PageMyDomain}

// nodeOf is the node of a page of settings.
func nodeOf(p org.SettingPage) node {
	n := settingNodes[p.Path]
	n.Path, n.Label, n.Lightning, n.Need = below(p.Path), p.Title, p.Crumbs[1:], viewer
	return n
}

// Pages of a user's own settings. Classic calls them My Settings, Lightning the profile's Settings.
var (
	ownTree      = []string{"My Settings"}
	nodePersonal = node{
		Path: login.SettingsPath + "/personal-information", Label: "Personal Information", Also: "Advanced User Details", Classic: ownTree, Lightning: []string{"Profile", "Settings"},
		Words: []string{"email address", "my user record"},
	}
	nodePassword = node{
		Path: login.ChangePasswordPath, Label: "Change My Password", Classic: ownTree, Lightning: []string{"Profile", "Settings"}, Words: []string{"change password"},
	}
	nodeToken = node{
		Path: login.ResetTokenPath, Label: "Reset My Security Token", Also: "Reset Security Token", Classic: ownTree, Lightning: []string{"Profile", "Settings"},
		Words: []string{"Salesforce Connector", "security token"},
	}
	nodeOwnHistory = node{
		Path: login.SettingsPath + "/login-history", Label: "My Login History", Also: "Login History", Classic: ownTree, Lightning: []string{"Profile", "Settings"},
	}
)

// nodes are all pages, in the order of the trees.
func nodes() []node {
	all := []node{nodeUsers, nodeSets, nodeApps, nodeUsage, nodePackages, nodeDeliverability, nodeHistory, nodeSites, nodeSessions, nodeTrail, nodeLayouts, nodeCompany, nodeAPIUsage}
	for _, p := range settingPages {
		all = append(all, nodeOf(p))
	}
	return append(all, nodePersonal, nodePassword, nodeToken, nodeOwnHistory)
}

// own reports whether the page is one of a user's own settings.
func (n node) own() bool { return len(n.Lightning) > 0 && n.Lightning[0] == "Profile" }

// crumbs are where Lightning Experience has the page.
func (n node) crumbs() []ui.Link {
	if n.own() {
		return []ui.Link{{Text: "Profile", Href: "/"}, {Text: "Settings", Href: login.SettingsPath}}
	}
	if n.Label == "" {
		return nil
	}
	out := []ui.Link{{Text: "Setup", Href: login.SetupPath}}
	if len(n.Lightning) > 0 && n.Lightning[0] != n.Label { // Users is a page and the folder that it is in
		out = append(out, ui.Link{Text: n.Lightning[0], Href: login.SetupPath + "#" + anchor(n.Lightning)})
	}
	return out
}

// branch is one heading of a tree with its pages.
type branch struct {
	Path  []string // "Administer", "Manage Users"
	Links []ui.Link
}

// tree groups the pages that a user may see by where tree has them, in order.
func tree(p org.Permissions, where func(node) []string) []branch {
	var out []branch
	at := map[string]int{}
	for _, n := range nodes() {
		path := where(n)
		if len(path) == 0 || !n.Need.MetBy(p) {
			continue
		}
		key := anchor(path)
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, branch{Path: path})
		}
		out[i].Links = append(out[i].Links, ui.Link{Text: n.Label, Href: n.Path})
	}
	return out
}

// navigation is the tree beside the pages: the folders of Lightning Experience, then those of Salesforce Classic.
func navigation(p org.Permissions) ui.Tree {
	t := ui.Tree{Label: "Setup"}
	for _, where := range []func(node) []string{func(n node) []string { return n.Lightning }, func(n node) []string { return n.Classic }} {
		for _, n := range nodes() {
			if path := where(n); len(path) > 0 && n.Need.MetBy(p) {
				t.Nodes = hang(t.Nodes, path, ui.Node{Text: n.Label, Href: n.Path})
			}
		}
	}
	return t
}

// hang hangs a page into folders, which it makes where they are not there yet.
func hang(nodes []ui.Node, path []string, page ui.Node) []ui.Node {
	if len(path) == 0 {
		return append(nodes, page)
	}
	for i := range nodes {
		if nodes[i].Text == path[0] && nodes[i].Href == "" {
			nodes[i].Nodes = hang(nodes[i].Nodes, path[1:], page)
			return nodes
		}
	}
	return append(nodes, ui.Node{Text: path[0], Nodes: hang(nil, path[1:], page)})
}
