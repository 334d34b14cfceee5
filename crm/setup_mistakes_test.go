package crm_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestWhatIsGoneIsSaid opens what another administrator has taken away meanwhile, and what never was there: the rules' sentence is
// shown, in the visitor's own frame, and nothing calls it an error of the server.
func TestWhatIsGoneIsSaid(t *testing.T) {
	t.Parallel()
	h := open(t, "sqlite")
	p := h.adminAt(t)
	p.click("Setup", "Permission Sets", "New")
	p.fill("Label", "Short Lived")
	p.fill("API Name", "Short_Lived")
	p.press("Save")
	set := p.at.Path
	p.press("Delete")
	p.wants("The permission set Short Lived is deleted for good", "Nothing is saved yet.")
	p.press("Delete")
	p.wants("The permission set is deleted.")
	user := "/setup/users/" + h.one(t, "SELECT Id FROM User LIMIT 1")
	for path, says := range map[string]string{
		set:                                     "The requested resource does not exist",
		set + "/edit":                           "The requested resource does not exist",
		set + "/assignments":                    "The requested resource does not exist",
		set + "/assignments/add":                "The requested resource does not exist",
		"/setup/users/x":                        "malformed id",
		"/setup/users/%00":                      "malformed id",
		"/setup/users/0050000000000AA/edit":     "",
		"/setup/connected-apps/0H4000000000001": "There is no such connected app.",
		"/setup/connected-apps-oauth-usage/0H4000000000001": "There is no such connected app.",
	} {
		p.open(path)
		if p.status != http.StatusNotFound && p.status != http.StatusBadRequest {
			t.Errorf("%s: %d", path, p.status)
		}
		p.wants("Signed in as", says)
		p.lacks("unexpected", "error_description")
	}
	for path, form := range map[string]url.Values{
		user + "/permission-sets":   {"set": {"x"}},
		"/setup/session-management": {"session": {"x"}},
		set + "/assignments/add":    {"user": {"x"}},
		"/servlet/servlet.su":       {"suorgadminid": {"x"}},
	} {
		res, err := p.client.PostForm(h.url+path, form)
		p.show(res, err)
		if p.status != http.StatusNotFound && p.status != http.StatusBadRequest || strings.Contains(p.text(), "unexpected") {
			t.Errorf("%s: %d %s", path, p.status, p.text())
		}
	}
}

// TestUninstallAsksFirst: one click too many does not take the package away.
func TestUninstallAsksFirst(t *testing.T) {
	t.Parallel()
	h := open(t, "sqlite")
	p := h.adminAt(t)
	p.click("Setup", "Installed Packages")
	p.press("Uninstall")
	p.wants("What is deleted", "the connected app Salesforce Marketing Cloud", "the permission set Marketing Cloud Connector Admin, with its assignments", "its fields of users")
	p.click("Cancel")
	p.wants("Uninstall")
	p.press("Uninstall")
	p.press("Uninstall")
	p.wants("The package is removed.", "No packages are installed.")
	user := h.handsOf(t, h.spec.Users[1].Username, "user-pw-1")
	res, err := user.client.PostForm(h.url+"/setup/installed-packages", url.Values{"do": {"uninstall"}, "id": {"220"}})
	user.show(res, err)
	if user.status != http.StatusForbidden {
		t.Errorf("somebody without permission: %d", user.status)
	}
}

// TestTwoTabs: a form that was opened before somebody else saved his changes only what was changed in it.
func TestTwoTabs(t *testing.T) {
	t.Parallel()
	h := open(t, "sqlite")
	one, two := h.adminAt(t), h.adminAt(t)
	both := func(open func(*hands), first, second func(*hands)) {
		t.Helper()
		open(one)
		open(two)
		first(one)
		one.press("Save")
		second(two)
		two.press("Save")
		if two.status != http.StatusOK || strings.Contains(two.text(), "problem") {
			t.Errorf("%s: %d %s", two.at.Path, two.status, two.text())
		}
	}
	username := h.spec.Users[1].Username
	user := "/setup/users/" + h.one(t, "SELECT Id FROM User WHERE Username = '"+username+"'")

	both(func(p *hands) { p.open(user + "/edit") },
		func(p *hands) { p.fill("Title", "Boss"); p.tick("Active", true) },
		func(p *hands) {
			p.fill("City", "Bern")
			p.fill("Alias", "far too long an alias")
			p.press("Save")
			p.wants("There is a problem")
			p.fill("Alias", "bern")
		})
	if h.one(t, "SELECT Id FROM User WHERE Title = 'Boss' AND City = 'Bern' AND Alias = 'bern' AND IsActive = true") == "" {
		t.Error("the title or the city is gone")
	}

	const sets = "SELECT Id FROM PermissionSetAssignment WHERE PermissionSet.IsOwnedByProfile = false AND Assignee.Username = "
	box := func(label string, on bool) func(*hands) { return func(p *hands) { p.tick(label, on) } }
	both(func(p *hands) { p.open(user + "/permission-sets") }, box("Marketing Cloud Connector", true), box("Marketing Cloud System User", true))
	if n, _ := h.query(t, h.admin, sets+"'"+username+"'"); n != 2 {
		t.Errorf("%d permission sets of two", n)
	}
	both(func(p *hands) { p.open(user + "/permission-sets") }, box("Marketing Cloud Connector", false), box("Marketing Cloud Connector Admin", true))
	if n, _ := h.query(t, h.admin, sets+"'"+username+"' AND PermissionSet.Label = 'Marketing Cloud Connector'"); n != 0 {
		t.Error("what was taken away is back")
	}

	open := func(p *hands) {
		p.click("Setup", "Connected Apps", "Salesforce Marketing Cloud", "Manage Permission Sets")
	}
	both(open, box("Marketing Cloud Connector", true), box("Marketing Cloud System User", true))
	two.click("Setup", "Connected Apps", "Salesforce Marketing Cloud")
	two.wants("Permission Sets Name et4ae5__")
	open(two)
	for _, label := range []string{"Marketing Cloud Connector", "Marketing Cloud System User"} {
		if !has(two.field(label), "checked") {
			t.Errorf("%s carries the app no more", label)
		}
	}

	both(func(p *hands) { p.click("Setup", "Connected Apps", "Salesforce Marketing Cloud", "Edit Policies") },
		func(p *hands) { p.choose("IP Relaxation", "Relax IP restrictions") },
		func(p *hands) { p.fill("Timeout Value", "90") })
	two.wants("Relax IP restrictions", "90 minutes")
	two.click("Edit Policies")
	two.press("Save")
	two.wants("The policies are saved.", "Relax IP restrictions", "90 minutes")
}

// TestReasonsStandBesideTheField: what was typed stays where a form is refused, with the reason beside the field.
func TestReasonsStandBesideTheField(t *testing.T) {
	t.Parallel()
	h := open(t, "sqlite")
	p := h.adminAt(t)
	for _, c := range []struct{ page, press, label, typed, says string }{
		{"Deliverability", "Add Address", "Email Address", "nowhere", "invalid email address"},
		{"Deliverability", "Add Address", "Display Name", "", "Required fields are missing"},
		{"Deliverability", "Add Domain", "Domain", "no domain", "is no domain name"},
		{"Remote Site Settings", "Save", "Remote Site URL", "", "Required fields are missing"},
		{"Password Policies", "Save", "Minimum password length", "many", "it takes a number"},
		{"Password Policies", "Save", "Enforce password history (passwords remembered)", "25", "takes 0 to 24"},
		{"My Domain", "Save", "My Domain Name", "-x", "is no name of a My Domain"},
		{"Network Access", "Save", "Trusted IP Ranges", "here-there", "is no range of IP addresses"},
	} {
		p.click("Setup", c.page)
		p.fill(c.label, c.typed)
		p.press(c.press)
		p.wants("There is a problem", c.says)
		p.lacks("Nothing was saved")
		in := p.field(c.label)
		if attr(in, "aria-invalid") != "true" || p.value(c.label) != c.typed || !strings.Contains(attr(in, "aria-describedby"), "-error") {
			t.Errorf("%s, %s: %v", c.page, c.label, in.Attr)
		}
	}
}
