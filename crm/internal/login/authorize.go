package login

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/pages"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/web"
)

// codeLife is how long a code waits for its client, in domain time (crm-wire 1.2).
const codeLife = 15 * time.Minute

// strictCodeLife is codeLife where RFC 9700 is kept to (security CD-10).
const strictCodeLife = time.Minute

func lifeOfCode(app *org.App) time.Duration {
	if app.Flows.Strict {
		return strictCodeLife
	}
	return codeLife
}

// clientError is an error that the client hears about, on its redirect URI. All others are shown to the user alone:
// a redirect URI that is not the client's learns nothing.
type clientError struct {
	code        string
	description string
}

func (e *clientError) Error() string { return e.code + ": " + e.description }

// serveAuthorize begins a sign-in for an app, or takes up one that the sign-in page sent back. Every way leads through
// step, which looks at what is still missing.
func (s *Server) serveAuthorize(w http.ResponseWriter, r *http.Request) {
	var form url.Values
	var err error
	if r.Method == http.MethodPost {
		form, err = web.ReadForm(w, r, maxForm)
	} else {
		form, err = web.Query(r)
	}
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	var t *transaction
	if sealed := form.Get(pages.FieldTransaction); sealed != "" {
		t, err = s.unseal(sealed, s.cookie(r, browserCookie))
		if err == nil && t.Consumer == "" {
			err = errMissing("client_id")
		}
	} else {
		t, err = s.readAuthorize(r.Context(), form)
	}
	if err == nil {
		err = s.step(w, r, t)
	}
	if err != nil {
		s.authorizeError(w, r, t, err)
	}
}

// authorizeError tells the client where the client is to know, else the user.
func (s *Server) authorizeError(w http.ResponseWriter, r *http.Request, t *transaction, err error) {
	if ce, ok := err.(*clientError); ok && t != nil && t.Redirect != "" {
		s.answer(w, r, t, url.Values{"error": {ce.code}, "error_description": {ce.description}})
		return
	}
	s.pageError(w, r, err)
}

// answer sends the browser back to the client.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, t *transaction, values url.Values) {
	if t.HasState {
		values.Set("state", t.State)
	}
	s.leave(w, r, http.StatusFound, oauth.AppendQuery(t.Redirect, values))
}

// maxState bounds state and nonce, in bytes, so that they fit the URL they go back in.
const maxState = 6 << 10

// readAuthorize reads an authorization request (crm-wire 1.2). The transaction is returned with an error too, as soon
// as it is known where the client can be told.
func (s *Server) readAuthorize(ctx context.Context, q url.Values) (*transaction, error) {
	id := q.Get("client_id")
	if id == "" {
		return nil, errClientUnknown()
	}
	app, err := s.known.AppByConsumerKey(ctx, id)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return nil, errClientUnknown()
		}
		return nil, err
	}
	to := q.Get("redirect_uri")
	if to == "" {
		return nil, fault.New(fault.Invalid, codeRedirectMissing, "redirect_uri is missing")
	}
	if !oauth.MatchRedirect(app.CallbackURLs, to) {
		return nil, fault.New(fault.Invalid, codeRedirectMismatch, "redirect_uri must match configuration")
	}
	t := s.newTransaction()
	t.Consumer, t.Redirect, t.State, t.HasState = id, to, q.Get("state"), q.Has("state")
	t.Nonce, t.LoginHint, t.Challenge = q.Get("nonce"), q.Get("login_hint"), q.Get("code_challenge")
	if len(t.State) > maxState || len(t.Nonce) > maxState || len(t.LoginHint) > 320 {
		t.State, t.HasState = "", false
		return t, &clientError{oauth.ErrInvalidRequest, "a parameter is too long"}
	}
	response := q.Get("response_type")
	if app.MayUserAgent() {
		t.Response = userAgentResponse(response)
	}
	switch {
	case q.Has("request"):
		return t, &clientError{oauth.ErrRequestNotSupported, "request is not supported"}
	case q.Has("request_uri"):
		return t, &clientError{oauth.ErrRequestURINotSupported, "request_uri is not supported"}
	case response == "":
		return t, &clientError{oauth.ErrInvalidRequest, "response_type is required"}
	case response != oauth.ResponseCode && t.Response == "":
		return t, &clientError{oauth.ErrUnsupportedResponseType, "response type is not supported"}
	case t.Response != "" && t.Challenge != "":
		return t, &clientError{oauth.ErrInvalidRequest, "unexpected code challenge"}
	case t.Response == responseIDToken && t.Nonce == "":
		return t, &clientError{oauth.ErrInvalidRequest, "nonce is required"}
	case t.Response == "" && t.Challenge == "" && app.MustPKCE():
		return t, &clientError{oauth.ErrInvalidRequest, "missing required code challenge"}
	}
	if err := oauth.CheckChallenge(t.Challenge, q.Get("code_challenge_method")); err != nil {
		return t, &clientError{oauth.ErrInvalidRequest, "invalid code challenge"}
	}
	if t.Scopes, err = org.GrantScopes(app.ConnectedApp, q.Get("scope")); err != nil {
		return t, &clientError{oauth.ErrInvalidScope, "the requested scope is invalid, unknown, or malformed"}
	}
	return t, t.readPrompt(q)
}

// readPrompt reads what the client wants of the user.
func (t *transaction) readPrompt(q url.Values) error {
	prompts := strings.Fields(q.Get("prompt"))
	for _, p := range prompts {
		switch p {
		case "login", "select_account":
			t.ForceLogin = true
		case "consent":
			t.ForceConsent = true
		case "none":
			t.Silent = true
		default:
			return &clientError{oauth.ErrInvalidRequest, "prompt is not supported"}
		}
	}
	if t.Silent && len(prompts) > 1 {
		return &clientError{oauth.ErrInvalidRequest, "prompt none stands alone"}
	}
	if q.Get("immediate") == "true" {
		t.Silent = true
	}
	if age := q.Get("max_age"); age != "" {
		n, err := strconv.Atoi(age)
		if err != nil || n < 0 {
			return &clientError{oauth.ErrInvalidRequest, "max_age is no number of seconds"}
		}
		t.MaxAge = n
	}
	return nil
}

// step decides what a transaction needs next: a sign-in, a consent, or nothing more.
func (s *Server) step(w http.ResponseWriter, r *http.Request, t *transaction) error {
	ctx := r.Context()
	app, err := s.known.AppByConsumerKey(ctx, t.Consumer)
	if err != nil {
		return err
	}
	session, u, ok, err := s.grantor(r)
	if err != nil {
		return err
	}
	if !ok || s.mustSignIn(t, session) || app.In(session.Org).Org != session.Org {
		if t.Silent {
			return silentError(t, oauth.ErrLoginRequired)
		}
		s.showLogin(w, r, t, "", "")
		return nil
	}
	if app, err = s.known.In(ctx, app, session.Org); err != nil {
		return err
	}
	if err := s.appAllowed(ctx, u, app); err != nil {
		return s.appRefused(r, t, u, app, err)
	}
	ask := t.ForceConsent && !app.AdminApproved
	if !ask {
		if ask, err = s.known.MustAsk(ctx, u, app, t.Scopes); err != nil {
			return err
		}
	}
	if !ask {
		return s.issue(w, r, t, app, session, u, nil)
	}
	if t.Silent {
		return silentError(t, oauth.ErrConsentRequired)
	}
	t.Session = session.ID
	sealed, err := s.seal(t, s.browser(w, r))
	if err != nil {
		return err
	}
	s.render(w, r, pages.Consent{Action: consentPath, Transaction: sealed, App: app.Name, User: u.Username, Scopes: t.Scopes, RedirectURI: t.Redirect})
	return nil
}

// appErrors are the authorize endpoint's words for apps that a user may not use.
var appErrors = map[fault.Code]*clientError{
	org.CodeNotAdminApproved: {"OAUTH_APP_ACCESS_DENIED", "user is not admin approved to access this app"},
	org.CodeAppBlocked:       {"OAUTH_APP_BLOCKED", "this app is blocked by admin"},
	org.CodeNotInstalled:     {"OAUTH_APPROVAL_ERROR_GENERIC", "An unexpected error has occurred during authentication. Please try again."},
	org.CodeAssurance:        {"OAUTH_APP_ACCESS_DENIED", "this app requires a high assurance session"},
}

// appAllowed decides the app's policies for a user.
func (s *Server) appAllowed(ctx context.Context, u org.User, app *org.App) error {
	if err := s.known.AllowedByPolicies(ctx, u, app); err != nil {
		return err
	}
	return s.known.AllowedByAdmin(ctx, u, app)
}

// appRefused words the refusal of an app's policies, and notes it for the user.
func (s *Server) appRefused(r *http.Request, t *transaction, u org.User, app *org.App, err error) error {
	e, ok := appErrors[fault.CodeOf(err)]
	if !ok {
		return err
	}
	s.noteRefused(r.Context(), s.event(u, callerOf(r), org.LoginTypeOAuth, t.subtype(), app.Name), refusalStatus[fault.CodeOf(err)])
	return e
}

// mustSignIn reports whether a user who has a session shows his password all the same: because the client wants it, and
// he has not done so for this transaction yet.
func (s *Server) mustSignIn(t *transaction, session org.Session) bool {
	if t.Session == session.ID {
		return false
	}
	return t.ForceLogin || t.Session != 0 ||
		t.MaxAge >= 0 && s.clock.Now(string(session.Org)).Sub(session.Created) >= time.Duration(t.MaxAge)*time.Second
}

// silentError is the answer where a page would have to be shown: OpenID Connect's code to its clients, the vendor's own
// to the others.
func silentError(t *transaction, oidc string) error {
	if slices.Contains(t.Scopes, org.ScopeOpenID) {
		return &clientError{oidc, "the user has to be asked"}
	}
	return &clientError{"immediate_unsuccessful", "the user has to be asked"}
}

// issue answers the client with a code, or with tokens where it asked for them. approval is the grant of a consent given
// now.
func (s *Server) issue(w http.ResponseWriter, r *http.Request, t *transaction, app *org.App, session org.Session, u org.User, approval *org.Grant) error {
	if t.Response != "" {
		if !app.MayUserAgent() { // since the page was shown
			return &clientError{oauth.ErrUnsupportedResponseType, "response type is not supported"}
		}
		return s.issueTokens(w, r, t, app, session, u, approval)
	}
	_, code, err := s.addCode(r.Context(), t, app, session, approval)
	if err != nil {
		return err
	}
	s.answer(w, r, t, url.Values{"code": {code}})
	return nil
}

// serveConsent takes the consent form. What was asked is in the sealed transaction, bound to the browser and to the
// session that the page was shown to; the form adds yes or no.
func (s *Server) serveConsent(w http.ResponseWriter, r *http.Request) {
	form, err := web.ReadForm(w, r, maxForm)
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	t, err := s.unseal(form.Get(pages.FieldTransaction), s.cookie(r, browserCookie))
	if err == nil {
		err = s.consent(w, r, t, form.Get(pages.FieldDecision))
	}
	if err != nil {
		s.authorizeError(w, r, t, err)
	}
}

func (s *Server) consent(w http.ResponseWriter, r *http.Request, t *transaction, decision string) error {
	ctx := r.Context()
	session, u, ok, err := s.grantor(r)
	if err != nil {
		return err
	}
	if !ok || t.Consumer == "" || t.Session != session.ID {
		return fault.New(fault.Denied, codeTransactionClosed, "You have logged out or in again meanwhile. Please start again.")
	}
	app, err := s.known.AppByConsumerKey(ctx, t.Consumer)
	if err != nil {
		return err
	}
	if app, err = s.known.In(ctx, app, session.Org); err != nil {
		return err
	}
	if err := s.appAllowed(ctx, u, app); err != nil {
		return s.appRefused(r, t, u, app, err)
	}
	switch decision {
	case pages.DecisionAllow:
		return s.issue(w, r, t, app, session, u, &org.Grant{
			ID: s.numbers.Next(), Org: session.Org, User: session.User, App: app.ID, Scopes: t.Scopes, Created: s.clock.Now(string(session.Org)),
		})
	case pages.DecisionDeny:
		return &clientError{oauth.ErrAccessDenied, "end-user denied authorization"}
	}
	return errMissing(pages.FieldDecision)
}
