package crm_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/oauth"
)

const tooling = data + "/tooling"

// bare gives the house a second org, without the managed package, and its administrator's token.
func (h *house) bare(t *testing.T) (admin, username string) {
	t.Helper()
	s := spec()
	s.ConnectedApps, s.PermissionSets = nil, nil
	if err := h.cloud.CreateOrg(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return h.login(t, s.Users[0].Username, "admin-pw-1TOKEN"), s.Users[0].Username
}

// install asks for a version of the package and returns the request's status and error.
func (h *house) install(t *testing.T, token, key string) (status, message string) {
	t.Helper()
	code, answer := h.call(t, token, "POST", tooling+"/sobjects/PackageInstallRequest", map[string]any{
		"SubscriberPackageVersionKey": key, "SecurityType": "none", "NameConflictResolution": "Block", "PackageInstallSource": "U",
		"EnableRss": false, "Password": "a key nobody should read",
	})
	if code != http.StatusCreated {
		t.Fatalf("installing %s: %d %s", key, code, answer)
	}
	return h.outcome(t, token, fmt.Sprint(field(t, answer, "id")))
}

func (h *house) outcome(t *testing.T, token, id string) (status, message string) {
	t.Helper()
	_, answer := h.call(t, token, "GET", tooling+"/sobjects/PackageInstallRequest/"+id, nil)
	var r struct {
		Status   string
		Password *string
		Errors   *struct {
			Errors []struct{ Message string } `json:"errors"`
		}
	}
	if err := json.Unmarshal([]byte(answer), &r); err != nil || r.Password != nil {
		t.Fatalf("%s %v", answer, err)
	}
	if r.Errors != nil {
		message = r.Errors.Errors[0].Message
	}
	return r.Status, message
}

// toolingQuery runs SOQL by the Tooling API.
func (h *house) toolingQuery(t *testing.T, token, soql string) []map[string]any {
	t.Helper()
	code, answer := h.call(t, token, "GET", tooling+"/query?q="+url.QueryEscape(soql), nil)
	var out struct{ Records []map[string]any }
	if err := json.Unmarshal([]byte(answer), &out); err != nil || code != http.StatusOK {
		t.Fatalf("%s: %d %s", soql, code, answer)
	}
	return out.Records
}

// has reports whether describe shows a field of an object.
func (h *house) has(t *testing.T, token, object, name string) bool {
	t.Helper()
	code, answer := h.call(t, token, "GET", data+"/sobjects/"+object+"/describe", nil)
	return code == http.StatusOK && strings.Contains(answer, `"name":"`+name+`"`)
}

var releaseKeys = []struct{ version, key string }{
	{"5.400", "04t300000005400AAA"}, {"5.493", "04t300000005493AAA"}, {"5.494", "04t300000005494AAA"}, {"219", "04t300000000219AAA"}, {"220", "04t300000000220AAA"},
}

// The package goes into an org, up through its versions and out again, as the vendor's tools do it.
func TestThePackageIsInstalledUpgradedAndRemoved(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		admin, username := h.bare(t)
		query := "SELECT Id, SubscriberPackage.Name, SubscriberPackage.NamespacePrefix, SubscriberPackageVersion.Id, SubscriberPackageVersion.Name, " +
			"SubscriberPackageVersion.MajorVersion FROM InstalledSubscriberPackage ORDER BY SubscriberPackageId"
		if found := h.toolingQuery(t, admin, query); len(found) != 0 || h.has(t, admin, "User", "et4ae5__ExactTargetUsername__c") {
			t.Fatalf("a new org has the package: %v", found)
		}
		for _, bad := range []struct{ key, want string }{
			{"04t300000004000AAA", "versions below 5 are retired"}, {"04t300000000000", "can't find a package version"}, {"no key", "can't find a package version"},
		} {
			if status, message := h.install(t, admin, bad.key); status != "ERROR" || !strings.Contains(message, bad.want) {
				t.Errorf("%s: %s %s", bad.key, status, message)
			}
		}
		if h.has(t, admin, "User", "et4ae5__ExactTargetUsername__c") {
			t.Error("a refused install left something")
		}
		for i, r := range releaseKeys {
			if status, message := h.install(t, admin, r.key); status != "SUCCESS" {
				t.Fatalf("installing %s: %s %s", r.version, status, message)
			}
			found := h.toolingQuery(t, admin, query)
			if len(found) != 1 || fmt.Sprint(found[0]["SubscriberPackageVersion"].(map[string]any)["Name"]) != r.version ||
				found[0]["SubscriberPackage"].(map[string]any)["NamespacePrefix"] != "et4ae5" {
				t.Errorf("%s installed: %v", r.version, found)
			}
			for _, older := range releaseKeys[:i] {
				if status, message := h.install(t, admin, older.key); status != "ERROR" || !strings.Contains(message, "newer version") {
					t.Errorf("%s over %s: %s %s", older.version, r.version, status, message)
				}
			}
			if !h.has(t, admin, "User", "et4ae5__ExactTarget_OAuth_Token__c") {
				t.Errorf("%s: User lacks the package's fields", r.version)
			}
		}
		sets := h.toolingQuery(t, admin, "SELECT Label, NamespacePrefix FROM PermissionSet WHERE NamespacePrefix = 'et4ae5' ORDER BY Label")
		if len(sets) != 3 || sets[0]["Label"] != "Marketing Cloud Connector" || sets[1]["Label"] != "Marketing Cloud Connector Admin" || sets[2]["Label"] != "Marketing Cloud System User" {
			t.Errorf("the package's permission sets: %v", sets)
		}
		// Its app lets in who is approved for it, once it holds a certificate.
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		certificate, err := oauth.NewCertificate("connect", key, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		_, answer := h.metadata(t, admin, update(`<oauthConfig><certificate>`+escape(certificate)+`</certificate><isAdminApproved>true</isAdminApproved></oauthConfig><profileName>Admin</profileName>`))
		if !strings.Contains(answer, "<success>true</success>") {
			t.Fatal(answer)
		}
		_, answer = h.metadata(t, admin, readApp)
		consumer := between(answer, "<consumerKey>", "</consumerKey>")
		signIn := func() (int, string) {
			a, err := oauth.SignAssertion(key, "", oauth.Claims{Issuer: consumer, Subject: username, Audience: h.url, Expires: time.Now().Add(3 * time.Minute)})
			if err != nil {
				t.Fatal(err)
			}
			return h.token(t, url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {a}})
		}
		code, answer := signIn()
		token := fmt.Sprint(field(t, answer, "access_token"))
		if code != http.StatusOK {
			t.Fatalf("the package's app: %d %s", code, answer)
		}
		if code, answer := h.call(t, token, "GET", data+"/query?q=SELECT+Id+FROM+User", nil); code != http.StatusOK {
			t.Fatalf("%d %s", code, answer)
		}
		// Removing another version than the installed one fails; removing the installed one takes everything, live tokens too.
		uninstall := func(version string) string {
			code, answer := h.call(t, admin, "POST", tooling+"/sobjects/SubscriberPackageVersionUninstallRequest", map[string]any{"SubscriberPackageVersionId": version})
			if code != http.StatusCreated {
				t.Fatalf("%d %s", code, answer)
			}
			return fmt.Sprint(field(t, answer, "id"))
		}
		status := func(id string) any {
			_, answer := h.call(t, admin, "GET", tooling+"/sobjects/SubscriberPackageVersionUninstallRequest/"+id, nil)
			return field(t, answer, "Status")
		}
		if id := uninstall(releaseKeys[0].key); status(id) != "Error" ||
			len(h.toolingQuery(t, admin, "SELECT Message FROM PackageVersionUninstallRequestError WHERE ParentRequest.Id = '"+id+"'")) != 1 {
			t.Error("a version that is not installed was removed")
		}
		if id := uninstall(releaseKeys[4].key); status(id) != "Success" {
			t.Error("the package stays")
		}
		if found := h.toolingQuery(t, admin, query); len(found) != 0 || h.has(t, admin, "User", "et4ae5__ExactTargetUsername__c") {
			t.Errorf("after removal: %v", found)
		}
		if left := h.toolingQuery(t, admin, "SELECT Id FROM PermissionSet WHERE NamespacePrefix = 'et4ae5'"); len(left) != 0 {
			t.Errorf("permission sets stay: %v", left)
		}
		if code, answer := h.call(t, token, "GET", data+"/query?q=SELECT+Id+FROM+User", nil); code != http.StatusUnauthorized {
			t.Errorf("a token of the removed app: %d %s", code, answer)
		}
		if code, answer := signIn(); code != http.StatusBadRequest || !strings.Contains(answer, "invalid_client_id") {
			t.Errorf("the removed app: %d %s", code, answer)
		}
		// And it can come back, in any version.
		if status, message := h.install(t, admin, releaseKeys[0].key); status != "SUCCESS" {
			t.Errorf("installing again: %s", message)
		}
		if status, message := h.install(t, admin, releaseKeys[0].key); status != "SUCCESS" { // which changes nothing, and is in nobody's trail
			t.Errorf("installing what is there: %s", message)
		}
		// Its app is the publisher's, so it is the same one: who holds its key signs in again, once he is approved.
		_, answer = h.metadata(t, admin, readApp)
		if again := between(answer, "<consumerKey>", "</consumerKey>"); again != consumer {
			t.Errorf("the app came back as %s, not %s", again, consumer)
		}
		if code, answer := signIn(); code != http.StatusBadRequest || !strings.Contains(answer, "user hasn't approved this consumer") {
			t.Errorf("the app that came back: %d %s", code, answer)
		}
		// The trail tells all of it, and nothing of what was refused.
		_, trail := h.query(t, admin, "SELECT Action, Display FROM SetupAuditTrail WHERE Section = 'Installed Packages' ORDER BY CreatedDate, Id")
		var told []string
		for _, row := range trail {
			told = append(told, fmt.Sprint(row["Display"]))
		}
		slices.Sort(told)
		want := []string{
			"Installed package Marketing Cloud, version 5.400, for admins only", "Installed package Marketing Cloud, version 5.400, for admins only",
			"Removed package Marketing Cloud, version 220",
			"Upgraded package Marketing Cloud from version 219 to 220, for admins only", "Upgraded package Marketing Cloud from version 5.400 to 5.493, for admins only",
			"Upgraded package Marketing Cloud from version 5.493 to 5.494, for admins only", "Upgraded package Marketing Cloud from version 5.494 to 219, for admins only",
		}
		if !slices.Equal(told, want) {
			t.Errorf("the trail: %q", told)
		}
	})
}

// token posts to the token endpoint.
func (h *house) token(t *testing.T, form url.Values) (int, string) {
	t.Helper()
	res, err := http.PostForm(h.url+"/services/oauth2/token", form)
	if err != nil {
		t.Fatal(err)
	}
	return finish(t, res)
}

// What a version has shows in describe, and in no other.
func TestReleasesDiffer(t *testing.T) {
	t.Parallel()
	h := open(t, "sqlite")
	admin, username := h.bare(t)
	for i, r := range releaseKeys {
		if status, message := h.install(t, admin, r.key); status != "SUCCESS" {
			t.Fatal(message)
		}
		h.assign(t, admin, username, "Marketing Cloud Connector")
		for _, part := range []struct {
			object, field string
			first         int // index of the release that has it first
		}{
			{"User", "et4ae5__ExactTargetForAppExchangeUser__c", 0},
			{"et4ae5__Configuration__c", "et4ae5__Username__c", 0},
			{"et4ae5__Business_Unit__c", "et4ae5__IsParentAccountMID__c", 2},
			{"et4ae5__Configuration__c", "et4ae5__Auth_API_URL__c", 4},
			{"et4ae5__Configuration__c", "et4ae5__Tenant_Specific_OAuth__c", 4},
		} {
			if got := h.has(t, admin, part.object, part.field); got != (i >= part.first) {
				t.Errorf("%s: %s.%s there: %v", r.version, part.object, part.field, got)
			}
		}
	}
}

// assign gives a user a permission set by its label, unless he has it.
func (h *house) assign(t *testing.T, token, username, label string) {
	t.Helper()
	id := func(soql string) string {
		_, found := h.query(t, token, soql)
		if len(found) != 1 {
			t.Fatalf("%s: %v", soql, found)
		}
		return fmt.Sprint(found[0]["Id"])
	}
	user, set := id("SELECT Id FROM User WHERE Username = '"+username+"'"), id("SELECT Id FROM PermissionSet WHERE Label = '"+label+"'")
	code, answer := h.call(t, token, "POST", data+"/sobjects/PermissionSetAssignment", map[string]any{"AssigneeId": user, "PermissionSetId": set})
	if code != http.StatusCreated && !strings.Contains(answer, "DUPLICATE") {
		t.Fatalf("assigning %s: %d %s", label, code, answer)
	}
}

// unassign takes it away.
func (h *house) unassign(t *testing.T, token, username, label string) {
	t.Helper()
	_, found := h.query(t, token, "SELECT Id FROM PermissionSetAssignment WHERE Assignee.Username = '"+username+"' AND PermissionSet.Label = '"+label+"'")
	for _, a := range found {
		if code, answer := h.call(t, token, "DELETE", data+"/sobjects/PermissionSetAssignment/"+fmt.Sprint(a["Id"]), nil); code != http.StatusNoContent {
			t.Fatalf("taking away %s: %d %s", label, code, answer)
		}
	}
}

// The four permission sets of document 001 each give something, and the lack of each is refused in its own words.
//
// seed:api S001-24 S001-25 S001-26 S001-27
func TestTheLackOfEachPermissionSetIsNamed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		certificate, err := oauth.NewCertificate("connect", key, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		system := h.spec.Users[0].Username
		const carrier = "Marketing Cloud Connected App"
		h.create(t, "PermissionSet", map[string]any{"Label": carrier})
		_, answer := h.metadata(t, h.admin, update(`<oauthConfig><certificate>`+escape(certificate)+`</certificate><isAdminApproved>true</isAdminApproved></oauthConfig>`+
			`<permissionSetName>Marketing_Cloud_Connected_App</permissionSetName>`))
		if !strings.Contains(answer, "<success>true</success>") {
			t.Fatal(answer)
		}
		all := []string{carrier, "Marketing Cloud Connector", "Marketing Cloud Connector Admin", "Marketing Cloud System User"}
		for _, label := range all {
			h.assign(t, h.admin, system, label)
		}
		// What the system user does in the org, in order; "" where all went well, else what refused it.
		work := func() string {
			a, err := oauth.SignAssertion(key, "", oauth.Claims{
				Issuer: h.spec.ConnectedApps[0].ConsumerKey, Subject: system, Audience: h.url, Expires: time.Now().Add(3 * time.Minute),
			})
			if err != nil {
				t.Fatal(err)
			}
			code, answer := h.token(t, url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {a}})
			if code != http.StatusOK {
				return answer
			}
			token := fmt.Sprint(field(t, answer, "access_token"))
			if code, answer := h.call(t, token, "GET", data+"/sobjects/et4ae5__Configuration__c", nil); code != http.StatusOK {
				return answer
			}
			code, answer = h.call(t, token, "POST", data+"/sobjects/et4ae5__Configuration__c", map[string]any{"et4ae5__Frequency__c": "Daily"})
			if code != http.StatusCreated {
				return answer
			}
			_, answer = h.call(t, token, "GET", data+"/sobjects/et4ae5__Configuration__c/"+fmt.Sprint(field(t, answer, "id")), nil)
			if name := fmt.Sprint(field(t, answer, "Name")); !strings.HasPrefix(name, "CFG-00") || field(t, answer, "et4ae5__Retry__c") != true || field(t, answer, "et4ae5__url_root__c") != "mc" {
				t.Errorf("a new configuration: %s", answer)
			}
			if code, answer := h.call(t, token, "POST", data+"/sobjects/et4ae5__IndividualEmailResult__c", map[string]any{"et4ae5__Opened__c": true}); code != http.StatusCreated {
				return answer
			}
			return ""
		}
		if refused := work(); refused != "" {
			t.Fatalf("with all four: %s", refused)
		}
		wants := []string{
			`{"error":"invalid_app_access","error_description":"user is not admin approved to access this app"}`,
			`[{"message":"insufficient access rights on object et4ae5__Configuration__c: assign the permission set \"Marketing Cloud Connector\" to the user","errorCode":"INSUFFICIENT_ACCESS_OR_READONLY"}]`,
			`[{"message":"insufficient access rights on object et4ae5__Configuration__c: assign the permission set \"Marketing Cloud Connector Admin\" to the user","errorCode":"INSUFFICIENT_ACCESS_OR_READONLY"}]`,
			`[{"message":"insufficient access rights on object et4ae5__IndividualEmailResult__c: assign the permission set \"Marketing Cloud System User\" to the user","errorCode":"INSUFFICIENT_ACCESS_OR_READONLY"}]`,
		}
		for i, label := range all {
			h.unassign(t, h.admin, system, label)
			if refused := work(); refused != wants[i] {
				t.Errorf("without %s: %s", label, refused)
			}
			h.assign(t, h.admin, system, label)
		}
		if refused := work(); refused != "" {
			t.Errorf("with all four again: %s", refused)
		}
		// Not even the administrator changes what the package's sets give.
		if code, answer := h.call(t, h.admin, "PATCH", data+"/sobjects/PermissionSet/"+h.one(t, "SELECT Id FROM PermissionSet WHERE Label = 'Marketing Cloud System User'"),
			map[string]any{"Permissionset4ae5__SystemUser": false}); code != http.StatusBadRequest || !strings.Contains(answer, "INVALID_FIELD") {
			t.Errorf("%d %s", code, answer)
		}
	})
}
