package engagement_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
	"github.com/twinspan/twinspan/internal/ui/uitest"
)

var shownSecret = regexp.MustCompile(`Client Secret (\S{20,}) `)

// TestInstalledPackagePages: an installed package from its making to its removal, on its pages.
func TestInstalledPackagePages(t *testing.T) {
	eachWithPages(t, func(t *testing.T, s site, h tenanttest.House) {
		p := s.person(t, h.Admin).Click("Setup").Click("Installed Packages").Sees("Server-to-Server", "Web App")
		p.Click("Server").Sees("Component: API Integration", "Client Id "+h.Server, "REST Base URI "+s.url+"/", "email_send").Click("Access").Sees("acts as itself")

		// A secret is shown once; both are good until the new one is activated.
		p.Click("Details").Click("Rotate Secret").Press("Rotate Secret").Sees("shown this once")
		secret := shownSecret.FindStringSubmatch(p.Text())
		if secret == nil {
			t.Fatal(p.Text())
		}
		if s.secret(t, h, secret[1]) != 200 || s.secret(t, h, tenanttest.ServerSecret) != 200 {
			t.Fatal("one of the two secrets is not good")
		}
		p.Click("Done").SeesNot(secret[1]).Sees("A new secret is staged").Click("Rotate Secret").Press("Rotate Secret").Sees("Your changes are not saved")
		p.Click("Cancel").Press("Activate Secret").Sees("The new secret is in force")
		if s.secret(t, h, tenanttest.ServerSecret) != 401 || s.secret(t, h, secret[1]) != 200 {
			t.Fatal("the old secret is good still")
		}

		// Refused, what was typed stays; then it is there, until it goes.
		p.Open("/cloud/setup/packages").Click("New").Fill("Name", "Reports").Choose("Integration type", "Web App").Fill("Scope", "email_read no_such_scope").Press("Save").Sees("There is a problem", "Error: The package cannot be made", "no_such_scope", "redirect URI")
		if p.Value("Name") != "Reports" || p.Value("Integration type") != "web" || p.Status() != http.StatusBadRequest {
			t.Errorf("%d %q", p.Status(), p.Value("Integration type"))
		}
		p.Fill("Scope", "email_read").Fill("Redirect URIs", "https://reports.example/back").Press("Save").Sees("Its secret is shown this once.").Click("Done").Sees("https://reports.example/back")
		made := p.At()
		p.Open("/cloud/setup/packages/new").Fill("Name", " Reports").Choose("Integration type", "Public App").Fill("Redirect URIs", "https://reports.example/back").Press("Save").Sees("Error: A package of this name is installed already.")
		if p.Status() != http.StatusConflict || p.Value("Redirect URIs") != "https://reports.example/back" {
			t.Errorf("the same name again: %d", p.Status())
		}
		p.Open(made)
		p.Click("Edit").Fill("Login Endpoint", "javascript:alert(1)").Press("Save").Sees("no http or https URL").Fill("Login Endpoint", "https://reports.example/").Press("Save").Sees("Component: Marketing Cloud App")
		p.Click("Remove").Sees("The package goes for good").Press("Remove").Sees("The package is removed").SeesNot("Reports")

		// Disabling names who loses access, and says what ended.
		p.Click("Marketing Cloud Connect").Click("Access").Sees("nobody").Click("Details").SeesNot("Remove").Click("Disable").Sees("Marketing Cloud Connect stops", "nobody has let it act for him").Press("Disable").Sees("Connect stops: nobody sends", "Grants that ended 0")
		p.Click("OK").Sees("The package is disabled").Press("Enable").Sees("Status Enabled")

		// Without the permission there is nothing to see, and it is named.
		for _, path := range []string{"/cloud/setup/packages", "/cloud/setup/business-units", "/cloud/setup/security"} {
			a := s.person(t, h.Analyst).Open(path).Sees("You may not see or do this", "Accounts.Read or Accounts.Write is missing")
			if a.Status() != http.StatusForbidden {
				t.Errorf("%s: %d", path, a.Status())
			}
		}
	})
}

// TestBusinessUnitPages: the units, what works in each, and roles given in one.
func TestBusinessUnitPages(t *testing.T) {
	eachWithPages(t, func(t *testing.T, s site, h tenanttest.House) {
		p := s.person(t, h.Admin).Click("Setup").Click("Roles").Sees("Marketing Cloud Content Editor/Publisher").Click("Analyst").Sees("TrackingEvents Read", "System-defined Yes", "cannot be changed")
		p.Click("Business Units").Sees("North", "South", "none: the top of the account")
		p.Click("North").Sees("Installed Packages that work here", "Marketing Cloud Connect", "Roles in this business unit: none")
		p.Choose("Role", "Analyst").Press("Give Role").Sees("The role is given.", "Analyst everybody in the business unit")
		p.Choose("Role", "Content Creator").Fill("Username", "nobody").Press("Give Role").Sees("There is no such user.")
		if p.Value("Username") != "nobody" || p.Value("Role") != "SYS_DEF_CONTENT" {
			t.Error(p.Value("Username"), p.Value("Role"))
		}
		p.Fill("Username", h.Local).Press("Give Role").Sees("Content Creator " + h.Local)
		p.PressIn("everybody in the business unit", "Remove").Sees("The role is taken back.").SeesNot("everybody in the business unit Remove")
		if p.Open("/cloud/setup/business-units/7").Sees("There is no such business unit."); p.Status() != http.StatusNotFound {
			t.Error(p.Status())
		}
	})
}

// TestRolePages: a role is made of permissions that it allows and denies, changed, given and deleted; what somebody does not have
// himself he cannot put into one.
func TestRolePages(t *testing.T) {
	eachWithPages(t, func(t *testing.T, s site, h tenanttest.House) {
		p := s.person(t, h.Admin).Click("Setup").Click("Roles").Click("Create").Press("Save").Sees("A role needs a name")
		p.Fill("Name", "Night Shift").Fill("External Key", "night").Fill("Description", "Sends, and reads nothing.").Choose("Email Send", "Allow").Choose("TrackingEvents Read", "Deny").
			Press("Save").Sees("The role is there.", "Night Shift", "Email Send", "TrackingEvents Read", "System-defined No")
		p.Click("Roles").Click("Create").Fill("Name", "Twin").Fill("External Key", "NIGHT").Choose("Email Read", "Deny").Press("Save")
		if p.Status() < 400 || p.Value("Name") != "Twin" || p.Value("Email Read") != "deny" {
			t.Errorf("a key twice: %d %q %q", p.Status(), p.Value("Name"), p.Value("Email Read"))
		}
		p.Open("/cloud/setup/roles/night").Click("Edit")
		if p.Value("Email Send") != "allow" || p.Value("TrackingEvents Read") != "deny" || p.Value("Email Read") != "" {
			t.Errorf("%q %q %q", p.Value("Email Send"), p.Value("TrackingEvents Read"), p.Value("Email Read"))
		}
		p.Choose("Email Read", "Allow").Choose("TrackingEvents Read", "Not set").Fill("Name", "Late Shift").Press("Save").Sees("The role is saved.", "Late Shift", "Read, Send").SeesNot("TrackingEvents")

		// Given to somebody it stays, and taken back it goes.
		p.Open("/cloud/setup/users?q="+h.Local).Click(h.Local).Click("Manage Roles").Tick("Late Shift", true).Press("Save").Sees("Late Shift All business units")
		p.Open("/cloud/setup/roles/night").Click("Delete").Sees("goes for good").Press("Delete")
		if p.Status() != http.StatusConflict {
			t.Errorf("a role that somebody has: %d", p.Status())
		}
		p.Open("/cloud/setup/users?q="+h.Local).Click(h.Local).Click("Manage Roles").Tick("Late Shift", false).Press("Save")
		p.Open("/cloud/setup/roles/night").Click("Delete").Press("Delete").Sees("The role is deleted.").SeesNot("Late Shift")
		if p.Open("/cloud/setup/roles/SYS_DEF_ANALYST/edit").Press("Save").Sees("system-defined"); p.Status() != http.StatusBadRequest {
			t.Error(p.Status())
		}

		// Who may not manage users is told what is missing.
		a := s.person(t, h.Analyst).Open("/cloud/setup/roles/new").Fill("Name", "Mine").Press("Save").Sees("Users.Write is missing")
		if a.Value("Name") != "Mine" {
			t.Error(a.Value("Name"))
		}
	})
}

// TestSecurityPages: settings that shut nobody out who makes them, sessions that end, and the history of who signed in.
func TestSecurityPages(t *testing.T) {
	eachWithPages(t, func(t *testing.T, s site, h tenanttest.House) {
		p := s.person(t, h.Admin).Click("Setup").Click("Security Settings").Sees("You come from 127.0.0.1")
		p.Choose("Session Timeout", "1 hour").Fill("Login IP Allowlist: UI", "203.0.113.0/24").Press("Save").Sees("would shut you out: you come from 127.0.0.1")
		if p.Value("Session Timeout") != "60" || p.Value("Login IP Allowlist: UI") != "203.0.113.0/24" || p.Status() != http.StatusBadRequest {
			t.Errorf("%d %q", p.Status(), p.Value("Session Timeout"))
		}
		p.Fill("User passwords expire in", "soon").Press("Save").Sees("This is no number.")
		p.Fill("User passwords expire in", "90").Fill("Login IP Allowlist: UI", "127.0.0.0/8, 203.0.113.0/24").Choose("Invalid Logins Before Lockout", "3").Tick("Enable Username and Password for Web Services", false).Tick("My Documents in Content", true).
			Press("Save").Sees("Your changes are saved.")
		token := s.token(t, h)
		if _, a := call(t, "GET", s.url+"/v2/settings", token, nil); a["session_minutes"] != 60.0 || a["lockout_after"] != 3.0 || a["no_soap_passwords"] != true || a["my_documents"] != true || a["password_days"] != 90.0 || len(a["ui_addresses"].([]any)) != 2 {
			t.Errorf("settings: %v", a)
		}
		// The session lives longer now.
		if err := s.SetClock(t.Context(), int64(h.EID), 50*time.Minute); err != nil {
			t.Fatal(err)
		}
		p.Open("/cloud/setup/security").Sees("Security Settings")

		// Sessions: one ends, all of a user's end.
		one, two, three := s.person(t, h.Sender), s.person(t, h.Sender), s.person(t, h.Analyst)
		p.Click("Active Sessions").Sees("this session", h.Analyst).PressIn(h.Analyst, "End").Sees("The session has ended")
		three.Open("/cloud").Sees("Log in to go on")
		p.PressIn(h.Sender, "End All").Sees("All sessions of the user have ended").SeesNot(h.Sender + " (")
		one.Open("/cloud").Sees("Log in to go on")
		two.Open("/cloud").Sees("Log in to go on")

		// Who signed in, and who could not.
		n := uitest.New(t, s.url)
		for range 4 { // the fourth finds the user locked
			signIn(n.Open("/v2/signin"), h.Analyst, "wrong")
		}
		signIn(n.Open("/v2/signin"), "nobody at all", "wrong")
		p.Click("Login History").Sees(h.Analyst+" 127.0.0.1 Invalid Password", h.Analyst+" 127.0.0.1 User is Locked", h.Admin+" 127.0.0.1 Success").SeesNot("nobody at all")
		p.Fill("Username", h.Sender).Press("Search").Sees(h.Sender + " 127.0.0.1 Success").SeesNot(h.Analyst)
		if got := strings.Count(p.Text(), "Success"); got != 2 {
			t.Errorf("%d attempts", got)
		}
		p.Fill("Username", "nobody at all").Press("Search").Sees("no attempt in the last 90 days")
		// In a business unit below the top these are not to be had.
		p.Open("/cloud").Choose("Business unit", "North (").Press("Go")
		for _, path := range []string{"/cloud/setup/sessions", "/cloud/setup/login-history"} {
			p.Open(path).Sees("access to the top business unit is missing")
		}
	})
}
