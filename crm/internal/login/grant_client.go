package login

import (
	"context"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

// clientGrant is the client credentials flow (RFC 6749 section 4.4): the app acts as the user that its policy names.
type clientGrant struct{ s *Server }

func (clientGrant) subtype() string      { return org.SubtypeClientCredentials }
func (clientGrant) anonymous() bool      { return false }
func (clientGrant) secret(*org.App) bool { return true }

func (g clientGrant) allowed(ctx context.Context, sub *subject) error {
	return g.s.known.AllowedByAdmin(ctx, sub.user, sub.app)
}

func (g clientGrant) subject(ctx context.Context, r *tokenRequest, app *org.App) (*subject, error) {
	none := fault.New(fault.Denied, codeNoClientUser, "no client credentials user enabled")
	if !app.ClientCredentials || app.ClientCredentialsUser == "" {
		return nil, none
	}
	u, err := g.s.known.UserByID(ctx, app.Org, app.ClientCredentialsUser)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return nil, none
		}
		return nil, err
	}
	scopes, err := org.GrantScopes(app.ConnectedApp, r.scope)
	return &subject{app: app, user: u, scopes: org.WithoutRefresh(scopes)}, err
}
