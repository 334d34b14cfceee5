package crm_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/twinspan/twinspan/crm"
)

// admin is the org's administrator at its pages.
func (h *house) adminAt(t *testing.T) *hands {
	t.Helper()
	return h.handsOf(t, h.spec.Users[0].Username, "admin-pw-1")
}

// seed:page S000-05 S002-05 S002-06 S003-01 S004-02
func TestSetupIsFoundInTheTreesAndByQuickFind(t *testing.T) {
	t.Parallel()
	h := open(t, "sqlite")
	p := h.adminAt(t)
	p.click("Setup")
	p.wants("Setup Home", "Administer Manage Users Users Permission Sets", "Identity", "Security")
	for query, page := range map[string]string{
		"Users": "Users", "permission sets": "Permission Sets", "Permision Stes": "Permission Sets", "Reset Security Token": "Reset Security Token", "reset my security": "Reset My Security Token",
		"MC Connect": "Installed Packages", "ExactTarget": "Installed Packages", "ET": "Permission Sets", "tracking user": "Users", "Salesforce Connector": "OAuth and OpenID Connect Settings",
		"open-id connect": "OAuth and OpenID Connect Settings", "deliverabilty": "Deliverability", "log in as any user": "Login Access Policies",
	} {
		p.open("/setup")
		p.quickFind(query, page)
		if p.status != 200 || strings.Contains(p.text(), "Error:") {
			t.Errorf("%s: %d", query, p.status)
		}
	}
	p.open("/setup/find?q=zzzzzz")
	p.wants("No page of Setup fits", "Check the spelling", "a more general word")
	p.click("Setup", "Login Access Policies")
	crumbs := all(p.doc, func(n *html.Node) bool { return n.Data == "nav" && attr(n, "aria-label") == "Breadcrumb" })
	if len(crumbs) != 1 || said(crumbs[0]) != "Setup Security Login Access Policies" {
		t.Errorf("the breadcrumb: %d of them", len(crumbs))
	}
}

// TestWhoLacksAPermissionIsToldWhich goes to every page that Setup lists.
func TestWhoLacksAPermissionIsToldWhich(t *testing.T) {
	t.Parallel()
	h := open(t, "sqlite")
	user := h.handsOf(t, h.spec.Users[1].Username, "user-pw-1")
	user.lacks("Setup")
	admin := h.adminAt(t)
	admin.click("Setup")
	paths := map[string]bool{"/setup": true, "/setup/find?q=users": true}
	for _, link := range all(admin.doc, func(n *html.Node) bool { return n.Data == "a" && strings.HasPrefix(attr(n, "href"), "/setup/") }) {
		paths[attr(link, "href")] = true
	}
	if len(paths) < 20 {
		t.Errorf("Setup lists %d pages", len(paths))
	}
	for path := range paths {
		user.open(path)
		if user.status != 403 {
			t.Errorf("%s: %d", path, user.status)
		}
		user.wants("You do not have the permission that this page needs: ", h.spec.Users[1].Username)
	}
	for _, path := range []string{"/setup/users/new", "/setup/permission-sets/new"} {
		user.open(path)
		if user.status != 403 {
			t.Errorf("%s: %d", path, user.status)
		}
		user.wants("You do not have the permission that this page needs: Manage")
	}
}

// seed:page S004-19 S004-29
func TestAPersonsOwnSettings(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		user := h.handsOf(t, h.spec.Users[1].Username, "user-pw-1")
		user.click("Settings", "Personal Information")
		user.fill("First Name", "Ursula")
		user.fill("Email", "not an address")
		user.press("Save")
		user.wants("There is a problem", "Error: Email: invalid email address")
		if user.value("First Name") != "Ursula" || user.value("Email") != "not an address" {
			t.Errorf("what was typed is gone: %q %q", user.value("First Name"), user.value("Email"))
		}
		user.fill("Email", "ursula@mail.example")
		user.press("Save")
		user.wants("Your changes are saved.", "goes to ursula@mail.example")
		if got := h.one(t, "SELECT Id FROM User WHERE FirstName = 'Ursula' AND Email = 'ursula@mail.example'"); got == "" {
			t.Error("nothing was saved")
		}
		user.click("Settings", "Reset My Security Token") // which goes to the address that he has now
		user.press("Reset Security Token")
		user.wants("on its way to ursula@mail.example")
		h.wantLogin(t, h.spec.Users[1].Username, "user-pw-1"+h.mails.token(t, "ursula@mail.example"), "")
		user.click("Settings", "Login History")
		user.wants("Success", "Application")
		user.lacks(h.spec.Users[0].Username)
	})
}

// The package's tab stands on the home page of everybody while its app has a start URL, and leads there.
func TestTheMarketingCloudTab(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		const app, at = "Salesforce Marketing Cloud", "https://connect.example/marketing-cloud?pair=one"
		user := h.handsOf(t, h.spec.Users[1].Username, "user-pw-1")
		tab := func() int {
			t.Helper()
			user.open("/")
			return len(all(user.doc, func(n *html.Node) bool { return n.Data == "a" && attr(n, "href") == at }))
		}
		if tab() != 0 {
			t.Error("a tab that leads nowhere")
		}
		id := h.one(t, "SELECT Id FROM ConnectedApplication WHERE Name = '"+app+"'")
		if status, answer := h.call(t, h.admin, "PATCH", data+"/sobjects/ConnectedApplication/"+id, map[string]any{"StartUrl": at}); status != 204 {
			t.Fatal(answer)
		}
		if tab() != 1 {
			t.Error("no tab")
		}
		p := h.adminAt(t)
		p.click("Setup", "Connected Apps OAuth Usage")
		p.pressIn(p.row(app), "Block")
		p.press("OK")
		if tab() != 0 {
			t.Error("the tab of a blocked app")
		}
	})
}

// TestConnectedAppsOAuthUsage blocks an app, unblocks it and takes tokens back.
func TestConnectedAppsOAuthUsage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		const app = "Salesforce Marketing Cloud"
		blocked := func() bool {
			n, _ := h.query(t, h.admin, "SELECT Id FROM SetupAuditTrail WHERE Section = 'Connected Apps' AND Display LIKE '%Blocked%'")
			return n%2 == 1
		}
		p := h.adminAt(t)
		p.click("Setup", "Connected Apps OAuth Usage")
		p.pressIn(p.row(app), "Block")
		p.wants("Warning", "Nothing is saved yet.")
		if blocked() {
			t.Error("the app is blocked before OK")
		}
		p.press("OK")
		p.wants("Blocked Yes")
		if !blocked() {
			t.Error("the app is not blocked")
		}
		p.press("Unblock")
		p.wants("Blocked No")
		p.wants("Nobody uses it now.")
		// Every input of a policy that is refused says so beside it.
		p.click("Setup", "Connected Apps", app, "Edit Policies")
		p.wants("Edit Policies: " + app)
		p.choose("Refresh Token Policy", "Expire refresh token after a time")
		p.fill("Time of the refresh token", "soon")
		p.press("Save")
		p.wants("There is a problem", "Error:")
		if p.value("Time of the refresh token") != "soon" {
			t.Errorf("what was typed is gone: %q", p.value("Time of the refresh token"))
		}
		p.fill("Time of the refresh token", "30")
		p.fill("Timeout Value", "0")
		p.press("Save")
		p.wants("Enter a number of minutes, 1 to 1440.")
		p.fill("Timeout Value", "90")
		p.press("Save")
		p.wants("The policies are saved.", "Expire refresh token after 30 days", "90 minutes")
	})
}

// TestUsersAreFrozenUnlockedAndReset presses the buttons of a user's page.
func TestUsersAreFrozenUnlockedAndReset(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		user := h.spec.Users[1].Username
		p := h.adminAt(t)
		p.click("Setup", "Users")
		p.fill("Find users by name, user name, email or alias", "UWE")
		p.press("Search Users")
		p.lacks("Ada Admin Edit")
		p.click("Uwe Normal")
		p.press("Freeze")
		p.wants("The user is frozen", "Frozen Yes")
		h.wantLogin(t, user, "user-pw-1TOKEN", "INVALID_LOGIN")
		p.press("Unfreeze")
		h.wantLogin(t, user, "user-pw-1TOKEN", "")
		for range 10 {
			h.tryLogin(t, user, "wrong")
		}
		h.wantLogin(t, user, "user-pw-1TOKEN", "INVALID_LOGIN")
		p.click("Users", "Uwe Normal")
		p.wants("Locked out Yes", "Invalid Password")
		p.press("Unlock")
		p.wants("The user is no longer locked out.")
		h.wantLogin(t, user, "user-pw-1TOKEN", "")
		p.press("Reset Password")
		p.wants("A link to set a new password is on its way")
		h.mails.link(t, user)
		p.click("Users", "W")
		p.wants("No user fits.")
	})
}

// TestWhoIsSignedInAndWhatWasDone shows sessions, the trail, the company's usage of the API.
//
// seed:page S001-05 S001-06 S002-13 S002-14 S003-62
func TestWhoIsSignedInAndWhatWasDone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		user := h.handsOf(t, h.spec.Users[1].Username, "user-pw-1")
		p := h.adminAt(t)
		p.click("Setup", "Session Management")
		p.wants("Closing a tab doesn't end an active session.", h.spec.Users[1].Username)
		p.press("Remove")
		p.wants("Select at least one session.")
		for _, box := range all(p.doc, func(n *html.Node) bool { return n.Data == "input" && attr(n, "type") == "checkbox" }) {
			row := box.Parent
			for row.Data != "tr" {
				row = row.Parent
			}
			if text := said(row); strings.Contains(text, h.spec.Users[1].Username) && strings.Contains(text, " UI ") {
				put(box, "checked", "")
			}
		}
		p.press("Remove")
		user.open("/settings")
		user.wants("Username", "Log In")

		h.set(t, "OauthOidcSettings", "<blockOAuthUnPwFlow>false</blockOAuthUnPwFlow>")
		connector := h.appToken(t, 0)
		before, _ := h.counted(t, h.admin)
		for range 3 {
			h.query(t, connector, "SELECT Id FROM Contact")
		}
		used, limit := h.counted(t, h.admin)
		if used != before+1 {
			t.Errorf("the connector's calls count: %d, then %d", before, used)
		}
		h.newJob(t, connector, ingest, map[string]any{"object": "Contact", "operation": "insert"}) // which the Bulk API counts, whoever calls
		used++
		p.click("Setup", "Company Information")
		p.wants("Salesforce.com Organization ID "+h.spec.ID[:15], "User Licenses", "Salesforce Integration")
		p.click("Setup", "API Usage Last 7 Days")
		p.wants("API Requests, Last 24 Hours", "any 24 hours that end now", "do not count", h.spec.Users[0].Username)
		for _, c := range []struct {
			title string
			bars  int
		}{{"Last 24 hours", 24}, {"Last 7 days", 7}} {
			for _, figure := range all(p.doc, func(n *html.Node) bool { return n.Data == "figure" && strings.HasPrefix(said(n), c.title) }) {
				drawn, sum := 0, 0
				for _, b := range all(figure, func(n *html.Node) bool { return n.Data == "rect" }) {
					if attr(b, "height") != "0.0" {
						drawn++
					}
					c.bars--
				}
				for _, cell := range all(figure, func(n *html.Node) bool { return n.Data == "td" }) {
					n, err := strconv.Atoi(said(cell))
					if err != nil {
						t.Error(err)
					}
					sum += n
				}
				if sum != used || c.title == "Last 24 hours" && drawn == 0 {
					t.Errorf("%s: %d bars are drawn, %d calls in their table, want %d", c.title, drawn, sum, used)
				}
			}
			if c.bars != 0 {
				t.Errorf("%s: %d bars too few", c.title, c.bars)
			}
		}
		if cells := said(p.row("Salesforce Marketing Cloud")); cells != "Salesforce Marketing Cloud 1 3" {
			t.Errorf("the connector's calls: %s", cells)
		}
		if want := fmt.Sprintf("API Requests, Last 24 Hours %d (%d,%03d,%03d max)", used, limit/1e6, limit/1000%1000, limit%1000); !strings.Contains(p.text(), want) {
			t.Errorf("not %s: %s", want, p.text())
		}
		p.click("Setup", "Permission Sets")
		p.newSet()
		p.click("Setup", "View Setup Audit Trail")
		p.wants("Marketing_Cloud_Connected_App", h.spec.Users[0].Username)
		p.click("Setup", "Login History")
		p.wants(h.spec.Users[1].Username, "Success")
	})
}

// TestUsersAreListedAPageAtATime walks through 120 users by pages, letters, search and permission set.
func TestUsersAreListedAPageAtATime(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		var more []crm.UserSpec
		for i := range 120 {
			name := fmt.Sprintf("Person%03d", i)
			if i == 7 {
				name = "Öst_100%"
			}
			more = append(more, crm.UserSpec{Username: fmt.Sprintf("p%d@%s.example", i, h.spec.MyDomain), FirstName: "Pat", LastName: name, Profile: "Standard User"})
		}
		if _, err := h.cloud.AddUsers(t.Context(), h.spec.ID, more, []string{"Marketing Cloud Connector"}, 500); err != nil {
			t.Fatal(err)
		}
		names := func(p *hands) []string {
			var out []string
			for _, tr := range all(p.doc, func(n *html.Node) bool { return n.Data == "tr" }) {
				for _, th := range all(tr, func(n *html.Node) bool { return n.Data == "th" && attr(n, "scope") == "row" }) {
					out = append(out, said(th))
				}
			}
			return out
		}
		walk := func(p *hands) []string {
			out := names(p)
			for range 5 {
				if !strings.Contains(p.text(), "Next Page") {
					return out
				}
				if len(names(p)) != 50 {
					t.Errorf("a page of %d", len(names(p)))
				}
				p.click("Next Page")
				out = append(out, names(p)...)
			}
			t.Error("there is no end")
			return out
		}
		p := h.adminAt(t)
		p.click("Setup", "Users")
		seen := walk(p)
		if unique := slices.Compact(slices.Sorted(slices.Values(seen))); len(seen) != 122 || len(unique) != 122 {
			t.Errorf("%d users, %d of them different", len(seen), len(unique))
		}
		p.click("First Page")
		if got := names(p); len(got) != 50 || got[0] != "Ada Admin" {
			t.Errorf("the first page: %v", got)
		}
		p.click("N")
		if got := names(p); !slices.Equal(got, []string{"Uwe Normal"}) {
			t.Errorf("by letter: %v", got)
		}
		for text, want := range map[string][]string{"T_100%": {"Pat Öst_100%"}, "öST": {"Pat Öst_100%"}, "person01_": {}, "P11@": {"Pat Person011"}, "'; --": {}} {
			p.fill("Find users by name, user name, email or alias", text)
			p.press("Search Users")
			if got := names(p); p.status != 200 || !slices.Equal(got, want) && len(got)+len(want) > 0 {
				t.Errorf("%q finds %v", text, got)
			}
		}
		p.click("Setup", "Permission Sets", "Marketing Cloud Connector", "Manage Assignments")
		if got := walk(p); len(got) != 120 {
			t.Errorf("%d are assigned", len(got))
		}
		p.click("Add Assignments")
		if got := names(p); !slices.Equal(got, []string{"Ada Admin", "Uwe Normal"}) {
			t.Errorf("who is not: %v", got)
		}
	})
}
