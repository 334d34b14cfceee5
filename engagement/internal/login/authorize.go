package login

import (
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// Codes of the faults of an authorization request.
const (
	codeRedirectURI         fault.Code = "redirect_uri_not_registered"
	codeResponseType        fault.Code = "unsupported_response_type"
	codeChallengeMissing    fault.Code = "missing_code_challenge"
	codeRequestObject       fault.Code = "request_not_supported"
	codeRequestURI          fault.Code = "request_uri_not_supported"
	codeLoginRequired       fault.Code = "login_required"
	maxState                           = 8 << 10
	promptLogin, promptNone            = "login", "none"
)

// authorizeErrors are the codes that only an authorization request can have; the others are oauthErrors.
var authorizeErrors = map[fault.Code]string{
	codeResponseType:       oauth.ErrUnsupportedResponseType,
	codeRequestObject:      oauth.ErrRequestNotSupported,
	codeRequestURI:         oauth.ErrRequestURINotSupported,
	codeLoginRequired:      oauth.ErrLoginRequired,
	tenant.CodeNoSession:   oauth.ErrLoginRequired, // it ended at this moment
	tenant.CodeLoginFailed: oauth.ErrAccessDenied,
}

// authorization is a checked authorization request. It is read from the URL's query by the page's GET and its POST
// alike, so nothing in between can change it unseen.
type authorization struct {
	pkg       tenant.Package
	redirect  string
	state     string
	scopes    []string
	challenge string
	prompt    string
	hint      string // the user name that the application asks for (OpenID Connect's login_hint); "" for none
	query     string // as it came, for the form's action
}

// readAuthorization checks an authorization request. Where back is false the error must not be sent to the redirect
// URI: the client or the URI itself is in doubt (engagement-wire 2.1: an invalid client never redirects).
func (s *Server) readAuthorization(r *http.Request) (a authorization, back bool, err error) {
	q, err := web.Query(r)
	if err != nil {
		return a, false, err
	}
	if q.Get("client_id") == "" {
		return a, false, missing("client_id")
	}
	if a.pkg, err = s.pkg(r.Context(), q.Get("client_id")); err != nil {
		return a, false, err
	}
	if err := a.pkg.Allow(tenant.WebIntegration, tenant.PublicIntegration, tenant.ConnectIntegration); err != nil {
		return a, false, err
	}
	if !a.pkg.Active {
		return a, false, fault.New(fault.Unauthenticated, tenant.CodeClientRefused, "The package is disabled.")
	}
	a.redirect, a.query = q.Get("redirect_uri"), r.URL.RawQuery
	if a.redirect == "" {
		return a, false, missing("redirect_uri")
	}
	if !oauth.MatchRedirect(a.pkg.RedirectURIs, a.redirect) {
		return a, false, fault.New(fault.Invalid, codeRedirectURI, "The redirect_uri is not registered for this package.").In("redirect_uri")
	}
	a.state = q.Get("state")
	if len(a.state) > maxState {
		a.state = ""
		return a, true, fault.New(fault.Invalid, codeMissing, "The state is too long.").In("state")
	}
	return a, true, a.readRest(q)
}

// readRest checks what is wrong at the client's cost alone.
func (a *authorization) readRest(q url.Values) (err error) {
	switch {
	case q.Has("request"):
		return fault.New(fault.Invalid, codeRequestObject, "Request objects are not supported.")
	case q.Has("request_uri"):
		return fault.New(fault.Invalid, codeRequestURI, "Request objects are not supported.")
	case q.Get("response_type") == "":
		return missing("response_type")
	case q.Get("response_type") != oauth.ResponseCode:
		return fault.New(fault.Invalid, codeResponseType, "The response_type must be code.").In("response_type")
	}
	a.prompt = q.Get("prompt")
	if hint := q.Get("login_hint"); len(hint) <= tenant.MaxUsername && !strings.ContainsFunc(hint, unicode.IsSpace) { // else no user is called so
		a.hint = hint
	}
	a.challenge = q.Get("code_challenge")
	if err := oauth.CheckChallenge(a.challenge, q.Get("code_challenge_method")); err != nil {
		return err
	}
	if a.challenge == "" && (a.pkg.NeedsPKCE() || q.Has("code_challenge")) {
		return fault.New(fault.Invalid, codeChallengeMissing, "missing required code challenge").In("code_challenge")
	}
	var scope *string
	if q.Has("scope") {
		text := q.Get("scope")
		scope = &text
	}
	a.scopes, err = tenant.NarrowScopes(scope, a.pkg.Scopes)
	return err
}

// authorize answers GET /v2/authorize: with a redirect at once where the browser has a session, else with the sign-in
// page.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	a, back, err := s.readAuthorization(r)
	if err != nil {
		s.refuseAuthorization(w, r, a, back, err)
		return
	}
	session, user, err := s.browsers.Session(r)
	switch {
	case err != nil && fault.CodeOf(err) != tenant.CodeNoSession:
		s.refuseAuthorization(w, r, a, true, err)
	case err == nil && user.Tenant == a.pkg.Tenant && a.prompt != promptLogin:
		s.finish(w, r, a, user, session.ID, false)
	case a.prompt == promptNone:
		s.refuseAuthorization(w, r, a, true, fault.New(fault.Unauthenticated, codeLoginRequired, "Nobody is signed in."))
	default:
		to, err := s.target(r.Context(), a)
		if err != nil {
			s.errorPage(w, r, err)
			return
		}
		s.signInPage(w, r, http.StatusOK, to, signInForm{})
	}
}

// authorizeForm answers the sign-in page's form: the right password begins a session and goes on to the client, a
// temporary one asks for a new one first.
func (s *Server) authorizeForm(w http.ResponseWriter, r *http.Request) {
	a, back, err := s.readAuthorization(r)
	if err != nil {
		s.refuseAuthorization(w, r, a, back, err)
		return
	}
	to, err := s.target(r.Context(), a)
	if err != nil {
		s.errorPage(w, r, err)
		return
	}
	user, session, ok := s.signIn(w, r, to, a.pkg.Tenant)
	if ok {
		s.finish(w, r, a, user, session, true)
	}
}

// finish makes the code and sends the browser to the client with it.
func (s *Server) finish(w http.ResponseWriter, r *http.Request, a authorization, user tenant.User, sessionID int64, fresh bool) {
	code, err := s.o.Issuer.Authorize(r.Context(), tenant.SignIn{
		Package: a.pkg, User: user, SessionID: sessionID, Scopes: a.scopes,
		RedirectURI: a.redirect, Challenge: a.challenge, Fresh: fresh,
	})
	if err != nil {
		s.refuseAuthorization(w, r, a, true, err)
		return
	}
	values := url.Values{"code": {code}}
	if a.state != "" {
		values.Set("state", a.state)
	}
	s.redirect(w, r, oauth.AppendQuery(a.redirect, values))
}

// refuseAuthorization answers with an error: to the client by redirect where back allows it, else to the person.
func (s *Server) refuseAuthorization(w http.ResponseWriter, r *http.Request, a authorization, back bool, err error) {
	if !back {
		s.errorPage(w, r, err)
		return
	}
	e := translate(err)
	if code, ok := authorizeErrors[fault.CodeOf(err)]; ok {
		e.code = code
	}
	s.note(r, err, e.status)
	values := url.Values{"error": {e.code}, "error_description": {e.text}}
	if a.state != "" {
		values.Set("state", a.state)
	}
	s.redirect(w, r, oauth.AppendQuery(a.redirect, values))
}

// redirect sends the browser on, with 303 after a form or by a page (ui.Leave), else with 302.
func (s *Server) redirect(w http.ResponseWriter, r *http.Request, to string) {
	status := http.StatusFound
	if r.Method == http.MethodPost {
		status = http.StatusSeeOther
	}
	if err := ui.Leave(w, r, status, ui.Page{Brand: brand, Footer: footer}, to); err != nil {
		s.notWritten(r, err)
	}
}
