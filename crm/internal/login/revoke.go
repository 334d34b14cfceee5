package login

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/web"
)

// maxSmallBody bounds the requests that carry one token, in bytes.
const maxSmallBody = 8 << 10

// formType is the content type of revoke's errors, which jsforce parses as a query string (crm-wire 0.8).
var formType = []string{"application/x-www-form-urlencoded;charset=UTF-8"}

// serveRevoke ends an access token's session, or a refresh token with all that came from it (crm-wire 1.12). Having the
// token is all it takes; a client that shows who it is must be the one it was given to. Revoking again is fine.
func (s *Server) serveRevoke(w http.ResponseWriter, r *http.Request) {
	token, client, err := readRevoke(w, r)
	if err == nil && client.shown() { // nobody has to show anything; what is shown must be right
		var app *org.App
		if app, err = s.client(r.Context(), client, func(*org.App) bool { return false }); err == nil {
			client.id = app.ConsumerKey
		}
	}
	if err == nil {
		err = s.revoke(r.Context(), token.Reveal(), client.id)
	}
	if err == nil {
		writeBody(w, http.StatusOK, formType, nil)
		return
	}
	e, expected := wireError(err)
	if fault.CodeOf(err) == org.CodeInvalidSession {
		e, expected = oauthError{http.StatusBadRequest, "invalid_token", "invalid token"}, true
	}
	if !expected { // it is not known whether the token lives on: the client asks again
		s.unexpected(r, err)
		e.status = http.StatusServiceUnavailable
	}
	body := url.Values{"error": {e.code}, "error_description": {e.description}}
	writeBody(w, e.status, formType, []byte(body.Encode()))
}

// readRevoke takes the token from the body, or from the URL of a GET.
func readRevoke(w http.ResponseWriter, r *http.Request) (token vault.Secret, client clientProof, err error) {
	var form url.Values
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		form, err = web.Query(r)
	} else {
		form, err = web.ReadForm(w, r, maxSmallBody)
	}
	if err != nil {
		return "", client, err
	}
	if token = vault.Secret(form.Get("token")); token == "" {
		return "", client, errMissing("token")
	}
	client, err = readClient(r, form)
	return token, client, err
}

func (s *Server) revoke(ctx context.Context, token, client string) error {
	unknown := errUnknownToken()
	if number := org.DeleteNumber(token); number >= 0 {
		g, err := s.store.Grant(ctx, number)
		if fault.KindOf(err) == fault.NotFound || err == nil && !oauth.EqualSecret(g.DeleteToken, token) {
			return unknown
		}
		if err != nil {
			return err
		}
		if err := s.store.RevokeGrant(ctx, g.ID, s.clock.Now(string(g.Org))); err != nil {
			return err
		}
		s.sessions.GrantRevoked(g.Org)
		return nil
	}
	if number := org.RefreshNumber(token); number >= 0 {
		g, err := s.store.Grant(ctx, number)
		if err != nil {
			if fault.KindOf(err) == fault.NotFound {
				return unknown
			}
			return err
		}
		if !g.Matches(token) {
			return unknown
		}
		if err := s.isClient(ctx, client, g.Org, g.App); err != nil {
			return err
		}
		if !g.Revoked {
			if err := s.store.RevokeGrant(ctx, g.ID, s.clock.Now(string(g.Org))); err != nil {
				return err
			}
		}
		s.sessions.GrantRevoked(g.Org)
		return nil
	}
	session, err := s.sessions.Find(ctx, token)
	if err != nil {
		return err
	}
	if err := s.isClient(ctx, client, session.Org, session.App); err != nil {
		return err
	}
	return s.sessions.End(ctx, token)
}

func errUnknownToken() error {
	return fault.New(fault.Invalid, org.CodeInvalidSession, "invalid token")
}

// isClient refuses a consumer key that is not the app's; "" is anybody.
func (s *Server) isClient(ctx context.Context, key string, orgID, app org.ID) error {
	if key == "" {
		return nil
	}
	a, err := s.known.AppByConsumerKey(ctx, key)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return errUnknownToken()
		}
		return err
	}
	if a.ID != app || a.In(orgID).Org != orgID {
		return errUnknownToken()
	}
	return nil
}

// introspection is the answer of RFC 7662 (crm-wire 1.10).
type introspection struct {
	Active    bool   `json:"active"`
	Scope     string `json:"scope,omitempty"`
	ClientID  string `json:"client_id,omitempty"`
	Username  string `json:"username,omitempty"`
	Sub       string `json:"sub,omitempty"`
	TokenType string `json:"token_type,omitempty"`
	Exp       int64  `json:"exp,omitempty"`
	Iat       int64  `json:"iat,omitempty"`
	Nbf       int64  `json:"nbf,omitempty"`
}

// serveIntrospect tells an app about its own tokens, or all of its org's where its policy says so, and about any others
// only that they are not active.
func (s *Server) serveIntrospect(w http.ResponseWriter, r *http.Request) {
	form, err := web.ReadForm(w, r, maxSmallBody)
	if err != nil {
		s.tokenError(w, r, err)
		return
	}
	ctx := r.Context()
	app, err := s.introspector(r, form)
	if code := fault.CodeOf(err); code == codeClientUnknown || code == codeClientSecret {
		w.Header().Set("WWW-Authenticate", `Basic realm="introspect", Bearer realm="introspect"`)
		writeJSON(w, http.StatusUnauthorized, errorBody{"invalid_client", "invalid client credentials"})
		return
	}
	token := form.Get("token")
	if err == nil && token == "" {
		err = errMissing("token")
	}
	var answer introspection
	if err == nil {
		answer, err = s.introspect(ctx, token, app)
	}
	if err != nil {
		s.tokenError(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

// introspector is the app that asks: by its secret or assertion, or by an access token of its own (crm-wire 1.10). A consumer
// key alone, which everybody knows, shows nothing, so an app without a secret asks with a token (RFC 7662 section 2.1).
func (s *Server) introspector(r *http.Request, form url.Values) (*org.App, error) {
	client, err := readClient(r, form)
	if err != nil {
		return nil, err
	}
	token, ok := oauth.Bearer(r)
	if !ok {
		app, err := s.client(r.Context(), client, func(*org.App) bool { return true })
		if err == nil && !client.asserts() && len(app.SecretHash) == 0 {
			err = errClientSecret() // it has none that could be right
		}
		return app, err
	}
	session, _, err := s.sessions.Use(r.Context(), token, originOf(r))
	if fault.CodeOf(err) == org.CodeInvalidSession || err == nil && (session.App == "" || session.Delegate != "" || client.shown()) {
		return nil, errClientSecret()
	}
	if err != nil {
		return nil, err
	}
	app, err := s.known.AppByID(r.Context(), session.Org, session.App)
	if err == nil && client.id != "" && client.id != app.ConsumerKey {
		err = errClientSecret()
	}
	return app, err
}

func (s *Server) introspect(ctx context.Context, token string, app *org.App) (introspection, error) {
	var dead introspection
	a := introspection{Active: true, ClientID: app.ConsumerKey}
	var u org.User
	if number := org.RefreshNumber(token); number >= 0 {
		g, err := s.store.Grant(ctx, number)
		if err != nil {
			return dead, unlessNotFound(err)
		}
		if !g.Matches(token) || g.Revoked || g.App == "" {
			return dead, nil
		}
		of, err := s.introspected(ctx, app, g.Org, g.App)
		if err != nil || of == nil {
			return dead, err
		}
		if of.RefreshExpired(g.Created, g.LastUsed, s.clock.Now(string(g.Org))) {
			return dead, nil
		}
		a.ClientID = of.ConsumerKey
		if u, err = s.known.UserByID(ctx, g.Org, g.User); err != nil || !u.Active || u.Frozen {
			return dead, unlessNotFound(err)
		}
		// What no refresh would take is not active (RFC 7662 section 2.2).
		err = s.known.AllowedByPolicies(ctx, u, of)
		if err == nil {
			err = s.known.AllowedByAdmin(ctx, u, of)
		}
		if kind := fault.KindOf(err); err != nil && (kind == fault.Internal || kind == fault.Unavailable) {
			return dead, err
		}
		if err != nil {
			return dead, nil //nolint:nilerr // refused: no longer active
		}
		a.Scope, a.TokenType, a.Iat = strings.Join(g.Scopes, " "), "refresh_token", g.Created.Unix()
	} else {
		session, user, err := s.sessions.Peek(ctx, token)
		if err != nil {
			if fault.CodeOf(err) == org.CodeInvalidSession {
				err = nil
			}
			return dead, err
		}
		of, err := s.introspected(ctx, app, session.Org, session.App)
		if err != nil || of == nil {
			return dead, err
		}
		a.ClientID = of.ConsumerKey
		u = user
		a.Scope, a.TokenType = strings.Join(session.Scopes, " "), "access_token"
		a.Exp, a.Iat = session.Expires.Unix(), session.Created.Unix()
	}
	a.Nbf, a.Username, a.Sub = a.Iat, u.Username, s.idURL(u.Org, u.ID)
	return a, nil
}

// introspected is the app that a token is of, nil where the asking app is not to know: without "Introspect All Tokens" it
// may ask about its own alone, and with it about those of its org (crm-wire 1.10).
func (s *Server) introspected(ctx context.Context, asking *org.App, orgID, app org.ID) (*org.App, error) {
	asking = asking.In(orgID)
	switch {
	case asking.Org != orgID || app == "":
		return nil, nil
	case asking.ID == app:
		return asking, nil
	case !asking.Flows.IntrospectAll || len(asking.SecretHash) == 0:
		return nil, nil
	}
	of, err := s.known.AppByID(ctx, orgID, app)
	if err != nil {
		return nil, unlessNotFound(err)
	}
	return of, nil
}

func unlessNotFound(err error) error {
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return nil
	}
	return err
}

// hasAny reports whether one of the scopes is there; nil scopes are all scopes.
func hasAny(scopes []string, names ...string) bool {
	return scopes == nil || slices.ContainsFunc(names, func(n string) bool { return slices.Contains(scopes, n) })
}
