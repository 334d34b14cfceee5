package setup

import (
	"slices"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/ui"
)

// fieldLicense chooses the licence of a user, which his profile is of.
const fieldLicense = "UserLicense"

// profile is one that a user may have.
type profile struct {
	id            org.ID
	name, license string
}

func (v *visit) profiles() ([]profile, error) {
	rows, err := v.rows("SELECT Id, Name, UserLicense.Name FROM Profile ORDER BY Name")
	out := make([]profile, len(rows))
	for i, r := range rows {
		out[i] = profile{r.id(0), r.text(1), r.text(2)}
	}
	return out, err
}

// newUserDefaults are what the form of a new user begins with.
func newUserDefaults(admin org.User) org.Values {
	return org.Values{
		"IsActive": true, "TimeZoneSidKey": admin.TimeZone, "LocaleSidKey": admin.Locale, "LanguageLocaleKey": admin.Language, "EmailEncodingKey": "UTF-8",
	}
}

// userForm is what the form of a user is made of.
type userForm struct {
	layout   org.Layout
	object   *org.Object
	names    []string // of the fields on it
	now      org.Values
	profiles []profile
}

// userForm reads it; id is "" for a new user.
func (v *visit) userForm(id org.ID) (userForm, error) {
	f := userForm{object: v.Session.Seen().Object(org.ObjectUser, nil)}
	var err error
	if f.layout, err = v.s.Layouts.OfPages(v.ctx(), v.Session); err != nil {
		return f, err
	}
	f.names = layoutFields(f.layout, f.object)
	if tokenIsProtected(v.Session.Package) {
		f.names = without(f.names, tokenField)
	}
	if f.profiles, err = v.profiles(); err != nil {
		return f, err
	}
	if id == "" {
		f.now = newUserDefaults(v.User)
		return f, nil
	}
	f.now, err = v.read(org.ObjectUser, id, append(slices.Clone(f.names), "Name"))
	return f, err
}

// showUserForm is New User, and a user's Edit. typed and errors are of a form that was refused.
func showUserForm(v *visit, id org.ID, typed, errors map[string]string, alerts []ui.Alert) {
	f, err := v.userForm(id)
	if err != nil {
		v.fail(err)
		return
	}
	sections, err := v.userSections(f.layout, f.object, func(field *org.Field, item org.LayoutItem) ui.Field {
		if item.Behavior == "Readonly" || id == "" && !field.Createable || id != "" && !field.Updateable {
			return ui.Field{Type: ui.StaticField, Label: field.Label, Value: display(f.now[field.Name])}
		}
		if field.Name == "ProfileId" {
			return f.profileField(typed, errors)
		}
		in := fieldOf(field, f.now[field.Name], typed, errors)
		in.Required = in.Required || item.Behavior == "Required"
		return in
	})
	if err != nil {
		v.fail(err)
		return
	}
	f.addLicense(sections, typed)
	var fields []ui.Field
	if id != "" {
		shown, err := shownField(f.names, f.now, typed)
		if err != nil {
			v.fail(err)
			return
		}
		fields = append(fields, shown)
	}
	title, path, above := "New User", nodeUsers.Path+"/new", []ui.Link{{Text: nodeUsers.Label, Href: nodeUsers.Path}}
	lead := ui.Text("The user is mailed a link to verify the account and to set a password.")
	if id != "" {
		title, path = "User Edit: "+f.now.Text("Name"), nodeUsers.Path+"/"+string(id)+"/edit"
		above = append(above, ui.Link{Text: f.now.Text("Name"), Href: nodeUsers.Path + "/" + string(id)})
		lead = ui.Text("User: " + f.now.Text("Name"))
	}
	v.showUnder(title, above, alerts, lead, ui.Form{Action: path, Fields: fields, Sections: sections, Submits: []ui.Submit{{Label: "Save"}}})
}

// profileField chooses a profile.
func (f userForm) profileField(typed, errors map[string]string) ui.Field {
	in := ui.Field{Type: ui.SelectField, Name: "ProfileId", Label: "Profile", Required: true, Value: f.now.Text("ProfileId"), Error: errors["ProfileId"]}
	if t, ok := typed["ProfileId"]; ok {
		in.Value = t
	}
	in.Options = []ui.Option{{Value: "", Label: "--None--"}}
	for _, p := range f.profiles {
		in.Options = append(in.Options, ui.Option{Value: string(p.id), Label: p.name})
	}
	return in
}

// licenseOf is the licence of a profile; "" for none.
func (f userForm) licenseOf(id string) string {
	for _, p := range f.profiles {
		if string(p.id) == id {
			return p.license
		}
	}
	return ""
}

// addLicense puts User License before Profile, where document 004 has it.
func (f userForm) addLicense(sections []ui.Section, typed map[string]string) {
	in := ui.Field{Type: ui.SelectField, Name: fieldLicense, Label: "User License", Required: true, Value: f.licenseOf(f.now.Text("ProfileId"))}
	if t, ok := typed[fieldLicense]; ok {
		in.Value = t
	}
	in.Options = []ui.Option{{Value: "", Label: "--None--"}}
	var seen []string
	for _, p := range f.profiles {
		if !slices.Contains(seen, p.license) {
			seen = append(seen, p.license)
			in.Options = append(in.Options, ui.Option{Value: p.license, Label: p.license})
		}
	}
	for i, s := range sections {
		if at := slices.IndexFunc(s.Fields, func(f ui.Field) bool { return f.Name == "ProfileId" }); at >= 0 {
			sections[i].Fields = slices.Insert(slices.Clone(s.Fields), at, in)
		}
	}
}

// checkLicense refuses a profile of another licence than the one that was chosen: the sentence, "" for none.
func (f userForm) checkLicense(typed map[string]string) string {
	chosen, profile := typed[fieldLicense], typed["ProfileId"]
	if of := f.licenseOf(profile); chosen != "" && profile != "" && of != chosen {
		return "This profile is of the user license " + of + ", not " + chosen + "."
	}
	return ""
}

func saveNewUser(v *visit) { v.saveUser("") }

func saveUser(v *visit) {
	if id, ok := v.record(); ok {
		v.saveUser(id)
	}
}

// saveUser makes a user, where id is "", or changes one.
func (v *visit) saveUser(id org.ID) {
	sent, ok := v.form()
	if !ok {
		return
	}
	f, err := v.userForm(id)
	if err != nil {
		v.fail(err)
		return
	}
	now := asShown(sent, f.object, f.names, f.now)
	if id == "" { // what a new user begins with is nothing that he has
		now = org.Values{}
	}
	in, typed := changed(f.object, f.names, sent, now)
	typed[fieldLicense], typed[fieldHad] = sent.Get(fieldLicense), sent.Get(fieldHad)
	if id == "" && typed["IsActive"] == "" {
		in["IsActive"] = false
	}
	if wrong := f.checkLicense(typed); wrong != "" {
		showUserForm(v, id, typed, map[string]string{"ProfileId": wrong}, nil)
		return
	}
	refuse := func(_ string, err error) {
		e := besideFields(err, typed)
		showUserForm(v, id, typed, e.fields, e.alerts)
	}
	if id != "" {
		path := nodeUsers.Path + "/" + string(id)
		v.changeRecords([]org.Op{{Action: org.ActionUpdate, Object: org.ObjectUser, ID: string(id), Values: in}}, sent.Get(fieldOK) != "", asking{
			title: "User Edit: " + f.now.Text("Name"), above: []ui.Link{{Text: nodeUsers.Label, Href: nodeUsers.Path}, {Text: f.now.Text("Name"), Href: path}}, action: path + "/edit", again: againOf(sent),
			done: path + "?done=saved", cancel: path, refused: refuse,
		})
		return
	}
	made, err := v.s.Records.Create(v.ctx(), v.Session, org.ObjectUser, in)
	if v.settled(asking{refused: refuse}, err) {
		v.to(nodeUsers.Path + "/" + string(made) + "?done=created")
	}
}
