package login

import (
	"log/slog"
	"net/http"
	"net/url"
	"strconv"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/throttle"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// Cookies of the tenant's pages. Cookies do not keep ports apart, so the names are not those of the other houses.
const (
	sessionCookie = "mce_session"
	formCookie    = "mce_form"
)

// codeForgedForm: a form that did not come from a page of ours in this browser.
const codeForgedForm fault.Code = "forged_form"

// maxForm bounds the body of a form, in bytes.
const maxForm = 16 << 10

const (
	brand = "Marketing Cloud Engagement"
	// footer tells the standing of this tenant (DESIGN 2) under every page.
	footer          = "Standing: embedded. This tenant is Twinspan's own, not a real one."
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
	name   string // of what follows
	origin string // a URL of the origin that answers after the form; "" where that is this one
}

// target is the application that an authorization is for.
func (a authorization) target() target {
	return target{action: "/v2/authorize?" + a.query, intro: "Sign in to let " + a.pkg.Name + " act for you.", name: a.pkg.Name, origin: a.redirect}
}

// signInPage renders the sign-in form, without or with the fields for a new password.
func (s *Server) signInPage(w http.ResponseWriter, r *http.Request, status int, a target, in signInForm) {
	token := s.formToken(w, r)
	page := ui.Page{Title: "Sign in", Brand: brand, Footer: footer, Narrow: true}
	if origin, err := web.CSPSource(a.origin); a.origin != "" && err == nil {
		page.FormAction = []string{origin}
	}
	if in.failed != "" {
		page.Alerts = []ui.Alert{{Kind: ui.Error, Title: "You are not signed in", Text: in.failed}}
	}
	form := ui.Form{Action: a.action, Fields: []ui.Field{
		{Type: ui.HiddenField, Name: "form_token", Value: token},
		{Name: "username", Label: "User name", Value: in.username, Required: true, Autocomplete: "username", Autofocus: !in.changing, MaxLength: tenant.MaxUsername},
		{Type: ui.PasswordField, Name: "password", Label: "Password", Required: true, Autocomplete: "current-password", MaxLength: tenant.MaxPassword},
	}, Submits: []ui.Submit{{Label: "Sign in"}}}
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
		form.Submits[0].Label = "Change password and sign in"
	}
	page.Blocks = []ui.Block{ui.Text(intro), form}
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
	if fault.CodeOf(err) == codeForgedForm {
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
		s.o.Log.LogAttrs(r.Context(), slog.LevelWarn, "page not written", slog.String("pattern", r.Pattern), slog.String("cause", err.Error()))
	}
}

// session gives the browser's live session and its user, or a fault with tenant.CodeNoSession.
func (s *Server) session(r *http.Request) (tenant.Session, tenant.User, error) {
	return s.o.Sessions.Find(r.Context(), cookie(r, sessionCookie))
}

// cookie is the value of a cookie; "" where the request has none.
func cookie(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie sets a cookie for as long as the browser runs; "" takes it away.
func (s *Server) setCookie(w http.ResponseWriter, name, value string) {
	c := &http.Cookie{Name: name, Value: value, Path: "/v2/", HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// formToken gives the token that ties a form to this browser, and sets its cookie where there is none.
func (s *Server) formToken(w http.ResponseWriter, r *http.Request) string {
	if c, err := r.Cookie(formCookie); err == nil && len(c.Value) == len(oauth.NewToken(32)) {
		return c.Value
	}
	token := oauth.NewToken(32)
	s.setCookie(w, formCookie, token)
	return token
}

// readForm reads a form that came from a page of ours in the same browser: the hidden token is the cookie's, and the
// browser, where it says so, does not call the request cross-site.
func (s *Server) readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	forged := fault.New(fault.Denied, codeForgedForm, "The form is out of date or came from another page. Start again.")
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return nil, forged
	}
	form, err := web.ReadForm(w, r, maxForm)
	if err != nil {
		return nil, err
	}
	c, err := r.Cookie(formCookie)
	if err != nil || !oauth.EqualSecret(c.Value, form.Get("form_token")) {
		return nil, forged
	}
	return form, nil
}
