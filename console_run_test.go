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

// formOf is the form of a page that has the button.
func formOf(t *testing.T, p *browser.Page, button string) *browser.Form {
	t.Helper()
	i := slices.IndexFunc(p.Forms, func(f *browser.Form) bool { return f.Button(button) != nil })
	if i < 0 {
		t.Fatalf("%s has no button %q:\n%s", p.URL.Path, button, p.Text)
	}
	return p.Forms[i]
}

// The pages with which the connection is run: who is told, at which use, a triggered send that is made, the change of the API
// user's credentials step by step, and the integration user. Each form keeps what was typed where it is refused, never a secret,
// and what it does is told by the API.
func TestConsoleRunsTheConnection(t *testing.T) {
	t.Parallel()
	e := &endurance{Program: start(t, freePorts(t.TempDir()))}
	r, api := e.Ready(), e.connect(t)
	me := houseConsole{t, r, browser.New(nil)}
	sees(t, me.visit(r.Connect.URL+"/console/sign-in/salesforce", r.CRM.SystemUser, twinspan.Login{}, "Allow"), 200, "The bridge at a glance", "Last proof", "Next expiry")

	t.Run("notifications", func(t *testing.T) {
		page := sees(t, me.at("/console/notifications"), 200, "What is broken now: nothing", "Exception notifications go to")
		bad := sees(t, me.sendForm(page, "Save", url.Values{"recipients": {"olga@admin.example\nno address"}}), 400, "Error: ")
		if got := formOf(t, bad, "Save").Field("recipients").Value; !strings.Contains(got, "no address") {
			t.Errorf("typed was %q", got)
		}
		sees(t, me.sendForm(bad, "Save", url.Values{"recipients": {"olga@admin.example carl@admin.example"}}), 200, "The notifications are saved")
		if n := must[connect.Notices](t)(api.Notices(bounded(t))); !slices.Equal(n.Recipients, []string{"carl@admin.example", "olga@admin.example"}) {
			t.Errorf("told are %v", n.Recipients)
		}
	})
	t.Run("usage alerts", func(t *testing.T) {
		page := sees(t, me.at("/console/usage/alerts"), 200, "rolling 24-hour limit")
		if got := formOf(t, page, "Save").Field("percents").Value; got != "80 95" {
			t.Errorf("at first %q", got)
		}
		sees(t, me.sendForm(page, "Save", url.Values{"percents": {"120"}}), 400, "Error: A percentage is a whole number from 1 to 100.")
		sees(t, me.sendForm(page, "Save", url.Values{"percents": {"50, 90%"}, "counted": {"1000"}}), 200, "The thresholds are saved")
		if u := must[connect.Usage](t)(api.Usage(bounded(t))); !slices.Equal(u.Alerts.Percents, []int{50, 90}) || u.Alerts.Counted != 1000 {
			t.Errorf("the thresholds are %+v", u.Alerts)
		}
	})
	t.Run("new triggered send", func(t *testing.T) {
		sees(t, me.at("/console/triggers"), 200, "New triggered send")
		page := me.at("/console/triggers/new")
		typed := url.Values{"name": {"Welcome leads"}, "object": {"Lead"}, "on": {"insert"}, "definition_key": {"welcome"}, "delay_hours": {"721"}, "field1": {"LastName"}, "operator1": {"contains"}, "value1": {"Jr"}}
		bad := sees(t, me.sendForm(page, "Save", typed), 400, "Error: Hours Delayed cannot exceed 720.")
		f := formOf(t, bad, "Save")
		if f.Field("name").Value != "Welcome leads" || f.Field("value1").Value != "Jr" || f.Field("operator1").Value != "contains" {
			t.Errorf("what was typed is gone: %+v", f.Fields)
		}
		sees(t, me.sendForm(bad, "Save", url.Values{"delay_hours": {"1"}}), 200, "Triggered sends", "Welcome leads", "active")
		all := must[[]connect.Trigger](t)(api.Triggers(bounded(t)))
		if len(all) != 1 || all[0].Object != "Lead" || all[0].DelayHours != 1 || len(all[0].Criteria) != 1 {
			t.Errorf("made were %+v", all)
		}
	})
	t.Run("API user", func(t *testing.T) {
		page := sees(t, me.at("/console/api-user"), 200, "What stops", "triggered sends fail", "Welcome", "Journey Builder: stop journeys", "as it should be", "The form for it stands here once what sends is paused.")
		page = sees(t, me.sendForm(page, "Pause what sends", nil), 200, "A change is under way", "done: 2. Pause what sends.", "Paused")
		sees(t, me.sendForm(page, "Verify and resume", url.Values{"api_user": {"nobody.at.all"}}), 200, "Log in to let Marketing Cloud Connect act for you.", "It asks for the user nobody.at.all.") // who has no grant signs in once
		sees(t, me.sendForm(page, "Verify and resume", nil), 200, "The last change is over")
		plan := must[connect.APIUserPlan](t)(api.APIUserPlan(bounded(t)))
		if plan.Change == nil || plan.Change.Step != "resumed" || len(plan.Active) == 0 {
			t.Errorf("the change is %+v, active %v", plan.Change, plan.Active)
		}
		page = sees(t, me.sendForm(me.at("/console/api-user"), "Pause what sends", nil), 200, "A change is under way")
		sees(t, me.sendForm(page, "Cancel the change", nil), 200, "The last change was cancelled", "The form for it stands here once what sends is paused.")
		if plan = must[connect.APIUserPlan](t)(api.APIUserPlan(bounded(t))); plan.Change.Step != "cancelled" || len(plan.Active) == 0 {
			t.Errorf("the change is %+v, active %v", plan.Change, plan.Active)
		}
	})
	t.Run("integration user", func(t *testing.T) {
		robot, app := r.CRM.Admin, r.CRM.ConnectedApps["Integration Test"]
		page := sees(t, me.at("/console/integration-user"), 200, "He is not Connect’s system user", "Allow OAuth Username-Password Flows.")
		given := url.Values{"username": {robot.Username}, "password": {"wrong"}, "security_token": {robot.SecurityToken}, "client_id": {app.ClientID}, "client_secret": {app.ClientSecret}}
		bad := sees(t, me.sendForm(page, "Connect the integration user", given), http.StatusForbidden, "That did not work")
		if f := formOf(t, bad, "Connect the integration user"); f.Field("username").Value != robot.Username || f.Field("password").Value != "" || f.Field("client_secret").Value != "" {
			t.Errorf("the form has %+v", f.Fields)
		}
		page = sees(t, me.sendForm(bad, "Connect the integration user", url.Values{"password": {robot.Password}, "security_token": {robot.SecurityToken}, "client_secret": {app.ClientSecret}}), 200, "User name "+robot.Username, "State Connected")
		sees(t, me.sendForm(page, "Check now", nil), 200, "What the check found", "profile System Administrator System Administrator as it should be")
		sees(t, me.sendForm(page, "Renew", url.Values{"password": {robot.Password}, "security_token": {robot.SecurityToken}}), 200, "State Connected")
		sees(t, me.sendForm(me.at("/console/integration-user"), "Forget the integration user", nil), 200, "Connect the integration user")
		if s := must[connect.Status](t)(api.Status(bounded(t))); s.IntegrationUser != nil {
			t.Errorf("there is %+v", s.IntegrationUser)
		}
	})
}
