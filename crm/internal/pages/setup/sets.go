package setup

import (
	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

var nodeSets = node{
	Path: below("permission-sets"), Label: "Permission Sets", Classic: []string{"Administer", "Manage Users"}, Lightning: []string{"Users"},
	Words: words(wordsConnector, []string{"Marketing Cloud Connected App", "Manage Assignments", "Add Assignments"}), Need: viewer,
}

// manageSets is what making and changing permission sets takes.
var manageSets = org.StandardSchema().Named(org.ObjectPermissionSet).Create

// What the forms of a permission set's page do.
const (
	doDelete   = "delete"
	doGenerate = "generate"
	doSave     = "save"
)

func (s *Server) mountSets(on func(node) routes) {
	sets := on(nodeSets)
	sets.get("", viewer, serveSets)
	sets.get("/new", manageSets, func(v *visit) { showSetForm(v, "", org.Values{}, nil, nil, nil) })
	sets.post("/new", manageSets, saveNewSet)
	sets.get("/{id}", viewer, func(v *visit) { v.withSet(func(set permissionSet) { showSet(v, set, nil) }) })
	sets.post("/{id}", manageSets, func(v *visit) { v.withSet(func(set permissionSet) { deleteSet(v, set) }) })
	sets.get("/{id}/edit", manageSets, func(v *visit) {
		v.withSet(func(set permissionSet) { showSetForm(v, set.id, set.values, nil, nil, nil) })
	})
	sets.post("/{id}/edit", manageSets, func(v *visit) { v.withSet(func(set permissionSet) { saveSet(v, set) }) })
	sets.get("/{id}/assignments", viewer, func(v *visit) { v.withSet(func(set permissionSet) { showAssignments(v, set, nil) }) })
	sets.post("/{id}/assignments", assignSets, func(v *visit) { v.withSet(func(set permissionSet) { removeAssignments(v, set) }) })
	sets.get("/{id}/assignments/add", assignSets, func(v *visit) { v.withSet(func(set permissionSet) { showAdd(v, set, nil, false, nil) }) })
	sets.post("/{id}/assignments/add", assignSets, func(v *visit) { v.withSet(func(set permissionSet) { addAssignments(v, set) }) })
	sets.get("/{id}/assigned-connected-apps", carryApps, func(v *visit) { v.withSet(func(set permissionSet) { showSetApps(v, set, nil, nil) }) })
	sets.post("/{id}/assigned-connected-apps", carryApps, func(v *visit) { v.withSet(func(set permissionSet) { saveSetApps(v, set) }) })
}

// permissionSet is the set that a page is about.
type permissionSet struct {
	id     org.ID
	values org.Values
}

func (p permissionSet) label() string { return p.values.Text("Label") }
func (p permissionSet) path() string  { return nodeSets.Path + "/" + string(p.id) }

// above lead from a page below the set's own back to it.
func (p permissionSet) above() []ui.Link {
	return []ui.Link{{Text: nodeSets.Label, Href: nodeSets.Path}, {Text: p.label(), Href: p.path()}}
}

var setFields = []string{"Label", "Name", "NamespacePrefix", "Description", "LicenseId", "HasActivationRequired", "IsOwnedByProfile", "CreatedDate", "LastModifiedDate"}

// withSet reads the set that the path names. Those that profiles own have no page.
func (v *visit) withSet(then func(permissionSet)) {
	id, ok := v.record()
	if !ok {
		return
	}
	values, err := v.read(org.ObjectPermissionSet, id, setFields)
	if err == nil && values.Flag("IsOwnedByProfile") {
		err = fault.New(fault.NotFound, org.CodeNotFound, "There is no such permission set.")
	}
	if err != nil {
		v.fail(err)
		return
	}
	then(permissionSet{id, values})
}

// serveSets is Setup > Users > Permission Sets.
func serveSets(v *visit) {
	q, ok := v.query()
	if !ok {
		return
	}
	rows, err := v.rows("SELECT Id, Label, Name, Description, License.Name, NamespacePrefix FROM PermissionSet WHERE IsOwnedByProfile = false ORDER BY Label")
	if err != nil {
		v.fail(err)
		return
	}
	t := ui.Table{
		Caption: "All Permission Sets", Columns: []string{"Permission Set Label", "API Name", "Description", "License", "Installed Package"}, Empty: "The org has none.",
	}
	for _, r := range rows {
		t.Rows = append(t.Rows, append([]ui.Cell{{Text: r.text(1), Href: nodeSets.Path + "/" + r.text(0)}}, ui.Row(r.text(2), r.text(3), r.text(4), r.text(5))...))
	}
	var alerts []ui.Alert
	if q.Get("done") == "deleted" {
		alerts = saved("The permission set is deleted.")
	}
	var blocks []ui.Block
	if manageSets.MetBy(v.User.Permissions) {
		blocks = append(blocks, ui.Links{{Text: "New", Href: nodeSets.Path + "/new"}})
	}
	v.show(nodeSets.Label, alerts, append(blocks, t)...)
}

// showSetForm is New, and a set's Edit Properties. The API name is generated from the label, to be looked at before it is
// saved (documents 001 and 003).
func showSetForm(v *visit, id org.ID, now org.Values, typed, errors map[string]string, alerts []ui.Alert) {
	o := v.Session.Seen().Object(org.ObjectPermissionSet, nil)
	label := fieldOf(o.Field("Label"), now["Label"], typed, errors)
	label.Label, label.Required = "Label", true
	name := fieldOf(o.Field("Name"), now["Name"], typed, errors)
	name.Label, name.Required = "API Name", true
	name.Hint = "Left empty, it is generated from the label, and you check it before it is saved."
	description := fieldOf(o.Field("Description"), now["Description"], typed, errors)
	activation := fieldOf(o.Field("HasActivationRequired"), now["HasActivationRequired"], typed, errors)
	title, action, above := "New Permission Set", nodeSets.Path+"/new", []ui.Link{{Text: nodeSets.Label, Href: nodeSets.Path}}
	form := ui.Form{
		Fields:  []ui.Field{label, name, description, activation},
		Submits: []ui.Submit{{Label: "Save", Name: fieldDo, Value: doSave}, {Label: "Generate API Name", Name: fieldDo, Value: doGenerate, Secondary: true}},
	}
	if id != "" {
		set := permissionSet{id, now}
		title, action, above = "Edit Properties: "+set.label(), set.path()+"/edit", set.above()
		form.Submits = form.Submits[:1]
		shown, err := shownField(setInputs[:4], now, typed)
		if err != nil {
			v.fail(err)
			return
		}
		form.Fields = append(form.Fields, shown)
	} else {
		license, err := v.licenseField(typed)
		if err != nil {
			v.fail(err)
			return
		}
		form.Fields = append(form.Fields, license)
	}
	form.Action = action
	v.showUnder(title, above, alerts, form)
}

// licenseField chooses the licence that a new set is for. A set that only ties users to an app is for any.
func (v *visit) licenseField(typed map[string]string) (ui.Field, error) {
	rows, err := v.rows("SELECT Id, Name FROM UserLicense ORDER BY Name")
	in := ui.Field{
		Type: ui.SelectField, Name: "LicenseId", Label: "License", Value: typed["LicenseId"], Options: []ui.Option{{Value: "", Label: "--None--"}},
		Hint: "Select --None-- if users with different licenses are to have it.",
	}
	for _, r := range rows {
		in.Options = append(in.Options, ui.Option{Value: r.text(0), Label: r.text(1)})
	}
	return in, err
}

// setInputs are the inputs of the form.
var setInputs = []string{"Label", "Name", "Description", "HasActivationRequired", "LicenseId"}

func saveNewSet(v *visit) {
	f, ok := v.form()
	if !ok {
		return
	}
	in, typed := changed(v.Session.Seen().Object(org.ObjectPermissionSet, nil), setInputs, f, org.Values{})
	if typed["Label"] == "" {
		showSetForm(v, "", org.Values{}, typed, map[string]string{"Label": "Enter a label."}, nil)
		return
	}
	if generate := f.Get(fieldDo) == doGenerate; generate || typed["Name"] == "" {
		typed["Name"] = org.APIName(typed["Label"])
		if typed["Name"] == "" {
			showSetForm(v, "", org.Values{}, typed, map[string]string{"Name": "No API name can be generated from this label. Enter one."}, nil)
			return
		}
		showSetForm(v, "", org.Values{}, typed, nil, []ui.Alert{{Kind: ui.Notice, Text: "The API name " + typed["Name"] + " is generated from the label. Check it, then save."}})
		return
	}
	id, err := v.s.Records.Create(v.ctx(), v.Session, org.ObjectPermissionSet, in)
	switch {
	case refused(err) != "":
		e := besideFields(err, typed)
		showSetForm(v, "", org.Values{}, typed, e.fields, e.alerts)
	case err != nil:
		v.fail(err)
	default:
		v.to(nodeSets.Path + "/" + string(id) + "?done=saved")
	}
}

func saveSet(v *visit, set permissionSet) {
	f, ok := v.form()
	if !ok {
		return
	}
	o := v.Session.Seen().Object(org.ObjectPermissionSet, nil)
	in, typed := changed(o, setInputs[:4], f, asShown(f, o, setInputs[:4], set.values))
	typed[fieldHad] = f.Get(fieldHad)
	op := org.Op{Action: org.ActionUpdate, Object: org.ObjectPermissionSet, ID: string(set.id), Values: in}
	v.changeRecords([]org.Op{op}, f.Get(fieldOK) != "", asking{
		title: "Edit Properties: " + set.label(), above: set.above(), action: set.path() + "/edit", again: againOf(f), done: set.path() + "?done=saved", cancel: set.path() + "/edit",
		refused: func(_ string, err error) {
			e := besideFields(err, typed)
			showSetForm(v, set.id, set.values, typed, e.fields, e.alerts)
		},
	})
}

// showSet is a permission set's page.
func showSet(v *visit, set permissionSet, alerts []ui.Alert) {
	q, ok := v.query()
	if !ok {
		return
	}
	if q.Get("done") == "saved" && alerts == nil {
		alerts = saved("The permission set is saved.")
	}
	apps, err := v.rows("SELECT SetupEntityId FROM SetupEntityAccess WHERE SetupEntityType = 'ConnectedApplication' AND ParentId = " + literal(string(set.id)))
	var names map[org.ID]string
	if err == nil {
		names, err = v.appNames()
	}
	if err != nil {
		v.fail(err)
		return
	}
	carried := ui.Table{Caption: "Assigned Connected Apps", Columns: []string{"Connected App"}, Empty: "none"}
	for _, r := range apps {
		carried.Rows = append(carried.Rows, []ui.Cell{{Text: names[r.id(0)], Href: nodeApps.Path + "/" + r.text(0)}})
	}
	links := ui.Links{{Text: "Manage Assignments", Href: set.path() + "/assignments"}}
	if manageSets.MetBy(v.User.Permissions) {
		links = append(links, ui.Link{Text: "Edit Properties", Href: set.path() + "/edit"})
	}
	blocks := []ui.Block{links, ui.Definitions{
		{Name: "Label", Value: set.label()},
		{Name: "API Name", Value: set.values.Text("Name")},
		{Name: "Namespace Prefix", Value: set.values.Text("NamespacePrefix")},
		{Name: "Description", Value: set.values.Text("Description")},
		{Name: "Session Activation Required", Value: check(set.values.Flag("HasActivationRequired"))},
		{Name: "Created Date", Value: display(set.values["CreatedDate"])},
		{Name: "Last Modified Date", Value: display(set.values["LastModifiedDate"])},
	}, carried}
	if carryApps.MetBy(v.User.Permissions) {
		blocks = append(blocks, ui.Links{{Text: "Edit Assigned Connected Apps", Href: set.path() + "/assigned-connected-apps"}})
	}
	if manageSets.MetBy(v.User.Permissions) && set.values.Text("NamespacePrefix") == "" {
		blocks = append(blocks, ui.Form{Action: set.path(), Fields: []ui.Field{hidden(fieldDo, doDelete)}, Submits: []ui.Submit{{Label: "Delete", Secondary: true}}})
	}
	v.showUnder(set.label(), set.above()[:1], alerts, blocks...)
}

// deleteSet deletes a permission set that is assigned to nobody, and asks first.
func deleteSet(v *visit, set permissionSet) {
	f, ok := v.form()
	if !ok {
		return
	}
	if f.Get(fieldDo) != doDelete {
		showSet(v, set, nil)
		return
	}
	op := org.Op{Action: org.ActionDelete, Object: org.ObjectPermissionSet, ID: string(set.id)}
	v.changeRecords([]org.Op{op}, f.Get(fieldOK) != "", asking{
		title: "Delete Permission Set: " + set.label(), above: set.above(), action: set.path(), again: againOf(f), done: nodeSets.Path + "?done=deleted", cancel: set.path(), ok: "Delete",
		warning: "The permission set " + set.label() + " is deleted for good, with what it permits and the connected apps that it carries.",
		refused: func(said string, _ error) {
			showSet(v, set, []ui.Alert{{Kind: ui.Error, Title: "The permission set was not deleted", Text: said}})
		},
	})
}

// fieldApp are the check boxes of connected apps.
const fieldApp = "app"

// showSetApps is Assigned Connected Apps of a set; p is a form that was refused.
func showSetApps(v *visit, set permissionSet, p *picked, alerts []ui.Alert) {
	has, err := v.carried(set.id)
	if err != nil {
		v.fail(err)
		return
	}
	apps, err := v.rows("SELECT Id, Name FROM ConnectedApplication ORDER BY Name")
	if err != nil {
		v.fail(err)
		return
	}
	s := ui.Selection{
		Action: set.path() + "/assigned-connected-apps", Name: fieldApp, Caption: "Connected Apps", Columns: []string{"Connected App"},
		Submits: []ui.Submit{{Label: "Save"}}, Empty: "The org has none.",
	}
	for _, r := range apps {
		s.Rows = append(s.Rows, ui.Choice{Value: r.text(0), Label: r.text(1), Checked: has[r.id(0)] != ""})
	}
	p.show(&s)
	v.showUnder("Assigned Connected Apps: "+set.label(), set.above(), alerts, s)
}

// carried are the rows by which a set carries apps, by app.
func (v *visit) carried(set org.ID) (map[org.ID]string, error) {
	rows, err := v.rows("SELECT Id, SetupEntityId FROM SetupEntityAccess WHERE SetupEntityType = 'ConnectedApplication' AND ParentId = " + literal(string(set)))
	out := map[org.ID]string{}
	for _, r := range rows {
		out[r.id(1)] = r.text(0)
	}
	return out, err
}

func saveSetApps(v *visit, set permissionSet) {
	f, ok := v.selection(fieldApp)
	if !ok {
		return
	}
	has, err := v.carried(set.id)
	if err != nil {
		v.fail(err)
		return
	}
	p := pickedOf(f, fieldApp, idTexts(has))
	ops, err := p.ops(has, org.ObjectSetupEntityAccess, func(app org.ID) org.Op {
		return org.Op{Action: org.ActionCreate, Object: org.ObjectSetupEntityAccess, Values: map[string]any{"ParentId": string(set.id), "SetupEntityId": string(app)}}
	})
	if err != nil {
		v.fail(err)
		return
	}
	v.changeRecords(ops, f.Get(fieldOK) != "", asking{
		title: "Assigned Connected Apps: " + set.label(), above: set.above(), action: set.path() + "/assigned-connected-apps", again: againOf(f), done: set.path() + "?done=saved",
		cancel:  set.path() + "/assigned-connected-apps",
		refused: func(said string, _ error) { showSetApps(v, set, &p, notSaved(said)) },
	})
}
