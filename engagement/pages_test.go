package engagement_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/ui/uitest"
)

// connectPage is where the tenants of these tests have Connect's page.
const connectPage = "http://connect.example/salesforce-integration?pair=1"

// eachWithPages runs the test in a house of its own on each kind of database; the test's parts share it.
func eachWithPages(t *testing.T, test func(*testing.T, site, tenanttest.House)) {
	t.Helper()
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, h := start(t, sqldbtest.DSN(t, kind)), spec()
			h.Spec.Packages[0].Scopes = append(h.Spec.Packages[0].Scopes, "users_read", "users_write", "accounts_read", "accounts_write")
			h.Spec.Packages[3].LoginEndpoint = connectPage
			if err := s.CreateTenant(t.Context(), h.Spec); err != nil {
				t.Fatal(err)
			}
			test(t, s, h)
		})
	}
}

// person is somebody signed in at the tenant's front door.
func (s site) person(t *testing.T, username string) *uitest.Person {
	t.Helper()
	return signIn(uitest.New(t, s.url).Open("/"), username, tenanttest.Password)
}

func signIn(p *uitest.Person, username, password string) *uitest.Person {
	return p.Fill("User name", username).Fill("Password", password).Press("Login")
}

// TestWaysToSalesforceIntegration: an Engagement administrator goes the documents' way through Email Studio, and arrives at
// Connect. That he may do there what the documents say is Connect's to show.
//
// seed:page S003-18 S003-19 S003-20
func TestWaysToSalesforceIntegration(t *testing.T) {
	eachWithPages(t, func(t *testing.T, s site, h tenanttest.House) {
		p := s.person(t, h.Admin).Sees("Northern Trail", "Signed in as "+h.Admin+" ("+h.Admin+"), Northern Trail (MID "+strconv.FormatInt(int64(h.EID), 10))
		p.Click("Email Studio").Click("Admin").Sees("My Users").Click("Salesforce Integration")
		if p.At() != connectPage || p.Status() != http.StatusSeeOther {
			t.Fatalf("led to %s with %d", p.At(), p.Status())
		}
		// Quick Find knows the way too, by older words and with a letter missing, and the others by what people call them.
		for query, page := range map[string]string{
			"MC Connect": "Salesforce Integration", "ExactTarget": "Salesforce Integration", "ET": "Salesforce Integration", "Salesforce Conector": "Salesforce Integration",
			"tracking user": "My Users", "api user": "My Users", "instaled packages": "Installed Packages", "unsubscribe": "All Subscribers",
		} {
			p.Open("/cloud").Fill("Quick Find", query).Press("Find").Sees("Pages for “" + query + "”: " + page)
			if p.Value("Quick Find") != query {
				t.Errorf("%q went away", query)
			}
		}
		p.Fill("Quick Find", "xyzzy").Press("Find").Sees("No page of Marketing Cloud Engagement fits “xyzzy”.")
		p.Fill("Quick Find", "connect acount").Press("Find").Click("Salesforce Integration")
		if p.At() != connectPage {
			t.Fatalf("led to %s", p.At())
		}
		// A package without a page is told of; the package's API gives it one.
		token := s.token(t, h)
		change := func(body map[string]any) (int, map[string]any) {
			return call(t, http.MethodPatch, s.url+"/v2/packages/"+h.Connect, token, body)
		}
		if status, a := change(map[string]any{"login_endpoint": ""}); status != 200 || a["login_endpoint"] != nil {
			t.Fatalf("%d %v", status, a)
		}
		p.Open("/cloud/email/admin/salesforce-integration").Sees("names no login endpoint")
		for _, bad := range []string{"javascript:alert(1)", "/path", "https://user@host/", "https://host/#x", "https://host/" + strings.Repeat("x", 500)} {
			if status, _ := change(map[string]any{"login_endpoint": bad}); status != 400 {
				t.Errorf("%q: %d", bad, status)
			}
		}
		if status, a := change(map[string]any{"login_endpoint": "https://connect.example/there"}); status != 200 || a["login_endpoint"] != "https://connect.example/there" {
			t.Fatalf("%d %v", status, a)
		}
		if p.Open("/cloud/email/admin/salesforce-integration"); p.At() != "https://connect.example/there" {
			t.Fatal(p.At())
		}
	})
}

// TestPagesNeedASession: who is not signed in is led to the form and back; nothing else is told him. Forms of other pages change nothing.
func TestPagesNeedASession(t *testing.T) {
	eachWithPages(t, func(t *testing.T, s site, h tenanttest.House) {
		p := uitest.New(t, s.url).Open("/cloud/email/admin/users?q=a").Sees("Log in to go on to Marketing Cloud Engagement.")
		if signIn(p, h.Admin, tenanttest.Password).Sees("My Users"); !strings.HasSuffix(p.At(), "/cloud/email/admin/users?q=a") {
			t.Error(p.At())
		}
		p.Open("/cloud/no/such/page").Sees("There is no such page.")
		if p.Status() != http.StatusNotFound {
			t.Error(p.Status())
		}
		// A request without the token, by whoever's page.
		form := url.Values{"unit": {strconv.FormatInt(int64(h.North), 10)}}.Encode()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/cloud/unit", strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/v2/signin?next=%2Fcloud" {
			t.Errorf("%d %s", res.StatusCode, res.Header.Get("Location"))
		}
	})
}

// TestBusinessUnitSwitcher: a person works in one unit at a time, and what he sees follows.
func TestBusinessUnitSwitcher(t *testing.T) {
	eachWithPages(t, func(t *testing.T, s site, h tenanttest.House) {
		p := s.person(t, h.Admin).Choose("Business unit", "North (").Press("Go").Sees("You work in another business unit now.", ", North (MID "+strconv.FormatInt(int64(h.North), 10))
		// There he sees who works there: those whose default opens all units, and the unit's own.
		p.Open("/cloud/setup/users").Sees(h.Local, h.Sender).Open("/cloud").Choose("Business unit", "South").Press("Go")
		p.Open("/cloud/setup/users").Sees(h.Sender).SeesNot(h.Local)
		// Another session of his is where it was; the choice stays in this one.
		s.person(t, h.Admin).Sees("), Northern Trail (MID")
		p.Open("/cloud").Sees("), South (MID")
		// Who may work in one unit alone has no other to choose.
		l := s.person(t, h.Local).Sees("), North (MID").SeesNot("South")
		l.Open("/cloud/setup/users").Sees("You may not see or do this", "Users.Read or Users.Write is missing", "Manage Roles")
		if l.Status() != http.StatusForbidden {
			t.Error(l.Status())
		}
	})
}
