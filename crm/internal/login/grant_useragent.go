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
)

// userAgentGrant is the user-agent flow (RFC 6749 section 4.2): the authorize endpoint answers with the tokens themselves,
// in the fragment. It is off until an app's administrator turns it on, since a fragment ends up in histories and scripts.
type userAgentGrant struct{ s *Server }

func (userAgentGrant) subtype() string      { return org.SubtypeUserAgent }
func (userAgentGrant) anonymous() bool      { return true }
func (userAgentGrant) secret(*org.App) bool { return false }

func (g userAgentGrant) allowed(ctx context.Context, sub *subject) error {
	return g.s.known.AllowedByAdmin(ctx, sub.user, sub.app)
}

// subject is never asked for: the flow does not pass the token endpoint.
func (userAgentGrant) subject(context.Context, *tokenRequest, *org.App) (*subject, error) {
	return nil, errUnsupportedGrant()
}

// Values of response_type that ask for tokens (crm-wire 1.2).
const (
	responseToken   = "token"
	responseIDToken = "token id_token"
)

// userAgentResponse is the canonical spelling of a response_type that asks for tokens; "" for another.
func userAgentResponse(t string) string {
	switch words := strings.Fields(t); {
	case slices.Equal(words, []string{"token"}):
		return responseToken
	case slices.Equal(words, []string{"token", "id_token"}), slices.Equal(words, []string{"id_token", "token"}):
		return responseIDToken
	}
	return ""
}

// issueTokens answers the client with tokens. The sign-in is kept as a code that is used at once, so that it is answered
// once, and so that all that is kept of it is kept as for the other flow.
func (s *Server) issueTokens(w http.ResponseWriter, r *http.Request, t *transaction, app *org.App, session org.Session, u org.User, approval *org.Grant) error {
	ctx, g := r.Context(), userAgentGrant{s}
	sub := &subject{app: app, user: u, scopes: t.Scopes}
	c := callerOf(r)
	if err := s.admit(ctx, g, sub, c); err != nil {
		s.noteTokenRefused(ctx, g, sub, c, err)
		e, expected := wireError(err)
		if !expected {
			return err
		}
		return &clientError{e.code, e.description}
	}
	code, _, err := s.addCode(ctx, t, app, session, approval)
	if err != nil {
		return err
	}
	made := org.Grant{ID: code.Grant, Org: code.Org, User: code.User, App: code.App, Scopes: code.Scopes, Created: code.Created}
	if approval != nil {
		made.ID = approval.ID
	}
	if made.ID == 0 {
		made.ID = s.numbers.Next()
	}
	sub.grant = made.ID
	if org.MayRefresh(t.Scopes) && staysLocal(t.Redirect) {
		sub.refresh, made.RefreshHash = org.NewRefreshToken(made.ID)
	}
	if t.Response == responseIDToken {
		sub.idToken = &oauth.IDToken{Nonce: t.Nonce, AuthTime: session.Created}
	}
	sub.save = func(ctx context.Context, ss org.StoredSession, e org.LoginEvent) error {
		dropped, err := s.store.RedeemCode(ctx, org.Redemption{Code: code.ID, Grant: made, Session: ss, Event: e, At: code.Created})
		if dropped {
			s.sessions.GrantRevoked(code.Org)
		}
		return err
	}
	a, err := s.mint(ctx, g, sub, &tokenRequest{caller: c})
	if err != nil {
		return err
	}
	values := url.Values{}
	for _, p := range a.pairs() {
		values.Set(p.name, p.value)
	}
	if t.HasState {
		values.Set("state", t.State)
	}
	s.leave(w, r, http.StatusFound, t.Redirect+"#"+strings.ReplaceAll(values.Encode(), "+", "%20"))
	return nil
}

// staysLocal reports whether a redirect URI is an app's on the person's own machine: only there does the flow come with
// a refresh token, as the documents have it for schemes that are an app's own.
func staysLocal(to string) bool {
	u, err := url.Parse(to)
	return err == nil && (u.Scheme != "http" && u.Scheme != "https" || u.Scheme == "http" && isLoopback(u.Hostname()))
}

// addCode keeps the answer to a transaction. approval is the grant of a consent given now.
func (s *Server) addCode(ctx context.Context, t *transaction, app *org.App, session org.Session, approval *org.Grant) (org.AuthCode, string, error) {
	now := s.clock.Now(string(session.Org))
	text, hash := org.NewAuthCode(t.ID)
	c := org.AuthCode{
		ID: t.ID, Hash: hash, Org: session.Org, User: session.User, App: app.ID, ConsumerKey: app.ConsumerKey, RedirectURI: t.Redirect,
		Challenge: t.Challenge, Nonce: t.Nonce, Scopes: t.Scopes, AuthTime: session.Created, Created: now, Expires: now.Add(lifeOfCode(app)),
	}
	dropped, err := s.store.AddCode(ctx, c, approval)
	if fault.CodeOf(err) == org.CodeNumberTaken {
		return c, "", fault.New(fault.Invalid, codeTransactionClosed, "This page was answered before. Please start again.")
	}
	if err == nil && (dropped || approval != nil) {
		s.known.SetupChanged(session.Org) // what was remembered of the user's approvals
	}
	return c, text, err
}
