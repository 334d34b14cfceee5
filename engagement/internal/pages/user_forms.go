package pages

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/vault"
)

// userFields tells beside which field of the forms of a user stands what a service says of the field that it names: the
// services have SOAP's names (engagement-wire 3, AccountUser).
var userFields = map[string]string{
	"Name": "name", "UserID": "username", "Email": "email", "NotificationEmailAddress": "notification", "CustomerKey": "key", "Locale": "culture",
	"TimeZone": "zone", "DefaultBusinessUnit": "unit", "new_password": "password", "SalesforceUsername": "salesforce",
}

// refuse puts the reason of a refusal beside the field that it is about, and above the form where it is about none.
func refuse(p *ui.Page, fields []ui.Field, names map[string]string, err error) {
	f := fault.Of(err)
	at := slices.IndexFunc(fields, func(one ui.Field) bool { return one.Name == names[f.Field] })
	if f.Field == "" || at < 0 {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Error, Title: "Your changes are not saved", Text: f.Message})
		return
	}
	fields[at].Error = f.Message
}

// fields are those of the forms Create and Edit, filled in by a function that gives a value by the field's name.
func (u userPages) fields(v *visit, value func(string) string, checked func(string) bool) []ui.Field {
	fields := []ui.Field{
		v.token,
		{Name: "name", Label: "Name", Required: true, Autocomplete: "off", MaxLength: 254},
		{Name: "username", Label: "Username", Required: true, Autocomplete: "off", MaxLength: tenant.MaxUsername, Hint: "Unique, 3 characters or more."},
		{Type: ui.EmailField, Name: "email", Label: "Reply Email Address", Required: true, Autocomplete: "off", MaxLength: 254},
		{Type: ui.EmailField, Name: "notification", Label: "Notification Email Address", Autocomplete: "off", MaxLength: 254},
		{Name: "key", Label: "External ID/Key", Autocomplete: "off", MaxLength: 254, Hint: "Left blank, the user name serves."},
		{Type: ui.SelectField, Name: "zone", Label: "Time Zone", Required: true},
		{Name: "culture", Label: "Culture Code", Required: true, Autocomplete: "off", MaxLength: 20, Hint: "Such as en-US."},
		{Type: ui.SelectField, Name: "unit", Label: "Default Business Unit", Required: true, Hint: "Where an API user's calls run: the top one reaches all, a child one itself alone."},
	}
	for i := range fields[1:] {
		fields[i+1].Value = value(fields[i+1].Name)
	}
	zones := tenant.TimeZones()
	for _, z := range zones {
		fields[6].Options = append(fields[6].Options, ui.Option{Value: z.Name, Label: z.Description})
	}
	if zone := fields[6].Value; !slices.ContainsFunc(zones, func(z tenant.TimeZone) bool { return z.Name == zone }) {
		fields[6].Options = append(fields[6].Options, ui.Option{Value: zone, Label: zone})
	}
	for _, one := range v.Units {
		fields[8].Options = append(fields[8].Options, ui.Option{Value: strconv.FormatInt(int64(one.MID), 10), Label: v.unitName(one.MID)})
	}
	return append(fields, ui.Field{Type: ui.CheckboxField, Name: "api", Label: "API User", Checked: checked("api"), Hint: "For the user with whom Marketing Cloud Connect connects, and other programs."})
}

// change is what the fields of the form say.
func (v *visit) change() tenant.UserChange {
	text := func(name string) *string { s := v.form.Get(name); return &s }
	api := v.checked("api")
	return tenant.UserChange{
		Username: v.form.Get("username"), Name: text("name"), Email: text("email"), NotificationEmail: text("notification"),
		TimeZone: text("zone"), Locale: text("culture"), DefaultMID: unitIn(v.form.Get("unit")), APIUser: &api,
	}
}

func (u userPages) newForm(v *visit) (answer, error) {
	preset := map[string]string{"zone": v.User.TimeZone, "culture": v.User.Locale, "unit": strconv.FormatInt(int64(v.Unit.MID), 10)}
	return u.newPage(v, func(name string) string { return preset[name] }, func(name string) bool { return name == "change" }, nil), nil
}

func (u userPages) newPage(v *visit, value func(string) string, checked func(string) bool, refused error) answer {
	fields := append(u.fields(v, value, checked),
		ui.Field{Type: ui.PasswordField, Name: "password", Label: "Temporary Password", Required: true, Autocomplete: "new-password", MaxLength: tenant.MaxPassword, Hint: "At least 8 characters."},
		ui.Field{Type: ui.PasswordField, Name: "again", Label: "Confirm Temporary Password", Required: true, Autocomplete: "new-password", MaxLength: tenant.MaxPassword},
		ui.Field{Type: ui.CheckboxField, Name: "change", Label: "Must change password at first login", Checked: checked("change")},
	)
	a := answer{page: ui.Page{Title: "Create User", Crumbs: crumbs(u.base + "/x")}}
	switch {
	case fault.CodeOf(refused) == tenant.CodeMissingUserFields: // which names four at once; those that are empty are meant
		for i, f := range fields {
			if f.Required && v.form.Get(f.Name) == "" {
				fields[i].Error = f.Label + " is missing."
			}
		}
		a.status = http.StatusBadRequest
	case refused != nil:
		refuse(&a.page, fields, userFields, refused)
		a.status = fault.KindOf(refused).HTTPStatus()
	}
	a.page.Blocks = []ui.Block{
		ui.Form{Once: true, Fields: fields, Submits: []ui.Submit{{Label: "Save"}}},
		ui.Links{{Text: "Cancel", Href: u.base}},
	}
	return a
}

func (u userPages) create(v *visit) (answer, error) {
	c := v.change()
	must := v.checked("change")
	c.CustomerKey, c.Password, c.MustChange = v.form.Get("key"), vault.Secret(v.form.Get("password")), &must
	var user tenant.User
	err := error(fault.New(fault.Invalid, tenant.CodeWeakPassword, "The two passwords are not the same.").In("new_password"))
	if v.form.Get("password") == v.form.Get("again") {
		user, err = u.s.o.Users.Add(v.r.Context(), v.Principal, c)
	}
	if told(err) {
		return u.newPage(v, v.form.Get, v.checked, err), nil
	}
	if err != nil {
		return answer{}, err
	}
	return goTo(u.of(user.ID), "created"), nil
}

func (u userPages) editForm(v *visit) (answer, error) {
	user, err := u.find(v)
	if err != nil {
		return answer{}, err
	}
	is := map[string]string{
		"name": user.Name, "username": user.Username, "email": user.Email, "notification": user.NotificationEmail, "key": user.CustomerKey,
		"zone": user.TimeZone, "culture": user.Locale, "unit": strconv.FormatInt(int64(user.DefaultMID), 10), "salesforce": user.SalesforceUsername,
	}
	return u.editPage(v, user, func(name string) string { return is[name] }, func(string) bool { return user.APIUser }, nil), nil
}

func (u userPages) editPage(v *visit, user tenant.User, value func(string) string, checked func(string) bool, refused error) answer {
	fields := append(u.fields(v, value, checked), salesforceField(value("salesforce")))
	if !slices.ContainsFunc(fields[8].Options, func(o ui.Option) bool { return o.Value == fields[8].Value }) { // one where the visitor may not work
		fields[8].Options = append(fields[8].Options, ui.Option{Value: fields[8].Value, Label: "MID " + fields[8].Value})
	}
	a := answer{page: ui.Page{Title: "Edit " + user.Name, Crumbs: u.crumbs(user)}}
	if refused != nil {
		refuse(&a.page, fields, userFields, refused)
		a.status = fault.KindOf(refused).HTTPStatus()
	}
	a.page.Blocks = []ui.Block{
		ui.Form{Fields: fields, Submits: []ui.Submit{{Label: "Save"}}},
		ui.Links{{Text: "Cancel", Href: u.of(user.ID)}},
	}
	return a
}

// salesforceField is Salesforce.com Status: whom in the org the user is (connect-facts 1.6).
func salesforceField(value string) ui.Field {
	return ui.Field{
		Name: "salesforce", Label: "Salesforce.com Status", Value: value, Autocomplete: "off", MaxLength: 254,
		Hint: "The username of the same person in Sales or Service Cloud. Blank: not integrated.",
	}
}

func (u userPages) edit(v *visit) (answer, error) {
	user, err := u.find(v)
	if err != nil {
		return answer{}, err
	}
	c := v.change()
	c.ID = user.ID
	if key := v.form.Get("key"); key != user.CustomerKey {
		c.CustomerKey = key
	}
	if c.DefaultMID == user.DefaultMID {
		c.DefaultMID = 0 // a change of it needs more than the page alone
	}
	if *c.Email == user.Email {
		c.Email = nil
	}
	if *c.APIUser == user.APIUser {
		c.APIUser = nil
	}
	if name := v.form.Get("salesforce"); name != user.SalesforceUsername {
		c.SalesforceUsername = &name
	}
	_, err = u.s.o.Users.Change(v.r.Context(), v.Principal, c)
	if told(err) {
		return u.editPage(v, user, v.form.Get, v.checked, err), nil
	}
	if err != nil {
		return answer{}, err
	}
	return goTo(u.of(user.ID), "saved"), nil
}

// integrateForm is what the link beside Salesforce.com Status leads to.
func (u userPages) integrateForm(v *visit) (answer, error) {
	user, err := u.find(v)
	if err != nil {
		return answer{}, err
	}
	return u.integratePage(v, user, user.SalesforceUsername, nil), nil
}

func (u userPages) integratePage(v *visit, user tenant.User, value string, refused error) answer {
	fields := []ui.Field{v.token, salesforceField(value)}
	a := answer{page: ui.Page{Title: "Integrate: " + user.Name, Crumbs: u.crumbs(user)}}
	if refused != nil {
		refuse(&a.page, fields, userFields, refused)
		a.status = fault.KindOf(refused).HTTPStatus()
	}
	a.page.Blocks = []ui.Block{
		ui.Definitions{{Name: "User", Value: user.Name + " (" + user.Username + ")"}, {Name: "Salesforce.com Status", Value: integrated(user)}},
		ui.Form{Fields: fields, Submits: []ui.Submit{{Label: "Save"}}},
		ui.Heading{Text: "What comes next"},
		ui.List{
			"Manage Roles: whoever sends to Sales and Service Cloud audiences needs Content Creator, Data Manager and Marketing Cloud Content Editor/Publisher.",
			"The CRM user opens the Marketing Cloud tab once and signs in with this Engagement user; afterwards he is signed in automatically.",
		},
		ui.Links{
			{Text: "Manage Roles", Href: u.of(user.ID) + "/roles"}, {Text: "Salesforce Integration", Href: salesforceIntegration}, {Text: "Cancel", Href: u.of(user.ID)},
		},
	}
	return a
}

func (u userPages) integrate(v *visit) (answer, error) {
	user, err := u.find(v)
	if err != nil {
		return answer{}, err
	}
	name := v.form.Get("salesforce")
	user, err = u.s.o.Users.Change(v.r.Context(), v.Principal, tenant.UserChange{ID: user.ID, SalesforceUsername: &name})
	if told(err) {
		if user, err2 := u.find(v); err2 == nil {
			return u.integratePage(v, user, name, err), nil
		}
	}
	if err != nil {
		return answer{}, err
	}
	if user.SalesforceUsername == "" {
		return goTo(u.of(user.ID), "separated"), nil
	}
	return goTo(u.of(user.ID), "integrated"), nil
}

// unitField begins the names of the checkboxes of business units; the MID follows.
const unitField = "unit-"

func (u userPages) unitsForm(v *visit) (answer, error) {
	user, err := u.find(v)
	if err != nil {
		return answer{}, err
	}
	return u.unitsPage(v, user, func(mid tenant.MID) bool { return user.MayUse(mid) }, nil), nil
}

func (u userPages) unitsPage(v *visit, user tenant.User, ticked func(tenant.MID) bool, refused error) answer {
	form := ui.Form{Fields: []ui.Field{v.token}, Submits: []ui.Submit{{Label: "Save"}}}
	for _, one := range v.Units {
		field := ui.Field{Type: ui.CheckboxField, Name: unitField + strconv.FormatInt(int64(one.MID), 10), Label: v.unitName(one.MID), Checked: ticked(one.MID)}
		if one.MID == user.DefaultMID {
			field.Hint = "The user's default business unit."
		}
		form.Fields = append(form.Fields, field)
	}
	a := answer{page: ui.Page{Title: "Associated Business Units: " + user.Name, Crumbs: u.crumbs(user)}}
	if refused != nil {
		refuse(&a.page, nil, nil, refused)
		a.status = fault.KindOf(refused).HTTPStatus()
	}
	a.page.Blocks = []ui.Block{
		ui.Definitions{{Name: "User", Value: user.Name + " (" + user.Username + ")"}},
		ui.Text("Tick every business unit in which the user works; for the API user of Marketing Cloud Connect every one that Sales or Service Cloud is to use. Repeat it for each one that is made later."),
		form,
		ui.Links{{Text: "Cancel", Href: u.of(user.ID)}},
	}
	return a
}

func (u userPages) setUnits(v *visit) (answer, error) {
	user, err := u.find(v)
	if err != nil {
		return answer{}, err
	}
	ticked := func(mid tenant.MID) bool { return v.checked(unitField + strconv.FormatInt(int64(mid), 10)) }
	var add, remove []tenant.MID
	for _, one := range v.Units { // those that the form showed
		switch has := user.MayUse(one.MID); {
		case ticked(one.MID) && !has:
			add = append(add, one.MID)
		case !ticked(one.MID) && has:
			remove = append(remove, one.MID)
		}
	}
	for _, part := range []struct {
		mids   []tenant.MID
		remove bool
	}{{add, false}, {remove, true}} {
		if len(part.mids) == 0 {
			continue
		}
		_, err := u.s.o.Users.SetUnits(v.r.Context(), v.Principal, tenant.UserChange{ID: user.ID}, part.mids, part.remove)
		if told(err) {
			return u.unitsPage(v, user, ticked, err), nil
		}
		if err != nil {
			return answer{}, err
		}
	}
	return goTo(u.of(user.ID), "saved"), nil
}
