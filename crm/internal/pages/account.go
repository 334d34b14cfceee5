package pages

import (
	"net/http"

	"github.com/twinspan/twinspan/internal/ui"
)

// Names of the fields of the forms about passwords.
const (
	FieldCode        = "code" // of a mailed link
	FieldOldPassword = "old_password"
	FieldNewPassword = "new_password"
	FieldConfirm     = "confirm_password"
)

// SetPassword is the page on which a user chooses a password.
type SetPassword struct {
	Title    string
	Lead     string // why he is here
	Action   string
	Username string
	Hidden   map[string]string
	Old      bool   // asks for the present password too
	Error    string // why the last try was refused
	User     string // who is signed in; "" for nobody
	Frame    ui.Frame
}

// Render answers with the page.
func (p SetPassword) Render(w http.ResponseWriter) error {
	var fields []ui.Field
	for _, name := range []string{FieldTransaction, FieldCode} {
		if v := p.Hidden[name]; v != "" {
			fields = append(fields, ui.Field{Type: ui.HiddenField, Name: name, Value: v})
		}
	}
	if p.Old {
		fields = append(fields, ui.Field{Type: ui.PasswordField, Name: FieldOldPassword, Label: "Current Password", Required: true, Autocomplete: "current-password"})
	}
	fields = append(fields,
		ui.Field{Type: ui.PasswordField, Name: FieldNewPassword, Label: "New Password", Required: true, Autocomplete: "new-password"},
		ui.Field{Type: ui.PasswordField, Name: FieldConfirm, Label: "Confirm New Password", Required: true, Autocomplete: "new-password"})
	page := ui.Page{Title: p.Title, Brand: brand, Footer: footer, User: p.User, Narrow: true, Frame: p.Frame}
	if p.Error != "" {
		page.Alerts = append(page.Alerts, ui.Alert{Kind: ui.Error, Title: "The password was not set", Text: p.Error})
	}
	if p.Lead != "" {
		page.Blocks = append(page.Blocks, ui.Text(p.Lead))
	}
	page.Blocks = append(page.Blocks, ui.Definitions{{Name: "Username", Value: p.Username}},
		ui.Form{Action: p.Action, Fields: fields, Submits: []ui.Submit{{Label: "Change Password"}}})
	return ui.Render(w, http.StatusOK, page)
}

// Forgot is the page that asks whose password is forgotten.
type Forgot struct {
	Action string
	Login  string // path
}

// Render answers with the page.
func (p Forgot) Render(w http.ResponseWriter) error {
	return ui.Render(w, http.StatusOK, ui.Page{
		Title: "Forgot Your Password", Brand: brand, Footer: footer, Narrow: true,
		Blocks: []ui.Block{
			ui.Text("We mail you a link to set a new password."),
			ui.Form{
				Action: p.Action, Fields: []ui.Field{{Name: FieldUsername, Label: "Username", Required: true, Autocomplete: "username", MaxLength: 80}},
				Submits: []ui.Submit{{Label: "Continue"}},
			},
			ui.Links{{Text: "Log In", Href: p.Login}},
		},
	})
}

// Done tells that something has happened, and where to go on.
type Done struct {
	Title string
	Text  string
	Links []ui.Link
	User  string
	Frame ui.Frame
}

// Render answers with the page.
func (p Done) Render(w http.ResponseWriter) error {
	page := ui.Page{Title: p.Title, Brand: brand, Footer: footer, User: p.User, Narrow: true, Frame: p.Frame, Alerts: []ui.Alert{{Kind: ui.Success, Text: p.Text}}}
	if len(p.Links) > 0 {
		page.Blocks = append(page.Blocks, ui.Links(p.Links))
	}
	return ui.Render(w, http.StatusOK, page)
}

// ResetToken is the page Reset My Security Token (document 004).
type ResetToken struct {
	Alerts []ui.Alert
	Action string
	User   string
	Crumbs []ui.Link
	Frame  ui.Frame
}

// Render answers with the page.
func (p ResetToken) Render(w http.ResponseWriter) error {
	return ui.Render(w, http.StatusOK, ui.Page{
		Title: "Reset Security Token", Brand: brand, Footer: footer, User: p.User, Crumbs: p.Crumbs, Alerts: p.Alerts, Frame: p.Frame,
		Blocks: []ui.Block{
			ui.Text("When you log in from outside your org's trusted addresses by a programme, it appends your security token to your password. " +
				"After you reset your token, you cannot use your old one. The new token is mailed to the address in your personal settings."),
			ui.Form{Action: p.Action, Submits: []ui.Submit{{Label: "Reset Security Token"}}},
		},
	})
}

// FieldUser names the user that Login is for.
const FieldUser = "suorgadminid"
