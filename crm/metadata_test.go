package crm_test

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/oauth"
)

// metadata makes a call as jsforce does.
func (h *house) metadata(t *testing.T, token, body string) (int, string) {
	t.Helper()
	return h.soap(t, "/services/Soap/m/50.0", `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema"`+
		` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Header xmlns="http://soap.sforce.com/2006/04/metadata"><SessionHeader><sessionId>`+token+
		`</sessionId></SessionHeader></soapenv:Header><soapenv:Body xmlns="http://soap.sforce.com/2006/04/metadata">`+body+`</soapenv:Body></soapenv:Envelope>`)
}

const readApp = `<readMetadata><type>ConnectedApp</type><fullNames>Salesforce_Marketing_Cloud</fullNames></readMetadata>`

func update(fields string) string {
	return `<updateMetadata><metadata xsi:type="ConnectedApp"><fullName>Salesforce_Marketing_Cloud</fullName>` + fields + `</metadata></updateMetadata>`
}

func TestConnectedAppMetadata(t *testing.T) {
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
		set := h.create(t, "PermissionSet", map[string]any{"Label": "Marketing Cloud Connected App"})
		status, answer := h.metadata(t, h.admin, readApp)
		for _, want := range []string{
			`<records xsi:type="ConnectedApp"><fullName>et4ae5__Salesforce_Marketing_Cloud</fullName>`, "<label>Salesforce Marketing Cloud</label>",
			"<consumerKey>" + h.spec.ConnectedApps[0].ConsumerKey + "</consumerKey>", "<isAdminApproved>false</isAdminApproved>",
			"<scopes>Api</scopes><scopes>RefreshToken</scopes>", "<oauthPolicy><ipRelaxation>ENFORCE</ipRelaxation><refreshTokenPolicy>infinite</refreshTokenPolicy></oauthPolicy>",
		} {
			if status != 200 || !strings.Contains(answer, want) {
				t.Errorf("read: %d %s lacks %s", status, answer, want)
			}
		}
		if strings.Contains(answer, "ecret>") {
			t.Errorf("the consumer secret is shown: %s", answer)
		}

		status, answer = h.metadata(t, h.admin, update(`<label>Salesforce Marketing Cloud</label><contactEmail>new@x.example</contactEmail><oauthConfig><callbackUrl>https://a.example/cb
https://b.example/cb</callbackUrl><certificate>`+escape(certificate)+`</certificate><isAdminApproved>true</isAdminApproved><isPkceRequired>1</isPkceRequired>
<scopes>Api</scopes><scopes>RefreshToken</scopes><scopes>OpenID</scopes></oauthConfig><oauthPolicy><ipRelaxation>BYPASS</ipRelaxation><refreshTokenPolicy>zero</refreshTokenPolicy></oauthPolicy>
<permissionSetName>Marketing_Cloud_Connected_App</permissionSetName><permissionSetName>et4ae5__Marketing_Cloud_Connector</permissionSetName><profileName>Admin</profileName>`))
		if status != 200 || !strings.Contains(answer, "<result><fullName>Salesforce_Marketing_Cloud</fullName><success>true</success></result>") {
			t.Fatalf("update: %d %s", status, answer)
		}
		_, answer = h.metadata(t, h.admin, readApp)
		for _, want := range []string{
			"<contactEmail>new@x.example</contactEmail>", "https://a.example/cb&#xA;https://b.example/cb", "<isAdminApproved>true</isAdminApproved>",
			"<isPkceRequired>true</isPkceRequired>", "<scopes>OpenID</scopes>", "BEGIN CERTIFICATE", "<ipRelaxation>BYPASS</ipRelaxation><refreshTokenPolicy>zero<",
			"<permissionSetName>Marketing_Cloud_Connected_App</permissionSetName>", "<permissionSetName>et4ae5__Marketing_Cloud_Connector</permissionSetName>",
			"<profileName>System Administrator</profileName>",
		} {
			if !strings.Contains(answer, want) {
				t.Errorf("after the update: %s lacks %s", answer, want)
			}
		}
		app := h.one(t, "SELECT Id FROM ConnectedApplication WHERE OptionsAllowAdminApprovedUsersOnly = true AND RefreshTokenValidityPeriod = 0")
		if rows := h.ids(t, "SELECT Id FROM SetupEntityAccess WHERE SetupEntityId = '"+app+"' AND ParentId = '"+set+"'"); len(rows) != 1 {
			t.Errorf("access rows: %v", rows)
		}

		// What is absent stays; an empty list takes all of its kind away.
		if _, answer = h.metadata(t, h.admin, update(`<permissionSetName/>`)); !strings.Contains(answer, "<success>true</success>") {
			t.Fatal(answer)
		}
		_, answer = h.metadata(t, h.admin, readApp)
		if strings.Contains(answer, "permissionSetName") || !strings.Contains(answer, "<profileName>System") || !strings.Contains(answer, "<ipRelaxation>BYPASS<") {
			t.Errorf("after taking the sets away: %s", answer)
		}
	})
}

func TestMetadataIsRefused(t *testing.T) {
	t.Parallel()
	h := open(t, "sqlite")
	for _, c := range []struct {
		name, token, body string
		status            int
		want              []string
	}{
		{"no session", "", readApp, 500, []string{"<faultcode>sf:INVALID_SESSION_ID</faultcode>", "<faultstring>INVALID_SESSION_ID: ", "<sf:exceptionCode>INVALID_SESSION_ID<"}},
		{"a standard user", h.user, readApp, 500, []string{"<faultcode>sf:INSUFFICIENT_ACCESS</faultcode>"}},
		{"unknown operation", h.admin, "<fly/>", 500, []string{"<faultcode>soapenv:Client</faultcode>", "No operation available for request {http://soap.sforce.com/2006/04/metadata}fly"}},
		{"unknown type", h.admin, "<readMetadata><type>Nope</type></readMetadata>", 500, []string{"<faultcode>sf:INVALID_TYPE</faultcode>", "Unknown type name"}},
		{"malformed", h.admin, "<readMetadata>", 500, []string{"<faultcode>soapenv:Client</faultcode>"}},
		{"no such app", h.admin, "<readMetadata><type>ConnectedApp</type><fullNames>Nope</fullNames></readMetadata>", 200, []string{`<records xsi:nil="true"/>`}},
		{"update of no such app", h.admin, `<updateMetadata><metadata xsi:type="ConnectedApp"><fullName>Nope</fullName></metadata></updateMetadata>`, 200, []string{"<statusCode>INVALID_CROSS_REFERENCE_KEY</statusCode>", "<success>false</success>"}},
		{"another consumer key", h.admin, update("<oauthConfig><consumerKey>x</consumerKey></oauthConfig>"), 200, []string{"<success>false</success>", "consumer key"}},
		{"bad certificate", h.admin, update("<oauthConfig><certificate>x</certificate></oauthConfig>"), 200, []string{"<success>false</success>", "Invalid certificate"}},
		{"bad policy", h.admin, update("<oauthPolicy><refreshTokenPolicy>specific_lifetime:0:HOURS</refreshTokenPolicy></oauthPolicy>"), 200, []string{"<success>false</success>"}},
		{"bad enum", h.admin, update("<oauthPolicy><ipRelaxation>RELAX</ipRelaxation></oauthPolicy>"), 200, []string{"ConnectedAppOauthIPPolicy"}},
		{"bad boolean", h.admin, update("<oauthConfig><isAdminApproved>yes</isAdminApproved></oauthConfig>"), 200, []string{"xsd:boolean"}},
		{"unknown scope", h.admin, update("<oauthConfig><scopes>Everything</scopes></oauthConfig>"), 200, []string{"ConnectedAppOauthAccessScope"}},
		{"a property that is not kept", h.admin, update("<canvasConfig/>"), 200, []string{"canvasConfig", "<success>false</success>"}},
		{"unknown set", h.admin, update("<permissionSetName>Nope</permissionSetName>"), 200, []string{"In field: permissionSetName - no PermissionSet named Nope found"}},
		{"a short secret", h.admin, update("<oauthConfig><consumerSecret>short</consumerSecret></oauthConfig>"), 200, []string{"at least 32"}},
		{"a script as callback", h.admin, update("<oauthConfig><callbackUrl>https://ok.example/cb javascript:alert(1)</callbackUrl></oauthConfig>"), 200, []string{"<success>false</success>", "redirect URI"}},
		{"a callback that anybody can read", h.admin, update("<oauthConfig><callbackUrl>http://client.example/cb</callbackUrl></oauthConfig>"), 200, []string{"<success>false</success>", "loopback"}},
		{"no callback", h.admin, update("<oauthConfig><callbackUrl> </callbackUrl></oauthConfig>"), 200, []string{"<success>false</success>", "callbackUrl"}},
		{
			"list", h.admin, "<listMetadata><queries><type>ConnectedApp</type></queries><asOfVersion>50.0</asOfVersion></listMetadata>", 200,
			[]string{"<fullName>et4ae5__Salesforce_Marketing_Cloud</fullName><id>0H4", "<createdByName>Ada Admin</createdByName>", "<manageableState>installed</manageableState><namespacePrefix>et4ae5</namespacePrefix><type>ConnectedApp</type>"},
		},
		{"describe", h.admin, "<describeMetadata><asOfVersion>50.0</asOfVersion></describeMetadata>", 200, []string{"<xmlName>ConnectedApp</xmlName>", "<partialSaveAllowed>true<"}},
	} {
		status, answer := h.metadata(t, c.token, c.body)
		for _, want := range c.want {
			if status != c.status || !strings.Contains(answer, want) {
				t.Errorf("%s: %d %s, want %d with %s", c.name, status, answer, c.status, want)
			}
		}
	}
	before, after := h.metadata(t, h.admin, readApp)
	if before != 200 || !strings.Contains(after, "<callbackUrl>https://connect.example/cb</callbackUrl>") || !strings.Contains(after, "<isAdminApproved>false<") {
		t.Errorf("a refused update changed something: %s", after)
	}
}

func TestMetadataAddresses(t *testing.T) {
	t.Parallel()
	h := open(t, "sqlite")
	body := `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Header><SessionHeader xmlns="x"><sessionId>` + h.admin +
		`</sessionId></SessionHeader></e:Header><e:Body><describeMetadata xmlns="http://soap.sforce.com/2006/04/metadata"/></e:Body></e:Envelope>`
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/services/Soap/m/67.0":                    {200, "describeMetadataResponse"},
		"/services/Soap/m/67.0/" + h.spec.ID[:15]:  {200, "describeMetadataResponse"},
		"/services/Soap/m/67.0/" + h.spec.ID + "/": {200, "describeMetadataResponse"},
		"/services/Soap/m/67.0/00D000000000001":    {500, "INVALID_SESSION_ID"},
		"/services/Soap/m/12.0":                    {500, "UNSUPPORTED_API_VERSION"},
		"/services/Soap/m/nonsense":                {500, "UNSUPPORTED_API_VERSION"},
	} {
		if status, answer := h.soap(t, path, body); status != want.status || !strings.Contains(answer, want.text) {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
	res, err := http.Post(h.url+"/services/Soap/m/67.0", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if status, answer := finish(t, res); status != 415 || !strings.Contains(answer, "soapenv:Fault") {
		t.Errorf("JSON: %d %s", status, answer)
	}
	if status, answer := h.soap(t, "/services/Soap/m/67.0", "<a>"+strings.Repeat("x", 6<<20)+"</a>"); status != 413 {
		t.Errorf("six megabytes: %d %s", status, answer)
	}
}

// The flows that are off in a new app are settings like the others.
func TestMetadataFlows(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		names := []string{"isRefreshTokenRotationEnabled", "isIntrospectAllTokens", "isUserAgentFlowEnabled", "isDeviceFlowEnabled", "isStrict"}
		for _, name := range names {
			if _, answer := h.metadata(t, h.admin, readApp); !strings.Contains(answer, "<"+name+">false</"+name+">") {
				t.Errorf("%s is on in a new app: %s", name, answer)
			}
			element := "<" + name + ">true</" + name + ">"
			if _, answer := h.metadata(t, h.admin, update("<oauthConfig>"+element+"</oauthConfig>")); !strings.Contains(answer, "<success>true</success>") {
				t.Errorf("%s: %s", name, answer)
			}
			if _, answer := h.metadata(t, h.admin, readApp); !strings.Contains(answer, element) {
				t.Errorf("%s did not stay: %s", name, answer)
			}
		}
	})
}
