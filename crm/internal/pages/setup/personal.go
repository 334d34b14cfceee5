package setup

import (
	"github.com/twinspan/twinspan/crm/internal/login"
	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

var nodeSettings = node{Path: login.SettingsPath, Label: "Settings"}

func (s *Server) mountPersonal(on func(node) routes) {
	on(nodeSettings).get("", anybody, serveOwn)
	on(nodePersonal).get("", anybody, func(v *visit) { showPersonal(v, nil, nil, nil) })
	on(nodePersonal).post("", anybody, savePersonal)
	on(nodeOwnHistory).get("", anybody, serveOwnHistory)
}

// serveOwn is a user's own settings: Profile > Settings, or My Settings.
func serveOwn(v *visit) {
	v.node = node{Path: login.SettingsPath}
	links := ui.Links{{Text: nodePersonal.Label, Href: nodePersonal.Path}}
	links = append(links, login.OwnPages(v.Session, v.User)...)
	links = append(links, ui.Link{Text: nodeOwnHistory.Also, Href: nodeOwnHistory.Path})
	v.show("Settings", nil, ui.Text("Profile > Settings of "+v.User.Username+"."), links)
}

// personalFields are what a user may change of himself, in the order of the page.
var personalFields = []string{
	"FirstName", "LastName", "Alias", "CommunityNickname", "Email", "Title", "CompanyName", "Department", "Phone", "MobilePhone",
	"Street", "City", "State", "PostalCode", "Country", "TimeZoneSidKey", "LocaleSidKey", "LanguageLocaleKey", "EmailEncodingKey",
}

// showPersonal is a user's own record as far as he may change it; typed and errors are of a form that was refused.
func showPersonal(v *visit, typed map[string]string, errors map[string]string, alerts []ui.Alert) {
	rec, err := v.read(org.ObjectUser, v.User.ID, personalFields)
	if err != nil {
		v.fail(err)
		return
	}
	o := v.Session.Seen().Object(org.ObjectUser, nil)
	form := ui.Form{Action: nodePersonal.Path, Submits: []ui.Submit{{Label: "Save"}}}
	for _, name := range personalFields {
		form.Fields = append(form.Fields, fieldOf(o.Field(name), rec[name], typed, errors))
	}
	v.show(nodePersonal.Label, alerts, ui.Definitions{{Name: "Username", Value: v.User.Username}, {Name: "Profile", Value: v.User.ProfileName}}, form)
}

func savePersonal(v *visit) {
	f, ok := v.form()
	if !ok {
		return
	}
	now, err := v.read(org.ObjectUser, v.User.ID, personalFields)
	if err != nil {
		v.fail(err)
		return
	}
	in, typed := changed(v.Session.Seen().Object(org.ObjectUser, nil), personalFields, f, now)
	err = v.s.Records.Update(v.ctx(), v.Session, org.ObjectUser, string(v.User.ID), in)
	if refused(err) != "" {
		e := besideFields(err, typed)
		showPersonal(v, typed, e.fields, e.alerts)
		return
	}
	if err != nil {
		v.fail(err)
		return
	}
	said := "Your changes are saved."
	if typed["Email"] != "" && typed["Email"] != v.User.Email {
		said += " A security token or password that is reset from now on goes to " + typed["Email"] + "."
	}
	showPersonal(v, nil, nil, saved(said))
}

// beside are the errors of a form: beside their fields, and in a box where they are about none.
type beside struct {
	fields map[string]string
	alerts []ui.Alert
}

// besideFields puts a refusal beside the fields that it names, of those that the form has.
func besideFields(err error, have map[string]string) beside {
	b := beside{fields: map[string]string{}}
	f := fault.Of(err)
	for _, name := range splitFields(f.Field) {
		if _, ok := have[name]; ok {
			b.fields[name] = f.Message
		}
	}
	if len(b.fields) == 0 {
		b.alerts = notSaved(f.Message)
	}
	return b
}
