package pages

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/units"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

// Paths of what the connection is told.
const (
	settingsPath = ConsolePath + "/settings"
	unitsPath    = ConsolePath + "/business-units"
)

// settingsForm is the form of what may be changed here; v is what stands in it.
func settingsForm(l link.Link, typed url.Values) ui.Form {
	now := link.SettingsOf(l)
	value := func(name, stored string) string {
		if typed.Has(name) {
			return typed.Get(name)
		}
		return stored
	}
	f := ui.Form{Action: settingsPath, Fields: []ui.Field{
		{
			Type: ui.SelectField, Name: "engagement_auth", Label: "Connect to Engagement next by", Value: value("engagement_auth", string(*now.TenantAuth)), Required: true,
			Hint: "What is connected stays as it is until it is connected anew.",
			Options: []ui.Option{
				{Value: string(link.JWT), Label: "Tenant-specific OAuth, by key"},
				{Value: string(link.Password), Label: "The API user's stored name and password"},
				{Value: string(link.WebApp), Label: "Your own installed package"},
			},
		},
		{
			Type: ui.SelectField, Name: "legacy", Label: "A new connection by the system user's password", Value: value("legacy", string(*now.Legacy)), Required: true,
			Hint:    "From 1 June 2016 on Connected App authentication is required.",
			Options: []ui.Option{{Value: string(link.RefuseLegacy), Label: "is refused"}, {Value: string(link.WarnLegacy), Label: "is made with a warning"}},
		},
	}, Submits: []ui.Submit{{Label: "Save"}}}
	for _, n := range link.NameKeys() {
		f.Fields = append(f.Fields, ui.Field{Name: "names." + n, Label: nameLabel(n), Value: value("names."+n, now.Names[n]), MaxLength: 255, Hint: "Empty for the package's own: " + link.StandardNames().Map()[n]})
	}
	return f
}

// nameLabel says a name's key to people.
func nameLabel(key string) string {
	words := strings.ReplaceAll(key, "_", " ")
	return strings.ToUpper(words[:1]) + words[1:] + " in the org"
}

// settings is the page Configuration Settings.
func (s *Server) settings(w http.ResponseWriter, r *http.Request, v stay) {
	s.showSettings(w, r, v, settingsShown{})
}

// settingsShown is a form of the page that was refused, by its part, and why.
type settingsShown struct {
	pack, own url.Values
	err       error
}

// showSettings shows the page: what the org's package is told, and what Connect is.
func (s *Server) showSettings(w http.ResponseWriter, r *http.Request, v stay, in settingsShown) {
	p := ui.Page{Title: "Configuration Settings", FormAction: tenantSource(v.link)}
	p.Current = settingsPath
	status := http.StatusOK
	if r.URL.Query().Has("saved") {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Success, Title: "The settings are saved"})
	}
	own := settingsForm(v.link, in.own)
	if in.err != nil {
		var text string
		if status, text = s.refusal(r, in.err); status == 0 {
			return
		}
		about := fault.Of(in.err).Field
		if in.own == nil && about != "tenant_oauth" || in.own != nil && !fieldError(&own, in.err) {
			p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Error, Title: "That did not work", Text: text})
		}
	}
	p.Blocks = append(p.Blocks, s.oauthBlocks(r.Context(), v, in.pack, in.err)...)
	p.Blocks = append(p.Blocks, ui.Links{{Text: "Verify tenant-specific OAuth", Href: verifyPath}, {Text: "Guide: Authentication Between Clouds", Href: GuidesPath + "/002"}})
	if v.Role.May() {
		p.Blocks = append(p.Blocks, ui.Heading{Text: "Settings of Connect"}, v.form(own))
	}
	s.show(w, r, status, v, p)
}

func (s *Server) saveSettings(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	auth, legacy := link.Driver(form.Get("engagement_auth")), link.LegacyPolicy(form.Get("legacy"))
	names, stored := map[string]string{}, link.SettingsOf(v.link).Names
	for _, n := range link.NameKeys() {
		if value := strings.TrimSpace(form.Get("names." + n)); form.Has("names."+n) && value != stored[n] {
			names[n] = value
		}
	}
	if _, err := s.Links.SetSettings(r.Context(), v.link, link.Settings{Legacy: &legacy, TenantAuth: &auth, Names: names}, v.actor()); err != nil {
		s.showSettings(w, r, v, settingsShown{own: form, err: err})
		return
	}
	redirect(w, r, settingsPath+"?saved=1")
}

// units is the page Manage Business Units.
func (s *Server) units(w http.ResponseWriter, r *http.Request, v stay) {
	s.listUnits(w, r, v, nil)
}

func (s *Server) listUnits(w http.ResponseWriter, r *http.Request, v stay, alerts []ui.Alert) {
	if v.link.Org.Username == "" || v.link.Tenant.Username == "" {
		s.show(w, r, http.StatusOK, v, ui.Page{Title: "Manage Business Units", Blocks: []ui.Block{
			ui.Text(stateText(v.link.State()) + ". The business units are listed once both clouds are connected."), ui.Links{{Text: "Guide: Set Up Connected App Authentication", Href: GuidesPath + "/" + setUpGuide}},
		}})
		return
	}
	l, err := s.Upgrades.WhileVerifying(r.Context(), v.link)
	var all []units.Unit
	if err == nil {
		all, err = s.Units.List(r.Context(), l)
	}
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	p := ui.Page{Title: "Manage Business Units", Alerts: alerts}
	p.Blocks = append(p.Blocks, ui.Text("The users of the org work in the business units that are enabled here. The Marketing Cloud Connect API user has to reach each of them."))
	columns := []string{"Business unit", "MID", "In the org", "API user", "Problem"}
	row := func(u units.Unit) []string {
		state := map[bool]string{true: "enabled", false: "not enabled"}[u.Enabled]
		if u.Saved && !u.Enabled {
			state = "previously active"
		}
		return []string{u.Name, unit(u.MID), state, map[bool]string{true: "reached", false: "not reached"}[u.Reached], u.Problem()}
	}
	if !v.Role.May() {
		t := ui.Table{Caption: "Business units", Columns: columns}
		for _, u := range all {
			t.Rows = append(t.Rows, ui.Row(row(u)...))
		}
		p.Blocks = append(p.Blocks, t)
		s.show(w, r, http.StatusOK, v, p)
		return
	}
	list := ui.Selection{
		Action: unitsPath, Name: fieldChosen, Caption: "Business units", Columns: columns, Hidden: []ui.Field{v.token()}, Empty: "Engagement tells of none",
		Submits: []ui.Submit{{Label: "Add and save", Name: "do", Value: "add"}, {Label: "Remove and save", Name: "do", Value: "remove", Secondary: true}},
	}
	for _, u := range all {
		cells := row(u)
		list.Rows = append(list.Rows, ui.Choice{Value: unit(u.MID), Label: cells[0], Cells: ui.Row(cells[1:]...)})
	}
	p.Blocks = append(p.Blocks, list, ui.Text("To remove a business unit clears the mappings of the users who work in it."))
	s.show(w, r, http.StatusOK, v, p)
}

// saveUnits adds or removes the business units chosen. Removing asks first, because it clears mappings.
func (s *Server) saveUnits(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	add, chosen := form.Get("do") == "add", form[fieldChosen]
	if len(chosen) == 0 {
		s.listUnits(w, r, v, []ui.Alert{{Kind: ui.Error, Title: "Nothing was changed", Text: "Choose at least one business unit."}})
		return
	}
	mids := make([]int64, len(chosen))
	for i, text := range chosen {
		var err error
		if mids[i], err = strconv.ParseInt(text, 10, 64); err != nil {
			s.sorry(w, r, v, fault.Wrap(err, fault.Invalid, units.CodeUnknown, "There is no such business unit."))
			return
		}
	}
	if !add && form.Get("confirmed") != "1" {
		f := ui.Form{Action: unitsPath, Fields: unitFields(chosen), Submits: []ui.Submit{{Label: "Remove", Name: "do", Value: "remove"}}}
		p := ui.Page{Title: "Remove business units", Crumbs: []ui.Link{{Text: "Manage Business Units", Href: unitsPath}}, Alerts: []ui.Alert{{
			Kind: ui.Warning, Title: "Remove " + strings.Join(chosen, ", ") + "?", Text: "The mappings of the users who work there are cleared: they are asked to integrate again.",
		}}}
		p.Blocks = append(p.Blocks, v.form(f), ui.Links{{Text: "Cancel", Href: unitsPath}})
		s.show(w, r, http.StatusOK, v, p)
		return
	}
	l, err := v.link, error(nil)
	if add { // what an upgrade is confirmed by, in its outage too
		l, err = s.Upgrades.WhileVerifying(r.Context(), l)
	}
	if err == nil {
		_, err = s.Units.Set(r.Context(), l, mids, add, audit.Change{Actor: v.actor()})
	}
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	done := ui.Alert{Kind: ui.Success, Title: "The business units are saved", Text: "Both clouds were read again: this is what they say."}
	if !add {
		cleared, err := s.Mappings.ClearUnits(r.Context(), v.link, mids, form.Get("after"), v.actor())
		if err != nil {
			s.sorry(w, r, v, err)
			return
		}
		done.Text = strconv.Itoa(len(cleared.Cleared)) + " mappings were cleared, " + strconv.Itoa(len(cleared.Failed)) + " could not be."
		if cleared.Next != "" {
			more := append(unitFields(chosen), ui.Field{Type: ui.HiddenField, Name: "after", Value: cleared.Next})
			p := ui.Page{Title: "Remove business units", Alerts: []ui.Alert{done}, Blocks: []ui.Block{
				v.form(ui.Form{Action: unitsPath, Fields: more, Submits: []ui.Submit{{Label: "Go on with the rest", Name: "do", Value: "remove"}}}),
			}}
			s.show(w, r, http.StatusOK, v, p)
			return
		}
	}
	s.listUnits(w, r, v, []ui.Alert{done})
}

// unitFields are business units that somebody was asked about, hidden in a form.
func unitFields(chosen []string) []ui.Field {
	fields := []ui.Field{{Type: ui.HiddenField, Name: "confirmed", Value: "1"}}
	for _, one := range chosen {
		fields = append(fields, ui.Field{Type: ui.HiddenField, Name: fieldChosen, Value: one})
	}
	return fields
}
