package setup

import (
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/org/packages"
	"github.com/twinspan/twinspan/internal/ui"
)

// Fields of the forms of assignments.
const (
	fieldUser   = "user"   // check boxes
	fieldAnyway = "anyway" // the word about the system user was read
)

// assignment gives a user a permission set.
func assignment(set, user org.ID) org.Op {
	return org.Op{Action: org.ActionCreate, Object: org.ObjectPermissionSetAssignment, Values: map[string]any{"AssigneeId": string(user), "PermissionSetId": string(set)}}
}

// showAssignments is Manage Assignments: who has the set.
func showAssignments(v *visit, set permissionSet, alerts []ui.Alert) {
	q, ok := v.query()
	if !ok {
		return
	}
	if q.Get("done") == "removed" && alerts == nil {
		alerts = saved("The assignments are removed.")
	}
	f := filterOf(q)
	page, err := v.listed(f, func(f *org.UserFilter) { f.Set = set.id })
	if err != nil {
		v.fail(err)
		return
	}
	path := set.path() + "/assignments"
	above, next := f.finder(path, page)
	s := ui.Selection{
		Action: path, Name: fieldUser, Caption: "Assigned Users", Columns: []string{"Full Name", "Alias", "Username", "Active", "Profile"},
		Submits: []ui.Submit{{Label: "Remove Assignments", Secondary: true}}, Empty: "No user that fits has this permission set.",
	}
	for _, u := range page.Users {
		s.Rows = append(s.Rows, ui.Choice{Value: string(u.ID), Label: u.Name, Cells: ui.Row(u.Alias, u.Username, check(u.Active), u.Profile)})
	}
	var blocks []ui.Block
	if assignSets.MetBy(v.User.Permissions) {
		blocks = append(blocks, ui.Links{{Text: "Add Assignments", Href: path + "/add"}})
	}
	v.showUnder("Manage Assignments: "+set.label(), set.above(), alerts, append(append(append(blocks, above...), s), next)...)
}

// chosen are the users that were checked.
func chosen(values []string) ([]org.ID, error) {
	var out []org.ID
	for _, value := range values {
		id, err := org.ParseID(value)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out, nil
}

func removeAssignments(v *visit, set permissionSet) {
	f, ok := v.selection(fieldUser)
	if !ok {
		return
	}
	users, err := chosen(f[fieldUser])
	if err == nil && len(users) == 0 {
		showAssignments(v, set, []ui.Alert{{Kind: ui.Error, Title: "Nothing was removed", Text: "Select at least one user."}})
		return
	}
	var rows []row
	if err == nil {
		rows, err = v.rows("SELECT Id FROM PermissionSetAssignment WHERE PermissionSetId = " + literal(string(set.id)) + " AND AssigneeId IN " + list(users))
	}
	if err != nil {
		v.fail(err)
		return
	}
	var ops []org.Op
	for _, r := range rows {
		ops = append(ops, org.Op{Action: org.ActionDelete, Object: org.ObjectPermissionSetAssignment, ID: r.text(0)})
	}
	path := set.path() + "/assignments"
	v.changeRecords(ops, f.Get(fieldOK) != "", asking{
		title: "Remove Assignments: " + set.label(), above: append(set.above(), ui.Link{Text: "Manage Assignments", Href: path}), action: path, again: againOf(f), done: path + "?done=removed", cancel: path,
		refused: func(said string, _ error) { showAssignments(v, set, notSaved(said)) },
	})
}

// systemUsers are the users who write back what Engagement did, as far as the org can know them: those with the package's
// permission set for that. lacking are those of them who do not have the set, by name.
func (v *visit) systemUsers() ([]org.UserEntry, error) {
	name := ""
	for _, s := range packages.PermissionSets() {
		if s.Permission == packages.PermSystemUser {
			name = s.Name
		}
	}
	// The set first: who has it is then found by its id, whatever others have.
	sets, err := v.rows("SELECT Id FROM PermissionSet WHERE Name = " + literal(name) + " AND NamespacePrefix = " + literal(packages.Namespace) + " LIMIT 1")
	if err != nil || len(sets) == 0 {
		return nil, err
	}
	rows, err := v.rows("SELECT AssigneeId, Assignee.Name, Assignee.Username FROM PermissionSetAssignment WHERE PermissionSetId = " + literal(sets[0].text(0)) +
		" AND Assignee.IsActive = true LIMIT " + strconv.Itoa(shownUsers))
	out := make([]org.UserEntry, len(rows))
	for i, r := range rows {
		out[i] = org.UserEntry{ID: r.id(0), Name: r.text(1), Username: r.text(2), Active: true}
	}
	return out, err
}

// without the set are the system users who do not have it and are not among those chosen.
func (v *visit) forgotten(set org.ID, users []org.ID) ([]org.UserEntry, error) {
	all, err := v.systemUsers()
	if err != nil || len(all) == 0 {
		return nil, err
	}
	ids := make([]org.ID, len(all))
	for i, u := range all {
		ids[i] = u.ID
	}
	have, err := v.rows("SELECT AssigneeId FROM PermissionSetAssignment WHERE PermissionSetId = " + literal(string(set)) + " AND AssigneeId IN " + list(ids))
	return slices.DeleteFunc(all, func(u org.UserEntry) bool {
		return slices.Contains(users, u.ID) || slices.ContainsFunc(have, func(r row) bool { return r.id(0) == u.ID })
	}), err
}

// showAdd is Add Assignments: active users who do not have the set. checked are those who were chosen before, anyway says that
// the word about the system user was said.
func showAdd(v *visit, set permissionSet, checked []org.ID, anyway bool, alerts []ui.Alert) {
	q, ok := v.query()
	if !ok {
		return
	}
	f := filterOf(q)
	page, err := v.listed(f, func(f *org.UserFilter) { f.Set, f.Without, f.Active = set.id, true, true })
	var first []org.UserEntry
	if err == nil {
		first, err = v.firstRows(set, checked, page.Users)
	}
	if err != nil {
		v.fail(err)
		return
	}
	path := set.path() + "/assignments/add"
	above, next := f.finder(path, page)
	s := ui.Selection{
		Action: path, Name: fieldUser, Caption: "All Users", Columns: []string{"Full Name", "Alias", "Username", "Profile", "Note"},
		Submits: []ui.Submit{{Label: "Assign"}}, Empty: "Every active user that fits has this permission set.",
	}
	if page.Short {
		s.Empty = "Every active user so far has this permission set."
		above = append(above, ui.Text("So many users have this permission set that only the next "+thousands(reach)+" were looked at, up to the last name "+page.NextName+". Next Page goes on there; a search has to look at those alone whose names fit."))
	}
	if anyway {
		s.Hidden = []ui.Field{hidden(fieldAnyway, "true")}
	}
	system, err := v.systemUsers()
	var without []org.UserEntry
	if err == nil {
		without, err = v.forgotten(set.id, nil)
	}
	if err != nil {
		v.fail(err)
		return
	}
	above = append(above, assigned(set, system, without)...)
	for _, u := range append(first, page.Users...) {
		note := ""
		if slices.ContainsFunc(system, func(x org.UserEntry) bool { return x.ID == u.ID }) {
			note = "Salesforce system user"
		}
		s.Rows = append(s.Rows, ui.Choice{Value: string(u.ID), Label: u.Name, Checked: slices.Contains(checked, u.ID), Cells: ui.Row(u.Alias, u.Username, u.Profile, note)})
	}
	lead := ui.Text("Select the users who need access, typically all users with access to Marketing Cloud Connect. Make sure that the Salesforce system user is selected.")
	v.showUnder("Add Assignments: "+set.label(), append(set.above(), ui.Link{Text: "Manage Assignments", Href: set.path() + "/assignments"}), alerts,
		append(append(append([]ui.Block{lead}, above...), s), append(next, ui.Link{Text: "Cancel", Href: set.path() + "/assignments"}))...)
}

// assigned says whom the list leaves out: who has the set already, with the system users among them by name. Whoever looks for
// the system user, as the document has it, would miss him otherwise.
func assigned(set permissionSet, system, without []org.UserEntry) []ui.Block {
	var names []string
	for _, u := range system {
		if !slices.ContainsFunc(without, func(x org.UserEntry) bool { return x.ID == u.ID }) {
			names = append(names, u.Name+" ("+u.Username+")")
		}
	}
	blocks := []ui.Block{ui.Text("Users who have " + set.label() + " already are not in this list.")}
	if len(names) > 0 {
		blocks = append(blocks, ui.Text("Already assigned, as Salesforce system user: "+strings.Join(names, ", ")+"."))
	}
	return blocks
}

// firstRows are users who stand before a page of the list that they are not on: those who were chosen on another page, and
// the system users who were forgotten.
func (v *visit) firstRows(set permissionSet, checked []org.ID, rows []org.UserEntry) ([]org.UserEntry, error) {
	if checked == nil {
		return nil, nil
	}
	out, err := v.forgotten(set.id, checked)
	if err != nil {
		return nil, err
	}
	onPage := func(id org.ID) bool {
		return slices.ContainsFunc(append(slices.Clone(out), rows...), func(u org.UserEntry) bool { return u.ID == id })
	}
	missing := slices.DeleteFunc(slices.Clone(checked), onPage)
	if len(missing) > 0 {
		found, err := v.rows("SELECT Id, Name, Alias, Username, Profile.Name FROM User WHERE Id IN " + list(missing))
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			out = append(out, org.UserEntry{ID: r.id(0), Name: r.text(1), Alias: r.text(2), Username: r.text(3), Profile: r.text(4), Active: true})
		}
	}
	return slices.DeleteFunc(out, func(u org.UserEntry) bool {
		return slices.ContainsFunc(rows, func(r org.UserEntry) bool { return r.ID == u.ID })
	}), nil
}

// addAssignments assigns, all or none. Where the system user would still be without the set it says so first: document 001
// has it made sure, and without it everything that Engagement does in the org is refused.
func addAssignments(v *visit, set permissionSet) {
	f, ok := v.selection(fieldUser)
	if !ok {
		return
	}
	users, err := chosen(f[fieldUser])
	if err != nil {
		v.fail(err)
		return
	}
	if len(users) == 0 {
		showAdd(v, set, nil, false, []ui.Alert{{Kind: ui.Error, Title: "Nobody was assigned", Text: "Select at least one user."}})
		return
	}
	forgotten, err := v.forgotten(set.id, users)
	if err != nil {
		v.fail(err)
		return
	}
	if len(forgotten) > 0 && f.Get(fieldAnyway) == "" {
		names := make([]string, len(forgotten))
		for i, u := range forgotten {
			names[i] = u.Username
		}
		showAdd(v, set, users, true, []ui.Alert{{
			Kind: ui.Warning, Title: "The Salesforce system user is not among the selected users",
			Text: "Without this permission set " + strings.Join(names, ", ") + " may have no access to the connected app, and Marketing Cloud Connect then fails. Nobody is assigned yet: " +
				"select the system user too, or click Assign again to leave it out.",
		}})
		return
	}
	var ops []org.Op
	for _, id := range users {
		ops = append(ops, assignment(set.id, id))
	}
	if err = v.batch(ops); refused(err) != "" {
		showAdd(v, set, users, false, []ui.Alert{{Kind: ui.Error, Title: "Nobody was assigned", Text: refused(err)}})
		return
	}
	names := map[org.ID]string{}
	if err == nil {
		names, err = v.usernames(users)
	}
	if err != nil {
		v.fail(err)
		return
	}
	t := ui.Table{Caption: "Assignment Summary", Columns: []string{"Username", "Result"}}
	for _, id := range users {
		t.Rows = append(t.Rows, ui.Row(names[id], "Success"))
	}
	v.showUnder("Assignment Summary: "+set.label(), append(set.above(), ui.Link{Text: "Manage Assignments", Href: set.path() + "/assignments"}), saved("The permission set "+set.label()+" is assigned."),
		t, ui.Form{Get: true, Action: set.path() + "/assignments", Submits: []ui.Submit{{Label: "Done"}}})
}
