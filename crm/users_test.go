package crm_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// A user of another licence than Salesforce lives under that licence's profile, its seats and its rules: here by API
// alone, and no more than five.
func TestUsersOfAnotherLicence(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		profile := h.one(t, "SELECT Id FROM Profile WHERE UserLicense.Name = 'Salesforce Integration'")
		user := func(name string) (int, string) {
			return h.call(t, h.admin, "POST", data+"/sobjects/User", map[string]any{
				"Username": name + "@" + h.spec.MyDomain + ".example", "LastName": name, "Email": name + "@mail.example", "Alias": name, "TimeZoneSidKey": "America/Los_Angeles",
				"LocaleSidKey": "en_US", "EmailEncodingKey": "UTF-8", "LanguageLocaleKey": "en_US", "ProfileId": profile,
			})
		}
		for _, name := range []string{"one", "two", "three", "four", "five"} {
			if status, answer := user(name); status != 201 {
				t.Fatalf("%s: %d %s", name, status, answer)
			}
		}
		if status, answer := user("six"); status != 400 || !strings.Contains(answer, "LICENSE_LIMIT_EXCEEDED") {
			t.Errorf("a sixth: %d %s", status, answer)
		}
		_, used := h.query(t, h.admin, "SELECT UsedLicenses, TotalLicenses FROM UserLicense WHERE Name = 'Salesforce Integration'")
		if used[0]["UsedLicenses"] != 5.0 || used[0]["TotalLicenses"] != 5.0 {
			t.Errorf("%v", used)
		}
		username, address := "one@"+h.spec.MyDomain+".example", "one@mail.example"
		if status, page := h.setByLink(t, address, "first-pass-1"); status != 200 {
			t.Fatalf("%d %s", status, page)
		}
		h.wantLogin(t, username, "first-pass-1"+h.mails.token(t, address), "")
		if _, page := h.person(t).signIn(t, username, "first-pass-1"); !strings.Contains(page, "This user may log in through the API only.") {
			t.Errorf("in a browser: %s", page)
		}
		// Deactivating one frees a seat.
		if status, answer := h.call(t, h.admin, "PATCH", data+"/sobjects/User/"+h.one(t, "SELECT Id FROM User WHERE LastName = 'five'"), map[string]any{"IsActive": false}); status != 204 {
			t.Fatal(answer)
		}
		if status, answer := user("six"); status != 201 {
			t.Errorf("a sixth on the freed seat: %d %s", status, answer)
		}
	})
}

// Closing a tab ends nothing; logging out does, and so does whoever may end sessions.
func TestClosingATabEndsNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		count := func() int {
			n, _ := h.query(t, h.admin, "SELECT Id FROM AuthSession WHERE SessionType = 'UI' AND Users.Username = '"+h.spec.Users[1].Username+"'")
			return n
		}
		closed := h.person(t)
		closed.signIn(t, h.spec.Users[1].Username, "user-pw-1")
		closed.client.CloseIdleConnections() // the tab is gone; the browser keeps its cookies
		if n := count(); n != 1 {
			t.Errorf("after closing the tab: %d sessions", n)
		}
		if _, page := closed.get(t, "/"); !strings.Contains(page, h.spec.Users[1].Username) {
			t.Errorf("opening it again: %s", page)
		}
		other := h.person(t)
		other.signIn(t, h.spec.Users[1].Username, "user-pw-1")
		if _, page := closed.get(t, "/secur/logout.jsp"); !strings.Contains(page, "logged out") && !strings.Contains(page, "Logged out") && !strings.Contains(page, "signed out") {
			t.Errorf("logging out: %s", page)
		}
		if n := count(); n != 1 {
			t.Errorf("after logging out of one of two: %d sessions", n)
		}
		h.one(t, "SELECT Id FROM AuthSession WHERE SessionType = 'UI' AND Users.Username = '"+h.spec.Users[1].Username+"'")
		for _, id := range h.ids(t, "SELECT Id FROM AuthSession WHERE Users.Username = '"+h.spec.Users[1].Username+"'") { // revoke all
			if status, answer := h.call(t, h.admin, "DELETE", data+"/sobjects/AuthSession/"+id, nil); status != 204 {
				t.Fatal(answer)
			}
		}
		if _, page := other.get(t, "/"); strings.Contains(page, h.spec.Users[1].Username) {
			t.Errorf("a session that was ended: %s", page)
		}
		if status, _ := h.call(t, h.user, "GET", data+"/query?q="+url.QueryEscape("SELECT Id FROM Contact"), nil); status != http.StatusUnauthorized {
			t.Errorf("an API session that was ended: %d", status)
		}
	})
}

// The API name is made from the label, can be given and edited, and is held to the real one's rules; a user name is
// taken on the whole server; the last administrator stays.
func TestNamesAndTheLastAdministrator(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		_, elsewhere := h.bare(t)
		set := h.create(t, "PermissionSet", map[string]any{"Label": "Größe 2: the  (new) one_"})
		name := func() string {
			_, answer := h.call(t, h.admin, "GET", data+"/sobjects/PermissionSet/"+set+"?fields=Name", nil)
			return field(t, answer, "Name").(string)
		}
		if got := name(); !strings.HasPrefix(got, "Gr") || strings.ContainsAny(got, " ():ö") || strings.Contains(got, "__") || strings.HasSuffix(got, "_") {
			t.Errorf("the generated name: %s", got)
		}
		for _, c := range []struct {
			path string
			body map[string]any
			want int
		}{
			{"PermissionSet/" + set, map[string]any{"Name": "Edited_Name"}, 204},
			{"PermissionSet/" + set, map[string]any{"Name": "Edited__Name"}, 400},
			{"PermissionSet/" + set, map[string]any{"Name": nil}, 400},
			{"User/" + h.one(t, "SELECT Id FROM User WHERE LastName = 'Normal'"), map[string]any{"Username": strings.ToUpper(elsewhere)}, 400},
			{"User/" + h.one(t, "SELECT Id FROM User WHERE LastName = 'Admin'"), map[string]any{"IsActive": false}, 400},
			{"User/" + h.one(t, "SELECT Id FROM User WHERE LastName = 'Admin'"), map[string]any{"ProfileId": h.one(t, "SELECT Id FROM Profile WHERE Name = 'Standard User'")}, 400},
		} {
			if status, answer := h.call(t, h.admin, "PATCH", data+"/sobjects/"+c.path, c.body); status != c.want {
				t.Errorf("%s %v: %d %s", c.path, c.body, status, answer)
			}
		}
		if got := name(); got != "Edited_Name" {
			t.Errorf("edited: %s", got)
		}
		h.wantLogin(t, h.spec.Users[0].Username, "admin-pw-1TOKEN", "")
	})
}
