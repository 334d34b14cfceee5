// Package pages renders the org's pages: sign-in, consent, home, signed out, and what a browser is told when it cannot
// go on. Pages show; what they show and what their forms do is decided by package login and the rules.
package pages

import (
	"net/http"

	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

const brand = "Twinspan Org"

// footer tells the standing of this org (DESIGN 2) under every page.
const footer = "Standing: embedded. This org is Twinspan's own, not a real one."

// Names of the fields of the forms, which the handlers read.
const (
	FieldTransaction = "tx"       // sealed state of the sign-in, from the page
	FieldUsername    = "username" // of the sign-in form
	FieldPassword    = "pw"
	FieldDecision    = "decision" // button of the consent form
	DecisionAllow    = "allow"
	DecisionDeny     = "deny"
)

// SignIn is the sign-in page.
type SignIn struct {
	Action      string // path that the form is sent to
	Transaction string
	Username    string // filled in
	Error       string // why the last try was refused; "" for the first
	App         string // label of the app that asks; "" for none
	Org         string // name of the org whose app it is; "" where that is any org's
	Asked       string // the user name that the app asks for; "" for none
	RedirectURI string // where the answer may lead in the end; "" for none
	Forgot      string // path of the page for who forgot his password; "" for none
}

// Render answers with the page.
func (p SignIn) Render(w http.ResponseWriter) error {
	form := ui.Form{
		Action: p.Action,
		Fields: []ui.Field{
			{Type: ui.HiddenField, Name: FieldTransaction, Value: p.Transaction},
			{Name: FieldUsername, Label: "Username", Value: p.Username, Required: true, Autocomplete: "username", Autofocus: p.Username == "", MaxLength: 80},
			{Type: ui.PasswordField, Name: FieldPassword, Label: "Password", Required: true, Autocomplete: "current-password", Autofocus: p.Username != ""},
		},
		Submits: []ui.Submit{{Label: "Log In"}},
	}
	page := ui.Page{Title: "Log In", Brand: brand, Footer: footer, Narrow: true, FormAction: formAction(p.RedirectURI)}
	if p.Error != "" {
		page.Alerts = append(page.Alerts, ui.Alert{Kind: ui.Error, Title: "You are not logged in", Text: p.Error})
	}
	if p.App != "" {
		page.Blocks = append(page.Blocks, ui.Text("Log in to go on to "+p.App+"."))
		facts := ui.Definitions{{Name: "Application", Value: p.App}}
		if p.Org != "" {
			facts = append(facts, ui.Definition{Name: "Org", Value: p.Org})
		}
		if p.Asked != "" {
			facts = append(facts, ui.Definition{Name: "Asks for", Value: p.Asked})
		}
		page.Blocks = append(page.Blocks, facts)
	}
	page.Blocks = append(page.Blocks, form)
	if p.Forgot != "" {
		page.Blocks = append(page.Blocks, ui.Links{{Text: "Forgot Your Password?", Href: p.Forgot}})
	}
	return ui.Render(w, http.StatusOK, page)
}

// Consent is the page that asks a user whether an app may have access.
type Consent struct {
	Action      string
	Transaction string
	App         string
	User        string
	Scopes      []string
	RedirectURI string
	Device      bool // the app runs on another machine, whose code the user typed
}

// Render answers with the page.
func (p Consent) Render(w http.ResponseWriter) error {
	var asks ui.List
	for _, s := range p.Scopes {
		asks = append(asks, scopeText(s))
	}
	asking := p.App + " is asking to:"
	if p.Device {
		asking = p.App + ", on the device whose code you typed, is asking to:"
	}
	return ui.Render(w, http.StatusOK, ui.Page{
		Title: "Allow access?", Brand: brand, Footer: footer, User: p.User, Narrow: true, FormAction: formAction(p.RedirectURI),
		Blocks: []ui.Block{
			ui.Text(asking), asks,
			ui.Text("Do you want to allow access for " + p.User + "? You can take it back at any time by revoking the app's tokens."),
			ui.Form{
				Action: p.Action, Fields: []ui.Field{{Type: ui.HiddenField, Name: FieldTransaction, Value: p.Transaction}},
				Submits: []ui.Submit{
					{Label: "Allow", Name: FieldDecision, Value: DecisionAllow},
					{Label: "Deny", Name: FieldDecision, Value: DecisionDeny, Secondary: true},
				},
			},
		},
	})
}

// scopeText says in words what a scope opens.
func scopeText(scope string) string {
	if t, ok := scopeTexts[scope]; ok {
		return t
	}
	return "use the scope " + scope
}

var scopeTexts = map[string]string{
	"api":            "access and manage your data (api)",
	"web":            "provide access to your data through the web (web)",
	"full":           "have full access to everything you can reach (full)",
	"id":             "access your basic information: name, address, e-mail (id)",
	"openid":         "know who you are (openid)",
	"profile":        "access your profile (profile)",
	"email":          "access your e-mail address (email)",
	"address":        "access your address (address)",
	"phone":          "access your phone number (phone)",
	"refresh_token":  "perform requests on your behalf at any time (refresh_token)",
	"offline_access": "perform requests on your behalf at any time (offline_access)",
	"chatter_api":    "access and manage your Chatter data (chatter_api)",
	"visualforce":    "access Visualforce pages (visualforce)",
}

// Refused tells why a browser cannot go on. Code and Description are the wire's words, shown as they are.
type Refused struct {
	Status      int
	Title       string
	Code        string // "redirect_uri_mismatch"; "" for none
	Description string
}

// Render answers with the page.
func (p Refused) Render(w http.ResponseWriter) error {
	page := ui.Page{Title: p.Title, Brand: brand, Footer: footer, Narrow: true, Alerts: []ui.Alert{{Kind: ui.Error, Text: p.Description}}}
	if p.Code != "" {
		page.Blocks = append(page.Blocks, ui.Text("error="+p.Code+"&error_description="+p.Description))
	}
	return ui.Render(w, p.Status, page)
}

// Home is the first page of a user who is signed in.
type Home struct {
	User     string
	Org      string
	Username string
	Profile  string
	Logout   string // path
	Links    []ui.Link
	// As tells that an administrator is logged in as the user; "" where nobody is.
	As string
}

// Render answers with the page.
func (p Home) Render(w http.ResponseWriter) error {
	page := ui.Page{
		Title: "Home", Brand: brand, Footer: footer, User: p.User, Frame: ui.Frame{Where: p.Org},
		Blocks: []ui.Block{
			ui.Definitions{{Name: "Org", Value: p.Org}, {Name: "Username", Value: p.Username}, {Name: "Profile", Value: p.Profile}},
			ui.Links(append(append([]ui.Link{}, p.Links...), ui.Link{Text: "Log Out", Href: p.Logout})),
		},
	}
	if p.As != "" {
		page.Alerts = append(page.Alerts, ui.Alert{Kind: ui.Notice, Text: p.As})
	}
	return ui.Render(w, http.StatusOK, page)
}

// SignedOut tells that the browser's session is over.
type SignedOut struct {
	Login string // path
}

// Render answers with the page.
func (p SignedOut) Render(w http.ResponseWriter) error {
	return ui.Render(w, http.StatusOK, ui.Page{
		Title: "You are logged out", Brand: brand, Footer: footer, Narrow: true, Blocks: []ui.Block{ui.Links{{Text: "Log In", Href: p.Login}}},
	})
}

// StillIn is shown in place of a page whose time is over while its session goes on in another window.
type StillIn struct {
	Then string // path of the page that was shown
}

// Render answers with the page.
func (p StillIn) Render(w http.ResponseWriter) error {
	return ui.Render(w, http.StatusOK, ui.Page{
		Title: "This page was left alone", Brand: brand, Footer: footer, Narrow: true,
		Blocks: []ui.Block{ui.Text("Your session goes on in another window."), ui.Links{{Text: "Go on here", Href: p.Then}}},
	})
}

// Leave sends a browser on to an app; see [ui.Leave].
type Leave struct {
	Request *http.Request // the one that is answered
	Status  int           // of a redirect
	To      string        // path or URL
}

// Render answers with the page, or with a redirect.
func (p Leave) Render(w http.ResponseWriter) error {
	return ui.Leave(w, p.Request, p.Status, ui.Page{Brand: brand, Footer: footer}, p.To)
}

// formAction lets the answer to a form lead to the client in the end.
func formAction(redirect string) []string {
	if redirect == "" {
		return nil
	}
	source, err := web.CSPSource(redirect)
	if err != nil { // then the browser stays on this server, and says so
		return nil
	}
	return []string{source}
}
