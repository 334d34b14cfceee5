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
	c02           = "Admin approved users are pre-authorized"
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
				case !app.Exists && l.Link.Standing == link.OwnLink:
					return Outcome{Found: []Found{{
						Subject: l.Link.ConnectedApp, Seen: "the org shows no such connected app, and lets nobody in through it", Expected: "an app of your own with Connect's certificate",
						Click: "Setup > Apps > External Client Apps > External Client App Manager > New External Client App", Command: "twinspan connect --plan",
					}}}
				case !app.Exists:
					return foundAt(l.Link.ConnectedApp, "the org has no such connected app")
				case app.ConsumerKey != "" && app.ConsumerKey != l.Link.ConsumerKey && l.Link.Standing != link.BesidePackage: // whose app is the vendor's
					return Outcome{Found: []Found{{Subject: l.Link.ConnectedApp, Seen: "its consumer key is another than the connection's", Expected: "the consumer key that Connect signs in with", Command: "twinspan org app show {app}"}}}
				}
				return Outcome{}
			},
		},
		{
			ID: "D02", Name: "Permitted Users", Severity: Error, Wants: c02,
			Why:   "Where users may self-authorize, Connect signs in only those who once did so on a page, and the system user never does.",
			Click: clickPolicies + " > Permitted Users", Command: "twinspan org app policies {app} --permitted-users admin-approved", See: "twinspan org app usage {app}", Document: docInitial + "; " + docSetup,
			Mend: Mend{By: OrgAdmin, Last: true, Effect: "Lets in through the app only who has a permission set or profile that carries it."},
			Look: func(l *Look) Outcome {
				app, why := l.App.Get()
				if why != "" {
					out := l.orUnread("D02", why)
					for i := range out.Found { // it may be right, and he renamed or not assigned: nobody looked
						out.Found[i].Seen += " (said alike of a user name that the org does not know, and of who authorized the app without refresh_token)"
						out.Found[i].Expected, out.Found[i].NoCommand = "a user of that name, with a permission set that carries the app, and \""+c02+"\"", true
					}
					return out
				}
				if !app.Exists {
					return unread(l.noApp())
				}
				if !app.AdminApproved {
					f := Found{Subject: l.Link.ConnectedApp, Seen: "All users may self-authorize"}
					who, why := l.SelfAuthorized.Get()
					switch {
					case why != "":
						f.ByHand = true // nobody knows whom it would shut out
					case len(who) > 0:
						f.Seen += "; " + count(len(who), "who did so and whom nothing approves are shut out by the change: ") + names(who)
						f.ByHand = true
					}
					return Outcome{Found: []Found{f}}
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
				if !app.Exists {
					return unread(l.noApp())
				}
				if app.IPRelaxation != "BYPASS" {
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
				if !app.Exists {
					return unread(l.noApp())
				}
				if app.RefreshTokenPolicy != "zero" {
					shared, why := l.Integration.Get() // what else lives on this app's refresh tokens would be cut: T13
					holders, holdersWhy := l.Holders.Get()
					return Outcome{Found: []Found{{
						Subject: l.Link.ConnectedApp, Seen: or(refreshWords[app.RefreshTokenPolicy], app.RefreshTokenPolicy),
						ByHand: why != "" || holdersWhy != "" || len(holders) > 0 || shared.Username != "" && shared.ClientID == l.Link.ConsumerKey,
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
					return unread(l.noApp())
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
				case why != "" && l.orgIn() && l.Link.Standing != link.BesidePackage:
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
			ID: "T17", Name: "Scopes of the app", Severity: Error, Wants: "api, refresh_token and web",
			Why:   "A token has no more than the app's scopes: without api the system user is signed in and may call nothing, without the others the pages of the sign-in refuse.",
			Click: "Setup > Apps > App Manager > {app} > Edit > Selected OAuth Scopes", Document: docOurs,
			Look: func(l *Look) Outcome {
				app, why := l.App.Get()
				switch {
				case why != "":
					return unread(why)
				case !app.Exists:
					return unread(l.noApp())
				case len(app.Scopes) == 0:
					return unread("The org tells no scopes of " + l.Link.ConnectedApp + ".")
				}
				var lacks []string
				for _, s := range neededScopes(l.Link.Standing) {
					if !s.among(app.Scopes) {
						lacks = append(lacks, s.name)
					}
				}
				if len(lacks) == 0 {
					return Outcome{}
				}
				f := Found{Subject: l.Link.ConnectedApp, Seen: "without " + strings.Join(lacks, ", ")}
				if l.Link.Standing == link.OwnLink {
					f.Expected = "api"
				}
				if there, why := l.AppOfOrg.Get(); why == "" { // in the words that the command takes, which replace those there are
					f.Command = "twinspan org app set {app} --scope " + strings.Join(append(slices.Clone(there.Scopes), lacks...), ",")
				}
				return Outcome{Found: []Found{f}}
			},
		},
		{
			ID: "D14", Name: "Version of the managed package", Severity: Warning, In: withPackage, Wants: "220 or newer",
			Why:   "Tenant-specific OAuth needs 220, several orgs 5.494, disconnecting and the protected token 5.493.",
			Click: "Setup > Apps > Packaging > Installed Packages", Command: "twinspan package install", Document: docAuth,
			Look: func(l *Look) Outcome {
				p, why := l.Package.Get()
				f := Found{Seen: p.String(), Command: "twinspan package upgrade"}
				app, appWhy := l.App.Get()
				switch {
				case why != "":
					return unread(why)
				case p == link.Package{} && appWhy == "" && !app.Exists:
					return unread("The package is not there, and its app neither (D01).")
				case p == link.Package{}:
					return Outcome{Found: []Found{{Seen: "none, or the org does not tell the system user", Severity: Error}}}
				case p.Retired():
					f.Severity = Error
				case l.MultiOrg && p.Before(link.MultiOrgSince):
					f.Seen, f.Expected, f.Severity = f.Seen+", and the enterprise has other orgs connected", link.MultiOrgSince.String()+" or newer", Error
				case !p.Before(link.TenantOAuthSince):
					return Outcome{}
				}
				return Outcome{Found: []Found{f}}
			},
		},
		{
			ID: "D15", Name: "Tenant-specific OAuth endpoints", Severity: Warning, In: withPackage, Wants: "the Auth, REST and SOAP URLs of the connection's tenant, and no password",
			Why:   "Without them the package works with the API user's stored password, or calls another tenant.",
			Click: "Marketing Cloud tab > Configuration Settings > Enable Tenant Specific OAuth Endpoints", Command: "twinspan package settings --tenant-oauth on --org-user {system}", See: "twinspan guide 002", Document: docAuth,
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
						out.Found = append(out.Found, Found{Subject: name, Seen: url, Expected: "an address of the tenant of " + l.Link.AuthURL, Value: l.Link.AuthURL, Command: "twinspan package settings --tenant-oauth on --auth-url {value} --org-user {system}"})
					}
				}
				sortFound(out.Found)
				return out
			},
		},
		{
			ID: "D16", Name: "No Engagement password in the org", Severity: Warning, In: withPackage, Wants: "empty once the package is 220 or newer",
			Why:   "A password that nothing needs any more can still be read, and used elsewhere.",
			Click: "Marketing Cloud tab > Configuration Settings", Command: "twinspan package settings --forget-password --org-user {system}", Document: docAuth,
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

// noApp is why nothing can be said of an app that is not there.
func (l *Look) noApp() string {
	return "The org has no connected app " + l.Link.ConnectedApp + " (D01)."
}

// scope is a scope of an app: its name as the OAuth endpoints and Setup have it, and the words of the Metadata API for it and for
// what comprises it (crm-wire 1.14, metadata ConnectedApp).
type scope struct {
	name  string
	words []string
}

func (s scope) among(has []string) bool {
	return slices.ContainsFunc(has, func(word string) bool { return slices.Contains(s.words, word) })
}

// neededScopes are those that Connect works with: what the package's app has, and of an app of the customer's own api alone.
func neededScopes(s link.Standing) []scope {
	all := []scope{{"api", []string{"Api", "Full"}}, {"refresh_token", []string{"RefreshToken", "OfflineAccess"}}, {"web", []string{"Web", "Full"}}}
	if s == link.OwnLink {
		return all[:1]
	}
	return all
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
