package login

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/twinspan/twinspan/engagement/internal/browser"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/throttle"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// maxBody bounds the JSON body of a call, in bytes.
const maxBody = 16 << 10

const (
	brand           = browser.Brand
	footer          = browser.Footer
	textLoginFailed = "The user name or password is wrong, or the user is locked or disabled."
)

// signInForm is what the sign-in page shows again, and why.
type signInForm struct {
	username string
	password string // never rendered
	changing bool   // asks for a new password too
	fresh    string // never rendered
	again    string // never rendered
	failed   string
	weak     string // what is wrong with the new password
}

// target is where a sign-in goes on.
type target struct {
	action string // of the form
	intro  string // a sentence that says what for
	who    string // a sentence that says whose user name is wanted; "" where that is anybody's
	asked  string // the user name that is wanted; "" where none is named
	facts  ui.Definitions
	name   string // of what follows
	origin string // a URL of the origin that answers after the form; "" where that is this one
	button string // its label; "" is Login
}

// target is the application that an authorization is for. The documents spell the label in two ways: Login (S001-51) and, where the
// API user gives his credentials for tenant-specific OAuth, Log-in (S002-31).
func (s *Server) target(ctx context.Context, a authorization) (target, error) {
	account, err := s.o.Registry.Tenant(ctx, a.pkg.Tenant)
	if err != nil {
		return target{}, err
	}
	to := target{
		action: "/v2/authorize?" + a.query, intro: "Log in to let " + a.pkg.Name + " act for you.", name: a.pkg.Name, origin: a.redirect, asked: a.hint,
		facts: ui.Definitions{{Name: "Application", Value: a.pkg.Name}, {Name: "Account", Value: fmt.Sprintf("%s, EID %d", account.Name, account.EID)}},
	}
	connect := a.pkg.Type == tenant.ConnectIntegration
	switch {
	case a.hint != "":
		to.who = "It asks for the user " + a.hint + "."
		to.facts = append(to.facts, ui.Definition{Name: "Asks for", Value: a.hint})
	case connect:
		to.who = "Where the account is being connected, or its API user converted, it asks for the API user of Marketing Cloud Connect; from a user’s Marketing Cloud tab, for that user’s own name here."
	}
	if connect && a.prompt == promptLogin {
		to.button = "Log-in"
	}
	return to, nil
}

// signInPage renders the sign-in form, without or with the fields for a new password.
func (s *Server) signInPage(w http.ResponseWriter, r *http.Request, status int, a target, in signInForm) {
	hidden := s.browsers.FormField(w, r)
	page := ui.Page{Title: "Log In", Brand: brand, Footer: footer, Narrow: true}
	if origin, err := web.CSPSource(a.origin); a.origin != "" && err == nil {
		page.FormAction = []string{origin}
	}
	if in.failed != "" {
		page.Alerts = []ui.Alert{{Kind: ui.Error, Title: "You are not logged in", Text: in.failed}}
	}
	form := ui.Form{Action: a.action, Fields: []ui.Field{
		hidden,
		{Name: "username", Label: "User name", Value: cmp.Or(in.username, a.asked), Required: true, Autocomplete: "username", Autofocus: !in.changing, MaxLength: tenant.MaxUsername},
		{Type: ui.PasswordField, Name: "password", Label: "Password", Required: true, Autocomplete: "current-password", MaxLength: tenant.MaxPassword},
	}, Submits: []ui.Submit{{Label: cmp.Or(a.button, "Login")}}}
	intro := a.intro
	if in.changing {
		page.Title = "Choose a new password"
		intro = "Your password is temporary or has expired. Give it once more, and a new one, to go on to " + a.name + "."
		form.Fields[2].Label, form.Fields[2].Autofocus = "Present password", true
		form.Fields = append(form.Fields,
			ui.Field{
				Type: ui.PasswordField, Name: "new_password", Label: "New password", Required: true, Autocomplete: "new-password", MaxLength: tenant.MaxPassword,
				Hint: "At least 8 characters.", Error: in.weak,
			},
			ui.Field{Type: ui.PasswordField, Name: "new_password_again", Label: "New password again", Required: true, Autocomplete: "new-password", MaxLength: tenant.MaxPassword})
		form.Submits[0].Label = "Change password and log in"
	}
	page.Blocks = []ui.Block{ui.Text(intro)}
	if a.who != "" && !in.changing {
		page.Blocks = append(page.Blocks, ui.Text(a.who))
	}
	if a.facts != nil {
		page.Blocks = append(page.Blocks, a.facts)
	}
	page.Blocks = append(page.Blocks, form)
	s.render(w, r, status, page)
}

// changePassword does the change that the form asks for, of the user who is meant; false where a page was the answer.
func (s *Server) changePassword(w http.ResponseWriter, r *http.Request, a target, who string, in *signInForm) bool {
	if in.fresh != in.again {
		in.weak = "The two new passwords are not the same."
		s.signInPage(w, r, http.StatusBadRequest, a, *in)
		return false
	}
	err := s.o.SignIns.ChangePassword(r.Context(), who, in.password, in.fresh)
	switch fault.CodeOf(err) {
	case "":
		in.password = in.fresh
		return true
	case tenant.CodeWeakPassword:
		in.weak = fault.Of(err).Message
		s.signInPage(w, r, http.StatusBadRequest, a, *in)
	case tenant.CodeLoginFailed, tenant.CodeAddressDenied:
		in.failed = textLoginFailed
		s.signInPage(w, r, http.StatusUnauthorized, a, *in)
	default:
		s.errorPage(w, r, err)
	}
	return false
}

// errorPage tells the person what is wrong, where there is nobody to send the error to.
func (s *Server) errorPage(w http.ResponseWriter, r *http.Request, err error) {
	e := translate(err)
	if fault.CodeOf(err) == browser.CodeForgedForm {
		e.status, e.code = http.StatusForbidden, "forged_form"
	}
	s.note(r, err, e.status)
	if wait := throttle.RetryAfter(err); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(wait))
	}
	s.render(w, r, e.status, ui.Page{
		Title: "This did not work", Brand: brand, Footer: footer, Narrow: true,
		Alerts: []ui.Alert{{Kind: ui.Error, Title: e.code, Text: e.text}},
		Blocks: []ui.Block{ui.Text("Go back to the application that sent you here and start again, or show this page to its administrator.")},
	})
}

func (s *Server) render(w http.ResponseWriter, r *http.Request, status int, page ui.Page) {
	if status == http.StatusUnauthorized {
		// No registered scheme stands for a form, and a browser must not ask by itself.
		w.Header().Set("WWW-Authenticate", `Form realm="`+s.o.BaseURL+`"`)
	}
	if err := ui.Render(w, status, page); err != nil {
		s.notWritten(r, err)
	}
}

func (s *Server) notWritten(r *http.Request, err error) {
	s.o.Log.LogAttrs(r.Context(), slog.LevelWarn, "page not written", slog.String("pattern", r.Pattern), slog.String("cause", err.Error()))
}
