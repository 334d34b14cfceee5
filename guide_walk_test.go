package twinspan_test

import (
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/ui/uitest"
)

// A person who has Connect's address and people's passwords, and has read nothing, finishes document 001: the address leads to the guide, the
// guide looks at the org in his own session before Connect has a user in it, says at each time what comes next, and the Marketing
// Cloud tab is where the clouds are connected. Whoever is not the system user, and whatever session is not the API user's, is
// told so, and nothing is connected.
//
// seed:page S001-35 S001-45 S001-46 S001-47 S001-48 S001-49 S001-50 S001-51 S001-52
func TestDocument001FromNothing(t *testing.T) {
	t.Parallel()
	c := freePorts(t.TempDir())
	c.Fixture, c.ReadyFile = twinspan.FixtureNewOrg, filepath.Join(t.TempDir(), "ready.json")
	e := &admins{&endurance{Program: start(t, c)}, c.ReadyFile}
	r := e.Ready()
	me := houseConsole{t, r, browser.New(nil)}
	api := e.connect(t)
	state := func(want string) {
		t.Helper()
		s, err := api.Status(bounded(t))
		noError(t, err)
		if s.State != want {
			t.Errorf("the connection is %s, want %s", s.State, want)
		}
	}

	// The address leads to the guide, which says who is to sign in; by the one-time link nobody looks at the org.
	sees(t, me.at("/"), 200, "What comes next", "Set Up Connected App Authentication")
	operator := houseConsole{t, r, browser.New(nil)}
	link, err := e.ConsoleLink(bounded(t))
	noError(t, err)
	operator.visit(link, twinspan.Login{}, twinspan.Login{}, "Open the console")
	sees(t, operator.at("/guides/001"), 200, "The org was not looked at", "Sign in with Salesforce")
	guide := func(texts ...string) *browser.Page {
		t.Helper()
		return sees(t, me.visit(r.Connect.URL+"/guides/001", r.CRM.Admin, twinspan.Login{}, "Allow"), 200, texts...)
	}
	sees(t, me.at("/guides/001"), 200, "Sign in to Connect")
	sees(t, me.visit(r.Connect.URL+"/console/sign-in/salesforce?return=%2Fguides%2F001", r.CRM.Admin, twinspan.Login{}, "Allow"), 200,
		"Next step", "open: 1. In the Sales or Service Cloud, click Setup.", "10. Save changes.", "Read Salesforce Marketing Cloud: All users may self-authorize", "come back to this guide")
	sees(t, me.at("/guides/001"), 200, "You are signed in, and have no role here", "That is as it should be before the clouds are connected.")
	sees(t, me.at("/console"), 200, "(no role)", "Guide: Set Up Connected App Authentication")
	sees(t, me.at("/console/mappings"), http.StatusForbidden, "A role is missing")

	// What is done in Setup is seen, one part after the other.
	setup := func(args ...string) { e.command(t, 0, append([]string{"org"}, args...)...) }
	setup("app", "policies", "Salesforce_Marketing_Cloud", "--permitted-users", "admin-approved", "--ip-relaxation", "relax", "--refresh-token", "immediately")
	guide("open: 11. From Setup, click Manage Users under Administer.", "16. Save the permission set.")
	setup("permset", "create", "Marketing Cloud Connected App")
	guide("Connect does not know yet who the system user is: give his user name.", "to the API User, which here is the Salesforce system user.")
	sees(t, me.at("/guides/001?system_user="+url.QueryEscape(r.CRM.SystemUser.Username)), 200, r.CRM.SystemUser.Username+" does not have Marketing Cloud Connector")
	// Said on the page it is kept: whoever goes away and comes back is asked no more; a slip is said beside the field.
	refused := sees(t, me.sendForm(me.at("/guides/001"), "Look", url.Values{"system_user": {"system user"}}), http.StatusBadRequest, "has the form of an email address")
	for _, f := range refused.Forms {
		if typed := f.Field("system_user"); typed != nil && typed.Value != "system user" {
			t.Errorf("what was typed is gone: %q", typed.Value)
		}
	}
	sees(t, me.sendForm(refused, "Look", url.Values{"system_user": {" " + r.CRM.SystemUser.Username}}), 200, "Salesforce system user "+r.CRM.SystemUser.Username, r.CRM.SystemUser.Username+" does not have Marketing Cloud Connector")
	sees(t, me.at("/guides/003"), 200, "Salesforce system user "+r.CRM.SystemUser.Username)

	// From the org's pages a way leads back: the console's app and the package's tab have Start URLs.
	alma := uitest.New(t, r.CRM.URL).Open("/setup").Fill("Username", r.CRM.Admin.Username).Fill("Password", r.CRM.Admin.Password).Press("Log In")
	if at := alma.Click("Marketing Cloud").At(); !strings.HasPrefix(at, r.Connect.URL+"/oauth/crm/callback?") { // by way of the org, which says who comes
		t.Errorf("the tab leads to %q", at)
	}
	stranger := houseConsole{t, r, browser.New(nil)} // Connect does not know him yet: who he is the org says
	if came := stranger.visit(alma.Open("/setup").Click("Twinspan Connect").At(), r.CRM.Admin, twinspan.Login{}, "Allow"); came.URL.Path != "/console" {
		t.Errorf("the org leads to %s: %s", came.URL, came.Text)
	}
	for _, set := range []string{"Marketing Cloud Connected App", "Marketing Cloud Connector", "Marketing Cloud Connector Admin", "Marketing Cloud System User"} {
		setup("permset", "assign", set, r.CRM.SystemUser.Username)
	}
	guide("open: 26. In the Sales or Service Cloud, click Setup.")

	// The tab before the last step, and by the administrator, who is not the system user.
	tab := sees(t, me.visit(r.Connect.URL+"/marketing-cloud", r.CRM.Admin, twinspan.Login{}, "Allow"), 200, "Connect to Marketing Cloud", "This is done as the Salesforce system user", "Closing the tab doesn’t end an active session.")
	sees(t, me.sendForm(tab, "Connect to Marketing Cloud", nil), http.StatusForbidden, "Nothing was connected", "is not admin approved", "Guide: Set Up Connected App Authentication")
	setup("permset", "attach", "Marketing_Cloud_Connected_App", "Salesforce_Marketing_Cloud")
	guide("Log out of all active Engagement sessions.", "open: 33. In Sales or Service Cloud, go to the Marketing Cloud tab, as the Salesforce system user.")
	setup("permset", "assign", "Marketing Cloud Connected App", r.CRM.Admin.Username) // and so let in, without the permission set that makes somebody the system user
	sees(t, me.sendForm(tab, "Connect to Marketing Cloud", nil), http.StatusForbidden, "does not have the permission set Marketing Cloud System User")
	state("not_connected")

	// As the system user: who came back from Engagement is named, and a session that is not the API user's is warned of.
	login := sees(t, me.sendForm(tab, "Sign in as another Salesforce user", nil), 200, "Log In")
	tab = sees(t, me.visit(login.URL.String(), r.CRM.SystemUser, twinspan.Login{}, "Allow"), 200, "You are signed in to Salesforce as "+r.CRM.SystemUser.Username)
	asked := func(who twinspan.Login) *browser.Page {
		t.Helper()
		page := me.sendForm(tab, "Connect to Marketing Cloud", nil)
		i := slices.IndexFunc(page.Forms, func(f *browser.Form) bool { return f.Button("Log-in") != nil })
		if i < 0 {
			t.Fatalf("Engagement does not ask for the API user: %s", page.Text)
		}
		page, err := me.Send(bounded(t), page.Forms[i], url.Values{"username": {who.Username}, "password": {who.Password}}, page.Forms[i].Button("Log-in"))
		noError(t, err)
		if slices.ContainsFunc(page.Forms, func(f *browser.Form) bool { return f.Button("Allow") != nil }) {
			page = me.sendForm(page, "Allow", nil)
		}
		return sees(t, page, 200, "Connect the clouds?", "Salesforce system user "+r.CRM.SystemUser.Username, "Nothing is connected yet.")
	}
	mistake := sees(t, asked(r.Engagement.Users[0]), 200, r.Engagement.Users[0].Username+" is no API User")
	sees(t, me.sendForm(mistake, "No, connect nothing", nil), 200, "Nothing was connected", "log in as the Marketing Cloud Connect API User")
	state("not_connected")
	right := asked(r.Engagement.APIUser)
	if strings.Contains(right.Text, "is no API User") {
		t.Errorf("the API user is taken for somebody else: %s", right.Text)
	}
	sees(t, me.sendForm(right, "Yes, connect", nil), 200, "Both clouds are connected", "No further password is needed.", r.Engagement.APIUser.Username)
	state("connected")
	s, err := api.CheckStatus(bounded(t), "once")
	noError(t, err)
	if s.Org.SystemUser != r.CRM.SystemUser.Username || s.Engagement.APIUser != r.Engagement.APIUser.Username || s.State != "connected" {
		t.Errorf("connected as %s and %s: %s", s.Org.SystemUser, s.Engagement.APIUser, s.State)
	}

	// Who lent his session reads the guide to its end; the address is the tab from now on; who had no session is asked for a role.
	sees(t, me.at("/guides/001"), 200, "No step is open", "0 open", "done: The clouds are connected, and no further password is needed")
	sees(t, me.at("/"), 200, "Marketing Cloud")
	other := houseConsole{t, r, browser.New(nil)}
	sees(t, other.visit(r.Connect.URL+"/console/sign-in/salesforce?return=%2Fguides%2F001", r.CRM.Users[0], twinspan.Login{}, "Allow"), http.StatusForbidden, "A role is missing")
	sees(t, other.at("/guides"), http.StatusForbidden, "A role is missing")
}
