package crm_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// change makes a call of create, update, upsert or deleteMetadata and gives the answer, which must be no fault.
func (h *house) change(t *testing.T, token, operation, components string) string {
	t.Helper()
	status, answer := h.metadata(t, token, "<"+operation+">"+components+"</"+operation+">")
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", operation, status, answer)
	}
	return answer
}

func (h *house) wantChange(t *testing.T, operation, components string) {
	t.Helper()
	if answer := h.change(t, h.admin, operation, components); strings.Contains(answer, "<success>false") || !strings.Contains(answer, "<success>true") {
		t.Fatalf("%s: %s", operation, answer)
	}
}

func (h *house) wantRead(t *testing.T, kind, name string, want ...string) {
	t.Helper()
	_, answer := h.metadata(t, h.admin, "<readMetadata><type>"+kind+"</type><fullNames>"+name+"</fullNames></readMetadata>")
	for _, w := range want {
		if !strings.Contains(answer, w) {
			t.Errorf("%s %s: %s lacks %s", kind, name, answer, w)
		}
	}
}

const noRecord = `<records xsi:nil="true"/>`

func component(kind, name, fields string) string {
	return `<metadata xsi:type="` + kind + `"><fullName>` + name + `</fullName>` + fields + `</metadata>`
}

func gives(permission string) string {
	return "<userPermissions><enabled>true</enabled><name>" + permission + "</name></userPermissions>"
}

func TestPermissionSetMetadata(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.wantRead(t, "PermissionSet", "Mail_Team", noRecord)
		h.wantChange(t, "createMetadata", component("PermissionSet", "Mail_Team",
			"<label>Mail Team</label><description>Who sends</description><license>Salesforce</license><hasActivationRequired>false</hasActivationRequired>"+gives("ViewSetup")+gives("ApiEnabled")))
		h.wantRead(t, "PermissionSet", "Mail_Team", `<records xsi:type="PermissionSet"><fullName>Mail_Team</fullName><description>Who sends</description>`+
			`<hasActivationRequired>false</hasActivationRequired><label>Mail Team</label><license>Salesforce</license>`+
			`<userPermissions><enabled>true</enabled><name>ApiEnabled</name></userPermissions><userPermissions><enabled>true</enabled><name>ViewSetup</name></userPermissions></records>`)
		set := h.one(t, "SELECT Id FROM PermissionSet WHERE Name = 'Mail_Team' AND PermissionsViewSetup = true AND License.Name = 'Salesforce'")

		// What a set gives is what the call names; everything else that is absent stays.
		h.wantChange(t, "updateMetadata", component("PermissionSet", "Mail_Team", "<label>Mail Crew</label><license>Salesforce</license>"+gives("ApiEnabled")))
		h.wantRead(t, "PermissionSet", "Mail_Team", "<label>Mail Crew</label>", "<description>Who sends</description>", "<name>ApiEnabled</name></userPermissions></records>")
		if n := h.ids(t, "SELECT Id FROM PermissionSet WHERE Name = 'Mail_Team' AND PermissionsViewSetup = true"); len(n) != 0 {
			t.Error("ViewSetup stayed")
		}
		h.wantChange(t, "updateMetadata", component("PermissionSet", "Mail_Team", ""))
		if n := h.ids(t, "SELECT Id FROM PermissionSet WHERE Name = 'Mail_Team' AND PermissionsApiEnabled = true"); len(n) != 0 {
			t.Error("ApiEnabled stayed")
		}

		answer := h.change(t, h.admin, "upsertMetadata", component("PermissionSet", "Mail_Team", "<description/>")+component("PermissionSet", "Other", "<label>Other</label>"))
		for _, want := range []string{
			"<result><created>false</created><fullName>Mail_Team</fullName><success>true</success></result>",
			"<result><created>true</created><fullName>Other</fullName><success>true</success></result>",
		} {
			if !strings.Contains(answer, want) {
				t.Errorf("upsert: %s lacks %s", answer, want)
			}
		}
		if n := h.ids(t, "SELECT Id FROM PermissionSet WHERE Name = 'Mail_Team' AND Description = null"); len(n) != 1 {
			t.Error("the description stayed")
		}
		_, answer = h.metadata(t, h.admin, "<listMetadata><queries><type>PermissionSet</type></queries></listMetadata>")
		for _, want := range []string{
			"<fileName>permissionsets/Mail_Team.permissionset</fileName><fullName>Mail_Team</fullName><id>" + set + "</id>", "<createdByName>Ada Admin</createdByName>",
			"<fullName>et4ae5__Marketing_Cloud_Connector</fullName>", "<manageableState>installed</manageableState><namespacePrefix>et4ae5</namespacePrefix><type>PermissionSet</type>",
		} {
			if !strings.Contains(answer, want) {
				t.Errorf("list: %s lacks %s", answer, want)
			}
		}

		user := h.one(t, "SELECT Id FROM User WHERE LastName = 'Normal'")
		h.create(t, "PermissionSetAssignment", map[string]any{"PermissionSetId": set, "AssigneeId": user})
		const drop = "<type>PermissionSet</type><fullNames>Mail_Team</fullNames><fullNames>Other</fullNames><fullNames>Nope</fullNames>"
		answer = h.change(t, h.admin, "deleteMetadata", drop)
		for _, want := range []string{
			"<statusCode>DELETE_FAILED</statusCode></errors><fullName>Mail_Team</fullName><success>false</success>",
			"<result><fullName>Other</fullName><success>true</success></result>",
			"<message>In field: fullName - no PermissionSet named Nope found</message><statusCode>INVALID_CROSS_REFERENCE_KEY</statusCode>",
		} {
			if !strings.Contains(answer, want) {
				t.Errorf("delete: %s lacks %s", answer, want)
			}
		}
		h.wantRead(t, "PermissionSet", "Other", noRecord)
	})
}

// Before version 40 a set's permissions were added to what it had.
func TestPermissionSetsOfOldVersionsAdd(t *testing.T) {
	t.Parallel()
	h := open(t, "sqlite")
	h.wantChange(t, "createMetadata", component("PermissionSet", "A", "<label>A</label>"+gives("ApiEnabled")))
	body := `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><e:Header><SessionHeader xmlns="x"><sessionId>` + h.admin +
		`</sessionId></SessionHeader></e:Header><e:Body xmlns="http://soap.sforce.com/2006/04/metadata"><updateMetadata>` +
		component("PermissionSet", "A", gives("ViewSetup")) + `</updateMetadata></e:Body></e:Envelope>`
	if status, answer := h.soap(t, "/services/Soap/m/39.0", body); status != 200 || !strings.Contains(answer, "<success>true") {
		t.Fatalf("%d %s", status, answer)
	}
	h.wantRead(t, "PermissionSet", "A", "<name>ApiEnabled</name>", "<name>ViewSetup</name>")
}

func TestComponentsAreRefused(t *testing.T) {
	t.Parallel()
	h := open(t, "sqlite")
	const label = "<label>L</label>"
	const app = label + "<contactEmail>a@b.example</contactEmail>"
	long := strings.Repeat("k", 32)
	h.wantChange(t, "createMetadata", component("PermissionSet", "Taken", label))
	for _, c := range []struct {
		name, operation, components string
		want                        []string
	}{
		{"taken", "createMetadata", component("PermissionSet", "Taken", label), []string{"<fields>fullName</fields>", "<statusCode>DUPLICATE_VALUE</statusCode>"}},
		{"no label", "createMetadata", component("PermissionSet", "New", ""), []string{"Required fields are missing: [label]", "<statusCode>REQUIRED_FIELD_MISSING</statusCode>"}},
		{"a bad name", "createMetadata", component("PermissionSet", "New_", label), []string{"can only contain underscores and alphanumeric", "FIELD_INTEGRITY_EXCEPTION"}},
		{"a package's name", "createMetadata", component("PermissionSet", "et4ae5__New", label), []string{"Cannot create a new component with the namespace: et4ae5."}},
		{"a long label", "createMetadata", component("PermissionSet", "New", "<label>"+strings.Repeat("x", 81)+"</label>"), []string{"STRING_TOO_LONG"}},
		{"nobody to update", "updateMetadata", component("PermissionSet", "New", label), []string{"no PermissionSet named New found", "INVALID_CROSS_REFERENCE_KEY"}},
		{"no such permission", "createMetadata", component("PermissionSet", "New", label+gives("Fly")), []string{"Unknown user permission: Fly"}},
		{"a package's own permission", "createMetadata", component("PermissionSet", "New", label+gives("et4ae5__Connector")), []string{"Unknown user permission"}},
		{"a permission twice", "createMetadata", component("PermissionSet", "New", label+gives("ApiEnabled")+gives("ApiEnabled")), []string{"Duplicate userPermissions"}},
		{"no such licence", "createMetadata", component("PermissionSet", "New", label+"<license>Gold</license>"), []string{"no UserLicense named Gold found"}},
		{"an element that is not kept", "createMetadata", component("PermissionSet", "New", label+"<classAccesses/>"), []string{"classAccesses"}},
		{"an app without all it needs", "createMetadata", component("ConnectedApp", "New", label), []string{"Required fields are missing: [contactEmail, oauthConfig.callbackUrl]"}},
		{"an app that is there", "createMetadata", component("ConnectedApp", "et4ae5__Salesforce_Marketing_Cloud", app), []string{"DUPLICATE_VALUE"}},
		{"a short consumer key", "createMetadata", component("ConnectedApp", "New", app+"<oauthConfig><callbackUrl>https://a.example/</callbackUrl><consumerKey>short</consumerKey></oauthConfig>"), []string{"32 to 255 characters"}},
		{"a key with a space", "createMetadata", component("ConnectedApp", "New", app+"<oauthConfig><callbackUrl>https://a.example/</callbackUrl><consumerKey>"+long+" k</consumerKey></oauthConfig>"), []string{"no white space"}},
		{"an app of a package", "createMetadata", component("ConnectedApp", "et4ae5__New", app), []string{"namespace: et4ae5"}},
		{"an app's bad name", "createMetadata", component("ConnectedApp", "a b", app), []string{"can only contain underscores"}},
		{"a new profile", "createMetadata", component("Profile", "New", ""), []string{"INVALID_TYPE_FOR_OPERATION"}},
		{"a package's app", "deleteMetadata", "<type>ConnectedApp</type><fullNames>Salesforce_Marketing_Cloud</fullNames>", []string{"<statusCode>INSUFFICIENT_ACCESS</statusCode>"}},
		{"a package's set", "deleteMetadata", "<type>PermissionSet</type><fullNames>et4ae5__Marketing_Cloud_Connector</fullNames>", []string{"<statusCode>INSUFFICIENT_ACCESS</statusCode>"}},
	} {
		answer := h.change(t, h.admin, c.operation, c.components)
		for _, want := range append(c.want, "<success>false</success>") {
			if !strings.Contains(answer, want) {
				t.Errorf("%s: %s lacks %s", c.name, answer, want)
			}
		}
	}
	h.wantRead(t, "PermissionSet", "New", noRecord)
	h.wantRead(t, "ConnectedApp", "New", noRecord)

	for name, body := range map[string]string{
		"deleting settings":      "<deleteMetadata><type>SecuritySettings</type><fullNames>Security</fullNames></deleteMetadata>",
		"deleting nothing":       "<deleteMetadata><type>PermissionSet</type></deleteMetadata>",
		"creating nothing":       "<createMetadata/>",
		"a type that is not one": "<createMetadata>" + component("Nope", "a", "") + "</createMetadata>",
		"eleven":                 "<createMetadata>" + strings.Repeat(component("PermissionSet", "a", ""), 11) + "</createMetadata>",
	} {
		if status, answer := h.metadata(t, h.admin, body); status != 500 || !strings.Contains(answer, "INVALID_TYPE") {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	// Who may not use the API may change nothing by it.
	for _, body := range []string{
		"<createMetadata>" + component("PermissionSet", "Mine", label+gives("ModifyAllData")) + "</createMetadata>",
		"<deleteMetadata><type>PermissionSet</type><fullNames>Taken</fullNames></deleteMetadata>",
		"<createMetadata>" + component("ConnectedApp", "Mine", app) + "</createMetadata>",
		"<updateMetadata>" + component("OauthOidcSettings", "OauthOidc", "<blockOAuthUnPwFlow>false</blockOAuthUnPwFlow>") + "</updateMetadata>",
	} {
		if _, answer := h.metadata(t, h.user, body); !strings.Contains(answer, "<statusCode>INSUFFICIENT_ACCESS</statusCode>") || strings.Contains(answer, "<success>true") {
			t.Errorf("a standard user: %s", answer)
		}
	}
}

func TestConnectedAppLives(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		const secret = "a-secret-of-more-than-32-characters"
		key := "3MVG9" + strings.ToLower(h.spec.ID) + "0123456789"
		fields := "<label>Bridge</label><contactEmail>a@b.example</contactEmail><oauthConfig><callbackUrl>https://a.example/cb</callbackUrl><consumerKey>" + key +
			"</consumerKey><consumerSecret>" + secret + "</consumerSecret><isClientCredentialEnabled>true</isClientCredentialEnabled><oauthClientCredentialUser>" +
			h.spec.Users[1].Username + "</oauthClientCredentialUser><scopes>Api</scopes></oauthConfig>"
		// The set comes first: one call, one order.
		h.wantChange(t, "createMetadata", component("PermissionSet", "Bridge_Users", "<label>Bridge Users</label>")+
			component("ConnectedApp", "Bridge", fields+"<permissionSetName>Bridge_Users</permissionSetName><profileName>Standard</profileName>"))
		// The defaults of a new app: crm-wire 5.4.
		h.wantRead(t, "ConnectedApp", "Bridge", "<isAdminApproved>false<", "<isSecretRequiredForRefreshToken>true<", "<isPkceRequired>false<", "<ipRelaxation>ENFORCE<",
			"<refreshTokenPolicy>infinite<", "<permissionSetName>Bridge_Users</permissionSetName><profileName>Standard User</profileName>", "<consumerKey>"+key+"<")
		token := func() (int, string) {
			res, err := http.PostForm(h.url+"/services/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {key}, "client_secret": {secret}})
			if err != nil {
				t.Fatal(err)
			}
			return finish(t, res)
		}
		status, answer := token()
		if status != 200 {
			t.Fatalf("the new app gives no token: %d %s", status, answer)
		}
		session := fmt.Sprint(field(t, answer, "access_token"))
		if status, _ := h.call(t, session, "GET", data+"/sobjects/Contact/describe", nil); status != 200 {
			t.Fatalf("its token: %d", status)
		}
		if answer := h.change(t, h.admin, "createMetadata", component("ConnectedApp", "Second", fields)); !strings.Contains(answer, "The consumer key is already taken") {
			t.Errorf("a second app with the key: %s", answer)
		}
		if answer := h.change(t, h.admin, "upsertMetadata", component("ConnectedApp", "Bridge", "<oauthConfig><isAdminApproved>true</isAdminApproved></oauthConfig><profileName/>")); !strings.Contains(answer, "<created>false</created>") {
			t.Errorf("upsert: %s", answer)
		}

		h.wantChange(t, "deleteMetadata", "<type>ConnectedApp</type><fullNames>Bridge</fullNames>")
		h.wantRead(t, "ConnectedApp", "Bridge", noRecord)
		if status, answer := token(); status != 400 || !strings.Contains(answer, "invalid_client") {
			t.Errorf("a deleted app: %d %s", status, answer)
		}
		if status, _ := h.call(t, session, "GET", data+"/sobjects/Contact/describe", nil); status != 401 {
			t.Errorf("a deleted app's token still works: %d", status)
		}
		if n := h.ids(t, "SELECT Id FROM SetupEntityAccess WHERE Parent.Name = 'Bridge_Users'"); len(n) != 0 {
			t.Errorf("access rows stayed: %v", n)
		}
		if _, trail := h.query(t, h.admin, "SELECT Display FROM SetupAuditTrail WHERE Section = 'Connected Apps'"); len(trail) < 2 {
			t.Errorf("the audit trail: %v", trail)
		}
		// An app without a chosen key gets one.
		h.wantChange(t, "createMetadata", component("ConnectedApp", "Plain", "<label>P</label><contactEmail>a@b.example</contactEmail><oauthConfig><callbackUrl>https://a.example/cb</callbackUrl></oauthConfig>"))
		h.wantRead(t, "ConnectedApp", "Plain", "<consumerKey>3MVG9")
	})
}

func TestAllOrNone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		call := func(header, components string) string {
			_, answer := h.soap(t, "/services/Soap/m/60.0", `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="http://soap.sforce.com/2006/04/metadata">`+
				`<e:Header><SessionHeader><sessionId>`+h.admin+`</sessionId></SessionHeader>`+header+`</e:Header><e:Body><createMetadata>`+components+`</createMetadata></e:Body></e:Envelope>`)
			return answer
		}
		both := component("PermissionSet", "Good", "<label>Good</label>") + component("PermissionSet", "Bad", "")
		answer := call("<AllOrNoneHeader><allOrNone>true</allOrNone></AllOrNoneHeader>", both)
		if !strings.Contains(answer, "<statusCode>ALL_OR_NONE_OPERATION_ROLLED_BACK</statusCode></errors><fullName>Good</fullName><success>false</success>") ||
			!strings.Contains(answer, "REQUIRED_FIELD_MISSING") {
			t.Errorf("all or none: %s", answer)
		}
		h.wantRead(t, "PermissionSet", "Good", noRecord)
		if answer := call("", both); !strings.Contains(answer, "<fullName>Good</fullName><success>true</success>") {
			t.Errorf("each by itself: %s", answer)
		}
		h.wantRead(t, "PermissionSet", "Good", "<label>Good</label>")
		// A dry run tells and keeps nothing.
		status, _, answer := h.metadataWith(t, h.admin, "<createMetadata>"+component("PermissionSet", "Tried", "<label>T</label>")+"</createMetadata>", "Twinspan-Dry-Run", "true")
		if status != 200 || !strings.Contains(answer, "<success>true</success>") {
			t.Errorf("dry run: %d %s", status, answer)
		}
		h.wantRead(t, "PermissionSet", "Tried", noRecord)
		if _, answer := h.metadata(t, h.admin, "<listMetadata><queries><type>Settings</type></queries></listMetadata>"); !strings.Contains(answer, "<fileName>settings/Security.settings</fileName>") {
			t.Errorf("list of settings: %s", answer)
		}
	})
}
