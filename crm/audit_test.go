package crm_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// trail is what the Setup Audit Trail tells, by section, oldest first.
func (h *house) trail(t *testing.T, section string) []string {
	t.Helper()
	_, rows := h.query(t, h.admin, "SELECT Display FROM SetupAuditTrail WHERE Section = '"+section+"' ORDER BY CreatedDate, Id")
	var out []string
	for _, r := range rows {
		out = append(out, fmt.Sprint(r["Display"]))
	}
	return out
}

// Changes of one millisecond stand on the trail in the order in which they were made, by SOQL and on the page.
func TestTheTrailKeepsTheOrderOfChanges(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		var want []string
		var all []map[string]any
		for n := range 60 { // in one transaction, so that most have a millisecond with others
			name := fmt.Sprintf("Order %02d", n)
			want = append(want, "Created permission set Order_"+name[6:])
			all = append(all, map[string]any{"attributes": map[string]any{"type": "PermissionSet"}, "Label": name, "Name": "Order_" + name[6:]})
		}
		if status, answer := h.call(t, h.admin, "POST", data+"/composite/sobjects", map[string]any{"allOrNone": true, "records": all}); status != 200 || strings.Contains(answer, `"success":false`) {
			t.Fatal(status, answer)
		}
		of := func(order string) (got []string) {
			_, rows := h.query(t, h.admin, "SELECT Display FROM SetupAuditTrail WHERE Display LIKE 'Created permission set Order%' ORDER BY "+order)
			for _, r := range rows {
				got = append(got, fmt.Sprint(r["Display"]))
			}
			return got
		}
		for _, order := range []string{"CreatedDate", "CreatedDate, Id", "Id"} {
			if got := of(order); !slices.Equal(got, want) {
				t.Errorf("by %s: %q", order, got)
			}
		}
		slices.Reverse(want)
		if got := of("CreatedDate DESC, Id DESC"); !slices.Equal(got, want) {
			t.Errorf("the newest first: %q", got)
		}
		admin := h.adminAt(t)
		admin.open("/setup/setup-audit-trail")
		page, at := admin.text(), -1
		for _, one := range want[:40] {
			i := strings.Index(page, one)
			if i <= at {
				t.Fatalf("the page has %s at %d, after %d", one, i, at)
			}
			at = i
		}
	})
}

// dry makes a REST request that only asks what would happen.
func (h *house) dry(t *testing.T, token, method, path, body string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Twinspan-Dry-Run", "true")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	status, answer := finish(t, res)
	return status, res.Header, answer
}

// Saving Permitted Users by REST warns as the page does: with the names, before it is saved where that is asked, and the
// trail keeps how many they were.
func TestPermittedUsersByRESTSaysWhoLosesAccess(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		app := data + "/sobjects/ConnectedApplication/" + h.one(t, "SELECT Id FROM ConnectedApplication WHERE Name = 'Salesforce Marketing Cloud'")
		const body = `{"OptionsAllowAdminApprovedUsersOnly":true}`
		names := h.spec.Users[0].Username + ", " + h.spec.Users[1].Username
		approved := func() int {
			n, _ := h.query(t, h.admin, "SELECT Id FROM ConnectedApplication WHERE OptionsAllowAdminApprovedUsersOnly = true")
			return n
		}
		status, header, answer := h.dry(t, h.admin, "PATCH", app, body)
		if status != 204 || !strings.Contains(header.Get("Warning"), names) || approved() != 0 || len(h.trail(t, "Connected Apps")) != 0 {
			t.Fatalf("dry run: %d %q %s", status, header.Get("Warning"), answer)
		}
		status, header, answer = h.send(t, h.admin, "PATCH", app, body)
		if status != 204 || !strings.Contains(header.Get("Warning"), "2 users lose access to this app, 0 of whom use it now: "+names+". Nobody is left") || approved() != 1 {
			t.Fatalf("saving: %d %q %s", status, header.Get("Warning"), answer)
		}
		want := "Changed connected application Salesforce Marketing Cloud: 2 users lose access, 0 of whom use it now; OptionsAllowAdminApprovedUsersOnly to true"
		if got := h.trail(t, "Connected Apps"); len(got) != 1 || got[0] != want {
			t.Errorf("the trail: %q", got)
		}
		// Saving it again takes nothing from anybody.
		if status, header, _ := h.send(t, h.admin, "PATCH", app, body); status != 204 || header.Get("Warning") != "" || len(h.trail(t, "Connected Apps")) != 1 {
			t.Errorf("saving again: %d %q", status, header.Get("Warning"))
		}
	})
}

// Whatever takes access to an app away in Setup says from whom, also without doing it: taking a set off an app, a set from a
// user, a profile from a user, and making a set wait for activation. What takes nothing away says nothing.
func TestChangesOfPermissionSetsSayWhoLosesAccess(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		app := h.one(t, "SELECT Id FROM ConnectedApplication WHERE Name = 'Salesforce Marketing Cloud'")
		admin, user := h.one(t, "SELECT Id FROM User WHERE LastName = 'Admin'"), h.one(t, "SELECT Id FROM User WHERE LastName = 'Normal'")
		who := h.spec.Users[1].Username
		set := h.create(t, "PermissionSet", map[string]any{"Label": "Approved"})
		assignment := h.create(t, "PermissionSetAssignment", map[string]any{"PermissionSetId": set, "AssigneeId": user})
		carriage := h.create(t, "SetupEntityAccess", map[string]any{"ParentId": set, "SetupEntityId": app})
		profileSet := h.one(t, "SELECT Id FROM PermissionSet WHERE Profile.Name = 'System Administrator'")
		h.create(t, "SetupEntityAccess", map[string]any{"ParentId": profileSet, "SetupEntityId": app})
		at := func(object, id string) string { return data + "/sobjects/" + object + "/" + id }

		// While everybody may authorize the app himself, nobody loses anything.
		if status, header, _ := h.dry(t, h.admin, "DELETE", at("SetupEntityAccess", carriage), ""); status != 204 || header.Get("Warning") != "" {
			t.Errorf("a self-authorize app: %d %q", status, header.Get("Warning"))
		}
		if status, _, answer := h.send(t, h.admin, "PATCH", at("ConnectedApplication", app), `{"OptionsAllowAdminApprovedUsersOnly":true}`); status != 204 {
			t.Fatal(status, answer)
		}
		standard := h.one(t, "SELECT Id FROM Profile WHERE Name = 'Standard User'")
		count := func() int { n, _ := h.query(t, h.admin, "SELECT Id FROM SetupEntityAccess"); return n }
		before, trail := count(), len(h.trail(t, "Manage Users"))
		loses := who + " loses access to the app Salesforce Marketing Cloud."
		for name, c := range map[string]struct{ method, path, body, want string }{
			"the set taken off the app":    {"DELETE", at("SetupEntityAccess", carriage), "", loses},
			"the set taken from the user":  {"DELETE", at("PermissionSetAssignment", assignment), "", loses},
			"the set waits for activation": {"PATCH", at("PermissionSet", set), `{"HasActivationRequired":true}`, loses},
			"another label":                {"PATCH", at("PermissionSet", set), `{"Label":"Approved by us"}`, ""},
			"another title":                {"PATCH", at("User", admin), `{"Title":"Chief"}`, ""},
		} {
			status, header, answer := h.dry(t, h.admin, c.method, c.path, c.body)
			if got := header.Get("Warning"); status != 204 || c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("%s: %d %q %s", name, status, got, answer)
			}
		}
		if count() != before || len(h.trail(t, "Manage Users")) != trail {
			t.Error("a dry run left something")
		}
		// An administrator who gets another profile loses what his carries; another one stays, as one must.
		second, name, _ := h.newUser(t, "second", "System Administrator")
		status, header, answer := h.send(t, h.admin, "PATCH", at("User", second), `{"ProfileId":"`+standard+`"}`)
		if got := header.Get("Warning"); !strings.Contains(got, name+" loses access to the app Salesforce Marketing Cloud.") || strings.Contains(got, "Nobody is left") {
			t.Errorf("another profile: %d %q %s", status, got, answer)
		}
		// Who has the set twice over, by another way, loses nothing.
		other := h.create(t, "PermissionSet", map[string]any{"Label": "Approved too"})
		h.create(t, "SetupEntityAccess", map[string]any{"ParentId": other, "SetupEntityId": app})
		h.create(t, "PermissionSetAssignment", map[string]any{"PermissionSetId": other, "AssigneeId": user})
		if status, header, _ := h.send(t, h.admin, "DELETE", at("PermissionSetAssignment", assignment), nil); status != 204 || header.Get("Warning") != "" {
			t.Errorf("approved by another set: %d %q", status, header.Get("Warning"))
		}
		row := h.one(t, "SELECT Id FROM SetupEntityAccess WHERE ParentId = '"+other+"'")
		status, header, answer = h.send(t, h.admin, "DELETE", at("SetupEntityAccess", row), nil)
		if status != 204 || !strings.Contains(header.Get("Warning"), loses) {
			t.Errorf("deleting it: %d %q %s", status, header.Get("Warning"), answer)
		}
		last := h.trail(t, "Manage Users")
		if got := last[len(last)-1]; !strings.Contains(got, "1 users lose access to Salesforce Marketing Cloud, 0 of whom use it now") {
			t.Errorf("the trail: %q", got)
		}
		// A set that somebody has is not deleted, so that nobody loses it unseen.
		if status, _, answer := h.send(t, h.admin, "DELETE", at("PermissionSet", other), nil); status != 400 || !strings.Contains(answer, "is assigned to users") {
			t.Errorf("deleting a set in use: %d %s", status, answer)
		}
		// The last way in: nobody is left.
		h.create(t, "SetupEntityAccess", map[string]any{"ParentId": other, "SetupEntityId": app})
		rows := h.ids(t, "SELECT Id FROM SetupEntityAccess WHERE SetupEntityId = '"+app+"' AND ParentId != '"+other+"'")
		for _, id := range rows {
			h.send(t, h.admin, "DELETE", at("SetupEntityAccess", id), nil)
		}
		row = h.one(t, "SELECT Id FROM SetupEntityAccess WHERE ParentId = '"+other+"'")
		if _, header, _ := h.dry(t, h.admin, "DELETE", at("SetupEntityAccess", row), ""); !strings.Contains(header.Get("Warning"), "Nobody is left who may use it") {
			t.Errorf("the last way in: %q", header.Get("Warning"))
		}
	})
}

// A dry run changes nothing, refuses what would be refused, and is not for what knows none.
func TestDryRunsOfRecords(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		contact := h.one(t, "SELECT Id FROM Contact WHERE LastName = 'Kunde'")
		for _, c := range []struct {
			method, path, body string
			status             int
			want               string
		}{
			{"POST", data + "/sobjects/Contact", `{"LastName":"Dry"}`, 204, ""},
			{"PATCH", data + "/sobjects/Contact/" + contact, `{"LastName":"Dry"}`, 204, ""},
			{"DELETE", data + "/sobjects/Contact/" + contact, "", 204, ""},
			{"POST", data + "/sobjects/Contact", `{"FirstName":"Dry"}`, 400, "REQUIRED_FIELD_MISSING"},
			{"PATCH", data + "/sobjects/Contact/" + contact, `{"LastName":null}`, 400, "REQUIRED_FIELD_MISSING"},
			{"POST", data + "/sobjects/User/" + h.one(t, "SELECT Id FROM User WHERE LastName = 'Normal'") + "/password", `{"NewPassword":"dry-pass-1"}`, 400, "INVALID_OPERATION"},
			{"GET", data + "/sobjects/Contact/" + contact, "", 200, "Kunde"},
		} {
			if status, _, answer := h.dry(t, h.admin, c.method, c.path, c.body); status != c.status || !strings.Contains(answer, c.want) {
				t.Errorf("%s %s: %d %s", c.method, c.path, status, answer)
			}
		}
		if n, _ := h.query(t, h.admin, "SELECT Id FROM Contact WHERE LastName = 'Dry'"); n != 0 {
			t.Error("a dry run left something")
		}
		h.one(t, "SELECT Id FROM Contact WHERE LastName = 'Kunde'")
		h.wantLogin(t, h.spec.Users[1].Username, "user-pw-1TOKEN", "")
		// Installing a version that the org would not take is told without a request being kept.
		admin, _ := h.bare(t)
		status, header, answer := h.dry(t, admin, "POST", tooling+"/sobjects/PackageInstallRequest", `{"SubscriberPackageVersionKey":"4.000"}`)
		if status != 204 || !strings.Contains(header.Get("Warning"), "versions below 5 are retired") || len(h.toolingQuery(t, admin, "SELECT Id FROM PackageInstallRequest")) != 0 {
			t.Errorf("%d %q %s", status, header.Get("Warning"), answer)
		}
	})
}

// Each change in Setup leaves a row that names what was changed, by whom, and never a secret.
func TestSetupChangesAreOnTheTrail(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, base *house) {
		h := withApp(t, base)
		set := h.create(t, "PermissionSet", map[string]any{"Label": "Marketing Cloud Connected App"})
		user := h.one(t, "SELECT Id FROM User WHERE Username = '"+h.normal+"'")
		assignment := h.create(t, "PermissionSetAssignment", map[string]any{"PermissionSetId": set, "AssigneeId": user})
		app := h.one(t, "SELECT Id FROM ConnectedApplication WHERE Name = 'Salesforce Marketing Cloud'")
		access := h.create(t, "SetupEntityAccess", map[string]any{"ParentId": set, "SetupEntityId": app})
		patch := func(path string, body map[string]any) {
			t.Helper()
			if status, answer := h.call(t, h.admin, "PATCH", data+"/sobjects/"+path, body); status != 204 {
				t.Fatalf("%s: %d %s", path, status, answer)
			}
		}
		remove := func(path string) {
			t.Helper()
			if status, answer := h.call(t, h.admin, "DELETE", data+"/sobjects/"+path, nil); status != 204 {
				t.Fatalf("%s: %d %s", path, status, answer)
			}
		}
		patch("PermissionSet/"+set, map[string]any{"PermissionsViewSetup": true})
		remove("SetupEntityAccess/" + access)
		remove("PermissionSetAssignment/" + assignment)
		remove("PermissionSet/" + set)
		remove("AuthSession/" + h.ids(t, "SELECT Id FROM AuthSession WHERE UsersId = '"+user+"'")[0])
		if rows := h.trail(t, "Session Management"); len(rows) != 1 || !strings.Contains(rows[0], "Ended a session of user "+h.normal) {
			t.Errorf("ending a session: %q", rows)
		}
		patch("User/"+user, map[string]any{"Email": "new@mail.example", "IsActive": false, "et4ae5__ExactTarget_OAuth_Token__c": "a token nobody reads"})
		patch("User/"+user, map[string]any{"IsActive": true})
		patch("UserLogin/"+h.one(t, "SELECT Id FROM UserLogin WHERE UserId = '"+user+"'"), map[string]any{"IsFrozen": true})
		h.profile(t, "Standard", "<loginIpRanges><startAddress>192.0.2.1</startAddress><endAddress>192.0.2.9</endAddress></loginIpRanges>")
		h.set(t, "SecuritySettings", "<networkAccess><ipRanges><start>10.0.0.1</start><end>10.0.0.9</end></ipRanges></networkAccess>")
		h.set(t, "SecuritySettings", "<passwordPolicies><complexity>SpecialCharacters</complexity></passwordPolicies>")

		// The app: by the Metadata API and by our own resource; what changes nothing leaves nothing.
		h.change(t, map[string]any{"adminApproved": true, "ipRelaxation": "BYPASS", "refreshTokenPolicy": "zero"})
		h.change(t, map[string]any{"adminApproved": true})
		h.change(t, map[string]any{"adminApproved": false, "dryRun": true})
		_, answer := h.metadata(t, h.admin, update(`<oauthConfig><consumerSecret>`+strings.Repeat("s3cret", 8)+`</consumerSecret></oauthConfig><profileName>Admin</profileName>`))
		if !strings.Contains(answer, "<success>true</success>") {
			t.Fatal(answer)
		}
		// The order of scopes says nothing.
		if _, answer := h.metadata(t, h.admin, update(`<oauthConfig><scopes>RefreshToken</scopes><scopes>Api</scopes></oauthConfig>`)); !strings.Contains(answer, "<success>true</success>") {
			t.Fatal(answer)
		}
		h.change(t, map[string]any{"profiles": []string{}, "blocked": true})
		if code, answer := h.call(t, h.admin, "POST", apps+"/Salesforce_Marketing_Cloud/revoke", map[string]any{"username": h.normal}); code != 204 {
			t.Fatal(answer)
		}

		whole := strings.Join(append(append(h.trail(t, "Manage Users"), h.trail(t, "Connected Apps")...), append(h.trail(t, "Network Access"), h.trail(t, "Password Policies")...)...), "\n")
		for _, want := range []string{
			"Created permission set Marketing_Cloud_Connected_App",
			"Changed permission set Marketing_Cloud_Connected_App: PermissionsViewSetup to true",
			"Created permission set assignment Marketing Cloud Connected App for user " + h.normal,
			"Created setup entity access Salesforce Marketing Cloud for permission set Marketing Cloud Connected App",
			"Deleted setup entity access Salesforce Marketing Cloud for permission set Marketing Cloud Connected App",
			"Deleted permission set assignment Marketing Cloud Connected App for user " + h.normal,
			"Deleted permission set Marketing_Cloud_Connected_App",
			"Changed user " + h.normal + ": Email to new@mail.example, IsActive to false, et4ae5__ExactTarget_OAuth_Token__c",
			"Changed user " + h.normal + ": IsActive to true",
			"Changed user login " + h.normal + ": IsFrozen to true",
			"Changed profile Standard: login IP ranges to 192.0.2.1-192.0.2.9.",
			"Changed Trusted IP Ranges to 10.0.0.1-10.0.0.9",
			"Changed Password complexity requirement (passwordPolicies.complexity) from AlphaNumeric to SpecialCharacters",
			"Changed connected app Salesforce Marketing Cloud: Digital Certificate",
			"Changed connected app Salesforce Marketing Cloud: 2 users lose access, 0 of whom use it now; Permitted Users from All users may self-authorize to " +
				"Admin approved users are pre-authorized, IP Relaxation from Enforce IP restrictions to Relax IP restrictions, Refresh Token Policy from Refresh token is valid until revoked to Immediately expire refresh token",
			"Changed connected app Salesforce Marketing Cloud: Consumer Secret, profile Admin added",
			"1 users lose access, 0 of whom use it now; Blocked from false to true, profile System Administrator taken off",
			"Revoked the tokens of connected app Salesforce Marketing Cloud of user " + h.normal,
		} {
			if strings.Count(whole, want) != 1 {
				t.Errorf("the trail lacks, or has more than once, %q:\n%s", want, whole)
			}
		}
		if strings.Contains(whole, "s3cret") || strings.Contains(whole, "nobody reads") {
			t.Errorf("the trail shows a secret:\n%s", whole)
		}
		if n := strings.Count(whole, "Changed connected app "); n != 4 {
			t.Errorf("%d rows about the app:\n%s", n, whole)
		}
	})
}
