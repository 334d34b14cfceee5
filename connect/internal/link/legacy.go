package link

import (
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// CodeLegacyOver: a new password connection into the org was asked for when Connected App authentication was required
// already.
const CodeLegacyOver fault.Code = "connected_app_required_since"

// LegacyPolicy says what becomes of a new password connection into the org from RequiredSince on.
type LegacyPolicy string

// The policies. "" is RefuseLegacy.
const (
	WarnLegacy   LegacyPolicy = "warn"   // it is made, and has the standing finding
	RefuseLegacy LegacyPolicy = "refuse" // it is not made
)

// RequiredSince is from when on Connected App authentication is required for all customers (document 002), in domain time.
// The document names a day and no zone; UTC is ours.
var RequiredSince = time.Date(2016, time.June, 1, 0, 0, 0, 0, time.UTC)

// Finding is something about a connection that stands until somebody mends it.
type Finding struct {
	Code string
	Text string
}

// Findings are what stands against the connection at a time.
func (l Link) Findings(now time.Time) []Finding {
	var all []Finding
	if l.Org.Driver == Password && !now.Before(RequiredSince) {
		all = append(all, Finding{string(CodeLegacyOver), "Connected App authentication is required since 1 June 2016: upgrade. Connect signs in to the org with the system user's password. `twinspan upgrade plan` says what that takes."})
	}
	if l.Tenant.Driver == Password && !l.Package.Before(TenantOAuthSince) {
		all = append(all, Finding{string(CodeNeedsTenantOAuth), "Managed package " + l.Package.String() + " has tenant-specific OAuth, and Connect still signs in to Engagement with the API user's password: upgrade. `twinspan upgrade plan` says what that takes."})
	}
	return all
}

// mayBeLegacy refuses a new password connection into the org whose time is over. One that is there may be renewed.
func (l Link) mayBeLegacy(now time.Time) error {
	if l.Org.Driver == Password || l.Legacy == WarnLegacy || now.Before(RequiredSince) {
		return nil
	}
	return fault.New(fault.Conflict, CodeLegacyOver, "Connected App authentication is required since 1 June 2016: no new connection into the org by password can be made. Connect by key, or set `connect settings --legacy warn`.").In("auth")
}
