package org

import (
	"context"
	"slices"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
)

// CodeLoginHours: the user's profile does not allow logins at this hour.
const CodeLoginHours fault.Code = "login_hours"

// CodeUserFrozen: an administrator froze the user.
const CodeUserFrozen fault.Code = "user_frozen"

// LoginRules decides whether the rules of a user's profile let him in now and from there (crm-wire 6): hours and address
// ranges that deny, for every door.
type LoginRules struct {
	Known *Known
	Clock *clock.Domain
}

// AllowLogin returns nil, or a Denied fault with CodeIPRestricted or CodeLoginHours. app is nil for a SOAP login or a
// browser's; subtype is the LoginHistory subtype of the grant. A connected app may relax the ranges by its policy, but
// not for the JWT bearer flow, which keeps to them whatever the policy says; nothing relaxes the hours.
func (r LoginRules) AllowLogin(ctx context.Context, u User, app *App, ip, subtype string) error {
	if u.LoginHours != nil {
		o, err := r.Known.OrgByID(ctx, u.Org)
		if err != nil {
			return err
		}
		if !u.LoginHours.allow(r.Clock.Now(string(u.Org)).In(o.zone())) {
			return fault.New(fault.Denied, CodeLoginHours, "ip restricted or invalid login hours")
		}
	}
	if len(u.LoginIPRanges) == 0 || inRanges(u.LoginIPRanges, ip) || app != nil && app.relaxes(subtype) {
		return nil
	}
	return fault.New(fault.Denied, CodeIPRestricted, "ip restricted or invalid login hours")
}

// relaxes reports whether the app's IP Relaxation lets a grant pass from outside the ranges (crm-wire 5.4).
func (a *App) relaxes(subtype string) bool {
	if subtype == SubtypeJWTBearer {
		return false
	}
	switch a.IPRelaxation {
	case IPBypass:
		return true
	case IPBypass2Factor: // a web server that shows its secret counts as the second factor
		return slices.Contains([]string{SubtypeWebServer, SubtypeRefreshToken}, subtype) && len(a.SecretHash) > 0 && !a.SecretOptional
	case IPEnforceRelaxRefresh:
		return subtype == SubtypeRefreshToken
	}
	return false
}
