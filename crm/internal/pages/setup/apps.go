package setup

import (
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

var nodeApps = node{
	Path: below("connected-apps"), Label: "Connected Apps", Also: "Manage Connected Apps", Classic: []string{"Administer", "Manage Apps"}, Lightning: []string{"Apps", "Connected Apps"},
	Words: words(wordsConnector, []string{"Edit Policies", "Permitted Users", "Manage Permission Sets", "Manage Profiles"}), Need: seeApps,
}

// seeApps is what looking at apps and their policies takes, as by the Metadata API; carryApps, what deciding which permission
// sets and profiles carry an app takes; changeApps, what changing its policies takes.
var (
	seeApps    = org.Need{{org.PermViewSetup}, {org.PermModifyAllData, org.PermModifyMetadata}}
	carryApps  = org.StandardSchema().Named(org.ObjectSetupEntityAccess).Create
	changeApps = org.StandardSchema().Named(org.ObjectConnectedApplication).Update
)

func (s *Server) mountApps(on func(node) routes) {
	apps := on(nodeApps)
	apps.get("", seeApps, serveApps)
	apps.get("/{id}", seeApps, func(v *visit) { v.withApp(func(a org.AppRecord) { showApp(v, a, nil) }) })
	apps.get("/{id}/edit", changeApps, func(v *visit) { v.withApp(func(a org.AppRecord) { showPolicies(v, a, policiesOf(a), "", "") }) })
	apps.post("/{id}/edit", changeApps, func(v *visit) { v.withApp(func(a org.AppRecord) { savePolicies(v, a) }) })
	for _, c := range carriers {
		apps.get("/{id}/"+c.path, carryApps, func(v *visit) { v.withApp(func(a org.AppRecord) { showCarriers(v, a, c, nil, nil) }) })
		apps.post("/{id}/"+c.path, carryApps, func(v *visit) { v.withApp(func(a org.AppRecord) { saveCarriers(v, a, c) }) })
	}
}

// appNames are the labels of the org's apps, by id.
func (v *visit) appNames() (map[org.ID]string, error) {
	rows, err := v.rows("SELECT Id, Name FROM ConnectedApplication")
	out := map[org.ID]string{}
	for _, r := range rows {
		out[r.id(0)] = r.text(1)
	}
	return out, err
}

// withApp reads the app that the path names.
func (v *visit) withApp(then func(org.AppRecord)) {
	id, ok := v.record()
	if !ok {
		return
	}
	list, err := v.s.Apps.List(v.ctx(), v.Session)
	for _, a := range list {
		if a.ID == id {
			then(a)
			return
		}
	}
	if err == nil {
		err = fault.New(fault.NotFound, org.CodeNotFound, "There is no such connected app.")
	}
	v.fail(err)
}

func appPath(a org.AppRecord) string { return nodeApps.Path + "/" + string(a.ID) }

// aboveApp leads from a page below the app's own back to it.
func aboveApp(a org.AppRecord) []ui.Link {
	return []ui.Link{{Text: "Manage Connected Apps", Href: nodeApps.Path}, {Text: a.Name, Href: appPath(a)}}
}

// permittedUsers are the two values of Permitted Users.
const (
	selfAuthorize = "All users may self-authorize"
	adminApproved = "Admin approved users are pre-authorized"
)

func permitted(a org.AppRecord) string {
	if a.AdminApproved {
		return adminApproved
	}
	return selfAuthorize
}

// serveApps is Manage Connected Apps.
func serveApps(v *visit) {
	list, err := v.s.Apps.List(v.ctx(), v.Session)
	if err != nil {
		v.fail(err)
		return
	}
	t := ui.Table{Caption: "Connected Apps", Columns: []string{"Connected App", "Action", "Permitted Users", "Installed Package", "Blocked"}, Empty: "The org has none."}
	for _, a := range list {
		action := ui.Cell{}
		if changeApps.MetBy(v.User.Permissions) {
			action.Links = []ui.Link{{Text: "Edit", Href: appPath(a) + "/edit"}}
		}
		t.Rows = append(t.Rows, append([]ui.Cell{{Text: a.Name, Href: appPath(a)}, action}, ui.Row(permitted(a), a.Namespace, check(a.Blocked))...))
	}
	v.show(nodeApps.Label, nil, ui.Text("Manage Connected Apps: which apps are there, and under which policies users may use them."), t)
}

// appDone is what an app's page says after something was done elsewhere and led here.
var appDone = map[string]string{"policies": "The policies are saved.", "carriers": "Your changes are saved."}

// showApp is an app's page.
func showApp(v *visit, a org.AppRecord, alerts []ui.Alert) {
	q, ok := v.query()
	if !ok {
		return
	}
	if said := appDone[q.Get("done")]; said != "" && alerts == nil {
		alerts = saved(said)
	}
	var blocks []ui.Block
	if changeApps.MetBy(v.User.Permissions) {
		// Document 001 says Edit Policies, document 003 Edit.
		blocks = append(blocks, ui.Actions{{Text: "Edit Policies", Href: appPath(a) + "/edit"}, {Text: "Edit", Href: appPath(a) + "/edit"}})
	}
	timeout := "that of the profile or the org"
	if a.SessionTimeoutMinutes > 0 {
		timeout = strconv.Itoa(a.SessionTimeoutMinutes) + " minutes"
	}
	blocks = append(
		blocks,
		ui.Definitions{
			{Name: "API Name", Value: a.FullName()},
			{Name: "Description", Value: a.Description},
			{Name: "Contact Email", Value: a.ContactEmail},
			{Name: "Start URL", Value: a.StartURL},
			{Name: "OAuth Scopes", Value: strings.Join(a.Scopes, ", ")},
			{Name: "Callback URL", Value: strings.Join(a.CallbackURLs, ", ")},
			{Name: "Last Modified", Value: moment(a.Modified) + " by " + a.LastModifiedByName},
		},
		ui.Heading{Text: "OAuth Policies"},
		ui.Definitions{
			{Name: "Permitted Users", Value: permitted(a)},
			{Name: "IP Relaxation", Value: a.IPRelaxation.Label()},
			{Name: "Refresh Token Policy", Value: a.RefreshTokenPolicy.Label()},
			{Name: "Timeout Value", Value: timeout},
		},
	)
	for _, c := range carriers {
		t := ui.Table{Caption: c.title, Columns: []string{"Name"}, Empty: "none"}
		for _, name := range c.of(a) {
			t.Rows = append(t.Rows, ui.Row(name))
		}
		blocks = append(blocks, t)
		if carryApps.MetBy(v.User.Permissions) {
			blocks = append(blocks, ui.Actions{{Text: c.button, Href: appPath(a) + "/" + c.path}})
		}
	}
	blocks = append(blocks, ui.Links{{Text: "OAuth Usage", Href: nodeUsage.Path + "/" + string(a.ID)}})
	v.showUnder(a.Name, aboveApp(a)[:1], alerts, blocks...)
}

// carrier is a kind of permission sets that carry an app: those of an org's own, or those of its profiles.
type carrier struct {
	path, title, button string
	query               string // id, label and what the other columns show, of all of the kind
	columns             []string
	of                  func(org.AppRecord) []string
	name                func(row) string // as the app's record has it
	change              func(*org.AppChange, *[]string)
}

var carriers = []carrier{
	{
		path: "profiles", title: "Profiles", button: "Manage Profiles", query: "SELECT Id, Name, UserType, UserLicense.Name FROM Profile ORDER BY Name",
		columns: []string{"Name", "User Type", "User License"},
		of:      func(a org.AppRecord) []string { return a.Profiles }, name: func(r row) string { return r.text(1) },
		change: func(c *org.AppChange, names *[]string) { c.Profiles = names },
	},
	{
		path: "permission-sets", title: "Permission Sets", button: "Manage Permission Sets",
		query:   "SELECT Id, Label, Name, NamespacePrefix FROM PermissionSet WHERE IsOwnedByProfile = false ORDER BY Label",
		columns: []string{"Name", "API Name", "Namespace"},
		of:      func(a org.AppRecord) []string { return a.PermissionSets },
		name: func(r row) string {
			if r.text(3) == "" {
				return r.text(2)
			}
			return r.text(3) + "__" + r.text(2)
		},
		change: func(c *org.AppChange, names *[]string) { c.PermissionSets = names },
	},
}

// fieldCarrier are the check boxes of those that may carry an app.
const fieldCarrier = "carrier"

// showCarriers is Manage Profiles or Manage Permission Sets; p and alerts are of a form that was refused.
func showCarriers(v *visit, a org.AppRecord, c carrier, p *picked, alerts []ui.Alert) {
	rows, err := v.rows(c.query)
	if err != nil {
		v.fail(err)
		return
	}
	carries := map[string]bool{}
	for _, name := range c.of(a) {
		carries[name] = true
	}
	s := ui.Selection{
		Action: appPath(a) + "/" + c.path, Name: fieldCarrier, Caption: "Application " + c.title + " Assignment", Columns: c.columns,
		Submits: []ui.Submit{{Label: "Save"}}, Empty: "The org has none.",
	}
	for _, r := range rows {
		name := c.name(r)
		s.Rows = append(s.Rows, ui.Choice{Value: name, Label: r.text(1), Checked: carries[name], Cells: ui.Row(r.text(2), r.text(3))})
	}
	p.show(&s)
	var note []ui.Block
	if !a.AdminApproved {
		note = append(note, ui.Text("Permitted Users of this app is “"+selfAuthorize+"”: who carries it decides nothing until that is “"+adminApproved+"”."))
	}
	v.showUnder(c.button+": "+a.Name, aboveApp(a), alerts, append(note, s)...)
}

// saveCarriers saves who carries the app, and asks first where somebody loses access by it.
func saveCarriers(v *visit, a org.AppRecord, c carrier) {
	f, ok := v.selection(fieldCarrier)
	if !ok {
		return
	}
	p := pickedOf(f, fieldCarrier, c.of(a))
	names := append([]string{}, p.applied(c.of(a))...)
	var change org.AppChange
	c.change(&change, &names)
	v.changeApp(a, change, f.Get(fieldOK) != "", asking{
		title: c.button + ": " + a.Name, action: appPath(a) + "/" + c.path, again: againOf(f), done: appPath(a) + "?done=carriers",
		refused: func(said string, _ error) { showCarriers(v, a, c, &p, notSaved(said)) },
	})
}
