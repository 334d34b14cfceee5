package org

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// PlatformCLIKey is the consumer key of the public client that command line tools use when they are given none
// (crm-wire 0.11). It works for the org of whoever signs in.
const PlatformCLIKey = "PlatformCLI"

var platformCLI = &App{ConnectedApp: ConnectedApp{
	ID: ID("0H4PlatformCLI0" + checksum("0H4PlatformCLI0")), Name: "Platform CLI", DeveloperName: "PlatformCLI", ConsumerKey: PlatformCLIKey,
	CallbackURLs: []string{"http://localhost:1717/OauthRedirect"}, Scopes: []string{ScopeRefreshToken, ScopeAPI, ScopeWeb},
	SecretOptional: true, PKCERequired: true, IPRelaxation: IPEnforce, RefreshTokenPolicy: RefreshInfinite, Installed: true,
}}

// In is the app as one of the org, for a well-known client; any other app is one already.
func (a *App) In(org ID) *App {
	if a.Org != "" {
		return a
	}
	in := *a
	in.Org = org
	return &in
}

// AlwaysAsks reports whether the user is asked each time: anybody can claim to be a well-known public client.
func (a *App) AlwaysAsks() bool { return a.ConsumerKey == PlatformCLIKey }

// Scopes that decide something (crm-wire 1.14).
const (
	ScopeAPI           = "api"
	ScopeWeb           = "web"
	ScopeFull          = "full"
	ScopeID            = "id"
	ScopeOpenID        = "openid"
	ScopeProfile       = "profile"
	ScopeEmail         = "email"
	ScopeAddress       = "address"
	ScopePhone         = "phone"
	ScopeRefreshToken  = "refresh_token"
	ScopeOfflineAccess = "offline_access"
)

// maxScopes bounds a request's list.
const maxScopes = 50

// GrantScopes is what an app gets of the scopes it asks for: all of its own where it asks for none. A scope that the
// app does not have is an Invalid fault with CodeInvalidScope.
func GrantScopes(app ConnectedApp, requested string) ([]string, error) {
	asked := strings.Fields(requested)
	if len(asked) == 0 {
		return slices.Clone(app.Scopes), nil
	}
	var granted []string
	for _, s := range asked {
		if len(granted) == maxScopes || !mayAsk(app.Scopes, s) {
			return nil, fault.New(fault.Invalid, CodeInvalidScope, "the requested scope is invalid, unknown, or malformed")
		}
		if !slices.Contains(granted, s) {
			granted = append(granted, s)
		}
	}
	return granted, nil
}

func mayAsk(have []string, s string) bool {
	if slices.Contains(have, s) {
		return true
	}
	switch s {
	case ScopeRefreshToken, ScopeOfflineAccess: // two names of one scope, which full does not imply
		return MayRefresh(have)
	case ScopeProfile, ScopeEmail, ScopeAddress, ScopePhone:
		if slices.Contains(have, ScopeID) {
			return true
		}
	}
	return slices.Contains(have, ScopeFull) && slices.Contains(knownScopes, s)
}

var knownScopes = []string{
	ScopeAPI, ScopeWeb, ScopeID, ScopeOpenID, ScopeProfile, ScopeEmail, ScopeAddress, ScopePhone, "chatter_api", "visualforce",
	"custom_permissions", "wave_api", "eclair_api", "pardot_api", "content", "lightning",
}

// MayRefresh reports whether the scopes come with a refresh token.
func MayRefresh(scopes []string) bool {
	return slices.Contains(scopes, ScopeRefreshToken) || slices.Contains(scopes, ScopeOfflineAccess)
}

// WithoutRefresh is the scopes of a session that has no refresh token.
func WithoutRefresh(scopes []string) []string {
	out := make([]string, 0, len(scopes))
	for _, s := range scopes {
		if s != ScopeRefreshToken && s != ScopeOfflineAccess {
			out = append(out, s)
		}
	}
	return out
}

// covers reports whether all scopes are among the approved ones.
func covers(approved, scopes []string) bool {
	for _, s := range scopes {
		if !slices.Contains(approved, s) {
			return false
		}
	}
	return true
}

// Expired reports whether the policy, as it is now, has ended a refresh token of that age (crm-wire 1.13). It is asked
// when the token is used and at no other time.
func (p RefreshTokenPolicy) Expired(created, lastUsed, now time.Time) bool {
	inactivity, hours := p.Validity()
	if hours < 0 {
		return false
	}
	from := created
	if inactivity {
		from = lastUsed
	}
	return !now.Before(from.Add(time.Duration(hours) * time.Hour))
}

// SessionTimeout is how long a session of the user lives unused: the app's policy where it is one's, else his profile's,
// else the org's (crm-wire 1.13).
func SessionTimeout(o Org, u User, app *App) time.Duration {
	if app != nil && app.SessionTimeoutMinutes > 0 {
		return time.Duration(app.SessionTimeoutMinutes) * time.Minute
	}
	if u.SessionTimeoutMinutes > 0 {
		return time.Duration(u.SessionTimeoutMinutes) * time.Minute
	}
	return o.Settings.SessionTimeout()
}

// AllowedByAdmin decides the app's policy "Permitted Users" (DESIGN 5.3): where admin approved users are
// pre-authorized, the user's profile or a permission set of his must carry the app.
func (k *Known) AllowedByAdmin(ctx context.Context, u User, app *App) error {
	if !app.AdminApproved {
		return nil
	}
	ok, err := k.AdminApproved(ctx, u.Org, u.ID, app.ID)
	if err != nil {
		return err
	}
	if !ok {
		return fault.New(fault.Denied, CodeNotAdminApproved, "user is not admin approved to access this app")
	}
	return nil
}

// mayGoOn decides on each use of an access token whether the app may still be used: the tokens of one that was removed
// or blocked are dead. Who may get a token is asked when one is made, and a session lives on without (crm-wire 1.13).
func (k *Known) mayGoOn(ctx context.Context, u User, id ID) (*App, error) {
	app, err := k.AppByID(ctx, u.Org, id)
	if fault.KindOf(err) == fault.NotFound || err == nil && app.Blocked {
		return nil, invalidSession()
	}
	return app, err
}

// AllowedUnasked decides whether an app may act for a user who is not there to be asked: a pre-authorized one, or one
// that he approved earlier for offline use (crm-wire 1.5). It returns the scopes that the app has then: all of its own,
// or those that the user approved and the app has not lost since.
func (k *Known) AllowedUnasked(ctx context.Context, u User, app *App) ([]string, error) {
	if app.AdminApproved {
		return app.Scopes, k.AllowedByAdmin(ctx, u, app)
	}
	approved, err := k.ApprovedScopes(ctx, u.Org, u.ID, app.ID)
	if err != nil {
		return nil, err
	}
	if !MayRefresh(approved) { // an app that never asks for offline use is never approved for it (JW-31 of the security reference)
		return nil, fault.New(fault.Denied, CodeNotUserApproved, "user hasn't approved this consumer")
	}
	var scopes []string
	for _, s := range approved { // of several approvals, so some come twice
		if mayAsk(app.Scopes, s) && !slices.Contains(scopes, s) {
			scopes = append(scopes, s)
		}
	}
	return scopes, nil
}

// MustAsk reports whether the user has to be asked before the app gets the scopes.
func (k *Known) MustAsk(ctx context.Context, u User, app *App, scopes []string) (bool, error) {
	if app.AdminApproved {
		return false, nil
	}
	if app.AlwaysAsks() {
		return true, nil
	}
	approved, err := k.ApprovedScopes(ctx, u.Org, u.ID, app.ID)
	return approved == nil || !covers(approved, scopes), err
}
