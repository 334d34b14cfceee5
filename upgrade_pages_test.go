package twinspan_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/client/connect"
)

// sees fails the test unless the page has the status and all the texts.
func sees(t *testing.T, p *browser.Page, status int, texts ...string) *browser.Page {
	t.Helper()
	for _, text := range texts {
		if p.Status != status || !strings.Contains(strings.Join(strings.Fields(p.Text), " "), text) {
			t.Fatalf("%s answered %d, want %d with %q:\n%s", p.URL.Path, p.Status, status, text, p.Text)
		}
	}
	return p
}

// sendForm presses a button, with what was typed into its form.
func (c houseConsole) sendForm(p *browser.Page, button string, typed url.Values) *browser.Page {
	c.t.Helper()
	for _, f := range p.Forms {
		if b := f.Button(button); b != nil {
			next, err := c.Send(bounded(c.t), f, typed, b)
			noError(c.t, err)
			return next
		}
	}
	c.t.Fatalf("%s has no button %q:\n%s", p.URL.Path, button, p.Text)
	return nil
}

// at opens a page of Connect.
func (c houseConsole) at(path string) *browser.Page {
	c.t.Helper()
	p, err := c.Open(bounded(c.t), c.r.Connect.URL+path)
	noError(c.t, err)
	return p
}

// signedIn is a person who signed in to the console by one of the clouds.
func (a *admins) signedIn(t *testing.T, cloud string, who twinspan.Login) houseConsole {
	t.Helper()
	c := houseConsole{t, a.Ready(), browser.New(nil)}
	sees(t, c.visit(c.r.Connect.URL+"/console/sign-in/"+cloud, who, who, "Allow"), http.StatusOK, "Signed in as "+who.Username)
	return c
}

// The upgrade of document 003 on the pages, by two admins in two sessions: each does his own steps, and sees whom the other one
// waits for. The guide says the same as the API and the command, and what is next.
//
// seed:page S003-02 S003-03 S003-07 S003-08 S003-18 S003-19 S003-20 S003-10 S003-11 S003-12 S003-13 S003-14 S003-15 S003-16 S003-17 S003-21 S003-22 S003-23
// seed:page S003-24 S003-25 S003-26 S003-27 S003-28 S003-29 S003-30 S003-31 S003-32 S003-33 S003-34 S003-60 S003-61
// seed:page S003-04 S003-05 S003-06
func TestUpgradeOnThePages(t *testing.T) {
	t.Parallel()
	a := newAdmins(t)
	r := a.Ready()
	eng, crm := a.signedIn(t, "engagement", r.Engagement.Admin), a.signedIn(t, "salesforce", r.CRM.SystemUser)

	// The Engagement admin comes from Salesforce Integration, where the upgrade is offered because there is something to upgrade.
	anew := houseConsole{t, r, browser.New(nil)}
	came := sees(t, anew.visit(r.Engagement.AuthURL+"/cloud/email/admin/salesforce-integration", twinspan.Login{}, r.Engagement.Admin, "Allow"), 200, "Salesforce Integration", "Signed in as "+r.Engagement.Admin.Username+" of Engagement")
	if came.URL.Path != "/salesforce-integration" {
		t.Errorf("Email Studio > Admin > Salesforce Integration leads to %s", came.URL)
	}
	tenant := func(path string) *browser.Page {
		t.Helper()
		p, err := anew.Open(bounded(t), r.Engagement.AuthURL+"/cloud"+path)
		noError(t, err)
		return p
	}
	sees(t, tenant("/email/my-documents"), 409, "My Documents in Content is off")
	sees(t, anew.sendForm(tenant("/setup/security"), "Save", url.Values{"documents": {"1"}}), 200, "Your changes are saved.")
	sees(t, eng.at("/salesforce-integration"), 200, "Salesforce Integration", "Upgrade to Connected App", "required for all Marketing Cloud Connect accounts as of June 1, 2016", r.CRM.SystemUser.Username)
	p := sees(t, eng.at("/upgrade?kind=connected_app"), 200, "You are here as the Engagement admin.", "What changes", "Admin approved users are pre-authorized", "Length of the outage in minutes", "Schedule")
	sees(t, crm.at("/upgrade?kind=connected_app"), 200, "You are here as the Sales or Service Cloud admin.", "The Engagement admin begins the upgrade")
	sees(t, crm.at("/guides/003"), 200, "Next step", "Schedule a 2-hour sending outage", "Warning", "Closing the tab doesn't end an active session.")

	// The other kind, document 002's, begins in the same way; either admin may take it back, who says why and reads what is undone.
	other := sees(t, eng.at("/upgrade?kind=tenant_oauth"), 200, "Upgrade to tenant-specific OAuth", "You are here as the Engagement admin.")
	sees(t, eng.sendForm(other, "Upgrade to tenant-specific OAuth", url.Values{"acknowledged": {"1"}}), 200, "Upgrade to tenant-specific OAuth", "Let scheduled sends complete", "Install the managed package")
	a.await(t, "the CRM admin's turn", func(u *connect.Upgrade) bool { return waits(u, "package") })
	sees(t, eng.at("/upgrade"), 200, "The upgrade waits for the Sales or Service Cloud admin.")
	sees(t, crm.at("/upgrade"), 200, "It is your turn.", "Installed Packages")
	asked := sees(t, crm.at("/upgrade/cancel"), 200, "Cancel the upgrade", "Connect signs in by the old credentials again", "Undone, by Engagement admin: Acknowledge the changes")
	asked = sees(t, crm.sendForm(asked, "Cancel the upgrade", nil), http.StatusUnprocessableEntity, "Error: Say why.")
	crm.sendForm(asked, "Cancel the upgrade", url.Values{"reason": {"not this month"}})
	a.await(t, "cancelled", func(u *connect.Upgrade) bool { return u.State == "cancelled" })
	sees(t, crm.at("/upgrade/cancel"), http.StatusConflict, "There is nothing to cancel: the last upgrade is cancelled.")

	// A booking keeps what was typed where it is refused, with the reason beside the field.
	refused := sees(t, eng.sendForm(p, "Schedule", url.Values{"at": {"tomorrow"}, "minutes": {"95"}, "mode": {"fail"}}), 400, "Error: Write the time as")
	if f := refused.Forms[slices.IndexFunc(refused.Forms, func(f *browser.Form) bool { return f.Field("at") != nil })]; f.Field("at").Value != "tomorrow" || f.Field("minutes").Value != "95" || f.Field("mode").Value != "fail" {
		t.Errorf("what was typed is gone: %+v", f.Fields)
	}
	// What a booking waits for stands there, and the form that moves it has it ticked.
	p = sees(t, eng.sendForm(p, "Schedule", url.Values{"minutes": {"95"}, "after_sends": {"1"}}), 200, "once the sends have completed that are due before its end")
	p = sees(t, eng.sendForm(p, "Schedule", url.Values{"minutes": {"96"}}), 200, "1h36m", "once the sends have completed that are due before its end")
	booked := sees(t, eng.sendForm(p, "Schedule", url.Values{"minutes": {"95"}, "mode": {"fail"}, "after_sends": nil}), 200, "Booked", "1h35m", "The outage opens", "all sends to reports, campaigns, contacts, leads, and Salesforce data extensions fail")
	sees(t, eng.at("/guides/003"), 200, "booked for")
	eng.sendForm(booked, "Take the booking back", url.Values{"reason": {"another week"}})
	a.await(t, "taken back", func(u *connect.Upgrade) bool { return u.State == "cancelled" })

	// Nothing begins before the changes are acknowledged.
	p = eng.at("/upgrade?kind=connected_app")
	sees(t, eng.sendForm(p, "Upgrade to Connected App", nil), 400, "Error: Acknowledge the changes to begin.")
	sees(t, eng.sendForm(p, "Upgrade to Connected App", url.Values{"acknowledged": {"1"}, "minutes": {"120"}}), 200, "Upgrade to Connected App")
	turn := func(step string) {
		t.Helper()
		a.await(t, step, func(u *connect.Upgrade) bool { return waits(u, step) })
	}
	turn("permission_set")
	p = sees(t, eng.at("/upgrade"), 200, "The upgrade waits for the Sales or Service Cloud admin. You have nothing to do now.", "The connection is unavailable (upgrade in progress)")
	if i := slices.IndexFunc(p.Forms, func(f *browser.Form) bool { return f.Button("Done: look now") != nil }); i >= 0 {
		t.Error("the Engagement admin has the CRM admin's button")
	}
	p = sees(t, crm.at("/upgrade"), 200, "It is your turn.", "Setup > Permission Sets > New", "you, the Sales or Service Cloud admin")
	// Whoever sends the other's form is refused.
	hers := p.Forms[slices.IndexFunc(p.Forms, func(f *browser.Form) bool { return f.Button("Done: look now") != nil })]
	token := eng.at("/upgrade/cancel").Forms[0].Field("form_token").Value
	stolen, err := eng.Send(bounded(t), hers, url.Values{"form_token": {token}}, hers.Button("Done: look now"))
	noError(t, err)
	sees(t, stolen, http.StatusForbidden, "This is a step of the Sales or Service Cloud admin")

	for _, step := range []string{"permission_set", "assignments", "attach"} {
		turn(step)
		a.crm(t, step)
	}
	turn("connect_account")
	sees(t, crm.at("/guides/003"), 200, "Next step", "5. Click Connect Account.")
	sees(t, crm.at("/upgrade/connect-account"), http.StatusForbidden, "This is a step of the Engagement admin")
	p = sees(t, eng.at("/upgrade/connect-account"), 200, "log out of any active Sales or Service Cloud sessions", "https://mycompany.my.salesforce.com", r.Engagement.Admin.Username+" of Engagement", "Salesforce system user "+r.CRM.SystemUser.Username)
	eng.sendForm(p, "Connect Account", nil)
	u := a.await(t, "the org's answer", func(u *connect.Upgrade) bool {
		return settled(u, "connect_account", "done") || u.Waiting != nil && strings.Contains(u.Waiting.Have, "hasn't approved")
	})
	if !settled(u, "connect_account", "done") { // the system user logs in to the org, and allows the app
		p = sees(t, eng.at("/upgrade/connect-account"), 200, "log in there as "+r.CRM.SystemUser.Username)
		form := p.Forms[slices.IndexFunc(p.Forms, func(f *browser.Form) bool { return f.Button("Log in and allow") != nil })]
		next, err := eng.Send(bounded(t), form, nil, form.Button("Log in and allow"))
		noError(t, err)
		sees(t, eng.visit(next.URL.String(), r.CRM.SystemUser, twinspan.Login{}, "Allow", "Yes, connect"), 200, "The upgrade goes on")
	}
	turn("policies")
	a.crm(t, "policies")
	turn("migrate")
	toReconnect := func() bool {
		t.Helper()
		d, err := a.connect(t).Doctor(bounded(t), connect.Question{}, connect.Eyes{})
		noError(t, err)
		return slices.Contains(found(d), "D39")
	}
	if !toReconnect() {
		t.Error("the doctor says nothing of the users who are to be reconnected")
	}
	p = sees(t, eng.at("/upgrade"), 200, "Migrate Existing Users")
	eng.sendForm(p, "Connect", nil)
	turn("verify")
	if toReconnect() {
		t.Error("the doctor says that reconnected users are to be reconnected")
	}
	sees(t, tenant("/email/my-documents"), 200, "migrationsuccess.csv", "migrationfailures.csv")
	sees(t, eng.at("/upgrade/report"), 200, "Reconnected 3", "Users who are not reconnected: none")
	sees(t, eng.at("/upgrade/report?report=success"), 200, r.CRM.Users[0].Username)
	p = sees(t, eng.at("/upgrade"), 200, "Send a test email to yourself")
	sees(t, eng.sendForm(p, "Verify and close", url.Values{"definition": {"welcome"}, "contact": {"nonsense"}}), 400, "Error: ")
	eng.sendForm(p, "Verify and close", url.Values{"definition": {"welcome"}})
	a.await(t, "closed", func(u *connect.Upgrade) bool { return u.State == "watching" })
	sees(t, eng.at("/upgrade"), 200, "The upgrade is complete.")
	p = sees(t, eng.at("/salesforce-integration"), 200, "Nobody is left who was mapped before the upgrade", "JWT bearer")
	if strings.Contains(p.Text, "required for all Marketing Cloud Connect accounts") {
		t.Error("the upgrade is still offered")
	}
	sees(t, eng.sendForm(sees(t, eng.at("/salesforce-integration/migrate/results"), 200, "Auto-connection results"), "OK", nil), 200, "Salesforce Integration")

	// The guide on the page says word by word what the API says, and so the command.
	g, err := a.connect(t).Guide(bounded(t), "003", connect.GuideQuestion{})
	noError(t, err)
	p = eng.at("/guides/003")
	for _, section := range g.Sections {
		for _, step := range section.Steps {
			sees(t, p, 200, strings.Join(strings.Fields(map[string]string{"done": "done: ", "open": "open: ", "not_visible": "not visible: "}[step.State]+map[bool]string{true: step.Number + ". "}[step.Number != ""]+step.Text), " "))
		}
		for _, n := range section.Notes {
			sees(t, p, 200, n.Text)
		}
	}
	sees(t, eng.at("/guides/003?print=1"), 200, "Upgrade to Connected App", "Next step")
	sees(t, eng.at("/guides"), 200, "Clear out User Mappings in MC Connect", "000214335")
}
