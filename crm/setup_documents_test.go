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
		p.click("Log Out")

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
			p.wants("Administer Manage Users Users Permission Sets")
			p.click("Users")
			p.clickIn(p.row("Uwe Normal"), "Edit")
			p.wants("Additional Information")
		}
		edit()
		p.lacks(label) // the layout of a new org hides it

		p.click("Setup")
		p.wants("Customize Users Page Layouts")
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

// newSet makes the permission set of documents 001 and 003, whose page is then shown.
func (p *hands) newSet() {
	p.t.Helper()
	p.click("New")
	p.fill("Label", "Marketing Cloud Connected App")
	p.press("Save")
	p.wants("The API name Marketing_Cloud_Connected_App is generated from the label.")
	if p.value("API Name") != "Marketing_Cloud_Connected_App" {
		p.t.Errorf("the API name: %q", p.value("API Name"))
	}
	p.fill("API Name", "not a name")
	p.press("Save")
	p.wants("Error: The Permission Set Name can only contain underscores and alphanumeric characters.")
	p.fill("API Name", "Marketing_Cloud_Connected_App")
	p.press("Save")
	p.wants("The permission set is saved.")
}

// policies sets the three of both documents, at the app's form.
func (p *hands) policies(losing string) {
	p.t.Helper()
	p.choose("Permitted Users", "Admin approved users are pre-authorized")
	p.choose("IP Relaxation", "Relax IP restrictions")
	p.choose("Refresh Token Policy", "Immediately expire refresh token")
	p.press("Save")
	p.wants("Warning", "Nothing is saved yet.", losing)
	p.press("OK")
	p.wants("The policies are saved.", "Admin approved users are pre-authorized", "Relax IP restrictions", "Immediately expire refresh token")
}

// TestDocument001OnPages sets up the connected app by the labels of the document, up to the step that leaves Setup.
//
// seed:page S001-01 S001-02 S001-07 S001-08 S001-09 S001-10 S001-11 S001-12 S001-13 S001-14 S001-15 S001-16 S001-17 S001-18 S001-19 S001-20
// seed:page S001-21 S001-22 S001-23 S001-24 S001-25 S001-26 S001-27 S001-28 S001-29 S001-30 S001-31 S001-32 S001-33 S001-34 S001-35 S001-36 S001-37
// seed:page S001-38 S001-39 S001-40 S001-41 S001-42 S001-43 S001-44
func TestDocument001OnPages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		const app, set = "Salesforce Marketing Cloud", "Marketing Cloud Connected App"
		system, user := h.spec.Users[0], h.spec.Users[1]
		p := h.adminAt(t)
		p.click("Setup")
		p.wants("Manage Apps Connected Apps Connected Apps OAuth Usage")
		p.click("Connected Apps")
		p.wants("Manage Connected Apps")
		p.click(app)
		p.click("Edit Policies")
		p.policies(user.Username) // both lose access: no permission set carries the app yet
		if got := h.one(t, "SELECT Id FROM ConnectedApplication WHERE Name = '"+app+"' AND OptionsAllowAdminApprovedUsersOnly = true"); got == "" {
			t.Error("the policy is not saved")
		}

		p.click("Setup")
		p.wants("Administer Manage Users Users Permission Sets")
		p.click("Permission Sets")
		p.newSet()
		// The package's sets, and this one, for the account that the document calls the API User: the system user of the org.
		p.click("Setup", "Users")
		p.click("Ada Admin", "Edit Assignments")
		for _, label := range []string{set, "Marketing Cloud Connector", "Marketing Cloud Connector Admin", "Marketing Cloud System User"} {
			p.tick(label, true)
		}
		p.press("Save")
		p.wants("The permission sets are assigned.", "Marketing Cloud Connector Admin", "Marketing Cloud System User")
		p.click("Edit Assignments")
		p.tick(set, false) // so that it is assigned below, as the document goes on
		p.press("Save")

		p.click("Setup", "Permission Sets", set, "Manage Assignments", "Add Assignments")
		p.wants("Make sure that the Salesforce system user is selected.")
		p.tick("Uwe Normal", true)
		p.press("Assign")
		p.wants("The Salesforce system user is not among the selected users", system.Username, "Nobody is assigned yet")
		if n, _ := h.query(t, h.admin, "SELECT Id FROM PermissionSetAssignment WHERE PermissionSet.Label = '"+set+"'"); n != 0 {
			t.Errorf("%d are assigned before the word was read", n)
		}
		p.tick("Ada Admin", true)
		p.press("Assign")
		p.wants("Assignment Summary: "+set, system.Username, user.Username)
		p.press("Done")
		p.wants("Manage Assignments: "+set, system.Username, user.Username)

		p.click("Setup", "Connected Apps", app, "Manage Permission Sets")
		p.tick(set, true)
		p.press("Save")
		p.wants("Your changes are saved.", "Marketing_Cloud_Connected_App")
		_, rows := h.query(t, h.admin, "SELECT Parent.Label FROM SetupEntityAccess WHERE SetupEntityType = 'ConnectedApplication' AND Parent.IsOwnedByProfile = false")
		if len(rows) != 1 {
			t.Errorf("carried by %v", rows)
		}

		// Taking the set off again says who loses access, and so does taking somebody off the set.
		p.click("Manage Permission Sets")
		p.tick(set, false)
		p.press("Save")
		p.wants("Nothing is saved yet.", system.Username, user.Username)
		p.click("Setup", "Permission Sets", set, "Manage Assignments")
		p.tick("Uwe Normal", true)
		p.press("Remove Assignments")
		p.wants("Nothing is saved yet.", user.Username+" loses access to the app "+app)
		p.press("OK")
		p.wants("The assignments are removed.")
	})
}

// TestDocument003OnPages is what the org's administrator does of the upgrade, by Quick Find and by the labels of that document.
//
// seed:page S003-17 S003-35 S003-36 S003-37 S003-38 S003-39 S003-40 S003-41 S003-42 S003-43 S003-44 S003-45 S003-46 S003-47 S003-48 S003-49 S003-50
// seed:page S003-51 S003-52 S003-53 S003-54 S003-55 S003-56 S003-57 S003-58 S003-59
func TestDocument003OnPages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		const app, set = "Salesforce Marketing Cloud", "Marketing Cloud Connected App"
		p := h.adminAt(t)
		p.click("Setup")
		p.quickFind("Connected Apps", "Connected Apps")
		p.clickIn(p.row(app), "Edit")
		p.policies(h.spec.Users[0].Username)
		p.click("Setup")
		p.quickFind("Permission Sets", "Permission Sets")
		p.newSet()
		p.click("Permission Sets", set, "Manage Assignments", "Add Assignments")
		p.tick("Ada Admin", true)
		p.tick("Uwe Normal", true)
		p.press("Assign")
		p.press("Done")
		p.click("Setup")
		p.quickFind("Connected Apps", "Connected Apps")
		p.click(app, "Manage Permission Sets")
		p.tick(set, true)
		p.press("Save")
		p.wants("Your changes are saved.", "Marketing_Cloud_Connected_App")
		// The set that ties users to the app is empty otherwise.
		if _, rows := h.query(t, h.admin, "SELECT PermissionsApiEnabled, PermissionsModifyAllData FROM PermissionSet WHERE Label = '"+set+"'"); rows[0]["PermissionsModifyAllData"] != false {
			t.Errorf("the set: %v", rows)
		}
	})
}
