package doctor

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client/engagement"
)

const (
	clickMCUser = "Email Studio > Admin > My Users > {user}"
	byAdmin     = "as an administrator of Engagement: "
)

// ofAPIUser makes a check of the API user.
func ofAPIUser(id string, judge func(*Look, engagement.UserDetails) []Found) func(*Look) Outcome {
	return func(l *Look) Outcome {
		u, why := l.APIUser.Get()
		if why != "" {
			return l.orUnread(id, why)
		}
		return Outcome{Found: judge(l, u)}
	}
}

// apiUserRoles are the roles of the API user (connect-facts 1.5): both in Enterprise 2.0, elsewhere the second alone.
func (l *Look) apiUserRoles() []string {
	both := []string{"Administrator", "Marketing Cloud Administrator"}
	if units, why := l.Units.Get(); why == "" && len(units) == 1 {
		return both[1:]
	}
	return both
}

// tenantChecks look at the API user and the tenant's security settings.
func tenantChecks() []Check {
	return []Check{
		{
			ID: "D18", Name: "API User", Severity: Error, In: withPackage, Wants: "ticked",
			Why:   "Only an API user may call Engagement's web services.",
			Click: byAdmin + clickMCUser + " > Edit > API User", Document: docAPIUser, // who is no API user changes nobody by API, himself least
			Look: ofAPIUser("D18", func(_ *Look, u engagement.UserDetails) []Found {
				if !u.APIUser {
					return []Found{{Subject: u.Username, Seen: yes(false)}}
				}
				return nil
			}),
		},
		{
			ID: "D19", Name: "Roles of the API user", Severity: Error, In: withPackage, Wants: "Administrator and Marketing Cloud Administrator",
			Why:   "With less he cannot vouch for users, and calls of the connection are refused one by one.",
			Click: clickMCUser + " > Manage Roles", Command: "twinspan tenant user update {user} --as {user} --role {value}", Document: docAPIUser,
			Look: ofAPIUser("D19", func(l *Look, u engagement.UserDetails) []Found {
				var out []Found
				for _, role := range l.apiUserRoles() {
					if !slices.Contains(u.Roles, role) {
						out = append(out, Found{Subject: u.Username, Seen: "without " + role, Value: role})
					}
				}
				return out
			}),
		},
		{
			ID: "D20", Name: "Default business unit of the API user", Severity: Warning, In: withPackage, Wants: "the top-level business unit; with several orgs, the one that is connected",
			Why:   "A child as default limits his calls to that child.",
			Click: byAdmin + clickMCUser + " > Edit > Default Business Unit", Document: docUnits, // whose calls are a child's changes nothing above
			Look: ofAPIUser("D20", func(l *Look, u engagement.UserDetails) []Found {
				units, why := l.Units.Get()
				if why != "" || u.DefaultMID == 0 {
					return nil // D21 says why
				}
				enabled := l.enabledUnits()
				i := slices.IndexFunc(units, func(b engagement.BusinessUnit) bool { return b.MID == u.DefaultMID })
				child := i >= 0 && units[i].ParentMID != 0
				if child && (!l.MultiOrg || !slices.Contains(enabled, u.DefaultMID)) {
					return []Found{{Subject: u.Username, Seen: fmt.Sprintf("%d, %s, which is a child", u.DefaultMID, units[i].Name)}}
				}
				return nil
			}),
		},
		{
			ID: "D21", Name: "The API user reaches every enabled business unit", Severity: Error, In: withPackage, Wants: "each business unit that is enabled in the org is active in Engagement and one of his",
			Why:   "Users choose among the enabled ones, and their sends fail in what he does not reach.",
			Click: clickMCUser + " > Associated Business Units", Command: "twinspan business-units check", Document: docUnits,
			Look: func(l *Look) Outcome {
				if l.Link.Standing == link.BesidePackage {
					return unread("Which business units the package's API user reaches shows only to himself: Connect reads through a package of your own.")
				}
				inOrg, why := l.OrgUnits.Get()
				units, tenantWhy := l.Units.Get()
				if why != "" || tenantWhy != "" {
					return unread(or(why, tenantWhy))
				}
				reached := map[int64]bool{}
				for _, u := range units {
					reached[u.MID] = u.Active
				}
				var out Outcome
				for _, u := range inOrg {
					switch {
					case u.Invalid && u.Enabled:
						out.Found = append(out.Found, Found{Subject: u.Name, Seen: "enabled in the org, with something that is no MID", Severity: Warning})
					case u.Enabled && !reached[u.MID]:
						out.Found = append(out.Found, Found{Subject: fmt.Sprint(u.MID), Seen: "enabled in the org, and not an active business unit that the API user reaches"})
					}
				}
				return out
			},
		},
		{
			ID: "D22", Name: "The API user can log in", Severity: Error, Wants: "active, not locked, no temporary password, his grant alive",
			Why:   "Nothing goes from the org into Engagement without him.",
			Click: byAdmin + clickMCUser, Command: "twinspan connect --sign-in --system-user {system} --api-user {user}", Document: docAuth,
			Look: func(l *Look) Outcome {
				u, why := l.APIUser.Get()
				if why != "" && l.Link.Standing == link.OwnLink && l.tenantIn() {
					return Outcome{} // the package works as itself, and was just let in
				}
				if why != "" {
					return alike(l.orUnread("D22", why), l.Link.Tenant.Cause)
				}
				var out Outcome
				switch {
				case !u.Active:
					out = Outcome{Found: []Found{{Subject: u.Username, Seen: "disabled", Expected: "active", Click: byAdmin + clickMCUser + " > Activate", NoCommand: true}}}
				case u.Locked:
					out = Outcome{Found: []Found{{Subject: u.Username, Seen: "locked after too many wrong passwords", Expected: "not locked", Click: byAdmin + clickMCUser + " > Unlock", NoCommand: true}}}
				case u.MustChange:
					f := Found{Subject: u.Username, Seen: "his password is temporary", Expected: "he signs in once and sets his own", Severity: Warning, Click: "Engagement's sign-in page, as {user}", NoCommand: true}
					if l.blameTenant() == "D22" { // a new password ends what Connect had of him, and until his own is set nothing else helps
						f.Seen += ", and " + refusedIn("Engagement", l.Link.Tenant.Cause)
						f.Severity, f.Click = Error, f.Click+"; then look again"
					}
					out = Outcome{Found: []Found{f}}
				case l.blameTenant() == "D22":
					return alike(l.orUnread("D22", ""), l.Link.Tenant.Cause)
				}
				return out
			},
		},
		{
			ID: "D23", Name: "Login Expires After Inactivity", Severity: Warning, Wants: "off where there are API users",
			Why:   "Calls do not count as activity: after that time the API user is shut out until he signs in on a page.",
			Click: "Setup > Settings > Security > Security Settings > Login Expires After Inactivity", Command: "twinspan tenant settings inactive_days=0", Document: docSecurity,
			Look: func(l *Look) Outcome {
				settings, why := l.Tenant.Get()
				if why != "" || l.blameTenant() == "D23" {
					out := l.orUnread("D23", why)
					for i := range out.Found {
						out.Found[i].Click = "Engagement's sign-in page, once, as " + out.Found[i].Subject + "; then Setup > Settings > Security > Security Settings > Login Expires After Inactivity"
					}
					return out
				}
				if days := whole(settings["inactive_days"]); days > 0 {
					return foundAt("inactive_days", fmt.Sprintf("after %d days", days))
				}
				return Outcome{}
			},
		},
		{
			ID: "D24", Name: "API allowlist", Severity: Error, Wants: "off, or with the addresses that Connect calls from",
			Why:   "From an address that is not on the list every call is refused as if the client were unknown.",
			Click: "Setup > Settings > Security > Login IP Allowlist: API", Document: docSecurity, // on a page: by API it shuts out whoever would change it
			Look: func(l *Look) Outcome {
				if l.TenantDown != "" && l.Link.Tenant.State == link.SpanUp {
					return unread(l.TenantDown)
				}
				if l.tenantIn() {
					return Outcome{} // the calls that were just made were let in
				}
				settings, why := l.Tenant.Get()
				switch {
				case why != "" && l.LentRefused:
					return foundAt("api_addresses", "Engagement refuses Connect as a client that it does not know, and the session that was lent too: both call from Connect's address")
				case why != "":
					return unread(why)
				}
				if list, _ := settings["api_addresses"].([]any); len(list) > 0 && l.Link.Tenant.Cause.Code == refusedClient {
					return foundAt("api_addresses", "on, and Engagement refuses Connect: "+l.Link.Tenant.Cause.Text)
				}
				return Outcome{}
			},
		},
		{
			ID: "D31", Name: "Roles of sending users", Severity: Warning, Wants: "at least Content Creator, Data Manager, Marketing Cloud Content Editor/Publisher",
			Why:   "With less a user signs in and cannot send.",
			Click: clickMCUser + " > Manage Roles", Command: "twinspan tenant user update {user} --role {value}", Document: docManage,
			Look: func(l *Look) Outcome {
				members, why := l.Members.Get()
				if l.Link.Standing == link.OwnLink {
					why = "A real tenant tells no Salesforce.com Status, by which sending users are found."
				}
				if why != "" {
					return unread(why)
				}
				var out Outcome
				for _, m := range members {
					if link.SameUsername(m.Username, or(l.APIName, l.Link.Tenant.Username)) || !m.Active {
						continue
					}
					if missing := missingRoles(m.Roles); len(missing) > 0 {
						command := "twinspan tenant user update {user}"
						for _, role := range missing {
							command += " --role " + quote(role)
						}
						out.Found = append(out.Found, Found{Subject: m.Username, Seen: "without " + strings.Join(missing, ", "), Value: missing[0], Command: command})
					}
				}
				sortFound(out.Found)
				return out
			},
		},
		{
			ID: "D32", Name: "Business units that were active", Severity: Warning, In: withPackage, Wants: "all that were active before an upgrade are active",
			Why:   "After an upgrade on Enterprise 2.0 a business unit that is not active again takes no sends.",
			Click: "Marketing Cloud tab > Manage Business Units", Command: "twinspan business-units add {subject}", Document: docAuth,
			Look: func(l *Look) Outcome {
				inOrg, why := l.OrgUnits.Get()
				units, tenantWhy := l.Units.Get()
				if why != "" || tenantWhy != "" {
					return unread(or(why, tenantWhy))
				}
				var out Outcome
				for _, u := range inOrg {
					live := slices.ContainsFunc(units, func(b engagement.BusinessUnit) bool { return b.MID == u.MID && b.Active })
					if u.Saved && !u.Enabled && live {
						out.Found = append(out.Found, Found{Subject: fmt.Sprint(u.MID), Seen: "was active before and is not now"})
					}
				}
				return out
			},
		},
		{
			ID: "T09", Name: "Client secrets of installed packages", Severity: Warning, Wants: "none that ends within 30 days",
			Why:   "A client secret lives 180 days; on the day it ends the package is refused.",
			Click: "Setup > Platform Tools > Apps > Installed Packages > {subject} > Rotate Secret", Command: "twinspan tenant package stage-secret {value}", Document: docRotate,
			Look: func(l *Look) Outcome {
				packages, why := l.Packages.Get()
				if why != "" {
					return unread(why)
				}
				var out Outcome
				for _, p := range packages {
					ends, err := time.Parse(time.RFC3339, p.SecretExpires)
					if err != nil || !p.Active || p.Staged || ends.Sub(l.Now) > soon {
						continue
					}
					f := Found{Subject: p.Name, Value: p.ClientID, Seen: "ends on " + day(ends)}
					if !l.Now.Before(ends) {
						f.Seen, f.Severity = "ended on "+day(ends), Error
					}
					out.Found = append(out.Found, f)
				}
				return out
			},
		},
		{
			ID: "T10", Name: "Redirect URIs", Severity: Error, Wants: "the app and the package send browsers back to this Connect",
			Why:   "The sign-in of users and of the API user ends at a page of refusal otherwise.",
			Click: "Setup > Apps > App Manager > {subject} > Edit > Callback URL", Command: "twinspan org app set {subject} --callback WHAT-IS-THERE --callback {value}", Document: docOurs,
			Look: func(l *Look) Outcome {
				var out Outcome
				if app, why := l.App.Get(); why != "" {
					out.Unread = why
				} else if !app.Exists {
					out.Unread = l.noApp()
				} else if l.Link.Standing != link.BesidePackage && len(app.CallbackURLs) > 0 && // there they are the vendor's
					!slices.Contains(app.CallbackURLs, l.Callbacks.Org) {
					out.Found = append(out.Found, Found{Subject: l.Link.ConnectedApp, Seen: names(app.CallbackURLs), Expected: l.Callbacks.Org, Command: "twinspan org app set {subject}" + each(" --callback ", app.CallbackURLs, l.Callbacks.Org)})
				}
				packages, why := l.Packages.Get()
				if l.Link.Standing == link.BesidePackage {
					packages, why = nil, "" // nobody signs in through the one that Connect reads by
				}
				if why != "" {
					out.Unread = cmp.Or(out.Unread, why)
				}
				for _, p := range packages {
					if p.ClientID != l.Link.UserClientID() || slices.Contains(p.RedirectURIs, l.Callbacks.Tenant) {
						continue
					}
					f := Found{
						Subject: p.Name, Value: l.Callbacks.Tenant, Seen: or(names(p.RedirectURIs), "none"), Expected: l.Callbacks.Tenant,
						Click: "Setup > Platform Tools > Apps > Installed Packages > {subject} > Edit > Redirect URIs", Command: "twinspan tenant package update " + quote(p.ClientID) + each(" --redirect-uri ", p.RedirectURIs, l.Callbacks.Tenant),
					}
					if p.Type == ofConnect { // whose redirect URIs nobody changes
						f.NoCommand, f.Click = true, "on the machine that Connect runs on: start it again with "+startedAt(p.RedirectURIs)
					}
					out.Found = append(out.Found, f)
				}
				return out
			},
		},
	}
}

// startedAt is how Connect is started so that browsers reach it where redirect URIs send them.
func startedAt(uris []string) string {
	for _, uri := range uris {
		u, err := url.Parse(uri)
		if err != nil || u.Host == "" {
			continue
		}
		if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Port() != "" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()) { // no proxy stands before that
			return "`--connect-addr " + u.Host + "`"
		}
		return "`--connect-url " + u.Scheme + "://" + u.Host + "`, and with what leads there"
	}
	return "`--connect-url` and the address that stands in {subject}"
}

// ofConnect is the type of the installed package that our own tenant makes for Connect.
const ofConnect = "connect"

// refusedClient is the code with which Engagement refuses a package that it does not know or that is off, and whatever calls from an
// address that is not on the API allowlist (engagement-wire 2.1).
const refusedClient = "invalid_client"

// alike says of a refused API user what Engagement does not: it has one text for a grant that is gone, a user who is locked and one
// who is disabled (engagement-wire 2.1), and only who may read users tells them apart.
func alike(o Outcome, cause link.Cause) Outcome {
	for i := range o.Found {
		f := &o.Found[i]
		if ofPassword(cause.Code) {
			f.Command = renewOf(link.IntoTenant)
		}
		if cause.Code == "invalid_grant" {
			f.Seen += " (said alike of a user who is locked, is disabled, or has no grant)"
			f.Click = byAdmin + clickMCUser + ", whether he is active and not locked; then Marketing Cloud tab > Connect to Marketing Cloud"
		}
	}
	return o
}

// each are words of a command that replaces a list: those that stand there and the one that lacks.
func each(flag string, there []string, lacks string) string {
	var b strings.Builder
	for _, one := range append(slices.Clone(there), lacks) {
		b.WriteString(flag + quote(one))
	}
	return b.String()
}

// soon is how long before it ends something is found.
const soon = 30 * 24 * time.Hour

// missingRoles are those of document MANAGE that somebody has not; an administrator needs none of them.
func missingRoles(has []string) []string {
	if slices.Contains(has, "Administrator") || slices.Contains(has, "Marketing Cloud Administrator") {
		return nil
	}
	var out []string
	for _, role := range []string{"Content Creator", "Data Manager", "Marketing Cloud Content Editor/Publisher"} {
		if !slices.ContainsFunc(has, func(one string) bool { return one == role || strings.HasPrefix(one, role+" (in ") }) {
			out = append(out, role)
		}
	}
	return out
}

// enabledUnits are the business units in which the org's users may work.
func (l *Look) enabledUnits() []int64 {
	units, _ := l.OrgUnits.Get()
	var out []int64
	for _, u := range units {
		if u.Enabled && !u.Invalid {
			out = append(out, u.MID)
		}
	}
	return out
}

// whole is a number of a JSON document; 0 where it is none.
func whole(v any) int {
	switch n := v.(type) {
	case float64:
		return int(n)
	case json.Number:
		i, err := n.Int64()
		if err == nil {
			return int(i)
		}
	}
	return 0
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 MST") }
