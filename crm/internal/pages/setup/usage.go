package setup

import (
	"strconv"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/ui"
)

var nodeUsage = node{
	Path: below("connected-apps-oauth-usage"), Label: "Connected Apps OAuth Usage", Also: "OAuth Usage", Classic: []string{"Administer", "Manage Apps"}, Lightning: []string{"Apps", "Connected Apps"},
	Words: words(wordsConnector, []string{"Block", "Unblock", "Install"}), Need: seeApps,
}

// What the buttons of OAuth usage do.
const (
	doBlock     = "block"
	doUnblock   = "unblock"
	doRevoke    = "revoke"
	doRevokeAll = "revoke_all"
)

func (s *Server) mountUsage(on func(node) routes) {
	usage := on(nodeUsage)
	usage.get("", seeApps, func(v *visit) { showUsage(v, nil) })
	usage.get("/{id}", seeApps, func(v *visit) { v.withApp(func(a org.AppRecord) { showAppUsage(v, a, nil) }) })
	usage.post("/{id}", changeApps, func(v *visit) { v.withApp(func(a org.AppRecord) { changeUsage(v, a) }) })
}

// showUsage is Connected Apps OAuth Usage.
func showUsage(v *visit, alerts []ui.Alert) {
	list, err := v.s.Apps.List(v.ctx(), v.Session)
	if err != nil {
		v.fail(err)
		return
	}
	t := ui.Table{Caption: "Connected Apps", Columns: []string{"Connected App", "Description", "Installed", "Blocked", "Actions"}, Empty: "The org has none."}
	for _, a := range list {
		path := nodeUsage.Path + "/" + string(a.ID)
		t.Rows = append(t.Rows, append([]ui.Cell{{Text: a.Name, Href: path}}, append(ui.Row(a.Description, check(a.Installed), check(a.Blocked)), v.usageButton(a))...))
	}
	v.show(nodeUsage.Label, alerts, ui.Text("Who uses which app. A blocked app gets no token for anybody, and those that are out are dead at once. "+
		"An app that is not installed is for users who may use any."), t)
}

// usageButton is the action that fits an app: Install, Block or Unblock.
func (v *visit) usageButton(a org.AppRecord) ui.Cell {
	if !changeApps.MetBy(v.User.Permissions) {
		return ui.Cell{}
	}
	path := nodeUsage.Path + "/" + string(a.ID)
	switch {
	case a.Blocked:
		return button(path, "Unblock", doUnblock, a.ID)
	case !a.Installed:
		return button(path, "Install", doInstall, a.ID)
	}
	return button(path, "Block", doBlock, a.ID)
}

// showAppUsage is who uses one app.
func showAppUsage(v *visit, a org.AppRecord, alerts []ui.Alert) {
	users, err := v.s.Apps.Usage(v.ctx(), v.Session, a.FullName())
	if err != nil {
		v.fail(err)
		return
	}
	path := nodeUsage.Path + "/" + string(a.ID)
	changes := changeApps.MetBy(v.User.Permissions)
	t := ui.Table{Caption: "Users of " + a.Name, Columns: []string{"Username", "Refresh Tokens", "Access Tokens", "Use Count", "First Used", "Last Used", "Action"}, Empty: "Nobody uses it now."}
	for i, u := range users {
		if i == shownUsers {
			t.Rows = append(t.Rows, ui.Row("and "+strconv.Itoa(len(users)-shownUsers)+" more", "", "", "", "", "", ""))
			break
		}
		cells := ui.Row(u.Username, strconv.Itoa(u.Tokens), strconv.Itoa(u.Sessions), strconv.Itoa(u.Uses), moment(u.First), moment(u.Last))
		action := ui.Cell{}
		if changes {
			action = button(path, "Revoke", doRevoke, org.ID(u.Username))
		}
		t.Rows = append(t.Rows, append(cells, action))
	}
	blocks := []ui.Block{ui.Definitions{{Name: "Installed", Value: check(a.Installed)}, {Name: "Blocked", Value: check(a.Blocked)}}}
	if cell := v.usageButton(a); cell.Form != nil {
		blocks = append(blocks, *cell.Form)
	}
	blocks = append(blocks, t)
	if changes && len(users) > 0 {
		blocks = append(blocks, *button(path, "Revoke All", doRevokeAll, a.ID).Form)
	}
	v.showUnder("OAuth Usage of "+a.Name, []ui.Link{{Text: nodeUsage.Label, Href: nodeUsage.Path}}, alerts, blocks...)
}

// changeUsage does what a button says, and asks first where users lose access by it.
func changeUsage(v *visit, a org.AppRecord) {
	f, ok := v.form()
	if !ok {
		return
	}
	path, do := nodeUsage.Path+"/"+string(a.ID), f.Get(fieldDo)
	yes, no := true, false
	switch do {
	case doRevoke, doRevokeAll:
		username := ""
		if do == doRevoke {
			username = f.Get(fieldRecord)
		}
		err := v.s.Apps.Revoke(v.ctx(), v.Session, a.FullName(), username)
		switch said := refused(err); {
		case said != "":
			showAppUsage(v, a, notSaved(said))
		case err != nil:
			v.fail(err)
		default:
			showAppUsage(v, a, saved("The tokens are revoked."))
		}
		return
	}
	c, warning := org.AppChange{}, ""
	switch do {
	case doBlock:
		c.Blocked, warning = &yes, "No user gets a token for the app "+a.Name+" while it is blocked, and those that are out are dead at once."
	case doUnblock:
		c.Blocked = &no
	case doInstall:
		c.Installed = &yes
	default:
		showAppUsage(v, a, nil)
		return
	}
	v.changeApp(a, c, f.Get(fieldOK) != "", asking{
		title: "OAuth Usage of " + a.Name, action: path, again: []ui.Field{hidden(fieldDo, do)}, done: path, warning: warning,
		refused: func(said string, _ error) { showAppUsage(v, a, notSaved(said)) },
	})
}
