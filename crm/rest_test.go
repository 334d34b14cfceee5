package crm_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Document 001 as an administrator does it through the API: set the app's policy, make the set, assign, attach.
func TestConnectedAppIsApprovedForASet(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		app := h.one(t, "SELECT Id FROM ConnectedApplication WHERE Name = 'Salesforce Marketing Cloud'")
		if status, answer := h.call(t, h.admin, "PATCH", data+"/sobjects/ConnectedApplication/"+app, map[string]any{
			"OptionsAllowAdminApprovedUsersOnly": true, "RefreshTokenValidityPeriod": 0,
		}); status != http.StatusNoContent || answer != "" {
			t.Fatalf("setting the policy: %d %s", status, answer)
		}
		set := h.create(t, "PermissionSet", map[string]any{"Label": "Marketing Cloud Connected App"})
		_, answer := h.call(t, h.admin, "GET", data+"/sobjects/PermissionSet/"+set+"?fields=Name,Type,IsCustom", nil)
		if field(t, answer, "Name") != "Marketing_Cloud_Connected_App" || field(t, answer, "Type") != "Regular" || field(t, answer, "Id") != set {
			t.Errorf("the generated API name: %s", answer)
		}
		user := h.one(t, "SELECT Id FROM User WHERE Username = '"+h.spec.Users[1].Username+"'")
		h.create(t, "PermissionSetAssignment", map[string]any{"PermissionSetId": set, "AssigneeId": user})
		h.create(t, "SetupEntityAccess", map[string]any{"ParentId": set, "SetupEntityId": app})

		rows := h.ids(t, "SELECT Id FROM SetupEntityAccess WHERE SetupEntityType = 'ConnectedApplication' AND SetupEntityId = '"+app[:15]+
			"' AND ParentId IN (SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = '"+user+"')")
		if len(rows) != 1 {
			t.Errorf("the way from user to app: %v", rows)
		}
		_, records := h.query(t, h.admin, "select OptionsAllowAdminApprovedUsersOnly, RefreshTokenValidityPeriod from connectedapplication where id='"+app+"'")
		if records[0]["OptionsAllowAdminApprovedUsersOnly"] != true || records[0]["RefreshTokenValidityPeriod"] != 0.0 {
			t.Errorf("the app: %v", records)
		}
		// The second try has the text by which the command line knows that the assignment is there.
		status, answer := h.call(t, h.admin, "POST", data+"/sobjects/PermissionSetAssignment", map[string]any{"PermissionSetId": set, "AssigneeId": user})
		if status != http.StatusBadRequest || !strings.Contains(answer, `"Duplicate PermissionSetAssignment`) || !strings.Contains(answer, "DUPLICATE_VALUE") {
			t.Errorf("assigning twice: %d %s", status, answer)
		}
	})
}

func TestContactsComeAndGo(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		account := h.create(t, "Account", map[string]any{"Name": "Kunde GmbH"})
		id := h.create(t, "contact", map[string]any{
			"attributes": map[string]any{"type": "Contact"}, "LastName": "Müller", "firstname": "Jörg", "Email": "j@kunde.example", "AccountId": account[:15],
			"Birthdate": "1980-02-29", "HasOptedOutOfEmail": true, "Description": "",
		})
		status, header, answer := h.send(t, h.admin, "GET", data+"/sobjects/Contact/"+id[:15], nil)
		if status != http.StatusOK || header.Get("Content-Type") != "application/json;charset=UTF-8" {
			t.Fatalf("%d %v %s", status, header, answer)
		}
		for name, want := range map[string]any{
			"Id": id, "Name": "Jörg Müller", "AccountId": account, "Birthdate": "1980-02-29", "HasOptedOutOfEmail": true, "Description": nil, "IsDeleted": false,
		} {
			if got := field(t, answer, name); got != want {
				t.Errorf("%s = %v, want %v", name, got, want)
			}
		}
		if !strings.HasPrefix(answer, `{"attributes":{"type":"Contact","url":"`+data+`/sobjects/Contact/`+id+`"},"Id":"`+id) {
			t.Errorf("order of members: %s", answer)
		}
		if status, answer := h.call(t, h.user, "PATCH", data+"/sobjects/Contact/"+id, map[string]any{"FirstName": nil, "Title": "Chefin"}); status != 204 {
			t.Fatalf("%d %s", status, answer)
		}
		if status, answer := h.call(t, h.user, "POST", data+"/sobjects/Contact/"+id+"?_HttpMethod=PATCH", map[string]any{"Phone": "1"}); status != 204 {
			t.Fatalf("%d %s", status, answer)
		}
		_, records := h.query(t, h.user, "SELECT Name, Title, Phone, Account.Name, Account.Owner.Name, LastModifiedBy.Name FROM Contact WHERE Id = '"+id+"'")
		r := records[0]
		parent, _ := r["Account"].(map[string]any)
		owner, _ := parent["Owner"].(map[string]any)
		if r["Name"] != "Müller" || r["Title"] != "Chefin" || r["Phone"] != "1" || parent["Name"] != "Kunde GmbH" || owner["Name"] != "Ada Admin" {
			t.Errorf("record: %v", r)
		}
		if by, _ := r["LastModifiedBy"].(map[string]any); by["Name"] != "Uwe Normal" {
			t.Errorf("changed by %v", by)
		}
		// The account takes its contacts along into the recycle bin.
		if status, answer := h.call(t, h.admin, "DELETE", data+"/sobjects/Account/"+account, nil); status != 204 || answer != "" {
			t.Fatalf("%d %s", status, answer)
		}
		for _, method := range []string{"GET", "DELETE"} {
			if status, answer := h.call(t, h.admin, method, data+"/sobjects/Contact/"+id, nil); status != 404 ||
				answer != `[{"message":"entity is deleted","errorCode":"ENTITY_IS_DELETED"}]` {
				t.Errorf("%s of a deleted contact: %d %s", method, status, answer)
			}
		}
		if n, _ := h.query(t, h.admin, "SELECT COUNT() FROM Contact"); n != 2 {
			t.Errorf("%d contacts left", n)
		}
		_, answer = h.call(t, h.admin, "GET", data+"/queryAll?q="+url.QueryEscape("SELECT COUNT() FROM Contact WHERE IsDeleted = true"), nil)
		if field(t, answer, "totalSize") != 1.0 {
			t.Errorf("queryAll: %s", answer)
		}
	})
}

// Each refusal has the status, code and text that clients compare (crm-wire 3.3).
func TestRefusals(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		contact := h.one(t, "SELECT Id FROM Contact WHERE LastName = 'Kunde'")
		user := h.one(t, "SELECT Id FROM User WHERE FirstName = 'Uwe'")
		profile := h.one(t, "SELECT Id FROM Profile WHERE Name = 'Standard User'")
		ownSet := h.one(t, "SELECT Id FROM PermissionSet WHERE ProfileId = '"+profile+"'")
		admin, normal := h.admin, h.user
		for _, c := range []struct {
			name, token, method, path string
			body                      any
			status                    int
			code, message             string
		}{
			{"no token", "", "GET", data, nil, 401, "INVALID_SESSION_ID", "Session expired or invalid"},
			{"a token of nobody", h.spec.ID[:15] + "!abc", "GET", data, nil, 401, "INVALID_SESSION_ID", "Session expired or invalid"},
			{"unknown version", admin, "GET", "/services/data/v99.0", nil, 404, "NOT_FOUND", "The requested resource does not exist"},
			{"retired version", admin, "GET", "/services/data/v30.0/limits", nil, 410, "UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL"},
			{"unknown path", admin, "GET", data + "/nothing/here", nil, 404, "NOT_FOUND", "The requested resource does not exist"},
			{"unknown object", admin, "GET", data + "/sobjects/Nope/describe", nil, 404, "NOT_FOUND", "The requested resource does not exist"},
			{"wrong method", admin, "PUT", data + "/sobjects/Contact/" + contact, "{}", 405, "METHOD_NOT_ALLOWED", "HTTP Method 'PUT' not allowed."},
			{"missing field", admin, "POST", data + "/sobjects/Contact", `{"FirstName":"x"}`, 400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]"},
			{"required emptied", admin, "PATCH", data + "/sobjects/Contact/" + contact, `{"LastName":""}`, 400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]"},
			{"unknown field", admin, "POST", data + "/sobjects/Contact", `{"LastName":"x","Nope__c":1}`, 400, "INVALID_FIELD", "No such column 'Nope__c' on sobject of type Contact"},
			{"read-only field", admin, "PATCH", data + "/sobjects/Contact/" + contact, `{"Id":"x"}`, 400, "INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: Id. Please check"},
			{"hidden field", admin, "GET", data + "/sobjects/ConnectedApplication/" + contact + "?fields=ConsumerKey", nil, 404, "NOT_FOUND", ""},
			{"too long", admin, "POST", data + "/sobjects/Contact", map[string]any{"LastName": strings.Repeat("ü", 81)}, 400, "STRING_TOO_LONG", "(max length=80)"},
			{"bad mail", admin, "PATCH", data + "/sobjects/Contact/" + contact, `{"Email":"nope"}`, 400, "INVALID_EMAIL_ADDRESS", "Email: invalid email address: nope"},
			{"bad boolean", admin, "PATCH", data + "/sobjects/Contact/" + contact, `{"HasOptedOutOfEmail":"maybe"}`, 400, "JSON_PARSER_ERROR", "Cannot deserialize instance of boolean from VALUE_STRING value maybe"},
			{"bad date", admin, "PATCH", data + "/sobjects/Contact/" + contact, `{"Birthdate":"1980-02-30"}`, 400, "JSON_PARSER_ERROR", "instance of date"},
			{"an object for a text", admin, "PATCH", data + "/sobjects/Contact/" + contact, `{"LastName":{}}`, 400, "JSON_PARSER_ERROR", "START_OBJECT"},
			{"same field twice", admin, "PATCH", data + "/sobjects/Contact/" + contact, `{"LastName":"a","lastname":"b"}`, 400, "INVALID_FIELD", "Duplicate field specified: LastName"},
			{"bad reference", admin, "PATCH", data + "/sobjects/Contact/" + contact, map[string]any{"AccountId": user}, 400, "FIELD_INTEGRITY_EXCEPTION", "Account ID: id value of incorrect type: " + user},
			{"reference to nothing", admin, "PATCH", data + "/sobjects/Contact/" + contact, `{"AccountId":"001000000000001"}`, 400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"},
			{"no id", admin, "GET", data + "/sobjects/Contact/abc", nil, 400, "MALFORMED_ID", "malformed id abc"},
			{"bad checksum", admin, "GET", data + "/sobjects/Contact/" + contact[:15] + "!!!", nil, 400, "MALFORMED_ID", ""},
			{"id of nothing", admin, "GET", data + "/sobjects/Contact/003000000000001", nil, 404, "NOT_FOUND", "The requested resource does not exist"},
			{"id of another kind", admin, "GET", data + "/sobjects/Contact/" + user, nil, 404, "NOT_FOUND", ""},
			{"users are not deleted", admin, "DELETE", data + "/sobjects/User/" + user, nil, 400, "INVALID_TYPE_FOR_OPERATION", "entity type cannot be deleted: User"},
			{"a standard user makes no users", normal, "POST", data + "/sobjects/User", `{}`, 403, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id"},
			{"nor gives himself a profile", normal, "PATCH", data + "/sobjects/User/" + user, map[string]any{"ProfileId": h.one(t, "SELECT Id FROM Profile WHERE Name = 'System Administrator'")}, 400, "INVALID_FIELD_FOR_INSERT_UPDATE", "ProfileId"},
			{"nor sees setup", normal, "GET", data + "/sobjects/SetupEntityAccess", nil, 404, "NOT_FOUND", ""},
			{"nor queries it", normal, "GET", data + "/query?q=SELECT+Id+FROM+SetupEntityAccess", nil, 400, "INVALID_TYPE", "sObject type 'SetupEntityAccess' is not supported."},
			{"nor makes a set", normal, "POST", data + "/sobjects/PermissionSet", `{"Label":"x"}`, 403, "INSUFFICIENT_ACCESS_OR_READONLY", ""},
			{"nor changes an app", normal, "PATCH", data + "/sobjects/ConnectedApplication/0H4000000000001", `{}`, 403, "INSUFFICIENT_ACCESS_OR_READONLY", ""},
			{"a profile's set stays", admin, "PATCH", data + "/sobjects/PermissionSet/" + ownSet, `{"Label":"x"}`, 403, "INSUFFICIENT_ACCESS_OR_READONLY", ""},
			{"and is not assigned", admin, "POST", data + "/sobjects/PermissionSetAssignment", map[string]any{"PermissionSetId": ownSet, "AssigneeId": user}, 400, "FIELD_INTEGRITY_EXCEPTION", ""},
			{"bad API name", admin, "POST", data + "/sobjects/PermissionSet", `{"Label":"x","Name":"1 x"}`, 400, "FIELD_INTEGRITY_EXCEPTION", "can only contain underscores"},
			{"the last administrator", admin, "PATCH", data + "/sobjects/User/" + h.one(t, "SELECT Id FROM User WHERE FirstName = 'Ada'"), `{"IsActive":false}`, 400, "CANNOT_DISABLE_LAST_ADMIN", ""},
			{"dev hub probe", admin, "GET", "/services/data/v51.0/query?q=SELECT%20Id%20FROM%20ScratchOrgInfo%20limit%201", nil, 400, "INVALID_TYPE", "sObject type 'ScratchOrgInfo' is not supported."},
			{"sandbox probe", admin, "GET", data + "/tooling/query?q=SELECT+Id+FROM+SandboxProcess", nil, 400, "INVALID_TYPE", "SandboxProcess"},
			{"no query", admin, "GET", data + "/query", nil, 400, "MALFORMED_QUERY", ""},
			{"foreign locator", admin, "GET", data + "/query/01g000000000001-2000", nil, 400, "INVALID_QUERY_LOCATOR", "invalid query locator"},
			{"broken JSON", admin, "POST", data + "/sobjects/Contact", `{"LastName":`, 400, "JSON_PARSER_ERROR", ""},
			{"an array", admin, "POST", data + "/sobjects/Contact", `[]`, 400, "JSON_PARSER_ERROR", ""},
			{"null", admin, "POST", data + "/sobjects/Contact", `null`, 400, "JSON_PARSER_ERROR", ""},
			{"a megabyte", admin, "POST", data + "/sobjects/Contact", `{"LastName":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "REQUEST_TOO_LARGE", ""},
		} {
			status, answer := h.call(t, c.token, c.method, c.path, c.body)
			var list []struct{ Message, ErrorCode string }
			if err := json.Unmarshal([]byte(answer), &list); err != nil || len(list) != 1 {
				t.Errorf("%s: %d %s is no array of one error", c.name, status, answer)
				continue
			}
			if status != c.status || list[0].ErrorCode != c.code || !strings.Contains(list[0].Message, c.message) {
				t.Errorf("%s: %d %s, want %d %s %q", c.name, status, answer, c.status, c.code, c.message)
			}
		}
	})
}

func TestContentTypesAndHeaders(t *testing.T) {
	t.Parallel()
	h := open(t, "sqlite")
	for _, c := range []struct {
		name, auth, contentType string
		status                  int
		want                    string
	}{
		{"form", "Bearer " + h.admin, "application/x-www-form-urlencoded", 415, "UNSUPPORTED_MEDIA_TYPE"},
		{"none", "Bearer " + h.admin, "", 415, "UNSUPPORTED_MEDIA_TYPE"},
		{"older scheme", "OAuth " + h.admin, "application/json; charset=UTF-8", 201, `"success":true`},
		{"any case", "bearer " + h.admin, "application/json", 201, `"success":true`},
		{"basic", "Basic dTpw", "application/json", 401, "INVALID_AUTH_HEADER"},
		{"no token", "Bearer ", "application/json", 401, "INVALID_SESSION_ID"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", h.url+data+"/sobjects/Contact/", strings.NewReader(`{"LastName":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", c.auth)
		if c.contentType != "" {
			req.Header.Set("Content-Type", c.contentType)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if status, answer := finish(t, res); status != c.status || !strings.Contains(answer, c.want) {
			t.Errorf("%s: %d %s", c.name, status, answer)
		}
	}
}

// What the command line and the libraries ask before they work, with their slashes.
func TestProbesOfClients(t *testing.T) {
	t.Parallel()
	h := open(t, "sqlite")
	status, answer := h.call(t, "", "GET", "//services/data/", nil)
	var versions []struct{ Label, URL, Version string }
	if err := json.Unmarshal([]byte(answer), &versions); err != nil || status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	last := versions[len(versions)-1]
	if versions[0].Version != "31.0" || versions[0].Label != "Summer '14" || last.Version != "67.0" || last.Label != "Summer '26" || last.URL != "/services/data/v67.0" {
		t.Errorf("versions: %v", versions)
	}
	status, answer = h.call(t, h.admin, "GET", "//services/data/v66.0/", nil)
	if id, _ := field(t, answer, "identity").(string); status != 200 || !strings.HasPrefix(id, h.url+"/id/"+h.spec.ID+"/005") {
		t.Errorf("resources: %d %s", status, answer)
	}
	status, answer = h.call(t, h.admin, "GET", "//services/data/v66.0/query/?q=SELECT%20Name,%20InstanceName,%20IsSandbox,%20TrialExpirationDate,%20NamespacePrefix,%20OrganizationType%20FROM%20Organization", nil)
	if status != 200 || !strings.Contains(answer, `"Name":"`+h.spec.Name+`"`) || !strings.Contains(answer, `"IsSandbox":false,"TrialExpirationDate":null`) {
		t.Errorf("organization: %d %s", status, answer)
	}
	for _, path := range []string{"/sobjects", "/sobjects/User", "/sobjects/User/describe", "/tooling/sobjects/", "/tooling"} {
		if status, answer := h.call(t, h.admin, "GET", data+path, nil); status != 200 {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
	status, answer = h.call(t, h.admin, "GET", data+"/query?columns=true&q="+url.QueryEscape("SELECT Id, Name, Profile.Name FROM User"), nil)
	if status != 200 || !strings.Contains(answer, `"entityName":"User","groupBy":false,"idSelected":true,"keyPrefix":"005"`) ||
		!strings.Contains(answer, `"columnName":"Profile"`) || !strings.Contains(answer, `"joinColumns":[{"columnName":"Name"`) {
		t.Errorf("columns: %d %s", status, answer)
	}
	if status, answer := h.call(t, "", "GET", "/no/such/page", nil); status != 404 || !strings.Contains(answer, "<h1") {
		t.Errorf("page: %d %s", status, answer)
	}
}

func TestDescribeTellsTheSchema(t *testing.T) {
	t.Parallel()
	h := open(t, "sqlite")
	_, answer := h.call(t, h.admin, "GET", data+"/sobjects/user/describe", nil)
	var d struct {
		Name, KeyPrefix string
		Createable      bool
		Deletable       bool
		Fields          []struct {
			Name, Type     string
			Nillable       bool
			Createable     bool
			ReferenceTo    []string
			PicklistValues []struct{ Value string }
		}
		ChildRelationships []struct{ ChildSObject, Field, RelationshipName string }
	}
	if err := json.Unmarshal([]byte(answer), &d); err != nil {
		t.Fatal(err)
	}
	if d.Name != "User" || d.KeyPrefix != "005" || !d.Createable || d.Deletable {
		t.Errorf("%+v", d)
	}
	seen := map[string]bool{}
	for _, f := range d.Fields {
		seen[f.Name] = true
		if f.Name == "ProfileId" && (f.Type != "reference" || f.Nillable || f.ReferenceTo[0] != "Profile") {
			t.Errorf("ProfileId: %+v", f)
		}
		if f.Name == "TimeZoneSidKey" && len(f.PicklistValues) == 0 {
			t.Error("no time zones")
		}
	}
	if !seen["et4ae5__ExactTarget_OAuth_Token__c"] || seen["Custom"] {
		t.Errorf("fields: %v", seen)
	}
	found := false
	for _, c := range d.ChildRelationships {
		found = found || c.ChildSObject == "PermissionSetAssignment" && c.RelationshipName == "PermissionSetAssignments"
	}
	if !found {
		t.Error("assignments are no children of a user")
	}
	if _, answer := h.call(t, h.admin, "GET", data+"/sobjects/ConnectedApplication/describe", nil); strings.Contains(strings.ToLower(answer), "consumer") || strings.Contains(answer, `"RefreshTokenPolicy"`) {
		t.Errorf("describe shows what is hidden: %s", answer)
	}
}
