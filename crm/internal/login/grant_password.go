package login

import (
	"context"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

// passwordGrant is the username-password flow (RFC 6749 section 4.3): password with the security token appended. An org
// refuses it until an admin switches it on (document 004), in the words of a wrong password; Login History tells.
type passwordGrant struct{ s *Server }

func (passwordGrant) subtype() string          { return org.SubtypePassword }
func (passwordGrant) anonymous() bool          { return false }
func (passwordGrant) secret(app *org.App) bool { return !app.SecretOptional }

func (g passwordGrant) allowed(ctx context.Context, sub *subject) error {
	return g.s.known.AllowedByAdmin(ctx, sub.user, sub.app)
}

func (g passwordGrant) subject(ctx context.Context, r *tokenRequest, app *org.App) (*subject, error) {
	if r.username == "" {
		return nil, errMissing("username")
	}
	if r.password == "" {
		return nil, errMissing("password")
	}
	bad := fault.New(fault.Unauthenticated, org.CodeBadCredentials, "authentication failure")
	row := func(u org.User) org.LoginEvent {
		return g.s.event(u, r.caller, org.LoginTypeOAuth, g.subtype(), app.Name)
	}
	checked, err := g.s.checkPassword(ctx, org.Attempt{Username: r.username, Given: r.password, API: true, IP: r.caller.ip, Host: r.caller.host}, row)
	u, status := checked.User, checked.Status
	if u.ID == "" && err != nil {
		if fault.CodeOf(err) == org.CodeBadCredentials {
			g.s.noteNobody(ctx, row(u))
		}
		return nil, err
	}
	o, oerr := g.s.known.OrgByID(ctx, u.Org)
	if oerr == nil {
		app, oerr = g.s.known.In(ctx, app, u.Org)
	}
	if oerr != nil {
		return nil, oerr
	}
	sub := &subject{app: app, user: u, status: status}
	switch {
	case !o.Settings.AllowUsernamePasswordFlow || !app.MayPassword():
		sub.status = org.StatusPasswordFlowOff
		return sub, fault.New(fault.Denied, codePasswordFlowOff, "the username-password flow is off in this org")
	case err != nil && fault.CodeOf(err) != org.CodeUserInactive: // that is told after the app's policies, as for every grant
		return sub, err
	case u.Org != app.Org:
		sub.status = org.StatusNotApproved
		return sub, bad
	case checked.Expired: // nothing in this flow could change the password
		sub.status = org.StatusPasswordExpired
		return sub, bad
	}
	sub.status = ""
	sub.scopes = org.WithoutRefresh(app.Scopes)
	return sub, nil
}
