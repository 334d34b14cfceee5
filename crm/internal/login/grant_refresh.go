package login

import (
	"context"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

// refreshGrant is the refresh token flow (RFC 6749 section 6). The app's refresh token policy is judged here and nowhere
// else, as it is at that moment (crm-wire 1.13). The refresh token stays the same: clients keep the first (crm-wire 0.15).
type refreshGrant struct{ s *Server }

func (refreshGrant) subtype() string { return org.SubtypeRefreshToken }
func (refreshGrant) anonymous() bool { return false }

// secret: "Require Secret for Refresh Token Flow".
func (refreshGrant) secret(app *org.App) bool {
	return app.SecretRequiredForRefresh && len(app.SecretHash) > 0
}

func (g refreshGrant) allowed(ctx context.Context, sub *subject) error {
	return g.s.known.AllowedByAdmin(ctx, sub.user, sub.app)
}

func (g refreshGrant) subject(ctx context.Context, r *tokenRequest, app *org.App) (*subject, error) {
	if r.refreshToken == "" {
		return nil, errMissing("refresh_token")
	}
	expired := fault.New(fault.Unauthenticated, org.CodeExpiredGrant, "expired access/refresh token")
	number := org.RefreshNumber(r.refreshToken)
	if number < 0 {
		return nil, expired
	}
	have, err := g.s.store.Grant(ctx, number)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return nil, expired
		}
		return nil, err
	}
	app = app.In(have.Org)
	if !have.Matches(r.refreshToken) || have.App != app.ID || have.Org != app.Org || have.Revoked {
		return nil, expired
	}
	if app.RefreshTokenPolicy.Expired(have.Created, have.LastUsed, g.s.clock.Now(string(have.Org))) {
		return nil, expired
	}
	u, err := g.s.known.UserByID(ctx, have.Org, have.User)
	if err != nil {
		return nil, err
	}
	sub := &subject{app: app, user: u, scopes: have.Scopes, grant: have.ID}
	if r.scope != "" {
		sub.scopes = strings.Fields(r.scope)
		for _, asked := range sub.scopes {
			if !slices.Contains(have.Scopes, asked) {
				return nil, fault.New(fault.Invalid, org.CodeInvalidScope, "the requested scope is invalid, unknown, or malformed")
			}
		}
	}
	if slices.Contains(sub.scopes, org.ScopeOpenID) {
		sub.idToken = &oauth.IDToken{}
	}
	sub.save = func(ctx context.Context, s org.StoredSession, e org.LoginEvent) error {
		return g.s.store.UseGrant(ctx, have.ID, s, e)
	}
	return sub, nil
}
