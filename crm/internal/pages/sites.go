package pages

import (
	"net/http"

	"github.com/twinspan/twinspan/internal/ui"
)

// Fields of the form of Remote Site Settings, and what its buttons do.
const (
	FieldSiteName    = "site_name"
	FieldURL         = "url"
	FieldDescription = "description"
	FieldInsecure    = "disable_protocol_security"

	DoAddSite        = "add_site"
	DoActivateSite   = "activate_site"
	DoDeactivateSite = "deactivate_site"
	DoDropSite       = "drop_site"
)

// RemoteSites is Setup > Security > Remote Site Settings: which sites the org's code may call.
type RemoteSites struct {
	Frame
	Rows []SiteRow
}

// SiteRow is one of them.
type SiteRow struct {
	ID, Name, URL, Description string
	Active, Insecure           bool
}

// Render answers with the page.
func (p RemoteSites) Render(w http.ResponseWriter) error {
	t := ui.Table{
		Caption: "All Remote Sites", Columns: []string{"Remote Site Name", "Remote Site URL", "Description", "Active", "Disable Protocol Security", "Action", "Delete"},
		Empty: "The org has none.",
	}
	for _, r := range p.Rows {
		action := p.button("Activate", DoActivateSite, r.ID)
		if r.Active {
			action = p.button("Deactivate", DoDeactivateSite, r.ID)
		}
		t.Rows = append(t.Rows, append(ui.Row(r.Name, r.URL, r.Description, yesNo(r.Active), yesNo(r.Insecure)), action, p.button("Delete", DoDropSite, r.ID)))
	}
	return p.render(w, "Remote Site Settings", t, ui.Form{
		Action: p.Action, Legend: "New Remote Site", Submits: []ui.Submit{{Label: "Save"}},
		Fields: []ui.Field{
			{Type: ui.HiddenField, Name: FieldDo, Value: DoAddSite},
			{Name: FieldSiteName, Label: "Remote Site Name", Required: true, Autocomplete: "off", MaxLength: 80},
			{Name: FieldURL, Label: "Remote Site URL", Required: true, Autocomplete: "off", MaxLength: 255},
			{Name: FieldDescription, Label: "Description", Autocomplete: "off", MaxLength: 255},
			{Type: ui.CheckboxField, Name: FieldInsecure, Label: "Disable Protocol Security", Value: "true"},
		},
	})
}
