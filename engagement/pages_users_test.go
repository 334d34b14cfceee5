package engagement_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement"
	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
	"github.com/twinspan/twinspan/internal/ui/uitest"
)

var temporaryPassword = regexp.MustCompile(`Temporary password (\S{20}) `)

// TestUserPages: a user's life as an administrator makes it on pages, in both places where the documents have users: the
// steps of connect-facts 1.5 and 1.6.
func TestUserPages(t *testing.T) {
	eachWithPages(t, func(t *testing.T, s site, h tenanttest.House) {
		p := s.person(t, h.Admin)
		name := "mc-api-user@" + h.Sender
		p.Click("Email Studio").Click("Admin").Click("My Users").Click("Create")
		p.Press("Save").Sees("There is a problem", "Error: Name is missing.", "Error: Temporary Password is missing.")
		// What was typed stays, but for passwords, with the reason beside the field.
		p.Fill("Name", "MC API User").Fill("Username", h.Sender).Fill("Reply Email Address", "api@example.com").Tick("API User", true)
		p.Fill("Temporary Password", "a temporary one").Fill("Confirm Temporary Password", "another one").Press("Save").Sees("The two passwords are not the same.")
		if p.Value("Name") != "MC API User" || p.Value("API User") != "on" || p.Value("Temporary Password") != "" || p.Status() != http.StatusBadRequest {
			t.Fatalf("%d %q", p.Status(), p.Value("Name"))
		}
		p.Fill("Temporary Password", "a temporary one").Fill("Confirm Temporary Password", "a temporary one").Press("Save").Sees("The user name is taken.")
		p.Fill("Username", name).Fill("Reply Email Address", "nowhere").Fill("Temporary Password", "short").Fill("Confirm Temporary Password", "short").Press("Save").Sees("The email address is not valid.")
		p.Fill("Reply Email Address", "api@example.com").Fill("Temporary Password", "short").Fill("Confirm Temporary Password", "short").Press("Save").Sees("at least 8 characters")
		p.Fill("Temporary Password", "a temporary one").Fill("Confirm Temporary Password", "a temporary one").Press("Save").Sees("The user is there.", name, "API User Yes", "Must change password Yes", "Roles: none")

		// Several roles at once, in all units, and one more in a single unit.
		p.Click("Manage Roles").Sees("Manage Roles: MC API User").Tick("Administrator", true).Tick("Marketing Cloud Administrator", true).Press("Save").Sees("The roles are saved.", "Administrator All business units the user", "Marketing Cloud Administrator All business units")
		p.Click("Manage Roles").Choose("Business unit", "North (").Press("Show").Tick("Analyst", true).Press("Save").Sees("Analyst North (MID")
		p.Click("Manage Roles").Tick("Administrator", false).Press("Save").SeesNot("Administrator All business units the user Marketing")

		// He signs in once to replace the password, and is who he is.
		n := signIn(uitest.New(t, s.url).Open("/"), name, "a temporary one").Sees("Choose a new password")
		n.Fill("User name", name).Fill("Present password", "a temporary one").Fill("New password", "one of his own").Fill("New password again", "one of his own").Press("Change password and log in").Sees("Signed in as MC API User")

		// Setup > Users finds him by a part of his name; the other place by his address.
		p.Open("/cloud").Click("Setup").Click("Users").Fill("Search", "mc api").Press("Search").Sees("MC API User", name).SeesNot(h.Analyst)
		p.Fill("Search", "API@EXAMPLE").Press("Search").Sees(name).Fill("Search", "100%_").Press("Search").Sees("nobody is called so").Fill("Search", name).Press("Search").Click("MC API User")
		p.Click("Edit").Fill("Name", "Connect").Fill("Notification Email Address", "ops@example.com").Choose("Default Business Unit", "South (").Choose("Time Zone", "(GMT+01:00) Amsterdam").Fill("Culture Code", "de-DE").
			Press("Save").Sees("Your changes are saved.", "Name Connect", "ops@example.com", "Default Business Unit South", "Time Zone Europe/Berlin", "Culture Code de-DE")
		p.Click("Edit").Fill("Username", "x").Press("Save").Sees("The user name is 3 to")
		if p.Value("Username") != "x" || p.Value("Name") != "Connect" {
			t.Error("what was typed did not stay")
		}

		// Integrate, and back.
		p.Open("/cloud/setup/users?q="+name).Click("Connect").Click("Integrate").Fill("Salesforce.com Status", "maya@org.example").Press("Save").Sees("Salesforce.com Status Integrated: maya@org.example", "opens the Marketing Cloud tab once")
		p.Click("Edit").Fill("Salesforce.com Status", "").Press("Save").Sees("Salesforce.com Status Not Integrated")

		// Units.
		p.Click("Associated Business Units").Tick("North (MID "+fmt.Sprint(int64(h.North))+")", false).Press("Save").Sees("Your changes are saved.")
		p.Click("Associated Business Units").Tick("South (MID "+fmt.Sprint(int64(h.South))+")", false).Press("Save").Sees("is the user's default; choose another default first")
		p.Click("Cancel")

		// A reset password is shown once, ends sessions, and severs a connection, which is said before.
		p.Click("Reset Password").Sees("severs Marketing Cloud Connect").Press("Reset Password")
		password := temporaryPassword.FindStringSubmatch(p.Text())
		if password == nil {
			t.Fatal(p.Text())
		}
		n.Open("/cloud").Sees("Log In")
		signIn(n, name, password[1]).Sees("Choose a new password")

		// Inactive, locked, and back.
		p.Click("Done").Press("Deactivate").Sees("sends to Sales and Service Cloud audiences fail").Click("Cancel").Sees("Status Active")
		p.Press("Deactivate").Press("Deactivate").Sees("The user is inactive", "Status Inactive")
		signIn(n.Open("/v2/signin"), name, password[1]).Sees("You are not logged in")
		p.Press("Activate").Sees("Status Active")
		for range 5 {
			signIn(n.Open("/v2/signin"), name, "wrong")
		}
		p.Open("/cloud/email/admin/users?q="+name).Sees("Locked").Click("Connect").Sees("after too many wrong passwords").Press("Unlock").Sees("Status Active", "can sign in again")
		signIn(n.Open("/v2/signin"), name, password[1]).Sees("Choose a new password")
		// Nobody shuts himself out by his own page.
		p.Open("/cloud/setup/users?q=" + h.Admin).Click(h.Admin).SeesNot("Deactivate")
	})
}

// TestUserPagesAsk: each change asks the same permission as the API, and names the one that is missing.
func TestUserPagesAsk(t *testing.T) {
	eachWithPages(t, func(t *testing.T, s site, h tenanttest.House) {
		admin := s.person(t, h.Admin)
		admin.Open("/cloud/setup/users?q="+h.Analyst).Click(h.Analyst).Click("Manage Roles").Tick("Marketing Cloud Viewer", true).Press("Save").Sees("The roles are saved.")
		v := s.person(t, h.Analyst)
		v.Open("/cloud/setup/users").Sees("My Users"[3:], h.Sender).Click(h.Sender).Press("Deactivate").Sees("You may not see or do this", "Users.Write is missing")
		v.Open("/cloud/setup/users?q="+h.Sender).Click(h.Sender).Click("Manage Roles").Tick("Administrator", true).Press("Save").Sees("The roles are not saved", "Users.Write is missing")
		if v.Status() != http.StatusForbidden || v.Value("Administrator") != "on" {
			t.Errorf("%d %q", v.Status(), v.Value("Administrator"))
		}
		v.Open("/cloud/setup/users/new").Fill("Name", "X").Fill("Username", "xavier@"+h.Sender).Fill("Reply Email Address", "x@example.com").
			Fill("Temporary Password", "long enough").Fill("Confirm Temporary Password", "long enough").Press("Save").Sees("Users.Write is missing")
		v.Open("/cloud/setup/users?q="+h.Sender).Click(h.Sender).Click("Edit").Fill("Salesforce.com Status", "someone@else").Press("Save").Sees("is missing")
		// Another tenant's user is nobody's.
		other := spec()
		if err := s.CreateTenant(t.Context(), other.Spec); err != nil {
			t.Fatal(err)
		}
		admin.Open("/cloud/setup/users?q=" + other.Sender).Sees("nobody is called so")
		o := s.person(t, other.Admin)
		o.Open("/cloud/setup/users?q=" + other.Sender).Click(other.Sender)
		if admin.Open(o.At()).Sees("There is no such user."); admin.Status() != http.StatusNotFound {
			t.Error(admin.Status())
		}
	})
}

// TestUserListIsPaged: a page has 20 users, whoever they are, and each is on one page.
func TestUserListIsPaged(t *testing.T) {
	eachWithPages(t, func(t *testing.T, s site, h tenanttest.House) {
		more := make([]engagement.UserSpec, 50)
		for i := range more {
			more[i] = engagement.UserSpec{Username: fmt.Sprintf("n%03d@%s", i, h.Sender), Name: fmt.Sprintf("Number %03d", i), Email: "n@example.com", PasswordHash: h.Spec.Users[0].PasswordHash}
		}
		if _, err := s.AddUsers(t.Context(), int64(h.EID), more, engagement.Approval{}); err != nil {
			t.Fatal(err)
		}
		p := s.person(t, h.Admin).Open("/cloud/setup/users?q=number")
		for page, want := range []int{20, 20, 10} {
			if got := strings.Count(p.Text(), "Number "); got != want {
				t.Fatalf("page %d has %d of them", page, got)
			}
			if p.Size() > 150<<10 {
				t.Errorf("%d bytes", p.Size())
			}
			if page < 2 {
				p.Click("Next")
			}
		}
		p.Click("First page").Sees("Number 000").SeesNot("Number 020")
	})
}
