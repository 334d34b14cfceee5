package pages

import (
	"net/http"

	"github.com/twinspan/twinspan/internal/ui"
)

// FieldUserCode is the field of the code that a person types for a device.
const FieldUserCode = "user_code"

// Connect is the page where a person types the code that a device shows.
type Connect struct {
	Action      string
	Transaction string
	Code        string // filled in
	User        string
	Error       string
}

// Render answers with the page.
func (p Connect) Render(w http.ResponseWriter) error {
	page := ui.Page{Title: "Connect a device", Brand: brand, Footer: footer, User: p.User, Narrow: true}
	if p.Error != "" {
		page.Alerts = append(page.Alerts, ui.Alert{Kind: ui.Error, Title: "Nothing was connected", Text: p.Error})
	}
	page.Blocks = []ui.Block{
		ui.Text("Type the code that your device shows. Nobody else has a reason to give you one."),
		ui.Form{
			Action: p.Action,
			Fields: []ui.Field{
				{Type: ui.HiddenField, Name: FieldTransaction, Value: p.Transaction},
				{Name: FieldUserCode, Label: "Code", Value: p.Code, Required: true, Autofocus: true, MaxLength: 20, Autocomplete: "off"},
			},
			Submits: []ui.Submit{{Label: "Connect"}},
		},
	}
	return ui.Render(w, http.StatusOK, page)
}

// Connected tells how the device's request ended.
type Connected struct {
	User    string
	App     string
	Allowed bool
}

// Render answers with the page.
func (p Connected) Render(w http.ResponseWriter) error {
	text := p.App + " has no access. You can close this page."
	if p.Allowed {
		text = p.App + " is connected. Go on at your device; you can close this page."
	}
	return ui.Render(w, http.StatusOK, ui.Page{Title: "Connect a device", Brand: brand, Footer: footer, User: p.User, Narrow: true, Blocks: []ui.Block{ui.Text(text)}})
}
