package pages

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// usersAt are the two places where the documents find users: Email Studio > Admin > My Users, and Setup > Users.
var usersAt = []string{emailAdmin + "/users", setup + "/users"}

// userPages are the pages of users under one of those places.
type userPages struct {
	s    *Server
	base string
}

func (s *Server) mountUsers(mux *web.Mux, base string) {
	u := userPages{s, base}
	s.get(mux, base, u.list)
	s.get(mux, base+"/new", u.newForm)
	s.post(mux, base+"/new", u.create)
	one := base + "/{id}"
	s.get(mux, one, u.show)
	s.get(mux, one+"/edit", u.editForm)
	s.post(mux, one+"/edit", u.edit)
	s.get(mux, one+"/roles", u.rolesForm)
	s.post(mux, one+"/roles", u.setRoles)
	s.get(mux, one+"/units", u.unitsForm)
	s.post(mux, one+"/units", u.setUnits)
	s.get(mux, one+"/integrate", u.integrateForm)
	s.post(mux, one+"/integrate", u.integrate)
	s.get(mux, one+"/password", u.passwordForm)
	s.post(mux, one+"/password", u.resetPassword)
	s.post(mux, one+"/active", u.setActive)
	s.post(mux, one+"/unlock", u.unlock)
}

// title is what the place is called.
func (u userPages) title() string {
	if strings.HasPrefix(u.base, emailAdmin) {
		return "My Users"
	}
	return "Users"
}

func (u userPages) of(id int64) string { return u.base + "/" + strconv.FormatInt(id, 10) }

// crumbs are the way to a page of one user.
func (u userPages) crumbs(user tenant.User) []ui.Link {
	return append(crumbs(u.base+"/x"), ui.Link{Text: user.Name, Href: u.of(user.ID)})
}

// find reads the user whom the address names.
func (u userPages) find(v *visit) (tenant.User, error) {
	id, err := strconv.ParseInt(v.path("id"), 10, 64)
	if err != nil {
		return tenant.User{}, fault.New(fault.NotFound, tenant.CodeNotFound, "There is no such user.")
	}
	return u.s.o.People.Get(v.r.Context(), v.Principal, id)
}

// state is in a word whether the user can sign in.
func state(u tenant.User) string {
	switch {
	case !u.Active:
		return "Inactive"
	case !u.Locked.IsZero():
		return "Locked"
	}
	return "Active"
}

func integrated(u tenant.User) string {
	if u.SalesforceUsername == "" {
		return "Not Integrated"
	}
	return "Integrated: " + u.SalesforceUsername
}

func (u userPages) list(v *visit) (answer, error) {
	search, after := v.query.Get("q"), v.query.Get("after")
	users, more, err := u.s.o.People.List(v.r.Context(), v.Principal, search, after)
	if err != nil {
		return answer{}, err
	}
	table := ui.Table{Caption: u.title(), Columns: []string{"Name", "Username", "Email", "Salesforce.com Status", "API User", "Status", "Last Login"}, Empty: "nobody is called so"}
	for _, one := range users {
		table.Rows = append(table.Rows, []ui.Cell{
			{Text: one.Name, Href: u.of(one.ID)}, {Text: one.Username}, {Text: one.Email}, {Text: integrated(one)}, {Text: yes(one.APIUser)}, {Text: state(one)}, {Text: when(one.LastLogin)},
		})
	}
	blocks := []ui.Block{
		ui.Actions{{Text: "Create", Href: u.base + "/new"}},
		ui.Form{Get: true, Action: u.base, Fields: []ui.Field{{Name: "q", Label: "Search", Value: search, Hint: "Part of a name, username or email address.", MaxLength: 100}}, Submits: []ui.Submit{{Label: "Search"}}},
		table,
	}
	first, next := "", ""
	if after != "" {
		first = u.base + "?" + url.Values{"q": {search}}.Encode()
	}
	if more {
		next = u.base + "?" + url.Values{"q": {search}, "after": {users[len(users)-1].Username}}.Encode()
	}
	blocks = append(blocks, turns(u.title(), first, next)...)
	return answer{page: ui.Page{Title: u.title(), Blocks: blocks}}, nil
}

// show is the page of one user.
func (u userPages) show(v *visit) (answer, error) {
	user, err := u.find(v)
	if err != nil {
		return answer{}, err
	}
	held, err := u.s.o.People.RolesOf(v.r.Context(), v.Principal, user)
	if err != nil {
		return answer{}, err
	}
	at := u.of(user.ID)
	roles := ui.Table{Caption: "Roles", Columns: []string{"Role", "Business unit", "Given to"}, Empty: "none"}
	for _, h := range held {
		to := "the user"
		if h.ByUnit {
			to = "everybody in the business unit"
		}
		roles.Rows = append(roles.Rows, ui.Row(h.Role.Name, v.unitName(h.Unit), to))
	}
	var units ui.List
	for _, mid := range user.MIDs {
		units = append(units, v.unitName(mid))
	}
	page := ui.Page{Title: user.Name, Crumbs: crumbs(u.base + "/x"), Blocks: []ui.Block{
		ui.Definitions{
			{Name: "Name", Value: user.Name},
			{Name: "Username", Value: user.Username},
			{Name: "Reply Email Address", Value: user.Email},
			{Name: "Notification Email Address", Value: user.NotificationEmail},
			{Name: "External ID/Key", Value: user.CustomerKey},
			{Name: "Salesforce.com Status", Value: integrated(user)},
			{Name: "API User", Value: yes(user.APIUser)},
			{Name: "Status", Value: state(user)},
			{Name: "Default Business Unit", Value: v.unitName(user.DefaultMID)},
			{Name: "Time Zone", Value: user.TimeZone},
			{Name: "Culture Code", Value: user.Locale},
			{Name: "Must change password", Value: yes(user.MustChange)},
			{Name: "Last Login", Value: when(user.LastLogin)},
			{Name: "Created", Value: when(user.Created)},
			{Name: "Modified", Value: when(user.Modified)},
		},
		ui.Actions{
			{Text: "Edit", Href: at + "/edit"},
			{Text: "Integrate", Href: at + "/integrate"},
			{Text: "Manage Roles", Href: at + "/roles"},
			{Text: "Associated Business Units", Href: at + "/units"},
			{Text: "Reset Password", Href: at + "/password"},
		},
		roles,
		ui.Heading{Text: "Associated Business Units"},
		units,
	}}
	if !user.Locked.IsZero() {
		page.Alerts = append(page.Alerts, ui.Alert{Kind: ui.Warning, Text: "The user is locked since " + when(user.Locked) + ", after too many wrong passwords."})
		page.Blocks = append(page.Blocks, ui.Form{Action: at + "/unlock", Fields: []ui.Field{v.token}, Submits: []ui.Submit{{Label: "Unlock"}}})
	}
	switch {
	case !user.Active:
		page.Blocks = append(page.Blocks, ui.Form{Action: at + "/active", Fields: []ui.Field{v.token}, Submits: []ui.Submit{{Label: "Activate", Name: "active", Value: "yes"}}})
	case user.ID != v.User.ID:
		page.Blocks = append(page.Blocks, ui.Form{Action: at + "/active", Fields: []ui.Field{v.token}, Submits: []ui.Submit{{Label: "Deactivate", Name: "active", Value: "no", Secondary: true}}})
	}
	return answer{page: page}, nil
}

// unitName names a business unit; 0 is all of them.
func (v *visit) unitName(mid tenant.MID) string {
	if mid == 0 {
		return "All business units"
	}
	for _, u := range v.Units {
		if u.MID == mid {
			return u.Name + " (MID " + strconv.FormatInt(int64(mid), 10) + ")"
		}
	}
	return "MID " + strconv.FormatInt(int64(mid), 10)
}

func (u userPages) setActive(v *visit) (answer, error) {
	user, err := u.find(v)
	if err != nil {
		return answer{}, err
	}
	active := v.form.Get("active") == "yes"
	if !active && user.ID == v.User.ID {
		return answer{}, fault.New(fault.Invalid, tenant.CodeInvalidUser, "This is you. Somebody else can make you inactive.")
	}
	if !active && user.APIUser && v.Principal.Can(tenant.PermUsersWrite) && !v.checked("confirmed") {
		return u.askDeactivate(v, user), nil
	}
	if _, err := u.s.o.Users.Change(v.r.Context(), v.Principal, tenant.UserChange{ID: user.ID, Active: &active}); err != nil {
		return answer{}, err
	}
	if active {
		return goTo(u.of(user.ID), "activated"), nil
	}
	return goTo(u.of(user.ID), "deactivated"), nil
}

// askDeactivate says what stands and falls with an API user before he can sign in no more.
func (u userPages) askDeactivate(v *visit, user tenant.User) answer {
	return answer{page: ui.Page{Title: "Deactivate " + user.Name, Crumbs: u.crumbs(user), Blocks: []ui.Block{ui.Confirm{
		Action: u.of(user.ID) + "/active",
		Texts:  []string{"This is an API user. While he is inactive Marketing Cloud Connect cannot sign in as him: sends to Sales and Service Cloud audiences fail until he is active again."},
		Hidden: []ui.Field{v.token, {Name: "active", Value: "no"}, {Name: "confirmed", Value: "1"}}, Submits: []ui.Submit{{Label: "Deactivate", Danger: true}},
		Cancel: ui.Link{Text: "Cancel", Href: u.of(user.ID)},
	}}}}
}

func (u userPages) unlock(v *visit) (answer, error) {
	user, err := u.find(v)
	if err != nil {
		return answer{}, err
	}
	if _, err := u.s.o.Users.Change(v.r.Context(), v.Principal, tenant.UserChange{ID: user.ID, Unlock: true}); err != nil {
		return answer{}, err
	}
	return goTo(u.of(user.ID), "unlocked"), nil
}

// textSevered is what the documents say of an API user's password (engagement-wire 5, KB 005228128).
const textSevered = "This is an API user. Changing or resetting his password severs Marketing Cloud Connect: sends to Sales and Service Cloud audiences fail until the connection is made anew with the new password."

func (u userPages) passwordForm(v *visit) (answer, error) {
	user, err := u.find(v)
	if err != nil {
		return answer{}, err
	}
	page := ui.Page{Title: "Reset Password: " + user.Name, Crumbs: u.crumbs(user), Blocks: []ui.Block{
		ui.Text("The user gets a temporary password, which is shown once. He chooses one of his own when he signs in with it. His sessions end."),
		ui.Form{Once: true, Fields: []ui.Field{v.token}, Submits: []ui.Submit{{Label: "Reset Password"}}},
		ui.Links{{Text: "Cancel", Href: u.of(user.ID)}},
	}}
	if user.APIUser {
		page.Alerts = []ui.Alert{{Kind: ui.Warning, Text: textSevered}}
	}
	return answer{page: page}, nil
}

func (u userPages) resetPassword(v *visit) (answer, error) {
	user, err := u.find(v)
	if err != nil {
		return answer{}, err
	}
	user, password, err := u.s.o.Users.ResetPassword(v.r.Context(), v.Principal, user.ID)
	if err != nil {
		return answer{}, err
	}
	return answer{page: ui.Page{Title: "Temporary password: " + user.Name, Crumbs: u.crumbs(user), Alerts: []ui.Alert{{Kind: ui.Success, Text: "The password of " + user.Username + " is reset. This page shows it once."}}, Blocks: []ui.Block{
		ui.Definitions{{Name: "Username", Value: user.Username}, {Name: "Temporary password", Value: password}},
		ui.Links{{Text: "Done", Href: u.of(user.ID)}},
	}}}, nil
}

// rolesForm is Manage Roles: what the user has in all business units, or in one of them.
func (u userPages) rolesForm(v *visit) (answer, error) {
	user, err := u.find(v)
	if err != nil {
		return answer{}, err
	}
	return u.rolesPage(v, user, unitIn(v.query.Get("unit")), nil)
}

// unitIn reads a choice of a business unit; 0 is all of them, and what is none.
func unitIn(text string) tenant.MID {
	mid, _ := tenant.ParseMID(text) // anything else is all
	return mid
}

// rolesPage shows the roles in the unit as they are, or as they were chosen where saving was refused.
func (u userPages) rolesPage(v *visit, user tenant.User, unit tenant.MID, refused error) (answer, error) {
	ctx := v.r.Context()
	roles, err := u.s.o.People.Roles(ctx, v.Principal)
	if err != nil {
		return answer{}, err
	}
	held, err := u.s.o.People.RolesOf(ctx, v.Principal, user)
	if err != nil {
		return answer{}, err
	}
	has := map[string]bool{}
	for _, h := range held {
		if h.Unit == unit && !h.ByUnit {
			has[h.Role.ID] = true
		}
	}
	where := ui.Field{Type: ui.SelectField, Name: "unit", Label: "Business unit", Value: strconv.FormatInt(int64(unit), 10), Required: true, Options: []ui.Option{{Value: "0", Label: v.unitName(0)}}}
	for _, one := range v.Units {
		where.Options = append(where.Options, ui.Option{Value: strconv.FormatInt(int64(one.MID), 10), Label: v.unitName(one.MID)})
	}
	form := ui.Form{Legend: "Roles in: " + v.unitName(unit), Fields: []ui.Field{v.token, {Type: ui.HiddenField, Name: "unit", Value: where.Value}}, Submits: []ui.Submit{{Label: "Save"}}}
	for _, r := range roles {
		field := ui.Field{Type: ui.CheckboxField, Name: roleField + r.CustomerKey, Label: r.Name, Hint: r.Description, Checked: has[r.ID]}
		if refused != nil {
			field.Checked = v.checked(field.Name)
		}
		form.Fields = append(form.Fields, field)
	}
	a := answer{page: ui.Page{Title: "Manage Roles: " + user.Name, Crumbs: u.crumbs(user), Blocks: []ui.Block{
		ui.Definitions{{Name: "User", Value: user.Name + " (" + user.Username + ")"}},
		ui.Form{Get: true, Fields: []ui.Field{where}, Submits: []ui.Submit{{Label: "Show", Secondary: true}}},
		form,
		ui.Links{{Text: "Cancel", Href: u.of(user.ID)}},
	}}}
	if refused != nil {
		a.page.Alerts, a.status = []ui.Alert{{Kind: ui.Error, Title: "The roles are not saved", Text: fault.Of(refused).Message}}, fault.KindOf(refused).HTTPStatus()
	}
	return a, nil
}

// roleField begins the names of the checkboxes of roles; the role's customer key follows.
const roleField = "role-"

func (u userPages) setRoles(v *visit) (answer, error) {
	user, err := u.find(v)
	if err != nil {
		return answer{}, err
	}
	var keys []string
	for name := range v.form {
		if key, ok := strings.CutPrefix(name, roleField); ok && v.checked(name) {
			keys = append(keys, key)
		}
	}
	unit := unitIn(v.form.Get("unit"))
	_, err = u.s.o.Users.SetRoles(v.r.Context(), v.Principal, user.ID, unit, keys)
	if told(err) {
		return u.rolesPage(v, user, unit, err)
	}
	if err != nil {
		return answer{}, err
	}
	return goTo(u.of(user.ID), "roles"), nil
}

// told reports whether an error is one that a form shows above itself, with what was typed: all but our own mistakes.
func told(err error) bool {
	if err == nil {
		return false
	}
	status := fault.KindOf(err).HTTPStatus()
	return status >= http.StatusBadRequest && status < http.StatusInternalServerError
}
