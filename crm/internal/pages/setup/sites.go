package setup

import (
	"net/url"
	"slices"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

// Fields of the form of Remote Site Settings, and what its buttons do.
const (
	fieldSiteName    = "site_name"
	fieldURL         = "url"
	fieldDescription = "description"
	fieldInsecure    = "disable_protocol_security"

	doAddSite        = "add_site"
	doActivateSite   = "activate_site"
	doDeactivateSite = "deactivate_site"
	doDropSite       = "drop_site"
)

func (s *Server) mountSites(on func(node) routes) {
	on(nodeSites).get("", viewer, func(v *visit) { showSites(v, nil, nil, nil) })
	on(nodeSites).post("", viewer, changeSites)
}

// siteInputs are which input of the form is which field of a remote site.
var siteInputs = map[string]string{"SiteName": fieldSiteName, "EndpointUrl": fieldURL, "Description": fieldDescription}

// showSites is Setup > Security > Remote Site Settings: which sites the org's code may call. typed is a form that was refused
// because of its inputs, wrong which those are.
func showSites(v *visit, typed url.Values, wrong []string, alerts []ui.Alert) {
	all, err := (&org.RemoteSites{Records: v.s.Records}).List(v.ctx(), v.Session)
	if err != nil {
		v.fail(err)
		return
	}
	path := nodeSites.Path
	t := ui.Table{
		Caption: "All Remote Sites", Columns: []string{"Remote Site Name", "Remote Site URL", "Description", "Active", "Disable Protocol Security", "Action", "Delete"},
		Empty: "The org has none.",
	}
	for _, r := range all {
		action := button(path, "Activate", doActivateSite, r.ID)
		if r.Active {
			action = button(path, "Deactivate", doDeactivateSite, r.ID)
		}
		t.Rows = append(t.Rows, append(ui.Row(r.Name, r.URL, r.Description, check(r.Active), check(r.Insecure)), action, button(path, "Delete", doDropSite, r.ID)))
	}
	form := ui.Form{
		Action: path, Legend: "New Remote Site", Submits: []ui.Submit{{Label: "Save"}},
		Fields: []ui.Field{
			hidden(fieldDo, doAddSite),
			{Name: fieldSiteName, Label: "Remote Site Name", Required: true, Autocomplete: "off", MaxLength: 80},
			{Name: fieldURL, Label: "Remote Site URL", Required: true, Autocomplete: "off", MaxLength: 255},
			{Name: fieldDescription, Label: "Description", Autocomplete: "off", MaxLength: 255},
			{Type: ui.CheckboxField, Name: fieldInsecure, Label: "Disable Protocol Security", Value: "true", Checked: typed.Get(fieldInsecure) != ""},
		},
	}
	for i := range form.Fields[1:4] {
		f := &form.Fields[i+1]
		f.Value = typed.Get(f.Name)
		if slices.ContainsFunc(wrong, func(name string) bool { return siteInputs[name] == f.Name }) && len(alerts) > 0 {
			f.Error = alerts[0].Text
		}
	}
	if slices.ContainsFunc(form.Fields, func(f ui.Field) bool { return f.Error != "" }) {
		alerts = nil
	}
	v.show(nodeSites.Label, alerts, t, form)
}

func changeSites(v *visit) {
	f, ok := v.form()
	if !ok {
		return
	}
	ctx, id, session := v.ctx(), f.Get(fieldRecord), v.tooling() // where the API has them
	var err error
	var typed url.Values
	switch f.Get(fieldDo) {
	case doAddSite:
		typed = f
		_, err = v.s.Records.Create(ctx, session, org.ObjectRemoteSite, map[string]any{
			"SiteName": text(f, fieldSiteName), "EndpointUrl": text(f, fieldURL), "Description": text(f, fieldDescription),
			"IsActive": true, "ProtocolMismatch": f.Get(fieldInsecure) != "",
		})
	case doActivateSite, doDeactivateSite:
		err = v.s.Records.Update(ctx, session, org.ObjectRemoteSite, id, map[string]any{"IsActive": f.Get(fieldDo) == doActivateSite})
	case doDropSite:
		err = v.s.Records.Delete(ctx, session, org.ObjectRemoteSite, id)
	}
	switch said := refused(err); {
	case said != "":
		showSites(v, typed, splitFields(fault.Of(err).Field), notSaved(said))
	case err != nil:
		v.fail(err)
	default:
		showSites(v, nil, nil, saved("Your changes are saved."))
	}
}
