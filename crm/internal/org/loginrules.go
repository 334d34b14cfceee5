package org

import (
	"context"

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
	if withinRanges(u, app, ip, subtype) {
		return nil
	}
	return fault.New(fault.Denied, CodeIPRestricted, "ip restricted or invalid login hours")
}

// relaxes reports whether the app's IP Relaxation lets a grant, or a session that it made, pass from outside the profile's ranges
// (crm-wire 5.4). Where the app has ranges of its own, these take the place of the second factor (connect-facts 2.3).
func (a *App) relaxes(ip, subtype string) bool {
	if subtype == SubtypeJWTBearer {
		return false
	}
	switch a.IPRelaxation {
	case IPBypass:
		return true
	case IPBypass2Factor:
		if subtype != SubtypeWebServer && subtype != SubtypeRefreshToken {
			return false
		}
		if len(a.IPRanges) > 0 {
			return inRanges(a.IPRanges, ip)
		}
		return len(a.SecretHash) > 0 && !a.SecretOptional // a web server that shows its secret counts as the second factor
	case IPEnforceRelaxRefresh:
		return subtype == SubtypeRefreshToken
	}
	return false
}
