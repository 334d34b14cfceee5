package setup

import (
	"strconv"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/ui"
)

// What the buttons of a user's page do.
const (
	doFreeze   = "freeze"
	doUnfreeze = "unfreeze"
	doUnlock   = "unlock"
	doReset    = "reset_password"
)

// userDone is what a user's page says after something was done elsewhere and led here.
var userDone = map[string]string{
	"created": "The user is created. A link to verify the account and to set a password is on its way to his address.",
	"saved":   "Your changes are saved.",
	"sets":    "The permission sets are assigned.",
}

// shownUserLogins is how many logins a user's page shows.
const shownUserLogins = 10

// showUser is a user's page.
func showUser(v *visit, id org.ID, alerts []ui.Alert) {
	q, ok := v.query()
	if !ok {
		return
	}
	if said := userDone[q.Get("done")]; said != "" && alerts == nil {
		alerts = saved(said)
	}
	f, err := v.userForm(id)
	if err != nil {
		v.fail(err)
		return
	}
	sections, err := v.userSections(f.layout, f.object, func(field *org.Field, _ org.LayoutItem) ui.Field {
		value, label := display(f.now[field.Name]), field.Label
		if field.Name == "ProfileId" {
			label = "Profile" // as the form and the documents have it
			for _, p := range f.profiles {
				if string(p.id) == value {
					value = p.name
				}
			}
		}
		return ui.Field{Label: label, Value: value}
	})
	if err != nil {
		v.fail(err)
		return
	}
	actions, state, err := v.userActions(id)
	if err != nil {
		v.fail(err)
		return
	}
	blocks := append(actions, state)
	for _, s := range sections {
		d := ui.Definitions{}
		for _, one := range s.Fields {
			d = append(d, ui.Definition{Name: one.Label, Value: one.Value, Href: one.Href})
			if one.Hint != "" {
				d[len(d)-1].Value = one.Value
				blocks = append(blocks, ui.Text(one.Hint))
			}
		}
		blocks = append(blocks, ui.Heading{Text: s.Legend}, d)
	}
	more, err := v.userTables(id)
	if err != nil {
		v.fail(err)
		return
	}
	v.showUnder(f.now.Text("Name"), []ui.Link{{Text: nodeUsers.Label, Href: nodeUsers.Path}}, alerts, append(blocks, more...)...)
}

// userActions are the buttons of a user's page, as far as the visitor may press them, and what they change.
func (v *visit) userActions(id org.ID) ([]ui.Block, ui.Block, error) {
	path := nodeUsers.Path + "/" + string(id)
	u, err := v.s.Door.UserNow(v.ctx(), v.Org.ID, id)
	if err != nil {
		return nil, nil, err
	}
	state := ui.Definitions{{Name: "User License", Value: u.License}, {Name: "Email verified", Value: check(u.EmailVerified)}, {Name: "Frozen", Value: check(u.Frozen)}}
	var out []ui.Block
	if manageUsers.MetBy(v.User.Permissions) {
		out = append(out, ui.Links{{Text: "Edit", Href: path + "/edit"}})
	}
	press := func(label, do string) {
		out = append(out, ui.Form{Action: path, Fields: []ui.Field{hidden(fieldDo, do)}, Submits: []ui.Submit{{Label: label, Secondary: true}}})
	}
	if org.CheckLoginAs(v.Org, v.Session, u) == nil {
		out = append(out, *loginForm(id))
	}
	if (org.Need{{org.PermResetPasswords, org.PermManageUsers, org.PermManageInternalUsers}}).MetBy(v.User.Permissions) && id != v.User.ID {
		press("Reset Password", doReset)
	}
	if !v.User.Permissions[org.PermManageUsers] {
		return out, state, nil
	}
	logins, err := v.rows("SELECT Id, IsFrozen, IsPasswordLocked FROM UserLogin WHERE UserId = " + literal(string(id)))
	if err != nil || len(logins) == 0 {
		return out, state, err
	}
	if logins[0].flag(1) {
		press("Unfreeze", doUnfreeze)
	} else if id != v.User.ID {
		press("Freeze", doFreeze)
	}
	state = append(state, ui.Definition{Name: "Locked out", Value: check(logins[0].flag(2))})
	if logins[0].flag(2) {
		press("Unlock", doUnlock)
	}
	return out, state, nil
}

// changeUser does what a button of a user's page says.
func changeUser(v *visit) {
	id, ok := v.record()
	if !ok {
		return
	}
	f, ok := v.form()
	if !ok {
		return
	}
	done := ""
	var err error
	switch f.Get(fieldDo) {
	case doReset:
		done = "A link to set a new password is on its way to the user's address."
		var u org.User
		if u, err = v.s.Door.UserNow(v.ctx(), v.Org.ID, id); err == nil {
			err = v.s.Door.AllowMail(u.Username)
		}
		if err == nil {
			err = v.s.Accounts.MailLink(v.ctx(), v.Session, id)
		}
	case doFreeze:
		done, err = "The user is frozen: nothing that he is signed in with works until he is unfrozen.", v.setLogin(id, "IsFrozen", true)
	case doUnfreeze:
		done, err = "The user is no longer frozen.", v.setLogin(id, "IsFrozen", false)
	case doUnlock:
		done, err = "The user is no longer locked out.", v.setLogin(id, "IsPasswordLocked", false)
	}
	switch said := refused(err); {
	case said != "":
		showUser(v, id, []ui.Alert{{Kind: ui.Error, Title: "Nothing was changed", Text: said}})
	case err != nil:
		v.fail(err)
	case done != "":
		showUser(v, id, saved(done))
	default:
		showUser(v, id, nil)
	}
}

// setLogin changes a field of the user's UserLogin record.
func (v *visit) setLogin(user org.ID, field string, on bool) error {
	if err := v.need(org.Need{{org.PermManageUsers}}); err != nil {
		return err
	}
	rows, err := v.rows("SELECT Id FROM UserLogin WHERE UserId = " + literal(string(user)))
	if err != nil || len(rows) == 0 {
		return err
	}
	return v.s.Records.Update(v.ctx(), v.Session, org.ObjectUserLogin, rows[0].text(0), map[string]any{field: on})
}

// userTables are the lists on a user's page: his permission sets and his last logins.
func (v *visit) userTables(id org.ID) ([]ui.Block, error) {
	var out []ui.Block
	sets, err := v.rows("SELECT PermissionSetId, PermissionSet.Label, PermissionSet.Name FROM PermissionSetAssignment WHERE AssigneeId = " + literal(string(id)) +
		" AND PermissionSet.IsOwnedByProfile = false ORDER BY PermissionSet.Label")
	if err != nil {
		return nil, err
	}
	t := ui.Table{Caption: "Permission Set Assignments", Columns: []string{"Permission Set Label", "API Name"}, Empty: "none"}
	for _, r := range sets {
		t.Rows = append(t.Rows, []ui.Cell{{Text: r.text(1), Href: nodeSets.Path + "/" + r.text(0)}, {Text: r.text(2)}})
	}
	out = append(out, t)
	if assignSets.MetBy(v.User.Permissions) {
		out = append(out, ui.Links{{Text: "Edit Assignments", Href: nodeUsers.Path + "/" + string(id) + "/permission-sets"}})
	}
	if v.User.Permissions[org.PermManageUsers] || id == v.User.ID {
		rows, err := v.rows(selectLogins + " WHERE UserId = " + literal(string(id)) + " ORDER BY LoginTime DESC LIMIT " + strconv.Itoa(shownUserLogins))
		if err != nil {
			return nil, err
		}
		out = append(out, logins(rows, nil))
	}
	return out, nil
}

// fieldSet are the check boxes of permission sets.
const fieldSet = "set"

// showUserSets is Permission Set Assignments of one user: which sets he has; p is a form that was refused.
func showUserSets(v *visit, id org.ID, p *picked, alerts []ui.Alert) {
	u, err := v.s.Door.UserNow(v.ctx(), v.Org.ID, id)
	if err != nil {
		v.fail(err)
		return
	}
	has, err := v.assigned(id)
	if err != nil {
		v.fail(err)
		return
	}
	sets, err := v.rows("SELECT Id, Label, Name, NamespacePrefix FROM PermissionSet WHERE IsOwnedByProfile = false ORDER BY Label")
	if err != nil {
		v.fail(err)
		return
	}
	path := nodeUsers.Path + "/" + string(id)
	s := ui.Selection{
		Action: path + "/permission-sets", Name: fieldSet, Caption: "Permission Sets", Columns: []string{"Permission Set Label", "API Name", "Installed Package"},
		Submits: []ui.Submit{{Label: "Save"}}, Empty: "The org has none.",
	}
	for _, r := range sets {
		s.Rows = append(s.Rows, ui.Choice{Value: r.text(0), Label: r.text(1), Checked: has[r.id(0)] != "", Cells: ui.Row(r.text(2), r.text(3))})
	}
	p.show(&s)
	v.showUnder("Permission Set Assignments: "+u.Name, []ui.Link{{Text: nodeUsers.Label, Href: nodeUsers.Path}, {Text: u.Name, Href: path}}, alerts, ui.Text("Which permission sets "+u.Username+" has."), s)
}

// assigned are a user's assignments of permission sets that no profile owns, by set.
func (v *visit) assigned(user org.ID) (map[org.ID]string, error) {
	rows, err := v.rows("SELECT Id, PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = " + literal(string(user)) + " AND PermissionSet.IsOwnedByProfile = false")
	out := map[org.ID]string{}
	for _, r := range rows {
		out[r.id(1)] = r.text(0)
	}
	return out, err
}

// saveUserSets gives and takes what was checked and unchecked, all or none.
func saveUserSets(v *visit) {
	id, ok := v.record()
	if !ok {
		return
	}
	f, ok := v.selection(fieldSet)
	if !ok {
		return
	}
	has, err := v.assigned(id)
	if err != nil {
		v.fail(err)
		return
	}
	u, err := v.s.Door.UserNow(v.ctx(), v.Org.ID, id)
	if err != nil {
		v.fail(err)
		return
	}
	p := pickedOf(f, fieldSet, idTexts(has))
	ops, err := p.ops(has, org.ObjectPermissionSetAssignment, func(set org.ID) org.Op { return assignment(set, id) })
	if err != nil {
		v.fail(err)
		return
	}
	path := nodeUsers.Path + "/" + string(id)
	v.changeRecords(ops, f.Get(fieldOK) != "", asking{
		title: "Permission Set Assignments: " + u.Name, above: []ui.Link{{Text: nodeUsers.Label, Href: nodeUsers.Path}, {Text: u.Name, Href: path}}, action: path + "/permission-sets", again: againOf(f),
		done: path + "?done=sets", cancel: path + "/permission-sets",
		refused: func(said string, _ error) { showUserSets(v, id, &p, notSaved(said)) },
	})
}
