package pages

import (
	"slices"
	"strconv"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/signin"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

const brand = "Twinspan Connect"

// signOutForm ends the visitor's session in Connect; those in the clouds are the clouds' own.
func signOutForm() ui.Form {
	return ui.Form{Action: signOutPath, Submits: []ui.Submit{{Label: "Sign out of Connect", Secondary: true}}}
}

// otherUserForm has Salesforce ask who the visitor is, also where somebody is logged in there.
func otherUserForm() ui.Form {
	return ui.Form{Action: otherUserPath, Submits: []ui.Submit{{Label: "Sign in as another Salesforce user", Secondary: true}}}
}

// credentials is My Credentials, to which the org leads whose mapping is to be cleared (document 000, from 5.493 on): it clears the
// visitor's own, and the tab then asks for the user that he wants to be.
func credentials() []ui.Block {
	return []ui.Block{
		ui.Heading{Text: "My Credentials"},
		ui.Text("To be connected as another Engagement user, or with permissions that you were given since, reset your mapping and log in to Engagement once more."),
		ui.Form{Action: resetPath, Submits: []ui.Submit{{Label: "Reset my mapping", Secondary: true}}},
	}
}

// connected is the tab of a mapped user. err, where there is one, kept the mapping from being tried.
func connected(v signin.Visitor, m mapping.Mapping, l link.Link, err error) ui.Page {
	p := ui.Page{Title: "Marketing Cloud", Brand: brand, User: v.Username, Blocks: append(append([]ui.Block{
		ui.Text("Connected as " + m.EngagementUser + "."),
		ui.Definitions{
			{Name: "Salesforce user", Value: m.CRMUsername},
			{Name: "Engagement user", Value: m.EngagementUser},
			{Name: "Business unit", Value: strconv.FormatInt(m.MID, 10)},
			{Name: "Mapped", Value: m.CreatedAt.Format("2 January 2006, 15:04 MST")},
			{Name: "Connection", Value: stateText(l.State())},
			{Name: "Authentication", Value: authentication(l.Tenant)},
		},
	}, credentials()...), signOutForm())}
	if err != nil {
		p.Alerts = []ui.Alert{{Kind: ui.Warning, Title: "Engagement could not be asked", Text: fault.Of(err).Message + " The mapping is shown as it was last known."}}
	}
	return p
}

func stateText(s link.State) string {
	switch s {
	case link.Connected:
		return "Both clouds are connected"
	case link.OrgConnected:
		return "Engagement is connected to the org; the org is not connected to Engagement"
	case link.TenantConnected:
		return "The org is connected to Engagement; Engagement is not connected to the org"
	case link.Broken:
		return "Broken: an administrator has to look at it"
	}
	return "Not connected"
}

// unmapped is the tab of a user without a mapping.
func unmapped(v signin.Visitor, l link.Link) ui.Page {
	what := "Sign in once with your own Engagement user, not with the API user. After that you are connected without being asked."
	if link.SameUsername(v.Username, l.Org.Username) {
		what = "You are the Salesforce system user, by whom the clouds work together: he needs no Engagement user, and there is nothing left to do for him here. Other users sign in to this tab as themselves, and press the button once with an Engagement user of their own."
	}
	return ui.Page{
		Title: "Connect to Marketing Cloud", Brand: brand, User: v.Username, FormAction: tenantSource(l),
		Alerts: []ui.Alert{{
			Kind: ui.Warning, Title: "Log out of Engagement first",
			Text: "This connects you to any active Engagement session. To prevent an incorrect connection, " +
				"log out of all active Engagement sessions. Closing the tab doesn’t end an active session.",
		}},
		Blocks: []ui.Block{
			ui.Text(stateText(l.State()) + "."),
			ui.Text(what),
			ui.Form{Action: connectPath, Submits: []ui.Submit{{Label: "Connect to Marketing Cloud"}}},
			ui.Links{{Text: "All guides", Href: GuidesPath}, {Text: "Troubleshoot Connected App", Href: TroubleshootPath}},
			otherUserForm(),
			signOutForm(),
		},
	}
}

// notReconnected is the tab of a user who was mapped before the connection was upgraded.
func notReconnected(v signin.Visitor, m mapping.Mapping, l link.Link) ui.Page {
	p := unmapped(v, l)
	p.Blocks = append([]ui.Block{
		ui.Text("The connection was upgraded, and you are not reconnected yet: you were mapped to " + m.EngagementUser + ". Sign in again, or wait until your administrator has migrated existing users."),
	}, p.Blocks...)
	return p
}

// Words on the buttons of questions.
const (
	yesMap     = "Yes, connect me"
	yesConnect = "Yes, connect"
)

// asking is a question with its two answers; the one that binds is only where it is meant to be pressed the main one.
func asking(p ui.Page, handle, no, yes string, unusual bool) ui.Page {
	flow := ui.Field{Type: ui.HiddenField, Name: "flow", Value: handle}
	answer := func(value, label string, secondary bool) ui.Form {
		return ui.Form{Action: confirmPath, Fields: []ui.Field{flow, {Type: ui.HiddenField, Name: "answer", Value: value}}, Submits: []ui.Submit{{Label: label, Secondary: secondary}}}
	}
	p.Brand, p.Narrow = brand, true
	p.Blocks = append(p.Blocks, answer("no", no, !unusual), answer("yes", yes, unusual))
	return p
}

// question asks a visitor whether he means to be mapped to whom he came back as; why, where not nil, is what is unusual in
// it.
func question(a signin.Arrival, why error) func(handle string) ui.Page {
	p := ui.Page{
		Title: "Connect as this user?", User: a.Flow.Visitor.Username,
		Blocks: []ui.Block{
			ui.Definitions{
				{Name: "Salesforce user", Value: a.Flow.Visitor.Username},
				{Name: "Engagement user", Value: named(a.User)},
				{Name: "Enterprise (EID)", Value: strconv.FormatInt(a.User.EID, 10)},
				{Name: "Business unit (MID)", Value: strconv.FormatInt(a.User.MID, 10)},
			},
			ui.Text("Nothing is stored yet. If this was a mistake, log out of Engagement and sign in again."),
		},
	}
	yes := yesMap
	if why != nil {
		p.Title, yes = "Is this you?", "Map me to "+a.User.Username+" all the same"
		p.Alerts = []ui.Alert{{Kind: ui.Warning, Title: "You signed in to Engagement as " + a.User.Username, Text: fault.Of(why).Message}}
	}
	return func(handle string) ui.Page { return asking(p, handle, "Sign in as somebody else", yes, why != nil) }
}

func named(u link.TenantUser) string {
	if u.Name == "" || u.Name == u.Username {
		return u.Username
	}
	return u.Username + " (" + u.Name + ")"
}

// apiUserQuestion asks whether the session that was found is the API user's.
func apiUserQuestion(a signin.Arrival) func(handle string) ui.Page {
	unit := a.User.MID
	if a.Flow.MID != 0 {
		unit = a.Flow.MID
	}
	p := ui.Page{
		Title: "Connect the org to Engagement?", User: a.User.Username,
		Blocks: []ui.Block{
			ui.Text("This session was found in Engagement. It becomes the Marketing Cloud Connect API user of the connection."),
			ui.Definitions{
				{Name: "API user", Value: named(a.User)},
				{Name: "Enterprise (EID)", Value: strconv.FormatInt(a.User.EID, 10)},
				{Name: "Business unit (MID)", Value: strconv.FormatInt(unit, 10)},
				{Name: "Salesforce org", Value: a.Link.CRMURL},
			},
			ui.Text("Nothing is connected yet."),
		},
	}
	return func(handle string) ui.Page { return asking(p, handle, "No, connect nothing", yesConnect, false) }
}

// systemUserQuestion asks whether the session that was found is the system user's.
func systemUserQuestion(v signin.Visitor) func(handle string) ui.Page {
	p := ui.Page{
		Title: "Connect the account?", User: v.Username,
		Blocks: []ui.Block{
			ui.Text("This session was found in Salesforce. Engagement works in the org as this user from now on."),
			ui.Definitions{{Name: "Salesforce system user", Value: v.Username}, {Name: "Name", Value: v.Name}, {Name: "Org", Value: v.OrgID}},
			ui.Text("Nothing is connected yet."),
		},
	}
	return func(handle string) ui.Page { return asking(p, handle, "No, connect nothing", yesConnect, false) }
}

// systemUserConnected tells the system user that he is done.
func systemUserConnected(l link.Link) ui.Page {
	return ui.Page{
		Title: "Connected", Brand: brand, User: l.Org.Username, Narrow: true,
		Alerts: []ui.Alert{{Kind: ui.Success, Title: "Engagement is connected to the org", Text: "The Salesforce system user is " + l.Org.Username + ", of org " + l.Org.OrgID + "."}},
		Blocks: []ui.Block{ui.Text("You may close this page. Log out of Salesforce: the connection stays.")},
	}
}

// accountAllowed tells the system user that the upgrade goes on without him.
func accountAllowed(l link.Link) ui.Page {
	return ui.Page{
		Title: "The upgrade goes on", Brand: brand, User: l.Org.Username, Narrow: true,
		Alerts: []ui.Alert{{Kind: ui.Success, Title: "Connect may sign in as " + l.Org.Username, Text: "The upgrade goes on: Connect signs in to the org by its own key from now on."}},
		Blocks: []ui.Block{ui.Text("You may close this page. Closing it does not end your session: log out of Salesforce.")},
	}
}

// nothingConnected is where a no leads.
func nothingConnected(cloud string) ui.Page {
	return ui.Page{Title: "Nothing was connected", Brand: brand, Narrow: true, Blocks: []ui.Block{
		ui.Text("Log out of " + cloud + ", and have a new link made: this one was used."),
	}}
}

// broken is the tab of a user whose stored token Engagement refuses: it asks for the credentials again, though giving
// them is of no use before the mapping is cleared (document 000, the third case).
func broken(v signin.Visitor, m mapping.Mapping, l link.Link) ui.Page {
	p := unmapped(v, l)
	p.Alerts = append([]ui.Alert{{
		Kind: ui.Error, Title: "Engagement refuses the stored token",
		Text: "You are mapped to " + m.EngagementUser + ", and Engagement no longer signs that user in for this connection. " +
			"Connecting again is answered “login denied” until the mapping is cleared. Reset it here, or ask an administrator to clear it.",
	}}, p.Alerts...)
	p.Blocks = slices.Concat(p.Blocks[:len(p.Blocks)-1], credentials(), []ui.Block{signOutForm()})
	return p
}

// apiUserConnected tells the API user that he is done.
func apiUserConnected(l link.Link) ui.Page {
	return ui.Page{
		Title: "Connected", Brand: brand, User: l.Tenant.Username, Narrow: true,
		Alerts: []ui.Alert{{
			Kind: ui.Success, Title: "The org is connected to Engagement",
			Text: "The Marketing Cloud Connect API user is " + l.Tenant.Username + ", in business unit " + strconv.FormatInt(l.Tenant.MID, 10) + ".",
		}},
		Blocks: []ui.Block{
			ui.Heading{Text: "What comes next"},
			ui.Text("Log out of Engagement, where the API user is still signed in: the connection stays. The Marketing Cloud tab tells whether the credentials were converted."),
			ui.Links{{Text: "Marketing Cloud tab", Href: TabPath}, {Text: "Verify tenant-specific OAuth", Href: verifyPath}, {Text: "Manage Business Units", Href: unitsPath}},
		},
	}
}

func signedOut(l link.Link) ui.Page {
	ways := ui.Links{{Text: "Open the Marketing Cloud tab", Href: TabPath}}
	if l.CRMURL != "" {
		ways = append(ways, ui.Link{Text: "Open Salesforce, to log out there", Href: l.CRMURL})
	}
	return ui.Page{Title: "Signed out", Brand: brand, Narrow: true, Blocks: []ui.Block{
		ui.Text("You are signed out of Connect, of the Marketing Cloud tab and of the console. Sessions in Salesforce and in Engagement go on until you log out there: whoever is still logged in to Salesforce is signed in here again by it, without being asked."),
		ways,
	}}
}

// failed is the page of every refusal, with a way to begin again.
func failed(text, help, requestID string) ui.Page {
	p := ui.Page{
		Title: "Marketing Cloud", Brand: brand, Narrow: true, Alerts: []ui.Alert{{Kind: ui.Error, Title: "That did not work", Text: text}},
		Blocks: []ui.Block{ui.Links{{Text: "Begin again", Href: TabPath}, {Text: "What this means, in Troubleshoot Connected App", Href: help}}},
	}
	if requestID != "" {
		p.Footer = "Request " + requestID
	}
	return p
}
