package crm_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestWhoMayChangeApps: an app's policies want Customize Application and one of Modify All Data and Manage Connected Apps; who
// carries it wants Customize Application, Modify All Data, and Manage Profiles and Permission Sets (connect-facts 2.2).
// Who could do it with less could approve himself for any app.
func TestWhoMayChangeApps(t *testing.T) {
	t.Parallel()
	h := open(t, "sqlite")
	app := h.one(t, "SELECT Id FROM ConnectedApplication WHERE Name = 'Salesforce Marketing Cloud'")
	target := h.create(t, "PermissionSet", map[string]any{"Label": "Carrier"})
	set := h.create(t, "PermissionSet", map[string]any{"Label": "Powers", "PermissionsViewSetup": true})
	h.assign(t, h.admin, h.spec.Users[1].Username, "Powers")
	const own = "<label>Own</label><contactEmail>a@b.example</contactEmail>"
	h.wantChange(t, "createMetadata", component("ConnectedApp", "Own", own+"<oauthConfig><callbackUrl>https://a.example/cb</callbackUrl><scopes>Api</scopes></oauthConfig>"))
	names := []string{"CustomizeApplication", "ManageRemoteAccess", "ModifyAllData", "ModifyMetadata", "ManageProfilesPermissionsets"}
	for _, test := range []struct {
		has                       []string
		record, resource, carries bool // may change policies by record and by our resource, and who carries the app
	}{
		{[]string{"CustomizeApplication"}, false, false, false},
		{[]string{"ManageRemoteAccess", "ModifyAllData", "ModifyMetadata", "ManageProfilesPermissionsets"}, false, false, false},
		{[]string{"CustomizeApplication", "ModifyMetadata"}, false, false, false},
		{[]string{"CustomizeApplication", "ManageRemoteAccess", "ModifyMetadata"}, true, true, false},
		{[]string{"CustomizeApplication", "ModifyAllData"}, true, true, false},
		{[]string{"CustomizeApplication", "ManageRemoteAccess", "ManageProfilesPermissionsets"}, true, false, false}, // our resource is of the Metadata API's
		{[]string{"CustomizeApplication", "ModifyAllData", "ManageProfilesPermissionsets"}, true, true, true},
	} {
		values := map[string]any{}
		for _, n := range names {
			values["Permissions"+n] = false
		}
		for _, n := range test.has {
			values["Permissions"+n] = true
		}
		if code, answer := h.call(t, h.admin, "PATCH", data+"/sobjects/PermissionSet/"+set, values); code != http.StatusNoContent {
			t.Fatalf("%v: %d %s", test.has, code, answer)
		}
		check := func(what, method, path string, body any, may bool, good int) (answer string) {
			t.Helper()
			code, answer := h.call(t, h.user, method, path, body)
			if may && code != good || !may && code != http.StatusForbidden && code != http.StatusBadRequest {
				t.Errorf("%v, %s: %d %s", test.has, what, code, answer)
			}
			return answer
		}
		check("policies by record", "PATCH", data+"/sobjects/ConnectedApplication/"+app, map[string]any{"OptionsAllowAdminApprovedUsersOnly": false}, test.record, http.StatusNoContent)
		check("policies", "PATCH", apps+"/Salesforce_Marketing_Cloud", map[string]any{"adminApproved": false}, test.resource, http.StatusOK)
		check("who carries it", "PATCH", apps+"/Salesforce_Marketing_Cloud", map[string]any{"permissionSets": []string{}}, test.carries, http.StatusOK)
		for what, element := range map[string]string{
			"whom it runs as":          "<isClientCredentialEnabled>true</isClientCredentialEnabled><oauthClientCredentialUser>" + h.spec.Users[0].Username + "</oauthClientCredentialUser>",
			"what it proves itself by": "<consumerSecret>a-secret-of-more-than-32-characters</consumerSecret>",
		} {
			_, answer := h.metadata(t, h.user, "<updateMetadata>"+component("ConnectedApp", "Own", own+"<oauthConfig>"+element+"<callbackUrl>https://a.example/cb</callbackUrl><scopes>Api</scopes></oauthConfig>")+"</updateMetadata>")
			if done := strings.Contains(answer, "<success>true"); done != test.carries {
				t.Errorf("%v, %s: %s", test.has, what, answer)
			}
		}
		answer := check("carrying by record", "POST", data+"/sobjects/SetupEntityAccess", map[string]any{"ParentId": target, "SetupEntityId": app}, test.carries, http.StatusCreated)
		if test.carries {
			check("no longer", "DELETE", data+"/sobjects/SetupEntityAccess/"+fmt.Sprint(field(t, answer, "id")), nil, true, http.StatusNoContent)
		}
	}
}
