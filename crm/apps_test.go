package crm_test

import (
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

// appHouse is a house whose org has an app of its own with a certificate.
type appHouse struct {
	*house
	key      *rsa.PrivateKey
	consumer string
	system   string // user name of the administrator
	normal   string
}

const apps = data + "/twinspan/apps"

func withApp(t *testing.T, h *house) *appHouse {
	t.Helper()
	key, err := oauth.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := oauth.NewCertificate("connect", key, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	_, answer := h.metadata(t, h.admin, update(`<oauthConfig><certificate>`+escape(certificate)+`</certificate></oauthConfig>`))
	if !strings.Contains(answer, "<success>true</success>") {
		t.Fatal(answer)
	}
	return &appHouse{house: h, key: key, consumer: h.spec.ConnectedApps[0].ConsumerKey, system: h.spec.Users[0].Username, normal: h.spec.Users[1].Username}
}

// bearer signs in by the JWT bearer grant.
func (h *appHouse) bearer(t *testing.T, username string) (int, string) {
	t.Helper()
	a, err := oauth.SignAssertion(h.key, "", oauth.Claims{Issuer: h.consumer, Subject: username, Audience: h.url, Expires: time.Now().Add(3 * time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	return h.token(t, url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {a}})
}

func (h *appHouse) want(t *testing.T, username string, status int, answer string) {
	t.Helper()
	if code, got := h.bearer(t, username); code != status || !strings.Contains(got, answer) {
		t.Errorf("%s: %d %s, want %d %s", username, code, got, status, answer)
	}
}

type access struct {
	Saved       bool
	Losing      []string
	LosingUsing int
	Allowed     int
	Warning     string
}

// change changes policies by our resource.
func (h *appHouse) change(t *testing.T, body map[string]any) access {
	t.Helper()
	code, answer := h.call(t, h.admin, "PATCH", apps+"/Salesforce_Marketing_Cloud", body)
	var a access
	if err := json.Unmarshal([]byte(answer), &a); err != nil || code != http.StatusOK {
		t.Fatalf("%v: %d %s", body, code, answer)
	}
	return a
}

// approve gives the app to the holders of a new permission set.
func (h *appHouse) approve(t *testing.T, label string, users ...string) {
	t.Helper()
	set := h.create(t, "PermissionSet", map[string]any{"Label": label})
	h.create(t, "SetupEntityAccess", map[string]any{"ParentId": set, "SetupEntityId": h.one(t, "SELECT Id FROM ConnectedApplication WHERE Name = 'Salesforce Marketing Cloud'")})
	for _, u := range users {
		h.assign(t, h.admin, u, label)
	}
}

// The documents' shortest trap: both 001 and 003 save "Admin approved users are pre-authorized" before any permission
// set carries the app. From then on nobody gets in, the system user neither, and the change has said so; a dry run says
// it without doing it. The safe order loses nobody.
//
// seed:api S001-12 S001-13 S001-16 S001-17 S001-34 S001-35 S001-43 S003-39 S003-42 S003-45 S003-58
func TestAdminApprovedBeforeAnyPermissionSetRefusesEveryone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, base *house) {
		h := withApp(t, base)
		everybody := []string{h.system, h.normal}
		const trap = "Nobody is left who may use it"
		dry := h.change(t, map[string]any{"adminApproved": true, "dryRun": true})
		if dry.Saved || !slices.Equal(dry.Losing, everybody) || dry.Allowed != 0 || !strings.Contains(dry.Warning, trap) {
			t.Errorf("dry run: %+v", dry)
		}
		for _, u := range everybody { // nothing was saved: the refusal is still that of a self-authorize app
			h.want(t, u, 400, `{"error":"invalid_grant","error_description":"user hasn't approved this consumer"}`)
		}
		status, header, answer := h.metadataWith(t, h.admin, update(`<oauthConfig><isAdminApproved>true</isAdminApproved></oauthConfig>`), "Twinspan-Dry-Run", "true")
		if status != 200 || !strings.Contains(answer, "<success>true</success>") || !strings.Contains(header.Get("Warning"), trap) || !strings.Contains(header.Get("Warning"), h.system) {
			t.Errorf("dry run by metadata: %d %s %s", status, header.Get("Warning"), answer)
		}
		h.want(t, h.system, 400, "user hasn't approved this consumer")

		_, header, _ = h.metadataWith(t, h.admin, update(`<oauthConfig><isAdminApproved>true</isAdminApproved></oauthConfig>`))
		if !strings.Contains(header.Get("Warning"), trap) {
			t.Errorf("the change warned: %q", header.Get("Warning"))
		}
		for _, u := range everybody {
			h.want(t, u, 400, `{"error":"invalid_app_access","error_description":"user is not admin approved to access this app"}`)
		}
		// An empty permission set approves its users, and only them.
		h.approve(t, "Marketing Cloud Connected App", h.system)
		h.want(t, h.system, 200, "access_token")
		h.want(t, h.normal, 400, "invalid_app_access")

		// The safe order: back to the start, then the same policy with the set attached.
		if a := h.change(t, map[string]any{"adminApproved": false}); len(a.Losing) != 0 || a.Warning != "" || a.Allowed != 2 {
			t.Errorf("letting everybody in: %+v", a)
		}
		if a := h.change(t, map[string]any{"adminApproved": true}); !a.Saved || !slices.Equal(a.Losing, []string{h.normal}) || a.Allowed != 1 || strings.Contains(a.Warning, trap) {
			t.Errorf("the safe order: %+v", a)
		}
		// Taking the set off the app loses its users as well.
		if a := h.change(t, map[string]any{"permissionSets": []string{}, "dryRun": true}); !slices.Equal(a.Losing, []string{h.system}) {
			t.Errorf("detaching: %+v", a)
		}
		h.want(t, h.system, 200, "access_token")
	})
}

// metadataWith is metadata with HTTP headers, and gives those of the answer.
func (h *house) metadataWith(t *testing.T, token, body string, headers ...string) (int, http.Header, string) {
	t.Helper()
	envelope := `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><e:Header><SessionHeader xmlns="http://soap.sforce.com/2006/04/metadata"><sessionId>` +
		token + `</sessionId></SessionHeader></e:Header><e:Body xmlns="http://soap.sforce.com/2006/04/metadata">` + body + `</e:Body></e:Envelope>`
	req, err := http.NewRequestWithContext(t.Context(), "POST", h.url+"/services/Soap/m/65.0", strings.NewReader(envelope))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/xml")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	status, answer := finish(t, res)
	return status, res.Header, answer
}

// Blocking ends what is out and refuses what comes, and unblocking brings nothing back but the right to come again.
func TestBlockingAnAppActsAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, base *house) {
		h := withApp(t, base)
		h.approve(t, "Approved", h.system)
		h.change(t, map[string]any{"adminApproved": true})
		live := func() string {
			code, answer := h.bearer(t, h.system)
			if code != http.StatusOK {
				t.Fatalf("%d %s", code, answer)
			}
			return fmt.Sprint(field(t, answer, "access_token"))
		}
		use := func(token string) int {
			code, _ := h.call(t, token, "GET", data+"/query?q=SELECT+Id+FROM+User", nil)
			return code
		}
		token := live()
		if use(token) != 200 {
			t.Fatal("a new token is not live")
		}
		h.change(t, map[string]any{"blocked": true})
		if got := use(token); got != 401 {
			t.Errorf("a token of a blocked app: %d", got)
		}
		h.want(t, h.system, 400, `{"error":"invalid_app_access","error_description":"this app is blocked by admin"}`)
		_, rows := h.query(t, h.admin, "SELECT Status FROM LoginHistory WHERE LoginType = 'Remote Access 2.0' ORDER BY LoginTime DESC LIMIT 1")
		if rows[0]["Status"] != "Failed: Connected app blocked" {
			t.Errorf("history: %v", rows)
		}
		h.change(t, map[string]any{"blocked": false})
		if got := use(token); got != 401 {
			t.Errorf("a token came back when its app was unblocked: %d", got)
		}
		h.want(t, h.system, 200, "access_token")

		// OAuth usage shows who is in, and revoking ends it; the user may come again.
		token = live()
		var usage []struct {
			Username string
			Sessions int
		}
		_, answer := h.call(t, h.admin, "GET", apps+"/Salesforce_Marketing_Cloud/usage", nil)
		if err := json.Unmarshal([]byte(answer), &usage); err != nil || len(usage) != 1 || usage[0].Username != h.system || usage[0].Sessions < 2 {
			t.Errorf("usage: %s", answer)
		}
		if code, answer := h.call(t, h.admin, "POST", apps+"/Salesforce_Marketing_Cloud/revoke", map[string]any{"username": h.normal}); code != 204 || use(token) != 200 {
			t.Errorf("revoking another's: %d %s", code, answer)
		}
		if code, answer := h.call(t, h.admin, "POST", apps+"/Salesforce_Marketing_Cloud/revoke", map[string]any{"username": h.system}); code != 204 || use(token) != 401 {
			t.Errorf("revoking his: %d %s", code, answer)
		}
		token = live()
		if code, _ := h.call(t, h.admin, "POST", apps+"/Salesforce_Marketing_Cloud/revoke", map[string]any{}); code != 204 || use(token) != 401 {
			t.Errorf("revoking all: %d", code)
		}
		if code, answer := h.call(t, h.admin, "POST", apps+"/Salesforce_Marketing_Cloud/revoke", map[string]any{"username": "nobody@example.com"}); code != 404 {
			t.Errorf("revoking nobody's: %d %s", code, answer)
		}

		// A policy of high assurance refuses what a key alone proves. What should happen then is never left open.
		_, answer = h.metadata(t, h.admin, update(`<sessionPolicy><sessionLevel>HIGH_ASSURANCE</sessionLevel></sessionPolicy>`))
		if strings.Contains(answer, "<success>true</success>") || !strings.Contains(answer, "sessionLevel HIGH_ASSURANCE needs policyAction, Block or RaiseSessionLevel") {
			t.Error(answer)
		}
		_, answer = h.metadata(t, h.admin, update(`<sessionPolicy><policyAction>Block</policyAction><sessionLevel>HIGH_ASSURANCE</sessionLevel><sessionTimeout>15</sessionTimeout></sessionPolicy>`))
		if !strings.Contains(answer, "<success>true</success>") {
			t.Fatal(answer)
		}
		h.want(t, h.system, 400, "this app requires a high assurance session")
		_, answer = h.metadata(t, h.admin, readApp)
		if !strings.Contains(answer, "<policyAction>Block</policyAction><sessionLevel>HIGH_ASSURANCE</sessionLevel><sessionTimeout>15</sessionTimeout>") {
			t.Error(answer)
		}
		// Tools read that such a policy is there, and that nothing of mobile apps is, from the record (connect-facts 2.6).
		if n, got := h.query(t, h.admin, "SELECT OptionsHasSessionLevelPolicy, MobileSessionTimeout, PinLength, UvidTimeout, OptionsIsInternal FROM ConnectedApplication "+
			"WHERE OptionsHasSessionLevelPolicy = true AND OptionsIsInternal = false AND UvidTimeout = null"); n != 1 || got[0]["OptionsHasSessionLevelPolicy"] != true ||
			got[0]["MobileSessionTimeout"] != nil || got[0]["PinLength"] != nil || got[0]["UvidTimeout"] != nil || got[0]["OptionsIsInternal"] != false {
			t.Errorf("the record: %d %v", n, got)
		}
		h.change(t, map[string]any{"highAssurance": ""})
		h.want(t, h.system, 200, "access_token")

		// An app that is merely used takes who may use any; the others need it installed.
		h.change(t, map[string]any{"installed": false})
		h.assign(t, h.admin, h.normal, "Approved")
		h.want(t, h.system, 200, "access_token")
		h.want(t, h.normal, 400, `{"error":"app_not_found","error_description":"this app is not installed in this org"}`)
		set := h.create(t, "PermissionSet", map[string]any{"Label": "Any client", "PermissionsUseAnyApiClient": true})
		h.create(t, "PermissionSetAssignment", map[string]any{"AssigneeId": h.one(t, "SELECT Id FROM User WHERE Username = '"+h.normal+"'"), "PermissionSetId": set})
		h.want(t, h.normal, 200, "access_token")
	})
}

// Whoever may not change apps neither sees nor changes anything here, and mistakes are named.
func TestTheAppsResourceRefuses(t *testing.T) {
	t.Parallel()
	h := withApp(t, open(t, "sqlite"))
	for _, c := range []struct {
		token, method, path string
		body                any
		status              int
		want                string
	}{
		{h.user, "GET", apps, nil, 403, "INSUFFICIENT_ACCESS"},
		{h.user, "PATCH", apps + "/Salesforce_Marketing_Cloud", map[string]any{"blocked": true}, 403, "INSUFFICIENT_ACCESS"},
		{h.user, "POST", apps + "/Salesforce_Marketing_Cloud/revoke", map[string]any{}, 403, "INSUFFICIENT_ACCESS"},
		{h.admin, "GET", apps + "/None", nil, 404, "NOT_FOUND"},
		{h.admin, "GET", apps + "/None/usage", nil, 404, "NOT_FOUND"},
		{h.admin, "PATCH", apps + "/Salesforce_Marketing_Cloud", map[string]any{"ipRelaxation": "NONE"}, 400, "Invalid IP relaxation"},
		{h.admin, "PATCH", apps + "/Salesforce_Marketing_Cloud", map[string]any{"refreshTokenPolicy": "specific_lifetime:0:DAYS"}, 400, "Invalid refresh token policy"},
		{h.admin, "PATCH", apps + "/Salesforce_Marketing_Cloud", map[string]any{"highAssurance": "Never"}, 400, "highAssurance"},
		{h.admin, "PATCH", apps + "/Salesforce_Marketing_Cloud", map[string]any{"blocked": "yes"}, 400, "JSON_PARSER_ERROR"},
		{h.admin, "PATCH", apps + "/Salesforce_Marketing_Cloud", map[string]any{"sessionTimeoutMinutes": "soon"}, 400, "JSON_PARSER_ERROR"},
		{h.admin, "PATCH", apps + "/Salesforce_Marketing_Cloud", map[string]any{"permissionSets": []any{1}}, 400, "JSON_PARSER_ERROR"},
		{h.admin, "PATCH", apps + "/Salesforce_Marketing_Cloud", map[string]any{"permissionSets": []string{"None"}}, 400, "no PermissionSet named None found"},
		{h.admin, "PATCH", apps + "/Salesforce_Marketing_Cloud", map[string]any{"adminAproved": true}, 400, "unknown members: adminAproved"},
	} {
		if code, answer := h.call(t, c.token, c.method, c.path, c.body); code != c.status || !strings.Contains(answer, c.want) {
			t.Errorf("%s %s %v: %d %s", c.method, c.path, c.body, code, answer)
		}
	}
	if code, answer := h.call(t, h.admin, "GET", apps, nil); code != 200 || !strings.Contains(answer, `"fullName":"et4ae5__Salesforce_Marketing_Cloud"`) {
		t.Errorf("%d %s", code, answer)
	}
	if code, answer := h.call(t, h.admin, "GET", apps+"/et4ae5__Salesforce_Marketing_Cloud", nil); code != 200 || !strings.Contains(answer, `"refreshTokenPolicy":"infinite"`) {
		t.Errorf("%d %s", code, answer)
	}
}
