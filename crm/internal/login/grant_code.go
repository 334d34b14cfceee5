package login

import (
	"context"
	"slices"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

// codeGrant is the web server flow (RFC 6749 section 4.1.3): a code is turned into tokens once, by the client it was
// given to, with the redirect URI and the PKCE verifier it was asked with. A code that is used again takes back what it
// made, also where the second use comes at the same moment: there is no telling which of the two was stolen.
type codeGrant struct{ s *Server }

func (codeGrant) subtype() string { return org.SubtypeWebServer }
func (codeGrant) anonymous() bool { return false }

// secret: "Require Secret for Web Server Flow". An app that has none shows an assertion.
func (codeGrant) secret(app *org.App) bool { return !app.SecretOptional }

// allowed: the user approved in the browser a moment ago; the admin may have changed his mind since.
func (g codeGrant) allowed(ctx context.Context, sub *subject) error {
	return g.s.known.AllowedByAdmin(ctx, sub.user, sub.app)
}

func (g codeGrant) subject(ctx context.Context, r *tokenRequest, app *org.App) (*subject, error) {
	if r.code == "" {
		return nil, errMissing("code")
	}
	unknown := fault.New(fault.Unauthenticated, codeUnknownCode, "invalid authorization code")
	number := org.AuthCodeNumber(r.code)
	if number < 0 {
		return nil, unknown
	}
	c, err := g.s.store.Code(ctx, number)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return nil, unknown
		}
		return nil, err
	}
	if !c.Matches(r.code) || c.ConsumerKey != app.ConsumerKey {
		return nil, unknown
	}
	if c.Used {
		return nil, g.reused(ctx, c)
	}
	now := g.s.clock.Now(string(c.Org))
	switch {
	case !now.Before(c.Expires):
		return nil, fault.New(fault.Unauthenticated, codeExpiredCode, "expired authorization code")
	case c.RedirectURI != r.redirectURI:
		return nil, fault.New(fault.Invalid, codeRedirectMismatch, "redirect_uri must match configuration")
	}
	if err := oauth.VerifyPKCE(c.Challenge, oauth.MethodS256, r.verifier); err != nil {
		return nil, err
	}
	u, err := g.s.known.UserByID(ctx, c.Org, c.User)
	if err != nil {
		return nil, err
	}
	made := org.Grant{ID: c.Grant, Org: c.Org, User: c.User, App: c.App, Scopes: c.Scopes, Created: now}
	if made.ID == 0 {
		made.ID = g.s.numbers.Next()
	}
	if app, err = g.s.known.In(ctx, app, c.Org); err != nil {
		return nil, err
	}
	if !app.GivesRefresh() {
		made.Scopes = org.WithoutRefresh(c.Scopes)
	}
	sub := &subject{app: app, user: u, scopes: made.Scopes, grant: made.ID}
	if org.MayRefresh(made.Scopes) {
		sub.refresh, made.RefreshHash = org.NewRefreshToken(made.ID)
	}
	if slices.Contains(c.Scopes, org.ScopeOpenID) {
		sub.idToken = &oauth.IDToken{Nonce: c.Nonce, AuthTime: c.AuthTime}
	}
	sub.save = func(ctx context.Context, s org.StoredSession, e org.LoginEvent) error {
		dropped, err := g.s.store.RedeemCode(ctx, org.Redemption{Code: c.ID, Grant: made, Session: s, Event: e, At: now})
		if fault.CodeOf(err) == org.CodeAlreadyUsed {
			return g.reused(ctx, c)
		}
		if dropped {
			g.s.sessions.GrantRevoked(c.Org)
		}
		return err
	}
	return sub, nil
}

// reused takes back what the code made.
func (g codeGrant) reused(ctx context.Context, c org.AuthCode) error {
	if err := g.s.store.RevokeCode(ctx, c.ID, g.s.clock.Now(string(c.Org))); err != nil {
		return err
	}
	g.s.sessions.GrantRevoked(c.Org)
	return fault.New(fault.Unauthenticated, org.CodeAlreadyUsed, "expired authorization code")
}
