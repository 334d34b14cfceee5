package crm_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// The CRM administrator's steps of documents 001 and 003, one by one and by the APIs of the real org, each checked by
// what it does to logins.

// grant is a grant of the password flow by an app of the org.
func (h *appHouse) passwordGrant(t *testing.T, username, password string) (int, string) {
	t.Helper()
	app := h.spec.ConnectedApps[0]
	return h.token(t, url.Values{
		"grant_type": {"password"}, "client_id": {app.ConsumerKey}, "client_secret": {app.Secret.Reveal()}, "username": {username}, "password": {password},
	})
}

// refreshToken signs a person in by the web server flow, says yes where he is asked, and returns the refresh token.
func (h *appHouse) refreshToken(t *testing.T, username, password string) string {
	t.Helper()
	app := h.spec.ConnectedApps[0]
	p := h.person(t)
	elsewhere := errors.New("the browser is led elsewhere")
	var code string
	p.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if c := r.URL.Query().Get("code"); c != "" {
			code = c
			return elsewhere
		}
		return nil
	}
	p.signIn(t, username, password)
	visit := func(res *http.Response, err error) string {
		t.Helper()
		if errors.Is(err, elsewhere) {
			return ""
		}
		if err != nil {
			t.Fatal(err)
		}
		_, page := finish(t, res)
		return page
	}
	page := visit(p.client.Get(h.url + "/services/oauth2/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {app.ConsumerKey}, "redirect_uri": {app.CallbackURLs[0]},
	}.Encode()))
	if code == "" { // he is asked
		visit(p.client.PostForm(h.url+"/setup/secur/RemoteAccessAuthorizationPage.apexp", url.Values{"tx": {between(page, `name="tx" value="`, `"`)}, "decision": {"allow"}}))
	}
	status, answer := h.token(t, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "client_id": {app.ConsumerKey}, "client_secret": {app.Secret.Reveal()}, "redirect_uri": {app.CallbackURLs[0]},
	})
	token := between(answer, `"refresh_token":"`, `"`)
	if status != http.StatusOK || token == "" {
		t.Fatalf("the web server flow: %d %s", status, answer)
	}
	return token
}

func (h *appHouse) refresh(t *testing.T, token string) (int, string) {
	t.Helper()
	app := h.spec.ConnectedApps[0]
	return h.token(t, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {app.ConsumerKey}, "client_secret": {app.Secret.Reveal()}})
}

// policies saves the app's policies by the Metadata API.
func (h *appHouse) policies(t *testing.T, fields string) {
	t.Helper()
	if _, answer := h.metadata(t, h.admin, update(fields)); !strings.Contains(answer, "<success>true</success>") {
		t.Fatalf("%s: %s", fields, answer)
	}
}

// findApp finds the app among the org's connected apps, as both documents have it twice: list, then open.
func (h *appHouse) findApp(t *testing.T) string {
	t.Helper()
	_, list := h.metadata(t, h.admin, "<listMetadata><queries><type>ConnectedApp</type></queries></listMetadata>")
	if !strings.Contains(list, "<fullName>et4ae5__Salesforce_Marketing_Cloud</fullName>") {
		t.Fatalf("the connected apps: %s", list)
	}
	if _, answer := h.metadata(t, h.admin, readApp); !strings.Contains(answer, "<label>Salesforce Marketing Cloud</label>") || !strings.Contains(answer, "<oauthPolicy>") {
		t.Fatalf("the app: %s", answer)
	}
	return h.one(t, "SELECT Id FROM ConnectedApplication WHERE Name = 'Salesforce Marketing Cloud'")
}

// threePolicies are the three of both documents, each with its effect: nobody is approved, the address no longer
// matters, and no token is refreshed.
func (h *appHouse) threePolicies(t *testing.T) {
	t.Helper()
	h.set(t, "OauthOidcSettings", "<blockOAuthUnPwFlow>false</blockOAuthUnPwFlow>")
	h.profile(t, "Standard", "<loginIpRanges><startAddress>192.0.2.1</startAddress><endAddress>192.0.2.9</endAddress></loginIpRanges>")
	if status, answer := h.passwordGrant(t, h.normal, "user-pw-1"); status != 400 || !strings.Contains(answer, "ip restricted") {
		t.Errorf("from outside the ranges, enforced: %d %s", status, answer)
	}
	h.policies(t, "<oauthPolicy><ipRelaxation>BYPASS</ipRelaxation></oauthPolicy>")
	if status, answer := h.passwordGrant(t, h.normal, "user-pw-1"); status != 200 {
		t.Errorf("from outside the ranges, relaxed: %d %s", status, answer)
	}
	h.profile(t, "Standard", "<loginIpRanges/>")

	refresh := h.refreshToken(t, h.system, "admin-pw-1")
	if status, answer := h.refresh(t, refresh); status != 200 {
		t.Errorf("refreshing until revoked: %d %s", status, answer)
	}
	h.policies(t, "<oauthPolicy><refreshTokenPolicy>zero</refreshTokenPolicy></oauthPolicy>")
	if status, answer := h.refresh(t, refresh); status != 400 || !strings.Contains(answer, "expired access/refresh token") {
		t.Errorf("refreshing what expires immediately: %d %s", status, answer)
	}

	h.policies(t, "<oauthConfig><isAdminApproved>true</isAdminApproved></oauthConfig>")
	_, answer := h.metadata(t, h.admin, readApp)
	for _, want := range []string{"<isAdminApproved>true</isAdminApproved>", "<ipRelaxation>BYPASS</ipRelaxation>", "<refreshTokenPolicy>zero</refreshTokenPolicy>"} {
		if !strings.Contains(answer, want) {
			t.Errorf("read back, the policies lack %s: %s", want, answer)
		}
	}
	for _, u := range []string{h.system, h.normal} {
		h.want(t, u, 400, "user is not admin approved to access this app")
	}
}

// newSet creates the permission set and checks the API name that it got.
func (h *appHouse) newSet(t *testing.T) string {
	t.Helper()
	if n, _ := h.query(t, h.admin, "SELECT Id FROM PermissionSet WHERE IsOwnedByProfile = false AND NamespacePrefix = null"); n != 0 {
		t.Fatal("a new org has permission sets of its own")
	}
	set := h.create(t, "PermissionSet", map[string]any{"Label": "Marketing Cloud Connected App"})
	status, answer := h.call(t, h.admin, "GET", data+"/sobjects/PermissionSet/"+set+"?fields=Name,Label", nil)
	if status != 200 || field(t, answer, "Name") != "Marketing_Cloud_Connected_App" {
		t.Errorf("the generated API name: %d %s", status, answer)
	}
	for _, bad := range []string{"Two Words", "1st", "ends_", "two__marks", "Marketing_Cloud_Connected_App"} {
		if status, answer := h.call(t, h.admin, "POST", data+"/sobjects/PermissionSet", map[string]any{"Label": "Another", "Name": bad}); status != 400 {
			t.Errorf("the API name %q: %d %s", bad, status, answer)
		}
	}
	return set
}

// manageAssignments opens the set by its label and assigns it to the users, the system user among them.
func (h *appHouse) manageAssignments(t *testing.T, set string) {
	t.Helper()
	if found := h.one(t, "SELECT Id FROM PermissionSet WHERE Label = 'Marketing Cloud Connected App'"); found != set {
		t.Errorf("the permission set is found as %s", found)
	}
	h.create(t, "PermissionSetAssignment", map[string]any{"PermissionSetId": set, "AssigneeId": h.one(t, "SELECT Id FROM User WHERE Username = '"+h.system+"'")})
	h.want(t, h.system, 400, "user is not admin approved") // the set does not carry the app yet
	_, done := h.query(t, h.admin, "SELECT Assignee.Username FROM PermissionSetAssignment WHERE PermissionSetId = '"+set+"'")
	if len(done) != 1 || done[0]["Assignee"].(map[string]any)["Username"] != h.system {
		t.Errorf("assigned: %v", done)
	}
}

// Document 001, steps 1 to 32: the set is attached by a record of its own.
//
// seed:api S001-07 S001-09 S001-10 S001-11 S001-12 S001-14 S001-15 S001-16 S001-17 S001-19 S001-20 S001-21 S001-22 S001-23
// seed:api S001-30 S001-31 S001-32 S001-33 S001-34 S001-35 S001-36 S001-37 S001-38 S001-40 S001-41 S001-42 S001-43 S001-44
func TestDocument001ByAPI(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, base *house) {
		h := withApp(t, base)
		h.findApp(t)
		h.threePolicies(t)
		set := h.newSet(t)
		h.manageAssignments(t, set)

		app := h.findApp(t)
		h.create(t, "SetupEntityAccess", map[string]any{"ParentId": set, "SetupEntityId": app})
		h.want(t, h.system, 200, "access_token")
		h.want(t, h.normal, 400, "user is not admin approved")
		if status, answer := h.passwordGrant(t, h.system, "admin-pw-1TOKEN"); status != 200 || strings.Contains(answer, "refresh_token\":") {
			t.Errorf("the system user: %d %s", status, answer)
		}
	})
}

// Document 003, steps 12 to 35, the administrator's 24: the set is attached by the app's own component.
//
// seed:api S003-35 S003-37 S003-38 S003-39 S003-40 S003-41 S003-42 S003-44 S003-45 S003-46 S003-47 S003-48 S003-49 S003-50
// seed:api S003-51 S003-52 S003-53 S003-54 S003-55 S003-56 S003-57 S003-58 S003-59
func TestDocument003ByAPI(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, base *house) {
		h := withApp(t, base)
		h.findApp(t)
		h.threePolicies(t)
		set := h.newSet(t)
		h.manageAssignments(t, set)

		h.findApp(t)
		h.policies(t, "<permissionSetName>Marketing_Cloud_Connected_App</permissionSetName>")
		if _, answer := h.metadata(t, h.admin, readApp); !strings.Contains(answer, "<permissionSetName>Marketing_Cloud_Connected_App</permissionSetName>") {
			t.Errorf("read back: %s", answer)
		}
		h.want(t, h.system, 200, "access_token")
		h.want(t, h.normal, 400, "user is not admin approved")
		// The set holds nothing and approves all the same; without the assignment nothing is left of it.
		h.unassign(t, h.admin, h.system, "Marketing Cloud Connected App")
		h.want(t, h.system, 400, "user is not admin approved")
	})
}

// Document 000, steps 1 to 7: the token's field of a User record is found and blanked, by whoever may and nobody else,
// while the user goes on logging in. What becomes of his mapping is the connection's.
//
// seed:api S000-18 S000-19 S000-20 S000-22 S000-23 S000-24 S000-25
func TestDocument000OnTheUserRecordByAPI(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		const name = "et4ae5__ExactTarget_OAuth_Token__c"
		user := h.one(t, "SELECT Id FROM User WHERE Username = '"+h.spec.Users[1].Username+"'")
		path := data + "/sobjects/User/" + user
		status, answer := h.call(t, h.admin, "GET", data+"/sobjects/User/describe", nil)
		if status != 200 || !strings.Contains(answer, `"label":"Marketing Cloud OAuth Token"`) || !strings.Contains(answer, `"name":"`+name+`"`) {
			t.Fatalf("the field is not described: %d", status)
		}
		if status, answer := h.call(t, h.admin, "PATCH", path, map[string]any{name: strings.Repeat("t", 40)}); status != 204 {
			t.Fatalf("%d %s", status, answer)
		}
		// Another user's record needs elevated permissions.
		admin := data + "/sobjects/User/" + h.one(t, "SELECT Id FROM User WHERE Username = '"+h.spec.Users[0].Username+"'")
		for _, of := range []string{admin, path} {
			if status, answer := h.call(t, h.user, "PATCH", of, map[string]any{name: nil}); status < 400 && of == admin || status == 204 {
				t.Errorf("a standard user blanks %s: %d %s", of, status, answer)
			}
		}
		if status, answer := h.call(t, h.admin, "PATCH", path, map[string]any{name: nil}); status != 204 {
			t.Fatalf("blanking: %d %s", status, answer)
		}
		if _, answer := h.call(t, h.admin, "GET", path+"?fields="+name, nil); field(t, answer, name) != nil {
			t.Errorf("after blanking: %s", answer)
		}
		h.wantLogin(t, h.spec.Users[1].Username, "user-pw-1TOKEN", "")
	})
}
