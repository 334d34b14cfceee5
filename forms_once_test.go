package twinspan_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/ui/uitest"
)

// TestFormsAreDoneOnce presses the button of each form that makes something twice, as impatient people do: what it makes is there
// once, and the second answer says so, by the form's key or because there is one of it already.
func TestFormsAreDoneOnce(t *testing.T) {
	t.Parallel()
	conf := freePorts("")
	conf.Ephemeral = true
	p := start(t, conf)
	r := p.Ready()
	link, err := p.ConsoleLink(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	const before = "This form was sent before"
	org := uitest.New(t, r.CRM.URL).Open("/login").Fill("Username", r.CRM.Admin.Username).Fill("Password", r.CRM.Admin.Password).Press("Log In")
	tenant := uitest.New(t, strings.TrimSuffix(r.Engagement.AuthURL, "/")).Open("/").Fill("User name", r.Engagement.Admin.Username).Fill("Password", r.Engagement.Admin.Password).Press("Login")
	console := uitest.New(t, r.Connect.URL).Open(link).Press("Open the console")
	bench := uitest.New(t, r.Control.URL).Open(p.WorkbenchLink()).Press("Open the workbench")
	for _, c := range []struct {
		name  string
		who   *uitest.Person
		send  func(who *uitest.Person) // fills the form in and sends it
		twice string                   // what the second answer says
		list  string                   // where what is made stands
		made  string                   // what stands there, once more than before
	}{
		{"user of the org", org, func(who *uitest.Person) {
			who.Open("/setup/users/new").Fill("Last Name", "Twice").Fill("Alias", "twice").Fill("Username", "twice@org.example").Fill("Email", "twice@mail.example").Choose("Profile", "Standard User").Press("Save")
		}, "uplicate", "/setup/users?q=twice", "twice@org.example"},
		{"permission set", org, func(who *uitest.Person) {
			who.Open("/setup/permission-sets/new").Fill("Label", "Twice").Fill("API Name", "Twice_Set").Press("Save")
		}, "duplicate value", "/setup/permission-sets", "Twice_Set"},
		{"remote site", org, func(who *uitest.Person) {
			who.Open("/setup/remote-site-settings").Fill("Remote Site Name", "Twice_Site").Fill("Remote Site URL", "https://twice.example").Press("Save")
		}, "duplicate value", "/setup/remote-site-settings", "https://twice.example"},
		{"user of the tenant", tenant, func(who *uitest.Person) {
			who.Open("/cloud/setup/users/new").Fill("Name", "Twice").Fill("Username", "twice.mc").Fill("Reply Email Address", "twice@mail.example").
				Fill("Temporary Password", "a temporary one").Fill("Confirm Temporary Password", "a temporary one").Press("Save")
		}, before, "/cloud/setup/users?q=twice", "twice.mc"},
		{"role", tenant, func(who *uitest.Person) { who.Open("/cloud/setup/roles/new").Fill("Name", "Twice Role").Press("Save") }, before, "/cloud/setup/roles", "Twice Role"},
		{"package", tenant, func(who *uitest.Person) {
			who.Open("/cloud/setup/packages/new").Fill("Name", "Twice Package").Press("Save")
		}, before, "/cloud/setup/packages", "Twice Package"},
		{"sender profile", tenant, func(who *uitest.Person) {
			who.Open("/cloud/email/admin/sender-profiles/new").Fill("Name", "Twice Profile").Fill("From Email", "news@twice.example").Press("Save")
		}, before, "/cloud/email/admin/sender-profiles", "Twice Profile"},
		{"domain", tenant, func(who *uitest.Person) {
			who.Open("/cloud/email/admin/domains").Fill("Domain or email address", "twice.example").Press("Add")
		}, before, "/cloud/email/admin/domains", "twice.example "},
		{"API token", console, func(who *uitest.Person) { who.Open("/console/tokens").Fill("Name", "Twice Token").Press("Create") }, before, "/console/tokens", "Revoke Twice Token"},
		{"send", console, func(who *uitest.Person) {
			who.Open("/console/sends/new").Fill("Their IDs", "003000000000001AAA").Fill("Send definition", "twice").Fill("As the user", r.CRM.Users[0].Username).Press("Send")
		}, "", "/console/sends", " twice "},
		{"fault", bench, func(who *uitest.Person) {
			who.Open("/workbench/faults").Fill("Path", "/twice").Fill("Status", "503").Press("Set the fault")
		}, before, "/workbench/faults", "/twice"},
		{"move of the clock", bench, func(who *uitest.Person) { who.Open("/workbench/clock").Fill("By", "1m").Press("Move") }, before, "/workbench/clock", "1m0s"},
		{"pair", bench, func(who *uitest.Person) { who.Open("/workbench/pairs").Press("Make the pair") }, before, "/workbench/pairs", "Delete"},
	} {
		count := func() int { return strings.Count(c.who.Open(c.list).Text(), c.made) }
		were := count()
		c.send(c.who)
		if refused := c.who.Refusal(); c.who.Status() >= http.StatusBadRequest || refused != "" {
			t.Errorf("%s: %d %s", c.name, c.who.Status(), refused)
			continue
		}
		answer := c.who.PressAgain()
		if said := answer.Text(); c.twice != "" && (answer.Status() >= http.StatusInternalServerError || !strings.Contains(said, c.twice)) {
			t.Errorf("%s: the second time says %d %.500s", c.name, answer.Status(), said)
		}
		if are := count(); are != were+1 {
			t.Errorf("%s: there were %d and are %d: %s", c.name, were, are, c.who.Text())
		}
	}
}
