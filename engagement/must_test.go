package engagement_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
)

// raw sends a request as it is and gives status, header and text.
func (s site) raw(t *testing.T, method, path string, header map[string]string, body string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		r.Header[name] = []string{value}
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(text)
}

// TestServerMusts holds the house to each numbered MUST of engagement-wire section 0, by its number.
func TestServerMusts(t *testing.T) {
	each(t, func(t *testing.T, s site, h tenanttest.House) {
		token := s.token(t, h)
		bearer := map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json"}
		credentials := fmt.Sprintf(`{"grant_type":"client_credentials","client_id":%q,"client_secret":%q`, h.Server, tenanttest.ServerSecret)

		t.Run("01 paths and keys have no case and repeated slashes do not redirect", func(t *testing.T) {
			for _, path := range []string{"//platform/v1/tokenContext", "/PLATFORM/v1/tokencontext", "/platform//v1/tokenContext"} {
				if status, _, text := s.raw(t, "GET", path, bearer, ""); status/100 != 2 {
					t.Errorf("%s: %d %s", path, status, text)
				}
			}
			body := `{"To":{"Address":"ann@example.com","SubscriberKey":"ann"}}`
			if status, _, text := s.raw(t, "POST", "//messaging/v1/messagedefinitionsends/key:WELCOME/send", bearer, body); status != 202 || !strings.Contains(text, `"hasErrors":false`) {
				t.Errorf("send: %d %s", status, text)
			}
			for _, path := range []string{"/service.asmx", "/Service.asmx", "//SERVICE.ASMX"} {
				envelope := `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Header>` + fuel(token) + `</Header><Body>` + retrieveOf("Role", "", "Name") + `</Body></Envelope>`
				if status, _, text := s.raw(t, "POST", path, map[string]string{"Content-Type": "text/xml", "SOAPAction": "Retrieve"}, envelope); status != 200 {
					t.Errorf("%s: %d %s", path, status, text)
				}
			}
		})
		t.Run("02 both instance URLs end in a slash, 06 no refresh token for client credentials, 09 scope is a string and is taken back", func(t *testing.T) {
			_, a := call(t, "POST", s.url+"/v2/token", "", map[string]any{"grant_type": "client_credentials", "client_id": h.Server, "client_secret": tenanttest.ServerSecret})
			for _, name := range []string{"rest_instance_url", "soap_instance_url"} {
				if text, _ := a[name].(string); !strings.HasSuffix(text, "/") {
					t.Errorf("%s is %q", name, text)
				}
			}
			if _, there := a["refresh_token"]; there {
				t.Error("client credentials got a refresh token")
			}
			scope, ok := a["scope"].(string)
			if !ok || scope == "" {
				t.Fatalf("scope is %v", a["scope"])
			}
			status, again := call(t, "POST", s.url+"/v2/token", "", map[string]any{"grant_type": "client_credentials", "client_id": h.Server, "client_secret": tenanttest.ServerSecret, "scope": scope})
			if status != 200 || again["scope"] != scope {
				t.Errorf("the issued scope sent back: %d %v", status, again)
			}
			status, none := call(t, "POST", s.url+"/v2/token", "", map[string]any{"grant_type": "client_credentials", "client_id": h.Server, "client_secret": tenanttest.ServerSecret, "scope": ""})
			if text, ok := none["scope"].(string); status != 200 || !ok || text != "" {
				t.Errorf("an empty scope: %d %v", status, none)
			}
		})
		t.Run("03 SOAP answers have the prefix soap and unprefixed messages, 04 requests vary", func(t *testing.T) {
			for name, envelope := range map[string]string{
				"body first": `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body>` + retrieveOf("Role", "", "Name") + `</Body><Header>` + fuel(token) + `</Header></Envelope>`,
				"no namespace of the token, SOAP 1.2": `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"><s:Header><a:Action>Retrieve</a:Action><fueloauth>` + token + `</fueloauth></s:Header><s:Body>` +
					retrieveOf("Role", "", "Name") + `</s:Body></s:Envelope>`,
			} {
				status, _, text := s.raw(t, "POST", "/Service.asmx", map[string]string{"Content-Type": "text/xml"}, envelope)
				if name == "body first" { // no action at all is a client fault
					if status != 500 || !strings.Contains(text, "<faultcode>soap:Client</faultcode>") {
						t.Errorf("no action: %d %s", status, text)
					}
					status, _, text = s.raw(t, "POST", "/Service.asmx", map[string]string{"Content-Type": "text/xml", "SOAPAction": `"Retrieve"`}, envelope)
				}
				for _, want := range []string{"<soap:Envelope ", "<soap:Body>", `<RetrieveResponseMsg xmlns="http://exacttarget.com/wsdl/partnerAPI">`} {
					if status != 200 || !strings.Contains(text, want) {
						t.Errorf("%s: no %s: %d %s", name, want, status, text)
					}
				}
			}
		})
		t.Run("05 every REST answer is JSON", func(t *testing.T) {
			for _, path := range []string{"/platform/v1/endpoints", "/platform/v1/tokenContext", "/no/such/path", "/messaging/v1/email/definitions/none"} {
				if _, header, text := s.raw(t, "GET", path, bearer, ""); !strings.HasPrefix(header.Get("Content-Type"), "application/json") {
					t.Errorf("%s: %s %s", path, header.Get("Content-Type"), text)
				}
			}
		})
		t.Run("07 a dead token is 401 with the header that makes clients renew, and Token Expired by SOAP", func(t *testing.T) {
			status, header, text := s.raw(t, "GET", "/platform/v1/tokenContext", map[string]string{"Authorization": "Bearer " + token[:len(token)-3] + "xxx"}, "")
			if challenge := header.Get("WWW-Authenticate"); status != 401 || !strings.HasPrefix(challenge, "Bearer ") || !strings.Contains(challenge, "invalid_token") || !strings.Contains(text, `"errorcode":0`) || !strings.Contains(text, `"Not Authorized"`) {
				t.Errorf("REST: %d %v %s", status, header, text)
			}
			fault := s.soap(t, fuel("dead"), "Retrieve", retrieveOf("Role", "", "Name"))
			if fault.value("faultstring") != "Token Expired" || fault.value("faultcode") != "q0:Security" {
				t.Errorf("SOAP: %+v", fault)
			}
		})
		t.Run("08 token requests come as JSON and as forms, account_id as number and text", func(t *testing.T) {
			for _, account := range []string{fmt.Sprint(h.EID), fmt.Sprintf(`"%d"`, h.EID)} {
				if status, _, text := s.raw(t, "POST", "/v2/token", map[string]string{"Content-Type": "application/json"}, credentials+`,"account_id":`+account+`}`); status != 200 {
					t.Errorf("account_id %s: %d %s", account, status, text)
				}
			}
			form := url.Values{"grant_type": {"client_credentials"}, "client_id": {h.Server}, "client_secret": {tenanttest.ServerSecret}, "account_id": {fmt.Sprint(h.EID)}}
			if status, _, text := s.raw(t, "POST", "/v2/token", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, form.Encode()); status != 200 {
				t.Errorf("form: %d %s", status, text)
			}
		})
	})
}

// TestClientTraps holds the house to what section 7 of engagement-wire warns of, by client.
func TestClientTraps(t *testing.T) {
	each(t, func(t *testing.T, s site, h tenanttest.House) {
		token := s.token(t, h)
		admin := fuel(token)
		t.Run("sfmc-sdk: no hits have no Results, and a whole real URL may stand in the path of the token call", func(t *testing.T) {
			a := s.soap(t, admin, "Retrieve", retrieveOf("AccountUser", whereEquals("UserID", "nobody.at.all"), "Name"))
			if a.value("OverallStatus") != "OK" || len(a.all("Results")) != 0 || a.value("RequestID") == "" {
				t.Errorf("no hits: %+v", a)
			}
			body := fmt.Sprintf(`{"grant_type":"client_credentials","client_id":%q,"client_secret":%q}`, h.Server, tenanttest.ServerSecret)
			path := "/https://" + h.Spec.Subdomain + ".auth.marketingcloudapis.com/v2/token"
			if status, _, text := s.raw(t, "POST", path, map[string]string{"Content-Type": "application/json"}, body); status != 200 {
				t.Errorf("%s: %d %s", path, status, text)
			}
		})
		t.Run("mcdev: the parent has ParentID 0, like keeps leading blanks, IN refuses one value, folders are there", func(t *testing.T) {
			units := s.soap(t, admin, "Retrieve", retrieveOf("BusinessUnit", "<QueryAllAccounts>true</QueryAllAccounts>", "ID", "ParentID", "ParentName", "IsActive", "Name"))
			if len(units.all("Results")) != 3 || !strings.Contains("|"+units.values("Results", "ParentID")+"|", "|0|") {
				t.Errorf("units: %+v", units)
			}
			like := `<Filter xsi:type="SimpleFilterPart"><Property>Name</Property><SimpleOperator>like</SimpleOperator><Value> app user</Value></Filter>`
			if found := s.soap(t, admin, "Retrieve", retrieveOf("AccountUser", like, "Name", "Email")); found.values("Results", "Name") != "Server app user" {
				t.Errorf("like: %+v", found)
			}
			one := `<Filter xsi:type="SimpleFilterPart"><Property>ID</Property><SimpleOperator>IN</SimpleOperator><Value>1</Value></Filter>`
			if refused := s.soap(t, admin, "Retrieve", retrieveOf("AccountUser", one, "Name")); !strings.HasPrefix(refused.value("OverallStatus"), "Error: ") {
				t.Errorf("IN of one: %+v", refused)
			}
			if folders := s.soap(t, admin, "Retrieve", retrieveOf("DataFolder", whereEquals("ContentType", "dataextension"), "ID", "Name", "ParentFolder.ID")); folders.values("Results", "Name") != "Data Extensions" {
				t.Errorf("folders: %+v", folders)
			}
		})
		t.Run("fuel-soap: an unknown type is Error with a colon; tokens of one client live beside each other", func(t *testing.T) {
			if a := s.soap(t, admin, "Retrieve", retrieveOf("Nothing", "", "ID")); !strings.HasPrefix(a.value("OverallStatus"), "Error: Unable to find a handler for object type: Nothing.") {
				t.Errorf("unknown: %+v", a)
			}
			second := s.token(t, h)
			if second == token || !s.alive(t, token) || !s.alive(t, second) {
				t.Error("a second token ended the first")
			}
		})
		t.Run("FuelSDK: expires_in is more than 300 seconds; CumulusCI: userinfo has rest, application and permissions", func(t *testing.T) {
			_, a := call(t, "POST", s.url+"/v2/token", "", map[string]any{"grant_type": "client_credentials", "client_id": h.Server, "client_secret": tenanttest.ServerSecret})
			if seconds, _ := a["expires_in"].(float64); seconds <= 300 {
				t.Errorf("expires_in is %v", a["expires_in"])
			}
			_, info, _ := get(t, s.url+"/v2/userinfo", token)
			for _, name := range []string{"rest", "application", "permissions", "organization"} {
				if info[name] == nil {
					t.Errorf("userinfo has no %s", name)
				}
			}
		})
	})
}
