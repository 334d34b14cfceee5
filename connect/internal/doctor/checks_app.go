package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/link"
)

// Words of Setup for the policies (connect-facts 2).
var (
	ipWords = map[string]string{
		"ENFORCE": "Enforce IP restrictions", "BYPASS": "Relax IP restrictions", "BYPASS_2FACTOR": "Relax IP restrictions for activated devices",
		"ENFORCE_RELAXREFRESH": "Enforce IP restrictions, but relax for refresh tokens",
	}
	refreshWords = map[string]string{"infinite": "Refresh token is valid until revoked", "zero": "Immediately expire refresh token"}
)

const (
	clickPolicies = "Setup > Apps > Connected Apps > Manage Connected Apps > {app} > Edit Policies"
	clickSets     = "Setup > Users > Permission Sets"
)

// appChecks look at the connected app: document 001 steps 1 to 22, document 003 steps 12 to 35.
func appChecks() []Check {
	return []Check{
		{
			ID: "D01", Name: "The connected app exists", Severity: Error, Wants: "present under Manage Connected Apps",
			Why:   "Without the app nobody signs in from Engagement, and every send to an audience of the org fails.",
			Click: "Setup > Apps > Connected Apps > Manage Connected Apps", Command: "twinspan package install", Document: docInitial,
			Look: func(l *Look) Outcome {
				app, why := l.App.Get()
				switch {
				case why != "":
					return l.orUnread("D01", why)
				case !app.Exists:
					return foundAt(l.Link.ConnectedApp, "the org has no such connected app")
				case app.ConsumerKey != "" && app.ConsumerKey != l.Link.ConsumerKey && l.Link.Standing != link.BesidePackage: // whose app is the vendor's
					return Outcome{Found: []Found{{Subject: l.Link.ConnectedApp, Seen: "its consumer key is another than the connection's", Expected: "the consumer key that Connect signs in with"}}}
				}
				return Outcome{}
			},
		},
		{
			ID: "D02", Name: "Permitted Users", Severity: Error, Wants: "Admin approved users are pre-authorized",
			Why:   "Where users may self-authorize, Connect signs in only those who once did so on a page, and the system user never does.",
			Click: clickPolicies + " > Permitted Users", Command: "twinspan org app policies {app} --permitted-users admin-approved", Document: docInitial + "; " + docSetup,
			Mend: Mend{By: OrgAdmin, Last: true, Effect: "Lets in through the app only who has a permission set or profile that carries it."},
			Look: func(l *Look) Outcome {
				app, why := l.App.Get()
				if why != "" {
					return l.orUnread("D02", why)
				}
				if app.Exists && !app.AdminApproved {
					return foundAt(l.Link.ConnectedApp, "All users may self-authorize")
				}
				return Outcome{}
			},
		},
		{
			ID: "D03", Name: "IP Relaxation", Severity: Error, Wants: "Relax IP restrictions",
			Why:   "Engagement calls from many addresses; enforced ranges would shut its sign-ins out.",
			Click: clickPolicies + " > IP Relaxation", Command: "twinspan org app policies {app} --ip-relaxation relax", Document: docInitial + "; " + docSetup,
			Mend: Mend{By: OrgAdmin, Effect: "Lets sign-ins through this app come from any address that the user's profile lets in."},
			Look: func(l *Look) Outcome {
				app, why := l.App.Get()
				if why != "" {
					return unread(why)
				}
				if app.Exists && app.IPRelaxation != "BYPASS" {
					return foundAt(l.Link.ConnectedApp, or(ipWords[app.IPRelaxation], app.IPRelaxation))
				}
				return Outcome{}
			},
		},
		{
			ID: "D04", Name: "Refresh Token Policy", Severity: Error, Wants: "Immediately expire refresh token",
			Why:   "The connection makes a new grant for each session and must leave none behind that lives on.",
			Click: clickPolicies + " > Refresh Token Policy", Command: "twinspan org app policies {app} --refresh-token immediately", Document: docInitial + "; " + docSetup,
			Mend: Mend{By: OrgAdmin, Effect: "Ends refresh tokens of this app when they are made; Connect keeps none."},
			Look: func(l *Look) Outcome {
				app, why := l.App.Get()
				if why != "" {
					return unread(why)
				}
				if app.Exists && app.RefreshTokenPolicy != "zero" {
					shared, why := l.Integration.Get() // what else lives on this app's refresh tokens would be cut: T13
					return Outcome{Found: []Found{{
						Subject: l.Link.ConnectedApp, Seen: or(refreshWords[app.RefreshTokenPolicy], app.RefreshTokenPolicy), ByHand: why != "" || shared.Username != "" && shared.ClientID == l.Link.ConsumerKey,
					}}}
				}
				return Outcome{}
			},
		},
		{
			ID: "D05", Name: "A permission set carries the app", Severity: Error, Wants: "at least one permission set attached",
			Why:   "With admin approved users, whoever has no permission set or profile that carries the app is not let in.",
			Click: clickPolicies + " > Manage Permission Sets", Command: "twinspan org permset attach {set} {app}", Document: docInitial + "; " + docSetup,
			Mend: Mend{By: OrgAdmin, Effect: "Lets everybody in through the app who has that permission set."},
			Look: func(l *Look) Outcome {
				carriers, why := l.Carriers.Get()
				app, appWhy := l.App.Get()
				switch {
				case appWhy == "" && !app.Exists:
					return Outcome{} // D01 says so
				case why != "":
					return unread(why)
				case len(carriers) == 0:
					f := Found{Subject: l.Link.ConnectedApp, Seen: "no permission set and no profile carries it"}
					if sets, _ := l.SystemSets.Get(); !slices.Contains(sets, l.Link.Names().ApprovalSet) { // which may not be there at all
						f.Command = "twinspan connect --apply"
					}
					return Outcome{Found: []Found{f}}
				}
				return Outcome{}
			},
		},
		{
			ID: "D35", Name: "The app is installed and not blocked", Severity: Error, Wants: "installed, not blocked",
			Why:   "A blocked app is refused for everybody, and one that is not installed for ordinary users.",
			Click: "Setup > Apps > Connected Apps > Connected Apps OAuth Usage", Command: "twinspan org app unblock {app}", Document: docRestricted,
			Look: func(l *Look) Outcome {
				if l.blame() == "D35" {
					return l.orUnread("D35", "")
				}
				app, why := l.AppOfOrg.Get()
				switch {
				case why != "" && l.Link.Org.State == link.SpanUp:
					return Outcome{} // the sign-in that was just made shows that it is neither
				case why != "":
					return unread(why)
				case app.Blocked:
					return foundAt(l.Link.ConnectedApp, "blocked")
				case !app.Installed:
					return Outcome{Found: []Found{{Subject: l.Link.ConnectedApp, Seen: "not installed", Command: "twinspan org app show {app}"}}}
				}
				return Outcome{}
			},
		},
		{
			ID: "D14", Name: "Version of the managed package", Severity: Warning, Wants: "220 or newer",
			Why:   "Tenant-specific OAuth needs 220, several orgs 5.494, disconnecting and the protected token 5.493.",
			Click: "Setup > Apps > Packaging > Installed Packages", Command: "twinspan package install", Document: docAuth,
			Look: func(l *Look) Outcome {
				p, why := l.Package.Get()
				switch {
				case why != "":
					return unread(why)
				case p == link.Package{}:
					return Outcome{Found: []Found{{Seen: "none, or the org does not tell the system user", Severity: Error}}}
				case p.Retired():
					return Outcome{Found: []Found{{Seen: p.String(), Severity: Error}}}
				case l.MultiOrg && p.Before(link.MultiOrgSince):
					return Outcome{Found: []Found{{Seen: p.String() + ", and the enterprise has other orgs connected", Expected: link.MultiOrgSince.String() + " or newer", Severity: Error}}}
				case p.Before(link.TenantOAuthSince):
					return found(p.String())
				}
				return Outcome{}
			},
		},
		{
			ID: "D15", Name: "Tenant-specific OAuth endpoints", Severity: Warning, Wants: "the Auth, REST and SOAP URLs of the connection's tenant, and no password",
			Why:   "Without them the package works with the API user's stored password, or calls another tenant.",
			Click: "Marketing Cloud tab > Configuration Settings > Enable Tenant Specific OAuth Endpoints", Command: "twinspan connect", Document: docAuth,
			Look: func(l *Look) Outcome {
				if l.Link.Tenant.Driver == link.Password && l.release() != (link.Package{}) && !l.release().Before(link.TenantOAuthSince) {
					return found("package " + l.release().String() + " has tenant-specific OAuth, and the API user's stored password is used")
				}
				conf, why := l.PackageConf.Get()
				if why != "" {
					return unread(why)
				}
				if !conf.Exists || !conf.HasSetting || conf.Auth+conf.REST+conf.SOAP == "" {
					return Outcome{} // the endpoints are Connect's own
				}
				var out Outcome
				for name, url := range map[string]string{"Auth API URL": conf.Auth, "Root Rest API URL": conf.REST, "Root SOAP API URL": conf.SOAP} {
					switch {
					case url == "":
						out.Found = append(out.Found, Found{Subject: name, Seen: "empty"})
					case tenantOf(url) != tenantOf(l.Link.AuthURL):
						out.Found = append(out.Found, Found{Subject: name, Seen: url, Expected: "an address of the tenant of " + l.Link.AuthURL})
					}
				}
				return out
			},
		},
		{
			ID: "D16", Name: "No Engagement password in the org", Severity: Warning, Wants: "empty once the package is 220 or newer",
			Why:   "A password that nothing needs any more can still be read, and used elsewhere.",
			Click: "Marketing Cloud tab > Configuration Settings", Document: docAuth,
			Look: func(l *Look) Outcome {
				conf, why := l.PackageConf.Get()
				switch {
				case why != "":
					return unread(why)
				case conf.Password && !l.release().Before(link.TenantOAuthSince):
					return foundAt(l.Link.Names().Of(l.Link.Names().Configuration)+".Password", "a password is stored")
				}
				return Outcome{}
			},
		},
	}
}

// tenantOf is what is the same in a tenant's addresses: the subdomain, or the host where there is none.
func tenantOf(url string) string {
	_, host, _ := strings.Cut(url, "://")
	host, _, _ = strings.Cut(strings.ToLower(host), "/")
	first, rest, _ := strings.Cut(host, ".")
	if strings.Contains(rest, "marketingcloudapis.com") {
		return first
	}
	return host
}

// names are at most four of them, and how many more there are.
func names(all []string) string {
	const most = 4
	if len(all) > most {
		return strings.Join(all[:most], ", ") + fmt.Sprintf(" and %d more", len(all)-most)
	}
	return strings.Join(all, ", ")
}
