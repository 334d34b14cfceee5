package doctor

import (
	"fmt"
	"slices"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
)

// loginChecks look at who else signs in, and how.
func loginChecks() []Check {
	return []Check{
		{
			ID: "T04", Name: "Sessions of strangers", Severity: Notice, Wants: "nobody but Connect works as the system user or the API user, and only who is to be connected comes through the app",
			Why:   "Connecting and a user's first visit take whoever is signed in to the other cloud in that browser: a session that was left open is how the wrong user is bound, and closing the tab ends none.",
			Click: "Setup > Security > Session Management", Command: "twinspan org session list --user {user}", Document: docSetup + "; " + docUpgrade,
			Look: func(l *Look) Outcome {
				var out Outcome
				for _, part := range []Outcome{l.systemSessions(), l.apiSessions(), l.strangers()} {
					out.Found = append(out.Found, part.Found...)
					out.Unread = or(out.Unread, part.Unread)
				}
				return out
			},
		},
		{
			ID: "T07", Name: "Username-password flow in use", Severity: Notice, Wants: "nobody signs in by the username-password flow",
			Why:   "The flow is blocked in new orgs, breaks with every change of a password or security token, and external client apps do not have it.",
			Click: "Setup > Identity > OAuth and OpenID Connect Settings > Allow OAuth Username-Password Flows", Command: "twinspan integration-user check", Document: docUser,
			Look: func(l *Look) Outcome {
				account, why := l.Integration.Get()
				if why != "" {
					return unread(why)
				}
				var out Outcome
				if account.Username != "" {
					out = foundAt(account.Username, "the integration user signs in by it; JWT bearer needs no password")
				}
				others := l.signedIn(func(row LoginRow) bool { return row.byName() && !link.SameUsername(row.Username, account.Username) }, "twinspan org logins --user {user}")
				out.Found = append(out.Found, others.Found...)
				out.Unread = others.Unread
				return out
			},
		},
		{
			ID: "T12", Name: "SOAP login() retirement", Severity: Warning, Wants: "nothing signs in by SOAP login()",
			Why:   "SOAP login() goes in Summer '27 and is off in new orgs already; Connected App authentication is required since 1 June 2016.",
			Click: "Email Studio > Admin > Salesforce Integration > Upgrade to Connected App", Command: "twinspan upgrade start", See: "twinspan upgrade plan", Document: docUpgrade + "; " + docLogin,
			Look: func(l *Look) Outcome {
				var out Outcome
				if l.Link.Org.Driver == link.Password {
					out = foundAt(l.Link.Org.Username, "Connect signs in to the org with the system user's password, by SOAP login()")
				}
				others := l.signedIn(LoginRow.bySOAP, "twinspan org logins --user {user}")
				for _, f := range others.Found {
					f.Severity, f.Click = Notice, "the program that signs in: an access token by an app of its own; Setup > Identity > Login History says from where"
					out.Found = append(out.Found, f)
				}
				out.Unread = others.Unread
				return out
			},
		},
	}
}

// signedIn are the users who signed in in the last day in some way, each once, with how often and how last.
func (l *Look) signedIn(by func(LoginRow) bool, command string) Outcome {
	rows, why := l.Day.Get()
	if why != "" {
		return unread(why)
	}
	var users []string
	times, last := map[string]int{}, map[string]LoginRow{}
	for _, row := range rows { // the newest first
		if !by(row) {
			continue
		}
		if times[row.UserID]++; times[row.UserID] == 1 {
			users, last[row.UserID] = append(users, row.UserID), row
		}
	}
	out := Outcome{Unread: l.dayCut()}
	for _, id := range users {
		row := last[id]
		out.Found = append(out.Found, Found{
			Subject: or(row.Username, id), Command: command,
			Seen: fmt.Sprintf("%s in the last day, last on %s from %s, by %s", count(times[id], "times"), day(row.At), row.Address, or(row.Application, "a program that does not say its name")),
		})
	}
	sortFound(out.Found)
	return out
}

// systemSessions are the system user's sessions since he was connected by which somebody else than Connect works. Programs that signed in as him by a
// password are T07's and T12's.
func (l *Look) systemSessions() Outcome {
	all, why := l.Sessions.Get()
	if why != "" {
		return unread(why)
	}
	logins, _ := l.Logins.Get()
	own := ""
	if i := slices.IndexFunc(all, func(s OrgSession) bool { return s.Current }); i >= 0 {
		own = all[i].Address
	}
	var out Outcome
	for _, s := range all[:min(len(all), maxSessions)] {
		i := slices.IndexFunc(logins, func(row LoginRow) bool { return row.ID == s.LoginID })
		seen := ""
		switch {
		case s.Current || s.Type == sessionByCall || !s.Began.After(l.Link.Org.ConnectedAt): // connecting is done as him
		case s.Type != sessionOfApp:
			seen = "a person works as the system user (" + s.Type + ")"
		case i < 0:
			out.Unread = "Login History does not tell any more by which app a session of " + l.systemUsername() + " was made."
		case logins[i].SubType == subtypeByName:
		case !logins[i].app(l.Link):
			seen = "a session through " + or(logins[i].Application, "an app without a name")
		case logins[i].SubType == subtypeJWT && own != "" && s.Address != own:
			seen = "a session by Connect's key, and this Connect calls from " + own + ": another replica, or somebody who has the key"
		}
		if seen != "" {
			out.Found = append(out.Found, Found{
				Subject: l.systemUsername(), Seen: seen + ", since " + day(s.Began) + " from " + s.Address, Expected: "no session but those by which Connect works", Command: "twinspan org session revoke " + quote(s.ID),
			})
		}
	}
	if len(all) > maxSessions {
		out.Unread = "The system user has more sessions than are looked at in one go; the older were not."
	}
	return out
}

// apiSessions are the API user's sessions in browsers that began after he was connected.
func (l *Look) apiSessions() Outcome {
	all, why := l.Visits.Get()
	switch {
	case l.Link.Standing == link.OwnLink:
		return Outcome{} // there is no API user
	case why != "" && l.Link.Standing == link.BesidePackage:
		return unread("No public API of a real tenant tells who is signed in to Engagement: log out of all sessions there before anybody connects.")
	case why != "":
		return unread(why)
	}
	var out Outcome
	name, _ := l.apiUsername()
	for _, s := range all {
		since, err := time.Parse(time.RFC3339, s.Since)
		if err != nil || !since.After(l.Link.Tenant.ConnectedAt) {
			continue
		}
		out.Found = append(out.Found, Found{
			Subject: name, Seen: "a browser is signed in to Engagement as the API user, since " + day(since) + " (" + s.UserAgent + ")", Expected: "no session in a browser once he is connected",
			Click: "in that browser: Engagement > user menu > Logout", Command: "twinspan tenant session end " + quote(s.ID),
		})
	}
	return out
}

// strangers are who came into the org through the connection's app in the last day and is nobody whom Connect knows.
func (l *Look) strangers() Outcome {
	people, why := l.People.Get()
	members, membersWhy := l.Members.Get()
	switch {
	case l.Link.Standing == link.OwnLink && l.Link.Console() == l.Link.ConsumerKey:
		return Outcome{} // everybody signs in to Connect through it
	case why != "" || membersWhy != "":
		return unread(or(why, membersWhy))
	}
	known := func(row LoginRow) bool {
		_, there := people.ByID[row.UserID]
		return there || row.UserID == l.systemID() || slices.ContainsFunc(members, func(m Member) bool { return link.SameUsername(m.SalesforceUsername, row.Username) })
	}
	out := l.signedIn(func(row LoginRow) bool {
		return row.Status == statusSuccess && row.app(l.Link) && !row.byName() && !known(row)
	}, "twinspan org session list --user {subject}")
	for i := range out.Found {
		f := &out.Found[i]
		f.Seen, f.Expected = "neither mapped nor integrated, and signed in through the app: "+f.Seen, "only the system user and who is to be connected come through the app"
		f.Click = "Setup > Apps > Connected Apps > Connected Apps OAuth Usage > {app}"
	}
	out.Unread = or(out.Unread, cut(people))
	return out
}
