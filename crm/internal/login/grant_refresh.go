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
// else, as it is at that moment (crm-wire 1.13). The refresh token stays
// the same, because clients keep the first (crm-wire 0.15), unless the app has rotation on.
type refreshGrant struct{ s *Server }

func (refreshGrant) subtype() string { return org.SubtypeRefreshToken }
func (refreshGrant) anonymous() bool { return false }

// secret: "Require Secret for Refresh Token Flow". One that needs none anywhere, and has none, is a public client.
func (refreshGrant) secret(app *org.App) bool {
	return app.SecretRequiredForRefresh && (!app.SecretOptional || len(app.SecretHash) > 0)
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
	if app, err = g.s.known.In(ctx, app, have.Org); err != nil {
		return nil, err
	}
	if have.App != app.ID || have.Org != app.Org {
		return nil, expired
	}
	spent := false
	if !have.Matches(r.refreshToken) {
		if spent, err = g.s.store.SpentRefresh(ctx, have.ID, org.RefreshHash(r.refreshToken)); err != nil || !spent {
			return nil, orElse(err, expired)
		}
	}
	// From here on the caller has, or had, the token: what is refused now is worth a row.
	u, err := g.s.known.UserByID(ctx, have.Org, have.User)
	if err != nil {
		return nil, err
	}
	sub := &subject{app: app, user: u, scopes: have.Scopes, grant: have.ID, status: org.StatusRefreshExpired}
	switch {
	case spent:
		return sub, orElse(g.replayed(ctx, have), expired)
	case app.RefreshExpired(have.Created, have.LastUsed, g.s.clock.Now(string(have.Org))):
		return sub, expired
	case have.Revoked && !u.Active: // by that
		sub.status = ""
		return sub, orElse(g.s.admit(ctx, g, sub, r.caller), expired)
	case have.Revoked:
		return sub, expired
	}
	sub.status = ""
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
	if !app.Rotates() {
		return sub, nil
	}
	var next []byte
	sub.refresh, next = org.NewRefreshToken(have.ID)
	sub.save = func(ctx context.Context, s org.StoredSession, e org.LoginEvent) error {
		err := g.s.store.RotateGrant(ctx, have.ID, have.RefreshHash, next, s, e)
		if fault.CodeOf(err) != org.CodeAlreadyUsed {
			return err
		}
		if err := g.replayed(ctx, have); err != nil { // both came at the same moment: one of them is a thief's
			return err
		}
		return expired
	}
	return sub, nil
}

// orElse is err, or other where there is none.
func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// replayed takes back everything that came from a grant whose refresh token was used a second time (crm-wire 1.13,
// RFC 9700 section 4.14.2).
func (g refreshGrant) replayed(ctx context.Context, have org.Grant) error {
	now := g.s.clock.Now(string(have.Org))
	if err := g.s.store.RevokeGrant(ctx, have.ID, now); err != nil {
		return err
	}
	g.s.sessions.GrantRevoked(have.Org)
	g.s.log.WarnContext(ctx, "a refresh token was used twice; its grant is revoked", "org", have.Org, "user", have.User, "app", have.App)
	return nil
}
