package pages

import (
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

// resetForm clears the visitor's own mapping.
func resetForm() ui.Form {
	return ui.Form{Action: resetPath, Submits: []ui.Submit{{Label: "Reset my mapping", Secondary: true}}}
}

// connected is the tab of a mapped user. err, where there is one, kept the mapping from being tried.
func connected(v signin.Visitor, m mapping.Mapping, l link.Link, err error) ui.Page {
	p := ui.Page{Title: "Marketing Cloud", Brand: brand, User: v.Username, Blocks: []ui.Block{
		ui.Text("Connected as " + m.EngagementUser + "."),
		ui.Definitions{
			{Name: "Salesforce user", Value: m.CRMUsername},
			{Name: "Engagement user", Value: m.EngagementUser},
			{Name: "Business unit", Value: strconv.FormatInt(m.MID, 10)},
			{Name: "Mapped", Value: m.CreatedAt.Format("2 January 2006, 15:04 MST")},
			{Name: "Connection", Value: stateText(l.State())},
		},
		resetForm(),
		signOutForm(),
	}}
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
	return ui.Page{
		Title: "Connect to Marketing Cloud", Brand: brand, User: v.Username, FormAction: tenantSource(l),
		Alerts: []ui.Alert{{
			Kind: ui.Warning, Title: "Log out of Engagement first",
			Text: "This connects you to any active Engagement session. To prevent an incorrect connection, " +
				"log out of all active Engagement sessions. Closing the tab doesn’t end an active session.",
		}},
		Blocks: []ui.Block{
			ui.Text("Sign in once with your own Engagement user, not with the API user. After that you are connected without being asked."),
			ui.Form{Action: connectPath, Submits: []ui.Submit{{Label: "Connect to Marketing Cloud"}}},
			signOutForm(),
		},
	}
}

// question asks whether the visitor means to be mapped to whom he came back as.
func question(a signin.Arrival, why, handle string) ui.Page {
	flow := ui.Field{Type: ui.HiddenField, Name: "flow", Value: handle}
	answer := func(value string) ui.Field { return ui.Field{Type: ui.HiddenField, Name: "answer", Value: value} }
	return ui.Page{
		Title: "Is this you?", Brand: brand, User: a.Flow.Visitor.Username, Narrow: true,
		Alerts: []ui.Alert{{Kind: ui.Warning, Title: "You signed in to Engagement as " + a.User.Username, Text: why}},
		Blocks: []ui.Block{
			ui.Text("Nothing is stored yet. If this was a mistake, log out of Engagement and sign in again."),
			ui.Form{Action: confirmPath, Fields: []ui.Field{flow, answer("no")}, Submits: []ui.Submit{{Label: "Sign in as somebody else"}}},
			ui.Form{Action: confirmPath, Fields: []ui.Field{flow, answer("yes")}, Submits: []ui.Submit{{Label: "Map me to " + a.User.Username + " all the same", Secondary: true}}},
		},
	}
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
	p.Blocks = append(p.Blocks[:len(p.Blocks)-1:len(p.Blocks)-1], resetForm(), signOutForm())
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
		Blocks: []ui.Block{ui.Text("You may close this page. Log out of Engagement: the connection stays.")},
	}
}

func signedOut() ui.Page {
	return ui.Page{Title: "Signed out", Brand: brand, Narrow: true, Blocks: []ui.Block{
		ui.Text("You are signed out of Connect. Sessions in Salesforce and in Engagement go on until you log out there."),
		ui.Links{{Text: "Open the Marketing Cloud tab", Href: TabPath}},
	}}
}

// failed is the page of every refusal, with a way to begin again.
func failed(text, requestID string) ui.Page {
	p := ui.Page{
		Title: "Marketing Cloud", Brand: brand, Narrow: true, Alerts: []ui.Alert{{Kind: ui.Error, Title: "That did not work", Text: text}},
		Blocks: []ui.Block{ui.Links{{Text: "Begin again", Href: TabPath}}},
	}
	if requestID != "" {
		p.Footer = "Request " + requestID
	}
	return p
}
