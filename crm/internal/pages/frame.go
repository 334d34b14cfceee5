package pages

import (
	"net/http"

	"github.com/twinspan/twinspan/internal/ui"
)

// Page is the frame of the org's pages: whose session it is, and what the org is.
func Page(title, user string) ui.Page {
	return ui.Page{Title: title, Brand: brand, Footer: footer, User: user}
}

// VerifyAddress is where the link leads that is mailed to an organization-wide address.
type VerifyAddress struct{ Action, Code string }

// Render answers with the page.
func (p VerifyAddress) Render(w http.ResponseWriter) error {
	return ui.Render(w, http.StatusOK, ui.Page{
		Title: "Verify Your Address", Brand: brand, Footer: footer, Narrow: true,
		Blocks: []ui.Block{
			ui.Text("Say that this address is yours and that the org may send mail from it."),
			ui.Form{
				Action: p.Action, Fields: []ui.Field{{Type: ui.HiddenField, Name: FieldCode, Value: p.Code}},
				Submits: []ui.Submit{{Label: "Verify"}},
			},
		},
	})
}
