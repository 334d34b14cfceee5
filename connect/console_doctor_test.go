package connect_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/internal/client/browser"
)

// ask sends the form of a page that asks the doctor something.
func (a admin) ask(p *browser.Page, button, field, value string) *browser.Page {
	a.t.Helper()
	return a.press(p, button, url.Values{field: {value}})
}

// TestConsoleDoctor: the page that changes of state lead to shows what was found and what could not be checked, looks when asked,
// keeps what it found, and answers for one user, before a change and about a refusal.
func TestConsoleDoctor(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a := w.admin(t)
		page := a.wants(a.open("/doctor"), 200, "The connection was not looked at yet.", "Look now", "Why can this user not sign in or send?")
		if !strings.Contains(a.open("/console").Text, "Doctor") {
			t.Error("the console does not lead to the doctor")
		}
		w.mapped(t)
		w.tenant.Grant(apiUser.Username, false)
		w.tenant.DropTokens()

		// Look now: a round, kept, with all that a finding says.
		round := a.wants(
			a.press(page, "Look now", nil), 200, "Round 1", "error: D22 The API user can log in: mc-api-user", "Seen", "Expected active, not locked", "Why it matters Nothing goes from the org into Engagement without him.",
			"Email Studio > Admin > My Users > mc-api-user, whether he is active and not locked", "Command twinspan connect --sign-in", "Document document 002", "Not checkable", "Because", "Engagement refuses the API user",
		)
		if round.URL.Path != "/doctor/rounds/1" {
			t.Errorf("the look is at %s", round.URL)
		}
		w.tenant.Grant(apiUser.Username, true)
		a.wants(a.press(round, "Look now", nil), 200, "Round 2", "Gone since the one before")
		a.wants(a.open("/doctor"), 200, "Look now", "Findings")
		history := a.wants(a.open("/doctor/rounds"), 200, "Rounds, the newest first", "D22")
		if strings.Index(history.Text, "D22") > strings.LastIndex(history.Text, "D22") {
			t.Errorf("the history: %s", history.Text)
		}
		a.wants(a.open("/doctor/rounds/1"), 200, "D22 The API user can log in")
		a.wants(a.open("/doctor/rounds/99"), 404, "There is no such round")
		a.wants(a.open("/doctor/rounds/x"), 404, "There is no such round")
		a.wants(a.open("/doctor/rounds?before=x"), 400, "There is no such page")

		// One user, in one answer.
		a.wants(a.ask(page, "Look at the user", "user", "nobody@org.example"), 200, "Why nobody@org.example cannot sign in or send", "error: U01 The org has the user: nobody@org.example", "Looked at")
		again := a.wants(a.ask(page, "Look at the user", "user", strings.Repeat("x", 300)), 400, "There is a problem")
		kept := false
		for _, f := range again.Forms {
			for _, field := range f.Fields {
				kept = kept || field.Name == "user" && field.Value == strings.Repeat("x", 300)
			}
		}
		if !kept {
			t.Error("what was typed is gone")
		}

		// Before a change.
		a.wants(a.ask(page, "Look before the change", "change", "sandbox-refresh"), 200, "Before a sandbox refresh", "B07 What a refresh copies")
		a.wants(a.open("/doctor/before?change=dinner"), 400, "before is connect, upgrade")

		// What a refusal means.
		a.wants(a.ask(page, "Explain", "text", "user is not admin approved to access this app"), 200, "Assign the permission set that carries the app", "D06")
		a.wants(a.ask(page, "Explain", "text", "no such words at all"), 404, "Nobody knows this code or text")

		a.wants(a.ask(page, "Explain", "text", "invalid_app_acces"), 404, "Near to it", "invalid_app_access: user is not admin approved to access this app")

		// A safe mend: shown first, confirmed, made in Engagement by somebody's own session, looked at again, on record.
		w.tenant.Integrate(annMC.Username, "")
		plan := a.wants(a.open("/doctor/fix"), 200, "Mend what is safe", "D27 Salesforce.com Status: "+annMC.Username, "Integrates the Engagement user with the CRM user who is mapped to him", "an administrator of Engagement, in a session of his own there", "Salesforce.com Status > Integrate",
			"twinspan tenant user update "+annMC.Username+" --crm-username")
		a.wants(a.press(plan, "Confirm the mends chosen", url.Values{"chosen": {"D99 nobody"}}), 409, "is not found any more", "What this means")
		begun := a.wants(a.press(plan, "Confirm the mends chosen", url.Values{"chosen": {"D27 " + annMC.Username}}), 200, "Mends under way", "to be made", "Salesforce.com Status > Integrate", "Confirmed by console: one-time link")
		left := a.wants(a.press(begun, "They are made: look again", nil), 200, "What became of the mends", "still found", "Salesforce.com Status > Integrate")
		if strings.Contains(left.Text, "They are made") {
			t.Error("a fix ends twice")
		}
		a.wants(a.press(begun, "They are made: look again", nil), 409, "has come to its end", "What this means, in Troubleshoot Connected App")
		a.wants(a.open("/doctor/fix/nothing"), 404, "There is no such fix")
		a.wants(a.open("/console/audit"), 200, "doctor.fix", "doctor.fixed")

		// How it watches, on record.
		watch := a.wants(a.open("/doctor/watch"), 200, "every 60 minutes", "Webhook none", "Mailed none")
		bad := a.wants(a.press(watch, "Save", url.Values{"every_minutes": {"99999"}, "severity": {"error"}}), 400, "Between two rounds are 1 minute to 7 days")
		a.wants(a.press(bad, "Save", url.Values{"every_minutes": {"360"}}), 200, "every 360 minutes", "Counts from error")
		secret := "a secret of sixteen bytes"
		refused := a.wants(a.press(watch, "Save", url.Values{"webhook": {"https://169.254.169.254/"}, "webhook_secret": {secret}}), 400, "A webhook is an https address of the open internet")
		if strings.Contains(refused.Text, secret) {
			t.Error("the secret is shown again")
		}
		a.wants(a.open("/console/audit"), 200, "doctor.watch", "console: one-time link")

		// Who administers Engagement may look; who has no role may not, and is told which is missing.
		w.tenant.GiveRoles(annMC.Username, "Marketing Cloud Administrator")
		chief := browser.New(nil)
		w.console(t, chief, signInTenant, "", linktest.Person{}, annMC)
		wantPage(t, w.console(t, chief, "/doctor", "", linktest.Person{}, linktest.Person{}), 200, "Look now")
		wantPage(t, w.console(t, chief, "/doctor/watch", "", linktest.Person{}, linktest.Person{}), 403, "This needs the role")
		wantPage(t, w.console(t, chief, "/doctor/fix", "", linktest.Person{}, linktest.Person{}), 200, "Mend what is safe")
		nobody := browser.New(nil)
		w.console(t, nobody, signInOrg, "", bob, linktest.Person{})
		wantPage(t, w.console(t, nobody, "/doctor", "", linktest.Person{}, linktest.Person{}), 403, "A role is missing")
		wantPage(t, w.console(t, nobody, "/doctor/fix", "", linktest.Person{}, linktest.Person{}), 403, "A role is missing", "This needs the role")
		wantPage(t, w.console(t, browser.New(nil), "/doctor", "", linktest.Person{}, linktest.Person{}), 200, "Sign in to Connect")
		w.noSecrets(t)
	})
}
