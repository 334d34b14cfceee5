// Package browser is what the tenant's pages and its sign-in page know of a visitor's browser: the cookie of his
// session, and the token that ties a form to the browser that it was shown in. It decides nothing about who may do what.
package browser

import (
	"net/http"
	"net/url"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// Cookies of the tenant's pages. Cookies do not keep ports apart, so the names are not those of the other houses. Over https they
// have the prefix that ties them to this host and path: no neighbour under the same domain sets them.
const (
	sessionCookie = "mce_session"
	formCookie    = "mce_form"
)

// CodeForgedForm: a form that did not come from a page of ours in this browser.
const CodeForgedForm fault.Code = "forged_form"

// TokenField is the hidden field of every form that changes something.
const TokenField = ui.TokenField

// Bounds of forms: maxForm of one that anybody may send, in bytes; maxFields and maxBoxes of one of somebody who is signed in, in
// bytes and parameters. A form of business units, roles or permissions has a check box for each.
const (
	maxForm   = 16 << 10
	maxFields = 64 << 10
	maxBoxes  = 2000
)

// Texts of every page.
const (
	Brand = "Marketing Cloud Engagement"
	// Footer tells the standing of this tenant (DESIGN 2) under every page.
	Footer = "Standing: embedded. This tenant is Twinspan's own, not a real one."
)

// Browsers finds the sessions behind requests.
type Browsers struct {
	Sessions *tenant.Sessions
	Secure   bool // cookies are for https alone
}

// Session gives the browser's live session and its user, or a fault with tenant.CodeNoSession.
func (b Browsers) Session(r *http.Request) (tenant.Session, tenant.User, error) {
	return b.Sessions.Find(r.Context(), b.cookie(r, sessionCookie))
}

// Visitor gives who is signed in and what he may do, or a fault with tenant.CodeNoSession.
func (b Browsers) Visitor(r *http.Request) (tenant.Visitor, error) {
	return b.Sessions.Visitor(r.Context(), b.cookie(r, sessionCookie))
}

// Known gives the browser's session whether or not it can still be used, as tenant.Sessions.Known does.
func (b Browsers) Known(r *http.Request) (tenant.Session, error) {
	return b.Sessions.Known(r.Context(), b.cookie(r, sessionCookie))
}

// SetSession gives the browser a session's text; "" takes it away.
func (b Browsers) SetSession(w http.ResponseWriter, text string) { b.setCookie(w, sessionCookie, text) }

// FormToken gives the token that ties a form to this browser, and sets its cookie where there is none.
func (b Browsers) FormToken(w http.ResponseWriter, r *http.Request) string {
	if held := b.cookie(r, formCookie); len(held) == len(oauth.NewToken(32)) {
		return held
	}
	token := oauth.NewToken(32)
	b.setCookie(w, formCookie, token)
	return token
}

// FormField is the hidden field with [Browsers.FormToken].
func (b Browsers) FormField(w http.ResponseWriter, r *http.Request) ui.Field {
	return ui.Field{Type: ui.HiddenField, Name: TokenField, Value: b.FormToken(w, r)}
}

// ReadForm reads a form that came from a page of ours in the same browser: the hidden token is the cookie's, and the
// browser, where it says so, does not call the request cross-site. Anything else is a Denied fault with CodeForgedForm.
func (b Browsers) ReadForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	return b.read(r, func() (url.Values, error) { return web.ReadForm(w, r, maxForm) })
}

// ReadFields is ReadForm for a form of somebody who is signed in, which may have a check box for each of many things.
func (b Browsers) ReadFields(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	return b.read(r, func() (url.Values, error) { return web.ReadFields(w, r, maxFields, maxBoxes) })
}

func (b Browsers) read(r *http.Request, read func() (url.Values, error)) (url.Values, error) {
	forged := fault.New(fault.Denied, CodeForgedForm, "The form is out of date or came from another page. Start again.")
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return nil, forged
	}
	form, err := read()
	if err != nil {
		return nil, err
	}
	if held := b.cookie(r, formCookie); held == "" || !oauth.EqualSecret(held, form.Get(TokenField)) {
		return nil, forged
	}
	return form, nil
}

// named is the name that a cookie goes by.
func (b Browsers) named(cookie string) string {
	if b.Secure {
		return "__Host-" + cookie
	}
	return cookie
}

// cookie is the value of a cookie; "" where the request has none.
func (b Browsers) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(b.named(name))
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie sets a cookie for as long as the browser runs; "" takes it away.
func (b Browsers) setCookie(w http.ResponseWriter, name, value string) {
	c := &http.Cookie{Name: b.named(name), Value: value, Path: "/", HttpOnly: true, Secure: b.Secure, SameSite: http.SameSiteLaxMode}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}
