package login_test

import (
	"encoding/xml"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func escapeXML(s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		panic(err)
	}
	return b.String()
}

// soap posts an envelope as jsforce writes it.
func (h *house) soap(path, header, body string) answer {
	h.t.Helper()
	text := `<se:Envelope xmlns:se="http://schemas.xmlsoap.org/soap/envelope/"><se:Header>` + header + `</se:Header><se:Body>` + body + `</se:Body></se:Envelope>`
	return h.do(h.request(http.MethodPost, path, text, "text/xml", "SOAPAction", `""`))
}

func (h *house) soapLogin(version, username, password string) answer {
	h.t.Helper()
	return h.soap("/services/Soap/u/"+version, "", `<login xmlns="urn:partner.soap.sforce.com"><username>`+escapeXML(username)+`</username><password>`+escapeXML(password)+`</password></login>`)
}

// tag is the text of the first element of the name without prefix and attributes, found as clients do: by regex.
func (a answer) tag(name string) string {
	m := regexp.MustCompile(`<` + name + `>([^<]*)</` + name + `>`).FindStringSubmatch(a.body)
	if m == nil {
		return ""
	}
	return m[1]
}

func sessionHeader(token string) string {
	return `<SessionHeader xmlns="urn:partner.soap.sforce.com"><sessionId>` + token + `</sessionId></SessionHeader>`
}

func TestSOAPLogin(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		a := h.soapLogin("50.0", h.org.user, userPassword+securityToken)
		if a.status != 200 || a.header.Get("Content-Type") != "text/xml;charset=UTF-8" {
			t.Fatalf("login: %v", a)
		}
		short := h.org.id.Short()
		for name, want := range map[string]string{
			"serverUrl": h.url + "/services/Soap/u/50.0/" + short, "metadataServerUrl": h.url + "/services/Soap/m/50.0/" + short, "passwordExpired": "false",
			"sandbox": "false", "userId": string(h.userID(h.org.user)), "organizationId": string(h.org.id), "userName": h.org.user, "organizationName": "Org acme",
			"sessionSecondsValid": "7200", "userType": "Standard",
		} {
			if got := a.tag(name); got != want {
				t.Errorf("%s = %q, want %q", name, got, want)
			}
		}
		if !strings.Contains(a.body, "<soapenv:Body><loginResponse><result><metadataServerUrl>") || !strings.Contains(a.body, `<roleId xsi:nil="true"/>`) {
			t.Errorf("shape: %s", a.body)
		}
		session := a.tag("sessionId")
		s, err := h.login.Authenticate(t.Context(), session, here)
		if err != nil || s.Scopes != nil || s.Type != "API" || !s.MayUseREST() {
			t.Errorf("session %+v %v", s, err)
		}
		path := "/services/Soap/u/50.0/" + short
		call := func(op string) answer {
			return h.soap(path, sessionHeader(session), `<`+op+` xmlns="urn:partner.soap.sforce.com"/>`)
		}
		if a := call("getUserInfo"); a.status != 200 || a.tag("userName") != h.org.user || !strings.Contains(a.body, "<getUserInfoResponse><result>") {
			t.Errorf("getUserInfo: %v", a)
		}
		if a := call("getServerTimestamp"); a.tag("timestamp") != start.Format("2006-01-02T15:04:05.000Z") {
			t.Errorf("getServerTimestamp: %v", a)
		}
		if a := call("query"); a.status != 500 || !strings.Contains(a.body, "<sf:exceptionCode>FUNCTIONALITY_NOT_ENABLED</sf:exceptionCode>") {
			t.Errorf("query: %v", a)
		}
		if a := call("dance"); a.status != 500 || !strings.Contains(a.body, "<faultcode>soapenv:Client</faultcode>") || !strings.Contains(a.body, "No operation available for request {urn:partner.soap.sforce.com}dance") {
			t.Errorf("unknown operation: %v", a)
		}
		// jsforce logs out at the address without the org.
		if a := h.soap("/services/Soap/u/50.0", sessionHeader(session), `<logout xmlns="urn:partner.soap.sforce.com"/>`); a.status != 200 || !strings.Contains(a.body, "<logoutResponse/>") {
			t.Errorf("logout: %v", a)
		}
		if h.live(session) {
			t.Error("logged out and alive")
		}
		dead := call("getUserInfo")
		if dead.status != 500 || dead.tag("faultcode") != "sf:INVALID_SESSION_ID" || !strings.HasPrefix(dead.tag("faultstring"), "INVALID_SESSION_ID: Invalid Session ID found in SessionHeader") ||
			!strings.Contains(dead.body, `<sf:UnexpectedErrorFault xsi:type="sf:UnexpectedErrorFault">`) {
			t.Errorf("dead session: %v", dead)
		}
		if got := h.history(h.org.user); !slices.Equal(got, []string{"Success"}) {
			t.Errorf("login history %v", got)
		}
	})
}

func TestSOAPLoginFaults(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		right := userPassword + securityToken
		const invalid = "Invalid username, password, security token; or user locked out."
		other := h.newOrg("other")
		scope := func(id string) answer {
			return h.soap("/services/Soap/u/50.0", `<LoginScopeHeader xmlns="urn:partner.soap.sforce.com"><organizationId>`+id+`</organizationId></LoginScopeHeader>`,
				`<n1:login xmlns:n1="urn:partner.soap.sforce.com"><n1:username>`+h.org.user+`</n1:username><n1:password>`+escapeXML(right)+`</n1:password></n1:login>`)
		}
		if a := scope(h.org.id.Short()); a.status != 200 {
			t.Errorf("own org in LoginScopeHeader: %v", a)
		}
		for name, tc := range map[string]struct {
			a             answer
			code, message string
		}{
			"wrong password": {h.soapLogin("50.0", h.org.user, "x"), "INVALID_LOGIN", invalid},
			"missing token":  {h.soapLogin("50.0", h.org.user, userPassword), "INVALID_LOGIN", invalid},
			"wrong token":    {h.soapLogin("50.0", h.org.user, userPassword+strings.ToLower(securityToken)), "INVALID_LOGIN", invalid},
			"unknown user":   {h.soapLogin("50.0", "nobody", right), "INVALID_LOGIN", invalid},
			"empty":          {h.soapLogin("50.0", "", ""), "INVALID_LOGIN", invalid},
			"another org":    {scope(string(other.id)), "INVALID_LOGIN", invalid},
			"too new":        {h.soapLogin("66.0", h.org.user, right), "UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL"},
			"too old":        {h.soapLogin("30.0", h.org.user, right), "UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL"},
			"no version":     {h.soapLogin("latest", h.org.user, right), "UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL"},
		} {
			if tc.a.status != 500 || tc.a.tag("faultcode") != tc.code || tc.a.tag("faultstring") != tc.code+": "+tc.message ||
				!strings.Contains(tc.a.body, `<sf:LoginFault xsi:type="sf:LoginFault"><sf:exceptionCode>`+tc.code+`</sf:exceptionCode><sf:exceptionMessage>`+tc.message+`</sf:exceptionMessage></sf:LoginFault>`) {
				t.Errorf("%s: %v", name, tc.a)
			}
		}
		for _, version := range []string{"31.0", "65.0"} {
			if a := h.soapLogin(version, h.org.user, right); a.status != 200 {
				t.Errorf("version %s: %v", version, a)
			}
		}
		h.changeUser(h.org.user, map[string]any{"IsActive": false})
		if a := h.soapLogin("50.0", h.org.user, right); a.tag("faultcode") != "INVALID_LOGIN" || h.lastStatus(h.org.user) != "User is Inactive" {
			t.Errorf("inactive: %v, %s", a, h.lastStatus(h.org.user))
		}
	})
}

func TestSOAPEnvelopes(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		post := func(path, text, contentType string) answer {
			return h.do(h.request(http.MethodPost, path, text, contentType, "SOAPAction", "login"))
		}
		const env = `http://schemas.xmlsoap.org/soap/envelope/`
		credentials := func(p string) string {
			return `<` + p + `username>` + h.org.user + `</` + p + `username><` + p + `password>` + escapeXML(userPassword+securityToken) + `</` + p + `password>`
		}
		for name, text := range map[string]string{
			"simple-salesforce": `<?xml version="1.0" encoding="utf-8" ?><env:Envelope xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:env="` + env + `" xmlns:urn="urn:partner.soap.sforce.com"><env:Header><urn:CallOptions><urn:client>simple-salesforce</urn:client><urn:defaultNamespace>sf</urn:defaultNamespace></urn:CallOptions></env:Header><env:Body><n1:login xmlns:n1="urn:partner.soap.sforce.com">` + credentials("n1:") + `</n1:login></env:Body></env:Envelope>`,
			"no header":         `<Envelope xmlns="` + env + `"><Body><login xmlns="urn:partner.soap.sforce.com">` + credentials("") + `</login></Body></Envelope>`,
		} {
			if a := post("/services/Soap/u/59.0", text, "text/xml; charset=UTF-8"); a.status != 200 {
				t.Errorf("%s: %v", name, a)
			}
		}
		if got := h.lastStatus(h.org.user); got != "Success" {
			t.Errorf("login history: %q", got)
		}
		enterprise := `<e:Envelope xmlns:e="` + env + `"><e:Body><login xmlns="urn:enterprise.soap.sforce.com">` + credentials("") + `</login></e:Body></e:Envelope>`
		if a := post("/services/Soap/c/50.0", enterprise, "text/xml"); a.status != 200 || a.tag("serverUrl") != h.url+"/services/Soap/c/50.0/"+h.org.id.Short() {
			t.Errorf("enterprise: %v", a)
		}
		if a := post("/services/Soap/u/50.0", enterprise, "text/xml"); a.status != 500 || !strings.Contains(a.body, "No operation available") {
			t.Errorf("enterprise at the partner address: %v", a)
		}
		bad := map[string]string{
			"no XML": "x", "cut": `<e:Envelope xmlns:e="` + env + `"><e:Body>`, "empty": "", "no operation": `<e:Envelope xmlns:e="` + env + `"><e:Body/></e:Envelope>`,
			"DTD":       `<!DOCTYPE x [<!ENTITY a "b">]><e:Envelope xmlns:e="` + env + `"><e:Body><login xmlns="urn:partner.soap.sforce.com"><username>&a;</username></login></e:Body></e:Envelope>`,
			"two users": `<e:Envelope xmlns:e="` + env + `"><e:Body><login xmlns="urn:partner.soap.sforce.com"><username>a</username><username>b</username><password>x</password></login></e:Body></e:Envelope>`,
			"deep":      `<e:Envelope xmlns:e="` + env + `"><e:Body>` + strings.Repeat("<a>", 500) + strings.Repeat("</a>", 500) + `</e:Body></e:Envelope>`,
		}
		for name, text := range bad {
			a := post("/services/Soap/u/50.0", text, "text/xml")
			if (a.status != 500 && a.status != 413) || a.tag("faultcode") != "soapenv:Client" || !strings.Contains(a.body, "sf:UnexpectedErrorFault") {
				t.Errorf("%s: %v", name, a)
			}
		}
		if a := post("/services/Soap/u/50.0", "<a>"+strings.Repeat("x", 300<<10)+"</a>", "text/xml"); a.status != 413 {
			t.Errorf("too large: %d", a.status)
		}
		if a := post("/services/Soap/u/50.0", enterprise, "application/json"); a.status != 415 {
			t.Errorf("JSON: %d", a.status)
		}
	})
}

func TestSOAPSessionNeedsScopeAndTime(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		info := func(token string) answer {
			return h.soap("/services/Soap/u/50.0", sessionHeader(token), `<getUserInfo xmlns="urn:partner.soap.sforce.com"/>`)
		}
		if a := info(h.bearerToken()); a.status != 200 {
			t.Errorf("OAuth session: %v", a)
		}
		if a := info(h.exchange(h.code("scope", "openid id")).get("access_token")); a.status != 500 || a.tag("faultcode") != "sf:INVALID_SESSION_ID" {
			t.Errorf("without scope api: %v", a)
		}
		token := h.bearerToken()
		h.setClock(2 * time.Hour)
		if a := info(token); a.tag("faultcode") != "sf:INVALID_SESSION_ID" {
			t.Errorf("expired: %v", a)
		}
		token = h.bearerToken()
		for path, want := range map[string]int{
			"67.0": 200, "31.0": 200, "30.0": 500, "68.0": 500, "50.0/" + h.org.id.Short(): 200, "50.0/" + string(h.newOrg("other").id): 500,
		} {
			if a := h.soap("/services/Soap/u/"+path, sessionHeader(token), `<getUserInfo xmlns="urn:partner.soap.sforce.com"/>`); a.status != want {
				t.Errorf("%s: %v", path, a)
			}
		}
		if _, err := h.exec(`UPDATE permission_set SET permissions = '[]' WHERE org_id = $1`, string(h.org.id)); err != nil {
			t.Fatal(err)
		}
		h.login.SetupChanged(h.org.id)
		if a := info(token); a.status != 500 || a.tag("faultcode") != "sf:API_CURRENTLY_DISABLED" {
			t.Errorf("the user has lost API Enabled: %v", a)
		}
		if a := h.soap("/services/Soap/u/50.0", sessionHeader(token), `<logout xmlns="urn:partner.soap.sforce.com"/>`); a.status != 200 || h.live(token) {
			t.Errorf("logout of such a user: %v, live %v", a, h.live(token))
		}
		for name, header := range map[string]string{"none": "", "empty": sessionHeader("")} {
			if a := info(header); a.tag("faultcode") != "sf:INVALID_SESSION_ID" {
				t.Errorf("%s: %v", name, a)
			}
		}
	})
}
