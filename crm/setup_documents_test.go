package crm_test

import (
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// TestDocument004OnPages makes the integration user and resets its token as the document has it, by its labels.
//
// seed:page S004-01 S004-03 S004-04 S004-05 S004-06 S004-08 S004-09 S004-10 S004-11 S004-12 S004-13 S004-14 S004-15 S004-16 S004-17
// seed:page S004-18 S004-20 S004-21 S004-22 S004-23 S004-24 S004-25 S004-26 S004-27 S004-28 S004-29
func TestDocument004OnPages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		const flow, loginAs = "Allow OAuth Username-Password Flows", "Administrators Can Log in as Any User"
		p := h.adminAt(t)
		p.click("Setup", "OAuth and OpenID Connect Settings")
		p.wants("Setup Identity") // where the document finds it
		if has(p.field(flow), "checked") {
			t.Error("the flow is on in a new org")
		}
		p.tick(flow, true)
		p.press("Save")
		p.wants("Your changes are saved.")
		if _, answer := h.metadata(t, h.admin, "<readMetadata><type>OauthOidcSettings</type><fullNames>OauthOidc</fullNames></readMetadata>"); !strings.Contains(answer, "<blockOAuthUnPwFlow>false</blockOAuthUnPwFlow>") {
			t.Errorf("by the Metadata API: %s", answer)
		}

		p.click("Setup", "Users", "New User")
		p.wants("General Information", "The user is mailed a link")
		username, address := "connector@"+h.spec.MyDomain+".example", "connector@mail.example"
		p.fill("Last Name", "Connector")
		p.fill("First Name", "Salesforce")
		p.fill("Alias", "sfconn")
		p.fill("Username", "no address")
		p.fill("Email", address)
		p.choose("User License", "Salesforce Integration")
		p.choose("Profile", "System Administrator")
		p.press("Save")
		p.wants("There is a problem", "This profile is of the user license Salesforce, not Salesforce Integration.")
		p.choose("User License", "Salesforce")
		p.press("Save")
		p.wants("Error: Username must be in the form of an email address")
		if p.value("Alias") != "sfconn" || p.value("Profile") != "System Administrator" {
			t.Errorf("what was typed is gone: %q %q", p.value("Alias"), p.value("Profile"))
		}
		p.fill("Username", username)
		p.press("Save")
		p.wants("The user is created.", "Salesforce Connector", "Email verified No")
		h.setByLink(t, address, "first-pass-1")
		old := h.mails.token(t, address)
		h.wantLogin(t, username, "first-pass-1"+old, "")

		p.click("Setup", "Users")
		if len(all(p.row("Salesforce Connector"), func(n *html.Node) bool { return n.Data == "button" })) > 0 {
			t.Error("Login is there while the policy is off")
		}
		p.click("Setup", "Login Access Policies")
		p.wants("Setup Security")
		p.tick(loginAs, true)
		p.press("Save")
		p.wants("Your changes are saved.")
		p.click("Setup", "Users")
		p.pressIn(p.row("Salesforce Connector"), "Login")
		p.wants("Signed in as Salesforce Connector", "logged in as this user")
		p.click("Settings", "Reset My Security Token")
		p.press("Reset Security Token")
		p.wants("on its way to " + address)
		fresh := h.mails.token(t, address)
		h.wantLogin(t, username, "first-pass-1"+old, "INVALID_LOGIN")
		h.wantLogin(t, username, "first-pass-1"+fresh, "")
		p.open("/setup")
		p.wants("logged in as this user")
		p.quickFind("Reset Security Token", "Reset Security Token")
		p.wants("Reset Security Token")
		p.open("/")
		p.click("Log out")

		// The other way: the password is changed, and the token with it.
		robot := h.handsOf(t, username, "first-pass-1")
		robot.click("Settings", "Change My Password")
		robot.fill("Current Password", "first-pass-1")
		robot.fill("New Password", "second-pass-2")
		robot.fill("Confirm New Password", "second-pass-2")
		robot.press("Change Password")
		robot.wants("Your password is changed.")
		h.wantLogin(t, username, "second-pass-2"+fresh, "INVALID_LOGIN")
		h.wantLogin(t, username, "second-pass-2"+h.mails.token(t, address), "")
	})
}

// TestTheTokenIsRemovedFromTheUserOnPages is document 000 with a package below 5.493, and from it on.
//
// seed:page S000-16 S000-18 S000-19 S000-20 S000-21 S000-22 S000-23 S000-24 S000-25 S000-27 S000-28 S000-29 S000-30 S000-31 S000-32
// seed:page S000-33 S000-34 S000-35 S000-37
func TestTheTokenIsRemovedFromTheUserOnPages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		const token, label = "et4ae5__ExactTarget_OAuth_Token__c", "Marketing Cloud OAuth Token"
		s := spec()
		s.Package, s.ConnectedApps, s.PermissionSets = "5.400", nil, nil
		if err := h.cloud.CreateOrg(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		admin := h.login(t, s.Users[0].Username, "admin-pw-1TOKEN")
		_, found := h.query(t, admin, "SELECT Id FROM User WHERE Username = '"+s.Users[1].Username+"'")
		id := found[0]["Id"].(string)
		keep := func(handle string) {
			t.Helper()
			if status, answer := h.call(t, admin, "PATCH", data+"/sobjects/User/"+id, map[string]any{token: handle}); status != 204 {
				t.Fatal(answer)
			}
		}
		kept := func() any {
			_, rows := h.query(t, admin, "SELECT "+token+" FROM User WHERE Id = '"+id+"'")
			return rows[0][token]
		}
		keep("a-handle")
		p := h.handsOf(t, s.Users[0].Username, "admin-pw-1")
		edit := func() {
			t.Helper()
			p.click("Setup")
			p.wants("Administer > Manage Users")
			p.click("Users")
			p.clickIn(p.row("Uwe Normal"), "Edit")
			p.wants("Additional Information")
		}
		edit()
		p.lacks(label) // the layout of a new org hides it

		p.click("Setup")
		p.wants("Build > Customize > Users")
		p.click("Page Layouts")
		p.clickIn(p.row("User Layout"), "Edit")
		p.choose("Field", label)
		p.choose("Section", "Additional Information")
		p.press("Move to Section")
		p.wants("Nothing is saved yet.")
		p.press("Move Up")
		p.press("Move Down")
		p.press("Remove from Layout")
		p.press("Move to Section")
		p.press("Save")
		p.wants("The layout is saved.")

		edit()
		if p.value(label) == "" {
			t.Error("the field holds nothing")
		}
		p.fill("Title", "Sender") // and the token is left as it is
		p.press("Save")
		p.wants("Your changes are saved.")
		if kept() == nil {
			t.Error("saving something else cleared the token")
		}
		edit()
		p.fill(label, "")
		p.press("Save")
		p.wants("Your changes are saved.")
		if kept() != nil {
			t.Errorf("the token after saving: %v", kept())
		}

		p.click("Setup", "Installed Packages")
		p.choose("Version", "5.493")
		p.press("Upgrade")
		p.wants("The package is installed.")
		keep("another")
		edit()
		p.wants(label, "Caution: from version 5.493", "Marketing Cloud tab > My Credentials")
		p.fill("Title", "Sender again")
		p.press("Save")
		p.wants("Your changes are saved.", "Caution: from version 5.493")
		if kept() == nil {
			t.Error("the page changed the field")
		}
	})
}
