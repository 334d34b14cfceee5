package pages

import (
	"context"
	"net/http"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/signin"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

// apiUserPath is the button of an administrator whom the tab asks for the API user's credentials.
const apiUserPath = TabPath + "/api-user"

// CodeNotAdmin: the visitor is no Marketing Cloud for AppExchange Admin.
const CodeNotAdmin fault.Code = "marketing_cloud_admin_required"

// isAdmin reports whether the visitor's record in the org makes him an administrator of the connection (connect-facts 1.4).
func (s *Server) isAdmin(ctx context.Context, l link.Link, v signin.Visitor) (bool, error) {
	role, err := s.Access.RoleInOrg(ctx, l, v.UserID)
	return role == access.Admin, err
}

// asksForAPIUser reports whether the tab asks for the API user's credentials: he has not come to tenant-specific OAuth,
// though the org is ready for it; or he did, and Engagement does not take him (document 002). Only administrators are asked.
func (s *Server) asksForAPIUser(ctx context.Context, l link.Link, v signin.Visitor) (bool, error) {
	switch {
	case l.Tenant.Driver == link.Password && !l.Package.Before(link.TenantOAuthSince):
		if refused := s.Links.MaySignInTenant(ctx, l, l.Tenant.Username); refused != nil {
			return false, unlessUnready(refused)
		}
	case !l.Tenant.UpgradedAt.IsZero() && l.Tenant.State == link.SpanBroken:
	default:
		return false, nil
	}
	return s.isAdmin(ctx, l, v)
}

// unlessUnready is err, unless it says that the org is not ready for tenant-specific OAuth.
func unlessUnready(err error) error {
	switch fault.CodeOf(err) {
	case link.CodeOAuthPackage, link.CodeOAuthOff, link.CodeOAuthElsewhere:
		return nil
	}
	return err
}

// withAPIUser adds to a visitor's tab that the API user's credentials are asked for, where they are. What keeps that from being
// known is logged: the visitor's own mapping is what he came for.
func (s *Server) withAPIUser(r *http.Request, l link.Link, v signin.Visitor, p ui.Page) ui.Page {
	asks, err := s.asksForAPIUser(r.Context(), l, v)
	if err != nil {
		s.log(r, http.StatusOK, err)
	}
	if !asks {
		return p
	}
	p.Alerts = append([]ui.Alert{apiUserAlert(l)}, p.Alerts...)
	p.Blocks = append([]ui.Block{apiUserForm()}, p.Blocks...)
	p.FormAction = tenantSource(l)
	return p
}

// unavailable refuses a visitor while the connection is in an outage, unless that is for the upgrade to tenant-specific OAuth,
// in which an administrator may be asked for the API user's credentials: who he is shows later.
func (s *Server) unavailable(ctx context.Context, l link.Link) error {
	refused := s.Links.Interrupted(l)
	if refused == nil || s.Upgrades == nil {
		return refused
	}
	u, err := s.Upgrades.Last(ctx, l)
	if err != nil && fault.CodeOf(err) != upgrade.CodeNotFound {
		return err
	}
	if err == nil && u.Live() && u.Kind == upgrade.TenantOAuth {
		return nil
	}
	return refused
}

// interruptedFor answers the tab in an outage: an administrator is asked for the API user's credentials all the same, where
// the outage is for his upgrade. It reports whether it answered.
func (s *Server) interruptedFor(w http.ResponseWriter, r *http.Request, l link.Link, v signin.Visitor) bool {
	asks, err := s.asksForAPIUser(r.Context(), l, v)
	if err != nil {
		s.log(r, http.StatusOK, err)
	}
	if !asks {
		return false
	}
	s.render(w, r, http.StatusOK, ui.Page{
		Title: "Marketing Cloud", Brand: brand, User: v.Username, FormAction: tenantSource(l), Alerts: []ui.Alert{apiUserAlert(l)},
		Blocks: []ui.Block{ui.Text(fault.Of(s.Links.Interrupted(l)).Message), apiUserForm(), signOutForm()},
	})
	return true
}

// apiUser sends an administrator's browser to where the API user gives his credentials.
func (s *Server) apiUser(w http.ResponseWriter, r *http.Request) {
	session, l, err := s.session(r)
	if fault.KindOf(err) == fault.Unauthenticated {
		redirect(w, r, TabPath)
		return
	}
	admin := false
	if err == nil {
		admin, err = s.isAdmin(r.Context(), l, session.Visitor)
	}
	if err == nil && !admin {
		err = fault.New(fault.Denied, CodeNotAdmin, "The API user's credentials are given by a Marketing Cloud for AppExchange Admin.")
	}
	if err == nil {
		err = s.Links.MaySignInTenant(r.Context(), l, l.Tenant.Username)
	}
	location := ""
	if err == nil {
		location, err = s.Signins.OfferAPIUser(r.Context(), l, l.Tenant.Username, l.Tenant.MID)
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.leave(w, r, location)
}

// apiUserAlert is document 002's: "If the API user didn't migrate, you're prompted to enter the API user credentials."
func apiUserAlert(l link.Link) ui.Alert {
	a := ui.Alert{
		Kind: ui.Warning, Title: "Enter the API user credentials",
		Text: "The Marketing Cloud Connect API user " + l.Tenant.Username + " didn’t migrate to tenant-specific OAuth. Log out of all active Engagement sessions, then log in to Engagement as that user.",
	}
	if l.Tenant.Cause.Text != "" {
		a.Text += " Engagement says: " + l.Tenant.Cause.Text
	}
	return a
}

func apiUserForm() ui.Form {
	return ui.Form{Action: apiUserPath, Submits: []ui.Submit{{Label: "Log in as the API user"}}}
}

// authentication says how the org signs in to Engagement.
func authentication(t link.TenantSpan) string {
	switch {
	case t.Driver == link.JWT && !t.UpgradedAt.IsZero():
		return "Tenant-specific OAuth; the API user’s credentials were converted on " + t.UpgradedAt.Format("2 January 2006, 15:04 MST")
	case t.Driver == link.JWT:
		return "Tenant-specific OAuth"
	case t.Driver == link.Password:
		return "The API user’s stored name and password"
	case t.Driver == link.WebApp:
		return "Your own installed package; each user’s sign-in is kept sealed"
	}
	return "None"
}
